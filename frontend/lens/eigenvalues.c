/* eigenvalues.c - a matrix is made Hessenberg by reflections, then triangular by QR steps with
 * Wilkinson's shift, in complex numbers, where one shift serves (Golub and Van Loan
 * 2013, 7.4, 7.5).
 */
#include "frontend/lens/eigenvalues.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { MOST_STEPS = 60, EXCEPTIONAL = 10 };

/* ---- Hessenberg ---- */

/* The reflection that leaves x[0 .. count) a multiple of its first axis: x becomes v with
 * H = 1 - 2 v v^T / (v . v). Returns v . v; 0: it is that already. */
static double make_reflection(double *x, int64_t count) {
    double squares = 0, rest = 0;
    for (int64_t i = 0; i < count; i++) squares += x[i] * x[i];
    for (int64_t i = 1; i < count; i++) rest += x[i] * x[i];
    if (rest == 0) return 0;
    x[0] += x[0] < 0 ? -sqrt(squares) : sqrt(squares);
    return rest + x[0] * x[0];
}

/* H A H, of rows and columns from `first` on. */
static void reflect(double *a, int64_t n, int64_t first, const double *v, double squares,
                    double *row) {
    const int64_t count = n - first;
    for (int64_t c = 0; c < n; c++) row[c] = 0;
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < n; c++) row[c] += v[i] * a[(first + i) * n + c];
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < n; c++) a[(first + i) * n + c] -= 2 * v[i] / squares * row[c];
    for (int64_t r = 0; r < n; r++) {
        double sum = 0;
        for (int64_t i = 0; i < count; i++) sum += v[i] * a[r * n + first + i];
        for (int64_t i = 0; i < count; i++) a[r * n + first + i] -= 2 * v[i] / squares * sum;
    }
}

static void make_hessenberg(double *a, int64_t n, double *v, double *row) {
    for (int64_t k = 0; k + 2 < n; k++) {
        for (int64_t i = k + 1; i < n; i++) v[i - k - 1] = a[i * n + k];
        const double squares = make_reflection(v, n - k - 1);
        if (squares > 0) reflect(a, n, k + 1, v, squares, row);
    }
}

/* ---- QR ---- */

typedef double complex Complex;

typedef struct {
    Complex *h; /* [n][n], nothing below the first subdiagonal */
    int64_t n;
    double size; /* of its numbers */
    double *cosine;
    Complex *sine; /* of the rotations of a step */
} Qr;

static double size_of(Complex z) {
    return fabs(creal(z)) + fabs(cimag(z));
}

/* Where the block that ends with row `last` begins. */
static int64_t begin_of_block(Qr *q, int64_t last) {
    int64_t k = last;
    for (; k > 0; k--) {
        Complex *below = &q->h[k * q->n + k - 1];
        double size = size_of(q->h[k * q->n + k]) + size_of(q->h[(k - 1) * q->n + k - 1]);
        if (size == 0) size = q->size;
        if (size_of(*below) > DBL_EPSILON * size) continue;
        *below = 0;
        break;
    }
    return k;
}

/* The eigenvalue of the last 2 x 2 that is nearer to its last number. */
static Complex wilkinson_shift(const Qr *q, int64_t last) {
    const Complex *row = &q->h[(last - 1) * q->n + last - 1], *next = row + q->n;
    const Complex half = (row[0] - next[1]) / 2, product = row[1] * next[0];
    const Complex root = csqrt(half * half + product);
    const Complex plus = half + root, minus = half - root;
    const Complex far = cabs(plus) > cabs(minus) ? plus : minus;
    return far == 0 ? next[1] : next[1] - product / far;
}

/* Rows k and k + 1 are turned so that the number below the diagonal is gone. */
static void turn_rows(Qr *q, int64_t k, int64_t last) {
    Complex *row = q->h + k * q->n, *next = row + q->n;
    const Complex a = row[k], b = next[k];
    const double length = hypot(cabs(a), cabs(b));
    q->cosine[k] = length == 0 ? 1 : cabs(a) / length;
    q->sine[k] = length == 0 ? 0 : (cabs(a) == 0 ? 1 : a / cabs(a)) * conj(b) / length;
    for (int64_t c = k; c <= last; c++) {
        const Complex x = row[c], y = next[c];
        row[c] = q->cosine[k] * x + q->sine[k] * y;
        next[c] = -conj(q->sine[k]) * x + q->cosine[k] * y;
    }
}

