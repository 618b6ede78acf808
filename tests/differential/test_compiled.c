/* test_compiled.c - random models: compiled code against the interpreter, and against itself.
 *
 *   test_compiled [models [first seed]]
 *
 * A model that fails is shrunk, and its YAML and seed are printed.
 */
#include "frontend/compiler/thalweg.h"
#include "tests/differential/random_model.h"
#include "tests/folder.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 13, FIRST_CALL = 6, SHRINK_TRIES = 300 };

/* Where values are rounded to bytes, one that lies on an edge may fall to the other side in f32
 * than in double precision, and the logits move by a step of it. That is rare, and little. */
#define MOST_STRAY 0.05
enum { STRAYS_ONE_IN = 8, PRODUCTS = 24 };

typedef struct {
    Thalweg *thalweg;
    bool is_rounding, is_stray;
    bool is_whole;  /* a call is a sequence of its own, */
    bool is_pooled; /* and has one row, kept as that of its first token */
    int64_t vocab, outputs;
    int32_t token[TOKENS];
    double *expected, *expected_split; /* [TOKENS, outputs] */
    float *one, *other;
} Case;

typedef struct {
    const char *cache;
    int strays;     /* models that are near, but not as near as they should be */
    char what[256]; /* what went wrong */
} Run;

static bool wrong(Run *run, const char *what) {
    snprintf(run->what, sizeof run->what, "%s", what);
    return false;
}

/* ---- running ---- */

/* A team of one thread, whose stack shows afterwards how far down anything was written. */
typedef struct {
    TwTask *share;
    void *task;
    unsigned char *stack;
    size_t most; /* bytes below the share's caller, in all calls so far */
} Measured;

enum { STACK = 2 << 20 /* sanitizers need most of it */, PAINT = 0xa5 };

static void *run_measured(void *context) {
    Measured *measured = context;
    unsigned char here = 0;
    measured->share(measured->task, 0, 1);
    const unsigned char *lowest = measured->stack;
    while (*lowest == PAINT) lowest++;
    const size_t used = (size_t)((uintptr_t)&here - (uintptr_t)lowest);
    if (used > measured->most) measured->most = used;
    return NULL;
}

