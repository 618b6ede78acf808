/* quantise.c - round the weights of projections to the formats they ask for.
 *
 *   @w = param {format = q8}            @w = param {format = q8}
 *   %9 = project %8, @w             =>  %9 = project %8, @w {format = q8}
 *
 * Saves memory, and the time to read it: a token reads every weight once. This is the one pass that
 * changes values, by what is lost in rounding; so it comes behind all that change the weights, and
 * what is rounded is what the kernels multiply with. Legal always. Keeps: everything else.
 */
#include "passes/match.h"
#include "passes/pass.h"

bool pass_quantise(Graph *graph, PassContext *context) {
    int changed = 0, projections = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        if (!match_is_projection(node)) continue;
        projections++;
        const WeightFormat wanted = match_format(graph, node->in[1]);
        if (wanted == FORMAT_f32 || node->attr.format != FORMAT_f32) continue;
        node->attr.format = wanted;
        changed++;
    }
    snprintf(context->summary, sizeof context->summary,
             "the weights of %d projections of %d become smaller", changed, projections);
    return true;
}
