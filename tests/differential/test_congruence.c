/* test_congruence.c - congruence of random models against the plain sum in double precision, and
 * mutual congruence whatever is multiplied at once.
 *
 *   test_congruence [models [first seed]]
 */
#include "frontend/lens/mutual.h"
#include "tests/differential/random_model.h"
#include "tests/folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHRINK_TRIES = 60 };

typedef struct {
    const char *cache;
    char what[200];
} Run;

typedef struct {
    Congruence of;
    int64_t neurons, tokens;
    double *dense; /* [neurons][tokens] */
    double largest;
} Case;

static bool wrong(Run *run, const char *what) {
    snprintf(run->what, sizeof run->what, "%s", what);
    return false;
}

/* ---- the plain sum ---- */

static bool fill_dense(Case *c) {
    const StreamWeights *weights = c->of.weights;
    const size_t width = (size_t)weights->width;
    float *u = calloc((size_t)c->tokens * width, sizeof *u), *out = calloc(width, sizeof *out);
    c->dense = calloc((size_t)(c->neurons * c->tokens), sizeof *c->dense);
    bool ok = u && out && c->dense && stream_rows(weights, &c->of.tokens, 0, c->tokens, u);
    for (int64_t n = 0; ok && n < c->neurons; n++) {
        const StreamUnit place = congruence_neuron(&c->of, n);
        ok = congruence_number(&c->of, place) == n &&
             stream_neurons(weights, place.branch, NEURON_OUT, place.number, 1, out);
        for (int64_t t = 0; ok && t < c->tokens; t++) {
            double *sum = &c->dense[n * c->tokens + t];
            for (size_t i = 0; i < width; i++)
                *sum += (double)out[i] * (double)u[(size_t)t * width + i];
            c->largest = fmax(c->largest, fabs(*sum));
        }
    }
    free(u);
    free(out);
    return ok;
}

static bool is_near(const Case *c, double a, double b) {
    return fabs(a - b) <= 2e-6 * c->largest;
}

static bool check_single(Run *run, const Case *c) {
    const int64_t token = c->tokens - 1, neuron = c->neurons - 1;
    double *out = calloc((size_t)(c->neurons + c->tokens), sizeof *out);
    bool ok = out && congruence_of_token(&c->of, token, out);
    for (int64_t n = 0; ok && n < c->neurons; n++)
        ok = is_near(c, out[n], c->dense[n * c->tokens + token]);
    ok = ok && congruence_of_neuron(&c->of, neuron, out);
    for (int64_t t = 0; ok && t < c->tokens; t++)
        ok = is_near(c, out[t], c->dense[neuron * c->tokens + t]);
    free(out);
    return ok || wrong(run, "of one token, or of one neuron");
}

/* ---- the best of each ---- */

/* The largest of a series but one, and how much is larger than what was found. */
static bool is_best(const Case *c, const double *at, int64_t count, int64_t stride, int64_t best,
                    int64_t second, double value) {
    if (best < 0 || second < 0 || best == second) return false;
    for (int64_t i = 0; i < count; i++) {
        if (at[i * stride] > at[best * stride] + 4e-6 * c->largest) return false;
        if (i != best && at[i * stride] > at[second * stride] + 4e-6 * c->largest) return false;
    }
    return is_near(c, at[best * stride], value);
}

static bool check_best(Run *run, const Case *c, const Mutual *m) {
    for (int64_t n = 0; n < c->neurons; n++)
        if (!is_best(c, c->dense + n * c->tokens, c->tokens, 1, m->of_neurons.best_at[n],
                     m->of_neurons.second_at[n], (double)m->of_neurons.best[n]))
            return wrong(run, "the best token of a neuron");
    for (int64_t t = 0; t < c->tokens; t++)
        if (!is_best(c, c->dense + t, c->neurons, c->tokens, m->of_tokens.best_at[t],
                     m->of_tokens.second_at[t], (double)m->of_tokens.best[t]))
            return wrong(run, "the best neuron of a token");
    return true;
}

static bool check_pairs(Run *run, const Case *c, const Mutual *m) {
    int64_t mutual = 0;
    for (int64_t n = 0; n < c->neurons; n++)
        mutual += m->of_tokens.best_at[m->of_neurons.best_at[n]] == n;
    if (mutual != m->count) return wrong(run, "the number of pairs");
    for (int64_t i = 0; i < m->count; i++) {
        const MutualPair *p = &m->pair[i];
        const double *at = c->dense + p->neuron * c->tokens + p->token;
        const int64_t token = m->of_neurons.second_at[p->neuron];
        const int64_t neuron = m->of_tokens.second_at[p->token];
        const double score = (*at - c->dense[p->neuron * c->tokens + token]) *
                             (*at - c->dense[neuron * c->tokens + p->token]);
        if (!is_near(c, *at, p->value) || fabs(score - p->score) > 1e-5 * c->largest * c->largest ||
            (i && p->score > m->pair[i - 1].score))
            return wrong(run, "a pair");
    }
    return true;
}

static bool is_same(const TopTwo *a, const TopTwo *b) {
    const size_t count = (size_t)a->count;
    return memcmp(a->best, b->best, count * sizeof *a->best) == 0 &&
           memcmp(a->second, b->second, count * sizeof *a->second) == 0 &&
           memcmp(a->best_at, b->best_at, count * sizeof *a->best_at) == 0 &&
           memcmp(a->second_at, b->second_at, count * sizeof *a->second_at) == 0;
}

/* Few neurons at once, so that there are several groups. */
static bool check_mutual(Run *run, const Case *c) {
    Mutual whole, parts;
    bool ok = mutual_find(&c->of, &(MutualOptions){0}, &whole);
    ok = ok && check_best(run, c, &whole) && check_pairs(run, c, &whole);
    ok = mutual_find(&c->of, &(MutualOptions){.neurons = 5, .tokens = 128}, &parts) && ok;
    if (ok && (!is_same(&whole.of_neurons, &parts.of_neurons) ||
               !is_same(&whole.of_tokens, &parts.of_tokens)))
        ok = wrong(run, "groups change the result");
    mutual_destroy(&whole);
    mutual_destroy(&parts);
    return ok;
}

/* ---- one model ---- */

static bool check_model(Run *run, const StreamWeights *weights, bool with_embedding) {
    Case c = {0};
    if (!congruence_open(weights, with_embedding, &c.of)) return true; /* no neurons, no head */
    c.neurons = c.of.neurons;
    c.tokens = c.of.tokens.rows;
    const bool ok = c.tokens < 2 || c.neurons < 2 ||
                    ((fill_dense(&c) || wrong(run, "values")) && check_single(run, &c) &&
                     check_mutual(run, &c));
    free(c.dense);
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
    const bool ok = weights && check_model(run, weights, tape->number[1] % 2);
    if (!ok && !*run->what) thalweg_print_diagnostics(thalweg, stdout);
    thalweg_destroy(thalweg);
    folder_empty(run->cache);
    return ok;
}

int main(int count, char **argument) {
    char cache[FOLDER_PATH];
    if (!folder_make(cache)) return 2;
    Run run = {.cache = cache};
    const Tally tally = check_models(count, argument, 15, passes, &run, run.what, SHRINK_TRIES);
    folder_remove(cache);
    return tally.failures > 0;
}
