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

static void turn(Eval *e, double direction) {
    const Attrs *attr = &e->node->attr;
    const int64_t head_dim = e->out.columns / attr->heads, pairs = attr->dims / 2;
    const bool is_half = attr->style == ROPE_half;
    double *frequency = eval_scratch(e, pairs);
    if (!frequency) return;
    for (int64_t i = 0; i < pairs; i++) frequency[i] = positions_rope_frequency(attr, i);

    memcpy(e->out.at, e->in[0].at, (size_t)(e->out.rows * e->out.columns) * sizeof *e->out.at);
    for (int64_t h = 0; h < e->out.rows * attr->heads; h++) {
        const int64_t row = h / attr->heads;
        const double position = direction * (e->in[1].at[0] + (double)row);
        double *head = e->out.at + h * head_dim;
        for (int64_t i = 0; i < pairs; i++) {
            double *x = is_half ? head + i : head + 2 * i;
            rotate(x, is_half ? x + pairs : x + 1, position * frequency[i], attr->scale);
        }
    }
}

void eval_rope(Eval *e) {
    turn(e, 1);
}

/* The transpose of a rotation is the one by the opposite angle. */
void eval_rope_back(Eval *e) {
    turn(e, -1);
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
    const double slope = positions_slope(attr, head);
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

/* ---- attend's gradient ---- */

/* One query's row again: its weights p, and of each the gradient of its score,
 * p_j (d . v_j - sum of p d . v) and behind it of scale * q . k_j. */
typedef struct {
    const Attrs *attr;
    const Tensor *d, *q, *k, *v;
    int64_t first, head_dim, value_dim;
    double *weight, *slope; /* [keys] */
} AttendBack;

typedef struct {
    int64_t head;
    Range seen;
    const double *d, *q;
    HeadRows keys, values;
} QueryBack;

static QueryBack query_back(const AttendBack *b, int64_t i) {
    const Attrs *attr = b->attr;
    const int64_t position = b->first + i / attr->heads, head = i % attr->heads;
    QueryBack query = {.head = head,
                       .seen = visible_keys(attr, position, b->first + b->q->rows, b->k->rows),
                       .d = b->d->at + i * b->value_dim,
                       .q = b->q->at + i * b->head_dim,
                       .keys = head_rows(b->k, attr, head),
                       .values = head_rows(b->v, attr, head)};
    const Range seen = query.seen;
    double *weight = b->weight, *slope = b->slope, mean = 0;
    score(attr, head, query.q, position, query.keys, seen, weight);
    for (int64_t j = seen.from; j < seen.to && attr->softcap > 0; j++) {
        const double raw =
            attr->scale * eval_dot(query.q, query.keys.at + j * query.keys.stride, query.keys.dim);
        const double capped = tanh(raw / attr->softcap);
        slope[j] = 1 - capped * capped;
    }
    softmax(weight + seen.from, seen.to - seen.from, weight + seen.from);
    for (int64_t j = seen.from; j < seen.to; j++)
        mean += weight[j] *
                eval_dot(query.d, query.values.at + j * query.values.stride, query.values.dim);
    for (int64_t j = seen.from; j < seen.to; j++) {
        const double *value = query.values.at + j * query.values.stride;
        const double change = weight[j] * (eval_dot(query.d, value, query.values.dim) - mean);
        slope[j] = attr->scale * change * (attr->softcap > 0 ? slope[j] : 1);
    }
    return query;
}

static bool begin_back(Eval *e, AttendBack *b) {
    const Attrs *attr = &e->node->attr;
    *b = (AttendBack){.attr = attr,
                      .d = &e->in[0],
                      .q = &e->in[1],
                      .k = &e->in[2],
                      .v = &e->in[3],
                      .first = eval_integer(e, 4),
                      .head_dim = e->in[1].columns / attr->heads,
                      .value_dim = e->in[0].columns / attr->heads};
    b->weight = eval_scratch(e, 2 * b->k->rows);
    if (!b->weight) return false;
    b->slope = b->weight + b->k->rows;
    memset(e->out.at, 0, (size_t)(e->out.rows * e->out.columns) * sizeof *e->out.at);
    return true;
}

static void add_scaled(double *to, double factor, const double *from, int64_t count) {
    for (int64_t c = 0; c < count; c++) to[c] += factor * from[c];
}

void eval_attend_back_q(Eval *e) {
    AttendBack b;
    if (!begin_back(e, &b)) return;
    for (int64_t i = 0; i < b.q->rows * b.attr->heads; i++) {
        const QueryBack query = query_back(&b, i);
        for (int64_t j = query.seen.from; j < query.seen.to; j++)
            add_scaled(e->out.at + i * b.head_dim, b.slope[j],
                       query.keys.at + j * query.keys.stride, b.head_dim);
    }
}

/* Rows of this call's tokens: those of earlier ones are constants here. */
static void back_to_cache(Eval *e, bool is_keys) {
    AttendBack b;
    if (!begin_back(e, &b)) return;
    const int64_t dim = is_keys ? b.head_dim : b.value_dim;
    const int64_t group = b.attr->heads / b.attr->kv_heads;
    for (int64_t i = 0; i < b.q->rows * b.attr->heads; i++) {
        const QueryBack query = query_back(&b, i);
        const int64_t from = query.seen.from > b.first ? query.seen.from : b.first;
        for (int64_t j = from; j < query.seen.to; j++)
            add_scaled(e->out.at + (j - b.first) * e->out.columns + query.head / group * dim,
                       is_keys ? b.slope[j] : b.weight[j], is_keys ? query.q : query.d, dim);
    }
}

void eval_attend_back_k(Eval *e) {
    back_to_cache(e, true);
}

void eval_attend_back_v(Eval *e) {
    back_to_cache(e, false);
}
