/* family.h - the rows of families.def. */
#ifndef FRONTEND_FAMILY_H
#define FRONTEND_FAMILY_H

#include "ir/diag.h"

typedef enum {
#define AXIS(name, kind, need, fallback) AXIS_##name,
#include "frontend/import/axes.def"
#undef AXIS
    AXIS_COUNT
} Axis;

typedef enum { FAMILY_CONFIG, FAMILY_OUTER, FAMILY_GGUF, FAMILY_BASE } FamilyKind;

typedef enum { ROW_AXIS, ROW_REQUIRE, ROW_IGNORE, ROW_TEXT, ROW_END } FamilyRowKind;

typedef struct {
    FamilyRowKind kind;
    Axis axis;        /* of ROW_AXIS */
    const char *text; /* expression, keys with blanks between them, or a type */
    const char *understood;
} FamilyRow;

typedef struct {
    const char *name;
    FamilyKind kind;
    const char *types, *bases; /* with blanks between them */
    const FamilyRow *row;      /* up to one of kind ROW_END */
} Family;

/* The family of this kind that a type means. Null: there is none. */
const Family *family_find(FamilyKind kind, const char *type);

/* All families of all kinds. */
const Family *family_list(int *count);

/* All types of this kind, with commas. */
const char *family_types(FamilyKind kind, Arena *arena);

/* The expression of an axis: the family's own, a base's, or that of axes.def. */
const char *family_axis(const Family *family, Axis axis);

/* Calls visit() for the family's rows of this kind and its bases'. */
void family_each(const Family *family, FamilyRowKind kind,
                 void (*visit)(void *context, const FamilyRow *row), void *context);

/* Whether a list with blanks between its words has this one. */
bool family_has_word(const char *list, const char *word);

/* What a word of a file means for an axis that has words; null: nothing that is known. Axes without
 * rows mean every word. */
const char *family_word(Axis axis, const char *word);

/* The words that are known for the axis, with commas. */
const char *family_words(Axis axis, Arena *arena);

const char *family_axis_name(Axis axis);

/* AXIS_COUNT: there is none of this name. */
Axis family_axis_named(const char *name, size_t length);

#endif
