#include "ir/diag.h"

#include <stdarg.h>
#include <string.h>

enum { MESSAGE_BYTES = 1024, SHOWN_BYTES = 160 };

/* ---- collecting ---- */

__attribute__((format(printf, 2, 0))) static const char *
format_text(Arena *arena, const char *format, va_list args) {
    char text[MESSAGE_BYTES]; /* what is longer loses its end */
    vsnprintf(text, sizeof text, format, args);
    return arena_printf(arena, "%s", text);
}

/* What belongs to an error that is only counted is not kept either. */
static bool is_full(const Diag *diag) {
    return diag->errors > DIAG_MAX_ERRORS;
}

void diag_append(Diag *diag, Diagnostic *own) {
    own->next = NULL;
    if (diag->last)
        diag->last->next = own;
    else
        diag->first = own;
    diag->last = own;
}

__attribute__((format(printf, 4, 0))) static void add(Diag *diag, Severity severity, Loc loc,
                                                      const char *format, va_list args) {
    if (is_full(diag)) return;
    Diagnostic *added = ARENA_NEW(diag->arena, Diagnostic);
    *added = (Diagnostic){.severity = severity, .loc = loc};
    added->message = format_text(diag->arena, format, args);
    diag_append(diag, added);
}

bool diag_error(Diag *diag, Loc loc, const char *format, ...) {
    va_list args;
    diag->errors++;
    va_start(args, format);
    add(diag, DIAG_ERROR, loc, format, args);
    va_end(args);
    return false;
}

void diag_warning(Diag *diag, Loc loc, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(diag, DIAG_WARNING, loc, format, args);
    va_end(args);
}

void diag_note(Diag *diag, Loc loc, const char *format, ...) {
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

static size_t offset_of(Loc loc) {
    return loc.offset < loc.source->length ? loc.offset : loc.source->length;
}

LineColumn diag_line_column(Loc loc) {
    if (!loc.source || !loc.source->text) return (LineColumn){0, 0};
    const size_t offset = offset_of(loc);
    LineColumn place = {1, 1};
    for (size_t i = 0; i < offset; i++) {
        place.column++;
        if (loc.source->text[i] != '\n') continue;
        place.line++;
        place.column = 1;
    }
    return place;
}

/* ---- printing ---- */

/* Bytes of the UTF-8 character at text[0 .. length - 1]; 0: there is none (RFC 3629). */
static size_t character_length(const unsigned char *text, size_t length) {
    const unsigned char first = text[0];
    const size_t bytes = first < 0x80   ? 1
                         : first < 0xc2 ? 0
                         : first < 0xe0 ? 2
                         : first < 0xf0 ? 3
                                        : 4;
    if (bytes == 0 || first > 0xf4 || bytes > length) return 0;
    for (size_t i = 1; i < bytes; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    if (first == 0xe0 && text[1] < 0xa0) return 0; /* longer than it needs to be */
    if (first == 0xed && text[1] > 0x9f) return 0; /* surrogates */
    if (first == 0xf0 && text[1] < 0x90) return 0;
    if (first == 0xf4 && text[1] > 0x8f) return 0; /* beyond U+10FFFF */
    return bytes;
}

static bool is_control(const unsigned char *text) {
    return text[0] < ' ' || text[0] == 127 || (text[0] == 0xc2 && text[1] < 0xa0);
}

/* Returns how many characters were printed. */
static int print_text(const char *text, size_t length, FILE *out) {
    const unsigned char *at = (const unsigned char *)text;
    int count = 0;
    for (size_t i = 0; i < length; count++) {
        const size_t bytes = character_length(at + i, length - i);
        if (at[i] == '\t')
            fputc(' ', out);
        else if (bytes == 0 || is_control(at + i))
            fputc('?', out);
        else
            fwrite(at + i, 1, bytes, out);
        i += bytes ? bytes : 1;
    }
    return count;
}

/* The line that has the place in it, or the part around the place where it is long. */
static void print_source_line(Loc loc, int column, FILE *out) {
    const Source *source = loc.source;
    const size_t here = offset_of(loc), before = (size_t)(column - 1);
    const size_t from = here - (before > SHOWN_BYTES / 2 ? SHOWN_BYTES / 2 : before);
    size_t to = here;
    while (to < source->length && to < from + SHOWN_BYTES && source->text[to] != '\n' &&
           source->text[to] != '\r')
        to++;
    fputs("  ", out);
    const int characters = print_text(source->text + from, here - from, out);
    print_text(source->text + here, to - here, out);
    fprintf(out, "\n  %*s^\n", characters, "");
}

static void print_one(const Diagnostic *d, FILE *out) {
    static const char *const severity[] = {"error", "warning", "note"};
    const LineColumn place = diag_line_column(d->loc);
    if (d->loc.source) {
        print_text(d->loc.source->name, strlen(d->loc.source->name), out);
        if (place.line) fprintf(out, ":%d:%d", place.line, place.column);
        fputs(": ", out);
    }
    fprintf(out, "%s: ", severity[d->severity]);
    print_text(d->message, strlen(d->message), out);
    fputc('\n', out);
    if (place.line) print_source_line(d->loc, place.column, out);
    if (!d->hint) return;
    fputs("  hint: ", out);
    print_text(d->hint, strlen(d->hint), out);
    fputc('\n', out);
}

void diag_print(const Diag *diag, FILE *out) {
    for (const Diagnostic *d = diag->first; d; d = d->next) print_one(d, out);
    const int left_out = diag->errors - DIAG_MAX_ERRORS;
    if (left_out > 0) fprintf(out, "and %d more error%s\n", left_out, left_out > 1 ? "s" : "");
}
