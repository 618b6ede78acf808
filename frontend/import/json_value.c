/* json_value.c - jansson says what the text means, and a second walk where it stands: the text is
 * JSON then, so that the walk need not check anything. */
#include "frontend/import/json_value.h"

#include "frontend/weights/safetensors_header.h"

#include <string.h>

typedef struct {
    const Source *source;
    const char *at;
    Arena *arena;
} Walk;

/* ---- places ---- */

static char next_mark(Walk *walk) {
    while (strchr(" \t\r\n", *walk->at)) walk->at++;
    return *walk->at;
}

/* Past the mark and the white space before it. */
static void pass_mark(Walk *walk) {
    next_mark(walk);
    walk->at++;
}

static void pass_string(Walk *walk) {
    pass_mark(walk);
    for (; *walk->at != '"'; walk->at++)
        if (*walk->at == '\\') walk->at++;
    walk->at++;
}

static Loc here(const Walk *walk) {
    return (Loc){walk->source, (uint32_t)(walk->at - walk->source->text)};
}

/* ---- values ---- */

static void read_value(Walk *walk, const json_t *json, Value *value);

static void read_map(Walk *walk, json_t *json, Value *value) {
    const char *key;
    json_t *child;
    value->kind = VALUE_MAP;
    value->item = ARENA_ARRAY(walk->arena, Value, json_object_size(json) + 1);
    pass_mark(walk);
    json_object_foreach(json, key, child) { /* in the order of the text */
        Value *item = &value->item[value->count++];
        next_mark(walk);
        item->loc = here(walk);
        item->key = arena_printf(walk->arena, "%s", key);
        item->path = value->path ? arena_printf(walk->arena, "%s.%s", value->path, key) : item->key;
        pass_string(walk);
        pass_mark(walk); /* the colon */
        read_value(walk, child, item);
        if (next_mark(walk) == ',') walk->at++;
    }
    pass_mark(walk);
}

static void read_list(Walk *walk, const json_t *json, Value *value) {
    value->kind = VALUE_LIST;
    value->item = ARENA_ARRAY(walk->arena, Value, json_array_size(json) + 1);
    pass_mark(walk);
    while (next_mark(walk) != ']') {
        Value *item = &value->item[value->count];
        item->loc = here(walk);
        read_value(walk, json_array_get(json, (size_t)value->count++), item);
        if (next_mark(walk) == ',') walk->at++;
    }
    pass_mark(walk);
}

static void read_plain(Walk *walk, const json_t *json, Value *value) {
    if (json_is_string(json)) {
        value->kind = VALUE_TEXT;
        value->text = arena_printf(walk->arena, "%s", json_string_value(json));
        pass_string(walk);
        return;
    }
    if (json_is_number(json)) {
        value->kind = VALUE_NUMBER;
        value->number = json_number_value(json);
    } else if (json_is_boolean(json)) {
        value->kind = VALUE_BOOL;
        value->number = json_is_true(json);
    }
    next_mark(walk);
    walk->at += strcspn(walk->at, ",]} \t\r\n");
}

static void read_value(Walk *walk, const json_t *json, Value *value) {
    if (json_is_object(json))
        read_map(walk, (json_t *)json, value);
    else if (json_is_array(json))
        read_list(walk, json, value);
    else
        read_plain(walk, json, value);
}

Value *json_value_read(const Source *source, Arena *arena, Diag *diag) {
    const Loc loc = {source, 0};
    json_t *json = safetensors_read_json(source->text, source->length, loc, diag);
    if (!json) return NULL;
    Walk walk = {source, source->text, arena};
    Value *value = ARENA_NEW(arena, Value);
    value->loc = loc;
    read_value(&walk, json, value);
    json_decref(json);
    return value;
}
