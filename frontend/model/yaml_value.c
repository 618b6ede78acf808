/* yaml_value.c - a value read as the type that its key wants, or an error that says what it is. */
#include "frontend/model/yaml.h"

#include "ir/spelling.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- text for messages ---- */

enum { SHOWN_BYTES = 40, EXPONENT_DIGITS = 5, REAL_BYTES = 64 };

/* Bytes of the control character at `text`: C0, delete, or C1 as two bytes of UTF-8; 0: none. */
static size_t control_length(const char *text) {
    const unsigned char first = (unsigned char)text[0], second = (unsigned char)text[first != 0];
    if (first < 0x20 || first == 0x7f) return 1;
    return first == 0xc2 && second >= 0x80 && second < 0xa0 ? 2 : 0;
}

const char *yaml_show(const char *text, Arena *arena) {
    char shown[SHOWN_BYTES + 4];
    size_t length = 0;
    while (*text && length < SHOWN_BYTES) {
        const size_t control = control_length(text);
        shown[length++] = control ? '?' : *text;
        text += control ? control : 1;
    }
    while (*text && length && ((unsigned char)*text & 0xc0) == 0x80) {
        text--; /* not in the middle of a character */
        length--;
    }
    memcpy(shown + length, *text ? "..." : "", *text ? 4 : 1);
    return arena_printf(arena, "%s", shown);
}

const char *yaml_path(const YamlNode *node, Arena *arena) {
    if (!node->parent) return "";
    const char *parent = yaml_path(node->parent, arena);
    if (!node->key) return arena_printf(arena, "%s[%d]", parent, node->index);
    return arena_printf(arena, "%s%s%s", parent, *parent ? "." : "", yaml_show(node->key, arena));
}

static const char *found(const YamlNode *node, Arena *arena) {
    switch (node->kind) {
    case YAML_SEQUENCE:
        return node->count ? arena_printf(arena, "a list of %d", node->count) : "an empty list";
    case YAML_MAPPING: return "a mapping";
    case YAML_SCALAR: break;
    }
    if (node->is_quoted)
        return arena_printf(arena, "the text \"%s\"", yaml_show(node->text, arena));
    if (!*node->text) return "nothing";
    return arena_printf(arena, "'%s'", yaml_show(node->text, arena));
}

/* ---- errors ---- */

static bool report(const YamlNode *node, Loc loc, Diag *diag, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *message = ARENA_ARRAY(diag->arena, char, (size_t)(length > 0 ? length : 0) + 1);
    vsnprintf(message, (size_t)length + 1, format, args);
    const char *path = yaml_path(node, diag->arena);
    return diag_error(diag, loc, "%s%s%s", path, *path ? ": " : "", message);
}

bool yaml_error(const YamlNode *node, Diag *diag, const char *format, ...) {
    va_list args;
    va_start(args, format);
    report(node, node->loc, diag, format, args);
    va_end(args);
    return false;
}

bool yaml_key_error(const YamlNode *node, Diag *diag, const char *format, ...) {
    va_list args;
    va_start(args, format);
    report(node, node->key_loc, diag, format, args);
    va_end(args);
    return false;
}

bool yaml_error_at(const YamlNode *node, Loc loc, Diag *diag, const char *format, ...) {
    va_list args;
    va_start(args, format);
    report(node, loc, diag, format, args);
    va_end(args);
    return false;
}

bool yaml_expected(const YamlNode *node, Diag *diag, const char *expected) {
    return yaml_error(node, diag, "expected %s, found %s", expected, found(node, diag->arena));
}

/* ---- values ---- */

bool yaml_is_word(const YamlNode *node, const char *word) {
    return node->kind == YAML_SCALAR && strcmp(node->text, word) == 0;
}

static bool is_plain(const YamlNode *node) {
    return node->kind == YAML_SCALAR && !node->is_quoted;
}

/* `small` in small letters, with a capital, or in capitals alone: as YAML 1.1 lists its words. */
static bool is_spelling(const char *text, const char *small) {
    enum { ASCII_CASE = 'a' - 'A' };
    const bool is_capital = text[0] && text[0] == small[0] - ASCII_CASE;
    const bool are_capitals = is_capital && text[1] && text[1] == small[1] - ASCII_CASE;
    for (size_t i = 0; small[i]; i++)
        if (text[i] != small[i] - (i ? are_capitals : is_capital) * ASCII_CASE) return false;
    return !text[strlen(small)];
}

