/* test_parts.c - parts of random models: what begins with values of a point gives the bits of the
 * whole model, what ends at its taps the same values; the interpreter agrees.
 *
 *   test_parts [models [first seed]]
 */
#include "frontend/compiler/thalweg.h"
#include "tests/differential/random_model.h"
#include "tests/folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 7, SHRINK_TRIES = 60 };

typedef struct {
    const char *cache;
    int parts, strays, others; /* others: parts with packed weights of their own */
    bool is_rounding;
    char what[400];
} Run;

/* A program, and what a run of it gives. */
typedef struct {
    Thalweg *thalweg;
    ThalwegModel model;
    const ThalwegTap *tap;
    int64_t taps;
    float *kept[4]; /* [TOKENS][columns] of each tap */
    float *row;     /* of the last token */
} Part;

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

static uint32_t draw(const Tape *tape, int i) {
    return tape->length > 0 ? tape->number[(i * 7 + 3) % tape->length] : 0;
}

/* ---- programs ---- */

/* Of all rows of a tap. */
static size_t count_values(const Part *part, int64_t tap) {
    return (size_t)(TOKENS * part->tap[tap].columns * (part->tap[tap].has_keys ? TOKENS : 1));
}

static bool open_part(Run *run, Part *part, const char *text, ThalwegOptions options) {
    *part = (Part){.thalweg = thalweg_create(&options)};
    if (!thalweg_read_text(part->thalweg, "random.yaml", text, strlen(text), run->cache) ||
        !thalweg_program(part->thalweg) || !thalweg_weights(part->thalweg))
        return wrong(run, "%s", first_error(part->thalweg));
    part->model = thalweg_model(part->thalweg);
    part->tap = thalweg_taps(part->thalweg, &part->taps);
    for (int64_t i = 0; i < part->taps; i++)
        part->kept[i] = calloc(count_values(part, i), sizeof(float));
    part->row = calloc((size_t)part->model.outputs + 1, sizeof(float));
    return true;
}

static void close_part(Part *part) {
    for (int64_t i = 0; i < part->taps; i++) free(part->kept[i]);
    free(part->row);
    thalweg_destroy(part->thalweg);
}

/* In calls of `first` tokens or rows, and then of `step`. */
static bool run_part(Part *part, const int32_t *tokens, const float *values, int first, int step) {
    TwSession *session = NULL;
    TwStatus status =
        tw_session_create(thalweg_program(part->thalweg), thalweg_weights(part->thalweg),
                          &(TwSessionOptions){.threads = 2}, &session);
    for (int64_t i = 0; i < part->taps && status == TW_OK; i++) {
        memset(part->kept[i], 0, count_values(part, i) * sizeof(float));
        status = tw_session_set_tap(session, i, part->kept[i], TOKENS);
    }
    for (int at = 0, count = first; status == TW_OK && at < TOKENS; at += count, count = step) {
        if (count > TOKENS - at) count = TOKENS - at;
        const TwSegment segment = {.count = count};
        const int64_t columns = part->model.start_columns;
        status = values ? tw_session_step_values(session, &segment, 1, values + at * columns)
                        : tw_session_step(session, tokens + at, count, 1);
    }
    const float *row = tw_session_logits(session, 0);
    if (status == TW_OK && row) memcpy(part->row, row, (size_t)part->model.outputs * sizeof *row);
    tw_session_destroy(session);
    return status == TW_OK && (row != NULL) == (part->model.outputs > 0);
}

static bool has_tap(const Part *part, int64_t i, const float *kept) {
    return memcmp(part->kept[i], kept, count_values(part, i) * sizeof *kept) == 0;
}

static bool has_row(const Part *a, const Part *b) {
    return memcmp(a->row, b->row, (size_t)a->model.outputs * sizeof *a->row) == 0;
}

/* ---- what is compared ---- */

static bool is_of_stream(const char *point) {
    return strcmp(point, "hook_embed") == 0 || strstr(point, "hook_resid_");
}

/* Taps may keep projections from being merged, or scales from joining a kernel. */
static bool has_weights_of(const Part *whole, const Part *part) {
    return tw_weights_layout_id(thalweg_weights(whole->thalweg)) ==
           tw_weights_layout_id(thalweg_weights(part->thalweg));
}

typedef bool Same(Run *run, const Part *whole, const Part *part);

static bool is_end_of(Run *run, const Part *whole, const Part *part) {
    (void)run;
    return has_row(whole, part) && has_tap(part, 0, whole->kept[1]);
}

/* Up to rounding: norms are folded where all that reads them is a projection. */
static bool has_same_taps(Run *run, const Part *whole, const Part *part) {
    double worst = 0, largest = 1e-2;
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < count_values(part, i); k++) {
            const double x = (double)part->kept[i][k], off = fabs(x - (double)whole->kept[i][k]);
            if (part->kept[i][k] == whole->kept[i][k]) continue; /* -infinity, too */
            largest = fmax(largest, fabs(x));
            if (!(off <= worst)) worst = off;
        }
    if (worst <= 1e-4 * largest) return true;
    run->strays++;
    return run->is_rounding && worst <= 0.1 * largest;
}

