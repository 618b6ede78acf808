/* logits.h - what sampling asks of a whole row of logits, written so that compilers use vectors.
 * Logits that are not a number count for nothing. The same bits on any machine. */
#ifndef RUNTIME_LOGITS_H
#define RUNTIME_LOGITS_H

#include <stdint.h>

enum { LOGITS_BLOCK = 64 };

/* The highest, -infinity where there is none. */
float tw_logits_maximum(const float *logits, int64_t count);

/* weight[i] = exp((logits[i] - maximum) / temperature), 1 for the maximum itself even if it is
 * infinite; block_sum[b], of LOGITS_BLOCK weights each, and the sum of all is returned. */
double tw_logits_weights(const float *logits, int64_t count, float maximum, float temperature,
                         float *weight, double *block_sum);

/* The sum of exp(logits[i] - maximum), 1 for the maximum itself. */
double tw_logits_sum(const float *logits, int64_t count, float maximum);

#endif
