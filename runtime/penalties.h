/* penalties.h - a row of logits as it is drawn from: with biases, and with penalties for tokens
 * that were there before. */
#ifndef RUNTIME_PENALTIES_H
#define RUNTIME_PENALTIES_H

#include "runtime/runtime.h"

typedef struct TwPenalties {
    float repeat;              /* 1: none */
    float frequency, presence; /* 0: none */
    TwLogitBias *bias;         /* [bias_count] */
    int64_t vocab, bias_count;
    int32_t *times;  /* [vocab] that a token is in the window; null: not counted */
    int32_t *window; /* [window_tokens], a ring; null: all tokens stay */
    int64_t window_tokens, accepted;
    float *row; /* [vocab]; null: rows stay as they are */
} TwPenalties;

/* One more token, 0 <= token < vocab; the oldest leaves the window. */
void tw_penalties_accept(TwPenalties *penalties, int32_t token);

/* The row to draw from: `logits` itself, or one that is valid until the next call. */
const float *tw_penalties_apply(const TwPenalties *penalties, const float *logits);

#endif
