/* prompt.h - what a user asks a model to continue, as tokens. */
#ifndef FRONTEND_PROMPT_H
#define FRONTEND_PROMPT_H

#include "frontend/command/options.h"
#include "ir/bytes.h"
#include "runtime/text/text.h"

typedef struct PromptSource {
    Bytes text;                   /* without data: none was given */
    Bytes tokens;                 /* "1,2,3", in place of the text; without data: none */
    const char *file;             /* where the tokens stand; null: on the command line */
    int64_t lines;                /* of the file before them, where they are one line of it */
    bool is_line;                 /* they are: what is said of all of them says which */
    bool has_byte_tokens;         /* text is its bytes */
    const TwTokenizer *tokenizer; /* of text, where it is not; null: none */
    bool names_specials;          /* names of special tokens in the text are these tokens */
    bool is_whole;                /* the text has what the model puts before and after a text */
    int64_t vocab, context;
} PromptSource;

typedef struct Prompt {
    int32_t *tokens; /* malloc; each 0 <= token < vocab */
    int64_t count;   /* 1 to context */
} Prompt;

/* False: the complaint says what is wrong. */
bool prompt_read(const PromptSource *source, Prompt *out, Complaint *complaint);

#endif
