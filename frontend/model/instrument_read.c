/* instrument_read.c - a tap or an edit from its text: point, selection, operation. */
#include "frontend/model/instrument.h"

#include "ir/spelling.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    Instruments *instruments;
    Instrument *made;
    Diag *diag;
    const char *at; /* what is left of the text */
    bool has_layer; /* the point's name has said it */
} Reading;

enum { MOST_RANGES = 256, SHOWN = INSTRUMENT_SHOWN };

__attribute__((format(printf, 2, 3))) static bool refuse(const Reading *r, const char *format,
                                                         ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return instrument_refuse(r->made, r->diag, "%s", text);
}

/* A number of up to nine digits; behind it. Null: there is none. */
static const char *take_number(const char *text, int64_t *out) {
    enum { MOST_DIGITS = 9 };
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > MOST_DIGITS) return NULL;
    *out = strtoll(text, NULL, 10);
    return text + digits;
}

static bool read_number(Reading *r, int64_t *out) {
    const char *end = take_number(r->at, out);
    if (!end) return refuse(r, "expected a number of 0 to 999999999, found '%.20s'", r->at);
    r->at = end;
    return true;
}

/* Positions may be negative. */
static bool read_bound(Reading *r, const PointRanges *ranges, int64_t *out) {
    const bool is_negative = ranges == &r->made->positions && *r->at == '-';
    r->at += is_negative;
    if (!read_number(r, out)) return false;
    if (is_negative && *out == 0) return refuse(r, "the last position is -1");
    if (is_negative) *out = -*out;
    return true;
}

/* A number or "first-last". Whether "3--1" has any positions depends on the prompt. */
static bool read_range(Reading *r, PointRanges *ranges) {
    PointRange range;
    if (!read_bound(r, ranges, &range.first)) return false;
    range.last = range.first;
    if (*r->at == '-') {
        r->at++;
        if (!read_bound(r, ranges, &range.last)) return false;
    }
    const bool is_known = (range.first < 0) == (range.last < 0);
    if (range.last < range.first && (is_known || range.first < 0))
        return refuse(r, "%" PRId64 "-%" PRId64 " is no range", range.first, range.last);
    if (ranges->count == MOST_RANGES) return refuse(r, "more than %d ranges", MOST_RANGES);
    if (!ranges->at) ranges->at = ARENA_ARRAY(r->instruments->arena, PointRange, MOST_RANGES);
    for (int i = 0; i < ranges->count; i++)
        if (range.first <= ranges->at[i].last && ranges->at[i].first <= range.last)
            return refuse(r, "%" PRId64 " is selected twice",
                          range.first > ranges->at[i].first ? range.first : ranges->at[i].first);
    ranges->at[ranges->count++] = range;
    return true;
}

static void set_one(Reading *r, PointRanges *ranges, int64_t number) {
    ranges->at = ARENA_ARRAY(r->instruments->arena, PointRange, 1);
    ranges->at[0] = (PointRange){number, number};
    ranges->count = 1;
}

/* The ranges that a key of a selection fills; null: reported. */
static PointRanges *find_selector(Reading *r) {
    const PointInfo *info = &point_info[r->made->kind];
    const char *unit = point_unit(info->unit);
    const size_t length = strcspn(r->at, "=,]");
    const char *word = arena_printf(r->diag->arena, "%.*s", (int)length, r->at);
    const bool is_layers = strcmp(word, "layers") == 0 || strcmp(word, "layer") == 0;
    const bool is_positions = strcmp(word, "positions") == 0 || strcmp(word, "position") == 0;
    const bool is_units = *unit && strncmp(word, unit, strlen(unit) - 1) == 0 &&
                          strlen(word) + 1 >= strlen(unit) && strlen(word) <= strlen(unit);
    PointRanges *ranges = is_layers      ? &r->made->layers
                          : is_units     ? &r->made->units
                          : is_positions ? &r->made->positions
                                         : NULL;
    if (r->at[length] != '=' || !ranges) {
        refuse(r, "'%.40s' selects nothing of it", word);
        diag_hint(r->diag,
                  *unit ? "expected layers=0-3, positions=0,-1 or %s=0,2"
                        : "expected layers=0-3 or positions=0,-1%s",
                  unit);
        return NULL;
    }
    if (is_positions && !r->made->is_edit) {
        refuse(r, "a tap keeps every position");
        return NULL;
    }
    r->at += length + 1;
    if (is_layers && (info->scope == POINT_ONCE || r->has_layer)) {
        refuse(r,
               info->scope == POINT_ONCE ? "the point is of no layer" : "the layer is said twice");
        return NULL;
    }
    if (!ranges->count) return ranges;
    refuse(r, "'%.40s' stands twice", word);
    return NULL;
}

