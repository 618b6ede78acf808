/* interp.c - evaluates nodes in order, keeps what the next call needs, and frees the rest early.
 *
 * Kept between calls: the caches, and the constants that run-time nodes use. Every other value is
 * freed behind its last user. Only what the asked value depends on is evaluated.
 */
#include "ir/interp.h"
#include "ir/eval.h"
#include "ir/formats.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct Interp {
    const Graph *graph;
    const Weights *weights;
    Tensor *value;   /* by node; null pointers: not there */
    Tensor **caches; /* [sequences], null or by node: of the sequences that are not chosen */
    int64_t sequences, chosen;
    bool *kept;       /* values that stay between calls */
    uint32_t *needed; /* of the evaluation under way: the last user of a value; 0: not needed */
    Scratch scratch;
    Step step;
    const int32_t *targets;
    InterpTap *on_tap; /* null: nobody looks */
    void *tap_context;
    GiveEdit *give; /* null: nothing is given */
    void *give_context;
};

static void (*const eval[OP_COUNT])(Eval *) = {
#define OP(name, least, most, kind, shape, attrs, doc) [OP_##name] = eval_##name,
#include "ir/ops.def"
#undef OP
};

/* ---- memory ---- */

static bool is_there(const Tensor *tensor) {
    return tensor->at || tensor->floats;
}

static void discard(Tensor *tensor) {
    free(tensor->at);
    free(tensor->floats);
    *tensor = (Tensor){0};
}

static int64_t bound(const Interp *interp, int64_t dim) {
    if (dim == IR_TOKENS) return interp->step.count;
    return dim == IR_LOGIT_ROWS ? interp->step.rows : dim;
}

static bool report_memory(const Interp *interp, const Node *node, const Tensor *tensor) {
    return diag_error(interp->graph->diag, node->loc,
                      "out of memory: the value of '%s' has %" PRId64 " x %" PRId64 " elements",
                      node->name ? node->name : ir_op_info[node->op].name, tensor->rows,
                      tensor->columns);
}

/* Zeros, so that a cache's pages cost nothing until they are written. */
static void *allocate(const Tensor *tensor, size_t element) {
    size_t count;
    if (__builtin_mul_overflow((size_t)tensor->rows, (size_t)tensor->columns, &count)) return NULL;
    if (count > PTRDIFF_MAX / element) return NULL;
    return calloc(count ? count : 1, element);
}

/* A new value's memory. An append's is made once. */
static bool make_room(Interp *interp, const Node *node, Tensor *out) {
    if (is_there(out)) return true;
    *out = (Tensor){.rows = bound(interp, node->type.dim[0]), .columns = 1};
    for (int d = 1; d < node->type.rank; d++) {
        const int64_t dim = bound(interp, node->type.dim[d]);
        if (__builtin_mul_overflow(out->columns, dim, &out->columns))
            return report_memory(interp, node, &(Tensor){.rows = out->rows, .columns = INT64_MAX});
    }
    if (node->op == OP_param)
        out->floats = allocate(out, sizeof *out->floats);
    else
        out->at = allocate(out, sizeof *out->at);
    return is_there(out) || report_memory(interp, node, out);
}

/* Gives a value that is kept as floats its doubles, too. */
static bool make_doubles(const Interp *interp, const Node *node, Tensor *tensor) {
    if (tensor->at) return true;
    double *at = allocate(tensor, sizeof *at);
    if (!at) return report_memory(interp, node, tensor);
    for (int64_t i = 0; i < tensor->rows * tensor->columns; i++) at[i] = (double)tensor->floats[i];
    tensor->at = at;
    return true;
}

/* ---- weights are finite numbers ---- */

/* Whether nothing but look-ups of rows needs the param. */
static bool is_table(const Graph *graph, uint32_t param) {
    for (uint32_t i = param + 1; i < graph->count; i++)
        for (int k = 0; k < IR_MAX_INPUTS; k++)
            if (graph->node[i].in[k].index == param && graph->node[i].op != OP_embed &&
                graph->node[i].op != OP_add_positions)
                return false;
    return true;
}

