/* copying.c - C = sum over tokens of u_t e_t^T is one matrix for all heads, [width, width]: a
 * product whose depth is the tokens, some at a time. Between o and v of a head it is (W_O W_U)(W_E
 * W_V).
 */
#include "frontend/lens/copying.h"

#include "frontend/compiler/compiler.h"
#include "frontend/compiler/product.h"
#include "frontend/lens/eigenvalues.h"
#include "runtime/team.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Tokens of a product; rows of C that stay in a cache while a head passes over them. */
enum { MOST_TOKENS = 1024, SLICE = 32, COLUMNS_UNIT = 128 };

typedef struct {
    ProductWorker *product;
    float *o, *v;    /* of a head: [head_dim][width] */
    double *through; /* o C: [head_dim][width] */
    double *matrix;  /* [head_dim][head_dim] */
    double complex *value;
    double score;
    bool is_found;
} Worker;

typedef struct {
    const Circuits *of;
    int64_t width, tokens, dim; /* dim: of the widest head */
    double *c;                  /* [width][width] */
    double *mean;               /* [width] of u over all tokens; null: it stays */
    float *rows, *turned;       /* [some tokens][width], and turned */
    double *scratch;
    Product *product;
    ProductShape shape;
    Worker *worker; /* [threads] */
    Team *team;
    int threads;
    int64_t first_head, count;
    atomic_int_least64_t next;
} Finding;

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- tokens ---- */

static bool read_unembed(Finding *f, int64_t first, int64_t count) {
    const StreamWeights *weights = f->of->weights;
    if (!stream_rows(weights, &weights->unembed, first, count, f->rows))
        return stream_weights_report(weights, &weights->unembed);
    if (!circuits_frame_reads(f->of, &weights->final_norm, count, f->rows)) return false;
    for (int64_t i = 0; f->mean && i < count * f->width; i++)
        f->rows[i] = (float)((double)f->rows[i] - f->mean[i % f->width]);
    return true;
}

static bool read_embed(Finding *f, int64_t first, int64_t count) {
    const StreamWeights *weights = f->of->weights;
    if (!stream_rows(weights, &weights->embed, first, count, f->rows))
        return stream_weights_report(weights, &weights->embed);
    circuits_frame_writes(f->of, count, f->rows);
    return true;
}

/* In frame `processed` the unembedding tells tokens from each other alone. */
static bool find_mean(Finding *f) {
    double *sum = calloc((size_t)f->width, sizeof *sum);
    bool ok = sum || diag_error(&f->of->weights->thalweg->diag, (Loc){0}, "out of memory");
    for (int64_t t = 0; ok && t < f->tokens; t += f->shape.depth) {
        const int64_t count = least(f->shape.depth, f->tokens - t);
        ok = read_unembed(f, t, count);
        for (int64_t i = 0; ok && i < count * f->width; i++)
            sum[i % f->width] += (double)f->rows[i];
    }
    for (int64_t i = 0; ok && i < f->width; i++) sum[i] /= (double)f->tokens;
    f->mean = sum;
    return ok;
}

/* ---- C ---- */

/* f->rows to [width][depth]: behind the last token zeros. */
static void turn(Finding *f, int64_t count, float *out, int64_t stride) {
    for (int64_t i = 0; i < f->width; i++)
        for (int64_t t = 0; t < f->shape.depth; t++)
            out[i * stride + t] = t < count ? f->rows[t * f->width + i] : 0;
}

static void multiply(void *context, int64_t thread, int64_t threads) {
    Finding *f = context;
    const int64_t block = product_block(f->product);
    (void)threads;
    for (;;) {
        const int64_t at = atomic_fetch_add(&f->next, block);
        if (at >= f->width) return;
        const int64_t some = least(block, f->width - at);
        const float *y = product_block_of(f->worker[thread].product, at, some);
        for (int64_t r = 0; r < some; r++)
            for (int64_t c = 0; c < f->width; c++)
                f->c[(at + r) * f->width + c] += (double)y[r * f->shape.columns + c];
    }
}

static bool add_tokens(Finding *f, int64_t first) {
    const int64_t count = least(f->shape.depth, f->tokens - first);
    int64_t stride;
    float *rows = product_rows(f->product, &stride);
    if (!read_unembed(f, first, count)) return false;
    turn(f, count, rows, stride);
    if (!read_embed(f, first, count)) return false;
    turn(f, count, f->turned, f->shape.depth);
    product_set_columns(f->product, 0, f->width, f->turned, f->scratch);
    atomic_store(&f->next, 0);
    tw_team_run(f->team, multiply, f);
    return compiler_progress(f->of->weights->thalweg, "multiplying tokens",
                             (double)first / (double)f->tokens);
}

/* ---- heads ---- */

static void multiply_slice(const Finding *f, const Worker *worker, int64_t dim, int64_t first) {
    const int64_t width = f->width, end = least(first + SLICE, width);
    for (int64_t i = 0; i < dim; i++) {
        double *sum = worker->through + i * width;
        for (int64_t k = first; k < end; k++) {
            const double a = (double)worker->o[i * width + k];
            for (int64_t j = 0; j < width; j++) sum[j] += a * f->c[k * width + j];
        }
    }
}

static double score_of(const double complex *value, int64_t count) {
    double sum = 0, sizes = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += creal(value[i]);
        sizes += cabs(value[i]);
    }
    return sizes > 0 ? sum / sizes : NAN;
}

