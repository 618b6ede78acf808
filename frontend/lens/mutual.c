/* mutual.c - a group of neurons stays, as rows, while all tokens pass by it, as panels.
 *
 *   for each group of neurons: rows of the product
 *     for each block of tokens: panels of the product
 *       for each block of rows, by any thread: y = the block's product; y -> top two
 *
 * Each y is the same sum whatever the blocks are, and the two largest of a set do not depend on the
 * order in which it is seen: so nor does the result, for any number of threads.
 */
#include "frontend/lens/mutual.h"

#include "frontend/compiler/compiler.h"
#include "frontend/compiler/product.h"
#include "frontend/measure/clock.h"
#include "runtime/team.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Floats of a group, and of a block of tokens, which has whole panels; columns of the stream that a
 * thread reads of a group at once: cache lines of its rows. */
enum { GROUP_FLOATS = 6 << 20, BLOCK_FLOATS = 1 << 20, UNIT_ROWS = 64 };
enum { LEAST_GROUP = 512, LEAST_COLUMNS = 128, MOST_COLUMNS = 1024 };

typedef struct {
    ProductWorker *worker;
    float *token;    /* a panel's rows, on their way */
    double *scratch; /* the same as doubles */
    TopTwo columns;  /* of the block of tokens */
} Worker;

typedef struct {
    const Congruence *of;
    Mutual *out;
    Measure *measure;
    Arithmetic arithmetic;
    Product *product;
    Team *team;
    Worker *worker; /* [threads] */
    int threads;
    ProductShape shape;
    int64_t panel;               /* tokens that a thread reads at once */
    int64_t first, count;        /* the group */
    int64_t first_token, tokens; /* the block */
    double measured;             /* seconds */
    atomic_int_least64_t next;   /* of the units of work */
    _Atomic(const StreamMatrix *) unread;
} Finding;

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- parts of the work: units are taken by whoever is free ---- */

/* The part of an mlp's neurons that are in the group. */
static StreamBlock neurons_in_group(const Finding *f, const StreamBranch *mlp, int64_t number) {
    const int64_t from = f->first > number ? f->first - number : 0;
    const int64_t to = least(f->first + f->count - number, mlp->hidden);
    return (StreamBlock){.first_column = from, .columns = to - from};
}

/* One unit: some rows of one mlp's W_out, turned, are a few numbers of each of its neurons. */
static bool read_rows(Finding *f, StreamUnit place, int64_t unit) {
    const StreamBranch *mlp = place.branch;
    const int64_t number = congruence_number(f->of, (StreamUnit){mlp, 0});
    StreamBlock block = neurons_in_group(f, mlp, number);
    int64_t stride;
    float *rows = product_rows(f->product, &stride);
    block.first_row = unit * UNIT_ROWS;
    block.rows = least(UNIT_ROWS, f->shape.depth - block.first_row);
    rows += (number + block.first_column - f->first) * stride + block.first_row;
    if (stream_turned(f->of->weights, &mlp->out, block, rows, stride)) return true;
    atomic_store(&f->unread, &mlp->out);
    return false;
}

static void read_group(void *context, int64_t thread, int64_t threads) {
    Finding *f = context;
    const int64_t units = (f->shape.depth + UNIT_ROWS - 1) / UNIT_ROWS;
    const int64_t end = f->first + f->count;
    (void)thread, (void)threads;
    for (;;) {
        const int64_t unit = atomic_fetch_add(&f->next, 1);
        StreamUnit place = congruence_neuron(f->of, f->first);
        int64_t begin = f->first - place.number; /* of the mlp of the unit */
        for (int64_t i = 0; i < unit / units && begin < end; i++) {
            begin += place.branch->hidden;
            if (begin < end) place = congruence_neuron(f->of, begin);
        }
        if (begin >= end || atomic_load(&f->unread) || !read_rows(f, place, unit % units)) return;
    }
}

