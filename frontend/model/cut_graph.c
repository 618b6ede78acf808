/* cut_graph.c - a part of a model: from a state of the stream that is given on, or up to its taps.
 *
 * The graph is built as a whole. At the start
 *
 *   %12 = write %9, %11                     %1 = start {point = blocks.3.hook_resid_pre}
 *   %13 = read %12, ...               =>    %2 = begin %1
 *                                           %13 = read %2, ...
 *
 * and what nobody needs then is swept away. What is left has the weights of the whole model in the
 * same order, so that all parts use one file of packed weights.
 */
#include "frontend/model/build_nodes.h"

#include <string.h>

static const Instruments *instruments_of(const Build *build) {
    return build->model->instruments;
}

/* ---- the start ---- */

bool build_is_in_part(const Build *build) {
    return !instruments_of(build)->start || !ir_ref_is_none(build->begin);
}

Ref build_start(Build *build, const ModelPoint *point, Ref x) {
    Instruments *all = build->model->instruments;
    Instrument *start = all->start;
    if (build_is_in_part(build) || !instrument_is_at(start, point)) return x;
    Node given = build_node(OP_start, ir_node(build->graph, x)->loc, (Ref){0}, (Ref){0});
    given.type = (Type){DTYPE_f32, 2, {IR_TOKENS, point->columns}};
    given.attr.point = point_name(point, false, build->graph->arena);
    const Ref rows = build_add(build, given);
    build->before = x;
    build->begin = build_add(build, build_node(OP_begin, given.loc, rows, (Ref){0}));
    start->found++;
    all->point_count = 0; /* those before it are no points of the part */
    return build->begin;
}

/* ---- the whole ---- */

static void sweep(Graph *graph) {
    Arena *scratch = arena_create();
    ir_sweep(graph, scratch);
    arena_destroy(scratch);
}

static Graph *make_whole(const Build *build) {
    Graph *whole = ir_graph_copy(build->graph, build->graph->arena);
    for (uint32_t i = 1; i < whole->count; i++)
        if (whole->node[i].op == OP_tap) whole->node[i].op = OP_slice; /* which nobody needs */
    if (!ir_ref_is_none(build->begin)) ir_replace_uses(whole, build->begin, build->before);
    sweep(whole);
    return whole;
}

/* ---- what taps alone need ---- */

/* What the taps depend on. */
static bool *find_tapped(const Graph *graph) {
    bool *is_tapped = ARENA_ARRAY(graph->arena, bool, graph->count);
    for (uint32_t i = graph->count - 1; i > 0; i--) {
        const Node *node = &graph->node[i];
        is_tapped[i] |= node->op == OP_tap;
        for (int k = 0; k < IR_MAX_INPUTS && is_tapped[i]; k++) is_tapped[node->in[k].index] = true;
    }
    return is_tapped;
}

/* Scores are made by an attention as a whole: what it makes of those that taps want alone goes to a
 * buffer behind all others, which nobody gives. */
static void keep_attentions(Build *build, const bool *is_tapped) {
    Graph *graph = build->graph;
    const uint32_t count = graph->count;
    for (uint32_t i = 1; i < count; i++) {
        const Node *mix = &graph->node[i];
        if (mix->op != OP_mix || is_tapped[i]) continue;
        const Ref scores = ir_node(graph, mix->in[0])->in[0];
        if (!is_tapped[mix->in[0].index] && !is_tapped[scores.index]) continue;
        Node tap = build_node(OP_tap, mix->loc, (Ref){i}, (Ref){0});
        tap.attr.point = "hook_z";
        tap.attr.number = instruments_of(build)->tap_count;
        tap.attr.to = tap.place.stride = mix->type.dim[1];
        build_add(build, tap);
    }
}

static bool end_at_taps(Build *build) {
    const Instruments *all = instruments_of(build);
    Graph *graph = build->graph;
    if (!all->taps) {
        diag_error(graph->diag, graph->loc,
                   "nothing but what taps keep is wanted, and there are none");
        return diag_hint(graph->diag, "name one with --tap, as resid_post3");
    }
    const bool *is_tapped = find_tapped(graph);
    bool ok = true;
    for (int i = 0; i < all->count; i++) {
        const Instrument *edit = &all->at[i];
        if (!edit->is_edit || ir_ref_is_none(edit->first) || is_tapped[edit->first.index]) continue;
        ok = diag_error(graph->diag, edit->loc, "edit '%.80s': no tap sees what it does",
                        edit->text);
    }
    keep_attentions(build, is_tapped);
    graph->result = (Ref){0};
    return ok;
}

Graph *build_cut(Build *build) {
    const Instruments *all = instruments_of(build);
    const bool is_part = all->start || all->taps_alone;
    Graph *whole = is_part ? make_whole(build) : build->graph;
    if (all->taps_alone && !end_at_taps(build)) return NULL;
    return build_sweep(build->graph) ? whole : NULL;
}
