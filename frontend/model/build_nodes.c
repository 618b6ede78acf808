#include "frontend/model/build_nodes.h"

Node build_node(Op op, Loc loc, Ref first, Ref second) {
    Node node = {.op = op, .loc = loc, .in = {first, second}, .attr = ir_attrs_default()};
    return node;
}

Ref build_add(Build *build, Node node) {
    return ir_node_add(build->graph, node);
}

int64_t build_positions(const Build *build) {
    const Model *model = build->model;
    return model->context > model->own_context ? model->context : model->own_context;
}

Ref build_param(Build *build, Loc loc, const char *stem, const char *suffix, int64_t rows,
                int64_t columns) {
    Node node = build_node(OP_param, loc, (Ref){0}, (Ref){0});
    node.name = arena_printf(build->graph->arena, "%s%s", stem, suffix);
    node.type = (Type){DTYPE_f32, columns ? 2 : 1, {rows, columns}};
    return build_add(build, node);
}

static int64_t columns_of(const Build *build, Ref x) {
    return ir_node(build->graph, x)->type.dim[1];
}

Ref build_norm(Build *build, Loc loc, Ref x, const Norm *norm, int64_t groups, const char *stem) {
    if (norm->kind == NORM_none) return x;
    const int64_t columns = columns_of(build, x) / groups;
    Node node = build_node(OP_norm, loc, x, (Ref){0});
    node.attr.kind = norm->kind;
    node.attr.eps = norm->eps;
    node.attr.groups = groups;
    if (norm->gain) {
        node.in[1] = build_param(build, loc, stem, ".gain", columns, 0);
        node.attr.offset = (double)norm->gain_offset;
    }
    if (norm->bias) node.in[2] = build_param(build, loc, stem, ".bias", columns, 0);
    return build_add(build, node);
}

Ref build_project(Build *build, Loc loc, Ref x, int64_t outputs, bool has_bias, const char *stem) {
    const int64_t inputs = columns_of(build, x);
    Node node = build_node(OP_project, loc, x, (Ref){0});
    node.in[1] = build_param(build, loc, stem, ".weight", outputs, inputs);
    if (has_bias) node.in[2] = build_param(build, loc, stem, ".bias", outputs, 0);
    return build_add(build, node);
}

Ref build_activate(Build *build, Loc loc, Ref x, Activation activation) {
    Node node = build_node(OP_activate, loc, x, (Ref){0});
    node.attr.activation = activation;
    return build_add(build, node);
}
