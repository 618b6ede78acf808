#include "frontend/import/family.h"

#include <assert.h>
#include <string.h>

#define EACH_FAMILY "frontend/import/families.def"

/* ---- rows ---- */

#define FAMILY(name, kind, types, bases) static const FamilyRow rows_of_##name[] = {
#define AXIS(axis, expression)           {ROW_AXIS, AXIS_##axis, expression, NULL},
#define REQUIRE(expression, understood)  {ROW_REQUIRE, AXIS_COUNT, expression, understood},
#define IGNORE(keys)                     {ROW_IGNORE, AXIS_COUNT, keys, NULL},
#define TEXT(type)                       {ROW_TEXT, AXIS_COUNT, type, NULL},
#define FAMILY_END                                                                                 \
    { ROW_END, AXIS_COUNT, NULL, NULL }                                                            \
    }                                                                                              \
    ;
#include EACH_FAMILY

static const Family families[] = {
#define FAMILY(name, kind, types, bases) {#name, FAMILY_##kind, types, bases, rows_of_##name},
#include EACH_FAMILY
};

enum { FAMILY_COUNT = sizeof families / sizeof *families };

static const struct {
    Axis axis;
    const char *theirs, *ours;
} words[] = {
#define WORD(axis, theirs, ours) {AXIS_##axis, theirs, ours},
#include EACH_FAMILY
};

enum { WORD_COUNT = sizeof words / sizeof *words };

static const struct {
    const char *name, *fallback;
} axes[AXIS_COUNT] = {
#define AXIS(name, kind, need, fallback) {#name, fallback},
#include "frontend/import/axes.def"
#undef AXIS
};

/* ---- lists with blanks ---- */

/* The next word of a list, and its length; null: there is none. */
static const char *next_word(const char *list, size_t *length) {
    list += strspn(list, " ");
    *length = strcspn(list, " ");
    return *length ? list : NULL;
}

bool family_has_word(const char *list, const char *wanted) {
    size_t length;
    for (const char *word = next_word(list, &length); word;
         word = next_word(word + length, &length))
        if (strlen(wanted) == length && memcmp(word, wanted, length) == 0) return true;
    return false;
}

/* ---- families ---- */

const Family *family_find(FamilyKind kind, const char *type) {
    for (int i = 0; i < FAMILY_COUNT; i++)
        if (families[i].kind == kind && family_has_word(families[i].types, type))
            return &families[i];
    return NULL;
}

const Family *family_list(int *count) {
    *count = FAMILY_COUNT;
    return families;
}

const char *family_types(FamilyKind kind, Arena *arena) {
    const char *list = "";
    for (int i = 0; i < FAMILY_COUNT; i++) {
        if (families[i].kind != kind) continue;
        size_t length;
        for (const char *word = next_word(families[i].types, &length); word;
             word = next_word(word + length, &length))
            list = arena_printf(arena, "%s%s%.*s", list, *list ? ", " : "", (int)length, word);
    }
    return list;
}

static const Family *named(const char *name, size_t length) {
    for (int i = 0; i < FAMILY_COUNT; i++)
        if (strlen(families[i].name) == length && memcmp(families[i].name, name, length) == 0)
            return &families[i];
    assert(!"a family's base is no family");
    return NULL;
}

static const char *find_axis(const Family *family, Axis axis) {
    for (const FamilyRow *row = family->row; row->kind != ROW_END; row++)
        if (row->kind == ROW_AXIS && row->axis == axis) return row->text;
    size_t length;
    for (const char *base = next_word(family->bases, &length); base;
         base = next_word(base + length, &length)) {
        const char *found = find_axis(named(base, length), axis);
        if (found) return found;
    }
    return NULL;
}

const char *family_axis(const Family *family, Axis axis) {
    const char *found = find_axis(family, axis);
    return found ? found : axes[axis].fallback;
}

void family_each(const Family *family, FamilyRowKind kind,
                 void (*visit)(void *context, const FamilyRow *row), void *context) {
    for (const FamilyRow *row = family->row; row->kind != ROW_END; row++)
        if (row->kind == kind) visit(context, row);
    size_t length;
    for (const char *base = next_word(family->bases, &length); base;
         base = next_word(base + length, &length))
        family_each(named(base, length), kind, visit, context);
}

/* ---- words and axes ---- */

const char *family_word(Axis axis, const char *word) {
    bool has_words = false;
    for (int i = 0; i < WORD_COUNT; i++) {
        if (words[i].axis != axis) continue;
        has_words = true;
        if (strcmp(words[i].theirs, word) == 0) return words[i].ours;
    }
    return has_words ? NULL : word;
}

const char *family_words(Axis axis, Arena *arena) {
    const char *list = "";
    for (int i = 0; i < WORD_COUNT; i++)
        if (words[i].axis == axis)
            list = arena_printf(arena, "%s%s%s", list, *list ? ", " : "", words[i].theirs);
    return list;
}

const char *family_axis_name(Axis axis) {
    return axes[axis].name;
}

Axis family_axis_named(const char *name, size_t length) {
    int i = 0;
    while (i < AXIS_COUNT && (strlen(axes[i].name) != length || memcmp(axes[i].name, name, length)))
        i++;
    return (Axis)i;
}
