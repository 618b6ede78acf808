/* test_circuits.c - composition, copying and virtual weights of random models against their
 * formulas, with matrices of the stream's width squared in double precision.
 *
 *   test_circuits [models [first seed]]
 */
#include "frontend/lens/composition.h"
#include "frontend/lens/copying.h"
#include "frontend/lens/eigenvalues.h"
#include "frontend/lens/virtual_weights.h"
#include "tests/differential/random_model.h"
#include "tests/folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHRINK_TRIES = 40, MOST_WIDTH = 160, MOST_TOKENS = 300 };

typedef struct {
    const char *cache;
    char what[200];
} Run;

typedef struct {
    Circuits of;
    int64_t width, heads;
    double *qk, *ov; /* [heads][width][width] */
} Case;

static bool wrong(Run *run, const char *what) {
    snprintf(run->what, sizeof run->what, "%s", what);
    return false;
}

static bool is_near(double a, double b) {
    return (isnan(a) && isnan(b)) || fabs(a - b) <= 2e-6;
}

/* ---- dense ---- */

/* out[n][m] = a[n][k] b[k][m], either turned. */
static void multiply(const double *a, bool a_is_turned, const double *b, bool b_is_turned,
                     int64_t n, int64_t k, int64_t m, double *out) {
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < m; c++) {
            double sum = 0;
            for (int64_t i = 0; i < k; i++)
                sum +=
                    a[a_is_turned ? i * n + r : r * k + i] * b[b_is_turned ? c * k + i : i * m + c];
            out[r * m + c] = sum;
        }
}

static double norm_of(const double *a, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * a[i];
    return sqrt(sum);
}

/* What the frame makes of rows, said once more: gains, then means. */
static bool read_rows(const Case *c, const StreamUnit *head, HeadPart part, double *out) {
    const StreamBranch *branch = head->branch;
    const int64_t width = c->width;
    float *raw = calloc((size_t)(branch->head_dim * width), sizeof *raw);
    float *gain = calloc((size_t)width, sizeof *gain);
    const bool ok = raw && gain && stream_head(c->of.weights, branch, part, head->number, raw) &&
                    stream_vector(c->of.weights, &branch->norm.gain, width, 1, gain);
    for (int64_t i = 0; ok && i < branch->head_dim; i++) {
        double mean = 0;
        for (int64_t k = 0; k < width; k++) {
            double *at = &out[i * width + k];
            *at = (double)raw[i * width + k];
            if (c->of.frame == FRAME_processed && part != HEAD_O)
                *at *= (double)gain[k] + branch->norm.gain_offset;
            mean += *at / (double)width;
        }
        for (int64_t k = 0; c->of.is_centred && k < width; k++) out[i * width + k] -= mean;
    }
    free(raw);
    free(gain);
    return ok;
}

static bool fill_dense(Case *c) {
    const int64_t width = c->width, square = width * width;
    c->qk = calloc((size_t)(c->heads * square), sizeof *c->qk);
    c->ov = calloc((size_t)(c->heads * square), sizeof *c->ov);
    bool ok = c->qk && c->ov;
    for (int64_t h = 0; ok && h < c->heads; h++) {
        const StreamUnit *head = &c->of.head[h];
        const int64_t dim = head->branch->head_dim;
        double *part[4];
        for (int i = 0; i < 4; i++) {
            part[i] = calloc((size_t)(dim * width), sizeof *part[i]);
            ok = ok && part[i] && read_rows(c, head, (HeadPart)i, part[i]);
        }
        if (ok)
            multiply(part[HEAD_Q], true, part[HEAD_K], false, width, dim, width,
                     c->qk + h * square);
        if (ok)
            multiply(part[HEAD_V], true, part[HEAD_O], false, width, dim, width,
                     c->ov + h * square);
        for (int i = 0; i < 4; i++) free(part[i]);
    }
    return ok;
}

/* ---- what is compared ---- */

static bool check_composition(Run *run, const Case *c, Composition composition) {
    const int64_t square = c->width * c->width;
    double *found = calloc((size_t)(c->heads * c->heads), sizeof *found);
    double *product = calloc((size_t)square, sizeof *product);
    bool ok = found && product && composition_find(&c->of, composition, found);
    for (int64_t a = 0; ok && a < c->heads; a++)
        for (int64_t b = 0; ok && b < c->heads; b++) {
            const double *ov = c->ov + a * square;
            const double *reads = (composition == COMPOSE_V ? c->ov : c->qk) + b * square;
            double expected = NAN;
            if (circuits_reads(c->of.head[b].branch, c->of.head[a].branch)) {
                multiply(ov, false, reads, composition == COMPOSE_K, c->width, c->width, c->width,
                         product);
                expected =
                    norm_of(product, square) / (norm_of(ov, square) * norm_of(reads, square));
            }
            ok = is_near(found[a * c->heads + b], expected);
        }
    free(found);
    free(product);
    return ok || wrong(run, composition == COMPOSE_Q   ? "Q-composition"
                            : composition == COMPOSE_K ? "K-composition"
                                                       : "V-composition");
}

