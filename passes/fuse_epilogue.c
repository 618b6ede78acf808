/* fuse_epilogue.c - compute activation, gate, head norm, rope and cache append in the projection
 * before them.
 *
 *   %5 = read %4, @gate_up               %5 = read %4, @gate_up
 *   %6 = slice %5 {to = 768}             %6 = slice %5 {to = 768} in %5
 *   %7 = slice %5 {from = 768, ...}  =>  %7 = slice %5 {from = 768, ...} in %5
 *   %8 = activate %6 {...}               %8 = activate %6 {...} in %5
 *   %9 = multiply %8, %7                 %9 = multiply %8, %7 in %5
 *
 * Each part of a projection (a slice that is exactly one operand of its stacked weight, or all of
 * it where there are no slices) starts a chain:
 *
 *   activate, scale, softcap, clip ...                on every part
 *   multiply of two chains, then activate, ... again  at most once in a chain
 *   norm of each head, rope, scale_positions ...      on a part without multiply, in any order
 *   append                                            behind these
 *
 *   tap                                               of every value of a chain
 *
 * Also: add_positions in the embed before it.
 *
 * Saves a store and a load of [T, columns] and a wait of all threads for each node that joins.
 * Legal when every value inside a chain has the next member as its only use but for taps, which
 * stand before that; the last one is free. Between head ops a tap keeps whole heads.
 * When a projection has slices, all its uses must be such slices, each part at most once. A norm of
 * whole rows is no head norm unless there is one head: it needs columns that other threads compute.
 * Head ops agree on the width of a head, and their result is not the graph's. Rounding: none.
 * Needs: merge-reads before, to see all parts. Keeps: the order and all types.
 */
#include "passes/match.h"
#include "passes/pass.h"

/* Code of a chain is unrolled: bound it. */
enum { MAX_POINTWISE = 7, MAX_HEAD_OPS = 5, MAX_TAPS = 16, MAX_PARTS = IR_MAX_INPUTS };

typedef struct {
    Graph *graph;
    Users users;
    uint32_t *members;
    int taps; /* of the kernel under way */
    int joined, kernels;
} Fusion;

/* ---- predicates ---- */

/* A node that no kernel has claimed. */
static bool is_alone(const Fusion *fusion, uint32_t index) {
    return ir_ref_is_none(fusion->graph->node[index].root) && fusion->members[index] == 0;
}

static bool is_tap(const Fusion *fusion, uint32_t index) {
    return fusion->graph->node[index].op == OP_tap;
}

/* Whether the taps of a value may join: they stand before its reader and keep whole units of
 * columns. */
static bool may_keep(const Fusion *fusion, Ref value, uint32_t reader, int64_t unit) {
    const Users *users = &fusion->users;
    int taps = fusion->taps;
    for (uint32_t k = users->first[value.index]; k < users->first[value.index + 1]; k++) {
        const uint32_t user = users->user[k];
        const Attrs *attr = &fusion->graph->node[user].attr;
        if (!is_tap(fusion, user)) continue;
        if (user > reader || !is_alone(fusion, user) || attr->from % unit || attr->to % unit)
            return false;
        taps++;
    }
    return taps <= MAX_TAPS;
}

/* The only reader of a value, if it may join: as operand 0 unless it is a multiply. */
static Ref next_in_chain(const Fusion *fusion, Ref value) {
    const Ref user = match_single_reader(&fusion->users, value);
    if (ir_ref_is_none(user) || !is_alone(fusion, user.index)) return (Ref){0};
    return may_keep(fusion, value, user.index, 1) ? user : (Ref){0};
}

static bool is_leaf(const Graph *graph, Ref ref) {
    return ir_op_info[ir_node(graph, ref)->op].kind == KIND_LEAF;
}

/* How many heads the use of a value makes of its columns; 0: it does not say. */
static int64_t heads_of_use(const Fusion *fusion, Ref value) {
    const Ref user = match_single_reader(&fusion->users, value);
    if (ir_ref_is_none(user)) return 0;
    const Node *node = ir_node(fusion->graph, user);
    if (node->op == OP_rope || node->op == OP_scale_positions || node->op == OP_append)
        return node->attr.heads;
    const bool is_query = ir_ref_equal(node->in[0], value);
    if ((node->op == OP_attend || node->op == OP_scores) && is_query) return node->attr.heads;
    return 0;
}

