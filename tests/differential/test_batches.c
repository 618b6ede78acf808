/* test_batches.c - random mixtures of several sequences of random models: each gets, bit for bit,
 * the logits and taps that it gets alone, whatever stands beside it, after forks and going back,
 * with any number of threads; and what the interpreter says of it.
 *
 *   test_batches [models [first seed]]
 */
#include "frontend/compiler/thalweg.h"
#include "tests/differential/random_model.h"
#include "tests/folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCES = 5, TOKENS = 26, STEPS = 14, TAPS = 3, SHRINK_TRIES = 200 };

typedef struct {
    const char *cache;
    int strays;
    char what[256];
} Run;

typedef struct {
    Run *run;
    Thalweg *thalweg;
    const TwProgram *program;
    bool is_whole, is_pooled, is_rounding, is_interpreted, is_stray;
    int64_t vocab, outputs, taps;
    const ThalwegTap *tap;
    float *rows[SEQUENCES][TAPS], *alone_rows[TAPS]; /* [TOKENS][columns] */
    TwSession *session, *alone;
    int32_t token[SEQUENCES][TOKENS]; /* that a sequence has had */
    int64_t count[SEQUENCES];
    uint64_t state;
} Case;

static bool wrong(Run *run, const char *what) {
    snprintf(run->what, sizeof run->what, "%s", what);
    return false;
}

static int64_t choose(Case *c, int64_t choices) {
    uint64_t x = c->state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (int64_t)((x ^ (x >> 31)) % (uint64_t)choices);
}

/* Of so many rows of a tap; those of scores and patterns have one for each key. */
static size_t count_floats(const Case *c, int64_t tap, int64_t rows) {
    return (size_t)(rows * c->tap[tap].columns * (c->tap[tap].has_keys ? TOKENS : 1));
}

/* ---- what a sequence gets alone ---- */

static bool is_as_alone(Case *c, int64_t s, int64_t row, int64_t rows) {
    tw_session_reset(c->alone);
    const int64_t count = c->count[s];
    if (tw_session_step(c->alone, c->token[s], count, rows) != TW_OK)
        return wrong(c->run, "a sequence fails alone");
    for (int64_t i = 0; i < rows; i++)
        if (memcmp(tw_session_logits(c->session, row + i), tw_session_logits(c->alone, i),
                   (size_t)c->outputs * sizeof(float)) != 0)
            return wrong(c->run, "logits differ from those of a sequence alone");
    for (int64_t t = 0; t < c->taps; t++)
        if (memcmp(c->rows[s][t], c->alone_rows[t], count_floats(c, t, count) * sizeof(float)) != 0)
            return wrong(c->run, "taps differ from those of a sequence alone");
    return true;
}

/* ---- what the model means: the interpreter has sequences, too ---- */

/* Where values are rounded to bytes, one on an edge may fall to the other side. */
#define MOST_STRAY 0.1

static bool is_as_meant(Case *c, const TwSegment *segment, int64_t row) {
    const int64_t s = segment->sequence, first = c->count[s] - segment->count;
    const size_t count = (size_t)(segment->rows * c->outputs);
    double *meant = calloc(count, sizeof *meant), largest = 0, worst = 0;
    const bool ok = meant && thalweg_choose_interpreted(c->thalweg, s) &&
                    thalweg_interpret(c->thalweg, c->token[s] + first, segment->count, first,
                                      segment->rows, meant);
    for (int64_t i = 0; ok && i < segment->rows; i++)
        for (int64_t k = 0; k < c->outputs; k++) {
            const double is = (double)tw_session_logits(c->session, row + i)[k];
            const double off = fabs(meant[i * c->outputs + k] - is);
            largest = fmax(largest, fabs(meant[i * c->outputs + k]));
            if (!(off <= worst)) worst = off;
        }
    free(meant);
    if (!ok) return wrong(c->run, "the interpreter fails");
    if (worst <= 2e-4 * (largest + 1e-2)) return true;
    if (!c->is_rounding || !(worst <= MOST_STRAY * (largest + 1e-2)))
        return wrong(c->run, "logits are not those that are meant");
    c->is_stray = true;
    return true;
}

/* ---- steps ---- */

