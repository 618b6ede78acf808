#include "ir/ir.h"

static void bind(Type *type, int64_t tokens, int64_t rows) {
    for (int d = 0; d < type->rank; d++) {
        if (type->dim[d] == IR_TOKENS) type->dim[d] = tokens;
        if (type->dim[d] == IR_LOGIT_ROWS) type->dim[d] = rows;
    }
}

/* Whether `last` is its operand. A state of the stream lies where all of them do: what is returned
 * of it is a copy. */
static bool takes_all(const Graph *graph, uint32_t index) {
    const Node *last = &graph->node[index], *of = ir_node(graph, last->in[0]);
    const bool is_copy = graph->result.index == index && ir_op_info[of->op].kind == KIND_STREAM;
    return !is_copy && ir_type_equal(last->type, of->type);
}

void ir_specialise(Graph *graph, int64_t tokens, int64_t rows, Arena *scratch) {
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        bind(&node->type, tokens, rows);
        if (node->op == OP_last && takes_all(graph, i))
            ir_replace_uses(graph, (Ref){i}, node->in[0]);
    }
    ir_sweep(graph, scratch);
}

void ir_make_batch(Graph *graph, int64_t rows) {
    graph->batch = rows;
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        const Node *of = ir_node(graph, node->in[0]);
        const bool is_of_pool = node->type.dim[0] == 1 && !ir_is_constant(node) &&
                                node->in[0].index && of->type.dim[0] == IR_LOGIT_ROWS;
        if (node->op == OP_pool || is_of_pool) node->type.dim[0] = IR_LOGIT_ROWS;
    }
}

bool ir_last_is_view(const Graph *graph, const Node *node) {
    return node->op == OP_last && !graph->batch;
}

int64_t ir_most_rows(const Graph *graph) {
    return graph->batch ? graph->batch : graph->chunk;
}
