/* fuse_attention.c - attend with an online softmax, so that scores never are in memory.
 *
 *   %9 = scores %q, %k, %position {heads = 6, scale = 0.125}
 *   %10 = softmax %9
 *   %11 = mix %10, %v {heads = 6}
 *                             =>   %9 = attend %q, %k, %v, %position {heads = 6, scale = 0.125}
 *
 * Saves a [T, heads, S] buffer and two passes over it. Legal when nobody but taps looks at the
 * scores or the weights, heads agree, and the query is not overwritten before the mix. What taps
 * look at stays as members of the attend, which has every score once in its hands. Rounding: the
 * sum over positions is rescaled as the maximum grows: last bits. Needs: nothing. Keeps: appends,
 * and the place of the mix.
 */
#include "passes/match.h"
#include "passes/pass.h"

/* Code that keeps scores is unrolled, for each tap of some heads side by side. */
enum { MAX_TAPS = 64 };

typedef struct {
    Graph *graph;
    Users users;
    int fused, taps;
} Fusion;

static bool is_tap(const Fusion *fusion, uint32_t index) {
    return fusion->graph->node[index].op == OP_tap;
}

static int64_t count_taps(const Fusion *fusion, Ref value) {
    const Users *users = &fusion->users;
    int64_t count = 0;
    for (uint32_t k = users->first[value.index]; k < users->first[value.index + 1]; k++)
        count += is_tap(fusion, users->user[k]);
    return count;
}

/* Whether only `reader`, and taps, use a value that no kernel has claimed. */
static bool is_read_by(const Fusion *fusion, Ref value, uint32_t reader) {
    return match_single_reader(&fusion->users, value).index == reader &&
           ir_ref_is_none(ir_node(fusion->graph, value)->root);
}

/* The scores whose softmax this mix is the only one to use; none: there are no such. */
static Ref scores_of(const Fusion *fusion, uint32_t index) {
    const Graph *graph = fusion->graph;
    const Ref none = {0};
    const Node *mix = &graph->node[index];
    if (mix->op != OP_mix || !ir_ref_is_none(mix->root)) return none;
    const Node *softmax = ir_node(graph, mix->in[0]);
    if (softmax->op != OP_softmax || !is_read_by(fusion, mix->in[0], index)) return none;
    const Node *scores = ir_node(graph, softmax->in[0]);
    if (scores->op != OP_scores || !is_read_by(fusion, softmax->in[0], mix->in[0].index))
        return none;
    if (scores->attr.heads != mix->attr.heads || scores->attr.kv_heads != mix->attr.kv_heads)
        return none;
    if (match_overwriter(&fusion->users, scores->in[0]) < index) return none;
    return softmax->in[0];
}

static void join_taps(Fusion *fusion, Ref value, Ref root) {
    const Users *users = &fusion->users;
    for (uint32_t k = users->first[value.index]; k < users->first[value.index + 1]; k++) {
        if (!is_tap(fusion, users->user[k])) continue;
        fusion->graph->node[users->user[k]].root = root;
        fusion->taps++;
    }
}

/* Scores and weights that taps want become members. */
static void join_tapped(Fusion *fusion, Ref scores, Ref weights, Ref root) {
    const bool has_weights = count_taps(fusion, weights) > 0;
    if (has_weights || count_taps(fusion, scores)) ir_node(fusion->graph, scores)->root = root;
    if (has_weights) ir_node(fusion->graph, weights)->root = root;
    join_taps(fusion, scores, root);
    join_taps(fusion, weights, root);
}

static bool fuse(Fusion *fusion, uint32_t index, Ref scores) {
    Node *mix = &fusion->graph->node[index];
    const Node *from = ir_node(fusion->graph, scores);
    const Ref weights = mix->in[0], values = mix->in[1];
    if (count_taps(fusion, scores) + count_taps(fusion, weights) > MAX_TAPS)
        return diag_error(fusion->graph->diag, mix->loc,
                          "more than %d ranges of heads are tapped of one attention", MAX_TAPS);
    join_tapped(fusion, scores, weights, (Ref){index});
    mix->op = OP_attend;
    mix->attr = from->attr;
    mix->in[0] = from->in[0];
    mix->in[1] = from->in[1];
    mix->in[2] = values;
    mix->in[3] = from->in[2];
    fusion->fused++;
    return true;
}

bool pass_fuse_attention(Graph *graph, PassContext *context) {
    Fusion fusion = {.graph = graph, .users = match_users(graph, context->scratch)};
    for (uint32_t i = 1; i < graph->count; i++) {
        const Ref scores = scores_of(&fusion, i);
        if (!ir_ref_is_none(scores) && !fuse(&fusion, i, scores)) return false;
    }
    ir_sweep(graph, context->scratch);
    snprintf(context->summary, sizeof context->summary,
             "%d attentions keep their scores in registers%s", fusion.fused,
             fusion.taps ? ", and hand them to taps" : "");
    return true;
}
