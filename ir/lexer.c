#include "ir/lexer.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- characters ---- */

static bool is_digit(int c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_character(int c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '-';
}

/* The byte `ahead` of the cursor; -1 behind the end. */
static int byte_at(const Lexer *lexer, size_t ahead) {
    return ahead < (size_t)(lexer->end - lexer->at) ? (unsigned char)lexer->at[ahead] : -1;
}

static size_t name_length(const Lexer *lexer) {
    size_t length = 0;
    while (is_name_character(byte_at(lexer, length))) length++;
    return length;
}

bool lexer_is_name(const char *text) {
    const char *at = text;
    while (is_name_character((unsigned char)*at)) at++;
    return at > text && !*at;
}

/* ---- cursor ---- */

static void skip_blanks(Lexer *lexer) {
    while (byte_at(lexer, 0) == ' ' || byte_at(lexer, 0) == '\t' || byte_at(lexer, 0) == '\r')
        lexer->at++;
    if (byte_at(lexer, 0) == '#') lexer_skip_rest_of_line(lexer);
}

int lexer_peek(Lexer *lexer) {
    skip_blanks(lexer);
    return byte_at(lexer, 0);
}

Loc lexer_here(Lexer *lexer) {
    skip_blanks(lexer);
    return (Loc){lexer->source, (uint32_t)(lexer->at - lexer->source->text)};
}

void lexer_skip_lines(Lexer *lexer) {
    while (lexer_peek(lexer) == '\n') lexer->at++;
}

void lexer_skip_rest_of_line(Lexer *lexer) {
    const void *end = memchr(lexer->at, '\n', (size_t)(lexer->end - lexer->at));
    lexer->at = end ? end : lexer->end;
}

/* ---- words ---- */

bool lexer_fail(Lexer *lexer, const char *expected) {
    const Loc loc = lexer_here(lexer);
    const size_t length = name_length(lexer);
    const int shown = length > 40 ? 40 : (int)length, next = lexer_peek(lexer);
    if (length)
        return diag_error(lexer->diag, loc, "expected %s, found '%.*s'", expected, shown,
                          lexer->at);
    if (next == -1)
        return diag_error(lexer->diag, loc, "expected %s, found the end of the text", expected);
    if (next == '\n')
        return diag_error(lexer->diag, loc, "expected %s, found the end of the line", expected);
    if (next > ' ' && next < 127)
        return diag_error(lexer->diag, loc, "expected %s, found '%c'", expected, next);
    return diag_error(lexer->diag, loc, "expected %s, found the byte 0x%02x", expected,
                      (unsigned)next);
}

bool lexer_accept(Lexer *lexer, const char *word) {
    const size_t length = strlen(word);
    skip_blanks(lexer);
    if ((size_t)(lexer->end - lexer->at) < length) return false;
    if (memcmp(lexer->at, word, length) != 0) return false;
    if (is_letter(*word) && is_name_character(byte_at(lexer, length))) return false;
    lexer->at += length;
    return true;
}

bool lexer_expect(Lexer *lexer, const char *word) {
    char expected[40];
    if (lexer_accept(lexer, word)) return true;
    snprintf(expected, sizeof expected, "'%s'", word);
    return lexer_fail(lexer, expected);
}

bool lexer_expect_line_end(Lexer *lexer) {
    const int next = lexer_peek(lexer);
    return next == '\n' || next == -1 || lexer_fail(lexer, "the end of the line");
}

bool lexer_name(Lexer *lexer, const char *what, char *name) {
    const Loc loc = lexer_here(lexer);
    const size_t length = name_length(lexer);
    if (!length) return lexer_fail(lexer, what);
    if (length >= LEXER_NAME)
        return diag_error(lexer->diag, loc, "a name of %zu characters: at most %d are allowed",
                          length, LEXER_NAME - 1);
    memcpy(name, lexer->at, length);
    name[length] = '\0';
    lexer->at += length;
    return true;
}

bool lexer_integer(Lexer *lexer, int64_t *value) {
    const size_t sign = lexer_peek(lexer) == '-';
    char text[32];
    size_t digits = sign;
    while (is_digit(byte_at(lexer, digits))) digits++;
    if (digits == sign || digits != name_length(lexer)) return lexer_fail(lexer, "an integer");
    const size_t kept = digits < sizeof text ? digits : sizeof text - 1;
    memcpy(text, lexer->at, kept);
    text[kept] = '\0';
    errno = 0;
    *value = strtoll(text, NULL, 10);
    if (errno || kept < digits)
        return diag_error(lexer->diag, lexer_here(lexer), "this integer is too large");
    lexer->at += digits;
    return true;
}

bool lexer_real(Lexer *lexer, double *value) {
    char text[64], *end = NULL;
    size_t length = 0;
    skip_blanks(lexer);
    while (byte_at(lexer, length) == '+' || is_name_character(byte_at(lexer, length))) length++;
    const size_t kept = length < sizeof text ? length : sizeof text - 1;
    memcpy(text, lexer->at, kept);
    text[kept] = '\0';
    const bool has_digits = strspn(text, "0123456789.eE+-") == length;
    if (has_digits) *value = strtod(text, &end);
    if (!has_digits || !length || *end) return lexer_fail(lexer, "a number");
    if (!isfinite(*value))
        return diag_error(lexer->diag, lexer_here(lexer), "this number is too large");
    lexer->at += length;
    return true;
}
