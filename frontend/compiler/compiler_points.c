/* compiler_points.c - points of a model, the taps and edits that stand there, and what the
 * interpreter gives taps. */
#include "frontend/compiler/compiler.h"

#include <math.h>
#include <string.h>

bool compiler_add_instruments(Thalweg *thalweg, const Model *model) {
    const ThalwegOptions *options = &thalweg->options;
    bool ok = !options->start ||
              instruments_set_start(model->instruments, options->start, (Loc){0}, &thalweg->diag);
    model->instruments->taps_alone = options->taps_alone;
    for (int i = 0; i < options->edit_count; i++)
        ok &=
            instruments_add(model->instruments, true, options->edits[i], (Loc){0}, &thalweg->diag);
    for (int i = 0; i < options->tap_count; i++)
        ok &=
            instruments_add(model->instruments, false, options->taps[i], (Loc){0}, &thalweg->diag);
    return ok;
}

const ThalwegPoint *compiler_points(Thalweg *thalweg, int64_t *count) {
    static const char *const taps[] = {
        [TAP_SIZE] = "size, copy", [TAP_TABLE] = "rows, copy", [TAP_PRODUCT] = "products",
        [TAP_JOINED] = "store",    [TAP_KEYS] = "store",       [TAP_ROWS] = "copy",
        [TAP_NORM] = "norm, copy"};
    const Instruments *all = thalweg->model->instruments;
    ThalwegPoint *out = ARENA_ARRAY(thalweg->arena, ThalwegPoint, (size_t)all->point_count + 1);
    for (int64_t i = 0; i < all->point_count; i++) {
        const ModelPoint *point = &all->point[i];
        const PointInfo *info = &point_info[point->kind];
        out[i] = (ThalwegPoint){.name = point_name(point, false, thalweg->arena),
                                .short_name = point_name(point, true, thalweg->arena),
                                .layer = point->layer,
                                .columns = point->columns,
                                .units = point->units,
                                .has_keys = point->has_keys,
                                .unit = point_unit(info->unit),
                                .what = info->what,
                                .tap = taps[info->tap],
                                .edit = info->edit};
    }
    *count = all->point_count;
    return out;
}

const ThalwegTap *compiler_taps(Thalweg *thalweg, int64_t *count) {
    const Instruments *all = thalweg->model->instruments;
    ThalwegTap *out = ARENA_ARRAY(thalweg->arena, ThalwegTap, (size_t)all->tap_count + 1);
    for (int64_t i = 0; i < all->tap_count; i++)
        out[i] = (ThalwegTap){.point = all->tap[i].point,
                              .file = all->tap[i].file,
                              .layer = all->tap[i].layer,
                              .columns = all->tap[i].columns,
                              .has_keys = all->tap[i].has_keys,
                              .instrument = all->tap[i].instrument};
    *count = all->tap_count;
    return out;
}

/* ---- the interpreter ---- */

/* Heads with a float for each key, of which the buffer has room for `count`. */
static void keep_keys(const InterpretedTap *to, const Node *tap, double unseen, int64_t position,
                      const double *from) {
    const int64_t heads = tap->type.dim[1], keys = tap->type.dim[2];
    double *out = to->rows + (position * tap->place.stride + tap->place.offset) * to->count;
    for (int64_t i = 0; i < heads * to->count; i++) {
        const int64_t head = i / to->count, key = i % to->count;
        out[i] = key < keys ? from[head * keys + key] : unseen;
    }
}

static void keep(void *context, const Node *tap, const Node *of, int64_t position,
                 const double *columns) {
    const Thalweg *thalweg = context;
    if (tap->attr.number >= thalweg->model->instruments->tap_count) return;
    const InterpretedTap *to = &thalweg->interpreted_tap[tap->attr.number];
    if (!to->rows || position >= to->count) return;
    if (tap->type.rank == 3) {
        keep_keys(to, tap, of->op == OP_softmax ? 0 : -INFINITY, position, columns);
        return;
    }
    memcpy(to->rows + position * tap->place.stride + tap->place.offset, columns,
           (size_t)tap->type.dim[1] * sizeof *columns);
}

void compiler_begin_interpreted_taps(Thalweg *thalweg) {
    if (thalweg->interpreted_tap) interp_on_tap(thalweg->interp, keep, thalweg);
}

bool compiler_set_interpreted_tap(Thalweg *thalweg, int64_t number, double *rows, int64_t count) {
    const int64_t taps = thalweg->model->instruments->tap_count;
    if (number < 0 || number >= taps || count < 0)
        return diag_error(&thalweg->diag, (Loc){0}, "there is no tap of number %lld",
                          (long long)number);
    if (!thalweg->interpreted_tap)
        thalweg->interpreted_tap = ARENA_ARRAY(thalweg->arena, InterpretedTap, (size_t)taps);
    thalweg->interpreted_tap[number] = (InterpretedTap){rows, count};
    if (thalweg->interp) compiler_begin_interpreted_taps(thalweg);
    return true;
}
