/* merge_reads.c - make all projections of one value a single one.
 *
 *   %5 = read %4, @q {kind = rms}        @q.stacked = stack @q, @k, @v
 *   %6 = read %4, @k {kind = rms}        %5 = read %4, @q.stacked {kind = rms}
 *   %7 = read %4, @v {kind = rms}   =>   %6 = slice %5 {to = 64}
 *                                        %7 = slice %5 {from = 64, to = 96}
 *                                        %8 = slice %5 {from = 96, to = 128}
 *
 * Saves a pass over the value and a wait of all threads for each projection but one. Legal for
 * projections of the same value with the same norm and format, at most 8 of them: nothing that one
 * of them needs is made between them, and the merged one stands where the first of them stood, so
 * before the value is overwritten. Left alone: weights that are stacked already, projections that
 * others are fused into, and the graph's result, whose rows must be in one piece. Rounding: none.
 * Needs: to run after fold-norm, to see more readers. Keeps: the order of everything else.
 */
#include "passes/match.h"
#include "passes/names.h"
#include "passes/pass.h"

#include <string.h>

enum { MAX_PARTS = IR_MAX_INPUTS };
static const int64_t MAX_ROWS = INT64_C(1) << 40;

typedef struct {
    Graph *graph;
    Users users;
    Names names;
    Arena *scratch;
    const uint32_t *members;
    bool *merged;
    Ref *slice_of;    /* what stands for a projection that was merged */
    uint32_t *behind; /* for the nodes added: where they belong; grows with them */
    uint32_t limit, behind_capacity;
    int before, after;
} Merge;

typedef struct {
    int count;
    uint32_t index[MAX_PARTS];
    int64_t rows; /* of all parts */
} Group;

static bool is_candidate(const Merge *merge, uint32_t index, Ref value) {
    const Graph *graph = merge->graph;
    const Node *node = &graph->node[index];
    return match_is_projection(node) && ir_ref_equal(node->in[0], value) && !merge->merged[index] &&
           merge->members[index] == 0 && ir_ref_is_none(node->root) &&
           ir_node(graph, node->in[1])->op != OP_stack && graph->result.index != index &&
           match_use_count(&merge->users, index) > 0;
}

static bool is_same_read(const Graph *graph, const Node *a, const Node *b) {
    return a->op == b->op && a->attr.kind == b->attr.kind && a->attr.eps == b->attr.eps &&
           a->attr.format == b->attr.format &&
           match_format(graph, a->in[1]) == match_format(graph, b->in[1]);
}

static Group collect(const Merge *merge, uint32_t user, Ref value) {
    const Users *users = &merge->users;
    const Node *node = merge->graph->node;
    Group group = {0};
    for (uint32_t k = user; k < users->first[value.index + 1] && group.count < MAX_PARTS; k++) {
        const uint32_t index = users->user[k];
        if (!is_candidate(merge, index, value)) continue;
        if (group.count && !is_same_read(merge->graph, &node[group.index[0]], &node[index]))
            continue;
        const int64_t rows = ir_node(merge->graph, node[index].in[1])->type.dim[0];
        if (group.rows + rows >= MAX_ROWS) break;
        group.rows += rows;
        group.index[group.count++] = index;
    }
    return group;
}

/* ---- rewrite ---- */

static Ref add_zeros(Merge *merge, Ref weight) {
    const Node *of = ir_node(merge->graph, weight);
    Node node = {.op = OP_zeros, .loc = of->loc, .attr = ir_attrs_default()};
    node.type = (Type){DTYPE_f32, 1, {of->type.dim[0]}};
    node.name = names_make(&merge->names, names_of_bias(&merge->names, of->name), ".zeros");
    return ir_node_add(merge->graph, node);
}

static Ref add_stack(Merge *merge, const Ref *part, int count) {
    const Node *first = ir_node(merge->graph, part[0]);
    Node node = {.op = OP_stack, .loc = first->loc, .attr = ir_attrs_default()};
    node.name = names_make(&merge->names, first->name, ".stacked");
    memcpy(node.in, part, (size_t)count * sizeof *part);
    return ir_node_add(merge->graph, node);
}

