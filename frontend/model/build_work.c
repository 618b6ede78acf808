/* build_work.c - what a branch does between reading the stream and writing it. */
#include "frontend/model/build_nodes.h"

#include <float.h>

/* ---- attention ---- */

static Ref project(Build *build, const Attention *attention, Ref x, int64_t heads, bool has_bias,
                   const char *stem, const char *part) {
    return build_project(build, attention->loc, x, heads * attention->head_dim, has_bias,
                         arena_printf(build->graph->arena, "%s.%s", stem, part));
}

Reads build_attention_reads(Build *build, const Attention *attention, Ref x, const char *stem) {
    const AttentionBias *bias = &attention->bias;
    const int64_t heads = attention->heads, kv_heads = attention->kv_heads;
    const Ref q = project(build, attention, x, heads, bias->q, stem, "q");
    const Ref k = project(build, attention, x, kv_heads, bias->k, stem, "k");
    const Ref v = project(build, attention, x, kv_heads, bias->v, stem, "v");
    return (Reads){.q = build_point(build, POINT_q, q, heads),
                   .k = build_point(build, POINT_k, k, kv_heads),
                   .v = build_point(build, POINT_v, v, kv_heads)};
}

static Ref add_qk_norm(Build *build, const Attention *attention, Ref x, int64_t heads,
                       const char *stem, const char *part) {
    const bool is_over_head = attention->qk_norm.over == OVER_head;
    return build_norm(build, attention->qk_norm_loc, x, &attention->qk_norm,
                      is_over_head ? heads : 1,
                      arena_printf(build->graph->arena, "%s.%s_norm", stem, part));
}

static Ref add_rope(Build *build, const Attention *attention, Ref x, int64_t heads) {
    const Rope *rope = &attention->rope;
    if (!rope->is_used) return x;
    Node node = build_node(OP_rope, attention->rope_loc, x, build->position);
    node.attr.heads = heads;
    build_rope(rope, build->model->own_context, build->model->context, &node.attr);
    return build_add(build, node);
}

static Ref add_clip(Build *build, const Attention *attention, Ref x) {
    if (!(attention->clip > 0)) return x;
    Node node = build_node(OP_clip, attention->clip_loc, x, (Ref){0});
    node.attr.limit = attention->clip;
    return build_add(build, node);
}

/* Queries or keys from their projection to where scores are made of them. */
static Ref turn(Build *build, const Attention *attention, Ref x, int64_t heads, const char *stem,
                const char *part) {
    x = add_clip(build, attention, x);
    if (attention->qk_norm.after_rope)
        return add_qk_norm(build, attention, add_rope(build, attention, x, heads), heads, stem,
                           part);
    x = add_qk_norm(build, attention, x, heads, stem, part);
    return add_rope(build, attention, x, heads);
}

static Ref add_query_scale(Build *build, const Attention *attention, Ref q, const char *stem) {
    const QueryScale *scale = &attention->query_scale;
    const Loc loc = attention->query_scale_loc;
    if (!scale->is_used) return q;
    Node scales = build_node(OP_position_scales, loc, (Ref){0}, (Ref){0});
    scales.name = arena_printf(build->graph->arena, "%s.query_scale", stem);
    scales.type = (Type){DTYPE_f32, 1, {build_positions(build)}};
    scales.attr.scale = scale->beta;
    scales.attr.offset = (double)scale->offset;
    scales.attr.original = scale->original;
    Node node = build_node(OP_scale_positions, loc, q, build_add(build, scales));
    node.in[2] = build->position;
    node.attr.heads = attention->heads;
    return build_add(build, node);
}

static Ref add_append(Build *build, const Attention *attention, Ref x, const char *stem,
                      const char *part) {
    Node node = build_node(OP_append, attention->loc, x, build->position);
    node.attr.cache = arena_printf(build->graph->arena, "%s.%s", stem, part);
    node.attr.heads = attention->kv_heads;
    node.attr.context = build->model->context;
    return build_add(build, node);
}

static Ref add_scores(Build *build, const Attention *attention, Ref q, Ref keys) {
    Node node = build_node(OP_scores, attention->loc, q, keys);
    node.in[2] = build->position;
    node.attr.heads = attention->heads;
    node.attr.kv_heads = attention->kv_heads;
    node.attr.scale = attention->scale;
    node.attr.softcap = attention->softcap;
    node.attr.window = attention->window;
    node.attr.causal = attention->causal;
    node.attr.alibi = attention->alibi;
    return build_add(build, node);
}

