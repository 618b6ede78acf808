/* prompt_tokens.h - what is to be continued, as tokens. */
#ifndef STANDALONE_PROMPT_TOKENS_H
#define STANDALONE_PROMPT_TOKENS_H

#include "runtime/standalone/arguments.h"
#include "runtime/text/text.h"

typedef struct PromptTokens {
    int32_t *token; /* malloc; whether the model has them is not looked at */
    int64_t count;
} PromptTokens;

/* Text is the tokenizer's, or without one its bytes. 0, else the exit code: what is wrong was said.
 */
int prompt_tokens_read(const Arguments *arguments, const TwTokenizer *tokenizer, PromptTokens *out);

#endif