static void turn_columns(Qr *q, int64_t k, int64_t first, int64_t last) {
    const int64_t end = k + 1 < last ? k + 1 : last;
    for (int64_t r = first; r <= end; r++) {
        Complex *at = q->h + r * q->n + k;
        const Complex x = at[0], y = at[1];
        at[0] = q->cosine[k] * x + conj(q->sine[k]) * y;
        at[1] = -q->sine[k] * x + q->cosine[k] * y;
    }
}

static void step(Qr *q, int64_t first, int64_t last, Complex shift) {
    for (int64_t i = first; i <= last; i++) q->h[i * q->n + i] -= shift;
    for (int64_t k = first; k < last; k++) turn_rows(q, k, last);
    for (int64_t k = first; k < last; k++) turn_columns(q, k, first, last);
    for (int64_t i = first; i <= last; i++) q->h[i * q->n + i] += shift;
}

static bool iterate(Qr *q, Complex *out) {
    for (int64_t last = q->n - 1, steps = 0; last >= 0;) {
        const int64_t first = begin_of_block(q, last);
        if (first == last) {
            out[last] = q->h[last * q->n + last];
            last--;
            steps = 0;
            continue;
        }
        if (++steps > MOST_STEPS) return false;
        const Complex below = q->h[last * q->n + last - 1];
        const bool is_stuck = steps % EXCEPTIONAL == 0;
        step(q, first, last,
             is_stuck ? q->h[last * q->n + last] + 0.75 * cabs(below) : wilkinson_shift(q, last));
    }
    return true;
}

bool eigenvalues_find(const double *a, int64_t n, double complex *out) {
    const size_t count = (size_t)n + 1;
    double *real = calloc(count * count, sizeof *real), *v = calloc(2 * count, sizeof *v);
    Qr q = {.h = calloc(count * count, sizeof *q.h),
            .n = n,
            .cosine = calloc(count, sizeof *q.cosine),
            .sine = calloc(count, sizeof *q.sine)};
    bool ok = real && v && q.h && q.cosine && q.sine;
    if (ok) {
        for (int64_t i = 0; i < n * n; i++) real[i] = a[i];
        make_hessenberg(real, n, v, v + count);
        for (int64_t r = 0; r < n; r++)
            for (int64_t c = r > 0 ? r - 1 : 0; c < n; c++) {
                q.h[r * n + c] = real[r * n + c];
                q.size = fmax(q.size, fabs(real[r * n + c]));
            }
        ok = iterate(&q, out);
    }
    free(real);
    free(v);
    free(q.h);
    free(q.cosine);
    free(q.sine);
    return ok;
}

/* ---- symmetric ---- */

/* Eigenvalues below x of the matrix with `diagonal` and beside it `beside`: as many as pivots of
 * its elimination are negative (Sylvester's law of inertia). */
static int64_t count_below(const double *diagonal, const double *beside, int64_t n, double x) {
    int64_t count = 0;
    double pivot = 1;
    for (int64_t i = 0; i < n; i++) {
        const double square = i ? beside[i - 1] * beside[i - 1] : 0;
        pivot = diagonal[i] - x - (square == 0 ? 0 : square / pivot);
        if (pivot == 0) pivot = -DBL_MIN;
        count += pivot < 0;
    }
    return count;
}

/* The eigenvalue of that number, counted from the least, by halving what holds all of them. */
static double bisect(const double *diagonal, const double *beside, int64_t n, int64_t number,
                     double most) {
    double low = -2 * most, high = 2 * most;
    while (high - low > DBL_EPSILON * most) {
        const double middle = low + (high - low) / 2;
        *(count_below(diagonal, beside, n, middle) > number ? &high : &low) = middle;
    }
    return low + (high - low) / 2;
}

bool eigenvalues_of_symmetric(const double *a, int64_t n, double *out) {
    const size_t count = (size_t)n + 1;
    double *matrix = calloc(count * count, sizeof *matrix), *v = calloc(4 * count, sizeof *v);
    const bool ok = matrix && v;
    if (ok) {
        double *diagonal = v + 2 * count, *beside = v + 3 * count, most = 0;
        for (int64_t i = 0; i < n * n; i++) matrix[i] = a[i];
        make_hessenberg(matrix, n, v, v + count);
        for (int64_t i = 0; i < n; i++) {
            diagonal[i] = matrix[i * n + i];
            if (i + 1 < n) beside[i] = matrix[(i + 1) * n + i];
            most = fmax(most, fabs(diagonal[i]) + 2 * fabs(beside[i]));
        }
        for (int64_t i = 0; i < n; i++) out[i] = bisect(diagonal, beside, n, i, most);
    }
    free(matrix);
    free(v);
    return ok;
}
