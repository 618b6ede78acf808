#include "ir/ir.h"

#include <assert.h>
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

/* ---- asking ---- */

Node *ir_node(const Graph *graph, Ref ref) {
    assert(ref.index > 0 && ref.index < graph->count);
    return &graph->node[ref.index];
}

bool ir_ref_is_none(Ref ref) {
    return ref.index == 0;
}

bool ir_ref_equal(Ref a, Ref b) {
    return a.index == b.index;
}

bool ir_type_equal(Type a, Type b) {
    if (a.dtype != b.dtype || a.rank != b.rank) return false;
    for (int i = 0; i < a.rank; i++)
        if (a.dim[i] != b.dim[i]) return false;
    return true;
}

bool ir_schedule_equal(Schedule a, Schedule b) {
    bool is_equal = true;
#define SCHEDULE(name, text) is_equal &= a.name == b.name;
#include "ir/schedule.def"
#undef SCHEDULE
    return is_equal;
}

bool ir_can_be_prologue(const Node *node) {
    return node->op == OP_quantise || (node->op == OP_norm && node->attr.groups == 1);
}

bool ir_reads_norm(const Graph *graph, const Node *projection) {
    const Node *x = ir_node(graph, projection->in[0]);
    return projection->attr.kind != NORM_none ||
           (ir_can_be_prologue(x) && x->attr.kind != NORM_none);
}

bool ir_is_constant(const Node *node) {
    return ir_op_info[node->op].kind == KIND_CONSTANT;
}

Ref ir_root(const Graph *graph, Ref ref) {
    const Ref root = ir_node(graph, ref)->root;
    return ir_ref_is_none(root) ? ref : root;
}

uint32_t *ir_count_uses(const Graph *graph, Arena *scratch) {
    uint32_t *uses = ARENA_ARRAY(scratch, uint32_t, graph->count);
    for (uint32_t i = 1; i < graph->count; i++)
        for (int k = 0; k < IR_MAX_INPUTS; k++)
            if (!ir_ref_is_none(graph->node[i].in[k])) uses[graph->node[i].in[k].index]++;
    if (!ir_ref_is_none(graph->result)) uses[graph->result.index]++;
    return uses;
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

static void bind(Type *type, int64_t tokens, int64_t rows) {
    for (int d = 0; d < type->rank; d++) {
        if (type->dim[d] == IR_TOKENS) type->dim[d] = tokens;
        if (type->dim[d] == IR_LOGIT_ROWS) type->dim[d] = rows;
    }
}

void ir_specialise(Graph *graph, int64_t tokens, int64_t rows, Arena *scratch) {
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        bind(&node->type, tokens, rows);
        if (node->op == OP_last && ir_type_equal(node->type, ir_node(graph, node->in[0])->type))
            ir_replace_uses(graph, (Ref){i}, node->in[0]);
    }
    ir_sweep(graph, scratch);
}
