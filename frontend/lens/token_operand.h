/* token_operand.h - tokens as a user names them, and as they are shown.
 *
 *   281       the token of this number, as --tokens has it
 *    an       any other text: that which is exactly this token, with the space before a word
 *   "281"     in double quotes a string of JSON: for texts of digits, with commas, with "\n"
 */
#ifndef FRONTEND_TOKEN_OPERAND_H
#define FRONTEND_TOKEN_OPERAND_H

#include "frontend/compiler/thalweg.h"
#include "ir/bytes.h"
#include "ir/diag.h"

/* What a model's tokens are called. */
typedef struct TokenNames {
    const TwTokenizer *tokenizer; /* of the Thalweg's; null: none */
    bool has_byte_tokens;
    int64_t vocab;
} TokenNames;

/* Of the model that was read. False: its tokenizer cannot be opened, which the Thalweg reports. */
bool token_names_open(Thalweg *thalweg, TokenNames *out);

/* The text of a token that stands alone: bytes, perhaps of half a character; without data: it has
 * none. In the arena, or the tokenizer's own. */
Bytes token_text(const TokenNames *names, int32_t token, Arena *arena);

/* The same as UTF-8 that ends with a zero, U+FFFD for what is none; where there is no text,
 * "#281". */
const char *token_label(const TokenNames *names, int32_t token, Arena *arena);

/* False: reported. */
bool token_operand_read(const TokenNames *names, const char *text, int32_t *out, Diag *diag);

/* Two tokens, with a comma between them. */
typedef struct TokenPair {
    int32_t a, b;
} TokenPair;

bool token_operand_read_pair(const TokenNames *names, const char *text, TokenPair *out, Diag *diag);

#endif
