#include "frontend/command/prompt.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const PromptSource *source;
    const char *at, *end; /* in the list */
    Prompt prompt;        /* its count goes on where there is no room for more */
    Complaint *complaint;
} Reading;

static bool complain(Complaint *complaint, const char *text) {
    snprintf(complaint->text, sizeof complaint->text, "%s", text);
    return false;
}

/* "--tokens has", or "FILE:2:7: found". */
static const char *name_place(const Reading *reading, char *out, size_t size) {
    int64_t line = 1 + reading->source->lines, column = 1;
    if (!reading->source->file) return "--tokens has";
    for (const char *c = reading->source->tokens.data; c < reading->at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    snprintf(out, size, "%.200s:%lld:%lld: found", reading->source->file, (long long)line,
             (long long)column);
    return out;
}

static bool add_token(Reading *reading, int64_t token) {
    const PromptSource *source = reading->source;
    Prompt *prompt = &reading->prompt;
    if (token >= 0 && token < source->vocab) {
        if (prompt->count < source->context) prompt->tokens[prompt->count] = (int32_t)token;
        prompt->count++;
        return true;
    }
    char place[256];
    snprintf(reading->complaint->text, sizeof reading->complaint->text,
             "%s%stoken %lld is not in the vocabulary: expected 0 to %lld",
             source->file ? name_place(reading, place, sizeof place) : "", source->file ? " " : "",
             (long long)token, (long long)source->vocab - 1);
    return false;
}

static bool read_bytes(Reading *reading, Bytes text) {
    for (size_t i = 0; i < text.count; i++)
        if (!add_token(reading, (unsigned char)text.data[i])) return false;
    return text.count ||
           complain(reading->complaint, "the prompt is empty: give at least one character");
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_spaces(Reading *reading) {
    while (reading->at < reading->end && is_space(*reading->at)) reading->at++;
}

static bool read_token(Reading *reading) {
    enum { SHOWN = 40 };
    const char *end = reading->at;
    char number[24], place[256];
    int64_t token;
    while (end < reading->end && *end != ',' && !is_space(*end)) end++;
    const int length = (int)(end - reading->at < SHOWN ? end - reading->at : SHOWN);
    const bool is_short = length < (int)sizeof number;
    snprintf(number, sizeof number, "%.*s", is_short ? length : 0, reading->at);
    if (!options_read_integer(number, &token)) {
        snprintf(reading->complaint->text, sizeof reading->complaint->text,
                 "%s '%.*s'; expected numbers with commas between them, as 1,2,3",
                 name_place(reading, place, sizeof place), length, reading->at);
        return false;
    }
    if (!add_token(reading, token)) return false;
    reading->at = end;
    return true;
}

/* Numbers, with a comma or white space between each and the next. */
static bool read_list(Reading *reading) {
    const Bytes list = reading->source->tokens;
    reading->at = list.data;
    reading->end = list.data + list.count;
    skip_spaces(reading);
    for (;;) {
        if (!read_token(reading)) return false;
        skip_spaces(reading);
        if (reading->at == reading->end) return true;
        if (*reading->at == ',') reading->at++;
        skip_spaces(reading);
    }
}

static bool read_tokens(Reading *reading) {
    static const Bytes empty_line = {"\n", 1};
    const PromptSource *source = reading->source;
    if (source->tokens.data) return read_list(reading);
    return read_bytes(reading, source->text.data ? source->text : empty_line);
}

/* ---- text that a tokenizer turns into tokens ---- */

static bool say_status(Complaint *complaint, TwStatus status) {
    return complain(complaint, tw_status_text(status));
}

/* As many tokens as there are, counted first. Null: said. */
static int32_t *encode(const PromptSource *source, Bytes text, unsigned flags, size_t *count,
                       Complaint *complaint) {
    TwStatus status = tw_encode(source->tokenizer, text.data, text.count, flags, NULL, 0, count);
    if (status != TW_OK && status != TW_NO_ROOM) return say_status(complaint, status), NULL;
    int32_t *tokens = calloc(*count + 1, sizeof *tokens);
    if (!tokens) return complain(complaint, "out of memory"), NULL;
    status = tw_encode(source->tokenizer, text.data, text.count, flags, tokens, *count, count);
    if (status == TW_OK) return tokens;
    free(tokens);
    return say_status(complaint, status), NULL;
}

/* What a text of nothing begins with, where the tokenizer puts nothing before it. */
static bool begin_text(const PromptSource *source, int32_t *tokens, size_t *count,
                       Complaint *complaint) {
    tokens[0] = tw_tokenizer_special(source->tokenizer, TW_BOS);
    if (tokens[0] < 0) tokens[0] = tw_tokenizer_special(source->tokenizer, TW_EOS);
    *count = 1;
    return tokens[0] >= 0 ||
           complain(complaint, "the prompt is empty, and the tokenizer has no token "
                               "that begins a text: give at least one character");
}

static bool check_tokens(const PromptSource *source, const int32_t *tokens, size_t count,
                         Complaint *complaint) {
    char file[256];
    if (source->is_line)
        snprintf(file, sizeof file, "%.200s:%lld: the text", source->file,
                 (long long)source->lines + 1);
    else
        snprintf(file, sizeof file, "%.200s", source->file ? source->file : "the prompt");
    for (size_t i = 0; i < count; i++)
        if (tokens[i] >= source->vocab) {
            snprintf(complaint->text, sizeof complaint->text,
                     "%s has the token %d, and the model's vocabulary ends with %lld", file,
                     (int)tokens[i], (long long)source->vocab - 1);
            return false;
        }
    if ((int64_t)count <= source->context) return true;
    snprintf(complaint->text, sizeof complaint->text, "%s has %zu tokens, the model's context %lld",
             file, count, (long long)source->context);
    return false;
}

static bool read_text(const PromptSource *source, Prompt *out, Complaint *complaint) {
    const Bytes text = source->text.data ? source->text : (Bytes){"", 0};
    const unsigned flags = (source->is_whole ? 0 : TW_ENCODE_ADD) |
                           (source->names_specials ? TW_ENCODE_SPECIAL : 0);
    size_t count;
    int32_t *tokens = encode(source, text, flags, &count, complaint);
    if (tokens && (count > 0 || begin_text(source, tokens, &count, complaint)) &&
        check_tokens(source, tokens, count, complaint)) {
        *out = (Prompt){tokens, (int64_t)count};
        return true;
    }
    free(tokens);
    return false;
}

bool prompt_read(const PromptSource *source, Prompt *out, Complaint *complaint) {
    *out = (Prompt){0};
    if (!source->tokens.data && source->tokenizer) return read_text(source, out, complaint);
    if (!source->tokens.data && !source->has_byte_tokens)
        return complain(complaint, "the model has no tokenizer for text: give --tokens, as 1,2,3");
    if (source->names_specials)
        return complain(complaint, source->tokenizer
                                       ? "--special is about text, and --tokens are numbers"
                                       : "the model has no special tokens: leave --special out");
    const size_t most = (source->tokens.data ? source->tokens.count : source->text.count) + 1;
    const size_t context = (size_t)source->context;
    Reading reading = {.source = source, .complaint = complaint};
    reading.prompt.tokens = calloc(most < context ? most : context, sizeof(int32_t));
    if (!reading.prompt.tokens) return complain(complaint, "out of memory");
    const bool is_read = read_tokens(&reading);
    if (is_read && reading.prompt.count <= source->context) {
        *out = reading.prompt;
        return true;
    }
    if (is_read && source->is_line)
        snprintf(complaint->text, sizeof complaint->text,
                 "%.200s:%lld: the text has %lld tokens, the model's context %lld", source->file,
                 (long long)source->lines + 1, (long long)reading.prompt.count,
                 (long long)source->context);
    else if (is_read)
        snprintf(complaint->text, sizeof complaint->text,
                 "the prompt has %lld tokens, the model's context %lld",
                 (long long)reading.prompt.count, (long long)source->context);
    free(reading.prompt.tokens);
    return false;
}
