/* eval_gradient.c - a loss, and what gradients are made of. Attention's are in eval_attention.c. */
#include "ir/eval.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void clear(Eval *e) {
    memset(e->out.at, 0, (size_t)(e->out.rows * e->out.columns) * sizeof *e->out.at);
}

/* ---- the loss ---- */

/* The target of a row, -1 for none. False: reported. */
static bool target_of(Eval *e, int64_t row, int64_t *target) {
    *target = (int64_t)e->in[1].at[row];
    if (*target >= -1 && *target < e->in[0].columns) return true;
    e->failed =
        !diag_error(e->diag, e->node->loc,
                    "target %" PRId64 " at index %" PRId64 " is none: expected -1 to %" PRId64,
                    *target, row, e->in[0].columns - 1);
    return false;
}

static double log_sum_exp(const double *x, int64_t count) {
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, x[i]);
    for (int64_t i = 0; i < count; i++) sum += exp(x[i] - largest);
    return largest + log(sum);
}

void eval_cross_entropy(Eval *e) {
    const Tensor *x = &e->in[0];
    for (int64_t t = 0, target; t < x->rows; t++) {
        const double *row = x->at + t * x->columns;
        if (!target_of(e, t, &target)) return;
        e->out.at[t] = target < 0 ? 0 : log_sum_exp(row, x->columns) - row[target];
    }
}

void eval_cross_entropy_back(Eval *e) {
    const Tensor *x = &e->in[0];
    clear(e);
    for (int64_t t = 0, target; t < x->rows; t++) {
        const double *row = x->at + t * x->columns;
        double *out = e->out.at + t * x->columns;
        if (!target_of(e, t, &target)) return;
        if (target < 0) continue;
        const double size = log_sum_exp(row, x->columns);
        for (int64_t c = 0; c < x->columns; c++) out[c] = exp(row[c] - size);
        out[target] -= 1;
    }
}

/* ---- sums ---- */

void eval_add(Eval *e) {
    const Attrs *attr = &e->node->attr;
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++)
        e->out.at[i] = attr->carry * e->in[0].at[i] + attr->scale * e->in[1].at[i];
}

void eval_scale_by(Eval *e) {
    const Tensor *factor = &e->in[1];
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++)
        e->out.at[i] =
            e->node->attr.scale * e->in[0].at[i] * factor->at[i % e->out.columns % factor->rows];
}

void eval_sum_rows(Eval *e) {
    const Tensor *x = &e->in[0];
    clear(e);
    for (int64_t i = 0; i < x->rows * x->columns; i++)
        e->out.at[i % x->columns % e->out.columns] += x->at[i];
}

/* ---- products ---- */

void eval_outer(Eval *e) {
    const Tensor *a = &e->in[0], *b = &e->in[1];
    clear(e);
    for (int64_t t = 0; t < a->rows; t++)
        for (int64_t n = 0; n < a->columns; n++)
            for (int64_t k = 0; k < b->columns; k++)
                e->out.at[n * b->columns + k] +=
                    a->at[t * a->columns + n] * b->at[t * b->columns + k];
}

void eval_project_back(Eval *e) {
    const Tensor *d = &e->in[0], *weight = &e->in[1];
    double *buffer = eval_scratch(e, weight->columns);
    if (!buffer) return;
    clear(e);
    for (int64_t n = 0; n < weight->rows; n++) {
        const double *row = eval_rounded_row(e, 1, n, buffer);
        for (int64_t t = 0; t < d->rows; t++)
            for (int64_t k = 0; k < weight->columns; k++)
                e->out.at[t * weight->columns + k] += d->at[t * d->columns + n] * row[k];
    }
}

/* ---- element by element ---- */

/* f'(x) */
static double slope_of(Activation activation, double x) {
    const double root = 0.79788456080286536; /* sqrt(2 / pi) */
    switch (activation) {
    case ACT_relu: return x > 0;
    case ACT_relu2: return x > 0 ? 2 * x : 0;
    case ACT_gelu: return 0.5 * erfc(-x * sqrt(0.5)) + x * exp(-0.5 * x * x) * root / 2;
    case ACT_gelu_tanh: {
        const double s = 1 / (1 + exp(-2 * root * (x + 0.044715 * x * x * x)));
        return s + x * s * (1 - s) * 2 * root * (1 + 3 * 0.044715 * x * x);
    }
    case ACT_silu: {
        const double s = 1 / (1 + exp(-x));
        return s + x * s * (1 - s);
    }
    case ACT_sigmoid: {
        const double s = 1 / (1 + exp(-x));
        return s * (1 - s);
    }
    }
    return 1;
}