/* "[layers=0-3,heads=1,4-6]" */
static bool read_selection(Reading *r) {
    if (*r->at != '[') return true;
    do {
        r->at++;
        PointRanges *ranges = find_selector(r);
        if (!ranges || !read_range(r, ranges)) return false;
        while (*r->at == ',' && r->at[1] && strchr("-0123456789", r->at[1])) {
            r->at++;
            if (!read_range(r, ranges)) return false;
        }
    } while (*r->at == ',');
    if (*r->at != ']') return refuse(r, "expected ',' or ']', found '%.20s'", r->at);
    r->at++;
    return true;
}

/* ---- the point ---- */

static bool is_name_of(const PointInfo *info, const char *word, bool is_in_layer) {
    char full[64];
    snprintf(full, sizeof full, "%s%s", info->component, info->hook);
    if (strcmp(word, full) == 0) return is_in_layer || info->scope == POINT_ONCE;
    if (is_in_layer) return false;
    return strcmp(word, info->short_name) == 0 ||
           (info->other_name && strcmp(word, info->other_name) == 0);
}

static bool find_kind(Reading *r, const char *word, bool is_in_layer) {
    for (int kind = 0; kind < POINT_COUNT; kind++) {
        if (!is_name_of(&point_info[kind], word, is_in_layer)) continue;
        if (is_in_layer && point_info[kind].scope == POINT_ONCE) continue;
        r->made->kind = (PointKind)kind;
        return true;
    }
    return false;
}

/* "_2" at the end of a name, of what a layer has twice. */
static char *cut_copy(Reading *r, char *word) {
    char *mark = strrchr(word, '_');
    r->made->copy = 1;
    if (!mark || strlen(mark) != 2 || mark[1] < '2' || mark[1] > '9') return word;
    r->made->copy = mark[1] - '0';
    *mark = 0;
    return word;
}

/* "blocks.3.attn.hook_z" */
static bool find_full(Reading *r, const char *word) {
    static const char blocks[] = "blocks.";
    if (strncmp(word, blocks, sizeof blocks - 1) != 0) return false;
    int64_t layer;
    const char *dot = take_number(word + sizeof blocks - 1, &layer);
    if (!dot || *dot != '.') return false;
    char *rest = cut_copy(r, arena_printf(r->instruments->arena, "%s", dot + 1));
    set_one(r, &r->made->layers, layer);
    r->has_layer = true;
    return find_kind(r, rest, true);
}

/* "L9H6", "L31N892" */
static bool find_unit(Reading *r, const char *word) {
    int64_t layer, unit;
    const char *letter = *word == 'L' ? take_number(word + 1, &layer) : NULL;
    if (!letter || (*letter != 'H' && *letter != 'N')) return false;
    const char *end = take_number(letter + 1, &unit);
    if (!end || *end) return false;
    r->made->kind = *letter == 'H' ? POINT_z : POINT_post;
    set_one(r, &r->made->layers, layer);
    set_one(r, &r->made->units, unit);
    r->has_layer = true;
    return true;
}

/* "z3", "z", "ln_final" */
static bool find_short(Reading *r, const char *word) {
    if (find_kind(r, word, false)) return true;
    size_t length = strlen(word);
    while (length && strchr("0123456789", word[length - 1])) length--;
    if (length == 0 || strlen(word + length) > 9 || !word[length]) return false;
    if (!find_kind(r, arena_printf(r->diag->arena, "%.*s", (int)length, word), false)) return false;
    if (point_info[r->made->kind].scope == POINT_ONCE) return false;
    set_one(r, &r->made->layers, strtoll(word + length, NULL, 10));
    r->has_layer = true;
    return true;
}

