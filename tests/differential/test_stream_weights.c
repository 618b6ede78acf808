/* test_stream_weights.c - of random models, whether each matrix is what the graph uses it for: the
 * graph is walked from each write back to the reads, with no regard to names.
 *
 *   test_stream_weights [models [first seed]]
 */
#include "frontend/compiler/compiler.h"
#include "frontend/lens/stream_weights.h"
#include "ir/formats.h"
#include "tests/differential/random_model.h"

#include <stdlib.h>
#include <string.h>

enum { SHRINK_TRIES = 300 };

typedef struct {
    const Graph *graph;
    const StreamWeights *weights;
    Interp *values;
    char what[200];
} Run;

static bool wrong(Run *run, const char *what, const StreamBranch *branch) {
    snprintf(run->what, sizeof run->what, "%s of layer %d", what, branch ? (int)branch->layer : -1);
    return false;
}

/* ---- back through the graph ---- */

static const Node *at(const Run *run, Ref ref) {
    return ir_node(run->graph, ref);
}

/* What a value is made of, past all that leaves its columns where they are. */
static const Node *behind(const Run *run, Ref ref) {
    const Node *node = at(run, ref);
    while (node->op == OP_norm || node->op == OP_rope || node->op == OP_clip ||
           node->op == OP_scale_positions || node->op == OP_append || node->op == OP_activate ||
           node->op == OP_softmax)
        node = at(run, node->in[0]);
    return node;
}

static bool is_operand(const Run *run, const StreamMatrix *matrix, Ref ref) {
    return ir_ref_is_none(ref) ? !matrix->node : matrix->node == at(run, ref);
}

static bool projects(const Run *run, const Node *node, const StreamMatrix *weight,
                     const StreamMatrix *bias) {
    return node->op == OP_project && is_operand(run, weight, node->in[1]) &&
           is_operand(run, bias, node->in[2]);
}

/* A branch without a norm of its own reads the stream, which another norm may have made. */
static bool reads_norm(const Run *run, const Node *project, const StreamNorm *norm) {
    const Node *node = at(run, project->in[0]);
    if (norm->kind == NORM_none) return true;
    return node->op == OP_norm && node->attr.kind == norm->kind && node->attr.eps == norm->eps &&
           node->attr.offset == norm->gain_offset && is_operand(run, &norm->gain, node->in[1]) &&
           is_operand(run, &norm->bias, node->in[2]);
}

static bool check_attention(Run *run, const StreamBranch *b, const Node *mix) {
    const Node *scores = behind(run, mix->in[0]);
    const Node *q = behind(run, scores->in[0]), *k = behind(run, scores->in[1]);
    const Node *v = behind(run, mix->in[1]);
    if (!b->is_attention || scores->attr.heads != b->heads || scores->attr.kv_heads != b->kv_heads)
        return wrong(run, "heads", b);
    if (!projects(run, q, &b->q, &b->q_bias)) return wrong(run, "queries", b);
    if (!projects(run, k, &b->k, &b->k_bias)) return wrong(run, "keys", b);
    if (!projects(run, v, &b->v, &b->v_bias)) return wrong(run, "values", b);
    return reads_norm(run, q, &b->norm) || wrong(run, "norm", b);
}

static bool check_mlp(Run *run, const StreamBranch *b, const Node *hidden) {
    const bool is_gated = hidden->op == OP_multiply;
    const Node *in = is_gated ? behind(run, hidden->in[0]) : hidden;
    if (b->is_attention || b->hidden != in->type.dim[1]) return wrong(run, "neurons", b);
    if (!projects(run, in, &b->in, &b->in_bias)) return wrong(run, "W_in", b);
    if (is_gated && !projects(run, at(run, hidden->in[1]), &b->linear, &b->linear_bias))
        return wrong(run, "W_linear", b);
    if (!is_gated && b->linear.node) return wrong(run, "W_linear", b);
    return reads_norm(run, in, &b->norm) || wrong(run, "norm", b);
}

static bool check_write(Run *run, const StreamBranch *b, const Node *write) {
    const Node *value = at(run, write->in[1]), *out = behind(run, write->in[1]);
    const StreamMatrix *weight = b->is_attention ? &b->o : &b->out;
    const bool is_gated = write->op == OP_write_gated;
    if (!projects(run, out, weight, b->is_attention ? &b->o_bias : &b->out_bias))
        return wrong(run, "output", b);
    if ((value->op == OP_norm) != (b->norm_after.kind != NORM_none) ||
        (value->op == OP_norm && !is_operand(run, &b->norm_after.gain, value->in[1])))
        return wrong(run, "norm after", b);
    if (is_gated != b->is_gated_write ||
        (!is_gated && (write->attr.carry != b->carry || write->attr.scale != b->scale ||
                       !is_operand(run, &b->write_scale, write->in[2]))))
        return wrong(run, "write", b);
    const Node *work = behind(run, out->in[0]);
    return work->op == OP_mix ? check_attention(run, b, work) : check_mlp(run, b, work);
}

