#include "frontend/lens/tapped_run.h"

#include "frontend/compiler/compiler.h"

#include <stdlib.h>
#include <string.h>

static bool check(TwStatus status, Diag *diag) {
    return status == TW_OK || diag_error(diag, (Loc){0}, "%s", tw_status_text(status));
}

void tapped_run_close(TappedRun *run) {
    for (int64_t i = 0; run->rows && i < run->taps; i++) {
        TwStatus status;
        if (run->rows[i]) engine_set_tap(run->engine, i, NULL, 0, 0, &status);
        free(run->rows[i]);
    }
    free(run->rows);
    *run = (TappedRun){0};
}

/* Rows of one tap, to which the engine writes. */
static bool open_tap(TappedRun *run, int64_t number, Diag *diag) {
    int64_t columns = run->tap[number].columns, floats;
    TwStatus status = TW_NO_MEMORY;
    if (run->tap[number].has_keys && __builtin_mul_overflow(columns, run->room, &columns))
        return check(status, diag);
    if (!__builtin_mul_overflow(run->room, columns, &floats) &&
        floats <= PTRDIFF_MAX / (int64_t)sizeof(float))
        run->rows[number] = calloc((size_t)floats, sizeof(float));
    if (!run->rows[number]) return check(status, diag);
    return engine_set_tap(run->engine, number, run->rows[number], run->room, columns, &status) ||
           (check(status, diag) && false);
}

bool tapped_run_open(TappedRun *run, Thalweg *thalweg, Engine *engine, int64_t room, Diag *diag) {
    *run = (TappedRun){.thalweg = thalweg, .engine = engine, .room = room};
    run->tap = thalweg_taps(thalweg, &run->taps);
    if (!run->tap) return false;
    run->rows = calloc((size_t)run->taps + 1, sizeof *run->rows);
    bool is_open = check(run->rows ? TW_OK : TW_NO_MEMORY, diag);
    for (int64_t i = 0; i < run->taps && is_open; i++) is_open = open_tap(run, i, diag);
    if (!is_open) tapped_run_close(run);
    return is_open;
}

/* Hands over the last `rows` rows of a call that ends before position `end`. */
static bool take_logits(const TappedRun *run, const TappedText *text, int64_t end, int64_t rows) {
    for (int64_t row = 0; row < rows; row++)
        if (!text->take(text->context, end - rows + row, engine_logits(run->engine, row)))
            return false;
    return true;
}

bool tapped_run_feed(TappedRun *run, const TappedText *text, Diag *diag) {
    const int64_t chunk = engine_chunk(run->engine), first = text->count - text->logit_rows;
    TwStatus status;
    engine_reset(run->engine);
    if (!engine_place_edits(run->engine, (ThalwegPrompt){text->count, text->count}, &status))
        return check(status, diag) && false;
    for (int64_t at = 0, count; at < text->count; at += count) {
        count = text->count - at < chunk ? text->count - at : chunk;
        const int64_t from = first > at ? first : at;
        const int64_t rows = at + count > from ? at + count - from : 0;
        if (!compiler_progress(run->thalweg, "tokens", (double)at / (double)text->count))
            return false;
        if (!engine_step(run->engine, text->tokens + at, count, rows ? rows : 1, &status))
            return check(status, diag) && false;
        if (!take_logits(run, text, at + count, rows)) return false;
    }
    return true;
}

int64_t tapped_run_find(const TappedRun *run, const char *point) {
    for (int64_t i = 0; i < run->taps; i++)
        if (strcmp(run->tap[i].point, point) == 0) return i;
    return -1;
}
