/* test_windows.c - models with windows, whose caches are rings, over sequences many windows long:
 * compiled code against the interpreter, against itself in other calls, and after going back.
 *
 *   test_windows [models [first seed]]
 */
#include "frontend/compiler/thalweg.h"
#include "tests/differential/random_model.h"
#include "tests/folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rings of a small window have 640 rows: they are filled twice. */
enum { CONTEXT = 1500, TOKENS = 1400, VOCAB = 13, CALL = 500, VALUES = TOKENS * VOCAB };

typedef struct {
    const char *cache;
    Thalweg *thalweg;
    TwSession *session;
    int64_t rollback; /* tokens that can be taken back at the end */
    int32_t token[TOKENS];
    double expected[VALUES];
    float one[VALUES], other[VALUES];
    char what[256];
} Case;

static bool wrong(Case *c, const char *what) {
    snprintf(c->what, sizeof c->what, "%s", what);
    return false;
}

/* ---- models ---- */

static uint32_t choice(uint64_t seed, int number, uint32_t choices) {
    uint64_t x = (seed * 64 + (uint64_t)number + 1) * 0x9e3779b97f4a7c15u; /* splitmix64 */
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((x ^ (x >> 31)) % choices);
}

/* Two layers, of which one may see everything, or both through windows of their own. */
static void write_model(uint64_t seed, char *text, size_t size) {
    static const char *const windows[] = {"1", "2", "17", "64", "128", "200", "385", "none"};
    static const char *const positions[] = {"", ", rope: true", ", alibi: true",
                                            ", rope: {style: interleaved}, softcap: 5"};
    static const char *const shapes[] = {"heads: 2, head_dim: 8", "heads: 4, kv_heads: 2",
                                         "heads: 4, kv_heads: 1, head_dim: 20", "heads: 1"};
    const char *position = positions[choice(seed, 0, 4)], *shape = shapes[choice(seed, 1, 4)];
    snprintf(text, size,
             "thalweg: 1\nname: windows\nvocab: %d\ncontext: %d\nstream: {width: 24}\nblocks:\n"
             "  - branches: [{attention: {%s%s, window: %s, norm: rms}}]\n"
             "  - branches: [{attention: {%s%s, window: %s, norm: rms}}]\n"
             "head: {norm: rms}\nweights: {synthetic: %d}\n",
             VOCAB, CONTEXT, shape, position, windows[choice(seed, 2, 7)], shape, position,
             windows[choice(seed, 3, 8)], (int)seed);
}

/* ---- calls ---- */

/* The tokens from where the session is up to `end`, in calls of `step`. */
static bool feed(Case *c, int64_t end, int64_t step, float *logits) {
    for (int64_t at = tw_session_position(c->session); at < end;) {
        const int64_t count = step < end - at ? step : end - at;
        if (tw_session_step(c->session, c->token + at, count, count) != TW_OK)
            return wrong(c, "a call fails");
        for (int64_t row = 0; row < count; row++)
            memcpy(logits + (at + row) * VOCAB, tw_session_logits(c->session, row),
                   VOCAB * sizeof *logits);
        at += count;
    }
    return true;
}

static bool open_session(Case *c, int threads) {
    const TwProgram *program = thalweg_program(c->thalweg);
    const TwSessionOptions options = {.threads = threads, .logit_rows = program->chunk};
    tw_session_destroy(c->session);
    return tw_session_create(program, thalweg_weights(c->thalweg), &options, &c->session) == TW_OK
               ? true
               : wrong(c, "there is no session");
}

static bool is_same(Case *c, const char *what) {
    return memcmp(c->one, c->other, sizeof c->one) == 0 || wrong(c, what);
}

/* ---- what must hold ---- */

static bool is_as_meant(Case *c) {
    double low = c->expected[0], high = c->expected[0], worst = 0;
    for (int at = 0; at < TOKENS; at += CALL) {
        const int count = CALL < TOKENS - at ? CALL : TOKENS - at;
        if (!thalweg_interpret(c->thalweg, c->token + at, count, at, count,
                               c->expected + at * VOCAB))
            return wrong(c, "the interpreter fails");
    }
    if (!open_session(c, 1) || !feed(c, TOKENS, CALL, c->one)) return false;
    for (int i = 0; i < VALUES; i++) {
        low = fmin(low, c->expected[i]);
        high = fmax(high, c->expected[i]);
        const double off = fabs(c->expected[i] - (double)c->one[i]);
        if (!(off <= worst)) worst = off;
    }
    if (worst <= 1e-4 * (high - low)) return true;
    snprintf(c->what, sizeof c->what, "off by %g where logits range over %g", worst, high - low);
    return false;
}