static void read_block(void *context, int64_t thread, int64_t threads) {
    Finding *f = context;
    const Worker *worker = &f->worker[thread];
    (void)threads;
    for (;;) {
        const int64_t at = atomic_fetch_add(&f->next, f->panel);
        if (at >= f->tokens || atomic_load(&f->unread)) return;
        const int64_t some = least(f->panel, f->tokens - at);
        if (!stream_rows(f->of->weights, &f->of->tokens, f->first_token + at, some,
                         worker->token)) {
            atomic_store(&f->unread, &f->of->tokens);
            return;
        }
        product_set_columns(f->product, at, some, worker->token, worker->scratch);
    }
}

static void multiply(void *context, int64_t thread, int64_t threads) {
    Finding *f = context;
    Worker *worker = &f->worker[thread];
    const int64_t block = product_block(f->product);
    (void)threads;
    for (;;) {
        const int64_t at = atomic_fetch_add(&f->next, block);
        if (at >= f->count) return;
        const int64_t some = least(block, f->count - at);
        const float *y = product_block_of(worker->worker, at, some);
        top_two_block(y, some, f->tokens, f->shape.columns, f->first + at, f->first_token,
                      &f->out->of_neurons, &worker->columns);
    }
}

static bool run(Finding *f, TwTask *work) {
    atomic_store(&f->next, 0);
    tw_team_run(f->team, work, f);
    const StreamMatrix *unread = atomic_load(&f->unread);
    return !unread || stream_weights_report(f->of->weights, unread);
}

/* ---- all of it ---- */

/* Each thread goes on from what is known of the block's tokens. */
static void hand_columns(Finding *f) {
    for (int t = 0; t < f->threads; t++) {
        top_two_clear(&f->worker[t].columns);
        for (int64_t c = 0; c < f->tokens; c++)
            top_two_merge(&f->worker[t].columns, c, &f->out->of_tokens, f->first_token + c);
    }
}

static void take_columns(Finding *f) {
    for (int t = 0; t < f->threads; t++)
        for (int64_t c = 0; c < f->tokens; c++)
            top_two_merge(&f->out->of_tokens, f->first_token + c, &f->worker[t].columns, c);
}

static bool find_in_group(Finding *f) {
    const int64_t tokens = f->of->tokens.rows, neurons = f->of->neurons;
    if (!run(f, read_group)) return false;
    for (f->first_token = 0; f->first_token < tokens; f->first_token += f->tokens) {
        f->tokens = least(f->shape.columns, tokens - f->first_token);
        if (!run(f, read_block)) return false;
        hand_columns(f);
        if (!run(f, multiply)) return false;
        take_columns(f);
        const double done =
            (double)f->first + (double)f->count * (double)f->first_token / (double)tokens;
        if (!compiler_progress(f->of->weights->thalweg, "multiplying neurons with tokens",
                               done / (double)neurons))
            return false;
    }
    return true;
}

static void sample_peak(Finding *f) {
    if (!f->measure) return;
    const double begin = clock_seconds();
    const double peak = measure_operations(f->measure, f->arithmetic);
    if (peak > f->out->peak) f->out->peak = peak;
    f->measured += clock_seconds() - begin;
}

static bool find_in_all(Finding *f) {
    const double begin = clock_seconds();
    sample_peak(f);
    for (f->first = 0; f->first < f->of->neurons; f->first += f->count) {
        f->count = least(f->shape.rows, f->of->neurons - f->first);
        if (!find_in_group(f)) return false;
        sample_peak(f);
    }
    f->out->seconds = clock_seconds() - begin - f->measured;
    f->out->operations =
        2 * (double)f->of->neurons * (double)f->of->tokens.rows * (double)f->shape.depth;
    return true;
}

/* ---- memory ---- */