void eval_activate_back(Eval *e) {
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++)
        e->out.at[i] = e->in[0].at[i] * slope_of(e->node->attr.activation, e->in[1].at[i]);
}

void eval_softcap_back(Eval *e) {
    const double cap = e->node->attr.softcap;
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++) {
        const double capped = cap > 0 ? tanh(e->in[1].at[i] / cap) : 0;
        e->out.at[i] = e->in[0].at[i] * (1 - capped * capped);
    }
}

void eval_clip_back(Eval *e) {
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++)
        e->out.at[i] = fabs(e->in[1].at[i]) < e->node->attr.limit ? e->in[0].at[i] : 0;
}

/* ---- norms: with n = (x - mean) / size and g = d * gain, (g - n mean(g n)) / size, of kind layer
 * without the mean of g, of kind l2 with a sum in place of the mean ---- */

void eval_norm_back(Eval *e) {
    const Attrs *attr = &e->node->attr;
    const Tensor *gain = &e->in[2];
    const int64_t width = e->out.columns, part = width / attr->groups;
    for (int64_t i = 0; i < e->out.rows * attr->groups; i++) {
        const double *d = e->in[0].at + i * part, *x = e->in[1].at + i * part;
        double *out = e->out.at + i * part, sum = 0, product = 0;
        const EvalNorm norm = eval_norm_of(attr, x, part);
        const int64_t column = i % attr->groups * part;
        for (int64_t c = 0; c < part; c++) {
            out[c] = d[c];
            if (gain->at) out[c] *= gain->at[(column + c) % gain->rows] + attr->offset;
            sum += out[c];
            product += out[c] * (x[c] - norm.mean) / norm.size;
        }
        if (attr->kind == NORM_none) continue;
        if (attr->kind != NORM_l2) product /= (double)part;
        const double mean = attr->kind == NORM_layer ? sum / (double)part : 0;
        for (int64_t c = 0; c < part; c++)
            out[c] = (out[c] - mean - (x[c] - norm.mean) / norm.size * product) / norm.size;
    }
}

/* ---- rows and columns that others have taken ---- */

void eval_slice_back(Eval *e) {
    const Tensor *d = &e->in[0];
    clear(e);
    for (int64_t r = 0; r < d->rows; r++)
        memcpy(e->out.at + r * e->out.columns + e->node->attr.from, d->at + r * d->columns,
               (size_t)d->columns * sizeof *d->at);
}

static void add_row(Eval *e, int64_t row, double factor, int64_t from) {
    const Tensor *d = &e->in[0];
    for (int64_t c = 0; c < d->columns; c++)
        e->out.at[row * d->columns + c] += factor * d->at[from * d->columns + c];
}

void eval_embed_back(Eval *e) {
    clear(e);
    for (int64_t t = 0; t < e->in[0].rows; t++) {
        const int64_t token = (int64_t)e->in[1].at[t];
        if (token < 0 || token >= e->out.rows) {
            e->failed = !diag_error(e->diag, e->node->loc,
                                    "token %" PRId64 " at index %" PRId64
                                    " is not in the vocabulary: expected 0 to %" PRId64,
                                    token, t, e->out.rows - 1);
            return;
        }
        add_row(e, token, e->node->attr.scale, t);
    }
}

void eval_add_positions_back(Eval *e) {
    const int64_t first = eval_integer(e, 2) + (int64_t)e->node->attr.offset;
    clear(e);
    for (int64_t t = 0; t < e->in[0].rows; t++) add_row(e, first + t, 1, t);
}

void eval_pool_back(Eval *e) {
    const int64_t rows = e->node->attr.pool == POOL_first ? 1 : e->out.rows;
    clear(e);
    for (int64_t t = 0; t < rows; t++) add_row(e, t, 1 / (double)rows, 0);
}

void eval_row_of_back(Eval *e) {
    clear(e);
    add_row(e, e->node->attr.from, 1, 0);
}
