/* schedule.c - choose register tiles and blocks for each kernel.
 *
 *   %7 = read %4, @up : f32[T, 3072] => %7 = read %4, @up : f32[T, 3072] with {rows = 14, ...}
 *
 * By rule (schedule_rule.c); what tuning found goes before it, where it is legal here. Keeps:
 * everything else. The value of the graph does not depend on it.
 */
#include "passes/match.h"
#include "passes/pass.h"
#include "passes/schedule_space.h"
#include "passes/tuning.h"

/* What measuring found, if it is possible here; what strangers found may not be. */
static bool take_tuned(Graph *graph, Ref root, const PassContext *context) {
    const char *name = tuning_kernel_name(graph, root, context->scratch);
    const Tuned *tuned = tuning_find(context->tuning, name);
    Node *node = ir_node(graph, root);
    if (!tuned || !schedule_is_legal(graph, node, context->machine, tuned->schedule)) return false;
    node->schedule = tuned->schedule;
    return true;
}

bool pass_schedule(Graph *graph, PassContext *context) {
    int projections = 0, attentions = 0, tuned = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        if (!match_is_projection(node) && node->op != OP_attend) continue;
        node->schedule = schedule_rule(graph, node, context->machine);
        projections += node->op != OP_attend;
        attentions += node->op == OP_attend;
        if (context->tuning) tuned += take_tuned(graph, (Ref){i}, context);
    }
    char how[40] = "";
    if (tuned) snprintf(how, sizeof how, ", %d tuned", tuned);
    snprintf(context->summary, sizeof context->summary,
             "%d projections and %d attentions have their tiles%s", projections, attentions, how);
    return true;
}
