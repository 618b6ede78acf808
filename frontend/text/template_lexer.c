/* template_lexer.c - as Jinja's lexer with trim_blocks and lstrip_blocks: a line break behind a
 * block or a comment is dropped, and so is white space before one that begins its line; '-' drops
 * all white space on its side, '+' none. */
#include "frontend/text/template_lexer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Lexer {
    Arena *arena;
    Diag *diag;
    const Source *source;
    const char *at, *end;
    bool begins_line; /* what was last read ends with a line break */
    Token *tokens;
    size_t count, room;
} Lexer;

enum { MOST_BRACKETS = 256 };

static Loc place(const Lexer *lexer, const char *at) {
    return (Loc){lexer->source, (uint32_t)(at - lexer->source->text)};
}

static Token *add(Lexer *lexer, TokenKind kind, const char *at, Bytes text) {
    if (lexer->count == lexer->room) {
        const size_t room = lexer->room ? 2 * lexer->room : 256;
        Token *tokens = ARENA_ARRAY(lexer->arena, Token, room);
        if (lexer->count) memcpy(tokens, lexer->tokens, lexer->count * sizeof *tokens);
        lexer->tokens = tokens;
        lexer->room = room;
    }
    Token *token = &lexer->tokens[lexer->count++];
    *token = (Token){.kind = kind, .loc = place(lexer, at), .text = text};
    return token;
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

static bool begins(const Lexer *lexer, const char *at, const char *text) {
    const size_t bytes = strlen(text);
    return (size_t)(lexer->end - at) >= bytes && memcmp(at, text, bytes) == 0;
}

static void skip_space(Lexer *lexer) {
    while (lexer->at < lexer->end && is_space(*lexer->at)) lexer->at++;
}

/* ---- text, and how a tag cuts it ---- */

/* Text [from, to) before a tag with this sign. */
static void add_text(Lexer *lexer, const char *from, const char *to, char sign, bool is_print) {
    if (sign == '-') {
        while (to > from && is_space(to[-1])) to--;
    } else if (sign != '+' && !is_print) {
        const char *line = to;
        while (line > from && line[-1] != '\n') line--;
        const char *at = line;
        while (at < to && is_space(*at)) at++;
        if (at == to && (line > from || lexer->begins_line)) to = line;
    }
    if (to > from) add(lexer, TOKEN_text, from, (Bytes){from, (size_t)(to - from)});
}

/* Behind the end of a tag, whose own sign is given. */
static void end_tag(Lexer *lexer, char sign, bool is_print) {
    if (sign == '-')
        skip_space(lexer);
    else if (sign != '+' && !is_print && lexer->at < lexer->end && *lexer->at == '\n')
        lexer->at++;
    lexer->begins_line = lexer->at[-1] == '\n';
}

static char sign_at(const Lexer *lexer, const char *at) {
    return at < lexer->end && (*at == '-' || *at == '+') ? *at : 0;
}

static bool skip_comment(Lexer *lexer, const char *begin) {
    const char *at = begin + 2 + (sign_at(lexer, begin + 2) != 0);
    const char *from = at;
    while (at < lexer->end && !begins(lexer, at, "#}")) at++;
    if (at == lexer->end) {
        diag_error(lexer->diag, place(lexer, begin), "the comment does not end");
        return diag_hint(lexer->diag, "expected '#}'");
    }
    lexer->at = at + 2;
    end_tag(lexer, at > from ? sign_at(lexer, at - 1) : 0, false);
    return true;
}

/* The end of "{% raw %}" or of "{% endraw %}", whose sign is put there; null: it is none. */
static const char *match_raw(const Lexer *lexer, const char *at, const char *word, char *sign) {
    const size_t bytes = strlen(word);
    if (!begins(lexer, at, "{%")) return NULL;
    at += 2;
    at += sign_at(lexer, at) != 0;
    while (at < lexer->end && is_space(*at)) at++;
    if (!begins(lexer, at, word)) return NULL;
    at += bytes;
    while (at < lexer->end && is_space(*at)) at++;
    *sign = sign_at(lexer, at);
    at += *sign != 0;
    return begins(lexer, at, "%}") ? at + 2 : NULL;
}

/* What stands in a raw block is text; `at` is behind its first tag. */
static bool read_raw(Lexer *lexer, const char *begin, const char *at, char sign) {
    lexer->at = at;
    if (sign == '-') skip_space(lexer);
    lexer->begins_line = lexer->at[-1] == '\n';
    const char *from = lexer->at;
    for (at = from; at < lexer->end; at++) {
        const char *end = *at == '{' ? match_raw(lexer, at, "endraw", &sign) : NULL;
        if (!end) continue;
        add_text(lexer, from, at, sign_at(lexer, at + 2), false);
        lexer->at = end;
        end_tag(lexer, sign, false);
        return true;
    }
    diag_error(lexer->diag, place(lexer, begin), "the raw block does not end");
    return diag_hint(lexer->diag, "expected '{%% endraw %%}'");
}

/* ---- what stands in tags ---- */

static unsigned hex_value(const char *at, size_t digits, const char *end, bool *is_hex) {
    unsigned value = 0;
    *is_hex = (size_t)(end - at) >= digits;
    for (size_t i = 0; *is_hex && i < digits; i++) {
        const char c = at[i], lower = (char)(c | 0x20);
        if (!is_digit(c) && !(lower >= 'a' && lower <= 'f')) *is_hex = false;
        value = value * 16 + (unsigned)(is_digit(c) ? c - '0' : lower - 'a' + 10);
    }
    return value;
}

static char *put_code(char *out, unsigned code) {
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = 0xfffd;
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *out++ = (char)((0xf0 << (3 - more)) | (int)(code >> 6 * more));
    for (int i = more; i-- > 0;) *out++ = (char)(0x80 | (code >> 6 * i & 0x3f));
    return out;
}

/* Python's escapes; one that it does not know stays as it is. Returns what is behind it. */
static const char *read_escape(const char *at, const char *end, char **out) {
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char c = *at;
    const char *found = c ? strchr(from, c) : NULL;
    if (found) {
        *(*out)++ = to[found - from];
        return at + 1;
    }
    if (c == '\n') return at + 1;
    if (c >= '0' && c <= '7') {
        unsigned code = 0;
        for (int i = 0; i < 3 && at < end && *at >= '0' && *at <= '7'; i++)
            code = code * 8 + (unsigned)(*at++ - '0');
        *out = put_code(*out, code);
        return at;
    }
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    bool is_hex;
    unsigned code = hex_value(at + 1, digits, end, &is_hex);
    if (!digits || !is_hex) {
        *(*out)++ = '\\';
        return at;
    }
    *out = put_code(*out, code);
    return at + 1 + digits;
}

static bool read_string(Lexer *lexer) {
    const char *begin = lexer->at, quote = *begin;
    const char *end = begin + 1;
    while (end < lexer->end && *end != quote) end += *end == '\\' && end + 1 < lexer->end ? 2 : 1;
    if (end >= lexer->end)
        return diag_error(lexer->diag, place(lexer, begin), "the text in quotes does not end");
    char *text = ARENA_ARRAY(lexer->arena, char, (size_t)(end - begin) * 2), *out = text;
    for (const char *at = begin + 1; at < end;) {
        if (*at != '\\')
            *out++ = *at++;
        else
            at = read_escape(at + 1, end, &out);
    }
    add(lexer, TOKEN_string, begin, (Bytes){text, (size_t)(out - text)});
    lexer->at = end + 1;
    return true;
}

static bool read_number(Lexer *lexer) {
    const char *begin = lexer->at, *at = begin;
    char digits[64];
    size_t count = 0;
    bool is_real = false;
    const bool is_part = begin > lexer->source->text && begin[-1] == '.'; /* items.0.1 */
    const bool is_based = *at == '0' && at + 1 < lexer->end && strchr("xXoObB", at[1]);
    for (; at < lexer->end; at++) {
        const bool is_point = !is_based && !is_part && *at == '.' && !is_real &&
                              at + 1 < lexer->end && is_digit(at[1]);
        const bool is_exponent =
            !is_based && !is_part && (*at == 'e' || *at == 'E') && at + 1 < lexer->end &&
            (is_digit(at[1]) || (at + 2 < lexer->end && strchr("+-", at[1]) && is_digit(at[2])));
        const bool is_sign = is_real && strchr("+-", *at) && (at[-1] | 0x20) == 'e';
        if (!is_digit(*at) && *at != '_' && !is_point && !is_exponent && !is_sign &&
            !(is_based && is_name(*at)))
            break;
        is_real |= is_point || is_exponent;
        if (*at != '_' && count < sizeof digits - 1) digits[count++] = *at;
    }
    digits[count] = 0;
    Token *token = add(lexer, is_real ? TOKEN_real : TOKEN_integer, begin,
                       (Bytes){begin, (size_t)(at - begin)});
    char *end;
    errno = 0;
    const int base = !is_based                   ? 10
                     : (digits[1] | 0x20) == 'x' ? 16
                     : (digits[1] | 0x20) == 'o' ? 8
                                                 : 2;
    if (is_real)
        token->real = strtod(digits, &end);
    else
        token->integer = strtoll(digits + (is_based ? 2 : 0), &end, base);
    lexer->at = at;
    if (*end || errno || end == digits + (is_based ? 2 : 0))
        return diag_error(lexer->diag, token->loc, "'%.*s' is no number that fits",
                          (int)token->text.count, token->text.data);
    return true;
}

static bool read_sign(Lexer *lexer) {
    static const char signs[][3] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "*",
                                    "/",  "%",  "~",  ">",  "<",  "=",  "|", ".", ",",
                                    ":",  "(",  ")",  "[",  "]",  "{",  "}"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (!begins(lexer, lexer->at, signs[i])) continue;
        const size_t bytes = strlen(signs[i]);
        add(lexer, TOKEN_sign, lexer->at, (Bytes){signs[i], bytes});
        lexer->at += bytes;
        return true;
    }
    return diag_error(lexer->diag, place(lexer, lexer->at), "a character that no tag can have");
}

