/* sampler.c - draws the next token from a row of logits.
 *
 * In this order: the top_k highest logits stay; softmax of what is left, at the temperature; of
 * that the likeliest tokens stay that together reach top_p; one is drawn in proportion. Equal
 * logits rank by token, lowest first, so that nothing depends on how ties are sorted.
 *
 * All arithmetic is in a fixed order. The one function whose last bit a platform may choose is
 * exp() of the C library, for the weights of a top k: it matters only where a draw falls within
 * that bit of the border between two tokens.
 *
 * Nothing is sorted: the top k are selected by a heap of k while reading the row, and a nucleus
 * (top_p) by partitions, as quickselect does, where weights are summed in place of counting. Whole
 * rows are gone over in vectors, and in blocks that are skipped where nothing in them matters.
 */
#include "runtime/logits.h"
#include "runtime/runtime.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

typedef struct Candidate {
    double weight; /* softmax before the division by the sum */
    float logit;
    int32_t token;
} Candidate;

struct TwSampler {
    TwSampling sampling;
    int64_t vocab;
    uint64_t random;
    double *block_sum;     /* [vocab / LOGITS_BLOCK], rounded up */
    float *weight;         /* [vocab] */
    Candidate candidate[]; /* [vocab] */
};

TwStatus tw_sampler_create(const TwSampling *sampling, int64_t vocab, TwSampler **out) {
    if (!out) return TW_BAD_ARGUMENT;
    *out = NULL;
    if (!sampling || vocab < 1 || vocab > INT32_MAX) return TW_BAD_ARGUMENT;
    if (!(sampling->temperature >= 0) || !isfinite(sampling->temperature)) return TW_BAD_ARGUMENT;
    if (sampling->top_k < 0 || !(sampling->top_p >= 0 && sampling->top_p <= 1))
        return TW_BAD_ARGUMENT;
    const int64_t blocks = (vocab + LOGITS_BLOCK - 1) / LOGITS_BLOCK;
    const uint64_t bytes = (uint64_t)vocab * (sizeof(Candidate) + sizeof(float)) +
                           (uint64_t)blocks * sizeof(double) + sizeof(TwSampler);
    if (bytes > PTRDIFF_MAX) return TW_NO_MEMORY;

    TwSampler *sampler = malloc((size_t)bytes);
    if (!sampler) return TW_NO_MEMORY;
    sampler->sampling = *sampling;
    sampler->vocab = vocab;
    sampler->block_sum = (double *)(sampler->candidate + vocab);
    sampler->weight = (float *)(sampler->block_sum + blocks);
    sampler->random = sampling->seed;
    *out = sampler;
    return TW_OK;
}

void tw_sampler_destroy(TwSampler *sampler) {
    free(sampler);
}

/* SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* 0 <= the result < 1, in steps of 2^-53 */
static double next_uniform(uint64_t *state) {
    return (double)(next_random(state) >> 11) * 0x1p-53;
}

static int32_t highest(const float *logits, int64_t vocab) {
    enum { PART = 1024 };
    int64_t part = 0; /* where the highest so far is first */
    float best = -INFINITY;
    for (int64_t i = 0; i < vocab; i += PART) {
        const float maximum = tw_logits_maximum(logits + i, vocab - i < PART ? vocab - i : PART);
        if (maximum > best) {
            best = maximum;
            part = i;
        }
    }
    for (int64_t i = part; i < vocab; i++)
        if (logits[i] == best) return (int32_t)i;
    return -1; /* none is a number */
}

static bool is_better(const Candidate *a, const Candidate *b) {
    return a->logit > b->logit || (a->logit == b->logit && a->token < b->token);
}

/* ---- a heap of candidates with the worst on top ---- */

/* Puts `item` at `hole` or below it. */
static void sift_down(Candidate *heap, int64_t count, int64_t hole, Candidate item) {
    for (int64_t child; (child = 2 * hole + 1) < count; hole = child) {
        if (child + 1 < count && is_better(&heap[child], &heap[child + 1])) child++;
        if (is_better(&heap[child], &item)) break;
        heap[hole] = heap[child];
    }
    heap[hole] = item;
}

static void make_heap(Candidate *heap, int64_t count) {
    for (int64_t i = count / 2 - 1; i >= 0; i--) sift_down(heap, count, i, heap[i]);
}

/* ---- the steps of a draw; each returns how many candidates there are after it ---- */

/* Those of a weight of at least `bound`. */
static int64_t gather_likely(TwSampler *sampler, const float *logits, double bound) {
    int64_t count = 0;
    for (int64_t i = 0; i < sampler->vocab; i++) {
        const double weight = (double)sampler->weight[i];
        if (weight >= bound)
            sampler->candidate[count++] = (Candidate){weight, logits[i], (int32_t)i};
    }
    return count;
}

/* The start of the first block from `i` on that has a logit above `bound`; the end: none has. */
static int64_t skip_blocks(const float *logits, int64_t i, int64_t vocab, float bound) {
    while (i < vocab) {
        const int64_t count = vocab - i < LOGITS_BLOCK ? vocab - i : LOGITS_BLOCK;
        if (tw_logits_maximum(logits + i, count) > bound) break;
        i += count;
    }
    return i;
}

/* The k best, in no order: a heap of k with the worst on top, which a better one replaces. A later
 * token of an equal logit is not better. */