/* Sequences from a random one on, each with some tokens, or all with one. */
static bool step(Case *c) {
    TwSegment segment[SEQUENCES];
    int32_t tokens[SEQUENCES * TOKENS];
    int64_t segments = 0, all = 0, rows = 0;
    const int64_t first = choose(c, SEQUENCES), wanted = 1 + choose(c, SEQUENCES);
    const int64_t most = (const int64_t[]){1, 3, 9}[choose(c, 3)];
    for (int64_t i = 0; i < wanted; i++) {
        const int64_t s = (first + i) % SEQUENCES;
        if (c->is_whole) c->count[s] = 0;
        int64_t count = 1 + choose(c, most);
        if (count > TOKENS - c->count[s]) count = TOKENS - c->count[s];
        if (count > c->program->chunk - all) count = c->program->chunk - all;
        if (count <= 0) continue;
        segment[segments] = (TwSegment){s, count, c->is_pooled ? 1 : 1 + choose(c, count)};
        for (int64_t k = 0; k < count; k++)
            tokens[all++] = c->token[s][c->count[s]++] = (int32_t)choose(c, c->vocab);
        rows += segment[segments++].rows;
        if (!c->is_whole) continue;
        tw_session_choose(c->session, s);
        tw_session_reset(c->session);
    }
    if (!segments) return true;
    if (tw_session_step_batch(c->session, segment, segments, tokens) != TW_OK)
        return wrong(c->run, "a batch fails");
    rows = 0;
    for (int64_t i = 0; i < segments; i++) {
        if (!is_as_alone(c, segment[i].sequence, rows, segment[i].rows)) return false;
        if (c->is_interpreted && !is_as_meant(c, &segment[i], rows)) return false;
        rows += segment[i].rows;
    }
    return true;
}

static bool go_back(Case *c) {
    const int64_t s = choose(c, SEQUENCES);
    c->count[s] = choose(c, c->count[s] + 1);
    return tw_session_choose(c->session, s) == TW_OK &&
                   tw_session_rollback(c->session, c->count[s]) == TW_OK
               ? true
               : wrong(c->run, "a sequence cannot go back");
}

static bool fork_one(Case *c) {
    const int64_t from = choose(c, SEQUENCES), to = choose(c, SEQUENCES);
    const int64_t count = choose(c, c->count[from] + 1);
    if (tw_session_fork(c->session, from, to, count) != TW_OK) return wrong(c->run, "a fork fails");
    memmove(c->token[to], c->token[from], sizeof c->token[to]);
    c->count[to] = count;
    if (c->is_interpreted && count) { /* it takes the tokens again */
        double *row = calloc((size_t)c->outputs, sizeof *row);
        const bool ok = row && thalweg_choose_interpreted(c->thalweg, to) &&
                        thalweg_interpret(c->thalweg, c->token[to], count, 0, 1, row);
        free(row);
        if (!ok) return wrong(c->run, "the interpreter fails");
    }
    for (int64_t t = 0; t < c->taps; t++) /* what taps kept is the caller's */
        memmove(c->rows[to][t], c->rows[from][t], count_floats(c, t, count) * sizeof(float));
    return true;
}

static bool run_steps(Case *c) {
    for (int i = 0; i < STEPS; i++) {
        if (!step(c)) return false;
        const int64_t other = c->is_whole ? 0 : choose(c, 4);
        if (other == 1 && !go_back(c)) return false;
        if (other == 2 && !fork_one(c)) return false;
    }
    return true;
}

/* ---- sessions ---- */

static bool open_sessions(Case *c, int threads) {
    const TwWeights *weights = thalweg_weights(c->thalweg);
    const TwSessionOptions options = {.struct_bytes = sizeof options,
                                      .threads = threads,
                                      .logit_rows = c->program->chunk,
                                      .sequences = SEQUENCES};
    const TwSessionOptions one = {.threads = 1, .logit_rows = c->program->chunk};
    if (tw_session_create(c->program, weights, &options, &c->session) != TW_OK ||
        tw_session_create(c->program, weights, &one, &c->alone) != TW_OK)
        return wrong(c->run, "there is no session");
    for (int64_t t = 0; t < c->taps; t++) {
        tw_session_set_tap(c->alone, t, c->alone_rows[t], TOKENS);
        for (int64_t s = 0; s < SEQUENCES; s++) {
            tw_session_choose(c->session, s);
            tw_session_set_tap(c->session, t, c->rows[s][t], TOKENS);
        }
    }
    return true;
}

static bool run_threads(Case *c, int threads, uint64_t seed) {
    c->state = seed;
    memset(c->count, 0, sizeof c->count);
    const bool is_right = open_sessions(c, threads) && run_steps(c);
    tw_session_destroy(c->session);
    tw_session_destroy(c->alone);
    c->session = c->alone = NULL;
    return is_right;
}

/* ---- one model ---- */

static const char *first_error(const Thalweg *thalweg) {
    for (int i = 0; i < thalweg_diagnostic_count(thalweg); i++)
        if (thalweg_diagnostic(thalweg, i).severity == THALWEG_ERROR)
            return thalweg_diagnostic(thalweg, i).message;
    return "no error";
}

