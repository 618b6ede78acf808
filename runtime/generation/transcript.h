/* transcript.h - what was generated, kept to be written as one object of JSON. */
#ifndef GENERATION_TRANSCRIPT_H
#define GENERATION_TRANSCRIPT_H

#include "runtime/runtime.h"

#include <stdio.h>

typedef struct Transcript {
    int64_t vocab, top; /* of each row the `top` likeliest tokens are kept; 0: no probabilities */
    bool has_text;      /* tokens are text */

    /* All by malloc. */
    int32_t *token; /* [count] */
    double *logprob;
    TwLogprob *likeliest; /* [count * top]; a token of -1: there is none */
    int64_t count, room;
    char *text; /* [length] */
    size_t length, text_room;
    bool is_cut; /* there was no memory for more of the text */
} Transcript;

/* {vocab, top, has_text} is one that is empty. */
void transcript_free(Transcript *transcript);

/* False: out of memory. */
bool transcript_add_token(Transcript *transcript, int32_t token, const float *logits);

/* A TextWriter for a Transcript. */
void transcript_add_text(void *transcript, const char *bytes, size_t count);

/* What else is said of a run. */
typedef struct TranscriptFacts {
    const char *model;
    const char *end;  /* why it ended */
    const char *stop; /* the stop text that came; null: none */
    int64_t prompt_tokens;
    int threads;
    double ready_seconds, prompt_seconds, generate_seconds;
} TranscriptFacts;

/* Bytes of the text that are no UTF-8 become U+FFFD. A logarithm of 0 is null. */
void transcript_write(const Transcript *transcript, const TranscriptFacts *facts, FILE *out);

#endif
