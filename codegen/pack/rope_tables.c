#include "codegen/pack/rope_tables.h"

#include <string.h>

enum { LINE_FLOATS = 16 };

static int64_t round_up(int64_t value, int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

int64_t rope_table_columns(const Node *rope, const Machine *machine) {
    const int64_t elements = rope->attr.style == ROPE_half ? rope->attr.dims / 2 : rope->attr.dims;
    return round_up(elements, machine->vector_floats);
}

static bool is_same(const Attrs *a, const Attrs *b) {
    return a->dims == b->dims && a->base == b->base && a->style == b->style &&
           a->scaling == b->scaling && a->factor == b->factor && a->low == b->low &&
           a->high == b->high && a->original == b->original && a->truncate == b->truncate &&
           a->scale == b->scale && ir_reals_equal(a->divisors, b->divisors);
}

static void grow(RopeTables *tables, Arena *arena) {
    tables->capacity = tables->capacity ? 2 * tables->capacity : 4;
    RopeTable *grown = ARENA_ARRAY(arena, RopeTable, (size_t)tables->capacity);
    if (tables->count) memcpy(grown, tables->table, (size_t)tables->count * sizeof *grown);
    tables->table = grown;
}

int64_t rope_tables_add(RopeTables *tables, const Graph *graph, const Node *rope,
                        const Machine *machine, Arena *arena) {
    for (int i = 0; i < tables->count; i++)
        if (is_same(&tables->table[i].rope->attr, &rope->attr)) return tables->table[i].offset;
    if (tables->count == tables->capacity) grow(tables, arena);
    const int64_t offset = tables->floats;
    tables->table[tables->count++] = (RopeTable){rope, offset};
    tables->floats += round_up(graph->context * 2 * rope_table_columns(rope, machine), LINE_FLOATS);
    return offset;
}
