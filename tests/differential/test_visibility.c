/* test_visibility.c - what a row does not see is nothing to it, not even where it is no number.
 *
 *   test_visibility [models [first seed]]
 *
 * One token of a sequence is given an infinite embedding. Rows that do not see it keep every bit:
 * those before it, those that a window keeps from it, all rows of a sequence that comes later in
 * the same session; by prefill and token by token, for any number of threads.
 */
#include "frontend/compiler/thalweg.h"
#include "frontend/weights/synthetic.h"
#include "tests/differential/random_model.h"
#include "tests/folder.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_TOKENS = 150, VOCAB_OF_FIXED = 20 };

typedef struct {
    Thalweg *thalweg;
    TwWeights *weights; /* one token's embedding is infinite */
    int64_t vocab, outputs, tokens;
    int64_t window; /* 0: none; -1: of several layers, only what comes before is known */
    bool is_causal;
    int64_t place; /* of the infinite token in `poisoned`; `clean` has another there */
    int32_t clean[MOST_TOKENS], poisoned[MOST_TOKENS];
    float *expected, *found; /* [tokens, outputs] */
    const char *what;        /* is wrong */
} Case;

static bool wrong(Case *c, const char *what) {
    c->what = what;
    return false;
}

static bool sees(const Case *c, int64_t row) {
    if (c->window < 0) return row >= c->place;
    if (c->is_causal && row < c->place) return false;
    return c->window == 0 || llabs(row - c->place) < c->window;
}

/* ---- running ---- */

/* Tokens from .. on, `step` at a time; logits to their rows. */
static bool feed(const Case *c, TwSession *session, const int32_t *token, int64_t from,
                 int64_t step, float *logits) {
    for (int64_t at = from, count; at < c->tokens; at += count) {
        count = step < c->tokens - at ? step : c->tokens - at;
        if (tw_session_step(session, token + at, count, count) != TW_OK) return false;
        for (int64_t row = 0; row < count; row++)
            memcpy(logits + (at + row) * c->outputs, tw_session_logits(session, row),
                   (size_t)c->outputs * sizeof *logits);
    }
    return true;
}

static bool are_same(const Case *c, bool all_rows) {
    for (int64_t row = 0; row < c->tokens; row++)
        if ((all_rows || !sees(c, row)) &&
            memcmp(c->expected + row * c->outputs, c->found + row * c->outputs,
                   (size_t)c->outputs * sizeof(float)) != 0)
            return false;
    return true;
}

static bool check_session(Case *c, TwSession *session, int64_t step) {
    if (!feed(c, session, c->poisoned, 0, step, c->found)) return wrong(c, "a call fails");
    if (isfinite(c->found[c->place * c->outputs])) return wrong(c, "the value arrives nowhere");
    if (!are_same(c, false)) return wrong(c, "a row changes that does not see it");
    if (c->is_causal) {
        tw_session_rollback(session, c->place);
        if (!feed(c, session, c->clean, c->place, step, c->found)) return wrong(c, "a call fails");
        if (!are_same(c, true)) return wrong(c, "it is there after it was taken back");
    }
    tw_session_reset(session);
    if (!feed(c, session, c->clean, 0, step, c->found)) return wrong(c, "a call fails");
    return are_same(c, true) || wrong(c, "it is there after a reset");
}

static TwSession *open_session(const Case *c, int threads) {
    TwSession *session = NULL;
    const TwSessionOptions options = {.threads = threads, .logit_rows = c->tokens};
    tw_session_create(thalweg_program(c->thalweg), c->weights, &options, &session);
    return session;
}

static bool check_sessions(Case *c) {
    static const int threads[] = {1, 3}, steps[] = {MOST_TOKENS, 1};
    for (int t = 0; t < 2; t++)
        for (int s = 0; s < 1 + c->is_causal; s++) {
            TwSession *session = open_session(c, threads[t]);
            bool is_right = session || wrong(c, "no session");
            if (is_right && t + s == 0) {
                is_right = feed(c, session, c->clean, 0, steps[s], c->expected);
                tw_session_reset(session);
            }
            is_right = is_right && check_session(c, session, steps[s]);
            tw_session_destroy(session);
            if (!is_right) return false;
        }
    return true;
}

/* ---- a token whose embedding is infinite ---- */

static bool find_number(const char *text, const char *key, int64_t *out) {
    const char *at = strstr(text, key);
    return at && sscanf(at + strlen(key), "%ld", out) == 1;
}

/* The row of the table in the packed file, which holds it as it is. False: it does not, since the
 * model wants the table otherwise. */
static bool poison(const char *path, const float *row, size_t columns) {
    const int file = open(path, O_RDWR);
    const off_t bytes = lseek(file, 0, SEEK_END);
    float *all = malloc((size_t)bytes);
    bool is_found = false;
    if (all && pread(file, all, (size_t)bytes, 0) == bytes)
        for (size_t i = 0; !is_found && (i + columns) * sizeof *all <= (size_t)bytes; i++) {
            if (memcmp(all + i, row, columns * sizeof *all) != 0) continue;
            const float infinite = INFINITY;
            is_found = pwrite(file, &infinite, sizeof infinite, (off_t)(i * sizeof *all)) > 0;
        }
    free(all);
    close(file);
    return is_found;
}

