/* composition.c - what earlier heads write is rows of a product, what later heads read its columns:
 *
 *   each head: Gram matrices of its factors, and by them the norms of OV and of what reads
 *   for some heads of a layer: rows      for some heads of each later layer: columns
 *     for each of the earlier heads, by any thread: M of all of the later ones -> scores
 *
 * Nothing is as large as a layer's weights but Gram matrices, [head_dim, head_dim] for each head.
 */
#include "frontend/lens/composition.h"

#include "frontend/compiler/compiler.h"
#include "frontend/compiler/product.h"
#include "runtime/team.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Floats of the rows and of the columns that are there at once; columns are whole vectors. */
enum { ROWS_FLOATS = 6 << 20, COLUMNS_FLOATS = 1 << 20, COLUMNS_UNIT = 128 };

typedef struct {
    ProductWorker *product;
    float *m;           /* [head_dim][columns] of one earlier head */
    double *left, *row; /* (v v^T) M, [head_dim][head_dim]; a row of M (y y^T) */
} Worker;

/* Some heads of a branch: `first` and `count` number those of a part. */
typedef struct {
    const StreamBranch *branch;
    int64_t first, count;
    int64_t number; /* of the branch's first query head among all heads */
} Some;

typedef struct {
    const Circuits *of;
    HeadPart reads, other; /* x and y of what reads */
    double *out;
    int64_t most_dim;
    float *left, *right;              /* Gram matrices of v and y: [heads][most_dim^2] */
    double *writes_norm, *reads_norm; /* |OV1|, |X2|: [heads] */
    Product *product;
    ProductShape shape;
    Team *team;
    Worker *worker;
    int threads;
    Some earlier, later;
    atomic_int_least64_t next;
} Finding;

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- norms ---- */

/* x x^T of x[dim][width], of numbers that are turned first so that sums go on side by side. */
static void gram(const float *x, int64_t dim, int64_t width, float *turned, double *sum) {
    for (int64_t i = 0; i < dim; i++)
        for (int64_t c = 0; c < width; c++) turned[c * dim + i] = x[i * width + c];
    memset(sum, 0, (size_t)(dim * dim) * sizeof *sum);
    for (int64_t c = 0; c < width; c++)
        for (int64_t i = 0; i < dim; i++) {
            const double a = (double)turned[c * dim + i];
            for (int64_t j = 0; j < dim; j++) sum[i * dim + j] += a * (double)turned[c * dim + j];
        }
}

/* |x^T y| by the Gram matrices of x and y. */
static double norm_of(const double *x, const double *y, int64_t dim) {
    double sum = 0;
    for (int64_t i = 0; i < dim * dim; i++) sum += x[i] * y[i];
    return sqrt(sum > 0 ? sum : 0);
}

typedef struct {
    float *rows, *turned; /* of one head */
    double *gram[4];      /* by HeadPart */
} Factors;

static void keep(float *to, const double *from, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] = (float)from[i];
}

/* All of a head's Gram matrices. */
static bool measure_head(Finding *f, int64_t number, Factors *factors) {
    const StreamUnit unit = f->of->head[number];
    const StreamBranch *branch = unit.branch;
    const int64_t dim = branch->head_dim, squares = dim * dim;
    const int64_t share = branch->heads / branch->kv_heads;
    for (int part = HEAD_Q; part <= HEAD_O; part++) {
        const bool is_shared = part == HEAD_K || part == HEAD_V;
        if (is_shared && unit.number % share) continue; /* as of the head before */
        const int64_t first = is_shared ? unit.number / share : unit.number;
        if (!circuits_read(f->of, branch, (HeadPart)part, first, 1, factors->rows)) return false;
        gram(factors->rows, dim, f->of->weights->width, factors->turned, factors->gram[part]);
    }
    keep(f->left + number * f->most_dim * f->most_dim, factors->gram[HEAD_V], squares);
    keep(f->right + number * f->most_dim * f->most_dim, factors->gram[f->other], squares);
    f->writes_norm[number] = norm_of(factors->gram[HEAD_V], factors->gram[HEAD_O], dim);
    f->reads_norm[number] = norm_of(factors->gram[f->reads], factors->gram[f->other], dim);
    return true;
}

static bool measure_heads(Finding *f) {
    const size_t values = (size_t)(f->most_dim * f->of->weights->width);
    const size_t squares = (size_t)(f->most_dim * f->most_dim);
    Factors factors = {.rows = malloc(values * sizeof(float)),
                       .turned = malloc(values * sizeof(float))};
    bool ok = factors.rows && factors.turned;
    for (int i = 0; i < 4; i++) {
        factors.gram[i] = malloc(squares * sizeof(double));
        ok &= factors.gram[i] != NULL;
    }
    if (!ok) diag_error(&f->of->weights->thalweg->diag, (Loc){0}, "out of memory");
    for (int64_t h = 0; ok && h < f->of->heads; h++)
        ok = measure_head(f, h, &factors) &&
             compiler_progress(f->of->weights->thalweg, "measuring heads",
                               (double)h / (double)f->of->heads);
    free(factors.rows);
    free(factors.turned);
    for (int i = 0; i < 4; i++) free(factors.gram[i]);
    return ok;
}

