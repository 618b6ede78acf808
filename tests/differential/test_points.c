/* test_points.c - taps and edits of random models: compiled code against the interpreter, in each
 * phase, and what must hold between the two.
 *
 *   test_points [models [first seed]]
 */
#include "frontend/compiler/thalweg.h"
#include "frontend/files/array_file.h"
#include "ir/arena.h"
#include "tests/differential/random_model.h"
#include "tests/folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 9, FIRST_CALL = 4, MOST_INSTRUMENTS = 8, SHRINK_TRIES = 200 };

/* Where values are rounded to bytes, they may fall to the other side in double precision. */
#define MOST_STRAY 0.1

typedef struct {
    const char *cache;
    int strays;
    char what[400];
} Run;

typedef struct {
    char text[2][MOST_INSTRUMENTS + 1][FOLDER_PATH + 128]; /* taps, edits */
    const char *at[2][MOST_INSTRUMENTS + 1];
    int count[2];
} Choice;

typedef struct {
    Thalweg *thalweg;
    bool is_whole, is_pooled;
    int64_t outputs, taps;
    int32_t token[TOKENS];
    const ThalwegTap *tap;
    /* Of each tap [TOKENS][columns], of scores and patterns [TOKENS][heads][TOKENS]. */
    double **expected;
    float **got[2];
    float *logits[2]; /* [outputs] of the last token */
    double *expected_logits;
} Case;

static bool wrong(Run *run, const char *format, const char *what) {
    snprintf(run->what, sizeof run->what, format, what);
    return false;
}

static const char *first_error(const Thalweg *thalweg) {
    for (int i = 0; i < thalweg_diagnostic_count(thalweg); i++)
        if (thalweg_diagnostic(thalweg, i).severity == THALWEG_ERROR)
            return thalweg_diagnostic(thalweg, i).message;
    return "no error";
}

/* Of all rows of a tap. */
static size_t count_values(const Case *c, int64_t tap) {
    return (size_t)(TOKENS * c->tap[tap].columns * (c->tap[tap].has_keys ? TOKENS : 1));
}

/* ---- what stands where ---- */

static uint32_t draw(const Tape *tape, int i) {
    return tape->length > 0 ? tape->number[(i * 7 + 3) % tape->length] : 0;
}

/* A tap of a point, or of some of its heads or neurons. */
static void add_tap(Choice *choice, const ThalwegPoint *point, uint32_t number) {
    char *text = choice->text[0][choice->count[0]];
    const long long unit = (long long)(number % (uint64_t)point->units);
    if (*point->unit && point->units > 2 && number % 3 == 1)
        snprintf(text, 64, "%s[%s=%lld,%lld]", point->name, point->unit, unit,
                 (unit + 2) % (long long)point->units);
    else if (*point->unit && number % 3 == 2)
        snprintf(text, 64, "%s[%s=%lld]", point->name, point->unit, unit);
    else
        snprintf(text, 64, "%s", point->name);
    choice->at[0][choice->count[0]++] = text;
}

/* A file of rows of numbers, in the cache's folder. */
static bool write_rows(const char *path, int64_t rows, int64_t columns, uint32_t seed) {
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    float *values = ARENA_ARRAY(arena, float, (size_t)(rows * columns));
    for (int64_t i = 0; i < rows * columns; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)(seed >> 8) / (1 << 23) - 1;
    }
    const NamedArray array = {NULL, values, {rows, columns}, 2};
    const bool is_written = array_file_write(path, &array, 1, &diag);
    arena_destroy(arena);
    return is_written;
}

static const char *const plain_edits[] = {"zero", "negate", "scale=0.5", "set=0.25"};
static const char *const operand_edits[] = {
    "add=%s,strength=0.5",         "project_out=%s", "set=%s", "patch=%s", "add=%s?",
    "project_out=%s,strength=0.5?"};
enum { PLAIN_EDITS = 4, OPERAND_EDITS = 6, OPERAND_PATCH = 3 };

/* Of the whole point, of a unit of it, or at some positions; with numbers of its own or a file's,
 * which are as many as the point's or a unit's. */