static int64_t gather_top_k(TwSampler *sampler, const float *logits, int64_t k) {
    Candidate *heap = sampler->candidate;
    int64_t count = 0;
    for (int64_t i = 0; i < sampler->vocab; i++) {
        if (i % LOGITS_BLOCK == 0 && count == k)
            i = skip_blocks(logits, i, sampler->vocab, heap[0].logit);
        if (i == sampler->vocab) break;
        Candidate item = {.logit = logits[i], .token = (int32_t)i};
        if (isnan(item.logit)) continue;
        if (count < k) {
            heap[count++] = item;
            if (count == k) make_heap(heap, k);
        } else if (item.logit > heap[0].logit) {
            sift_down(heap, k, 0, item);
        }
    }
    return count;
}

/* Sets the weights, returns their sum. An infinite maximum shares everything among its equals. */
static double weigh(Candidate *candidate, int64_t count, double temperature) {
    double maximum = candidate[0].logit;
    for (int64_t i = 1; i < count; i++)
        if (candidate[i].logit > maximum) maximum = candidate[i].logit;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        double logit = candidate[i].logit;
        candidate[i].weight = logit == maximum ? 1 : exp((logit - maximum) / temperature);
        sum += candidate[i].weight;
    }
    return sum;
}

static void swap(Candidate *a, Candidate *b) {
    Candidate kept = *a;
    *a = *b;
    *b = kept;
}

/* Moves what is better than the middle one before it; returns where that one is then, and adds up
 * the weights before it. */
static int64_t partition(Candidate *candidate, int64_t count, double *better_sum) {
    int64_t split = 0;
    *better_sum = 0;
    swap(&candidate[count / 2], &candidate[count - 1]);
    for (int64_t i = 0; i < count - 1; i++) {
        if (!is_better(&candidate[i], &candidate[count - 1])) continue;
        *better_sum += candidate[i].weight;
        swap(&candidate[i], &candidate[split++]);
    }
    swap(&candidate[split], &candidate[count - 1]);
    return split;
}

/* Tokens of a weight below this one weigh less, all `count` together, than what a nucleus leaves
 * out: none is in it. */
static double nucleus_bound(double top_p, double sum, int64_t count) {
    return (1 - top_p) * sum / (double)count;
}

/* Keeps the likeliest tokens that reach top_p of *sum, at least one; *sum becomes theirs. */
static int64_t keep_top_p(Candidate *candidate, int64_t count, double top_p, double *sum) {
    int64_t end = count;
    double wanted = fmax(top_p * *sum, DBL_MIN);
    double kept_sum = 0;
    int64_t kept = 0; /* so many are in, those from `end` on are out */
    while (kept < end && kept_sum < wanted) {
        double better_sum;
        int64_t split = kept + partition(candidate + kept, end - kept, &better_sum);
        if (kept_sum + better_sum >= wanted) {
            end = split;
        } else {
            kept_sum += better_sum + candidate[split].weight;
            kept = split + 1;
        }
    }
    *sum = kept_sum;
    return kept;
}

/* In proportion to the weights. Rounding may leave a little beyond the last one: then it is the
 * last that has a weight. */
static int32_t pick(const Candidate *candidate, int64_t count, double at) {
    int32_t token = candidate[0].token;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        if (candidate[i].weight == 0) continue;
        token = candidate[i].token;
        sum += candidate[i].weight;
        if (at < sum) break;
    }
    return token;
}

/* The same from a whole row. */
static int32_t pick_from_row(const TwSampler *sampler, double at) {
    const int64_t vocab = sampler->vocab;
    int64_t block = 0;
    double sum = 0;
    while ((block + 1) * LOGITS_BLOCK < vocab && at >= sum + sampler->block_sum[block])
        sum += sampler->block_sum[block++];
    int64_t token = block * LOGITS_BLOCK;
    for (int64_t i = token; i < vocab; i++) {
        if (sampler->weight[i] == 0) continue;
        token = i;
        sum += (double)sampler->weight[i];
        if (at < sum) break;
    }
    return (int32_t)token;
}

/* `uniform`: the share of the sum of weights at which to draw. */
static int32_t draw_from_top_k(TwSampler *sampler, const float *logits, double uniform) {
    const TwSampling *sampling = &sampler->sampling;
    int64_t count = gather_top_k(sampler, logits, sampling->top_k);
    if (count == 0) return -1;
    double sum = weigh(sampler->candidate, count, sampling->temperature);
    if (sampling->top_p < 1) count = keep_top_p(sampler->candidate, count, sampling->top_p, &sum);
    return pick(sampler->candidate, count, uniform * sum);
}

static int32_t draw_from_all(TwSampler *sampler, const float *logits, double uniform) {
    const TwSampling *sampling = &sampler->sampling;
    double sum =
        tw_logits_weights(logits, sampler->vocab, tw_logits_maximum(logits, sampler->vocab),
                          sampling->temperature, sampler->weight, sampler->block_sum);
    if (sum == 0) return -1;
    if (sampling->top_p == 1) return pick_from_row(sampler, uniform * sum);
    const double bound = nucleus_bound(sampling->top_p, sum, sampler->vocab);
    int64_t count = gather_likely(sampler, logits, bound);
    count = keep_top_p(sampler->candidate, count, sampling->top_p, &sum);
    return pick(sampler->candidate, count, uniform * sum);
}

int32_t tw_sampler_draw(TwSampler *sampler, const float *logits) {
    const TwSampling *sampling = &sampler->sampling;
    if (sampling->temperature == 0) return highest(logits, sampler->vocab);
    const double uniform = next_uniform(&sampler->random); /* one a draw, whatever logits are */
    const bool is_limited = sampling->top_k > 0 && sampling->top_k < sampler->vocab;
    return is_limited ? draw_from_top_k(sampler, logits, uniform)
                      : draw_from_all(sampler, logits, uniform);
}
