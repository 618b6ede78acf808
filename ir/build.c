#include "ir/ir.h"

#include <string.h>

/* ---- making ---- */

Graph *ir_graph_create(Arena *arena, Diag *diag, const char *name) {
    Graph *graph = ARENA_NEW(arena, Graph);
    *graph = (Graph){.arena = arena, .diag = diag, .name = name, .count = 1, .capacity = 64};
    graph->node = ARENA_ARRAY(arena, Node, graph->capacity);
    return graph;
}

Graph *ir_graph_copy(const Graph *graph, Arena *arena) {
    Graph *copy = ARENA_NEW(arena, Graph);
    *copy = *graph;
    copy->arena = arena;
    copy->node = ARENA_ARRAY(arena, Node, graph->capacity);
    memcpy(copy->node, graph->node, graph->count * sizeof *copy->node);
    return copy;
}

Attrs ir_attrs_default(void) {
    return (Attrs){
#define ATTR(name, kind, initial) .name = initial,
#include "ir/attrs.def"
#undef ATTR
    };
}

static void grow(Graph *graph) {
    Node *grown = ARENA_ARRAY(graph->arena, Node, (size_t)graph->capacity * 2);
    memcpy(grown, graph->node, graph->count * sizeof *grown);
    graph->node = grown;
    graph->capacity *= 2;
}

/* A node whose operands do not fit has no type: its shape rule has reported why. */
Ref ir_node_add(Graph *graph, Node node) {
    const OpInfo *info = &ir_op_info[node.op];
    if (graph->count == graph->capacity) grow(graph);
    if (info->infer) {
        Type type = {0};
        node.type = info->infer(graph, &node, &type) ? type : (Type){0};
    }
    graph->node[graph->count] = node;
    return (Ref){graph->count++};
}

/* ---- changing ---- */

void ir_replace_uses(Graph *graph, Ref from, Ref to) {
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        for (int k = 0; k < IR_MAX_INPUTS; k++)
            if (ir_ref_equal(node->in[k], from)) node->in[k] = to;
        if (ir_ref_equal(node->root, from)) node->root = to;
        if (node->root.index == i) node->root = (Ref){0};
    }
    if (ir_ref_equal(graph->result, from)) graph->result = to;
}