static int64_t between(int64_t low, int64_t value, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

static ProductShape choose_shape(const Congruence *of, const MutualOptions *options) {
    const int64_t depth = of->weights->width;
    int64_t columns = options->tokens ? options->tokens : least(BLOCK_FLOATS / depth, MOST_COLUMNS);
    columns = between(LEAST_COLUMNS, columns, of->tokens.rows) / LEAST_COLUMNS * LEAST_COLUMNS;
    int64_t rows = options->neurons ? options->neurons : GROUP_FLOATS / depth;
    if (!options->neurons && rows < LEAST_GROUP) rows = LEAST_GROUP;
    return (ProductShape){.rows = least(rows, of->neurons),
                          .columns = columns > LEAST_COLUMNS ? columns : LEAST_COLUMNS,
                          .depth = depth,
                          .format = options->products};
}

static bool worker_create(Worker *worker, const Finding *f) {
    const size_t values = (size_t)(f->panel * f->shape.depth);
    worker->worker = product_worker_create(f->product);
    worker->token = malloc(values * sizeof *worker->token);
    worker->scratch = malloc(values * sizeof *worker->scratch);
    return top_two_create(&worker->columns, f->shape.columns) && worker->worker && worker->token &&
           worker->scratch;
}

static bool prepare(Finding *f) {
    f->panel = product_panel(f->product);
    f->team = tw_team_create(compiler_threads(f->of->weights->thalweg));
    if (!f->team) return false;
    f->threads = tw_team_threads(f->team);
    f->worker = calloc((size_t)f->threads, sizeof *f->worker);
    bool ok = f->worker && top_two_create(&f->out->of_neurons, f->of->neurons) &&
              top_two_create(&f->out->of_tokens, f->of->tokens.rows);
    for (int t = 0; ok && t < f->threads; t++) ok = worker_create(&f->worker[t], f);
    return ok;
}

static void release(Finding *f) {
    for (int t = 0; f->worker && t < f->threads; t++) {
        product_worker_destroy(f->worker[t].worker);
        free(f->worker[t].token);
        free(f->worker[t].scratch);
        top_two_destroy(&f->worker[t].columns);
    }
    free(f->worker);
    tw_team_destroy(f->team);
    product_destroy(f->product);
}

/* ---- pairs ---- */

static int compare_pairs(const void *a, const void *b) {
    const MutualPair *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->neuron < y->neuron ? -1 : x->neuron > y->neuron;
}

static double margin(const TopTwo *top, int64_t i) {
    return (double)top->best[i] - (double)top->second[i];
}

static bool collect_pairs(Mutual *out, Diag *diag) {
    out->pair = malloc(((size_t)out->of_neurons.count + 1) * sizeof *out->pair);
    if (!out->pair) return diag_error(diag, (Loc){0}, "out of memory");
    for (int64_t n = 0; n < out->of_neurons.count; n++) {
        const int64_t token = out->of_neurons.best_at[n];
        if (token < 0 || out->of_tokens.best_at[token] != n) continue;
        out->pair[out->count++] =
            (MutualPair){.neuron = n,
                         .token = token,
                         .value = (double)out->of_neurons.best[n],
                         .score = margin(&out->of_neurons, n) * margin(&out->of_tokens, token)};
        if (!isfinite(out->pair[out->count - 1].score))
            return diag_error(diag, (Loc){0}, "products of the weights are beyond what f32 holds");
    }
    qsort(out->pair, (size_t)out->count, sizeof *out->pair, compare_pairs);
    return true;
}

bool mutual_find(const Congruence *congruence, const MutualOptions *options, Mutual *out) {
    Diag *diag = &congruence->weights->thalweg->diag;
    Finding f = {.of = congruence, .out = out, .measure = options->measure};
    *out = (Mutual){0};
    if (congruence->neurons < 2 || congruence->tokens.rows < 2 || congruence->neurons > INT32_MAX)
        return diag_error(diag, (Loc){0}, "there must be 2 to 2^31 neurons, and 2 tokens");
    f.shape = choose_shape(congruence, options);
    f.product = product_create(congruence->weights->thalweg, f.shape);
    if (!f.product) return false;
    out->has_pairs = product_has_pairs(f.product);
    f.arithmetic = out->has_pairs ? ARITHMETIC_bf16 : ARITHMETIC_f32;
    const bool has_memory = prepare(&f);
    bool ok = has_memory ? find_in_all(&f) : diag_error(diag, (Loc){0}, "out of memory");
    release(&f);
    return ok && collect_pairs(out, diag);
}

void mutual_destroy(Mutual *mutual) {
    top_two_destroy(&mutual->of_neurons);
    top_two_destroy(&mutual->of_tokens);
    free(mutual->pair);
    *mutual = (Mutual){0};
}
