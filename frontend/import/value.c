#include "frontend/import/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 60 };

Value *value_child(const Value *map, const char *key, size_t length) {
    if (!map || map->kind != VALUE_MAP) return NULL;
    for (int i = 0; i < map->count; i++) {
        Value *child = &map->item[i];
        if (strncmp(child->key, key, length) == 0 && !child->key[length]) return child;
    }
    return NULL;
}

Value *value_find(Value *map, const char *path) {
    Value *at = map;
    while (at) {
        const size_t length = strcspn(path, ".");
        at = value_child(at, path, length);
        if (!path[length]) break;
        path += length + 1;
    }
    return at;
}

bool value_is_true(const Value *value) {
    switch (value->kind) {
    case VALUE_BOOL:
    case VALUE_NUMBER: return value->number != 0;
    case VALUE_TEXT: return *value->text;
    case VALUE_LIST:
    case VALUE_MAP: return value->count > 0;
    case VALUE_NONE:
    case VALUE_WRONG: break;
    }
    return false;
}

bool value_equal(const Value *a, const Value *b) {
    if (a->kind != b->kind || a->count != b->count) return false;
    if (a->kind == VALUE_TEXT) return strcmp(a->text, b->text) == 0;
    if (a->kind != VALUE_LIST && a->kind != VALUE_MAP) return a->number == b->number;
    for (int i = 0; i < a->count; i++)
        if (!value_equal(&a->item[i], &b->item[i])) return false;
    return true;
}

const char *value_number_text(double number, Arena *arena) {
    enum { LAST_DIGIT = 17 };
    if (number == floor(number) && fabs(number) < 1e15) return arena_printf(arena, "%.0f", number);
    const char *text = "";
    for (int digits = 1; digits <= LAST_DIGIT; digits++) {
        text = arena_printf(arena, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    return text;
}

double value_of_float(float number, Arena *arena) {
    enum { LAST_DIGIT = 9 };
    double meant = number;
    for (int digits = 1; digits <= LAST_DIGIT && isfinite(number); digits++) {
        meant = strtod(arena_printf(arena, "%.*g", digits, (double)number), NULL);
        if ((float)meant == number) break;
    }
    return meant;
}

static const char *show_text(const char *text, Arena *arena) {
    char *shown =
        arena_printf(arena, "'%.*s%s'", SHOWN_BYTES, text, strlen(text) > SHOWN_BYTES ? "..." : "");
    for (char *c = shown; *c; c++)
        if ((unsigned char)*c < ' ') *c = '?';
    return shown;
}

const char *value_show(const Value *value, Arena *arena) {
    switch (value->kind) {
    case VALUE_BOOL: return value->number != 0 ? "true" : "false";
    case VALUE_NUMBER: return value_number_text(value->number, arena);
    case VALUE_TEXT: return show_text(value->text, arena);
    case VALUE_LIST: return arena_printf(arena, "a list of %d", value->count);
    case VALUE_MAP: return "an object";
    case VALUE_NONE: return "null";
    case VALUE_WRONG: break;
    }
    return "nothing";
}