static bool is_constant(const Graph *graph, Ref ref) {
    return ir_ref_is_none(ref) || ir_is_constant(ir_node(graph, ref));
}

/* The heads that a head op sees in its operand; 0: it is none. */
static int64_t heads_of(const Fusion *fusion, Ref ref) {
    const Node *node = ir_node(fusion->graph, ref);
    switch (node->op) {
    case OP_norm:
        if (node->attr.kind == NORM_none || !is_constant(fusion->graph, node->in[1]) ||
            !is_constant(fusion->graph, node->in[2]))
            return 0;
        if (node->attr.groups > 1) return node->attr.groups;
        return heads_of_use(fusion, ref) == 1 ? 1 : 0;
    case OP_rope:
    case OP_append: return is_leaf(fusion->graph, node->in[1]) ? node->attr.heads : 0;
    case OP_scale_positions: return is_leaf(fusion->graph, node->in[2]) ? node->attr.heads : 0;
    default: return 0;
    }
}

/* ---- rewrite ---- */

static void join(Fusion *fusion, Ref member, Ref root) {
    ir_node(fusion->graph, member)->root = root;
    fusion->members[root.index]++;
    fusion->joined++;
}

static void join_taps(Fusion *fusion, Ref value, Ref root) {
    const Users *users = &fusion->users;
    for (uint32_t k = users->first[value.index]; k < users->first[value.index + 1]; k++) {
        if (!is_tap(fusion, users->user[k])) continue;
        join(fusion, (Ref){users->user[k]}, root);
        fusion->taps++;
    }
}

/* The same at the end of a chain, whose value others read from memory. */
static void join_last_taps(Fusion *fusion, Ref value, Ref root, int64_t unit) {
    if (may_keep(fusion, value, fusion->graph->count, unit)) join_taps(fusion, value, root);
}

/* Lets pointwise ops behind `value` join; returns the last of them. */
static Ref join_pointwise(Fusion *fusion, Ref value, Ref root) {
    for (int k = 0; k < MAX_POINTWISE; k++) {
        const Ref next = next_in_chain(fusion, value);
        if (ir_ref_is_none(next) || !match_is_pointwise(ir_node(fusion->graph, next))) break;
        join_taps(fusion, value, root);
        join(fusion, next, root);
        value = next;
    }
    return value;
}

/* The head op behind `value`, whose heads are `head_dim` wide; 0: none has been there yet. */
static Ref next_head_op(const Fusion *fusion, Ref value, int64_t head_dim) {
    const Ref next = next_in_chain(fusion, value), none = {0};
    if (ir_ref_is_none(next) || ir_ref_equal(next, fusion->graph->result)) return none;
    const int64_t heads = heads_of(fusion, next);
    if (heads == 0 || !ir_ref_equal(ir_node(fusion->graph, next)->in[0], value)) return none;
    if (!head_dim) return next;
    const bool is_same = ir_node(fusion->graph, value)->type.dim[1] / heads == head_dim;
    return is_same && may_keep(fusion, value, next.index, head_dim) ? next : none;
}

static void join_head_ops(Fusion *fusion, Ref value, Ref root) {
    const int64_t columns = ir_node(fusion->graph, value)->type.dim[1];
    int64_t head_dim = 0;
    for (int k = 0; k < MAX_HEAD_OPS; k++) {
        const Ref next = next_head_op(fusion, value, head_dim);
        if (ir_ref_is_none(next)) break;
        if (!head_dim) head_dim = columns / heads_of(fusion, next);
        join_taps(fusion, value, root);
        join(fusion, next, root);
        if (ir_node(fusion->graph, next)->op == OP_append) return;
        value = next;
    }
    join_last_taps(fusion, value, root, head_dim ? head_dim : 1);
}