static bool add_edit(Run *run, Choice *choice, const ThalwegPoint *point, uint32_t number) {
    char *text = choice->text[1][choice->count[1]], file[FOLDER_PATH + 32], selection[64] = "";
    if (!*point->edit) return true;
    const long long unit = (long long)(number % (uint64_t)point->units);
    const long long last = number / 32 % 2 ? (long long)point->units - 1 : unit;
    const bool has_unit = *point->unit && number / 3 % 2;
    const char *positions = number / 64 % 3 == 0 ? "positions=1,3-5" : "";
    if (has_unit || *positions)
        snprintf(selection, sizeof selection, "[%s%s%s", has_unit ? point->unit : "",
                 has_unit ? "=" : "", "");
    if (has_unit) snprintf(selection + strlen(selection), 40, "%lld-%lld", unit, last);
    if (has_unit && *positions) strcat(selection, ",");
    if (*selection) strcat(strcat(selection, positions), "]");
    int length = snprintf(text, sizeof *choice->text[1], "%s%s:", point->name, selection);
    const uint32_t kind = number / 8 % (PLAIN_EDITS + OPERAND_EDITS);
    const int64_t columns = number / 16 % 2 ? point->columns : point->columns / point->units;
    if (kind < PLAIN_EDITS) {
        strcpy(text + length, plain_edits[has_unit || kind ? kind : 1]);
    } else {
        const bool is_patch = kind - PLAIN_EDITS == OPERAND_PATCH;
        snprintf(file, sizeof file, "%s/operand-%d.npy", run->cache, choice->count[1]);
        if (!write_rows(file, is_patch ? TOKENS - 2 : 1, columns, number))
            return wrong(run, "%s", "an operand cannot be written");
        snprintf(text + length, sizeof *choice->text[1] - (size_t)length,
                 operand_edits[kind - PLAIN_EDITS], file);
    }
    choice->at[1][choice->count[1]++] = text;
    return true;
}

/* Taps alone, or with up to three edits, more often of heads and neurons. */
static bool choose(Run *run, const char *text, const Tape *tape, ThalwegOptions options,
                   Choice *choice) {
    Thalweg *thalweg = thalweg_create(&options);
    int64_t count = 0;
    const bool is_read = thalweg_read_text(thalweg, "random.yaml", text, strlen(text), run->cache);
    const ThalwegPoint *point = is_read ? thalweg_points(thalweg, &count) : NULL;
    if (!point) wrong(run, "%s", first_error(thalweg));
    *choice = (Choice){0};
    for (int i = 0; i < MOST_INSTRUMENTS && point; i++)
        add_tap(choice, &point[draw(tape, i) % (uint64_t)count], draw(tape, i + 50) / 4);
    for (int64_t i = 0; i < count && choice->count[0] == MOST_INSTRUMENTS; i++)
        if (point[(i + draw(tape, 60)) % count].has_keys)
            add_tap(choice, &point[(i + draw(tape, 60)) % count], draw(tape, 61) / 4);
    bool ok = point;
    for (int i = 0; i < (int)(draw(tape, 90) % 4) && ok; i++) {
        uint32_t at = draw(tape, i + 91) % (uint32_t)count;
        for (int k = 0; k < 4 && !*point[at].unit; k++) at = (at + 1) % (uint32_t)count;
        ok = add_edit(run, choice, &point[at], draw(tape, i + 95) / 4);
    }
    thalweg_destroy(thalweg);
    return ok;
}

/* ---- running ---- */

/* Tokens in a call of `first`, and then in calls of `step`. */
static bool run_session(const Case *c, int threads, int first, int step, float **rows,
                        float *logits) {
    TwSession *session = NULL;
    const TwSessionOptions options = {.threads = threads};
    TwStatus status = tw_session_create(thalweg_program(c->thalweg), thalweg_weights(c->thalweg),
                                        &options, &session);
    for (int64_t i = 0; rows && status == TW_OK && i < c->taps; i++) {
        memset(rows[i], 0, count_values(c, i) * sizeof(float));
        status = tw_session_set_tap(session, i, rows[i], TOKENS);
    }
    for (int at = 0, count = first; status == TW_OK && at < TOKENS; at += count, count = step) {
        if (count > TOKENS - at) count = TOKENS - at;
        status = tw_session_step(session, c->token + at, count, 1);
    }
    if (status == TW_OK)
        memcpy(logits, tw_session_logits(session, 0), (size_t)c->outputs * sizeof *logits);
    tw_session_destroy(session);
    return status == TW_OK;
}