/* Brackets must close before their tag does. */
static bool follow_brackets(Lexer *lexer, char *open, int *depth) {
    const Token *token = &lexer->tokens[lexer->count - 1];
    const char *found = token->kind == TOKEN_sign ? strchr("([{)]}", *token->text.data) : NULL;
    if (!found || !*found) return true;
    static const char closing[] = ")]}";
    const char *close = strchr(closing, *found);
    if (!close) {
        if (*depth == MOST_BRACKETS)
            return diag_error(lexer->diag, token->loc, "brackets are nested too deeply");
        open[(*depth)++] = *found == '(' ? ')' : *found == '[' ? ']' : '}';
        return true;
    }
    if (*depth && open[*depth - 1] == *close) {
        --*depth;
        return true;
    }
    if (*depth)
        return diag_error(lexer->diag, token->loc, "found '%c', expected '%c'", *close,
                          open[*depth - 1]);
    return diag_error(lexer->diag, token->loc, "found '%c', which nothing opened", *close);
}

static bool read_token(Lexer *lexer) {
    const char c = *lexer->at;
    if (c == '"' || c == '\'') return read_string(lexer);
    if (is_digit(c)) return read_number(lexer);
    if (!is_name(c)) return read_sign(lexer);
    const char *begin = lexer->at;
    while (lexer->at < lexer->end && (is_name(*lexer->at) || is_digit(*lexer->at))) lexer->at++;
    add(lexer, TOKEN_name, begin, (Bytes){begin, (size_t)(lexer->at - begin)});
    return true;
}

