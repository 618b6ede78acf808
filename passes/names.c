#include "passes/names.h"

#include "ir/hash.h"

#include <string.h>

static const char **find(const Names *names, const char *text) {
    uint32_t i = (uint32_t)hash_text(text) & (names->capacity - 1);
    while (names->slot[i] && strcmp(names->slot[i], text) != 0) i = (i + 1) & (names->capacity - 1);
    return &names->slot[i];
}

static void insert(Names *names, const char *text);

static void grow(Names *names) {
    Names larger = *names;
    larger.capacity = names->capacity * 2;
    larger.slot = ARENA_ARRAY(names->scratch, const char *, larger.capacity);
    larger.count = 0;
    for (uint32_t i = 0; i < names->capacity; i++)
        if (names->slot[i]) insert(&larger, names->slot[i]);
    *names = larger;
}

static void insert(Names *names, const char *text) {
    if (names->count * 2 >= names->capacity) grow(names);
    *find(names, text) = text;
    names->count++;
}

Names names_create(Graph *graph, Arena *scratch) {
    Names names = {.graph = graph, .scratch = scratch, .capacity = 64};
    names.slot = ARENA_ARRAY(scratch, const char *, names.capacity);
    for (uint32_t i = 1; i < graph->count; i++)
        if (graph->node[i].name) insert(&names, graph->node[i].name);
    return names;
}

const char *names_make(Names *names, const char *stem, const char *suffix) {
    const char *name = arena_printf(names->graph->arena, "%s%s", stem, suffix);
    for (int k = 2; *find(names, name); k++)
        name = arena_printf(names->graph->arena, "%s%s.%d", stem, suffix, k);
    insert(names, name);
    return name;
}

const char *names_of_bias(const Names *names, const char *weight) {
    const char *last = NULL;
    for (const char *at = weight; (at = strstr(at, ".weight")); at++) last = at;
    const int length = (int)(last ? last - weight : (ptrdiff_t)strlen(weight));
    return arena_printf(names->scratch, "%.*s.bias", length, weight);
}
