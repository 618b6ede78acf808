#include "runtime/standalone/prompt_tokens.h"

#include "runtime/standalone/message.h"
#include "runtime/text/chat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers, with a comma or white space between each and the next, and NUL behind them. */
static bool read_list(const char *text, PromptTokens *out) {
    static const char spaces[] = " \t\n\v\f\r";
    for (char *end;; text = end) {
        errno = 0;
        const long token = strtol(text, &end, 10);
        if (end == text || errno || token < 0 || token > INT32_MAX) return false;
        out->token[out->count++] = (int32_t)token;
        const char *next = end + strspn(end, spaces);
        if (!*next) return true;
        if (next == end && *next != ',') return false;
        end += next - end + (*next == ',');
    }
}

/* All of a file, and NUL; malloc. Null: said. */
static char *read_file(const Arguments *a, FILE *file, const char *name, size_t *length) {
    enum { MOST = 64 << 20 };
    char *text = NULL;
    size_t room = 1 << 16;
    for (*length = 0;; room *= 2) {
        char *more = realloc(text, room + 1);
        if (!more) break;
        text = more;
        *length += fread(text + *length, 1, room - *length, file);
        text[*length] = 0;
        if (*length < room && !ferror(file)) return text;
        if (*length < room || room >= MOST) break;
    }
    message_error(a->program, "cannot be read, or is too long", name);
    free(text);
    return NULL;
}

/* The same of the file of that name; "-": standard input. */
static char *read_input(const Arguments *a, const char *name, size_t *length) {
    if (strcmp(name, "-") == 0) return read_file(a, stdin, "standard input", length);
    FILE *file = fopen(name, "re");
    if (!file) message_error(a->program, strerror(errno), name);
    char *text = file ? read_file(a, file, name, length) : NULL;
    if (file) fclose(file);
    return text;
}

/* Of nothing, what begins a text. */
static int encode(const Arguments *a, const TwTokenizer *tokenizer, const char *text, size_t length,
                  PromptTokens *out) {
    const unsigned flags = (a->is_chat ? 0 : TW_ENCODE_ADD) |
                           (a->names_specials || a->is_chat ? TW_ENCODE_SPECIAL : 0);
    size_t count = 0;
    TwStatus status = tw_encode(tokenizer, text, length, flags, NULL, 0, &count);
    if (status == TW_OK || status == TW_NO_ROOM) {
        out->token = calloc(count + 1, sizeof *out->token);
        if (!out->token) return message_error(a->program, "out of memory", NULL);
        status = tw_encode(tokenizer, text, length, flags, out->token, count, &count);
    }
    if (status != TW_OK) return message_error(a->program, tw_status_text(status), NULL);
    out->count = (int64_t)count;
    if (count) return 0;
    *out->token = tw_tokenizer_special(tokenizer, TW_BOS);
    out->count = *out->token >= 0;
    return out->count ? 0 : message_error(a->program, "the prompt is empty", NULL);
}

/* A message as the model's chat template has it; malloc. Null: said. */
static char *make_talk(const Arguments *a, const TwTokenizer *tokenizer, const char *message,
                       size_t *length) {
    char error[512];
    const TwMessage messages[] = {{"system", a->system}, {"user", message}};
    const TwChat chat = {.struct_bytes = sizeof chat,
                         .messages = messages + !a->system,
                         .count = 1 + !!a->system,
                         .wants_answer = 1,
                         .variables = a->variables,
                         .error = error,
                         .error_bytes = sizeof error};
    TwStatus status = tw_chat_text(tokenizer, &chat, NULL, 0, length);
    char *text = malloc(*length + 1);
    if (status == TW_NO_ROOM)
        status = text ? tw_chat_text(tokenizer, &chat, text, *length, length) : TW_NO_MEMORY;
    if (status == TW_OK && text) return text;
    message_error(a->program, tw_status_text(status), status == TW_TEMPLATE_FAILED ? error : NULL);
    free(text);
    return NULL;
}

static int encode_talk(const Arguments *a, const TwTokenizer *tokenizer, const char *message,
                       PromptTokens *out) {
    size_t length;
    char *text = make_talk(a, tokenizer, message, &length);
    const int code = text ? encode(a, tokenizer, text, length, out) : EXIT_FAILURE;
    free(text);
    return code;
}

/* Of a text that comes from there, with NUL behind it. */
static int read_tokens(const Arguments *a, const TwTokenizer *tokenizer, const char *text,
                       size_t length, const char *name, PromptTokens *out) {
    if (tokenizer && a->is_chat) return encode_talk(a, tokenizer, text, out);
    if (tokenizer && !a->tokens) return encode(a, tokenizer, text, length, out);
    if (!length) return message_error(a->program, "the prompt is empty", NULL);
    out->token = calloc(length, sizeof *out->token);
    if (!out->token) return message_error(a->program, "out of memory", NULL);
    if (a->tokens)
        return read_list(text, out)
                   ? 0
                   : message_error(a->program, "is no list of tokens, as 1,2,3", name);
    for (size_t i = 0; i < length; i++) out->token[out->count++] = (unsigned char)text[i];
    return 0;
}

int prompt_tokens_read(const Arguments *a, const TwTokenizer *tokenizer, PromptTokens *out) {
    const char *nothing = tokenizer ? "" : "\n";
    const char *text = a->tokens ? a->tokens : a->prompt ? a->prompt : nothing;
    const char *path = a->file ? a->file : strcmp(text, "-") == 0 ? text : NULL;
    if (!path) return read_tokens(a, tokenizer, text, strlen(text), text, out);
    size_t length;
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    char *input = read_input(a, path, &length);
    const int code = input ? read_tokens(a, tokenizer, input, length, name, out) : EXIT_FAILURE;
    free(input);
    return code;
}
