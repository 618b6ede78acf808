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
