#include "frontend/import/gguf_value.h"

#include <string.h>

enum { MAX_DEPTH = 8, MAX_ELEMENTS = 1 << 16 };

typedef struct {
    const GgufPair *pair; /* sorted by key, so that what begins alike stands together */
    Loc loc;
    Arena *arena;
} Reading;

/* ---- values ---- */

static Value plain(const Reading *reading, const GgufValue *value) {
    double number;
    bool flag;
    if (value->type == GGUF_string) {
        const char *text = gguf_text(value, reading->arena);
        return text ? (Value){.kind = VALUE_TEXT, .text = text} : (Value){.kind = VALUE_WRONG};
    }
    if (gguf_flag(value, &flag)) return (Value){.kind = VALUE_BOOL, .number = flag};
    if (!gguf_real(value, &number)) return (Value){.kind = VALUE_WRONG};
    if (value->type == GGUF_f32) number = value_of_float((float)number, reading->arena);
    return (Value){.kind = VALUE_NUMBER, .number = number};
}

static Value list(const Reading *reading, const GgufValue *value) {
    Value result = {.kind = VALUE_LIST};
    if (value->count > MAX_ELEMENTS) return (Value){.kind = VALUE_WRONG};
    result.item = ARENA_ARRAY(reading->arena, Value, (size_t)value->count + 1);
    GgufValue element;
    for (GgufArray array = gguf_elements(value); gguf_next(&array, &element);)
        result.item[result.count++] = plain(reading, &element);
    return result;
}

/* ---- the tree ---- */

static bool begins_alike(const char *a, const char *b, size_t length) {
    return strncmp(a, b, length) == 0;
}

/* The pairs first .. end - 1, whose keys begin alike for `prefix` bytes, as the children of a map.
 */
static void read_children(const Reading *reading, int first, int end, size_t prefix, int depth,
                          Value *map) {
    map->kind = VALUE_MAP;
    map->item = ARENA_ARRAY(reading->arena, Value, (size_t)(end - first) + 1);
    for (int i = first, next; i < end; i = next) {
        const char *key = reading->pair[i].key;
        const size_t length = strcspn(key + prefix, "."), until = prefix + length;
        const bool is_map = key[until] == '.' && depth < MAX_DEPTH;
        Value *child = &map->item[map->count++];
        next = i + 1;
        while (is_map && next < end && begins_alike(reading->pair[next].key, key, until + 1))
            next++;
        if (is_map)
            read_children(reading, i, next, until + 1, depth + 1, child);
        else
            *child = reading->pair[i].value.type == GGUF_array
                         ? list(reading, &reading->pair[i].value)
                         : plain(reading, &reading->pair[i].value);
        child->loc = reading->loc;
        child->key = is_map ? arena_printf(reading->arena, "%.*s", (int)length, key + prefix)
                            : arena_printf(reading->arena, "%s", key + prefix);
        child->path = is_map ? arena_printf(reading->arena, "%.*s", (int)until, key)
                             : arena_printf(reading->arena, "%s", key);
    }
}

Value *gguf_value_read(const Gguf *gguf, Arena *arena) {
    int count, kept = 0;
    const GgufPair *all = gguf_pairs(gguf, &count);
    GgufPair *pair = ARENA_ARRAY(arena, GgufPair, (size_t)count + 1);
    for (int i = 0; i < count; i++)
        if (!begins_alike(all[i].key, "tokenizer.", strlen("tokenizer."))) pair[kept++] = all[i];
    const Reading reading = {pair, gguf_loc(gguf), arena};
    Value *root = ARENA_NEW(arena, Value);
    root->loc = reading.loc;
    read_children(&reading, 0, kept, 0, 0, root);
    return root;
}
