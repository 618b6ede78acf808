/* quantise.c - round the weights of projections to the formats they ask for.
 *
 *   @w = param {format = q8}                @w = param {format = q8}
 *   %9 = norm %8, @g {kind = rms}       =>  %9 = quantise %8, @g {format = q8, kind = rms}
 *   %10 = project %9, @w                    %10 = project %9, @w {format = q8}
 *
 * Saves memory, and the time to read it: a token reads every weight once. Where the machine
 * multiplies bytes, or pairs of bf16, what they are multiplied with is rounded to those as well,
 * in one step with the norm before it: that of a `read`, or a norm that rounded projections alone
 * read while its operand is still there. This is the one pass that changes values, by what is lost
 * in rounding; so it comes behind all that change the weights, and what is rounded is what the
 * kernels multiply with. Legal always. Keeps: everything else.
 */
#include "passes/match.h"
#include "passes/pass.h"

#include <string.h>

typedef struct {
    Graph *graph;
    const Machine *machine;
    uint32_t limit;   /* nodes that were there before */
    bool *joins;      /* norms that are done where their values are rounded */
    uint32_t *behind; /* where each of those added belongs */
    Ref *rounded;     /* of each value that was there: what was made of it last */
    int added;
} Quantise;

/* What the rows are rounded to that are multiplied with such weights; f32: they are not. */
static WeightFormat format_of_rows(WeightFormat weights, const Machine *machine) {
    if (weights == FORMAT_bf16) return machine->has_pair_dot ? FORMAT_bf16 : FORMAT_f32;
    return machine->has_byte_dot ? FORMAT_q8 : FORMAT_f32;
}

/* Whether a projection takes part: its weights are to be rounded. */
static bool is_wanted(const Graph *graph, const Node *node) {
    return match_is_projection(node) && node->attr.format == FORMAT_f32 &&
           match_format(graph, node->in[1]) != FORMAT_f32;
}

static bool reads_rounded(const void *context, uint32_t user, Ref norm) {
    const Quantise *q = context;
    const Node *node = &q->graph->node[user];
    return node->op == OP_project && ir_ref_equal(node->in[0], norm) && is_wanted(q->graph, node) &&
           format_of_rows(match_format(q->graph, node->in[1]), q->machine) != FORMAT_f32;
}

static void find_joining_norms(Quantise *q, Arena *scratch) {
    const Users users = match_users(q->graph, scratch);
    q->joins = ARENA_ARRAY(scratch, bool, q->limit);
    for (uint32_t i = 1; i < q->limit; i++)
        q->joins[i] = match_is_replaceable_norm(&users, i, reads_rounded, q);
}

/* The value that a projection multiplies, rounded as it reads it. */
static Ref round_value(Quantise *q, uint32_t index, WeightFormat format) {
    const Node projection = q->graph->node[index];
    const Ref x = projection.in[0];
    Ref *made = &q->rounded[x.index];
    const Node *norm = q->joins[x.index] ? ir_node(q->graph, x) : NULL;
    const Attrs size = norm ? norm->attr : projection.attr;
    if (!ir_ref_is_none(*made)) {
        const Attrs *attr = &ir_node(q->graph, *made)->attr;
        if (attr->kind == size.kind && attr->eps == size.eps && attr->format == format)
            return *made;
    }
    Node node = {.op = OP_quantise, .loc = projection.loc, .in = {x}, .attr = ir_attrs_default()};
    if (norm) memcpy(node.in, norm->in, sizeof node.in);
    node.attr.format = format;
    node.attr.kind = size.kind;
    node.attr.eps = size.eps;
    if (norm) node.attr.offset = norm->attr.offset;
    *made = ir_node_add(q->graph, node);
    q->behind[q->added++] = index - 1;
    return *made;
}

static void round_rows(Quantise *q, uint32_t index, WeightFormat format) {
    const Ref rounded = round_value(q, index, format);
    Node *node = &q->graph->node[index];
    node->op = OP_project;
    node->attr.kind = NORM_none;
    node->attr.eps = 0;
    node->in[0] = rounded;
}

static void place_added(const Quantise *q, Arena *scratch) {
    uint32_t *behind = ARENA_ARRAY(scratch, uint32_t, q->graph->count);
    for (int i = 0; i < q->added; i++) behind[q->limit + (uint32_t)i] = q->behind[i];
    match_move(q->graph, behind, q->limit, scratch);
}

/* A constant that goes through a matrix is multiplied with what is left of it. */
static void round_bias(Graph *graph, uint32_t index) {
    Node *bias = &graph->node[index];
    bias->attr.format = match_format(graph, bias->in[0]);
}

bool pass_quantise(Graph *graph, PassContext *context) {
    Arena *scratch = context->scratch;
    Quantise q = {.graph = graph, .machine = context->machine, .limit = graph->count};
    find_joining_norms(&q, scratch);
    q.behind = ARENA_ARRAY(scratch, uint32_t, graph->count);
    q.rounded = ARENA_ARRAY(scratch, Ref, graph->count);
    int changed = 0, projections = 0;
    for (uint32_t i = 1; i < q.limit; i++) {
        if (graph->node[i].op == OP_project_bias) round_bias(graph, i);
        if (!match_is_projection(&graph->node[i])) continue;
        projections++;
        if (!is_wanted(graph, &graph->node[i])) continue;
        const WeightFormat wanted = match_format(graph, graph->node[i].in[1]);
        graph->node[i].attr.format = wanted;
        changed++;
        const WeightFormat rows = format_of_rows(wanted, context->machine);
        if (rows != FORMAT_f32) round_rows(&q, i, rows);
    }
    if (q.added) place_added(&q, scratch);
    ir_sweep(graph, scratch);
    snprintf(context->summary, sizeof context->summary,
             "the weights of %d projections of %d become smaller", changed, projections);
    return true;
}
