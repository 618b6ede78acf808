/* fold_norm.c - move a norm's gain, bias and size into its readers.
 *
 *   %5 = norm %4, @g, @b {kind = rms, eps = 1e-05}   @w.gained = scale_columns @w, @g
 *   %6 = project %5, @w, @c                       => @w.bias.folded = project_bias @w, @b, @c
 *                                                    %5 = read %4, @w.gained, @w.bias.folded
 *                                                           {kind = rms, eps = 1e-05}
 *
 * With y = (x - mean x) / size, a reader of the norm computes
 *
 *   W (g * y + b) + c  =  (W * g) y + (W b + c)  =  (W * g) (x - mean x) / size + (W b + c)
 *
 * Saves the norm's pass over [T, W] and the wait for it: the size is one number for each row. The
 * mean of kind layer, though, is taken off before the product, by what is left of the norm: where
 * it is a thousand times the deviation, sums that hold it lose three digits.
 *
 *   %5 = norm %4, @g {kind = layer}                  @w.gained = scale_columns @w, @g
 *   %6 = project %5, @w                           => @w.gained.centred = centre_rows @w.gained
 *                                                    %5 = norm %4 {kind = layer}
 *                                                    %6 = project %5, @w.gained.centred
 *
 * A matrix whose rows sum to zero does not see what rounding left of the mean. Legal when all uses
 * of the norm are projections of it (a value that is also written to the stream has to exist), it
 * normalises whole rows (groups = 1), and each use stands before the norm's input is overwritten.
 * Matrices that are to be rounded stay as they are: a gain of 0.02 tames a column of the stream
 * that is 50 times the others, and must do so before the row is rounded; multiplied into the matrix
 * it would make the others of its block vanish. Rounding: reassociates; exact in real arithmetic.
 * Needs: nothing. Keeps: the place of every node.
 */
#include "passes/match.h"
#include "passes/names.h"
#include "passes/pass.h"

typedef struct {
    Graph *graph;
    Users users;
    Names names;
    int norms, readers;
} Fold;

static bool is_reader(const void *context, uint32_t user, Ref norm) {
    const Graph *graph = context;
    const Node *node = &graph->node[user];
    return node->op == OP_project && ir_ref_equal(node->in[0], norm) &&
           ir_ref_is_none(node->root) && match_format(graph, node->in[1]) == FORMAT_f32;
}

/* A constant computed from `weight` (and `other`), named after it. */
static Ref derive(Fold *fold, Op op, Ref weight, Ref other, double offset, const char *suffix) {
    const Node *of = ir_node(fold->graph, weight);
    Node node = {.op = op, .loc = of->loc, .in = {weight, other}, .attr = ir_attrs_default()};
    node.attr.offset = offset;
    node.name = names_make(&fold->names, of->name, suffix);
    return ir_node_add(fold->graph, node);
}

/* W b + c, named after c where there is one. */
static Ref fold_bias(Fold *fold, Ref weight, Ref norm_bias, Ref bias) {
    const Node *of = ir_node(fold->graph, weight);
    Node node = {.op = OP_project_bias, .loc = of->loc, .attr = ir_attrs_default()};
    node.in[0] = weight;
    node.in[1] = norm_bias;
    node.in[2] = bias;
    const char *stem = ir_ref_is_none(bias) ? names_of_bias(&fold->names, of->name)
                                            : ir_node(fold->graph, bias)->name;
    node.name = names_make(&fold->names, stem, ".folded");
    return ir_node_add(fold->graph, node);
}

static void fold_into(Fold *fold, uint32_t reader, Ref norm_ref) {
    const Node norm = *ir_node(fold->graph, norm_ref); /* adding nodes moves them */
    const Ref gain = norm.in[1], norm_bias = norm.in[2];
    const Ref weight = fold->graph->node[reader].in[1];
    Ref folded = weight, bias = fold->graph->node[reader].in[2];
    if (!ir_ref_is_none(gain))
        folded = derive(fold, OP_scale_columns, folded, gain, norm.attr.offset, ".gained");
    if (norm.attr.kind == NORM_layer)
        folded = derive(fold, OP_centre_rows, folded, (Ref){0}, 0, ".centred");
    if (!ir_ref_is_none(norm_bias)) bias = fold_bias(fold, weight, norm_bias, bias);

    Node *node = &fold->graph->node[reader];
    node->in[1] = folded;
    node->in[2] = bias;
    fold->readers++;
    if (norm.attr.kind == NORM_layer) return;
    node->op = norm.attr.kind == NORM_none ? OP_project : OP_read;
    node->attr.kind = norm.attr.kind;
    node->attr.eps = node->op == OP_read ? norm.attr.eps : 0;
    node->in[0] = norm.in[0];
}

/* A norm before this one that makes the same of the same value; itself where there is none. */
static Ref first_equal(const Fold *fold, Ref norm_ref) {
    const Node *node = fold->graph->node, *norm = &node[norm_ref.index];
    const uint32_t x = norm->in[0].index;
    for (uint32_t k = fold->users.first[x]; k < fold->users.first[x + 1]; k++) {
        const uint32_t user = fold->users.user[k];
        if (user >= norm_ref.index) break;
        const Node *other = &node[user];
        if (other->op == OP_norm && other->attr.kind == norm->attr.kind &&
            other->attr.eps == norm->attr.eps && other->attr.groups == 1 &&
            ir_ref_is_none(other->root) && ir_ref_is_none(other->in[1]) &&
            ir_ref_is_none(other->in[2]))
            return (Ref){user};
    }
    return norm_ref;
}

/* What is left of a norm whose readers have its gain and bias. */
static void strip(Fold *fold, Ref norm_ref) {
    Node *norm = ir_node(fold->graph, norm_ref);
    norm->in[1] = norm->in[2] = (Ref){0};
    norm->attr.offset = 0;
    const Ref shared = first_equal(fold, norm_ref);
    for (uint32_t k = fold->users.first[norm_ref.index]; k < fold->users.first[norm_ref.index + 1];
         k++)
        fold->graph->node[fold->users.user[k]].in[0] = shared;
}

bool pass_fold_norm(Graph *graph, PassContext *context) {
    Fold fold = {.graph = graph, .users = match_users(graph, context->scratch)};
    fold.names = names_create(graph, context->scratch);
    const uint32_t count = graph->count;
    for (uint32_t i = 1; i < count; i++) {
        if (!match_is_replaceable_norm(&fold.users, i, is_reader, graph)) continue;
        for (uint32_t k = fold.users.first[i]; k < fold.users.first[i + 1]; k++)
            fold_into(&fold, fold.users.user[k], (Ref){i});
        if (graph->node[i].attr.kind == NORM_layer) strip(&fold, (Ref){i});
        fold.norms++;
    }
    ir_sweep(graph, context->scratch);
    snprintf(context->summary, sizeof context->summary,
             "%d norms fold into the weights of %d readers", fold.norms, fold.readers);
    return true;
}
