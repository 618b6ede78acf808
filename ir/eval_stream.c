/* eval_stream.c - what a call brings, into the stream, out of it, and back. */
#include "ir/eval.h"
#include "ir/formats.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void refuse_input(Eval *e, const char *expected, const char *found) {
    e->failed = !diag_error(e->diag, e->node->loc, "the graph begins with %s, found %s", expected,
                            found);
}

void eval_tokens(Eval *e) {
    if (!e->step->tokens) {
        refuse_input(e, "tokens", "values of a point");
        return;
    }
    for (int64_t t = 0; t < e->out.rows; t++) e->out.at[t] = e->step->tokens[t];
}

void eval_position(Eval *e) {
    e->out.at[0] = (double)e->step->position;
}

void eval_targets(Eval *e) {
    if (!e->step->targets) {
        e->failed = !diag_error(e->diag, e->node->loc, "the call brings no targets");
        return;
    }
    for (int64_t t = 0; t < e->out.rows; t++) e->out.at[t] = e->step->targets[t];
}

/* ---- into the stream ---- */

void eval_start(Eval *e) {
    const size_t count = (size_t)(e->out.rows * e->out.columns);
    if (e->step->values)
        memcpy(e->out.at, e->step->values, count * sizeof *e->out.at);
    else
        refuse_input(e, "values of a point", "tokens");
}

void eval_begin(Eval *e) {
    memcpy(e->out.at, e->in[0].at, (size_t)(e->out.rows * e->out.columns) * sizeof *e->out.at);
}

void eval_embed(Eval *e) {
    const Tensor *table = &e->in[1];
    for (int64_t t = 0; t < e->out.rows; t++) {
        const int64_t token = (int64_t)e->in[0].at[t];
        if (token < 0 || token >= table->rows) {
            e->failed = !diag_error(e->diag, e->node->loc,
                                    "token %" PRId64 " at index %" PRId64
                                    " is not in the vocabulary: expected 0 to %" PRId64,
                                    token, t, table->rows - 1);
            return;
        }
        double *row = e->out.at + t * e->out.columns;
        eval_copy_rounded_row(e, 1, token, row);
        const double *bias = e->in[2].at;
        for (int64_t c = 0; c < e->out.columns; c++)
            row[c] = row[c] * e->node->attr.scale + (bias ? bias[c] : 0);
    }
}

void eval_add_positions(Eval *e) {
    const Tensor *table = &e->in[1];
    const double first = e->in[2].at[0] + e->node->attr.offset;
    const double last = first + (double)(e->out.rows - 1);
    if (!(first >= 0 && last < (double)table->rows)) {
        e->failed = !diag_error(e->diag, e->node->loc,
                                "positions %g to %g are not in the table of positions: expected "
                                "0 to %" PRId64,
                                first, last, table->rows - 1);
        return;
    }
    for (int64_t t = 0; t < e->out.rows; t++) {
        const int64_t start = t * e->out.columns;
        eval_copy_rounded_row(e, 1, (int64_t)first + t, e->out.at + start);
        for (int64_t c = 0; c < e->out.columns; c++) e->out.at[start + c] += e->in[0].at[start + c];
    }
}

/* ---- out of the stream ---- */

static double mean_of(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    return sum / (double)n;
}

