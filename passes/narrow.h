/* narrow.h - values whose columns are not all needed, made without the others.
 *
 * What makes the value (projections, and the ops between) makes fewer columns: rows of weights are
 * left out, heads of keys, values and queries are. Columns of negative numbers become zero: where
 * the ops make zero of zero, their rows of weights are zeros.
 */
#ifndef PASSES_NARROW_H
#define PASSES_NARROW_H

#include "passes/match.h"
#include "passes/names.h"

typedef struct {
    Graph *graph;
    const Users *users;
    Names *names;
    Arena *scratch;
} Narrowing;

/* Heads of a value, `heads` of them, that stay. Columns of others are left out. */
typedef struct {
    const bool *stays;
    int64_t heads;
} StayingHeads;

/* Whether a value has a single reader, and so have those it is made of, as far down as projections,
 * each of which can do with such columns. */
bool narrow_is_possible(const Narrowing *n, Ref value, const Reals *columns);
void narrow_columns(Narrowing *n, Ref value, const Reals *columns);

/* Whether zero rows of the projections that a value is made of make its columns zero. */
bool narrow_gives_zero(const Narrowing *n, Ref value);

/* The same for the mix of an attention. Groups of heads that share keys stay equally large. */
bool narrow_attention_is_possible(const Narrowing *n, Ref mix, const StayingHeads *heads);
void narrow_attention(Narrowing *n, Ref mix, const StayingHeads *heads);

/* Adds heads until those that stay are as many in each group that stays, and there is one. */
void narrow_fill_groups(const Node *mix, bool *stays);

#endif