static bool check_param(const Interp *interp, uint32_t index) {
    const Graph *graph = interp->graph;
    const Node *node = &graph->node[index];
    const Tensor *value = &interp->value[index];
    for (int64_t i = 0; i < value->rows * value->columns; i++) {
        if (isfinite(value->floats[i])) continue;
        const bool is_warning = is_table(graph, index);
        weights_report_odd(interp->weights, node, i / value->columns, i % value->columns,
                           (double)value->floats[i], is_warning, graph->diag);
        return is_warning;
    }
    return true;
}

/* The weight of a product, which it rounds to its format. */
static bool check_format(const Eval *e, const Node *weight) {
    const Tensor *rows = &e->in[1];
    const WeightFormat format = e->node->attr.format;
    const int64_t count = rows->rows * rows->columns;
    if (!rows->at && format_holds(format, rows->floats, count)) return true;
    for (int64_t i = 0; i < count; i++) {
        if (weights_keep_row(e->weights, e->graph, e->node->in[1], i / rows->columns, format))
            continue; /* finite, as its param has been found */
        const float value = rows->at ? (float)rows->at[i] : rows->floats[i];
        if (!format_holds(format, &value, 1))
            return weights_report_beyond(weight, format, i / rows->columns, (double)value, e->diag);
    }
    return true;
}

/* ---- evaluation ---- */

static bool evaluate_node(Interp *interp, uint32_t index) {
    const Graph *graph = interp->graph;
    const Node *node = &graph->node[index];
    Eval e = {.graph = graph,
              .node = node,
              .diag = graph->diag,
              .weights = interp->weights,
              .step = &interp->step,
              .scratch = &interp->scratch,
              .give = interp->give,
              .give_context = interp->give_context};
    for (int k = 0; k < IR_MAX_INPUTS; k++) {
        if (ir_ref_is_none(node->in[k])) continue;
        Tensor *in = &interp->value[node->in[k].index];
        if (!eval_takes_rows(node->op, k) && !make_doubles(interp, ir_node(graph, node->in[k]), in))
            return false;
        e.in[k] = *in;
    }
    if (!make_room(interp, node, &interp->value[index])) return false;
    e.out = interp->value[index];
    const bool is_product = node->op == OP_project || node->op == OP_read;
    if (is_product && node->attr.format != FORMAT_f32 &&
        !check_format(&e, ir_node(graph, node->in[1])))
        return false;
    eval[node->op](&e);
    return !e.failed && (node->op != OP_param || check_param(interp, index));
}

/* Whether taps are part of what is asked: not where a constant is, and where nothing else is. */
static bool has_taps(const Interp *interp, uint32_t asked) {
    return !asked || (interp->on_tap && !ir_is_constant(&interp->graph->node[asked]));
}

/* Fills `needed` with what `asked` and the taps depend on and is not there. An append is never
 * done. */
static void find_needed(Interp *interp, uint32_t asked) {
    const Graph *graph = interp->graph;
    memset(interp->needed, 0, graph->count * sizeof *interp->needed);
    for (uint32_t i = 1; i < graph->count; i++)
        if (i == asked || (graph->node[i].op == OP_tap && has_taps(interp, asked)))
            interp->needed[i] = UINT32_MAX;
    for (uint32_t i = graph->count - 1; i > 0; i--) {
        const Node *node = &graph->node[i];
        if (!interp->needed[i]) continue;
        if (is_there(&interp->value[i]) && node->op != OP_append) continue;
        for (int k = 0; k < IR_MAX_INPUTS; k++)
            if (!interp->needed[node->in[k].index]) interp->needed[node->in[k].index] = i;
    }
}

static void discard_temporaries(Interp *interp) {
    for (uint32_t i = 1; i < interp->graph->count; i++)
        if (!interp->kept[i]) discard(&interp->value[i]);
}