static bool compare(Run *run, const Part *whole, Part *part, const int32_t *tokens,
                    const float *values, Same *is_same) {
    run->parts++;
    run->others += !has_weights_of(whole, part);
    if (!run_part(part, tokens, values, TOKENS, TOKENS)) return wrong(run, "%s", "a part fails");
    if (!is_same(run, whole, part)) return wrong(run, "%s", "a part gives other bits in prefill");
    if (part->model.takes_whole_sequences) return true;
    if (!run_part(part, tokens, values, 1, 1) || !is_same(run, whole, part))
        return wrong(run, "%s", "a part gives other bits in decode");
    if (!run_part(part, tokens, values, 3, 2) || !is_same(run, whole, part))
        return wrong(run, "%s", "a part gives other bits in several calls");
    return true;
}

/* The interpreter goes on from the values that compiled code has there. */
static bool is_interpreted(Run *run, const Part *part, const float *values) {
    const int64_t count = TOKENS * part->model.start_columns, outputs = part->model.outputs;
    double *given = calloc((size_t)count, sizeof *given), worst = 0, largest = 0;
    double *row = calloc((size_t)outputs, sizeof *row);
    for (int64_t i = 0; i < count; i++) given[i] = (double)values[i];
    const bool is_run = thalweg_interpret_values(part->thalweg, given, TOKENS, 0, 1, row);
    for (int64_t i = 0; i < outputs; i++) {
        const double off = fabs(row[i] - (double)part->row[i]);
        largest = fmax(largest, fabs(row[i]));
        if (!(off <= worst)) worst = off;
    }
    free(given);
    free(row);
    if (!is_run) return wrong(run, "the interpreter fails: %s", first_error(part->thalweg));
    if (worst <= 1e-4 * (largest + 1e-2)) return true;
    if (run->is_rounding && worst <= 0.1 * (largest + 1e-2)) return run->strays++, true;
    snprintf(run->what, sizeof run->what, "interpreted: off by %g where it is up to %g", worst,
             largest);
    return false;
}

/* ---- one model ---- */

/* A point of the stream to start at, and one of any kind. */
static bool choose(Run *run, const char *text, const Tape *tape, ThalwegOptions options,
                   char names[2][64]) {
    Thalweg *thalweg = thalweg_create(&options);
    int64_t count = 0, starts = 0, at[2] = {0, 0};
    const bool is_read = thalweg_read_text(thalweg, "random.yaml", text, strlen(text), run->cache);
    const ThalwegPoint *point = is_read ? thalweg_points(thalweg, &count) : NULL;
    if (!point) wrong(run, "%s", first_error(thalweg));
    for (int64_t i = 0; i < count; i++) starts += is_of_stream(point[i].name);
    int64_t wanted = starts ? (int64_t)(draw(tape, 60) % (uint64_t)starts) : 0;
    for (int64_t i = 0; i < count; i++)
        if (is_of_stream(point[i].name) && wanted-- == 0) at[0] = i;
    if (count) at[1] = at[0] + (int64_t)(draw(tape, 61) % (uint64_t)(count - at[0]));
    for (int k = 0; k < 2 && point; k++) snprintf(names[k], 64, "%s", point[at[k]].name);
    thalweg_destroy(thalweg);
    return point;
}

static bool check_parts(Run *run, const char *text, const Tape *tape, ThalwegOptions options) {
    char name[2][64];
    int32_t token[TOKENS];
    Part whole = {0}, end = {0}, begin = {0};
    run->is_rounding = strstr(text, ": q8") || strstr(text, ": q4") || strstr(text, ": bf16");
    if (!choose(run, text, tape, options, name)) return false;
    const char *const taps[] = {name[0], name[1]};
    options.taps = taps;
    options.tap_count = 2;
    bool ok = open_part(run, &whole, text, options);
    for (int i = 0; i < TOKENS && ok; i++)
        token[i] = (int32_t)((i * 7 + i * i * 3) % whole.model.vocab);
    ok = ok && (run_part(&whole, token, NULL, TOKENS, TOKENS) || wrong(run, "%s", "it fails"));
    options.taps_alone = true;
    ok = ok && open_part(run, &begin, text, options) &&
         compare(run, &whole, &begin, token, NULL, has_same_taps);
    options.taps_alone = false;
    options.start = name[0];
    options.taps = taps + 1;
    options.tap_count = 1;
    ok = ok && open_part(run, &end, text, options) &&
         compare(run, &whole, &end, NULL, whole.kept[0], is_end_of) &&
         is_interpreted(run, &end, whole.kept[0]);
    if (!ok)
        snprintf(run->what + strlen(run->what), sizeof run->what - strlen(run->what),
                 " (start %s, tap %s)", name[0], name[1]);
    close_part(&whole);
    close_part(&begin);
    close_part(&end);
    return ok;
}

static bool passes(const Tape *tape, void *context) {
    Run *run = context;
    char text[MODEL_TEXT_MAX];
    if (!random_model(tape, text, sizeof text)) return wrong(run, "%s", "the model is too long");
    const ThalwegOptions options = {.exact = draw(tape, 0) % 4 == 3, .cache_directory = run->cache};
    const bool ok = check_parts(run, text, tape, options);
    folder_empty(run->cache);
    return ok;
}

int main(int count, char **argument) {
    char cache[FOLDER_PATH];
    if (!folder_make(cache)) return 2;
    Run run = {.cache = cache};
    const Tally tally = check_models(count, argument, 40, passes, &run, run.what, SHRINK_TRIES);
    folder_remove(cache);
    printf("%d parts, %d with weights of their own, %d strays\n", run.parts, run.others,
           run.strays);
    return tally.failures || run.strays > 2 + tally.models / 4 || run.others > 2 + run.parts / 2;
}
