#include "ir/diag.h"

#include <stdarg.h>
#include <string.h>

enum { MESSAGE_MAX = 1024, SHOWN_COLUMNS = 160 };

static const char *format_text(Arena *arena, const char *format, va_list args) {
    char text[MESSAGE_MAX];
    vsnprintf(text, sizeof text, format, args);
    return arena_printf(arena, "%s", text);
}

static void add(Diag *diag, Severity severity, Loc loc, const char *format, va_list args) {
    Diagnostic *added = ARENA_NEW(diag->arena, Diagnostic);
    *added = (Diagnostic){.severity = severity, .loc = loc};
    added->message = format_text(diag->arena, format, args);
    if (diag->last)
        diag->last->next = added;
    else
        diag->first = added;
    diag->last = added;
}

/* What follows an error that was not kept belongs to it and is not kept either. */
static bool is_full(const Diag *diag) { return diag->errors > DIAG_MAX_ERRORS; }

bool diag_error(Diag *diag, Loc loc, const char *format, ...) {
    diag->errors++;
    if (is_full(diag)) return false;
    va_list args;
    va_start(args, format);
    add(diag, DIAG_ERROR, loc, format, args);
    va_end(args);
    return false;
}

void diag_warning(Diag *diag, Loc loc, const char *format, ...) {
    if (is_full(diag)) return;
    va_list args;
    va_start(args, format);
    add(diag, DIAG_WARNING, loc, format, args);
    va_end(args);
}

void diag_note(Diag *diag, Loc loc, const char *format, ...) {
    if (is_full(diag)) return;
    va_list args;
    va_start(args, format);
    add(diag, DIAG_NOTE, loc, format, args);
    va_end(args);
}

bool diag_hint(Diag *diag, const char *format, ...) {
    if (is_full(diag) || !diag->last) return false;
    va_list args;
    va_start(args, format);
    diag->last->hint = format_text(diag->arena, format, args);
    va_end(args);
    return false;
}

/* ---- places ---- */

LineColumn diag_line_column(Loc loc) {
    if (!loc.source || !loc.source->text) return (LineColumn){0, 0};
    const size_t offset = loc.offset < loc.source->length ? loc.offset : loc.source->length;
    LineColumn place = {1, 1};
    for (size_t i = 0; i < offset; i++) {
        place.column++;
        if (loc.source->text[i] != '\n') continue;
        place.line++;
        place.column = 1;
    }
    return place;
}

/* The part of the line that has the place in it, so that a line without end stays readable. */
static void print_source_line(Loc loc, int column, FILE *out) {
    const Source *source = loc.source;
    const size_t here = loc.offset < source->length ? loc.offset : source->length;
    const size_t line = here - (size_t)(column - 1);
    const size_t from = here - line > SHOWN_COLUMNS / 2 ? here - SHOWN_COLUMNS / 2 : line;
    fputs("  ", out);
    for (size_t i = from; i < source->length && i < from + SHOWN_COLUMNS; i++) {
        const unsigned char c = (unsigned char)source->text[i];
        if (c == '\n' || c == '\r') break;
        fputc(c == '\t' ? ' ' : c < ' ' || c == 127 ? '?' : c, out);
    }
    fprintf(out, "\n  %*s^\n", (int)(here - from), "");
}

static void print_one(const Diagnostic *d, FILE *out) {
    static const char *const severity[] = {"error", "warning", "note"};
    const LineColumn place = diag_line_column(d->loc);
    if (d->loc.source) fprintf(out, "%s:", d->loc.source->name);
    if (place.line) fprintf(out, "%d:%d:", place.line, place.column);
    fprintf(out, "%s%s: %s\n", d->loc.source ? " " : "", severity[d->severity], d->message);
    if (place.line) print_source_line(d->loc, place.column, out);
    if (d->hint) fprintf(out, "  hint: %s\n", d->hint);
}

void diag_print(const Diag *diag, FILE *out) {
    for (const Diagnostic *d = diag->first; d; d = d->next) print_one(d, out);
    if (diag->errors > DIAG_MAX_ERRORS)
        fprintf(out, "and %d more errors\n", diag->errors - DIAG_MAX_ERRORS);
}
