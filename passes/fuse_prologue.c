/* fuse_prologue.c - normalise or round a single row in the kernel that multiplies it.
 *
 *   %5 = quantise %4 {format = q8, kind = rms}   %5 = quantise %4 {format = q8, kind = rms} in %6
 *   %6 = project %5, @up {format = q8}       =>  %6 = project %5, @up {format = q8}
 *
 * Every thread does it for itself: that takes less time than to wait for the others. Legal when the
 * projection alone reads the row, before its operand is overwritten. Many rows stay a kernel of
 * their own, which the threads share. Rounding: none. Needs: quantise before, the graph of a phase.
 * Keeps: the order.
 */
#include "passes/match.h"
#include "passes/pass.h"

static bool is_prologue(const Graph *graph, const Users *users, uint32_t index, Ref user) {
    const Node *node = &graph->node[index];
    if (!ir_can_be_prologue(node) || node->type.dim[0] != 1 || !ir_ref_is_none(node->root))
        return false;
    if (ir_ref_is_none(user) || ir_node(graph, user)->op != OP_project) return false;
    return ir_ref_is_none(ir_node(graph, user)->root) &&
           match_overwriter(users, node->in[0]) > user.index;
}

bool pass_fuse_prologue(Graph *graph, PassContext *context) {
    const Users users = match_users(graph, context->scratch);
    int joined = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Ref user = match_single_user(&users, (Ref){i});
        if (!is_prologue(graph, &users, i, user)) continue;
        graph->node[i].root = user;
        joined++;
    }
    snprintf(context->summary, sizeof context->summary,
             "%d rows are normalised or rounded where they are multiplied", joined);
    return true;
}