static bool report_point(const Reading *r, const char *word) {
    const char *candidates[POINT_COUNT], *list = "";
    for (int i = 0; i < POINT_COUNT; i++) {
        candidates[i] = point_info[i].short_name;
        list = arena_printf(r->diag->arena, i ? "%s, %s" : "%s%s", list, candidates[i]);
    }
    refuse(r, "no point is called '%.60s'", word);
    const char *nearest = spelling_nearest(word, candidates, POINT_COUNT);
    if (nearest) return diag_hint(r->diag, "did you mean '%s'?", nearest);
    return diag_hint(
        r->diag,
        "there are %s, with a layer's number behind them; `thalweg points` lists those "
        "of a model",
        list);
}

static bool read_point(Reading *r) {
    const size_t length = strcspn(r->at, "[:=");
    const char *word =
        arena_printf(r->instruments->arena, "%.*s", (int)(length < SHOWN ? length : SHOWN), r->at);
    r->at += length;
    r->made->copy = 1;
    return find_full(r, word) || find_unit(r, word) || find_short(r, word) || report_point(r, word);
}

/* ---- the operation ---- */

typedef enum { TAKES_NOTHING, TAKES_NUMBER, TAKES_OPERAND, TAKES_EITHER } EditValue;

typedef struct {
    const char *word;
    EditKind kind;
    EditValue takes;
    double strength;
} Operation;

static const Operation operations[] = {{"zero", EDIT_set, TAKES_NOTHING, 0},
                                       {"negate", EDIT_scale, TAKES_NOTHING, -1},
                                       {"scale", EDIT_scale, TAKES_NUMBER, 1},
                                       {"set", EDIT_set, TAKES_EITHER, 1},
                                       {"mean", EDIT_set, TAKES_OPERAND, 1},
                                       {"add", EDIT_add, TAKES_OPERAND, 1},
                                       {"project_out", EDIT_project_out, TAKES_OPERAND, 1},
                                       {"patch", EDIT_patch, TAKES_OPERAND, 1}};
enum { OPERATIONS = sizeof operations / sizeof *operations };

/* Cuts a '?' off the end of a value, which leaves it to the caller. */
static void cut_given(Reading *r, char *value) {
    const size_t length = strlen(value);
    if (length == 0 || value[length - 1] != '?') return;
    value[length - 1] = 0;
    r->made->is_given = true;
}

static bool is_number(const char *value, double *out) {
    char *end;
    *out = strtod(value, &end);
    return *value && !*end;
}

/* Nothing of it: the caller says it all. */
static bool read_strength(Reading *r, char *value) {
    cut_given(r, value);
    if (!*value && r->made->is_given) {
        r->made->is_on = false;
        return true;
    }
    return (is_number(value, &r->made->strength) && isfinite((float)r->made->strength)) ||
           refuse(r, "expected a number behind '=', found '%.40s'", value);
}

/* "FILE.safetensors:NAME" */
static void cut_tensor(Reading *r, char *file) {
    static const char *const endings[] = {".safetensors:", ".gguf:"};
    for (int i = 0; i < 2; i++) {
        char *at = strstr(file, endings[i]);
        if (!at) continue;
        char *colon = at + strlen(endings[i]) - 1;
        *colon = 0;
        r->made->tensor = colon + 1;
        return;
    }
}

/* "FILE,strength=4" */
static bool read_operand(Reading *r, char *value) {
    static const char key[] = ",strength=";
    char *strength = strstr(value, key);
    if (strength) {
        *strength = 0;
        if (!read_strength(r, strength + sizeof key - 1)) return false;
    }
    cut_given(r, value);
    r->made->takes_operand = true;
    if (*value) {
        r->made->file = value;
        cut_tensor(r, value);
        return true;
    }
    r->made->is_on = false;
    return r->made->is_given || refuse(r, "expected a file behind '='");
}

static bool read_value(Reading *r, const Operation *operation, const char *value) {
    char *copy = arena_printf(r->instruments->arena, "%s", value ? value : "");
    double number;
    if (operation->takes == TAKES_NOTHING)
        return !value || refuse(r, "'%s' takes no value", operation->word);
    const bool takes_number = operation->takes == TAKES_NUMBER;
    if (!value)
        return refuse(r,
                      takes_number ? "'%s' needs a number, as %s=2"
                                   : "'%s' needs a file of numbers, as %s=vector.npy",
                      operation->word, operation->word);
    const size_t length = strlen(value);
    char *bare =
        arena_printf(r->diag->arena, "%.*s",
                     (int)(length && value[length - 1] == '?' ? length - 1 : length), value);
    if (takes_number || (operation->takes == TAKES_EITHER && is_number(bare, &number)))
        return read_strength(r, copy);
    return read_operand(r, copy);
}