static bool open_case(Case *c, const char *text) {
    if (!thalweg_read_text(c->thalweg, "random.yaml", text, strlen(text), c->run->cache) ||
        !thalweg_program(c->thalweg) || !thalweg_weights(c->thalweg))
        return wrong(c->run, first_error(c->thalweg));
    c->program = thalweg_program(c->thalweg);
    if (!c->program->batch) return wrong(c->run, "the program has no code for batches");
    const ThalwegModel model = thalweg_model(c->thalweg);
    c->vocab = model.vocab;
    c->outputs = model.outputs;
    c->is_whole = model.takes_whole_sequences;
    c->is_pooled = model.is_pooled;
    c->tap = thalweg_taps(c->thalweg, &c->taps);
    bool ok = c->taps <= TAPS;
    for (int64_t t = 0; ok && t < c->taps; t++) {
        const size_t floats = count_floats(c, t, TOKENS);
        ok = (c->alone_rows[t] = calloc(floats, sizeof(float))) != NULL;
        for (int s = 0; ok && s < SEQUENCES; s++)
            ok = (c->rows[s][t] = calloc(floats, sizeof(float))) != NULL;
    }
    return ok || wrong(c->run, "out of memory");
}

static void close_case(Case *c) {
    for (int t = 0; t < TAPS; t++) {
        free(c->alone_rows[t]);
        for (int s = 0; s < SEQUENCES; s++) free(c->rows[s][t]);
    }
    thalweg_destroy(c->thalweg);
}

static uint32_t draw(const Tape *tape, int i) {
    return tape->length > 0 ? tape->number[(i * 7 + 3) % tape->length] : 0;
}

/* Of every other model: points to be tapped, the heads of one of them. */
static bool choose_taps(Run *run, const char *text, const Tape *tape, ThalwegOptions *options,
                        char taps[TAPS][64], const char *tap[TAPS]) {
    if (draw(tape, 0) % 2) return true;
    Thalweg *thalweg = thalweg_create(options);
    int64_t count = 0;
    const bool is_read = thalweg_read_text(thalweg, "random.yaml", text, strlen(text), run->cache);
    const ThalwegPoint *points = is_read ? thalweg_points(thalweg, &count) : NULL;
    if (!points) wrong(run, first_error(thalweg));
    for (int i = 0; points && i < TAPS; i++) {
        const ThalwegPoint *point = &points[draw(tape, i) % (uint64_t)count];
        snprintf(taps[i], sizeof taps[i], *point->unit && i == 1 ? "%s[%s=0]" : "%s", point->name,
                 point->unit);
        tap[i] = taps[i];
    }
    thalweg_destroy(thalweg);
    options->taps = tap;
    options->tap_count = points ? TAPS : 0;
    return points;
}

/* The context of random models has two digits: it becomes 40, so that calls have more rows than
 * few.
 */
static void lengthen(char *text) {
    static const char key[] = "\ncontext: ";
    char *context = strstr(text, key);
    if (context) memcpy(context + strlen(key), "40", 2);
}

static bool passes(const Tape *tape, void *context) {
    Run *run = context;
    char text[MODEL_TEXT_MAX], taps[TAPS][64];
    const char *tap[TAPS];
    if (!random_model(tape, text, sizeof text)) return wrong(run, "the model is too long");
    lengthen(text);
    ThalwegOptions options = {
        .exact = draw(tape, 0) % 4 == 3, .batches = true, .cache_directory = run->cache};
    if (!choose_taps(run, text, tape, &options, taps, tap)) return false;
    Case c = {.run = run, .thalweg = thalweg_create(&options)};
    c.is_rounding = strstr(text, ": q8") || strstr(text, ": q4") || strstr(text, ": bf16");
    c.is_interpreted = true;
    bool ok = open_case(&c, text) && run_threads(&c, 1, draw(tape, 1));
    c.is_interpreted = false;
    ok = ok && run_threads(&c, 3, draw(tape, 1)) && run_threads(&c, 2, draw(tape, 2));
    run->strays += c.is_stray;
    close_case(&c);
    folder_empty(run->cache);
    return ok;
}

int main(int count, char **argument) {
    char cache[FOLDER_PATH];
    if (!folder_make(cache)) return 2;
    Run run = {.cache = cache};
    const Tally tally = check_models(count, argument, 40, passes, &run, run.what, SHRINK_TRIES);
    folder_remove(cache);
    printf("%d strays\n", run.strays);
    return tally.failures || run.strays > 2 + tally.models / 4;
}
