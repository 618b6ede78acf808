/* select.h - constants that are rows or columns of others. */
#ifndef PASSES_SELECT_H
#define PASSES_SELECT_H

#include "ir/ir.h"
#include "passes/names.h"

/* A list of ranges under way; {0} is an empty one. */
typedef struct {
    double *at;
    int64_t count, capacity;
} Selection;

/* Appends from <= i < to, joined with the range before where that ends there; to <= 0
 * for zeros. */
void select_add(Selection *selection, int64_t from, int64_t to, Arena *arena);
const Reals *select_end(const Selection *selection, Arena *arena);

/* Whether ranges are all of so many. */
bool select_is_all(const Reals *ranges, int64_t count);

/* A select_rows or select_columns of a constant, named after it. */
Ref select_constant(Graph *graph, Names *names, Op op, Ref of, const Reals *ranges,
                    const char *suffix);

#endif