static Ref add_mix(Build *build, const Attention *attention, Ref weights, Ref values) {
    Node node = build_node(OP_mix, attention->loc, weights, values);
    node.attr.heads = attention->heads;
    node.attr.kv_heads = attention->kv_heads;
    return build_add(build, node);
}

/* ---- what a head writes ---- */

typedef struct {
    const Attention *attention;
    Ref mixed, projected; /* the heads' z, and its product with W_O */
} Heads;

static Ref set_to_0(Build *build, Ref x, int64_t from, int64_t to) {
    Node node = build_node(OP_edit, ir_node(build->graph, x)->loc, x, (Ref){0});
    node.attr.point = "hook_result";
    node.attr.edit = EDIT_set;
    node.attr.strength = 0;
    node.attr.from = from;
    node.attr.to = to;
    return from < to ? build_add(build, node) : x;
}

/* The product with all of W_O, whose rows may be rounded as a whole, of a copy of z in which the
 * other heads are 0. */
static Ref build_result(Build *build, const void *context, int64_t head) {
    const Heads *heads = context;
    const int64_t dim = heads->attention->head_dim;
    Node copy = build_node(OP_clip, heads->attention->loc, heads->mixed, (Ref){0});
    copy.attr.limit = FLT_MAX;
    Ref z = build_add(build, copy);
    z = set_to_0(build, z, 0, head * dim);
    z = set_to_0(build, z, (head + 1) * dim, heads->attention->heads * dim);
    return build_add(build, build_node(OP_project, heads->attention->loc, z,
                                       ir_node(build->graph, heads->projected)->in[1]));
}

Ref build_attention_work(Build *build, const Attention *attention, const Reads *reads,
                         const char *stem) {
    Ref q = turn(build, attention, reads->q, attention->heads, stem, "q");
    Ref k = turn(build, attention, reads->k, attention->kv_heads, stem, "k");
    q = add_query_scale(build, attention, q, stem);
    if (attention->rope.is_used) q = build_point(build, POINT_rot_q, q, attention->heads);
    if (attention->rope.is_used) k = build_point(build, POINT_rot_k, k, attention->kv_heads);
    const Ref keys = add_append(build, attention, k, stem, "k");
    const Ref v = add_clip(build, attention, reads->v);
    const Ref values = add_append(build, attention, v, stem, "v");
    Ref scores = add_scores(build, attention, q, keys);
    scores = build_point(build, POINT_attn_scores, scores, attention->heads);
    Ref weights = build_add(build, build_node(OP_softmax, attention->loc, scores, (Ref){0}));
    weights = build_point(build, POINT_pattern, weights, attention->heads);
    Ref mixed = add_mix(build, attention, weights, values);
    mixed = build_point(build, POINT_z, mixed, attention->heads);
    const Ref projected =
        build_project(build, attention->loc, mixed, build->model->width, attention->bias.o,
                      arena_printf(build->graph->arena, "%s.o", stem));
    build_parts_point(build, POINT_result, attention->heads, build->model->width, build_result,
                      &(Heads){attention, mixed, projected});
    return projected;
}

/* ---- mlp ---- */

static Ref project_in(Build *build, const Mlp *mlp, Ref x, const char *stem, const char *part) {
    return build_project(build, mlp->loc, x, mlp->hidden, mlp->bias.in,
                         arena_printf(build->graph->arena, "%s.%s", stem, part));
}

Reads build_mlp_reads(Build *build, const Mlp *mlp, Ref x, const char *stem) {
    Reads reads = {0};
    if (mlp->gated) {
        const Ref gate = project_in(build, mlp, x, stem, "gate");
        reads.gate = build_point(build, POINT_pre, gate, mlp->hidden);
    }
    reads.up = project_in(build, mlp, x, stem, "up");
    reads.up = build_point(build, mlp->gated ? POINT_pre_linear : POINT_pre, reads.up, mlp->hidden);
    return reads;
}

Ref build_mlp_work(Build *build, const Mlp *mlp, const Reads *reads, const char *stem) {
    const Activation activation = (Activation)model_lowered_activation(mlp->activation);
    Ref hidden = build_activate(build, mlp->activation_loc, mlp->gated ? reads->gate : reads->up,
                                activation);
    if (mlp->gated) hidden = build_add(build, build_node(OP_multiply, mlp->loc, hidden, reads->up));
    hidden = build_point(build, POINT_post, hidden, mlp->hidden);
    return build_project(build, mlp->loc, hidden, build->model->width, mlp->bias.out,
                         arena_printf(build->graph->arena, "%s.down", stem));
}
