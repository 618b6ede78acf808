/* gguf_values.c - values of metadata, at their place in a header that has been checked. */
#include "frontend/weights/gguf_header.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SHOWN_ELEMENTS = 8, SHOWN_BYTES = 60 };

static const struct {
    const char *name;
    uint64_t bytes;
} types[GGUF_TYPE_COUNT] = {
    [GGUF_u8] = {"u8", 1},       [GGUF_i8] = {"i8", 1},     [GGUF_u16] = {"u16", 2},
    [GGUF_i16] = {"i16", 2},     [GGUF_u32] = {"u32", 4},   [GGUF_i32] = {"i32", 4},
    [GGUF_f32] = {"f32", 4},     [GGUF_bool] = {"bool", 1}, [GGUF_string] = {"string", 0},
    [GGUF_array] = {"array", 0}, [GGUF_u64] = {"u64", 8},   [GGUF_i64] = {"i64", 8},
    [GGUF_f64] = {"f64", 8},
};

const char *gguf_type_name(GgufType type) {
    return types[type].name;
}

uint64_t gguf_type_bytes(GgufType type) {
    return types[type].bytes;
}

/* ---- one value ---- */

bool gguf_integer(const GgufValue *value, int64_t *out) {
    const uint64_t bits = gguf_number(value->bytes, types[value->type].bytes);
    switch (value->type) {
    case GGUF_u8:
    case GGUF_u16:
    case GGUF_u32: *out = (int64_t)bits; return true;
    case GGUF_i8: *out = (int8_t)bits; return true;
    case GGUF_i16: *out = (int16_t)bits; return true;
    case GGUF_i32: *out = (int32_t)bits; return true;
    case GGUF_i64: *out = (int64_t)bits; return true;
    case GGUF_u64: *out = (int64_t)bits; return bits <= INT64_MAX;
    default: return false;
    }
}

bool gguf_real(const GgufValue *value, double *out) {
    int64_t integer;
    float narrow;
    if (value->type == GGUF_f32) {
        memcpy(&narrow, value->bytes, sizeof narrow);
        *out = (double)narrow;
        return true;
    }
    if (value->type == GGUF_f64) {
        memcpy(out, value->bytes, sizeof *out);
        return true;
    }
    if (!gguf_integer(value, &integer)) return false;
    *out = (double)integer;
    return true;
}

bool gguf_flag(const GgufValue *value, bool *out) {
    if (value->type != GGUF_bool) return false;
    *out = *value->bytes != 0;
    return true;
}

const char *gguf_text(const GgufValue *value, Arena *arena) {
    if (value->type != GGUF_string) return NULL;
    if (value->count && memchr(value->bytes, '\0', (size_t)value->count)) return NULL;
    char *text = ARENA_ARRAY(arena, char, (size_t)value->count + 1);
    if (value->count) memcpy(text, value->bytes, (size_t)value->count);
    return text;
}

/* ---- arrays ---- */

GgufArray gguf_elements(const GgufValue *value) {
    if (value->type != GGUF_array) return (GgufArray){GGUF_u8, 0, NULL};
    return (GgufArray){value->element, value->count, value->bytes};
}

/* The value of such a type at a place in a header; what follows it is at *end. */
static GgufValue value_at(GgufType type, const uint8_t *at, const uint8_t **end) {
    GgufValue value = {.type = type, .count = 1, .bytes = at};
    *end = at + types[type].bytes;
    if (type == GGUF_string) {
        value.count = gguf_number(at, 8);
        value.bytes = at + 8;
        *end = value.bytes + value.count;
    }
    if (type != GGUF_array) return value;
    value.element = (GgufType)gguf_number(at, 4);
    value.count = gguf_number(at + 4, 8);
    value.bytes = at + 12;
    *end = value.bytes + value.count * types[value.element].bytes;
    if (types[value.element].bytes) return value;
    *end = value.bytes;
    for (uint64_t i = 0; i < value.count; i++) value_at(value.element, *end, end);
    return value;
}

bool gguf_next(GgufArray *array, GgufValue *element) {
    if (!array->left) return false;
    array->left--;
    *element = value_at(array->element, array->at, &array->at);
    return true;
}

/* ---- for messages ---- */

static const char *show_text(const GgufValue *value, Arena *arena) {
    char shown[SHOWN_BYTES + 1];
    const size_t length = value->count < SHOWN_BYTES ? (size_t)value->count : SHOWN_BYTES;
    for (size_t i = 0; i < length; i++)
        shown[i] =
            (char)(value->bytes[i] < 0x20 || value->bytes[i] == 0x7f ? '?' : value->bytes[i]);
    shown[length] = '\0';
    return arena_printf(arena, "\"%s%s\"", shown, value->count > length ? "..." : "");
}

static const char *show_array(const GgufValue *value, Arena *arena) {
    const char *text = "[", *between = "";
    GgufValue element;
    int shown = 0;
    for (GgufArray array = gguf_elements(value); gguf_next(&array, &element); between = ", ") {
        if (shown++ == SHOWN_ELEMENTS) return arena_printf(arena, "%s, ...]", text);
        text = arena_printf(arena, "%s%s%s", text, between,
                            element.type == GGUF_array ? "[...]" : gguf_show(&element, arena));
    }
    return arena_printf(arena, "%s]", text);
}

const char *gguf_show(const GgufValue *value, Arena *arena) {
    int64_t integer;
    double real;
    bool flag;
    if (value->type == GGUF_string) return show_text(value, arena);
    if (value->type == GGUF_array) return show_array(value, arena);
    if (gguf_flag(value, &flag)) return flag ? "true" : "false";
    if (gguf_integer(value, &integer)) return arena_printf(arena, "%" PRId64, integer);
    if (gguf_real(value, &real)) return arena_printf(arena, "%g", real);
    return arena_printf(arena, "%" PRIu64, gguf_number(value->bytes, 8)); /* beyond an i64 */
}
