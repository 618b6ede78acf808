/* pattern_class.h - what in an expression stands for one character of a set: a character, an
 * escape, a class in brackets; and the reader that stands in the expression's text. */
#ifndef FRONTEND_TEXT_PATTERN_CLASS_H
#define FRONTEND_TEXT_PATTERN_CLASS_H

#include "frontend/text/characters.h"
#include "ir/diag.h"

typedef struct {
    const char *where; /* names the expression in messages */
    Loc loc;           /* its file */
    const char *text;  /* UTF-8 */
    size_t length, at;
    Arena *arena;
    Characters *characters;
    Diag *diag;
    bool fold;    /* case counts not */
    bool dot_all; /* '.' takes newlines */
    int depth;    /* of groups */
    int classes;  /* in which it stands */
} PatternReader;

/* Is this the text that comes? Then it is behind it. */
bool pattern_skip(PatternReader *reader, const char *text);

/* Report, with the place; false. */
bool pattern_error(PatternReader *reader, size_t begin, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool pattern_refuse(PatternReader *reader, size_t begin, const char *what);

/* Reads one of them; there is at least one character to read. False: reported. */
bool pattern_set(PatternReader *reader, CharacterSet *out);

#endif
