/* stream_values.c - numbers of the matrices of stream_weights.h, as the model computes with them.
 */
#include "frontend/lens/stream_weights.h"

#include "frontend/compiler/compiler.h"
#include "ir/formats.h"
#include "ir/positions.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows ---- */

static const Weights *values_of(const StreamWeights *weights) {
    return checkpoint_weights(weights->thalweg->checkpoint);
}

static bool is_rounded(const StreamWeights *weights, const StreamMatrix *matrix) {
    const Weights *values = values_of(weights);
    return matrix->format != FORMAT_f32 &&
           !(values->keeps && values->keeps(values, matrix->node->name, matrix->format));
}

static bool round_rows(WeightFormat format, int64_t count, int64_t columns, float *rows) {
    double *row = malloc((size_t)columns * sizeof *row);
    for (int64_t i = 0; row && i < count; i++, rows += columns) {
        for (int64_t c = 0; c < columns; c++) row[c] = (double)rows[c];
        format_round_row(format, row, columns);
        for (int64_t c = 0; c < columns; c++) rows[c] = (float)row[c];
    }
    free(row);
    return row != NULL;
}

static void sinusoid_rows(const StreamMatrix *matrix, int64_t first, int64_t count, float *out) {
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < matrix->columns; c++)
            *out++ = (float)positions_sinusoid(first + i, c, matrix->columns);
}

static bool are_finite(const float *value, int64_t count) {
    float sum = 0;
    for (int64_t i = 0; i < count; i++) sum += value[i] * 0; /* of others no number */
    return sum == 0;
}

bool stream_rows(const StreamWeights *weights, const StreamMatrix *matrix, int64_t first,
                 int64_t count, float *out) {
    const Weights *values = values_of(weights);
    assert(matrix->node && first >= 0 && first + count <= matrix->rows);
    if (matrix->node->op == OP_sinusoid) {
        sinusoid_rows(matrix, first, count, out);
        return true;
    }
    return values->rows(values, matrix->node->name, first, count, matrix->columns, out) &&
           (!is_rounded(weights, matrix) ||
            round_rows(matrix->format, count, matrix->columns, out)) &&
           are_finite(out, count * matrix->columns);
}

/* ---- columns ---- */

enum { SOME_FLOATS = 1 << 18 };

/* A few rows at a time, so that a cache line of the source is used whole while it is there. */
static void turn_rows(const float *rows, int64_t count, int64_t row_floats, StreamBlock block,
                      float *out, int64_t stride) {
    enum { TILE = 16 };
    for (int64_t r = 0; r < count; r += TILE)
        for (int64_t c = 0; c < block.columns; c++)
            for (int64_t i = r; i < r + TILE && i < count; i++)
                out[c * stride + i] = rows[i * row_floats + block.first_column + c];
}

bool stream_turned(const StreamWeights *weights, const StreamMatrix *matrix, StreamBlock block,
                   float *out, int64_t stride) {
    const int64_t most = SOME_FLOATS / matrix->columns + 1;
    const int64_t some = most < block.rows ? most : block.rows;
    float *rows = malloc((size_t)(some * matrix->columns) * sizeof *rows);
    bool is_read = rows != NULL;
    for (int64_t r = 0; is_read && r < block.rows; r += some) {
        const int64_t count = block.rows - r < some ? block.rows - r : some;
        is_read = stream_rows(weights, matrix, block.first_row + r, count, rows);
        if (is_read) turn_rows(rows, count, matrix->columns, block, out + r, stride);
    }
    free(rows);
    return is_read;
}

bool stream_columns(const StreamWeights *weights, const StreamMatrix *matrix, int64_t first,
                    int64_t count, float *out) {
    const StreamBlock block = {0, matrix->rows, first, count};
    return stream_turned(weights, matrix, block, out, matrix->rows);
}

/* ---- heads and neurons ---- */

bool stream_head(const StreamWeights *weights, const StreamBranch *branch, HeadPart part,
                 int64_t head, float *out) {
    const int64_t dim = branch->head_dim, shared = head / (branch->heads / branch->kv_heads);
    switch (part) {
    case HEAD_Q: return stream_rows(weights, &branch->q, head * dim, dim, out);
    case HEAD_K: return stream_rows(weights, &branch->k, shared * dim, dim, out);
    case HEAD_V: return stream_rows(weights, &branch->v, shared * dim, dim, out);
    case HEAD_O: break;
    }
    return stream_columns(weights, &branch->o, head * dim, dim, out);
}

bool stream_neurons(const StreamWeights *weights, const StreamBranch *branch, NeuronPart part,
                    int64_t first, int64_t count, float *out) {
    switch (part) {
    case NEURON_IN: return stream_rows(weights, &branch->in, first, count, out);
    case NEURON_LINEAR: return stream_rows(weights, &branch->linear, first, count, out);
    case NEURON_OUT: break;
    }
    return stream_columns(weights, &branch->out, first, count, out);
}

bool stream_vector(const StreamWeights *weights, const StreamMatrix *vector, int64_t rows,
                   float absent, float *out) {
    if (vector->node) return stream_rows(weights, vector, 0, rows, out);
    for (int64_t i = 0; i < rows; i++) out[i] = absent;
    return true;
}

/* ---- errors ---- */

/* Reports what is wrong with a row. False: nothing is. */
static bool report_row(const StreamWeights *weights, const StreamMatrix *matrix, int64_t r,
                       const float *row) {
    Diag *diag = &weights->thalweg->diag;
    float largest = 0;
    for (int64_t c = 0; c < matrix->columns; c++) {
        if (!isfinite(row[c])) {
            weights_report_odd(values_of(weights), matrix->node, r, c, (double)row[c], false, diag);
            return true;
        }
        if (fabsf(row[c]) > largest) largest = fabsf(row[c]);
    }
    if (format_holds(matrix->format, row, matrix->columns)) return false;
    weights_report_beyond(matrix->node, matrix->format, r, (double)largest, diag);
    return true;
}

/* The first row with which something is wrong. False: there is none. */
static bool report_odd(const StreamWeights *weights, const StreamMatrix *matrix, float *row) {
    const Weights *values = values_of(weights);
    for (int64_t r = 0; r < matrix->rows; r++) {
        if (!values->rows(values, matrix->node->name, r, 1, matrix->columns, row)) return false;
        if (report_row(weights, matrix, r, row)) return true;
    }
    return false;
}

bool stream_weights_report(const StreamWeights *weights, const StreamMatrix *matrix) {
    Diag *diag = &weights->thalweg->diag;
    if (!matrix->node) return diag_error(diag, (Loc){0}, "out of memory");
    float *row = malloc((size_t)matrix->columns * sizeof *row);
    const bool is_odd = row && report_odd(weights, matrix, row);
    free(row);
    if (is_odd) return false;
    diag_error(diag, weights->thalweg->model->weights.loc, "'%s' cannot be read",
               matrix->node->name);
    return diag_hint(diag,
                     "was the file changed or cut off meanwhile, or is memory out? try again");
}