bool yaml_is_null(const YamlNode *node) {
    return is_plain(node) &&
           (!*node->text || strcmp(node->text, "~") == 0 || is_spelling(node->text, "null"));
}

bool yaml_is_bool(const YamlNode *node, bool *out) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof *words && is_plain(node); i++) {
        if (!is_spelling(node->text, words[i])) continue;
        *out = i % 2;
        return true;
    }
    return false;
}

static const char *skip_digits(const char *text) {
    while (*text >= '0' && *text <= '9') text++;
    return text;
}

/* [-]digits, without leading zeros: 010 is eight to some readers of YAML and ten to others. */
static bool is_integer(const char *text) {
    text += *text == '-';
    const char *end = skip_digits(text);
    return end > text && !*end && (*text != '0' || end == text + 1);
}

/* [+-]digits[.digits][e[+-]digits], digits before or after the point. */
static bool is_real(const char *text) {
    if (strlen(text) >= REAL_BYTES) return false;
    text += *text == '-' || *text == '+';
    const char *end = skip_digits(text);
    ptrdiff_t digits = end - text;
    if (*end == '.') {
        const char *fraction = end + 1;
        end = skip_digits(fraction);
        digits += end - fraction;
    }
    if (digits == 0) return false;
    if (*end != 'e' && *end != 'E') return !*end;
    end += end[1] == '-' || end[1] == '+' ? 2 : 1;
    const char *last = skip_digits(end);
    return last > end && last - end <= EXPONENT_DIGITS && !*last;
}

bool yaml_read_integer(const YamlNode *node, Diag *diag, int64_t least, int64_t most,
                       int64_t *out) {
    errno = 0;
    const bool is_number = is_plain(node) && is_integer(node->text);
    const long long value = is_number ? strtoll(node->text, NULL, 10) : 0;
    if (is_number && !errno && value >= least && value <= most) {
        *out = value;
        return true;
    }
    if (least == most)
        return yaml_expected(node, diag, arena_printf(diag->arena, "%" PRId64, least));
    return yaml_expected(
        node, diag,
        arena_printf(diag->arena, "an integer from %" PRId64 " to %" PRId64, least, most));
}

bool yaml_read_real(const YamlNode *node, Diag *diag, double least, double most, double *out) {
    const bool is_number = is_plain(node) && is_real(node->text);
    const double value = is_number ? strtod(node->text, NULL) : 0;
    if (is_number && isfinite(value) && value >= least && value <= most) {
        *out = value;
        return true;
    }
    return yaml_expected(node, diag,
                         arena_printf(diag->arena, "a number from %g to %g", least, most));
}

bool yaml_read_bool(const YamlNode *node, Diag *diag, bool *out) {
    return yaml_is_bool(node, out) || yaml_expected(node, diag, "true or false");
}

bool yaml_read_text(const YamlNode *node, Diag *diag, const char **out) {
    if (node->kind != YAML_SCALAR || !*node->text || yaml_is_null(node))
        return yaml_expected(node, diag, "a text");
    *out = node->text;
    return true;
}

/* "a, b or c" */
static const char *list_words(const char *const *words, int count, Arena *arena) {
    const char *list = words[0];
    for (int i = 1; i < count; i++)
        list = arena_printf(arena, "%s%s%s", list, i + 1 < count ? ", " : " or ", words[i]);
    return list;
}

bool yaml_read_word(const YamlNode *node, Diag *diag, const char *const *words, int count,
                    int offered, int *out) {
    for (int i = 0; i < count; i++) {
        if (!yaml_is_word(node, words[i])) continue;
        *out = i;
        return true;
    }
    yaml_expected(node, diag, list_words(words, offered, diag->arena));
    const char *nearest =
        node->kind == YAML_SCALAR ? spelling_nearest(node->text, words, offered) : NULL;
    return nearest ? diag_hint(diag, "did you mean '%s'?", nearest) : false;
}
