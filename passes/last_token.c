/* last_token.c - compute logits only for the rows asked.
 *
 *   %13 = read %12, @head : f32[T, V]     %13 = last %12 : f32[L, 64]
 *   %14 = last %13 : f32[L, V]       =>   %14 = read %13, @head : f32[L, V]
 *   return %14                            return %14
 *
 * Saves, in a prefill, the head's product for all tokens but those whose logits are wanted: as much
 * as several layers. Legal when the ops between the last state and the result work row by row, none
 * of their values is used by anything else, and they are whole kernels. Rounding: none.
 * Needs: to run after the fusions, so that the state stays in its line. Keeps: all other nodes.
 */
#include "passes/match.h"
#include "passes/pass.h"

static bool is_row_wise(const Node *node) {
    return match_is_projection(node) || match_is_pointwise(node) || node->op == OP_norm;
}

/* Only constants beside operand 0: other rows than its own do not matter to the node. */
static bool has_one_input(const Graph *graph, const Node *node) {
    for (int k = 1; k < IR_MAX_INPUTS; k++)
        if (!ir_ref_is_none(node->in[k]) && !ir_is_constant(ir_node(graph, node->in[k])))
            return false;
    return true;
}

/* The first node of the head: the farthest from `last` that starts a kernel. None: no head. */
static Ref find_head(const Users *users, const Node *last) {
    const Graph *graph = users->graph;
    Ref head = {0}, at = last->in[0];
    bool has_projection = false;
    while (match_use_count(users, at.index) == 1) {
        const Node *node = ir_node(graph, at);
        if (!is_row_wise(node) || !has_one_input(graph, node)) break;
        if (node->type.dim[0] != IR_TOKENS) break;
        has_projection |= match_is_projection(node);
        if (ir_ref_is_none(node->root)) head = at;
        at = node->in[0];
    }
    return has_projection ? head : (Ref){0};
}

/* Puts `last` before the head and makes every node from there to the result one of L rows. */
static void shorten(Graph *graph, Ref head) {
    const Ref moved = graph->result;
    Node *last = ir_node(graph, moved);
    graph->result = last->in[0];
    for (Ref at = graph->result;; at = ir_node(graph, at)->in[0]) {
        ir_node(graph, at)->type.dim[0] = IR_LOGIT_ROWS;
        if (ir_ref_equal(at, head)) break;
    }
    last->in[0] = ir_node(graph, head)->in[0];
    last->type.dim[1] = ir_node(graph, last->in[0])->type.dim[1];
    ir_node(graph, head)->in[0] = moved;
}

bool pass_last_token(Graph *graph, PassContext *context) {
    const Users users = match_users(graph, context->scratch);
    const Node *result = &graph->node[graph->result.index];
    const Ref head = result->op == OP_last ? find_head(&users, result) : (Ref){0};
    snprintf(context->summary, sizeof context->summary, "%s",
             ir_ref_is_none(head) ? "no head to shorten"
                                  : "the head computes the rows asked, not all tokens");
    if (!ir_ref_is_none(head)) shorten(graph, head);
    ir_sweep(graph, context->scratch);
    return true;
}