static bool is_same(const Case *c) {
    for (int64_t i = 0; i < c->taps; i++)
        if (memcmp(c->got[0][i], c->got[1][i], count_values(c, i) * sizeof(float)) != 0)
            return false;
    return memcmp(c->logits[0], c->logits[1], (size_t)c->outputs * sizeof(float)) == 0;
}

typedef enum { CLOSE, STRAY, FAR } Closeness;

/* Values are as close as f32 allows, or at least as rounding to bytes does. */
static Closeness how_close(Run *run, const char *what, const double *expected, const float *got,
                           size_t count) {
    double largest = 0, worst = 0;
    for (size_t k = 0; k < count; k++) {
        if (expected[k] == -INFINITY && got[k] == -INFINITY) continue; /* a score that is masked */
        const double off = fabs(expected[k] - (double)got[k]);
        largest = fmax(largest, fabs(expected[k]));
        if (!(off <= worst)) worst = off;
    }
    if (worst <= 1e-4 * (largest + 1e-2)) return CLOSE;
    snprintf(run->what, sizeof run->what, "%s is off by %g where it is up to %g", what, worst,
             largest);
    return worst <= MOST_STRAY * (largest + 1e-2) ? STRAY : FAR;
}

static bool is_close(Run *run, const Case *c, bool is_rounding) {
    Closeness closeness = CLOSE;
    for (int64_t i = 0; i < c->taps && closeness == CLOSE; i++)
        closeness =
            how_close(run, c->tap[i].point, c->expected[i], c->got[0][i], count_values(c, i));
    if (closeness == CLOSE)
        closeness = how_close(run, "logits", c->expected_logits, c->logits[0], (size_t)c->outputs);
    run->strays += closeness == STRAY;
    return closeness == CLOSE || (is_rounding && closeness == STRAY);
}

/* What a head attends to is all of it. */
static bool has_whole_patterns(const Case *c) {
    for (int64_t i = 0; i < c->taps; i++) {
        if (!strstr(c->tap[i].point, "hook_pattern")) continue;
        for (size_t k = 0; k < count_values(c, i); k += TOKENS) {
            double sum = 0;
            for (int key = 0; key < TOKENS; key++) sum += (double)c->got[0][i][k + (size_t)key];
            if (!(fabs(sum - 1) < 1e-5)) return false;
        }
    }
    return true;
}

static bool interpret(Run *run, const Case *c) {
    bool ok = true;
    for (int64_t i = 0; i < c->taps && ok; i++)
        ok = thalweg_set_interpreted_tap(c->thalweg, i, c->expected[i], TOKENS);
    ok = ok && thalweg_interpret(c->thalweg, c->token, TOKENS, 0, 1, c->expected_logits);
    return ok || wrong(run, "the interpreter fails: %s", first_error(c->thalweg));
}

static bool compare(Run *run, const Case *c, bool is_rounding) {
    if (!interpret(run, c)) return false;
    if (!run_session(c, 1, TOKENS, TOKENS, c->got[0], c->logits[0]))
        return wrong(run, "%s", "prefill fails");
    if (!is_close(run, c, is_rounding)) return false;
    if (!has_whole_patterns(c)) return wrong(run, "%s", "a row of a pattern does not sum to 1");
    if (!run_session(c, 3, TOKENS, TOKENS, c->got[1], c->logits[1]) || !is_same(c))
        return wrong(run, "%s", "taps differ with the number of threads");
    if (!run_session(c, 2, TOKENS, TOKENS, NULL, c->logits[1]) || !is_same(c))
        return wrong(run, "%s", "without buffers the logits differ");
    if (c->is_whole) return true;
    if (!run_session(c, 2, 1, 1, c->got[1], c->logits[1]) || !is_same(c))
        return wrong(run, "%s", "taps of decode differ from those of prefill");
    if (!run_session(c, 1, FIRST_CALL, 3, c->got[1], c->logits[1]) || !is_same(c))
        return wrong(run, "%s", "taps of several calls differ from those of one");
    return true;
}

/* ---- one model ---- */