static bool evaluate(Interp *interp, uint32_t asked) {
    const Graph *graph = interp->graph;
    find_needed(interp, asked);
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        if (!interp->needed[i]) continue;
        if (is_there(&interp->value[i]) && node->op != OP_append) continue;
        if (!evaluate_node(interp, i)) {
            if (node->op != OP_append) discard(&interp->value[i]);
            discard_temporaries(interp);
            return false;
        }
        for (int k = 0; k < IR_MAX_INPUTS; k++) {
            const uint32_t in = node->in[k].index;
            if (in && interp->needed[in] == i && !interp->kept[in]) discard(&interp->value[in]);
        }
    }
    return true;
}

/* ---- interface ---- */

/* Caches, and constants that a run-time node or the result sees. */
static void find_kept(const Graph *graph, bool *kept) {
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        if (node->op == OP_append) kept[i] = true;
        if (ir_is_constant(node)) continue;
        for (int k = 0; k < IR_MAX_INPUTS; k++)
            if (!ir_ref_is_none(node->in[k]) && ir_is_constant(ir_node(graph, node->in[k])))
                kept[node->in[k].index] = true;
    }
    if (graph->result.index && ir_is_constant(ir_node(graph, graph->result)))
        kept[graph->result.index] = true;
}

Interp *interp_create(const Graph *graph, const Weights *weights) {
    Interp *interp = calloc(1, sizeof *interp);
    if (interp) {
        interp->graph = graph;
        interp->weights = weights;
        interp->value = calloc(graph->count, sizeof *interp->value);
        interp->kept = calloc(graph->count, sizeof *interp->kept);
        interp->needed = calloc(graph->count, sizeof *interp->needed);
    }
    if (!interp || !interp->value || !interp->kept || !interp->needed) {
        diag_error(graph->diag, (Loc){0}, "out of memory: the graph has %" PRIu32 " nodes",
                   graph->count - 1);
        interp_destroy(interp);
        return NULL;
    }
    find_kept(graph, interp->kept);
    return interp;
}

static void discard_all(const Interp *interp, Tensor *value) {
    for (uint32_t i = 1; value && i < interp->graph->count; i++) discard(&value[i]);
    free(value);
}

void interp_destroy(Interp *interp) {
    if (!interp) return;
    discard_all(interp, interp->value);
    for (int64_t s = 0; s < interp->sequences; s++) discard_all(interp, interp->caches[s]);
    free(interp->caches);
    free(interp->kept);
    free(interp->needed);
    free(interp->scratch.at);
    free(interp);
}

/* Room for the caches of sequences up to this one. */
static bool make_sequences(Interp *interp, int64_t sequence) {
    const int64_t count = sequence + 1;
    if (count > interp->sequences) {
        Tensor **grown = reallocarray(interp->caches, (size_t)count, sizeof *grown);
        if (!grown) return false;
        for (int64_t s = interp->sequences; s < count; s++) grown[s] = NULL;
        interp->caches = grown;
        interp->sequences = count;
    }
    Tensor **caches = &interp->caches[sequence];
    if (!*caches) *caches = calloc(interp->graph->count, sizeof **caches);
    return *caches;
}

bool interp_choose(Interp *interp, int64_t sequence) {
    const Graph *graph = interp->graph;
    if (sequence == interp->chosen) return true;
    if (!make_sequences(interp, interp->chosen) || !make_sequences(interp, sequence))
        return diag_error(graph->diag, (Loc){0}, "out of memory: there are %" PRId64 " sequences",
                          sequence + 1);
    Tensor *from = interp->caches[interp->chosen], *to = interp->caches[sequence];
    for (uint32_t i = 1; i < graph->count; i++) {
        if (graph->node[i].op != OP_append) continue;
        from[i] = interp->value[i];
        interp->value[i] = to[i];
        to[i] = (Tensor){0};
    }
    interp->chosen = sequence;
    return true;
}