/* What would change nothing. */
static bool check_effect(Reading *r) {
    const Instrument *made = r->made;
    const bool needs_strength = made->edit == EDIT_add || made->edit == EDIT_project_out;
    if (made->is_given) return true;
    if (made->edit == EDIT_scale && made->strength == 1) return refuse(r, "it has no effect");
    return !needs_strength || made->strength != 0 ||
           refuse(r, "with a strength of 0 it has no effect");
}

static bool read_operation(Reading *r) {
    if (*r->at != ':') {
        refuse(r, "expected an operation behind ':'");
        return diag_hint(r->diag, "as :zero, :negate, :scale=0.5, :set=1, :add=vector.npy");
    }
    const char *word = r->at + 1, *value = strchr(word, '=');
    const size_t length = value ? (size_t)(value - word) : strlen(word);
    for (int i = 0; i < OPERATIONS; i++) {
        const Operation *operation = &operations[i];
        if (strlen(operation->word) != length || memcmp(word, operation->word, length) != 0)
            continue;
        r->made->edit = operation->kind;
        r->made->strength = operation->strength;
        r->made->is_on = true;
        if (!read_value(r, operation, value ? value + 1 : NULL)) return false;
        r->made->is_given |= r->made->positions.count > 0 || r->made->edit == EDIT_patch;
        return check_effect(r);
    }
    refuse(r, "no operation is called '%.*s'", (int)(length < SHOWN ? length : SHOWN), word);
    return diag_hint(r->diag, "the operations are zero, negate, scale=S, set=V, mean=FILE, "
                              "add=FILE, project_out=FILE and patch=FILE");
}

static Instrument *add(Instruments *instruments) {
    if (instruments->count == instruments->capacity) {
        const int capacity = instruments->capacity ? 2 * instruments->capacity : 8;
        Instrument *grown = ARENA_ARRAY(instruments->arena, Instrument, (size_t)capacity);
        if (instruments->count)
            memcpy(grown, instruments->at, (size_t)instruments->count * sizeof *grown);
        instruments->at = grown;
        instruments->capacity = capacity;
    }
    return &instruments->at[instruments->count++];
}

bool instruments_add(Instruments *instruments, bool is_edit, const char *text, Loc loc,
                     Diag *diag) {
    Instrument *made = add(instruments);
    *made = (Instrument){.text = text, .loc = loc, .is_edit = is_edit};
    Reading r = {.instruments = instruments, .made = made, .diag = diag, .at = text};
    instruments->taps += !is_edit;
    if (!read_point(&r) || !read_selection(&r)) return false;
    if (is_edit && point_info[made->kind].use == POINT_READ)
        return refuse(&r, "the point is for taps alone");
    if (is_edit) return read_operation(&r);
    if (*r.at == '=' && r.at[1]) {
        made->file = r.at + 1;
        return true;
    }
    return !*r.at || refuse(&r, "expected nothing behind the point, found '%.40s'", r.at);
}

/* ---- where the model begins ---- */

static bool is_of_stream(PointKind kind) {
    return kind == POINT_embed || kind == POINT_resid_pre || kind == POINT_resid_mid ||
           kind == POINT_resid_post || kind == POINT_resid_final;
}

bool instruments_set_start(Instruments *instruments, const char *text, Loc loc, Diag *diag) {
    Instrument *made = ARENA_NEW(instruments->arena, Instrument);
    *made = (Instrument){.text = text, .loc = loc, .is_start = true};
    Reading r = {.instruments = instruments, .made = made, .diag = diag, .at = text};
    instruments->start = made;
    if (!read_point(&r)) return false;
    if (*r.at) return refuse(&r, "expected nothing behind the point, found '%.40s'", r.at);
    if (!is_of_stream(made->kind)) {
        refuse(&r, "a run begins with a state of the stream");
        return diag_hint(diag, "as embed, resid_pre3, resid_mid3, resid_post3, resid_final");
    }
    if (point_info[made->kind].scope == POINT_ONCE || made->layers.count) return true;
    return refuse(&r, "of which layer? expected its number behind the name, as %s3",
                  point_info[made->kind].short_name);
}