static bool make_room(Case *c) {
    const size_t taps = (size_t)c->taps + 1;
    c->expected = calloc(taps, sizeof *c->expected);
    c->expected_logits = calloc((size_t)c->outputs, sizeof *c->expected_logits);
    bool ok = c->expected_logits != NULL;
    for (int k = 0; k < 2; k++) {
        c->got[k] = calloc(taps, sizeof *c->got[k]);
        c->logits[k] = calloc((size_t)c->outputs, sizeof(float));
        ok &= c->got[k] && c->logits[k];
    }
    for (int64_t i = 0; i < c->taps && ok && c->expected; i++) {
        const size_t count = count_values(c, i);
        c->expected[i] = calloc(count, sizeof(double));
        for (int k = 0; k < 2; k++) ok &= (c->got[k][i] = calloc(count, sizeof(float))) != NULL;
        ok &= c->expected[i] != NULL;
    }
    return ok && c->expected;
}

static void free_room(Case *c) {
    for (int64_t i = 0; i < c->taps; i++) {
        free(c->expected[i]);
        for (int k = 0; k < 2; k++) free(c->got[k][i]);
    }
    free(c->expected);
    free(c->expected_logits);
    for (int k = 0; k < 2; k++) {
        free(c->got[k]);
        free(c->logits[k]);
    }
}

static bool open_case(Run *run, Case *c, const char *text) {
    if (!thalweg_read_text(c->thalweg, "random.yaml", text, strlen(text), run->cache) ||
        !thalweg_program(c->thalweg) || !thalweg_weights(c->thalweg))
        return wrong(run, "%s", first_error(c->thalweg));
    const ThalwegModel model = thalweg_model(c->thalweg);
    c->outputs = model.outputs;
    c->is_whole = model.takes_whole_sequences;
    c->tap = thalweg_taps(c->thalweg, &c->taps);
    for (int i = 0; i < TOKENS; i++) c->token[i] = (int32_t)((i * 7 + i * i * 3) % model.vocab);
    return make_room(c) || wrong(run, "%s", "out of memory");
}

/* Where a tap needs what an edit would take away, the edit is computed as it stands, and the logits
 * are rounded in another order. */
static bool has_same_logits(Run *run, const Case *a, const Case *b, bool is_edited) {
    const size_t bytes = (size_t)a->outputs * sizeof(float);
    if (memcmp(a->logits[0], b->logits[0], bytes) == 0) return true;
    if (!is_edited) return wrong(run, "%s", "taps change the logits");
    return how_close(run, "logits without taps", b->expected_logits, a->logits[0],
                     (size_t)a->outputs) != FAR;
}

/* What taps do to the logits: nothing. */
static bool leaves_logits(Run *run, const Case *tapped, const char *text, ThalwegOptions options) {
    options.taps = NULL;
    options.tap_count = 0;
    Case c = {.thalweg = thalweg_create(&options)};
    const bool ok = open_case(run, &c, text) &&
                    run_session(&c, 2, TOKENS, TOKENS, NULL, c.logits[0]) &&
                    has_same_logits(run, &c, tapped, options.edit_count > 0);
    free_room(&c);
    thalweg_destroy(c.thalweg);
    return ok;
}

static void say_choice(Run *run, const Choice *choice) {
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < choice->count[k]; i++) {
            const size_t length = strlen(run->what);
            snprintf(run->what + length, sizeof run->what - length, "%s %s", k ? " edit" : "",
                     choice->at[k][i]);
        }
}

static bool passes(const Tape *tape, void *context) {
    Run *run = context;
    char text[MODEL_TEXT_MAX];
    Choice choice;
    if (!random_model(tape, text, sizeof text)) return wrong(run, "%s", "the model is too long");
    ThalwegOptions options = {.exact = draw(tape, 0) % 4 == 3, .cache_directory = run->cache};
    if (!choose(run, text, tape, options, &choice)) return false;
    options.taps = choice.at[0];
    options.tap_count = choice.count[0];
    options.edits = choice.at[1];
    options.edit_count = choice.count[1];
    const bool is_rounding = strstr(text, ": q8") || strstr(text, ": q4") || strstr(text, ": bf16");
    Case c = {.thalweg = thalweg_create(&options)};
    const bool ok = open_case(run, &c, text) && compare(run, &c, is_rounding) &&
                    leaves_logits(run, &c, text, options);
    if (!ok) say_choice(run, &choice);
    free_room(&c);
    thalweg_destroy(c.thalweg);
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