static bool read_tokens(const Case *c, bool is_unembed, double *out) {
    const StreamWeights *weights = c->of.weights;
    const StreamMatrix *matrix = is_unembed ? &weights->unembed : &weights->embed;
    const int64_t width = c->width, tokens = weights->vocab;
    float *raw = calloc((size_t)(tokens * width), sizeof *raw);
    float *gain = calloc((size_t)width, sizeof *gain);
    const bool ok = raw && gain && stream_rows(weights, matrix, 0, tokens, raw) &&
                    stream_vector(weights, &weights->final_norm.gain, width, 1, gain);
    for (int64_t t = 0; ok && t < tokens; t++) {
        double mean = 0;
        for (int64_t k = 0; k < width; k++) {
            double *at = &out[t * width + k];
            *at = (double)raw[t * width + k];
            if (c->of.frame == FRAME_processed && is_unembed)
                *at *= (double)gain[k] + weights->final_norm.gain_offset;
            mean += *at / (double)width;
        }
        for (int64_t k = 0; c->of.is_centred && k < width; k++) out[t * width + k] -= mean;
    }
    for (int64_t k = 0; ok && c->of.frame == FRAME_processed && is_unembed && k < width; k++) {
        double mean = 0;
        for (int64_t t = 0; t < tokens; t++) mean += out[t * width + k] / (double)tokens;
        for (int64_t t = 0; t < tokens; t++) out[t * width + k] -= mean;
    }
    free(raw);
    free(gain);
    return ok;
}

/* Of the matrix from token to token, of the vocabulary squared. */
static bool check_copying(Run *run, const Case *c) {
    const int64_t width = c->width, tokens = c->of.weights->vocab;
    const size_t values = (size_t)(tokens * width);
    double *u = calloc(values, sizeof *u), *e = calloc(values, sizeof *e);
    double *half = calloc(values, sizeof *half), *found = calloc((size_t)c->heads, sizeof *found);
    double *whole = calloc((size_t)(tokens * tokens), sizeof *whole);
    double complex *value = calloc((size_t)tokens, sizeof *value);
    bool ok = u && e && half && found && whole && value && read_tokens(c, true, u) &&
              read_tokens(c, false, e) && copying_find(&c->of, found);
    for (int64_t h = 0; ok && h < c->heads; h++) {
        double sum = 0, sizes = 0;
        multiply(e, false, c->ov + h * width * width, false, tokens, width, width, half);
        multiply(half, false, u, true, tokens, width, tokens, whole);
        ok = eigenvalues_find(whole, tokens, value);
        for (int64_t i = 0; i < tokens; i++) {
            sum += creal(value[i]);
            sizes += cabs(value[i]);
        }
        ok = ok && fabs(sum / sizes - found[h]) <= 1e-5;
    }
    free(u);
    free(e);
    free(half);
    free(found);
    free(whole);
    free(value);
    return ok || wrong(run, "copying");
}

/* From the last head to the first head of a later layer: its Frobenius norm is that of OV QK, whose
 * outer factors are taken off by what they are. */
static bool check_path(Run *run, const Case *c) {
    VirtualWeights path[VIRTUAL_MOST];
    const StreamUnit writer = c->of.head[0], reader = c->of.head[c->heads - 1];
    if (!circuits_reads(reader.branch, writer.branch)) return true;
    const int64_t n = writer.branch->head_dim, m = reader.branch->head_dim, width = c->width;
    Case with_gain = *c;
    with_gain.of.frame = FRAME_processed;
    double *o = calloc((size_t)(n * width), sizeof *o), *k = calloc((size_t)(m * width), sizeof *k);
    double *expected = calloc((size_t)(n * m), sizeof *expected);
    bool ok = o && k && expected && virtual_weights_find(&c->of, writer, reader, path) == 3 &&
              read_rows(c, &writer, HEAD_O, o) && read_rows(&with_gain, &reader, HEAD_K, k);
    if (ok) multiply(o, false, k, true, n, width, m, expected);
    for (int64_t i = 0; ok && i < n * m; i++)
        ok = fabs((double)path[1].value[i] - expected[i]) <= 1e-5 * (1 + fabs(expected[i]));
    ok = ok && fabs(path[1].norm - norm_of(expected, n * m)) <= 1e-5 * (1 + path[1].norm);
    free(o);
    free(k);
    free(expected);
    return ok || wrong(run, "virtual weights");
}

/* ---- one model ---- */

static bool check_frame(Run *run, const StreamWeights *weights, StreamFrame frame) {
    Case c = {.width = weights->width};
    if (!circuits_open(weights, frame, &c.of)) return true; /* no heads, no such frame */
    c.heads = c.of.heads;
    bool ok = fill_dense(&c) || wrong(run, "values");
    for (int i = 0; ok && i < 3; i++) ok = check_composition(run, &c, (Composition)i);
    if (ok && weights->unembed.rows == weights->vocab && weights->unembed.columns == c.width &&
        weights->vocab <= MOST_TOKENS)
        ok = check_copying(run, &c);
    ok = ok && check_path(run, &c);
    free(c.qk);
    free(c.ov);
    return ok;
}

static bool passes(const Tape *tape, void *context) {
    Run *run = context;
    char text[MODEL_TEXT_MAX];
    if (!random_model(tape, text, sizeof text)) return false;
    run->what[0] = '\0';
    Thalweg *thalweg = thalweg_create(&(ThalwegOptions){.threads = 1 + (int)(tape->number[0] % 3),
                                                        .cache_directory = run->cache});
    const bool is_read = thalweg_read_text(thalweg, "random.yaml", text, strlen(text), run->cache);
    const StreamWeights *weights = is_read ? stream_weights_open(thalweg) : NULL;
    bool ok = weights != NULL;
    if (ok && weights->width <= MOST_WIDTH)
        ok = check_frame(run, weights, FRAME_raw) && check_frame(run, weights, FRAME_processed);
    if (!ok && !*run->what) thalweg_print_diagnostics(thalweg, stdout);
    thalweg_destroy(thalweg);
    return ok;
}

int main(int count, char **argument) {
    char cache[FOLDER_PATH];
    if (!folder_make(cache)) return 2;
    Run run = {.cache = cache};
    const Tally tally = check_models(count, argument, 12, passes, &run, run.what, SHRINK_TRIES);
    folder_empty(run.cache);
    folder_remove(cache);
    return tally.failures > 0;
}
