/* fuse_attention.c - attend with an online softmax, so that scores never are in memory.
 *
 *   %9 = scores %q, %k, %position {heads = 6, scale = 0.125}
 *   %10 = softmax %9
 *   %11 = mix %10, %v {heads = 6}
 *                             =>   %9 = attend %q, %k, %v, %position {heads = 6, scale = 0.125}
 *
 * Saves a [T, heads, S] buffer and two passes over it. Legal when nobody else looks at the scores
 * or the weights, heads agree, and the query is not overwritten before the mix. Rounding: the sum
 * over positions is rescaled as the maximum grows: last bits. Needs: nothing. Keeps: appends, and
 * the place of the mix.
 */
#include "passes/match.h"
#include "passes/pass.h"

/* The scores whose softmax this mix is the only one to use; none: there are no such. */
static Ref scores_of(const Graph *graph, const Users *users, uint32_t index) {
    const Ref none = {0};
    const Node *mix = &graph->node[index];
    if (mix->op != OP_mix || !ir_ref_is_none(mix->root)) return none;
    const Node *softmax = ir_node(graph, mix->in[0]);
    if (softmax->op != OP_softmax || match_use_count(users, mix->in[0].index) != 1) return none;
    const Node *scores = ir_node(graph, softmax->in[0]);
    if (scores->op != OP_scores || match_use_count(users, softmax->in[0].index) != 1) return none;
    if (!ir_ref_is_none(softmax->root) || !ir_ref_is_none(scores->root)) return none;
    if (scores->attr.heads != mix->attr.heads || scores->attr.kv_heads != mix->attr.kv_heads)
        return none;
    if (match_overwriter(users, scores->in[0]) < index) return none;
    return softmax->in[0];
}

static void fuse(Node *mix, const Node *scores) {
    const Ref values = mix->in[1];
    mix->op = OP_attend;
    mix->attr = scores->attr;
    mix->in[0] = scores->in[0];
    mix->in[1] = scores->in[1];
    mix->in[2] = values;
    mix->in[3] = scores->in[2];
}

bool pass_fuse_attention(Graph *graph, PassContext *context) {
    const Users users = match_users(graph, context->scratch);
    int fused = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Ref scores = scores_of(graph, &users, i);
        if (ir_ref_is_none(scores)) continue;
        fuse(&graph->node[i], ir_node(graph, scores));
        fused++;
    }
    ir_sweep(graph, context->scratch);
    snprintf(context->summary, sizeof context->summary,
             "%d attentions keep their scores in registers", fused);
    return true;
}
