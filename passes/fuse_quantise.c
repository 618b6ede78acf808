/* fuse_quantise.c - round a single row in the kernel that multiplies it.
 *
 *   %5 = quantise %4 {format = q8, kind = rms}   %5 = quantise %4 {format = q8, kind = rms} in %6
 *   %6 = project %5, @up {format = q8}       =>  %6 = project %5, @up {format = q8}
 *
 * Every thread rounds the row for itself: that takes less time than to wait for the others. Legal
 * when the projection alone reads it. Many rows stay a kernel of their own, which the threads
 * share. Rounding: none. Needs: quantise before, the graph of a phase. Keeps: the order.
 */
#include "passes/match.h"
#include "passes/pass.h"

bool pass_fuse_quantise(Graph *graph, PassContext *context) {
    const Users users = match_users(graph, context->scratch);
    int joined = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        if (node->op != OP_quantise || node->type.dim[0] != 1 || !ir_ref_is_none(node->root))
            continue;
        const Ref user = match_single_user(&users, (Ref){i});
        if (ir_ref_is_none(user) || !ir_ref_is_none(ir_node(graph, user)->root)) continue;
        node->root = user;
        joined++;
    }
    snprintf(context->summary, sizeof context->summary,
             "%d rows are rounded where they are multiplied", joined);
    return true;
}