static bool read_tag(Lexer *lexer, bool is_print) {
    const char *begin = lexer->at, *close = is_print ? "}}" : "%}";
    char open[MOST_BRACKETS];
    int depth = 0;
    add(lexer, is_print ? TOKEN_begin_print : TOKEN_begin_block, begin, (Bytes){0});
    lexer->at += 2;
    lexer->at += sign_at(lexer, lexer->at) != 0;
    for (;;) {
        skip_space(lexer);
        if (lexer->at == lexer->end) break;
        const char sign = sign_at(lexer, lexer->at);
        const bool is_signed = sign == '-' || (sign == '+' && !is_print);
        const char *end = lexer->at + is_signed;
        if (!depth && begins(lexer, end, close)) {
            add(lexer, is_print ? TOKEN_end_print : TOKEN_end_block, lexer->at, (Bytes){0});
            lexer->at = end + 2;
            end_tag(lexer, is_signed ? sign : 0, is_print);
            return true;
        }
        if (!read_token(lexer) || !follow_brackets(lexer, open, &depth)) return false;
    }
    diag_error(lexer->diag, place(lexer, begin), "the tag does not end");
    return diag_hint(lexer->diag, "expected '%s'", close);
}

static bool read_next(Lexer *lexer) {
    const char *from = lexer->at, *at = from;
    while (at < lexer->end && !(*at == '{' && at + 1 < lexer->end && strchr("{%#", at[1]) && at[1]))
        at++;
    if (at == lexer->end) {
        add(lexer, TOKEN_text, from, (Bytes){from, (size_t)(at - from)});
        lexer->at = at;
        return true;
    }
    char sign = 0;
    const char *raw = match_raw(lexer, at, "raw", &sign);
    if (raw && sign == '+') raw = NULL;
    add_text(lexer, from, at, sign_at(lexer, at + 2), at[1] == '{');
    if (raw) return read_raw(lexer, at, raw, sign);
    if (at[1] == '#') return skip_comment(lexer, at);
    lexer->at = at;
    return read_tag(lexer, at[1] == '{');
}

/* Line breaks are '\n', and the last one is dropped. */
static const Source *normal_lines(const Source *source, Arena *arena) {
    char *text = ARENA_ARRAY(arena, char, source->length + 1);
    size_t length = 0;
    for (size_t i = 0; i < source->length; i++) {
        if (source->text[i] == '\r' && i + 1 < source->length && source->text[i + 1] == '\n')
            continue;
        text[length++] = source->text[i] == '\r' ? '\n' : source->text[i];
    }
    if (length && text[length - 1] == '\n') text[--length] = 0;
    Source *normal = ARENA_NEW(arena, Source);
    *normal = (Source){source->name, text, length};
    return normal;
}

const Token *template_lex(const Source *source, Arena *arena, Diag *diag) {
    Lexer lexer = {.arena = arena, .diag = diag, .begins_line = true};
    if (source->length >= UINT32_MAX / 4) {
        diag_error(diag, (Loc){0}, "the chat template is too long");
        return NULL;
    }
    lexer.source = normal_lines(source, arena);
    lexer.at = lexer.source->text;
    lexer.end = lexer.at + lexer.source->length;
    while (lexer.at < lexer.end)
        if (!read_next(&lexer)) return NULL;
    add(&lexer, TOKEN_end, lexer.end, (Bytes){0});
    return lexer.tokens;
}