/* The stacked bias; none where no part has one. */
static Ref stack_biases(Merge *merge, const Group *group) {
    Ref bias[MAX_PARTS];
    bool any = false;
    for (int p = 0; p < group->count; p++) {
        bias[p] = merge->graph->node[group->index[p]].in[2];
        any |= !ir_ref_is_none(bias[p]);
    }
    if (!any) return (Ref){0};
    for (int p = 0; p < group->count; p++)
        if (ir_ref_is_none(bias[p]))
            bias[p] = add_zeros(merge, merge->graph->node[group->index[p]].in[1]);
    return add_stack(merge, bias, group->count);
}

/* Notes that the node just added belongs right behind node `index`. */
static void move_behind(Merge *merge, Ref added, uint32_t index) {
    const uint32_t at = added.index;
    if (at >= merge->behind_capacity) {
        const uint32_t capacity = 2 * (at + 32);
        uint32_t *grown = ARENA_ARRAY(merge->scratch, uint32_t, capacity);
        if (merge->behind) memcpy(grown, merge->behind, merge->behind_capacity * sizeof *grown);
        merge->behind = grown;
        merge->behind_capacity = capacity;
    }
    merge->behind[at] = index;
}

static void add_slices(Merge *merge, const Group *group, const int64_t *rows) {
    int64_t from = 0;
    for (int p = 0; p < group->count; p++) {
        const uint32_t index = group->index[p];
        Node slice = {.op = OP_slice, .loc = merge->graph->node[index].loc};
        slice.attr = ir_attrs_default();
        slice.attr.from = from;
        slice.attr.to = from += rows[p];
        slice.in[0] = (Ref){group->index[0]};
        merge->slice_of[index] = ir_node_add(merge->graph, slice);
        move_behind(merge, merge->slice_of[index], group->index[0]);
        merge->merged[index] = true;
        if (p) merge->graph->node[index].dead = true;
    }
}

static void merge_group(Merge *merge, const Group *group) {
    Ref weight[MAX_PARTS];
    int64_t rows[MAX_PARTS];
    for (int p = 0; p < group->count; p++) {
        weight[p] = merge->graph->node[group->index[p]].in[1];
        rows[p] = ir_node(merge->graph, weight[p])->type.dim[0];
    }
    const Ref stacked = add_stack(merge, weight, group->count);
    const Ref bias = stack_biases(merge, group);
    Node *first = &merge->graph->node[group->index[0]];
    first->in[1] = stacked;
    first->in[2] = bias;
    first->type.dim[1] = group->rows;
    add_slices(merge, group, rows);
    merge->before += group->count;
    merge->after++;
}

bool pass_merge_reads(Graph *graph, PassContext *context) {
    Arena *scratch = context->scratch;
    Merge merge = {.graph = graph, .scratch = scratch, .limit = graph->count};
    merge.users = match_users(graph, scratch);
    merge.names = names_create(graph, scratch);
    merge.members = match_count_members(graph, scratch);
    merge.merged = ARENA_ARRAY(scratch, bool, graph->count);
    merge.slice_of = ARENA_ARRAY(scratch, Ref, graph->count);
    move_behind(&merge, (Ref){graph->count}, 0);

    for (uint32_t i = 1; i < merge.limit; i++) {
        for (uint32_t k = merge.users.first[i]; k < merge.users.first[i + 1]; k++) {
            if (!is_candidate(&merge, merge.users.user[k], (Ref){i})) continue;
            const Group group = collect(&merge, k, (Ref){i});
            if (group.count >= 2) merge_group(&merge, &group);
        }
    }
    if (merge.after) {
        move_behind(&merge, (Ref){graph->count}, 0); /* covers constants added last */
        match_rename(graph, merge.slice_of, merge.limit);
        match_move(graph, merge.behind, merge.limit, scratch);
    }
    ir_sweep(graph, scratch);
    snprintf(context->summary, sizeof context->summary, "%d projections become %d", merge.before,
             merge.after);
    return true;
}
