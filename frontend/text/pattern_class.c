#include "frontend/text/pattern_class.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH = 50 /* of classes in classes */ };

bool pattern_skip(PatternReader *r, const char *text) {
    const size_t length = strlen(text);
    if (r->length - r->at < length || memcmp(r->text + r->at, text, length)) return false;
    r->at += length;
    return true;
}

bool pattern_error(PatternReader *r, size_t begin, const char *format, ...) {
    char message[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const int left = (int)(r->length - begin < 30 ? r->length - begin : 30);
    diag_error(r->diag, r->loc, "%s: %s", r->where, message);
    return diag_hint(r->diag, "at byte %zu of the expression: '%.*s'", begin, left,
                     r->text + begin);
}

bool pattern_refuse(PatternReader *r, size_t begin, const char *what) {
    return pattern_error(r, begin, "%s cannot become an automaton", what);
}

/* ---- escapes ---- */

static int hexadecimal(char c) {
    const char *digits = "0123456789abcdef", *at = strchr(digits, c | 32);
    if (c >= '0' && c <= '9') return c - '0';
    return c && at && at - digits > 9 ? (int)(at - digits) : -1;
}

/* Up to `most` digits. */
static bool read_code(PatternReader *r, size_t begin, int least, int most, uint32_t *code) {
    int count = 0;
    for (*code = 0; count < most && r->at < r->length && hexadecimal(r->text[r->at]) >= 0; count++)
        *code = *code << 4 | (uint32_t)hexadecimal(r->text[r->at++]);
    if (count < least) return pattern_error(r, begin, "hexadecimal digits are missing");
    return true;
}

/* Behind a backslash and x or u. */
static bool read_hexadecimal(PatternReader *r, size_t begin, char kind, uint32_t *code) {
    if (kind == 'u') {
        if (!read_code(r, begin, 4, 4, code)) return false;
    } else if (pattern_skip(r, "{")) {
        if (!read_code(r, begin, 1, 8, code)) return false;
        if (!pattern_skip(r, "}")) return pattern_error(r, begin, "a '}' is missing");
    } else if (!read_code(r, begin, 1, 2, code)) {
        return false;
    }
    return *code < CHARACTERS || pattern_error(r, begin, "there is no character U+%X", *code);
}

/* An escape that is one character; false and no report: it is none. */
static bool read_escaped(PatternReader *r, size_t begin, uint32_t *code) {
    static const char from[] = "tnrfvae", to[] = "\t\n\r\f\v\a\033";
    const char c = r->text[r->at];
    const char *letter = c ? strchr(from, c) : NULL;
    if (letter) {
        *code = (uint32_t)to[letter - from];
        r->at++;
        return true;
    }
    if (c == 'x' || c == 'u') {
        r->at++;
        return read_hexadecimal(r, begin, c, code);
    }
    const bool is_word = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
    if (is_word) return false;
    *code = next_character(r->text, r->length, &r->at);
    return true;
}

/* Behind \p or \P. */
static bool read_property(PatternReader *r, size_t begin, bool is_negated, CharacterSet *out) {
    const char *name = r->text + r->at;
    size_t length = 1;
    if (pattern_skip(r, "{")) {
        if (pattern_skip(r, "^")) is_negated = !is_negated;
        name = r->text + r->at;
        const char *end = memchr(name, '}', r->length - r->at);
        if (!end) return pattern_error(r, begin, "a '}' is missing");
        length = (size_t)(end - name);
        r->at += length + 1;
    } else if (r->at < r->length) {
        r->at++;
    } else {
        return pattern_error(r, begin, "a property's name is missing");
    }
    if (!characters_property(r->characters, name, length, out))
        return pattern_error(r, begin, "there is no property '%.*s' that is known",
                             (int)(length < 40 ? length : 40), name);
    if (is_negated) *out = set_complement(*out, r->arena);
    return true;
}

static CharacterSet hexadecimal_digits(Arena *arena) {
    CharacterRanges ranges = {.arena = arena};
    ranges_add(&ranges, '0', '9');
    ranges_add(&ranges, 'A', 'F');
    ranges_add(&ranges, 'a', 'f');
    return ranges_set(&ranges);
}

/* An escape that is a set: \s \d \w \h, or not, and properties. False and nothing read: it is
 * another. */
static bool read_shorthand(PatternReader *r, CharacterSet *out) {
    const char c = r->text[r->at];
    switch (c | 32) {
    case 's': *out = characters_space(r->characters); break;
    case 'd': *out = characters_digit(r->characters); break;
    case 'w': *out = characters_word(r->characters, r->classes); break;
    case 'h': *out = hexadecimal_digits(r->arena); break;
    default: return false;
    }
    r->at++;
    if (!(c & 32)) *out = set_complement(*out, r->arena);
    return true;
}

/* Behind a backslash at `begin`. `code`, if one character is meant, else UINT32_MAX and the set. */
static bool read_escape(PatternReader *r, size_t begin, uint32_t *code, CharacterSet *set) {
    *code = UINT32_MAX;
    if (r->at == r->length) return pattern_error(r, begin, "nothing follows the backslash");
    if (pattern_skip(r, "p")) return read_property(r, begin, false, set);
    if (pattern_skip(r, "P")) return read_property(r, begin, true, set);
    if (read_shorthand(r, set)) return true;
    const int errors = r->diag->errors;
    if (read_escaped(r, begin, code)) return true;
    if (r->diag->errors > errors) return false;
    const char c = r->text[r->at];
    if ((c >= '0' && c <= '9') || c == 'k')
        return pattern_refuse(r, begin, "a reference to a group");
    char what[] = "the escape '\\?'";
    what[sizeof what - 3] = c;
    return pattern_refuse(r, begin, what);
}

/* ---- classes ---- */

static bool read_class(PatternReader *r, size_t begin, CharacterSet *out);

static bool read_posix(PatternReader *r, size_t begin, CharacterSet *out) {
    const char *name = r->text + r->at;
    const char *end = memchr(name, ':', r->length - r->at);
    if (!end || end + 1 == r->text + r->length || end[1] != ']')
        return pattern_error(r, begin, "a ':]' is missing");
    const bool is_negated = *name == '^';
    name += is_negated;
    const size_t length = (size_t)(end - name);
    r->at = (size_t)(end + 2 - r->text);
    static const char *const known[] = {"space", "digit", "word"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (length == strlen(known[i]) && !memcmp(name, known[i], length)) {
            characters_property(r->characters, name, length, out);
            if (is_negated) *out = set_complement(*out, r->arena);
            return true;
        }
    return pattern_refuse(r, begin, "a class [:...:] other than space, digit and word");
}

/* One member of a class: a character, in `code`, or a set. */
static bool read_member(PatternReader *r, uint32_t *code, CharacterSet *set) {
    const size_t begin = r->at;
    *code = UINT32_MAX;
    if (pattern_skip(r, "[:")) return read_posix(r, begin, set);
    if (pattern_skip(r, "[")) return read_class(r, begin, set);
    if (!pattern_skip(r, "\\")) {
        *code = next_character(r->text, r->length, &r->at);
        return true;
    }
    if (!pattern_skip(r, "b")) return read_escape(r, begin, code, set);
    *code = '\b';
    return true;
}

/* May a range follow the character that was read? */
static bool is_range(const PatternReader *r) {
    return r->length - r->at > 1 && r->text[r->at] == '-' && r->text[r->at + 1] != ']' &&
           !(r->length - r->at > 2 && !memcmp(r->text + r->at + 1, "&&", 2));
}

static bool read_range(PatternReader *r, CharacterRanges *ranges) {
    const size_t begin = r->at;
    uint32_t first, last;
    CharacterSet set = {0};
    if (!read_member(r, &first, &set)) return false;
    if (first == UINT32_MAX) {
        ranges_add_set(ranges, set);
        return true;
    }
    last = first;
    if (is_range(r)) {
        r->at++;
        if (!read_member(r, &last, &set)) return false;
        if (last == UINT32_MAX) return pattern_error(r, begin, "a range ends with a class");
        if (last < first) return pattern_error(r, begin, "a range that ends before it begins");
    }
    ranges_add(ranges, first, last);
    return true;
}

/* Behind '[': parts that are joined, and sets of these that && intersects. */
static bool read_class(PatternReader *r, size_t begin, CharacterSet *out) {
    if (++r->classes > DEPTH) return pattern_error(r, begin, "classes nest deeper than %d", DEPTH);
    const bool is_negated = pattern_skip(r, "^");
    CharacterSet met = set_of(0, CHARACTERS - 1, r->arena);
    CharacterRanges ranges = {.arena = r->arena};
    const size_t first = r->at;
    for (;;) {
        if (r->at == r->length) return pattern_error(r, begin, "this class has no ']'");
        if (pattern_skip(r, "]")) {
            if (r->at == first + 1) return pattern_error(r, begin, "a class without members");
            break;
        }
        if (pattern_skip(r, "&&")) {
            met = set_intersection(met, ranges_set(&ranges), r->arena);
            ranges = (CharacterRanges){.arena = r->arena};
        } else if (!read_range(r, &ranges)) {
            return false;
        }
    }
    *out = set_intersection(met, ranges_set(&ranges), r->arena);
    if (r->fold) *out = characters_fold(r->characters, *out);
    if (is_negated) *out = set_complement(*out, r->arena);
    r->classes--;
    return true;
}

bool pattern_set(PatternReader *r, CharacterSet *out) {
    const size_t begin = r->at;
    if (pattern_skip(r, "[")) return read_class(r, begin, out);
    uint32_t code;
    if (!pattern_skip(r, "\\"))
        code = next_character(r->text, r->length, &r->at);
    else if (!read_escape(r, begin, &code, out))
        return false;
    if (code == UINT32_MAX) return true; /* case counts in properties outside of classes */
    *out = set_of(code, code, r->arena);
    if (r->fold) *out = characters_fold(r->characters, *out);
    return true;
}
