#include "frontend/import/description_layers.h"

#include <string.h>

/* Kinds that a layer is compared with; beyond them layers of one kind may get two. */
enum { MAX_COMPARED = 64 };

static bool is_equal(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Whether the layers are equal in all axes. */
static bool is_same(const Facts *facts, int64_t a, int64_t b) {
    for (int axis = 0; axis < AXIS_COUNT; axis++)
        if (facts->is_by_layer[axis] &&
            !value_equal(facts_value(facts, (Axis)axis, a), facts_value(facts, (Axis)axis, b)))
            return false;
    return true;
}

static void add_kind(Layers *layers, const Facts *facts, int64_t layer, int kind) {
    const char **text = ARENA_ARRAY(layers->arena, const char *, (size_t)description_key_count);
    for (int i = 0; i < description_key_count; i++)
        text[i] = description_key[i].text(facts, layer, layers->arena);
    layers->text[kind] = text;
    layers->has_norm[kind] = facts_is(facts, AXIS_attention_norm, layer);
}

Layers layers_of(const Facts *facts, Arena *arena) {
    const size_t count = (size_t)facts->layers;
    Layers layers = {.count = facts->layers,
                     .kind = ARENA_ARRAY(arena, int32_t, count),
                     .text = ARENA_ARRAY(arena, const char **, count),
                     .has_norm = ARENA_ARRAY(arena, bool, count),
                     .arena = arena};
    int64_t *first = ARENA_ARRAY(arena, int64_t, count); /* layer of each kind */
    int kinds = 0;
    for (int64_t layer = 0; layer < facts->layers; layer++) {
        int kind = kinds > MAX_COMPARED ? kinds - MAX_COMPARED : 0;
        while (kind < kinds && !is_same(facts, first[kind], layer)) kind++;
        layers.kind[layer] = kind;
        if (kind < kinds) continue;
        first[kinds++] = layer;
        add_kind(&layers, facts, layer, kind);
    }
    return layers;
}

const char *layers_text(const Layers *layers, int64_t layer, int key) {
    return layers->text[layers->kind[layer]][key];
}

bool layers_differ_in_structure(const Layers *layers, int64_t a, int64_t b) {
    if (layers->kind[a] == layers->kind[b]) return false;
    for (int i = 0; i < description_key_count; i++)
        if (!description_key[i].may_alternate &&
            !is_equal(layers_text(layers, a, i), layers_text(layers, b, i)))
            return true;
    return layers->has_norm[layers->kind[a]] != layers->has_norm[layers->kind[b]];
}

bool layers_differ(const Layers *layers, int64_t a, int64_t b) {
    if (layers->kind[a] == layers->kind[b]) return false;
    for (int i = 0; i < description_key_count; i++)
        if (!is_equal(layers_text(layers, a, i), layers_text(layers, b, i))) return true;
    return layers->has_norm[layers->kind[a]] != layers->has_norm[layers->kind[b]];
}

/* The longest end of the texts that is their beginning, too, is what they have in common with
 * themselves a period later (Knuth, Morris and Pratt 1977). */
int64_t layers_period(const Layers *layers, int key, int64_t first, int64_t count) {
    int64_t *common = ARENA_ARRAY(layers->arena, int64_t, (size_t)count);
    for (int64_t i = 1; i < count; i++) {
        const char *text = layers_text(layers, first + i, key);
        int64_t length = common[i - 1];
        while (length > 0 && !is_equal(text, layers_text(layers, first + length, key)))
            length = common[length - 1];
        common[i] = length + is_equal(text, layers_text(layers, first + length, key));
    }
    return count - common[count - 1];
}
