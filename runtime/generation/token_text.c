#include "runtime/generation/token_text.h"

#include <stdio.h>
#include <string.h>

static size_t put(const char *text, size_t count, char *out, size_t room) {
    if (count <= room) memcpy(out, text, count);
    return count;
}

static size_t decode_byte(void *context, int32_t token, char *out, size_t room) {
    char text[16] = {(char)token};
    (void)context;
    if (token < 256) return put(text, 1, out, room);
    return put(text, (size_t)snprintf(text, sizeof text, "<%d>", (int)token), out, room);
}

static size_t decode_number(void *context, int32_t token, char *out, size_t room) {
    int64_t *count = context;
    char text[16];
    const int length = snprintf(text, sizeof text, *count ? " %d" : "%d", (int)token);
    if ((size_t)length <= room) ++*count;
    return put(text, (size_t)length, out, room);
}

TokenText token_text_of_bytes(void) {
    return (TokenText){.decode = decode_byte};
}

TokenText token_text_of_numbers(int64_t *count) {
    return (TokenText){.context = count, .decode = decode_number};
}

static size_t decode_token(void *context, int32_t token, char *out, size_t room) {
    TokenDecoder *d = context;
    return tw_decode(d->tokenizer, &d->decoder, token, d->flags, out, room);
}

static size_t decode_end(void *context, char *out, size_t room) {
    TokenDecoder *d = context;
    return tw_decode_end(d->tokenizer, &d->decoder, out, room);
}

static bool ends(const void *context, int32_t token) {
    const TokenDecoder *d = context;
    return tw_tokenizer_stops(d->tokenizer, token);
}

TokenText token_text_of_tokenizer(TokenDecoder *decoder) {
    return (TokenText){decoder, decode_token, decode_end, ends};
}
