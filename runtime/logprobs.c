/* logprobs.c - logarithms of what softmax makes of a row of logits. Logits that are no number are
 * left out, and an infinite maximum shares everything among its equals, as in sampler.c. */
#include "runtime/logits.h"
#include "runtime/runtime.h"

#include <math.h>

/* What the logits of a row are above their log-probabilities. */
typedef struct {
    float maximum;
    double log_sum; /* of exp(logit - maximum) */
} Scale;

static Scale scale_of(const float *logits, int64_t vocab) {
    const float maximum = tw_logits_maximum(logits, vocab);
    return (Scale){maximum, log(tw_logits_sum(logits, vocab, maximum))};
}

static double logprob(Scale scale, float logit) {
    const double below = logit == scale.maximum ? 0 : (double)logit - (double)scale.maximum;
    return below - scale.log_sum;
}

double tw_logprob(const float *logits, int64_t vocab, int32_t token) {
    if (!logits || token < 0 || token >= vocab) return NAN;
    return logprob(scale_of(logits, vocab), logits[token]);
}

int64_t tw_top_logprobs(const float *logits, int64_t vocab, int64_t most, TwLogprob *out) {
    if (!logits || !out || most < 1) return 0;
    const Scale scale = scale_of(logits, vocab);
    int64_t count = 0; /* in order: an equal one that comes later stands behind */
    for (int64_t i = 0; i < vocab; i++) {
        if (isnan(logits[i]) || (count == most && logits[i] <= logits[out[most - 1].token]))
            continue;
        int64_t place = count < most ? count++ : most - 1;
        for (; place > 0 && logits[out[place - 1].token] < logits[i]; place--)
            out[place] = out[place - 1];
        out[place].token = (int32_t)i;
    }
    for (int64_t i = 0; i < count; i++) out[i].logprob = logprob(scale, logits[out[i].token]);
    return count;
}
