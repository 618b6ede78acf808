/* gradient.c - see gradient.h.
 *
 *   %7 = project %5, @w           %20 = project_back %19, @w      where %19 is the gradient of %7
 *   ...                    =>     %21 = outer %19, %5
 *                                 %22 = tap %21 {point = w, ...}
 *
 * States of the stream are read again on the way back, so writes become sums that overwrite
 * nothing. Then from the last node to the first, each that a param decides on gives its operands
 * their share of what its users gave it.
 */
#include "passes/gradient.h"

#include "passes/gradient_rules.h"
#include "passes/pass.h"

/* ---- a graph whose values all stay ---- */

/* carry * x + scale * s * f */
static void unwrite(Graph *graph, uint32_t index) {
    const Node write = graph->node[index];
    Node sum = {.op = OP_add, .loc = write.loc, .attr = ir_attrs_default(), .in = {write.in[0]}};
    sum.attr.carry = write.attr.carry;
    sum.attr.scale = write.attr.scale;
    sum.in[1] = write.in[1];
    if (!ir_ref_is_none(write.in[2]))
        sum.in[1] = ir_node_add(graph, (Node){.op = OP_scale_by,
                                              .loc = write.loc,
                                              .attr = ir_attrs_default(),
                                              .in = {write.in[1], write.in[2]}});
    if (write.attr.carry == 0) { /* nothing of the state, whatever it is */
        sum.op = OP_scale;
        sum.in[0] = sum.in[1];
        sum.in[1] = (Ref){0};
        sum.attr.carry = 1;
    }
    sum.type = write.type;
    graph->node[index] = sum;
}

/* t * f + (1 - t) * x = x + t * (f - x) */
static void unwrite_gated(Graph *graph, uint32_t index) {
    const Node write = graph->node[index];
    Node part = {.op = OP_add, .loc = write.loc, .attr = ir_attrs_default()};
    part.in[0] = write.in[1];
    part.in[1] = write.in[0];
    part.attr.scale = -1;
    const Ref change = ir_node_add(graph, part);
    part = (Node){.op = OP_multiply, .loc = write.loc, .attr = ir_attrs_default()};
    part.in[0] = write.in[2];
    part.in[1] = change;
    const Ref gated = ir_node_add(graph, part);
    Node sum = {.op = OP_add, .loc = write.loc, .attr = ir_attrs_default(), .type = write.type};
    sum.in[0] = write.in[0];
    sum.in[1] = gated;
    graph->node[index] = sum;
}

/* All rows of logits are wanted. */
static void keep_all(Graph *graph, Arena *scratch) {
    const uint32_t count = graph->count;
    for (uint32_t i = 1; i < count; i++) {
        const Op op = graph->node[i].op;
        if (op == OP_write) unwrite(graph, i);
        if (op == OP_write_gated) unwrite_gated(graph, i);
        if (op == OP_last) ir_replace_uses(graph, (Ref){i}, graph->node[i].in[0]);
    }
    ir_sweep(graph, scratch);
}

/* Of types that followed from L. */
static void infer_types(Graph *graph) {
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        if (ir_op_info[node->op].infer) ir_op_info[node->op].infer(graph, node, &node->type);
    }
}

/* Attention's gradient is known of the whole. */
static bool fuse_attention(Graph *graph) {
    const PassOptions only = {.only = "fuse-attention"};
    return pass_run(graph, PASS_MODEL, &only);
}

/* ---- back ---- */

static bool refuse(const Graph *graph, uint32_t index) {
    const Node *node = &graph->node[index];
    diag_error(graph->diag, node->loc, "%s: it has no gradient", ir_op_info[node->op].name);
    if (node->op == OP_edit) return diag_hint(graph->diag, "leave the edits of the model out");
    return false;
}

static void find_active(Gradient *g) {
    for (uint32_t i = 1; i < g->count; i++) {
        const Node *node = &g->graph->node[i];
        g->is_active[i] = node->op == OP_param;
        for (int k = 0; k < IR_MAX_INPUTS; k++)
            g->is_active[i] |= !ir_ref_is_none(node->in[k]) && g->is_active[node->in[k].index];
        g->is_active[i] &= node->op != OP_tap;
    }
}

static bool go_back(Gradient *g) {
    for (uint32_t i = g->count - 1; i > 0; i--) {
        const Node *node = &g->graph->node[i];
        const Ref d = g->gradient[i];
        if (ir_ref_is_none(d) || node->op == OP_param) continue;
        if (!gradient_rule[node->op]) return refuse(g->graph, i);
        gradient_rule[node->op](g, i, d);
    }
    return true;
}

static void tap_params(Gradient *g) {
    int64_t number = 0;
    for (uint32_t i = 1; i < g->count; i++) {
        const Node param = g->graph->node[i];
        if (param.op != OP_param || ir_ref_is_none(g->gradient[i])) continue;
        Node tap = gradient_node(g, OP_tap, i, g->gradient[i], (Ref){0});
        tap.attr = ir_attrs_default();
        tap.attr.point = param.name;
        tap.attr.number = number++;
        tap.attr.to = ir_node(g->graph, g->gradient[i])->type.dim[1];
        tap.place.stride = tap.attr.to;
        ir_node_add(g->graph, tap);
    }
}

static Ref add_loss(Graph *graph, Op op, Ref logits, Ref targets) {
    return ir_node_add(graph, (Node){.op = op,
                                     .loc = ir_node(graph, logits)->loc,
                                     .attr = ir_attrs_default(),
                                     .in = {logits, targets}});
}

/* False: reported. */
static bool add_gradient(Graph *graph, Arena *scratch) {
    const Ref logits = graph->result;
    const int64_t rows = ir_node(graph, logits)->type.dim[0];
    Gradient g = {.graph = graph, .count = graph->count};
    g.gradient = ARENA_ARRAY(scratch, Ref, g.count);
    g.is_active = ARENA_ARRAY(scratch, bool, g.count);
    find_active(&g);
    const Ref targets = ir_node_add(graph, (Node){.op = OP_targets,
                                                  .loc = ir_node(graph, logits)->loc,
                                                  .attr = ir_attrs_default(),
                                                  .type = {DTYPE_i32, 1, {rows}}});
    graph->result = add_loss(graph, OP_cross_entropy, logits, targets);
    g.gradient[logits.index] = add_loss(graph, OP_cross_entropy_back, logits, targets);
    if (!go_back(&g)) return false;
    tap_params(&g);
    return true;
}

Graph *gradient_make(const Graph *model, Arena *arena) {
    Graph *graph = ir_graph_copy(model, arena);
    Arena *scratch = arena_create();
    bool is_made = fuse_attention(graph);
    if (is_made) keep_all(graph, scratch);
    if (is_made) infer_types(graph);
    is_made = is_made && add_gradient(graph, scratch);
    if (is_made) ir_sweep(graph, scratch);
    arena_destroy(scratch);
    return is_made && ir_verify(graph) ? graph : NULL;
}