/* The sizes that the graph leaves open, against those of this call. */
static bool check_sizes(const Graph *graph, int64_t count, int64_t position, int64_t rows) {
    Diag *diag = graph->diag;
    if (count < 1 || count > graph->chunk)
        return diag_error(diag, (Loc){0}, "%" PRId64 " tokens in a call: expected 1 to %" PRId64,
                          count, graph->chunk);
    if (position < 0 || position > graph->context - count)
        return diag_error(diag, (Loc){0},
                          "%" PRId64 " tokens from position %" PRId64
                          " on are past the end of the context of %" PRId64,
                          count, position, graph->context);
    if (rows < 0 || rows > count)
        return diag_error(diag, (Loc){0}, "%" PRId64 " rows of the result are wanted of %" PRId64,
                          rows, count);
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        const bool is_input = node->op == OP_tokens || node->op == OP_start;
        const int64_t tokens = is_input ? node->type.dim[0] : IR_TOKENS;
        if (tokens != IR_TOKENS && tokens != count)
            return diag_error(diag, node->loc,
                              "the graph is made for %" PRId64 " tokens in a call, found %" PRId64,
                              tokens, count);
    }
    if (ir_ref_is_none(graph->result))
        return !rows || diag_error(diag, graph->loc, "the graph returns no rows");
    const Node *result = ir_node(graph, graph->result);
    if (result->type.dim[0] > 0 && result->type.dim[0] != rows)
        return diag_error(diag, result->loc,
                          "the result of the graph has %" PRId64 " rows, %" PRId64 " are wanted",
                          result->type.dim[0], rows);
    return true;
}

void interp_set_targets(Interp *interp, const int32_t *targets) {
    interp->targets = targets;
}

void interp_on_tap(Interp *interp, InterpTap *on_tap, void *context) {
    interp->on_tap = on_tap;
    interp->tap_context = context;
}

void interp_give_edits(Interp *interp, GiveEdit *give, void *context) {
    interp->give = give;
    interp->give_context = context;
}

static void hand_over_taps(const Interp *interp) {
    const Graph *graph = interp->graph;
    for (uint32_t i = 1; i < graph->count && interp->on_tap; i++) {
        const Tensor *value = &interp->value[i];
        if (graph->node[i].op != OP_tap) continue;
        const Node *tap = &graph->node[i], *of = ir_node(graph, tap->in[0]);
        for (int64_t r = 0; r < value->rows; r++)
            interp->on_tap(interp->tap_context, tap, of, interp->step.position + r,
                           value->at + r * value->columns);
    }
}

static bool copy_result(Interp *interp, double *out) {
    const Ref ref = interp->graph->result;
    Tensor *result = &interp->value[ref.index];
    if (ir_ref_is_none(ref)) return true;
    if (!make_doubles(interp, ir_node(interp->graph, ref), result)) return false;
    const size_t columns = (size_t)result->columns, rows = (size_t)interp->step.rows;
    if (rows)
        memcpy(out, result->at + ((size_t)result->rows - rows) * columns,
               rows * columns * sizeof *out);
    return true;
}

static bool run(Interp *interp, Step step, double *out) {
    const Graph *graph = interp->graph;
    if (!check_sizes(graph, step.count, step.position, step.rows)) return false;
    interp->step = step;
    if (!evaluate(interp, graph->result.index)) return false;
    hand_over_taps(interp);
    const bool is_copied = copy_result(interp, out);
    discard_temporaries(interp);
    return is_copied;
}

bool interp_run(Interp *interp, const int32_t *tokens, int64_t count, int64_t position,
                int64_t rows, double *out) {
    return run(interp, (Step){tokens, NULL, count, position, rows, interp->targets}, out);
}

bool interp_run_values(Interp *interp, const double *values, int64_t count, int64_t position,
                       int64_t rows, double *out) {
    return run(interp, (Step){NULL, values, count, position, rows, interp->targets}, out);
}

const double *interp_constant(Interp *interp, Ref ref) {
    const Node *node = ir_ref_is_none(ref) ? NULL : ir_node(interp->graph, ref);
    if (!node || !ir_is_constant(node)) {
        diag_error(interp->graph->diag, node ? node->loc : (Loc){0},
                   "only a constant has a value without tokens");
        return NULL;
    }
    interp->kept[ref.index] = true;
    Tensor *value = &interp->value[ref.index];
    if (!evaluate(interp, ref.index) || !make_doubles(interp, node, value)) return NULL;
    return value->at;
}