/* Joins the multiply whose operands are the ends of two chains; none: there is no such. */
static Ref join_multiply(Fusion *fusion, Ref a, Ref b, Ref root) {
    const Ref multiply = next_in_chain(fusion, a);
    if (ir_ref_is_none(multiply) || !ir_ref_equal(next_in_chain(fusion, b), multiply))
        return (Ref){0};
    if (ir_node(fusion->graph, multiply)->op != OP_multiply) return (Ref){0};
    join_taps(fusion, a, root);
    join_taps(fusion, b, root);
    join(fusion, multiply, root);
    return multiply;
}

/* Each chain from its start: pointwise ops, then a multiply with another chain or head ops. */
static void join_chains(Fusion *fusion, const Ref *start, int count, Ref root) {
    Ref end[MAX_PARTS];
    bool has_multiply[MAX_PARTS] = {false};
    for (int p = 0; p < count; p++) end[p] = join_pointwise(fusion, start[p], root);
    for (int p = 0; p < count; p++) {
        for (int q = p + 1; q < count && !has_multiply[p]; q++) {
            if (has_multiply[q]) continue;
            const Ref multiply = join_multiply(fusion, end[p], end[q], root);
            if (ir_ref_is_none(multiply)) continue;
            join_last_taps(fusion, join_pointwise(fusion, multiply, root), root, 1);
            has_multiply[p] = has_multiply[q] = true;
        }
        if (!has_multiply[p]) join_head_ops(fusion, end[p], root);
    }
}

/* ---- loop ---- */

/* The slices of a projection, by part, to slice[]. Returns how many there are; 0: a chain starts at
 * the projection itself; -1: nothing can be fused. */
static int find_slices(const Fusion *fusion, uint32_t index, Ref *slice) {
    const Graph *graph = fusion->graph;
    const Users *users = &fusion->users;
    const Parts parts = match_parts(graph, &graph->node[index]);
    bool taken[MAX_PARTS] = {false};
    int count = 0;
    const uint32_t from = users->first[index], to = users->first[index + 1];
    for (uint32_t k = from; k < to; k++) count += graph->node[users->user[k]].op == OP_slice;
    if (count == 0) return 0;
    if ((uint32_t)count != match_use_count(users, index) || count > parts.count) return -1;
    for (uint32_t k = from; k < to; k++) {
        const uint32_t user = users->user[k];
        const int part = match_part(&parts, &graph->node[user]);
        if (part < 0 || taken[part] || !is_alone(fusion, user)) return -1;
        taken[part] = true;
        slice[k - from] = (Ref){user};
    }
    return count;
}

static void fuse_projection(Fusion *fusion, uint32_t index) {
    const Ref root = {index};
    Ref start[MAX_PARTS] = {root};
    fusion->taps = 0;
    const int slices = find_slices(fusion, index, start);
    for (int p = 0; p < slices; p++) join(fusion, start[p], root);
    if (slices >= 0) join_chains(fusion, start, slices ? slices : 1, root);
}

static void fuse_embed(Fusion *fusion, uint32_t index) {
    const Ref next = match_single_user(&fusion->users, (Ref){index});
    if (ir_ref_is_none(next) || !is_alone(fusion, next.index)) return;
    const Node *node = ir_node(fusion->graph, next);
    if (node->op != OP_add_positions || node->in[0].index != index) return;
    if (is_leaf(fusion->graph, node->in[2])) join(fusion, next, (Ref){index});
}

bool pass_fuse_epilogue(Graph *graph, PassContext *context) {
    Fusion fusion = {.graph = graph, .users = match_users(graph, context->scratch)};
    fusion.members = match_count_members(graph, context->scratch);
    for (uint32_t i = 1; i < graph->count; i++) {
        if (!is_alone(&fusion, i)) continue;
        if (match_is_projection(&graph->node[i])) fuse_projection(&fusion, i);
        if (graph->node[i].op == OP_embed) fuse_embed(&fusion, i);
        fusion.kernels += fusion.members[i] > 0;
    }
    snprintf(context->summary, sizeof context->summary, "%d nodes join the %d kernels before them",
             fusion.joined, fusion.kernels);
    return true;
}