/* What x - mean is divided by; mean is 0 but for kind layer. */
static double size_of(const Attrs *attr, const double *x, int64_t n, double mean) {
    if (attr->kind == NORM_none) return 1;
    double squares = 0;
    for (int64_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    if (attr->kind != NORM_l2) squares /= (double)n;
    return sqrt(squares + attr->eps);
}

EvalNorm eval_norm_of(const Attrs *attr, const double *x, int64_t count) {
    const double mean = attr->kind == NORM_layer ? mean_of(x, count) : 0;
    return (EvalNorm){mean, size_of(attr, x, count, mean)};
}

void eval_row_size(Eval *e) {
    const Attrs *attr = &e->node->attr;
    const int64_t columns = e->in[0].columns;
    for (int64_t t = 0; t < e->out.rows; t++) {
        const double *x = e->in[0].at + t * columns;
        const double mean = attr->kind == NORM_layer ? mean_of(x, columns) : 0;
        e->out.at[t] = size_of(attr, x, columns, mean);
    }
}

/* A gain or bias as long as a part serves all parts; as long as a row, it has a piece for each. */
void eval_norm(Eval *e) {
    const Attrs *attr = &e->node->attr;
    const Tensor *gain = &e->in[1], *bias = &e->in[2];
    const int64_t width = e->out.columns, part = width / attr->groups;
    for (int64_t i = 0; i < e->out.rows * attr->groups; i++) {
        const double *x = e->in[0].at + i * part;
        double *out = e->out.at + i * part;
        const EvalNorm norm = eval_norm_of(attr, x, part);
        const int64_t column = i % attr->groups * part;
        for (int64_t c = 0; c < part; c++) {
            out[c] = (x[c] - norm.mean) / norm.size;
            if (gain->at) out[c] *= gain->at[(column + c) % gain->rows] + attr->offset;
            if (bias->at) out[c] += bias->at[(column + c) % bias->rows];
        }
    }
}

void eval_quantise(Eval *e) {
    const int64_t columns = e->out.columns;
    eval_norm(e);
    for (int64_t t = 0; t < e->out.rows; t++)
        format_round_values(e->node->attr.format, e->out.at + t * columns, columns);
}

/* out[t][n] = x[t] . W[n] / size[t] + b[n]; a null size is 1. */
static void project(const Eval *e, const double *size, double *buffer) {
    const Tensor *x = &e->in[0], *weight = &e->in[1], *out = &e->out;
    const double *bias = e->in[2].at;
    for (int64_t n = 0; n < weight->rows; n++) {
        const double *row = eval_rounded_row(e, 1, n, buffer);
        for (int64_t t = 0; t < x->rows; t++) {
            double sum = eval_dot(x->at + t * x->columns, row, x->columns);
            if (size) sum /= size[t];
            out->at[t * out->columns + n] = sum + (bias ? bias[n] : 0);
        }
    }
}

void eval_project(Eval *e) {
    double *buffer = eval_scratch(e, e->in[1].columns);
    if (buffer) project(e, NULL, buffer);
}

void eval_read(Eval *e) {
    const Attrs *attr = &e->node->attr;
    const Tensor *x = &e->in[0];
    double *size = eval_scratch(e, x->rows + e->in[1].columns);
    if (!size) return;
    for (int64_t t = 0; t < x->rows; t++)
        size[t] = eval_norm_of(attr, x->at + t * x->columns, x->columns).size;
    project(e, size, size + x->rows);
}

/* ---- back into the stream ---- */

void eval_write(Eval *e) {
    const double carry = e->node->attr.carry;
    const Tensor *factor = &e->in[2];
    const int64_t columns = e->out.columns;
    for (int64_t i = 0; i < e->out.rows * columns; i++) {
        double f = e->node->attr.scale * e->in[1].at[i];
        if (factor->at) f *= factor->at[i % columns % factor->rows];
        e->out.at[i] = carry == 0 ? f : carry * e->in[0].at[i] + f;
    }
}

void eval_write_gated(Eval *e) {
    const double *x = e->in[0].at, *f = e->in[1].at, *t = e->in[2].at;
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++)
        e->out.at[i] = t[i] * f[i] + (1 - t[i]) * x[i];
}

/* ---- out ---- */

void eval_pool(Eval *e) {
    const Tensor *x = &e->in[0];
    const int64_t rows = e->node->attr.pool == POOL_first ? 1 : x->rows;
    for (int64_t c = 0; c < x->columns; c++) {
        double sum = 0;
        for (int64_t t = 0; t < rows; t++) sum += x->at[t * x->columns + c];
        e->out.at[c] = sum / (double)rows;
    }
}

void eval_last(Eval *e) {
    const Tensor *x = &e->in[0], *out = &e->out;
    memcpy(out->at, x->at + (x->rows - out->rows) * out->columns,
           (size_t)(out->rows * out->columns) * sizeof *out->at);
}
