/* encoder.h - a call of tw_encode() at work: text -> parts between added tokens -> normalised text
 * -> pieces -> tokens. */
#ifndef RUNTIME_TEXT_ENCODER_H
#define RUNTIME_TEXT_ENCODER_H

#include "runtime/text/added.h"
#include "runtime/text/encode.h"

typedef struct Encoder {
    const TwTokenizer *tokenizer;
    const TextTables *tables;
    unsigned flags;
    bool is_valid; /* the text is UTF-8 */
    TextSink sink;
    TwStatus status;    /* the first that is not TW_OK; nothing is encoded after it */
    TextBuffer scratch; /* of the model */
    TextBuffer rewritten[TEXT_MAX_SPLITS]; /* pieces that a step has changed */
    TextBuffer lossy;                      /* text without what is no UTF-8 */
    TextBuffer between[2];                 /* what one normaliser gives to the next */
    TextBuffer normal;                     /* normalised text */
    TextBuffer window;                     /* text that pieces are cut from */
} Encoder;

/* Whether a step changes text and cuts nothing. */
bool tw_text_rewrites(const TextStep *step);

/* Adds the text as such a step makes it to `out`. `begins`: the text is the begin of what the step
 * was given; `is_first`: it is also the begin of all text. */
void tw_text_rewrite(const TextTables *tables, const TextStep *step, const uint8_t *text,
                     size_t bytes, bool begins, bool is_first, TextBuffer *out);

/* Encodes text by the splits from `step` on, and returns how many bytes it is done with: all, if
 * `is_end`; else what follows may be needed for the rest. */
size_t tw_text_split(Encoder *encoder, uint32_t step, const uint8_t *text, size_t bytes,
                     bool is_first, bool is_end);

/* Normalises and encodes a text in which no added token is left that is found in raw text. */
void tw_text_encode_part(Encoder *encoder, const uint8_t *text, size_t bytes, bool is_first);

/* What all normalisers make of a short text that is UTF-8. */
void tw_text_normalise(const TextTables *tables, const uint8_t *text, size_t bytes,
                       TextBuffer *out);

/* Whether two characters of which this is true may be normalised apart: letters that no mark joins
 * to what stands before them. */
bool tw_text_is_apart(uint32_t character);

#endif