/* ---- scores ---- */

/* |v^T M y| of M[n][d], `stride` floats from row to row. */
static double factored_norm(const Finding *f, Worker *worker, const float *m, int64_t stride,
                            int64_t first, int64_t n, int64_t second, int64_t d) {
    const int64_t squares = f->most_dim * f->most_dim;
    const float *v = f->left + first * squares, *y = f->right + second * squares;
    double sum = 0;
    memset(worker->left, 0, (size_t)(n * d) * sizeof *worker->left);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < n; k++) {
            const double a = (double)v[i * n + k];
            for (int64_t j = 0; j < d; j++)
                worker->left[i * d + j] += a * (double)m[k * stride + j];
        }
    for (int64_t i = 0; i < n; i++) {
        memset(worker->row, 0, (size_t)d * sizeof *worker->row);
        for (int64_t k = 0; k < d; k++) {
            const double a = (double)m[i * stride + k];
            for (int64_t j = 0; j < d; j++) worker->row[j] += a * (double)y[k * d + j];
        }
        for (int64_t j = 0; j < d; j++) sum += worker->row[j] * worker->left[i * d + j];
    }
    return sqrt(sum > 0 ? sum : 0);
}

/* M of earlier head number `at` of those that are there, with all columns. */
static void multiply_head(Finding *f, Worker *worker, int64_t at) {
    const int64_t dim = f->earlier.branch->head_dim, block = product_block(f->product);
    for (int64_t r = 0; r < dim; r += block) {
        const int64_t some = least(block, dim - r);
        const float *y = product_block_of(worker->product, at * dim + r, some);
        memcpy(worker->m + r * f->shape.columns, y, (size_t)(some * f->shape.columns) * sizeof *y);
    }
}

static void score_head(Finding *f, Worker *worker, int64_t at) {
    const StreamBranch *later = f->later.branch;
    const int64_t first = f->earlier.number + f->earlier.first + at;
    const int64_t share = later->heads / circuits_part_heads(later, f->reads);
    const int64_t begin = f->later.first * share, end = begin + f->later.count * share;
    multiply_head(f, worker, at);
    for (int64_t h = begin; h < end; h++) {
        const int64_t second = f->later.number + h;
        const int64_t column = (h / share - f->later.first) * later->head_dim;
        const double norm = factored_norm(f, worker, worker->m + column, f->shape.columns, first,
                                          f->earlier.branch->head_dim, second, later->head_dim);
        f->out[first * f->of->heads + second] =
            norm / (f->writes_norm[first] * f->reads_norm[second]);
    }
}

static void score(void *context, int64_t thread, int64_t threads) {
    Finding *f = context;
    (void)threads;
    for (;;) {
        const int64_t at = atomic_fetch_add(&f->next, 1);
        if (at >= f->earlier.count) return;
        score_head(f, &f->worker[thread], at);
    }
}

/* ---- rows and columns ---- */

static bool fill_rows(Finding *f, float *buffer) {
    const Some *e = &f->earlier;
    const int64_t rows = e->count * e->branch->head_dim, width = f->shape.depth;
    int64_t stride;
    float *to = product_rows(f->product, &stride);
    if (!circuits_read(f->of, e->branch, HEAD_O, e->first, e->count, buffer)) return false;
    for (int64_t r = 0; r < rows; r++)
        memcpy(to + r * stride, buffer + r * width, (size_t)width * sizeof *to);
    return true;
}

static bool fill_columns(Finding *f, float *buffer, double *scratch) {
    const Some *l = &f->later;
    if (!circuits_read(f->of, l->branch, f->reads, l->first, l->count, buffer)) return false;
    product_set_columns(f->product, 0, l->count * l->branch->head_dim, buffer, scratch);
    return true;
}

static bool score_later(Finding *f, float *buffer, double *scratch) {
    const StreamWeights *weights = f->of->weights;
    int64_t number = 0;
    for (int64_t i = 0; i < weights->branch_count; i++) {
        const StreamBranch *branch = &weights->branch[i];
        if (branch->heads && circuits_reads(branch, f->earlier.branch)) {
            const int64_t heads = circuits_part_heads(branch, f->reads);
            const int64_t some = f->shape.columns / branch->head_dim;
            for (int64_t h = 0; h < heads; h += some) {
                f->later = (Some){branch, h, least(some, heads - h), number};
                if (!fill_columns(f, buffer, scratch)) return false;
                atomic_store(&f->next, 0);
                tw_team_run(f->team, score, f);
            }
        }
        number += branch->heads;
    }
    return true;
}

