/* sampler.h - what a sampler is: made by sampler_create.c, drawn from by sampler.c. */
#ifndef RUNTIME_SAMPLER_H
#define RUNTIME_SAMPLER_H

#include "runtime/penalties.h"

typedef struct TwCandidate {
    double weight; /* softmax before the division by the sum */
    float logit;
    int32_t token;
} TwCandidate;

struct TwSampler {
    double temperature, top_p, min_p;
    int64_t top_k, vocab;
    uint64_t random;
    TwCandidate *candidate; /* [vocab] */
    double *block_sum;      /* [vocab / LOGITS_BLOCK], rounded up */
    float *weight;          /* [vocab] */
    TwPenalties penalties;
    bool is_placed; /* in memory of the caller */
};

#endif
