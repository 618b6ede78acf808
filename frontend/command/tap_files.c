#include "frontend/command/tap_files.h"

#include "frontend/files/npy.h"

#include <stdlib.h>
#include <string.h>

struct TapFiles {
    const ThalwegTap *tap;
    int64_t count, tokens;
    float **rows; /* [count]: [tokens][columns]; null where no file is named */
};

void tap_files_free(TapFiles *files) {
    if (!files) return;
    for (int64_t i = 0; files->rows && i < files->count; i++) free(files->rows[i]);
    free(files->rows);
    free(files);
}

/* The taps from `first` on that one option has made. */
static int64_t count_points(const TapFiles *files, int64_t first) {
    int64_t count = 0;
    for (int64_t i = first; i < files->count; i++)
        count += files->tap[i].instrument == files->tap[first].instrument;
    return count;
}

static bool is_first(const TapFiles *files, int64_t number) {
    for (int64_t i = 0; i < number; i++)
        if (files->tap[i].instrument == files->tap[number].instrument) return false;
    return true;
}

/* One file has rows of one length, and is that of one tap. */
static bool check(const TapFiles *files, Diag *diag) {
    for (int64_t i = 0; i < files->count; i++) {
        const ThalwegTap *tap = &files->tap[i];
        for (int64_t k = 0; tap->file && k < i; k++) {
            const ThalwegTap *other = &files->tap[k];
            if (!other->file || strcmp(other->file, tap->file) != 0) continue;
            if (other->instrument != tap->instrument)
                return diag_error(diag, (Loc){0}, "two taps go to '%s'", tap->file);
            if (other->columns == tap->columns) continue;
            diag_error(diag, (Loc){0}, "'%s': %s has %lld columns, and %s has %lld", tap->file,
                       other->point, (long long)other->columns, tap->point,
                       (long long)tap->columns);
            return diag_hint(diag, "give layers that differ a --tap and a file each");
        }
    }
    return true;
}

/* Floats of a row in the buffer: of attention's scores and patterns there is one for each key. */
static int64_t row_floats(const TapFiles *files, int64_t number) {
    const ThalwegTap *tap = &files->tap[number];
    int64_t floats = tap->columns;
    if (tap->has_keys && __builtin_mul_overflow(floats, files->tokens, &floats)) return INT64_MAX;
    return floats;
}

static bool make_rows(TapFiles *files, Engine *engine, TwStatus *status) {
    *status = TW_NO_MEMORY;
    files->rows = calloc((size_t)files->count + 1, sizeof *files->rows);
    for (int64_t i = 0; files->rows && i < files->count; i++) {
        const ThalwegTap *tap = &files->tap[i];
        const int64_t row = row_floats(files, i);
        int64_t floats;
        if (!tap->file) continue;
        if (__builtin_mul_overflow(files->tokens, row, &floats) ||
            floats > PTRDIFF_MAX / (int64_t)sizeof(float))
            return false;
        files->rows[i] = calloc((size_t)floats, sizeof(float));
        if (!files->rows[i]) return false;
        if (!engine_set_tap(engine, i, files->rows[i], files->tokens, row, status)) return false;
    }
    return files->rows != NULL;
}

TapFiles *tap_files_open(Thalweg *thalweg, Engine *engine, int64_t tokens, Diag *diag,
                         TwStatus *status) {
    *status = TW_NO_MEMORY;
    TapFiles *files = calloc(1, sizeof *files);
    if (!files) return NULL;
    *status = TW_OK;
    files->tokens = tokens;
    files->tap = thalweg_taps(thalweg, &files->count);
    if (files->tap && check(files, diag) && make_rows(files, engine, status)) return files;
    tap_files_free(files);
    return NULL;
}

/* [columns], or [heads, keys] as far as there are keys. */
static bool write_row(Npy *npy, const TapFiles *files, int64_t number, int64_t row, int64_t fed) {
    const ThalwegTap *tap = &files->tap[number];
    const float *at = files->rows[number] + row * row_floats(files, number);
    if (!tap->has_keys) return npy_append(npy, at);
    for (int64_t head = 0; head < tap->columns; head++)
        if (!npy_append(npy, at + head * files->tokens)) return false;
    return fed > 0;
}

/* [layers, tokens, columns], of attention's scores and patterns [layers, tokens, heads, keys]. */
static bool write(const TapFiles *files, int64_t first, int64_t fed, Diag *diag) {
    const ThalwegTap *tap = &files->tap[first];
    const int64_t points = count_points(files, first);
    const int64_t shape[] = {points, fed, tap->columns, fed};
    const int dimensions = tap->has_keys ? 4 : 3;
    Npy npy;
    const bool is_one = points == 1;
    if (!npy_open_shape(&npy, tap->file, shape + is_one, dimensions - is_one, diag)) return false;
    bool is_fine = true;
    for (int64_t i = first; i < files->count; i++) {
        if (files->tap[i].instrument != tap->instrument) continue;
        for (int64_t row = 0; row < fed && is_fine; row++)
            is_fine = write_row(&npy, files, i, row, fed);
    }
    return npy_close(&npy, true, diag);
}

bool tap_files_write(const TapFiles *files, int64_t fed, Diag *diag) {
    for (int64_t i = 0; i < files->count; i++)
        if (files->tap[i].file && is_first(files, i) && !write(files, i, fed, diag)) return false;
    return true;
}