static bool score_all(Finding *f, float *buffer, double *scratch) {
    const StreamWeights *weights = f->of->weights;
    int64_t number = 0;
    for (int64_t i = 0; i < weights->branch_count; i++) {
        const StreamBranch *branch = &weights->branch[i];
        const int64_t some = branch->heads ? f->shape.rows / branch->head_dim : 1;
        for (int64_t h = 0; h < branch->heads; h += some) {
            f->earlier = (Some){branch, h, least(some, branch->heads - h), number};
            if (!fill_rows(f, buffer) || !score_later(f, buffer, scratch) ||
                !compiler_progress(weights->thalweg, "composing heads",
                                   (double)(number + h) / (double)f->of->heads))
                return false;
        }
        number += branch->heads;
    }
    return true;
}

/* ---- memory ---- */

/* Heads of all layers at least fit one by one. */
static ProductShape choose_shape(const Circuits *of, int64_t most_dim) {
    const int64_t width = of->weights->width;
    int64_t rows = most_dim, columns = most_dim;
    for (int64_t i = 0; i < of->weights->branch_count; i++) {
        const StreamBranch *branch = &of->weights->branch[i];
        if (branch->heads * branch->head_dim > rows) rows = branch->heads * branch->head_dim;
    }
    columns = rows;
    if (rows > ROWS_FLOATS / width) rows = ROWS_FLOATS / width;
    if (columns > COLUMNS_FLOATS / width) columns = COLUMNS_FLOATS / width;
    if (rows < most_dim) rows = most_dim;
    if (columns < most_dim) columns = most_dim;
    columns = (columns + COLUMNS_UNIT - 1) / COLUMNS_UNIT * COLUMNS_UNIT;
    return (ProductShape){rows, columns, width, FORMAT_f32};
}

static bool worker_create(Worker *worker, const Finding *f) {
    const size_t dim = (size_t)f->most_dim;
    worker->product = product_worker_create(f->product);
    worker->m = malloc(dim * (size_t)f->shape.columns * sizeof *worker->m);
    worker->left = malloc(dim * dim * sizeof *worker->left);
    worker->row = malloc(dim * sizeof *worker->row);
    return worker->product && worker->m && worker->left && worker->row;
}

static bool prepare(Finding *f) {
    const size_t heads = (size_t)f->of->heads, squares = (size_t)(f->most_dim * f->most_dim);
    f->team = tw_team_create(compiler_threads(f->of->weights->thalweg));
    f->left = calloc(heads * squares, sizeof *f->left);
    f->right = calloc(heads * squares, sizeof *f->right);
    f->writes_norm = calloc(heads, sizeof *f->writes_norm);
    f->reads_norm = calloc(heads, sizeof *f->reads_norm);
    f->threads = f->team ? tw_team_threads(f->team) : 0;
    f->worker = calloc((size_t)f->threads + 1, sizeof *f->worker);
    bool ok = f->team && f->left && f->right && f->writes_norm && f->reads_norm && f->worker;
    for (int t = 0; ok && t < f->threads; t++) ok = worker_create(&f->worker[t], f);
    return ok || diag_error(&f->of->weights->thalweg->diag, (Loc){0}, "out of memory");
}

static void release(Finding *f) {
    for (int t = 0; f->worker && t < f->threads; t++) {
        product_worker_destroy(f->worker[t].product);
        free(f->worker[t].m);
        free(f->worker[t].left);
        free(f->worker[t].row);
    }
    free(f->worker);
    free(f->left);
    free(f->right);
    free(f->writes_norm);
    free(f->reads_norm);
    tw_team_destroy(f->team);
    product_destroy(f->product);
}

static bool compose(Finding *f) {
    const int64_t most = f->shape.rows > f->shape.columns ? f->shape.rows : f->shape.columns;
    float *buffer = malloc((size_t)(most * f->shape.depth) * sizeof *buffer);
    double *scratch =
        malloc((size_t)(product_panel(f->product) * f->shape.depth) * sizeof *scratch);
    bool ok = buffer && scratch;
    if (!ok) diag_error(&f->of->weights->thalweg->diag, (Loc){0}, "out of memory");
    ok = ok && measure_heads(f) && score_all(f, buffer, scratch);
    free(buffer);
    free(scratch);
    return ok;
}

bool composition_find(const Circuits *circuits, Composition composition, double *out) {
    static const HeadPart reads[] = {HEAD_Q, HEAD_K, HEAD_V}, other[] = {HEAD_K, HEAD_Q, HEAD_O};
    Finding f = {.of = circuits, .out = out};
    f.reads = reads[composition];
    f.other = other[composition];
    for (int64_t h = 0; h < circuits->heads; h++)
        if (circuits->head[h].branch->head_dim > f.most_dim)
            f.most_dim = circuits->head[h].branch->head_dim;
    for (int64_t i = 0; i < circuits->heads * circuits->heads; i++) out[i] = NAN;
    f.shape = choose_shape(circuits, f.most_dim);
    f.product = product_create(circuits->weights->thalweg, f.shape);
    const bool ok = f.product && prepare(&f) && compose(&f);
    release(&f);
    return ok;
}

double composition_of_random(const Circuits *circuits) {
    return 1 / sqrt((double)circuits->weights->width);
}
