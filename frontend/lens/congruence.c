/* congruence.c - one row or one column of the product of all neurons with all tokens: weights are
 * read once, some rows at a time. */
#include "frontend/lens/congruence.h"

#include "frontend/compiler/compiler.h"

#include <stdlib.h>
#include <string.h>

enum { SOME_FLOATS = 1 << 18 };

bool congruence_open(const StreamWeights *weights, bool with_embedding, Congruence *out) {
    Diag *diag = &weights->thalweg->diag;
    *out = (Congruence){.weights = weights,
                        .tokens = with_embedding ? weights->embed : weights->unembed,
                        .with = with_embedding ? "embed" : "unembed"};
    for (int64_t i = 0; i < weights->branch_count; i++) out->neurons += weights->branch[i].hidden;
    if (!out->neurons) return diag_error(diag, (Loc){0}, "the model has no neurons: no mlp");
    if (out->tokens.node && out->tokens.columns == weights->width) return true;
    diag_error(diag, (Loc){0}, "the model has no unembedding of its stream's width");
    return diag_hint(diag, "the embedding is taken with --with embed");
}

StreamUnit congruence_neuron(const Congruence *congruence, int64_t number) {
    const StreamBranch *branch = congruence->weights->branch;
    for (; number >= branch->hidden; branch++) number -= branch->hidden;
    return (StreamUnit){branch, number};
}

int64_t congruence_number(const Congruence *congruence, StreamUnit place) {
    int64_t number = place.number;
    for (const StreamBranch *b = congruence->weights->branch; b < place.branch; b++)
        number += b->hidden;
    return number;
}

/* ---- rows of a matrix, one after the other ---- */

static int64_t rows_at_once(const StreamMatrix *matrix) {
    const int64_t rows = SOME_FLOATS / matrix->columns;
    return rows < 1 ? 1 : rows < matrix->rows ? rows : matrix->rows;
}

/* What becomes of rows, with one vector. */
typedef struct {
    const float *by;
    double *out;
} Rows;

typedef void UseRow(const Rows *rows, int64_t r, const float *row, int64_t columns);

static bool use_rows(const StreamWeights *weights, const StreamMatrix *matrix, UseRow *use,
                     Rows with) {
    const int64_t some = rows_at_once(matrix);
    float *rows = malloc((size_t)(some * matrix->columns) * sizeof *rows);
    bool is_read = rows != NULL;
    for (int64_t r = 0; is_read && r < matrix->rows; r += some) {
        const int64_t count = matrix->rows - r < some ? matrix->rows - r : some;
        is_read = stream_rows(weights, matrix, r, count, rows);
        for (int64_t i = 0; is_read && i < count; i++)
            use(&with, r + i, rows + i * matrix->columns, matrix->columns);
    }
    free(rows);
    return is_read || stream_weights_report(weights, matrix);
}

/* ---- a token: row d of W_out, turned, adds u[d] times itself ---- */

static void add_row(const Rows *rows, int64_t r, const float *row, int64_t columns) {
    for (int64_t n = 0; n < columns; n++) rows->out[n] += (double)rows->by[r] * (double)row[n];
}

bool congruence_of_token(const Congruence *congruence, int64_t token, double *out) {
    const StreamWeights *weights = congruence->weights;
    float *u = malloc((size_t)weights->width * sizeof *u);
    bool ok = u && stream_rows(weights, &congruence->tokens, token, 1, u);
    if (!ok) stream_weights_report(weights, &congruence->tokens);
    memset(out, 0, (size_t)congruence->neurons * sizeof *out);
    for (int64_t i = 0; ok && i < weights->branch_count; i++) {
        const StreamBranch *branch = &weights->branch[i];
        if (branch->hidden) ok = use_rows(weights, &branch->out, add_row, (Rows){u, out});
        out += branch->hidden;
    }
    free(u);
    return ok;
}

/* ---- a neuron ---- */

static double dot(const float *a, const float *b, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static void multiply_row(const Rows *rows, int64_t r, const float *row, int64_t columns) {
    rows->out[r] = dot(row, rows->by, columns);
}

bool congruence_of_neuron(const Congruence *congruence, int64_t number, double *out) {
    const StreamWeights *weights = congruence->weights;
    const StreamUnit place = congruence_neuron(congruence, number);
    float *writes = malloc((size_t)weights->width * sizeof *writes);
    const bool is_read =
        writes && stream_neurons(weights, place.branch, NEURON_OUT, place.number, 1, writes);
    const bool ok = is_read
                        ? use_rows(weights, &congruence->tokens, multiply_row, (Rows){writes, out})
                        : stream_weights_report(weights, &place.branch->out);
    free(writes);
    return ok;
}
