#include "frontend/lens/token_operand.h"

#include "runtime/text/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 80 };

bool token_names_open(Thalweg *thalweg, TokenNames *out) {
    const ThalwegModel model = thalweg_model(thalweg);
    *out = (TokenNames){.has_byte_tokens = model.has_byte_tokens, .vocab = model.vocab};
    if (model.has_tokenizer) out->tokenizer = thalweg_tokenizer(thalweg);
    return !model.has_tokenizer || out->tokenizer;
}

/* ---- from tokens to text ---- */

Bytes token_text(const TokenNames *names, int32_t token, Arena *arena) {
    enum { BYTES = 256 };
    size_t count = 0;
    if (names->tokenizer) {
        const char *text = tw_tokenizer_token(names->tokenizer, token, &count);
        return (Bytes){text, text ? count : 0};
    }
    if (!names->has_byte_tokens || token < 0 || token >= BYTES) return (Bytes){0};
    char *byte = ARENA_ARRAY(arena, char, 1);
    *byte = (char)token;
    return (Bytes){byte, 1};
}

const char *token_label(const TokenNames *names, int32_t token, Arena *arena) {
    static const char replacement[] = "\xef\xbf\xbd";
    const Bytes text = token_text(names, token, arena);
    if (!text.count) return arena_printf(arena, "#%d", (int)token);
    char *label = ARENA_ARRAY(arena, char, text.count *(sizeof replacement - 1) + 1), *end = label;
    for (size_t i = 0; i < text.count;) {
        bool is_open;
        const int bytes = tw_utf8_next((const uint8_t *)text.data + i, text.count - i, &is_open);
        if (!text.data[i])
            end = stpcpy(end, "\u2400"); /* a symbol for it */
        else if (bytes > 0)
            end = mempcpy(end, text.data + i, (size_t)bytes);
        else
            end = stpcpy(end, replacement);
        i += (size_t)abs(bytes);
    }
    return label;
}

/* ---- from text to tokens ---- */

typedef struct {
    const TokenNames *names;
    const char *given; /* as the user wrote it */
    Bytes text;
    Diag *diag;
} Operand;

static bool read_number(const Operand *operand, int32_t *out) {
    const long long last = (long long)operand->names->vocab - 1;
    char *end;
    const long long number = strtoll(operand->given, &end, 10);
    if (number <= last) {
        *out = (int32_t)number;
        return true;
    }
    diag_error(operand->diag, (Loc){0}, "there is no token %.*s: the model has tokens 0 to %lld",
               SHOWN, operand->given, last);
    return operand->names->tokenizer
               ? diag_hint(operand->diag, "the text of digits is \"%.20s\", in double quotes",
                           operand->given)
               : false;
}

/* The text of a string of JSON. */
static bool unquote(Operand *operand) {
    json_error_t error;
    json_t *string = json_loads(operand->given, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!json_is_string(string)) {
        json_decref(string);
        diag_error(operand->diag, (Loc){0}, "token '%.*s': it is no string of JSON", SHOWN,
                   operand->given);
        return diag_hint(operand->diag, "in double quotes \" and \\ stand behind a \\");
    }
    const size_t count = json_string_length(string);
    char *copy = ARENA_ARRAY(operand->diag->arena, char, count + 1);
    memcpy(copy, json_string_value(string), count);
    operand->text = (Bytes){copy, count};
    json_decref(string);
    return true;
}

static bool is_text(const Operand *operand, int32_t token) {
    const Bytes text = token_text(operand->names, token, operand->diag->arena);
    return text.data && text.count == operand->text.count &&
           memcmp(text.data, operand->text.data, text.count) == 0;
}

/* The tokens that a text becomes, in the arena; null: there is no memory, which is reported. */
static int32_t *encode(const Operand *operand, const char *before, size_t *count) {
    Arena *arena = operand->diag->arena;
    const size_t first = strlen(before), bytes = first + operand->text.count;
    char *text = ARENA_ARRAY(arena, char, bytes + 1);
    memcpy(text, before, first);
    memcpy(text + first, operand->text.data, operand->text.count);
    int32_t *tokens = NULL;
    TwStatus status = TW_NO_ROOM;
    for (*count = bytes + 1; status == TW_NO_ROOM;) {
        const size_t room = *count;
        tokens = ARENA_ARRAY(arena, int32_t, room);
        status = tw_encode(operand->names->tokenizer, text, bytes, TW_ENCODE_SPECIAL, tokens, room,
                           count);
    }
    if (status == TW_OK) return tokens;
    diag_error(operand->diag, (Loc){0}, "token '%.*s': %s", SHOWN, operand->given,
               tw_status_text(status));
    return NULL;
}

