#include "passes/gradient_rules.h"

Node gradient_node(const Gradient *g, Op op, uint32_t index, Ref a, Ref b) {
    const Node *from = &g->graph->node[index];
    return (Node){.op = op, .loc = from->loc, .attr = from->attr, .in = {a, b}};
}

/* The same without attributes. */
static Node plain_node(const Gradient *g, Op op, uint32_t index, Ref a, Ref b) {
    Node node = gradient_node(g, op, index, a, b);
    node.attr = ir_attrs_default();
    return node;
}

static bool is_wanted(const Gradient *g, Ref value) {
    return !ir_ref_is_none(value) && g->is_active[value.index];
}

static void give_ref(Gradient *g, Ref value, Ref part) {
    Ref *sum = &g->gradient[value.index];
    if (!is_wanted(g, value)) return;
    if (ir_ref_is_none(*sum)) {
        *sum = part;
        return;
    }
    *sum = ir_node_add(g->graph, plain_node(g, OP_add, value.index, *sum, part));
}

void gradient_give(Gradient *g, Ref value, Node node) {
    if (is_wanted(g, value)) give_ref(g, value, ir_node_add(g->graph, node));
}

/* A copy: nodes move where the graph grows. */
static Node model_node(const Gradient *g, uint32_t index) {
    return g->graph->node[index];
}

/* Of an op whose gradient needs what it read. */
static void give_back(Gradient *g, uint32_t index, Op op, Ref d) {
    const Ref x = g->graph->node[index].in[0];
    gradient_give(g, x, gradient_node(g, op, index, d, x));
}

/* ---- products ---- */

static void give_bias(Gradient *g, uint32_t index, Ref bias, Ref d) {
    gradient_give(g, bias, plain_node(g, OP_sum_rows, index, d, (Ref){0}));
}

static void project(Gradient *g, uint32_t index, Ref d) {
    const Node node = model_node(g, index);
    Node back = plain_node(g, OP_project_back, index, d, node.in[1]);
    back.attr.format = node.attr.format;
    gradient_give(g, node.in[0], back);
    gradient_give(g, node.in[1], plain_node(g, OP_outer, index, d, node.in[0]));
    give_bias(g, index, node.in[2], d);
}

/* ---- into the stream, and back ---- */

static void embed(Gradient *g, uint32_t index, Ref d) {
    const Node node = model_node(g, index);
    Node back = plain_node(g, OP_embed_back, index, d, node.in[0]);
    back.attr.scale = node.attr.scale;
    back.in[2] = node.in[1];
    gradient_give(g, node.in[1], back);
    give_bias(g, index, node.in[2], d);
}

static void add_positions(Gradient *g, uint32_t index, Ref d) {
    const Node node = model_node(g, index);
    Node back = plain_node(g, OP_add_positions_back, index, d, node.in[1]);
    back.attr.offset = node.attr.offset;
    back.in[2] = node.in[2];
    give_ref(g, node.in[0], d);
    gradient_give(g, node.in[1], back);
}

static Node scaled(const Gradient *g, uint32_t index, Ref d, double scale) {
    Node node = plain_node(g, OP_scale, index, d, (Ref){0});
    node.attr.scale = scale;
    return node;
}

static void give_scaled(Gradient *g, uint32_t index, Ref value, Ref d, double scale) {
    if (scale == 1)
        give_ref(g, value, d);
    else
        gradient_give(g, value, scaled(g, index, d, scale));
}

static void add(Gradient *g, uint32_t index, Ref d) {
    const Node node = model_node(g, index);
    give_scaled(g, index, node.in[0], d, node.attr.carry);
    give_scaled(g, index, node.in[1], d, node.attr.scale);
}

/* Of a factor for all columns, the sum over columns, too. */
static void scale_by(Gradient *g, uint32_t index, Ref d) {
    const Node node = model_node(g, index);
    Node back = plain_node(g, OP_scale_by, index, d, node.in[1]);
    back.attr.scale = node.attr.scale;
    gradient_give(g, node.in[0], back);
    if (!is_wanted(g, node.in[1])) return;
    Ref product = ir_node_add(g->graph, plain_node(g, OP_multiply, index, d, node.in[0]));
    if (node.attr.scale != 1)
        product = ir_node_add(g->graph, scaled(g, index, product, node.attr.scale));
    Node sum = plain_node(g, OP_sum_rows, index, product, (Ref){0});
    sum.attr.groups = node.type.dim[1] / ir_node(g->graph, node.in[1])->type.dim[0];
    gradient_give(g, node.in[1], sum);
}