static bool open_poisoned(Case *c, const char *text, const char *folder, bool *is_skipped) {
    char path[256];
    int64_t number;
    snprintf(path, sizeof path, "%s/packed.weights", folder);
    if (!thalweg_read_text(c->thalweg, "visibility.yaml", text, strlen(text), folder) ||
        !thalweg_program(c->thalweg) || !thalweg_write_weights(c->thalweg, path) ||
        !find_number(text, "synthetic: ", &number))
        return wrong(c, "the model cannot be made");
    const ThalwegModel model = thalweg_model(c->thalweg);
    c->vocab = model.vocab;
    c->outputs = model.outputs;
    c->is_causal = model.is_causal;
    c->tokens = model.context < MOST_TOKENS ? model.context : MOST_TOKENS;
    c->place = c->tokens / 2 - 1;
    for (int64_t i = 0; i < c->tokens; i++)
        c->clean[i] = c->poisoned[i] = (int32_t)((i * 7 + i * i * 3) % (c->vocab - 1));
    c->poisoned[c->place] = (int32_t)(c->vocab - 1);

    const uint64_t seed = (uint64_t)number;
    const Weights weights = synthetic_weights(&seed);
    float *row = malloc((size_t)model.width * sizeof *row);
    const bool is_read =
        row && weights.rows(&weights, "embed.tokens", c->vocab - 1, 1, model.width, row);
    *is_skipped = !is_read || !poison(path, row, (size_t)model.width);
    free(row);
    const uint64_t layout = thalweg_program(c->thalweg)->layout_id;
    if (tw_weights_open(path, layout, false, &c->weights) != TW_OK)
        return wrong(c, "the weights cannot be opened");
    c->expected = calloc((size_t)(c->tokens * c->outputs), sizeof *c->expected);
    c->found = calloc((size_t)(c->tokens * c->outputs), sizeof *c->found);
    return (c->expected && c->found) || wrong(c, "out of memory");
}

/* Null: all is well. */
static const char *check(const char *text, int64_t window, const char *cpu, const char *folder,
                         bool *is_skipped) {
    const ThalwegOptions options = {.cpu = cpu, .cache_directory = folder, .no_code_cache = true};
    Case c = {.thalweg = thalweg_create(&options), .window = window};
    if (open_poisoned(&c, text, folder, is_skipped) && !*is_skipped) check_sessions(&c);
    tw_weights_close(c.weights);
    thalweg_destroy(c.thalweg);
    free(c.expected);
    free(c.found);
    return c.what;
}

/* ---- models ---- */

static const struct {
    const char *attention;
    int64_t window;
} fixed[] = {
    {"heads: 4, kv_heads: 2, rope: {base: 10000}", 0},
    {"heads: 2, head_dim: 33, alibi: true", 0},
    {"heads: 4, kv_heads: 1, softcap: 5", 0},
    {"heads: 2, window: 1", 1},
    {"heads: 2, rope: {base: 500}, window: 3", 3},
    {"heads: 6, kv_heads: 2, alibi: true, window: 30", 30},
    {"heads: 2, causal: false, window: 3", 3},
    {"heads: 2, head_dim: 10, causal: false, window: 40", 40},
};

/* Smaller processors of this family; null: this machine. */
static const char *other_cpu(size_t number) {
#ifdef __x86_64__
    if (number % 3 == 1) return "x86-64";
    if (number % 3 == 2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
        __builtin_cpu_supports("fma"))
        return "x86-64-v3";
#endif
    (void)number;
    return NULL;
}

static int check_fixed(const char *folder) {
    int failures = 0;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        char text[512];
        bool is_skipped = false;
        snprintf(text, sizeof text,
                 "thalweg: 1\nname: fixed\nvocab: %d\ncontext: 152\nstream: {width: 24}\n"
                 "embed: {positions: none}\nblocks:\n  - branches:\n      - attention: {%s}\n"
                 "head: {tied: false}\nweights: {synthetic: %d}\n",
                 VOCAB_OF_FIXED, fixed[i].attention, (int)i);
        const char *what = check(text, fixed[i].window, other_cpu(i), folder, &is_skipped);
        if (!what && is_skipped) what = "its table is not found";
        if (what) printf("%s\n%s\n", what, text);
        failures += what != NULL;
    }
    return failures;
}

typedef struct {
    const char *folder;
    int skipped;
} Run;

/* Models in which every row sees the value, or one is made of all, or that cut it off. */
static bool is_unfit(const char *text) {
    return strstr(text, "causal: false") || strstr(text, "pooling: ") || strstr(text, "clip: ");
}

/* The first model of the seed that is fit. */
static bool draw_model(uint64_t seed, char *text, size_t size) {
    enum { TRIES = 100 };
    for (uint64_t i = 0; i < TRIES; i++) {
        Tape tape;
        tape_draw(&tape, seed + i * UINT64_C(1000003));
        if (random_model(&tape, text, size) && !is_unfit(text)) return true;
    }
    return false;
}

static bool passes(uint64_t seed, void *context) {
    Run *run = context;
    char text[MODEL_TEXT_MAX];
    bool is_skipped = false;
    if (!draw_model(seed, text, sizeof text)) return false;
    const char *what = check(text, -1, NULL, run->folder, &is_skipped);
    run->skipped += is_skipped;
    if (what) printf("seed %llu: %s\n%s\n", (unsigned long long)seed, what, text);
    return !what;
}

int main(int count, char **argument) {
    char folder[FOLDER_PATH];
    if (!folder_make(folder)) return 2;
    Run run = {.folder = folder};
    const int wrong_fixed = check_fixed(folder);
    const Tally tally = check_seeds(count, argument, 20, passes, &run);
    folder_remove(folder);
    printf("%d of them skipped\n", run.skipped);
    return wrong_fixed || tally.failures || run.skipped > tally.models / 2;
}
