/* diag.h - errors in what a user handed in: file:line:col, message, hint, source line, caret.
 *
 * The rule everywhere: who detects an error reports it, once, and returns false
 * (or a null value); who sees false returns false. Bugs of ours are assert()ed.
 * A Diag only collects; whoever owns it prints it (the library never prints).
 * One Diag is used by one thread at a time.
 */
#ifndef IR_DIAG_H
#define IR_DIAG_H

#include "ir/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
    const char *name; /* as shown in messages */
    const char *text; /* null for a binary file; outlives every Loc into it */
    size_t length;    /* bytes of text */
} Source;

/* A place in a source. {0} means "made by the compiler"; a source without text, the whole file. */
typedef struct {
    const Source *source;
    uint32_t offset;
} Loc;

typedef enum { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE } Severity;

typedef struct Diagnostic {
    Severity severity;
    Loc loc;
    const char *message; /* lower case, no full stop, user text in quotes */
    const char *hint;    /* what to do, or null */
    struct Diagnostic *next;
} Diagnostic;

typedef struct {
    Arena *arena; /* holds the messages */
    Diagnostic *first, *last;
    int errors;
} Diag;

enum { DIAG_MAX_ERRORS = 20 }; /* later ones are counted, not kept */

/* Report. The first always returns false, so that `return diag_error(...)` reads well. */
bool diag_error(Diag *diag, Loc loc, const char *format, ...) __attribute__((format(printf, 3, 4)));
void diag_warning(Diag *diag, Loc loc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a second place to the diagnostic just reported ("declared here"). */
void diag_note(Diag *diag, Loc loc, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Says what to do about the diagnostic just reported ("did you mean 'hidden'?"). Returns false. */
bool diag_hint(Diag *diag, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds one that the caller keeps, where there is no memory for another. */
void diag_append(Diag *diag, Diagnostic *own);

/* Line and column, both from 1; {0, 0} for a place without text. Columns count bytes. */
typedef struct {
    int line, column;
} LineColumn;
LineColumn diag_line_column(Loc loc);

/* Every diagnostic as text, in order. Whatever a terminal would act on, and bytes that are no
 * UTF-8, are shown as '?'. */
void diag_print(const Diag *diag, FILE *out);

#endif