/* Of a table's row that is a bias. */
static void row_of(Gradient *g, uint32_t index, Ref d) {
    give_back(g, index, OP_row_of_back, d);
}

/* ---- norms ---- */

/* A gain, or bias, as long as a part of a row is shared by all parts. */
static void give_shared(Gradient *g, uint32_t index, Ref vector, Ref d) {
    if (!is_wanted(g, vector)) return;
    Node sum = plain_node(g, OP_sum_rows, index, d, (Ref){0});
    sum.attr.groups = ir_node(g->graph, d)->type.dim[1] / ir_node(g->graph, vector)->type.dim[0];
    gradient_give(g, vector, sum);
}

static void norm(Gradient *g, uint32_t index, Ref d) {
    const Node node = model_node(g, index);
    Node back = gradient_node(g, OP_norm_back, index, d, node.in[0]);
    back.in[2] = node.in[1];
    gradient_give(g, node.in[0], back);
    if (is_wanted(g, node.in[1])) {
        Node plain = gradient_node(g, OP_norm, index, node.in[0], (Ref){0});
        plain.attr.offset = 0;
        const Ref normalised = ir_node_add(g->graph, plain);
        const Ref product = ir_node_add(g->graph, plain_node(g, OP_multiply, index, d, normalised));
        give_shared(g, index, node.in[1], product);
    }
    give_shared(g, index, node.in[2], d);
}

/* ---- element by element ---- */

static void activate(Gradient *g, uint32_t index, Ref d) {
    give_back(g, index, OP_activate_back, d);
}

static void softcap(Gradient *g, uint32_t index, Ref d) {
    give_back(g, index, OP_softcap_back, d);
}

static void clip(Gradient *g, uint32_t index, Ref d) {
    give_back(g, index, OP_clip_back, d);
}

static void slice(Gradient *g, uint32_t index, Ref d) {
    give_back(g, index, OP_slice_back, d);
}

static void pool(Gradient *g, uint32_t index, Ref d) {
    give_back(g, index, OP_pool_back, d);
}

static void scale(Gradient *g, uint32_t index, Ref d) {
    const Node node = model_node(g, index);
    give_scaled(g, index, node.in[0], d, node.attr.scale);
}

static void multiply(Gradient *g, uint32_t index, Ref d) {
    const Node node = model_node(g, index);
    gradient_give(g, node.in[0], plain_node(g, OP_multiply, index, d, node.in[1]));
    gradient_give(g, node.in[1], plain_node(g, OP_multiply, index, d, node.in[0]));
}

/* ---- positions and attention ---- */

static void rope(Gradient *g, uint32_t index, Ref d) {
    const Node node = model_node(g, index);
    gradient_give(g, node.in[0], gradient_node(g, OP_rope_back, index, d, node.in[1]));
}

static void scale_positions(Gradient *g, uint32_t index, Ref d) {
    const Node node = model_node(g, index);
    Node back = gradient_node(g, OP_scale_positions, index, d, node.in[1]);
    back.in[2] = node.in[2];
    gradient_give(g, node.in[0], back);
}

/* A cache's gradient has the rows of this call's tokens alone. */
static void append(Gradient *g, uint32_t index, Ref d) {
    give_ref(g, g->graph->node[index].in[0], d);
}

static void attend(Gradient *g, uint32_t index, Ref d) {
    static const Op of_operand[] = {OP_attend_back_q, OP_attend_back_k, OP_attend_back_v};
    const Node node = model_node(g, index);
    for (int k = 0; k < 3; k++) {
        Node back = gradient_node(g, of_operand[k], index, d, (Ref){0});
        for (int i = 0; i < 4; i++) back.in[i + 1] = node.in[i];
        gradient_give(g, node.in[k], back);
    }
}

GradientRule *const gradient_rule[OP_COUNT] = {
    [OP_row_of] = row_of,
    [OP_embed] = embed,
    [OP_add_positions] = add_positions,
    [OP_norm] = norm,
    [OP_project] = project,
    [OP_slice] = slice,
    [OP_activate] = activate,
    [OP_multiply] = multiply,
    [OP_scale] = scale,
    [OP_softcap] = softcap,
    [OP_clip] = clip,
    [OP_rope] = rope,
    [OP_scale_positions] = scale_positions,
    [OP_append] = append,
    [OP_attend] = attend,
    [OP_add] = add,
    [OP_scale_by] = scale_by,
    [OP_pool] = pool,
};