static bool calls_do_not_matter(Case *c) {
    memset(c->other, 0, sizeof c->other);
    return open_session(c, 3) && feed(c, 330, 33, c->other) && feed(c, 331, 1, c->other) &&
           feed(c, 800, 512, c->other) && feed(c, 900, 1, c->other) &&
           feed(c, TOKENS, 512, c->other) &&
           is_same(c, "other calls and threads give other logits");
}

static bool goes_back(Case *c, int64_t position, const char *what) {
    if (tw_session_rollback(c->session, position) != TW_OK) return wrong(c, "it cannot go back");
    memset(c->other + position * VOCAB, 0, (size_t)(TOKENS - position) * VOCAB * sizeof(float));
    return feed(c, TOKENS, 100, c->other) && is_same(c, what);
}

static bool refuses_to_go_back(Case *c, int64_t position) {
    if (tw_session_rollback(c->session, position) != TW_FORGOTTEN)
        return wrong(c, "it goes back to what was overwritten");
    return tw_session_position(c->session) == TOKENS || wrong(c, "it went back all the same");
}

/* What others say from a place on leaves what is before it as it is. */
static bool takes_back_other_tokens(Case *c) {
    static float ignored[VALUES];
    int32_t mine[TOKENS];
    memcpy(mine, c->token, sizeof mine);
    if (tw_session_rollback(c->session, TOKENS - c->rollback) != TW_OK)
        return wrong(c, "it cannot go back");
    for (int i = 0; i < TOKENS; i++) c->token[i] = (c->token[i] + 5) % VOCAB;
    const bool is_fed = feed(c, TOKENS - 10, 64, ignored);
    memcpy(c->token, mine, sizeof mine);
    return is_fed && goes_back(c, TOKENS - c->rollback, "tokens that were taken back are seen");
}

/* Before a ring is full, everything is there. */
static bool goes_back_early(Case *c, int64_t rows) {
    tw_session_reset(c->session);
    return feed(c, rows, 512, c->other) &&
           goes_back(c, rows / 3, "a sequence that went back early is another");
}

static bool remembers(Case *c) {
    const TwProgram *program = thalweg_program(c->thalweg);
    if (program->ring_rows < program->chunk || program->ring_rows > CONTEXT / 2 + 150)
        return wrong(c, "there is no ring of the expected length");
    if (program->ring_rollback < program->chunk) return wrong(c, "a chunk cannot be taken back");
    c->rollback = program->ring_rollback;
    return goes_back(c, TOKENS - 1, "one token back is another") &&
           goes_back(c, TOKENS - c->rollback, "as far back as it says is another") &&
           refuses_to_go_back(c, TOKENS - c->rollback - 1) && refuses_to_go_back(c, 1) &&
           takes_back_other_tokens(c) && goes_back(c, 0, "a sequence anew is another") &&
           goes_back_early(c, program->ring_rows);
}

static bool is_right(Case *c, const char *text) {
    if (!thalweg_read_text(c->thalweg, "windows.yaml", text, strlen(text), c->cache) ||
        !thalweg_program(c->thalweg) || !thalweg_weights(c->thalweg)) {
        thalweg_print_diagnostics(c->thalweg, stdout);
        return wrong(c, "it does not compile");
    }
    return is_as_meant(c) && calls_do_not_matter(c) && remembers(c);
}

static bool passes_seed(uint64_t seed, void *context) {
    Case *c = context;
    char text[1024];
    write_model(seed, text, sizeof text);
    c->thalweg = thalweg_create(&(ThalwegOptions){.cache_directory = c->cache});
    for (int i = 0; i < TOKENS; i++) c->token[i] = (int32_t)((i * 7 + i * i % 11 * 3) % VOCAB);
    const bool is_fine = c->thalweg && is_right(c, text);
    tw_session_destroy(c->session);
    c->session = NULL;
    thalweg_destroy(c->thalweg);
    folder_empty(c->cache);
    if (!is_fine) printf("seed %llu: %s\n%s\n", (unsigned long long)seed, c->what, text);
    return is_fine;
}

int main(int count, char **argument) {
    static Case c;
    char cache[FOLDER_PATH];
    if (!folder_make(cache)) return 2;
    c.cache = cache;
    const Tally tally = check_seeds(count, argument, 12, passes_seed, &c);
    folder_remove(cache);
    return tally.failures != 0;
}
