#include "frontend/model/instrument.h"

#include <inttypes.h>
#include <stdarg.h>

const PointInfo point_info[POINT_COUNT] = {
#define POINT(id, component, hook, short_name, other, scope, unit, use, tap, edit, what)           \
    {component,   hook,        short_name, other, POINT_##scope,                                   \
     UNIT_##unit, POINT_##use, TAP_##tap,  edit,  what},
#include "frontend/model/points.def"
#undef POINT
};

static const char *const unit_words[] = {"", "heads", "neurons", "tokens"};

const char *point_unit(PointUnit unit) {
    return unit_words[unit];
}

const char *instrument_role(const Instrument *instrument) {
    return instrument->is_start ? "start" : instrument->is_edit ? "edit" : "tap";
}

Instruments *instruments_create(Arena *arena) {
    Instruments *instruments = ARENA_NEW(arena, Instruments);
    *instruments = (Instruments){.arena = arena};
    return instruments;
}

/* ---- names ---- */

static const char *suffix_of(int copy, Arena *arena) {
    return copy > 1 ? arena_printf(arena, "_%d", copy) : "";
}

const char *point_name(const ModelPoint *point, bool is_short, Arena *arena) {
    const PointInfo *info = &point_info[point->kind];
    const char *suffix = suffix_of(point->copy, arena);
    if (is_short && point->layer >= 0 && point->copy == 1)
        return arena_printf(arena, "%s%" PRId64, info->short_name, point->layer);
    if (is_short && point->layer < 0) return info->short_name;
    if (point->layer < 0) return arena_printf(arena, "%s%s%s", info->component, info->hook, suffix);
    return arena_printf(arena, "blocks.%" PRId64 ".%s%s%s", point->layer, info->component,
                        info->hook, suffix);
}

bool instrument_is_at(const Instrument *instrument, const ModelPoint *point) {
    const PointRanges *layers = &instrument->layers;
    if (instrument->kind != point->kind || instrument->copy != point->copy) return false;
    for (int i = 0; i < layers->count; i++)
        if (layers->at[i].first <= point->layer && point->layer <= layers->at[i].last) return true;
    return layers->count == 0;
}

/* ---- against a model ---- */

bool instrument_refuse(const Instrument *instrument, Diag *diag, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return diag_error(diag, instrument->loc, "%s '%.*s': %s", instrument_role(instrument),
                      INSTRUMENT_SHOWN, instrument->text, text);
}

static const char *list_kinds(const Instruments *instruments, Arena *arena) {
    bool is_there[POINT_COUNT] = {false};
    const char *list = "";
    for (int64_t i = 0; i < instruments->point_count; i++)
        is_there[instruments->point[i].kind] = true;
    for (int i = 0; i < POINT_COUNT; i++)
        if (is_there[i])
            list = arena_printf(arena, *list ? "%s, %s" : "%s%s", list, point_info[i].short_name);
    return list;
}

static bool check(const Instruments *instruments, Instrument *instrument, int64_t layers,
                  Diag *diag) {
    for (int i = 0; i < instrument->layers.count && layers; i++)
        if (instrument->layers.at[i].last >= layers)
            return instrument_refuse(instrument, diag,
                                     "the model has layers 0 to %" PRId64 ", not %" PRId64,
                                     layers - 1, instrument->layers.at[i].last);
    if (instrument->found) return true;
    const ModelPoint point = {.kind = instrument->kind, .layer = -1, .copy = instrument->copy};
    instrument_refuse(instrument, diag, "the model has no point '%s' there",
                      point_name(&point, false, diag->arena));
    return diag_hint(diag, "it has %s; `thalweg points` lists them",
                     list_kinds(instruments, diag->arena));
}

static void forget(Instrument *instrument) {
    instrument->found = 0;
    instrument->first = (Ref){0};
}

void instruments_begin(Instruments *instruments) {
    instruments->point_count = instruments->tap_count = instruments->edit_count = 0;
    for (int i = 0; i < instruments->count; i++) forget(&instruments->at[i]);
    if (instruments->start) forget(instruments->start);
}

bool instruments_check(const Instruments *instruments, int64_t layers, Diag *diag) {
    bool ok = true;
    if (instruments->start && !check(instruments, instruments->start, layers, diag)) return false;
    for (int i = 0; i < instruments->count; i++)
        ok &= check(instruments, &instruments->at[i], layers, diag);
    return ok;
}