/* "'pe' (431), 'ar' (283)" */
static const char *list_tokens(const Operand *operand, const int32_t *tokens, size_t count) {
    enum { MOST = 8 };
    Arena *arena = operand->diag->arena;
    const char *list = "";
    for (size_t i = 0; i < count && i < MOST; i++)
        list = arena_printf(arena, "%s%s'%.40s' (%d)", list, i ? ", " : "",
                            token_label(operand->names, tokens[i], arena), (int)tokens[i]);
    return count > MOST ? arena_printf(arena, "%s ...", list) : list;
}

/* Of several tokens with this text, as the byte that a vocabulary has beside a letter, the one that
 * texts become. Behind the end of a line no tokenizer puts a space before it, nor merges it. */
static bool choose_used(const Operand *operand, int32_t *out) {
    size_t count;
    const int32_t *tokens = encode(operand, "\n", &count);
    if (!tokens) return false;
    if (count && is_text(operand, tokens[count - 1])) *out = tokens[count - 1];
    return true;
}

static bool find_text(const Operand *operand, int32_t *out) {
    const int64_t vocab = operand->names->vocab;
    int found = 0;
    for (int32_t token = 0; token < vocab; token++) {
        if (!is_text(operand, token)) continue;
        if (!found++) *out = token;
    }
    if (found) return found == 1 || !operand->names->tokenizer || choose_used(operand, out);
    if (!operand->names->tokenizer)
        return diag_error(operand->diag, (Loc){0}, "token '%.*s': a token of the model is a byte",
                          SHOWN, operand->given);
    size_t count;
    const int32_t *tokens = encode(operand, "", &count);
    if (!tokens) return false;
    if (count == 1 && tokens[0] < vocab) {
        *out = tokens[0];
        return true;
    }
    diag_error(operand->diag, (Loc){0}, "token '%.*s': the model has it as %zu tokens, %s", SHOWN,
               operand->given, count, list_tokens(operand, tokens, count));
    return diag_hint(operand->diag, "name one token, by its text, often with the space before it, "
                                    "or by its number; `thalweg tokenize` shows them");
}

bool token_operand_read(const TokenNames *names, const char *text, int32_t *out, Diag *diag) {
    Operand operand = {names, text, {text, strlen(text)}, diag};
    if (!*text) return diag_error(diag, (Loc){0}, "a token is named by a text or a number");
    if (strspn(text, "0123456789") == operand.text.count) return read_number(&operand, out);
    if (!names->tokenizer && !names->has_byte_tokens) {
        diag_error(diag, (Loc){0}, "token '%.*s': the model has no tokenizer", SHOWN, text);
        return diag_hint(diag, "name tokens by their numbers");
    }
    const bool is_quoted = *text == '"' && operand.text.count > 1;
    return (!is_quoted || unquote(&operand)) && find_text(&operand, out);
}

/* ---- pairs ---- */

/* Behind the string of JSON that begins a text; null: none does. */
static const char *skip_string(const char *text) {
    if (*text != '"') return NULL;
    for (const char *at = text + 1; *at; at++) {
        if (*at == '"') return at + 1;
        if (*at == '\\' && at[1]) at++;
    }
    return NULL;
}

bool token_operand_read_pair(const TokenNames *names, const char *text, TokenPair *out,
                             Diag *diag) {
    const char *behind = skip_string(text);
    const char *comma = behind && *behind == ',' ? behind : strchr(text, ',');
    if (!comma || (comma[1] != '"' && strchr(comma + 1, ','))) {
        diag_error(diag, (Loc){0}, "'%.*s': expected two tokens with a comma between them", SHOWN,
                   text);
        return diag_hint(diag, "as ' an, a', '281,257', or with strings of JSON '\",\",\".\"'");
    }
    const char *a = arena_printf(diag->arena, "%.*s", (int)(comma - text), text);
    if (!token_operand_read(names, a, &out->a, diag)) return false;
    if (!token_operand_read(names, comma + 1, &out->b, diag)) return false;
    if (out->a != out->b) return true;
    return diag_error(diag, (Loc){0}, "'%.*s': both are token %d", SHOWN, text, (int)out->a);
}
