/* eval_attention.c - rope, scales of positions, the caches, and attention with and without the
 * scores in memory.
 *
 * attend computes, row by row, what softmax of scores and mix compute, in the same order.
 */
#include "ir/eval.h"
#include "ir/positions.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- rope ---- */

static void rotate(double *x, double *y, double angle, double scale) {
    const double c = scale * cos(angle), s = scale * sin(angle), old = *x;
    *x = old * c - *y * s;
    *y = old * s + *y * c;
}

void eval_rope(Eval *e) {
    const Attrs *attr = &e->node->attr;
    const int64_t head_dim = e->out.columns / attr->heads, pairs = attr->dims / 2;
    const bool is_half = attr->style == ROPE_half;
    double *frequency = eval_scratch(e, pairs);
    if (!frequency) return;
    for (int64_t i = 0; i < pairs; i++) frequency[i] = positions_rope_frequency(attr, i);

    memcpy(e->out.at, e->in[0].at, (size_t)(e->out.rows * e->out.columns) * sizeof *e->out.at);
    for (int64_t h = 0; h < e->out.rows * attr->heads; h++) {
        const int64_t row = h / attr->heads;
        const double position = e->in[1].at[0] + (double)row;
        double *head = e->out.at + h * head_dim;
        for (int64_t i = 0; i < pairs; i++) {
            double *x = is_half ? head + i : head + 2 * i;
            rotate(x, is_half ? x + pairs : x + 1, position * frequency[i], attr->scale);
        }
    }
}

/* ---- scales of positions ---- */

void eval_scale_positions(Eval *e) {
    const Tensor *scales = &e->in[1];
    const int64_t columns = e->out.columns, first = eval_integer(e, 2);
    if (first < 0 || first > scales->rows - e->out.rows) {
        e->failed =
            !diag_error(e->diag, e->node->loc,
                        "%" PRId64 " positions from %" PRId64 " on are past the last of %" PRId64,
                        e->out.rows, first, scales->rows);
        return;
    }
    for (int64_t i = 0; i < e->out.rows * columns; i++)
        e->out.at[i] = e->in[0].at[i] * scales->at[first + i / columns];
}

/* ---- caches ---- */

void eval_append(Eval *e) {
    const Tensor *x = &e->in[0], *cache = &e->out;
    const int64_t position = eval_integer(e, 1);
    if (position < 0 || position > cache->rows - x->rows) {
        e->failed = !diag_error(e->diag, e->node->loc,
                                "%" PRId64 " positions from %" PRId64
                                " on are past the end of a cache of %" PRId64,
                                x->rows, position, cache->rows);
        return;
    }
    memcpy(cache->at + position * cache->columns, x->at,
           (size_t)(x->rows * x->columns) * sizeof *x->at);
}

/* ---- scores ---- */

/* One head's part of the keys: its vector of position j is at[j * stride .. + dim - 1]. */
typedef struct {
    const double *at;
    int64_t stride, dim;
} HeadRows;

static HeadRows head_rows(const Tensor *cache, const Attrs *attr, int64_t head) {
    const int64_t dim = cache->columns / attr->kv_heads;
    const int64_t kv_head = head / (attr->heads / attr->kv_heads);
    return (HeadRows){cache->at + kv_head * dim, cache->columns, dim};
}

/* The keys from <= j < to that the query at a position may see. */
typedef struct {
    int64_t from, to;
} Range;

static Range visible_keys(const Attrs *attr, int64_t position, int64_t end, int64_t keys) {
    Range seen = {0, attr->causal ? position + 1 : end};
    if (seen.to > keys) seen.to = keys;
    if (attr->window > 0 && position >= attr->window) seen.from = position - attr->window + 1;
    if (attr->window > 0 && attr->window < seen.to - position) seen.to = position + attr->window;
    if (seen.from > seen.to) seen.from = seen.to;
    return seen;
}

/* Scores of one query with the keys it sees, to out[seen.from .. seen.to - 1]. */
static void score(const Attrs *attr, int64_t head, const double *query, int64_t position,
                  HeadRows keys, Range seen, double *out) {
    const double slope = attr->alibi ? positions_alibi_slope(attr->heads, head) : 0;
    for (int64_t j = seen.from; j < seen.to; j++) {
        double s = attr->scale * eval_dot(query, keys.at + j * keys.stride, keys.dim);
        if (attr->softcap > 0) s = attr->softcap * tanh(s / attr->softcap);
        out[j] = s - slope * fabs((double)(position - j));
    }
}

static void softmax(const double *x, int64_t n, double *out) {
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, x[i]);
    for (int64_t i = 0; i < n; i++) sum += out[i] = exp(x[i] - largest);
    for (int64_t i = 0; i < n; i++) out[i] /= sum;
}

/* A weight of 0 leaves the sum as it is, whatever lies in a cache behind what has been written. */
static void mix(const double *weight, Range seen, HeadRows values, double *out) {
    for (int64_t c = 0; c < values.dim; c++) out[c] = 0;
    for (int64_t j = seen.from; j < seen.to; j++) {
        if (weight[j] == 0) continue;
        const double *value = values.at + j * values.stride;
        for (int64_t c = 0; c < values.dim; c++) out[c] += weight[j] * value[c];
    }
}

void eval_scores(Eval *e) {
    const Attrs *attr = &e->node->attr;
    const Tensor *q = &e->in[0], *k = &e->in[1];
    const int64_t first = eval_integer(e, 2), head_dim = q->columns / attr->heads;
    for (int64_t i = 0; i < q->rows * attr->heads; i++) {
        const int64_t position = first + i / attr->heads, head = i % attr->heads;
        const Range seen = visible_keys(attr, position, first + q->rows, k->rows);
        double *out = e->out.at + i * k->rows;
        for (int64_t j = 0; j < k->rows; j++) out[j] = -INFINITY;
        score(attr, head, q->at + i * head_dim, position, head_rows(k, attr, head), seen, out);
    }
}

void eval_softmax(Eval *e) {
    const Type *type = &e->node->type;
    const int64_t n = type->rank == 3 ? type->dim[2] : e->out.columns;
    for (int64_t start = 0; start < e->out.rows * e->out.columns; start += n)
        softmax(e->in[0].at + start, n, e->out.at + start);
}

void eval_mix(Eval *e) {
    const Attrs *attr = &e->node->attr;
    const Tensor *weight = &e->in[0], *v = &e->in[1];
    for (int64_t i = 0; i < e->out.rows * attr->heads; i++) {
        const HeadRows values = head_rows(v, attr, i % attr->heads);
        mix(weight->at + i * v->rows, (Range){0, v->rows}, values, e->out.at + i * values.dim);
    }
}

void eval_attend(Eval *e) {
    const Attrs *attr = &e->node->attr;
    const Tensor *q = &e->in[0], *k = &e->in[1], *v = &e->in[2];
    const int64_t first = eval_integer(e, 3), head_dim = q->columns / attr->heads;
    double *weight = eval_scratch(e, k->rows);
    if (!weight) return;
    for (int64_t i = 0; i < q->rows * attr->heads; i++) {
        const int64_t position = first + i / attr->heads, head = i % attr->heads;
        const Range seen = visible_keys(attr, position, first + q->rows, k->rows);
        const HeadRows values = head_rows(v, attr, head);
        score(attr, head, q->at + i * head_dim, position, head_rows(k, attr, head), seen, weight);
        softmax(weight + seen.from, seen.to - seen.from, weight + seen.from);
        mix(weight, seen, values, e->out.at + i * values.dim);
    }
}