static bool check_ends(Run *run) {
    const StreamWeights *w = run->weights;
    const Node *head = NULL;
    for (uint32_t i = 1; i < run->graph->count; i++) {
        const Node *node = &run->graph->node[i];
        if (node->op == OP_embed && !is_operand(run, &w->embed, node->in[1]))
            return wrong(run, "embedding", NULL);
        if (node->op == OP_add_positions && !is_operand(run, &w->positions, node->in[1]))
            return wrong(run, "positions", NULL);
        if (node->op == OP_project) head = node;
    }
    if (!w->outputs || thalweg_model(w->thalweg).has_pooling) return true;
    if (!projects(run, head, &w->unembed, &w->unembed_bias)) return wrong(run, "head", NULL);
    return reads_norm(run, head, &w->final_norm) || wrong(run, "final norm", NULL);
}

/* ---- values ---- */

/* Row r of a constant as its format leaves it. */
static bool row_of(Run *run, const StreamMatrix *matrix, int64_t r, double *row) {
    const Ref ref = {(uint32_t)(matrix->node - run->graph->node)};
    const double *all = interp_constant(run->values, ref);
    if (!all) return false;
    memcpy(row, all + r * matrix->columns, (size_t)matrix->columns * sizeof *row);
    format_round_row(matrix->format, row, matrix->columns);
    return true;
}

static bool is_near(double a, double b) {
    const double off = a - b;
    return off < 1e-6 && off > -1e-6;
}

/* The last head that shares its keys, and the last neuron. */
static bool check_values(Run *run, const StreamBranch *b) {
    const int64_t width = run->weights->width, dim = b->is_attention ? b->head_dim : 1;
    const int64_t unit = (b->is_attention ? b->heads : b->hidden) - 1;
    const StreamMatrix *out = b->is_attention ? &b->o : &b->out;
    const StreamMatrix *in = b->is_attention ? &b->k : &b->in;
    float *writes = calloc((size_t)(dim * width), sizeof *writes);
    float *reads = calloc((size_t)(dim * width), sizeof *reads);
    double *row = calloc((size_t)(out->columns > width ? out->columns : width), sizeof *row);
    bool ok = writes && reads && row;
    ok = ok && (b->is_attention ? stream_head(run->weights, b, HEAD_O, unit, writes) &&
                                      stream_head(run->weights, b, HEAD_K, unit, reads)
                                : stream_neurons(run->weights, b, NEURON_OUT, unit, 1, writes) &&
                                      stream_neurons(run->weights, b, NEURON_IN, unit, 1, reads));
    for (int64_t c = 0; ok && c < width; c++) {
        ok = row_of(run, out, c, row);
        for (int64_t i = 0; ok && i < dim; i++)
            ok = is_near((double)writes[i * width + c], row[unit * dim + i]);
    }
    for (int64_t i = 0; ok && i < dim; i++) {
        ok = row_of(run, in, in->rows - dim + i, row);
        for (int64_t c = 0; ok && c < width; c++)
            ok = is_near((double)reads[i * width + c], row[c]);
    }
    free(writes);
    free(reads);
    free(row);
    return ok || wrong(run, "values", b);
}

static bool check_tables(Run *run) {
    const StreamMatrix *table[] = {&run->weights->embed, &run->weights->positions,
                                   &run->weights->unembed};
    float *found = calloc((size_t)run->weights->width, sizeof *found);
    double *row = calloc((size_t)run->weights->width, sizeof *row);
    bool ok = found && row;
    for (int i = 0; ok && i < 3; i++) {
        if (!table[i]->node || table[i]->columns != run->weights->width) continue;
        const int64_t last = table[i]->rows - 1;
        ok =
            stream_rows(run->weights, table[i], last, 1, found) && row_of(run, table[i], last, row);
        for (int64_t c = 0; ok && c < table[i]->columns; c++)
            ok = is_near((double)found[c], row[c]);
    }
    free(found);
    free(row);
    return ok || wrong(run, "values of a table", NULL);
}

/* ---- one model ---- */

static bool check_model(Run *run) {
    int64_t branch = 0;
    for (uint32_t i = 1; i < run->graph->count; i++) {
        const Node *node = &run->graph->node[i];
        if (node->op != OP_write && node->op != OP_write_gated) continue;
        if (branch == run->weights->branch_count) return wrong(run, "too few branches", NULL);
        const StreamBranch *b = &run->weights->branch[branch++];
        if (!check_write(run, b, node) || !check_values(run, b)) return false;
        if (stream_weights_branch(run->weights, b->is_attention, b->layer, b->copy) != b)
            return wrong(run, "number", b);
    }
    if (branch != run->weights->branch_count) return wrong(run, "too many branches", NULL);
    return check_ends(run) && check_tables(run);
}

static bool passes(const Tape *tape, void *context) {
    Run *run = context;
    char text[MODEL_TEXT_MAX];
    if (!random_model(tape, text, sizeof text)) return false;
    Thalweg *thalweg = thalweg_create(&(ThalwegOptions){0});
    const bool is_read = thalweg_read_text(thalweg, "random.yaml", text, strlen(text), "");
    run->weights = is_read ? stream_weights_open(thalweg) : NULL;
    run->graph = thalweg->described;
    run->values =
        run->weights ? interp_create(run->graph, checkpoint_weights(thalweg->checkpoint)) : NULL;
    const bool ok = run->values ? check_model(run) : wrong(run, "reading", NULL);
    interp_destroy(run->values);
    thalweg_destroy(thalweg);
    return ok;
}

int main(int count, char **argument) {
    Run run = {0};
    return check_models(count, argument, 300, passes, &run, run.what, SHRINK_TRIES).failures > 0;
}
