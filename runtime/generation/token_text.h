/* token_text.h - tokens as text, one after the other, whatever the tokenizer. */
#ifndef GENERATION_TOKEN_TEXT_H
#define GENERATION_TOKEN_TEXT_H

#include "runtime/text/text.h"

typedef struct TokenText {
    void *context; /* of the functions */
    /* The text that the next token adds, which may be of those before, or none yet: returns how
     * many bytes it has, and puts them to `out`. Where they are more than `room`, nothing has
     * happened. */
    size_t (*decode)(void *context, int32_t token, char *out, size_t room);
    /* The same of what still waits at the end; null: nothing ever waits. */
    size_t (*decode_end)(void *context, char *out, size_t room);
    /* Whether a token ends the text, and is none of it; null: none does. */
    bool (*ends)(const void *context, int32_t token);
} TokenText;

/* A token below 256 is a byte, another stands there as "<300>". */
TokenText token_text_of_bytes(void);

/* The text of a tokenizer's tokens, special ones where `flags` say so. The decoder is the caller's,
 * {0} at the begin of a text. Tokens that end a text are none of it. */
typedef struct TokenDecoder {
    const TwTokenizer *tokenizer;
    TwDecoder decoder;
    unsigned flags;
} TokenDecoder;
TokenText token_text_of_tokenizer(TokenDecoder *decoder);

/* Numbers with a space between them. `count` of them there are: 0 at first. */
TokenText token_text_of_numbers(int64_t *count);

#endif
