/* generation.h - what becomes of each row of logits: a token is drawn from it, turned into text,
 * and may end the text.
 *
 *   generation_begin(&generation, &options);
 *   while (generation_next(&generation, logits))
 *       ... feed generation.token to the model, and take its logits ...
 *   generation_end(&generation);
 */
#ifndef GENERATION_GENERATION_H
#define GENERATION_GENERATION_H

#include "runtime/generation/stop_text.h"
#include "runtime/generation/token_text.h"
#include "runtime/generation/transcript.h"
#include "runtime/runtime.h"

typedef enum GenerationEnd {
    GENERATION_GOES_ON,
    GENERATION_BY_COUNT,   /* there are as many tokens as were wanted */
    GENERATION_BY_TOKEN,   /* one came that ends a text */
    GENERATION_BY_STOP,    /* a stop text came */
    GENERATION_NO_NUMBERS, /* all logits of a row are NaN */
    GENERATION_NO_MEMORY
} GenerationEnd;

/* All of it outlives the generation. */
typedef struct GenerationOptions {
    TwSampler *sampler; /* was told the prompt, if it has penalties */
    TokenText text;
    StopTexts *stops;
    int64_t most;           /* tokens */
    bool ignores_ends;      /* tokens that end a text are written and followed like others */
    TextWriter *write;      /* of the text, in whole pieces of tokens */
    void *context;          /* for it */
    Transcript *transcript; /* gets all tokens; null: nobody wants them */
} GenerationOptions;

typedef struct Generation {
    const GenerationOptions *options;
    int32_t token; /* the last one */
    int64_t count; /* of tokens, the one that ends the text among them */
    GenerationEnd end;
    const char *stop; /* the stop text that came; null: none */
    char *piece;      /* malloc: the text of a token */
    size_t room;
} Generation;

void generation_begin(Generation *generation, const GenerationOptions *options);

/* Draws the next token from `logits`, which are not looked at where no token is wanted. False: it
 * was the last, and `end` says why. */
bool generation_next(Generation *generation, const float *logits);

/* Writes what was held back, also where the text ends before its own end, and frees all. */
void generation_end(Generation *generation);

#endif