static void measure_stack(void *context, TwTask *share, void *task, int64_t threads) {
    Measured *measured = context;
    pthread_attr_t attributes;
    pthread_t thread;
    (void)threads;
    measured->share = share;
    measured->task = task;
    memset(measured->stack, PAINT, STACK);
    if (pthread_attr_init(&attributes) ||
        pthread_attr_setstack(&attributes, measured->stack, STACK) ||
        pthread_create(&thread, &attributes, run_measured, measured))
        abort();
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

/* Logits of all tokens, brought in calls of `first` tokens and then `step` at a time. Where a
 * model takes whole sequences each call is a sequence of its own. */
static bool run_options(const Case *c, TwSessionOptions options, int first, int step,
                        float *logits) {
    TwSession *session = NULL;
    memset(logits, 0, (size_t)(TOKENS * c->outputs) * sizeof *logits);
    options.logit_rows = TOKENS;
    TwStatus status = tw_session_create(thalweg_program(c->thalweg), thalweg_weights(c->thalweg),
                                        &options, &session);
    for (int at = 0, count = first; status == TW_OK && at < TOKENS; at += count, count = step) {
        if (count > TOKENS - at) count = TOKENS - at;
        const int rows = c->is_pooled ? 1 : count;
        if (c->is_whole) tw_session_reset(session);
        status = tw_session_step(session, c->token + at, count, rows);
        for (int row = 0; status == TW_OK && row < rows; row++)
            memcpy(logits + (at + row) * c->outputs, tw_session_logits(session, row),
                   (size_t)c->outputs * sizeof *logits);
    }
    tw_session_destroy(session);
    return status == TW_OK;
}

static bool run_session(const Case *c, int threads, int first, int step, float *logits) {
    return run_options(c, (TwSessionOptions){.threads = threads}, first, step, logits);
}

static bool interpret(const Case *c, int first, int step, double *logits) {
    for (int at = 0, count = first; at < TOKENS; at += count, count = step) {
        if (count > TOKENS - at) count = TOKENS - at;
        if (!thalweg_interpret(c->thalweg, c->token + at, count, c->is_whole ? 0 : at,
                               c->is_pooled ? 1 : count, logits + at * c->outputs))
            return false;
    }
    return true;
}

/* ---- comparing ---- */

static bool is_close(Run *run, const char *what, Case *c, const double *expected,
                     const float *got) {
    double low = expected[0], high = expected[0], worst = 0;
    for (int64_t i = 0; i < TOKENS * c->outputs; i++) {
        low = fmin(low, expected[i]);
        high = fmax(high, expected[i]);
        double off = fabs(expected[i] - (double)got[i]);
        if (!(off <= worst)) worst = off;
    }
    const double off = worst / (high - low + 1e-2);
    if (off <= 1e-4) return true;
    if (c->is_rounding && off <= MOST_STRAY) {
        c->is_stray = true;
        return true;
    }
    snprintf(run->what, sizeof run->what, "%s: off by %g where logits range over %g", what, worst,
             high - low);
    return false;
}

static bool is_same(Run *run, const char *what, const Case *c) {
    if (memcmp(c->one, c->other, (size_t)(TOKENS * c->outputs) * sizeof *c->one) == 0) return true;
    return wrong(run, what);
}

/* Both phases, as run_session(c, 1, TOKENS, TOKENS) and run_session(c, 1, 1, 1). */
static bool stack_is_small(Run *run, const Case *c, int step) {
    Measured measured = {.stack = aligned_alloc(4096, STACK)};
    const TwSessionOptions options = {
        .threads = 2, .run_team = measure_stack, .team_context = &measured};
    const bool runs = measured.stack && run_options(c, options, step, step, c->other);
    free(measured.stack);
    if (!runs) return wrong(run, "a team of the caller's fails");
    if (measured.most <= TW_STACK_BYTES) return true;
    snprintf(run->what, sizeof run->what, "calls of %d tokens take %zu bytes of stack", step,
             measured.most);
    return false;
}

static bool compare(Run *run, Case *c) {
    if (!interpret(c, TOKENS, TOKENS, c->expected)) return wrong(run, "the interpreter fails");
    if (!run_session(c, 1, TOKENS, TOKENS, c->one)) return wrong(run, "prefill fails");
    if (!is_close(run, "prefill", c, c->expected, c->one)) return false;
    for (int threads = 2; threads <= 3; threads++) {
        if (!run_session(c, threads, TOKENS, TOKENS, c->other)) return wrong(run, "prefill fails");
        if (!is_same(run, "prefill differs with the number of threads", c)) return false;
    }
    if (!stack_is_small(run, c, TOKENS)) return false;
    if (!is_same(run, "prefill differs with the caller's threads", c)) return false;
    if (!interpret(c, 1, 1, c->expected_split)) return wrong(run, "the interpreter fails");
    if (!run_session(c, 2, 1, 1, c->other)) return wrong(run, "decode fails");
    if (!is_close(run, "decode", c, c->expected_split, c->other)) return false;
    if (!stack_is_small(run, c, 1)) return false;
    if (c->is_whole) return true;
    if (!is_same(run, "decode and prefill differ", c)) return false;
    if (!run_session(c, 3, FIRST_CALL, 1, c->other)) return wrong(run, "decode fails");
    if (!is_same(run, "decode after a prefill differs from one long prefill", c)) return false;
    if (!run_session(c, 1, FIRST_CALL, 4, c->other)) return wrong(run, "prefill fails");
    return is_same(run, "two prefills differ from one long one", c);
}

/* ---- one model ---- */

static bool read_and_compare(Run *run, Case *c, const char *text) {
    if (!thalweg_read_text(c->thalweg, "random.yaml", text, strlen(text), run->cache) ||
        !thalweg_program(c->thalweg) || !thalweg_weights(c->thalweg)) {
        for (int i = 0; i < thalweg_diagnostic_count(c->thalweg); i++) {
            const ThalwegDiagnostic d = thalweg_diagnostic(c->thalweg, i);
            if (d.severity != THALWEG_ERROR) continue;
            snprintf(run->what, sizeof run->what, "%d:%d: %s", d.line, d.column, d.message);
            return false;
        }
        return wrong(run, "fails without an error");
    }
    const ThalwegModel model = thalweg_model(c->thalweg);
    c->vocab = model.vocab;
    c->outputs = model.outputs;
    c->is_whole = model.takes_whole_sequences;
    c->is_pooled = model.is_pooled;
    for (int i = 0; i < TOKENS; i++) c->token[i] = (int32_t)((i * 7 + i * i * 3) % c->vocab);
    const size_t count = (size_t)(TOKENS * c->outputs);
    c->expected = calloc(count, sizeof *c->expected);
    c->expected_split = calloc(count, sizeof *c->expected_split);
    c->one = calloc(count, sizeof *c->one);
    c->other = calloc(count, sizeof *c->other);
    if (!c->expected || !c->expected_split || !c->one || !c->other)
        return wrong(run, "out of memory");
    return compare(run, c);
}

static bool check(Run *run, const char *text, bool is_rounding, ThalwegOptions options) {
    options.cache_directory = run->cache;
    Case c = {.thalweg = thalweg_create(&options), .is_rounding = is_rounding};
    bool is_right = c.thalweg ? read_and_compare(run, &c, text) : wrong(run, "out of memory");
    run->strays += c.is_stray;
    thalweg_destroy(c.thalweg);
    free(c.expected);
    free(c.expected_split);
    free(c.one);
    free(c.other);
    folder_empty(run->cache);
    return is_right;
}

/* Smaller processors of this family, which the tests of this machine would not see otherwise. */
static const char *other_cpu(uint32_t number) {
#ifdef __x86_64__
    if (number % 8 == 0) return "x86-64";
    if (number % 8 == 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
        __builtin_cpu_supports("fma"))
        return "x86-64-v3";
    if (number % 8 == 2 && __builtin_cpu_supports("avx512bf16") &&
        __builtin_cpu_supports("avx512vnni"))
        return "cooperlake"; /* the one that multiplies pairs of bf16 */
#endif
    (void)number;
    return NULL;
}

static bool passes(const Tape *tape, void *context) {
    Run *run = context;
    char text[MODEL_TEXT_MAX];
    if (!random_model(tape, text, sizeof text)) return wrong(run, "the model is too long");
    const uint32_t number = tape->length > 0 ? tape->number[0] : 3 * 4;
    /* Every fourth model keeps its own order of operations: norms are kernels then. */
    const ThalwegOptions options = {.exact = number % 4 == 3, .cpu = other_cpu(number / 4)};
    const bool is_rounding = strstr(text, ": q8") || strstr(text, ": q4") || strstr(text, ": bf16");
    return check(run, text, is_rounding, options);
}

/* A product of rows that are exact: what it rounds to bytes cannot fall to the wrong side. */
static bool product_is_exact(Run *run, int i) {
    static const char *const types[] = {"bf16", "q8", "q4"};
    char text[512];
    snprintf(text, sizeof text,
             "thalweg: 1\nname: product\nvocab: %d\ncontext: 32\nstream: {width: %d}\n"
             "blocks: []\nhead: {tied: %s}\nweights: {synthetic: %d, type: %s}\n",
             7 + i * 53 % 200, 1 + i * 37 % 400, i % 2 ? "true" : "false", i, types[i % 3]);
    if (check(run, text, false, (ThalwegOptions){.cpu = other_cpu((uint32_t)i)})) return true;
    printf("%s\n%s\n", run->what, text);
    return false;
}

int main(int count, char **argument) {
    char cache[FOLDER_PATH];
    if (!folder_make(cache)) return 2;
    Run run = {.cache = cache};
    int wrong_products = 0;
    for (int i = 0; i < PRODUCTS; i++) wrong_products += !product_is_exact(&run, i);
    const Tally tally = check_models(count, argument, 300, passes, &run, run.what, SHRINK_TRIES);
    folder_remove(cache);
    printf("%d wrong products, %d strays\n", wrong_products, run.strays);
    return wrong_products || tally.failures || run.strays > 2 + tally.models / STRAYS_ONE_IN;
}
