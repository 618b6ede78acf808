#include "ir/ir.h"

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
