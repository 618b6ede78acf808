#include "frontend/prompt.h"

#include <stdlib.h>
#include <string.h>

static bool complain(Complaint *complaint, const char *text) {
    snprintf(complaint->text, sizeof complaint->text, "%s", text);
    return false;
}

static bool check_token(int64_t token, const PromptSource *source, Complaint *complaint) {
    if (token >= 0 && token < source->vocab) return true;
    snprintf(complaint->text, sizeof complaint->text,
             "token %lld is not in the vocabulary: expected 0 to %lld", (long long)token,
             (long long)source->vocab - 1);
    return false;
}

static bool read_bytes(const char *text, const PromptSource *source, Prompt *out,
                       Complaint *complaint) {
    for (; *text; text++) {
        const int32_t token = (unsigned char)*text;
        if (!check_token(token, source, complaint)) return false;
        out->tokens[out->count++] = token;
    }
    return out->count || complain(complaint, "the prompt is empty: give at least one character");
}

/* One number of the list, which ends at `end`. */
static bool read_token(const char *text, const char *end, const PromptSource *source, int32_t *out,
                       Complaint *complaint) {
    char number[24];
    int64_t token;
    while (text < end && *text == ' ') text++;
    while (text < end && end[-1] == ' ') end--;
    const int length = (int)(end - text < 40 ? end - text : 40);
    snprintf(number, sizeof number, "%.*s", length, text);
    if (length >= (int)sizeof number || !options_read_integer(number, &token)) {
        snprintf(complaint->text, sizeof complaint->text,
                 "--tokens has '%.*s'; expected numbers with commas between them, as 1,2,3", length,
                 text);
        return false;
    }
    *out = (int32_t)token;
    return check_token(token, source, complaint);
}

static bool read_list(const char *text, const PromptSource *source, Prompt *out,
                      Complaint *complaint) {
    for (;; text++) {
        const char *end = text + strcspn(text, ",");
        if (!read_token(text, end, source, &out->tokens[out->count++], complaint)) return false;
        if (!*end) return true;
        text = end;
    }
}

static bool read_tokens(const PromptSource *source, Prompt *out, Complaint *complaint) {
    if (source->tokens) return read_list(source->tokens, source, out, complaint);
    return read_bytes(source->text ? source->text : "\n", source, out, complaint);
}

bool prompt_read(const PromptSource *source, Prompt *out, Complaint *complaint) {
    *out = (Prompt){0};
    if (!source->tokens && !source->has_byte_tokens)
        return complain(complaint, "the model has no tokenizer for text: give --tokens, as 1,2,3");
    const size_t length = strlen(source->tokens ? source->tokens
                                 : source->text ? source->text
                                                : "");
    Prompt prompt = {calloc(length + 1, sizeof(int32_t)), 0};
    if (!prompt.tokens) return complain(complaint, "out of memory");
    if (read_tokens(source, &prompt, complaint) && prompt.count <= source->context) {
        *out = prompt;
        return true;
    }
    if (prompt.count > source->context)
        snprintf(complaint->text, sizeof complaint->text,
                 "the prompt has %lld tokens, the model's context %lld", (long long)prompt.count,
                 (long long)source->context);
    free(prompt.tokens);
    return false;
}
