#include "passes/select.h"

#include <string.h>

void select_add(Selection *selection, int64_t from, int64_t to, Arena *arena) {
    if (from == to) return;
    if (from < 0 && selection->count && selection->at[selection->count - 2] < 0) {
        selection->at[selection->count - 2] += (double)from;
        return;
    }
    const bool joins =
        selection->count && (int64_t)selection->at[selection->count - 1] == from && from != 0;
    if (joins) {
        selection->at[selection->count - 1] = (double)to;
        return;
    }
    if (selection->count == selection->capacity) {
        selection->capacity = selection->capacity ? 2 * selection->capacity : 8;
        double *grown = ARENA_ARRAY(arena, double, (size_t)selection->capacity);
        if (selection->count)
            memcpy(grown, selection->at, (size_t)selection->count * sizeof *grown);
        selection->at = grown;
    }
    selection->at[selection->count++] = (double)from;
    selection->at[selection->count++] = (double)to;
}

const Reals *select_end(const Selection *selection, Arena *arena) {
    Reals *ranges = ARENA_NEW(arena, Reals);
    *ranges = (Reals){selection->count, selection->at};
    return ranges;
}

bool select_is_all(const Reals *ranges, int64_t count) {
    return ranges->count == 2 && ranges->at[0] == 0 && (int64_t)ranges->at[1] == count;
}

Ref select_constant(Graph *graph, Names *names, Op op, Ref of, const Reals *ranges,
                    const char *suffix) {
    const Node *node = ir_node(graph, of);
    Node made = {.op = op, .loc = node->loc, .in = {of}, .attr = ir_attrs_default()};
    made.attr.ranges = ranges;
    made.name = names_make(names, node->name, suffix);
    return ir_node_add(graph, made);
}
