/* match.h - what several passes ask of a graph.
 *
 * Answers hold until the graph changes. Arrays live in the scratch arena they are given.
 */
#ifndef PASSES_MATCH_H
#define PASSES_MATCH_H

#include "ir/ir.h"

/* Who uses each value: user[first[i]] .. user[first[i + 1] - 1] for node i, in order of the graph,
 * once for each operand that it is. The graph's return is no user: ask match_use_count(). */
typedef struct {
    const Graph *graph;
    uint32_t *first;
    uint32_t *user;
    uint32_t *overwriter; /* of a state: the node that makes the next one from it; 0: none */
} Users;

Users match_users(const Graph *graph, Arena *scratch);
uint32_t match_use_count(const Users *users, uint32_t index); /* the graph's return included */
Ref match_single_user(const Users *users, Ref value);         /* none: no or several uses */
/* The same, but that taps are none. */
Ref match_single_reader(const Users *users, Ref value);

/* The kernel that makes the next state of the stream from this one, by its root; graph->count where
 * none does. The kernels of all other readers have to come before it. */
uint32_t match_overwriter(const Users *users, Ref value);

/* Whether a node is a norm of whole rows that its users could do without: all of them are readers
 * of it, by `is_reader`, and come before its operand is overwritten. */
typedef bool MatchReader(const void *context, uint32_t user, Ref norm);
bool match_is_replaceable_norm(const Users *users, uint32_t index, MatchReader *is_reader,
                               const void *context);

bool match_is_stream(const Node *node);
bool match_is_projection(const Node *node); /* project or read */
bool match_is_pointwise(const Node *node);  /* one operand, element by element */

/* For each node, how many others are computed in its kernel. */
uint32_t *match_count_members(const Graph *graph, Arena *scratch);

/* What the params that a matrix is made of ask for: that of the first of them. */
WeightFormat match_format(const Graph *graph, Ref matrix);

/* The outputs of a projection: those of each operand of a stacked weight, else all of them.
 * Part p is columns from[p] <= c < from[p + 1]. */
typedef struct {
    int count;
    int64_t from[IR_MAX_INPUTS + 1];
} Parts;

Parts match_parts(const Graph *graph, const Node *projection);
int match_part(const Parts *parts, const Node *slice); /* -1: the slice is not exactly one part */

/* Nodes below `limit` use to[i] instead of i where that is not none; so do roots and result. */
void match_rename(Graph *graph, const Ref *to, uint32_t limit);

/* Moves each node i >= limit right behind node behind[i] < limit, in their order; where behind[i]
 * is 0 it stays at the end, for ir_sweep() to place. */
void match_move(Graph *graph, const uint32_t *behind, uint32_t limit, Arena *scratch);

#endif