static void score_head(const Finding *f, Worker *worker, const StreamBranch *branch) {
    const int64_t dim = branch->head_dim, width = f->width;
    memset(worker->through, 0, (size_t)(dim * width) * sizeof *worker->through);
    for (int64_t k = 0; k < width; k += SLICE) multiply_slice(f, worker, dim, k);
    for (int64_t i = 0; i < dim; i++)
        for (int64_t j = 0; j < dim; j++) {
            double sum = 0;
            for (int64_t c = 0; c < width; c++)
                sum += worker->through[i * width + c] * (double)worker->v[j * width + c];
            worker->matrix[i * dim + j] = sum;
        }
    worker->is_found = eigenvalues_find(worker->matrix, dim, worker->value);
    worker->score = worker->is_found ? score_of(worker->value, dim) : 0;
}

static void score_heads(void *context, int64_t thread, int64_t threads) {
    Finding *f = context;
    (void)thread, (void)threads;
    for (;;) {
        const int64_t at = atomic_fetch_add(&f->next, 1);
        if (at >= f->count) return;
        score_head(f, &f->worker[at], f->of->head[f->first_head + at].branch);
    }
}

static bool read_head(const Finding *f, const Worker *worker, StreamUnit head) {
    const int64_t share = head.branch->heads / head.branch->kv_heads;
    return circuits_read(f->of, head.branch, HEAD_O, head.number, 1, worker->o) &&
           circuits_read(f->of, head.branch, HEAD_V, head.number / share, 1, worker->v);
}

static bool score_all(Finding *f, double *out) {
    Thalweg *thalweg = f->of->weights->thalweg;
    for (int64_t h = 0; h < f->of->heads; h += f->count) {
        f->first_head = h;
        f->count = least(f->threads, f->of->heads - h);
        for (int64_t i = 0; i < f->count; i++)
            if (!read_head(f, &f->worker[i], f->of->head[h + i])) return false;
        atomic_store(&f->next, 0);
        tw_team_run(f->team, score_heads, f);
        for (int64_t i = 0; i < f->count; i++) {
            if (!f->worker[i].is_found)
                return diag_error(&thalweg->diag, (Loc){0}, "%s: its eigenvalues are not found",
                                  unit_name(f->of->head[h + i], thalweg->arena));
            out[h + i] = f->worker[i].score;
        }
        if (!compiler_progress(thalweg, "heads", (double)h / (double)f->of->heads)) return false;
    }
    return true;
}

/* ---- memory ---- */

static bool worker_create(Worker *worker, const Finding *f) {
    const size_t values = (size_t)(f->dim * f->width), dim = (size_t)f->dim;
    worker->product = product_worker_create(f->product);
    worker->o = malloc(values * sizeof *worker->o);
    worker->v = malloc(values * sizeof *worker->v);
    worker->through = malloc(values * sizeof *worker->through);
    worker->matrix = malloc(dim * dim * sizeof *worker->matrix);
    worker->value = malloc(dim * sizeof *worker->value);
    return worker->product && worker->o && worker->v && worker->through && worker->matrix &&
           worker->value;
}

static bool prepare(Finding *f) {
    const size_t width = (size_t)f->width, depth = (size_t)f->shape.depth;
    f->team = tw_team_create(compiler_threads(f->of->weights->thalweg));
    f->threads = f->team ? tw_team_threads(f->team) : 0;
    f->worker = calloc((size_t)f->threads + 1, sizeof *f->worker);
    f->c = calloc(width * width, sizeof *f->c);
    f->rows = malloc(depth * width * sizeof *f->rows);
    f->turned = malloc(depth * width * sizeof *f->turned);
    f->scratch = malloc((size_t)product_panel(f->product) * depth * sizeof *f->scratch);
    bool ok = f->team && f->worker && f->c && f->rows && f->turned && f->scratch;
    for (int t = 0; ok && t < f->threads; t++) ok = worker_create(&f->worker[t], f);
    return ok || diag_error(&f->of->weights->thalweg->diag, (Loc){0}, "out of memory");
}

static void release(Finding *f) {
    for (int t = 0; f->worker && t < f->threads; t++) {
        Worker *worker = &f->worker[t];
        product_worker_destroy(worker->product);
        free(worker->o);
        free(worker->v);
        free(worker->through);
        free(worker->matrix);
        free(worker->value);
    }
    free(f->worker);
    free(f->c);
    free(f->mean);
    free(f->rows);
    free(f->turned);
    free(f->scratch);
    tw_team_destroy(f->team);
    product_destroy(f->product);
}

static bool find(Finding *f, double *out) {
    if (!prepare(f) || (f->of->frame == FRAME_processed && !find_mean(f))) return false;
    for (int64_t t = 0; t < f->tokens; t += f->shape.depth)
        if (!add_tokens(f, t)) return false;
    return score_all(f, out);
}

bool copying_find(const Circuits *circuits, double *out) {
    const StreamWeights *weights = circuits->weights;
    Finding f = {.of = circuits, .width = weights->width, .tokens = weights->vocab};
    if (weights->unembed.rows != weights->vocab || weights->unembed.columns != weights->width)
        return diag_error(&weights->thalweg->diag, (Loc){0},
                          "the model has no unembedding of its tokens, which copying is about");
    for (int64_t h = 0; h < circuits->heads; h++)
        if (circuits->head[h].branch->head_dim > f.dim) f.dim = circuits->head[h].branch->head_dim;
    f.shape = (ProductShape){.rows = f.width,
                             .columns = (f.width + COLUMNS_UNIT - 1) / COLUMNS_UNIT * COLUMNS_UNIT,
                             .depth = least(f.tokens, MOST_TOKENS)};
    f.product = product_create(weights->thalweg, f.shape);
    const bool ok = f.product && find(&f, out);
    release(&f);
    return ok;
}
