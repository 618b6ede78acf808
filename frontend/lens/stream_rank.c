#include "frontend/lens/stream_rank.h"

#include "frontend/lens/eigenvalues.h"

#include <math.h>
#include <stdlib.h>

static double residual_of(const float *x, int64_t rows, int64_t columns) {
    double all = 0, rest = 0;
    for (int64_t c = 0; c < columns; c++) {
        double mean = 0;
        for (int64_t r = 0; r < rows; r++) mean += (double)x[r * columns + c] / (double)rows;
        for (int64_t r = 0; r < rows; r++) {
            const double value = (double)x[r * columns + c];
            all += value * value;
            rest += (value - mean) * (value - mean);
        }
    }
    return sqrt(rest / all);
}

/* The smaller of X X^T and X^T X, whose eigenvalues are the squares of the singular values. */
static void fill_gram(const float *x, int64_t rows, int64_t columns, int64_t n, double *gram) {
    const bool is_of_rows = n == rows;
    const int64_t step = is_of_rows ? columns : 1, other = is_of_rows ? 1 : columns;
    const int64_t count = is_of_rows ? columns : rows;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = 0;
            for (int64_t k = 0; k < count; k++)
                sum += (double)x[i * step + k * other] * (double)x[j * step + k * other];
            gram[i * n + j] = gram[j * n + i] = sum;
        }
}

static double effective_of(const double *square, int64_t n) {
    double sum = 0, entropy = 0;
    for (int64_t i = 0; i < n; i++) sum += square[i] > 0 ? sqrt(square[i]) : 0;
    for (int64_t i = 0; i < n; i++) {
        const double part = square[i] > 0 ? sqrt(square[i]) / sum : 0;
        if (part > 0) entropy -= part * log(part);
    }
    return sum > 0 ? exp(entropy) : NAN;
}

bool stream_rank_find(const float *x, int64_t rows, int64_t columns, StreamRank *out) {
    const int64_t n = rows < columns ? rows : columns;
    double *gram = calloc((size_t)(n * n), sizeof *gram),
           *square = calloc((size_t)n, sizeof *square);
    bool ok = gram && square;
    if (ok) {
        fill_gram(x, rows, columns, n, gram);
        ok = eigenvalues_of_symmetric(gram, n, square);
        *out = (StreamRank){residual_of(x, rows, columns), effective_of(square, n)};
    }
    free(gram);
    free(square);
    return ok;
}
