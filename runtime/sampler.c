/* sampler.c - draws the next token from a row of logits.
 *
 * In this order: biases and penalties (penalties.c); the top_k highest logits stay; softmax of what
 * is left, at the temperature; of that the likeliest tokens stay that together reach top_p, and of
 * these those of at least min_p of the likeliest's; one is drawn in proportion. Equal logits rank
 * by token, lowest first, so that nothing depends on how ties are sorted.
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
#include "runtime/sampler.h"

#include <float.h>
#include <math.h>

/* ---- random numbers ---- */

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

static bool is_better(const TwCandidate *a, const TwCandidate *b) {
    return a->logit > b->logit || (a->logit == b->logit && a->token < b->token);
}

/* ---- a heap of candidates with the worst on top ---- */

/* Puts `item` at `hole` or below it. */
static void sift_down(TwCandidate *heap, int64_t count, int64_t hole, TwCandidate item) {
    for (int64_t child; (child = 2 * hole + 1) < count; hole = child) {
        if (child + 1 < count && is_better(&heap[child], &heap[child + 1])) child++;
        if (is_better(&heap[child], &item)) break;
        heap[hole] = heap[child];
    }
    heap[hole] = item;
}

static void make_heap(TwCandidate *heap, int64_t count) {
    for (int64_t i = count / 2 - 1; i >= 0; i--) sift_down(heap, count, i, heap[i]);
}

/* ---- the steps of a draw; each returns how many candidates there are after it ---- */

/* Those of a weight of at least `bound`. */
static int64_t gather_likely(TwSampler *sampler, const float *logits, double bound) {
    int64_t count = 0;
    for (int64_t i = 0; i < sampler->vocab; i++) {
        const double weight = (double)sampler->weight[i];
        if (weight >= bound)
            sampler->candidate[count++] = (TwCandidate){weight, logits[i], (int32_t)i};
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
    TwCandidate *heap = sampler->candidate;
    int64_t count = 0;
    for (int64_t i = 0; i < sampler->vocab; i++) {
        if (i % LOGITS_BLOCK == 0 && count == k)
            i = skip_blocks(logits, i, sampler->vocab, heap[0].logit);
        if (i == sampler->vocab) break;
        TwCandidate item = {.logit = logits[i], .token = (int32_t)i};
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
static double weigh(TwCandidate *candidate, int64_t count, double temperature) {
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

static void swap(TwCandidate *a, TwCandidate *b) {
    TwCandidate kept = *a;
    *a = *b;
    *b = kept;
}

/* Moves what is better than the middle one before it; returns where that one is then, and adds up
 * the weights before it. */
static int64_t partition(TwCandidate *candidate, int64_t count, double *better_sum) {
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
static int64_t keep_top_p(TwCandidate *candidate, int64_t count, double top_p, double *sum) {
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
static int32_t pick(const TwCandidate *candidate, int64_t count, double at) {
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

/* Keeps those of a weight of at least min_p: the likeliest has 1. *sum becomes theirs. */
static int64_t keep_min_p(TwCandidate *candidate, int64_t count, double min_p, double *sum) {
    int64_t kept = 0;
    *sum = 0;
    for (int64_t i = 0; i < count; i++) {
        if (candidate[i].weight < min_p) continue;
        *sum += candidate[i].weight;
        candidate[kept++] = candidate[i];
    }
    return kept;
}

/* Of candidates that are not all of what `sum` was of: those that stay, and one of them. */
static int32_t draw_from_candidates(TwSampler *sampler, int64_t count, double sum, double uniform) {
    TwCandidate *candidate = sampler->candidate;
    if (sampler->top_p < 1) count = keep_top_p(candidate, count, sampler->top_p, &sum);
    if (sampler->min_p > 0) count = keep_min_p(candidate, count, sampler->min_p, &sum);
    return pick(candidate, count, uniform * sum);
}

/* `uniform`: the share of the sum of weights at which to draw. */
static int32_t draw_from_top_k(TwSampler *sampler, const float *logits, double uniform) {
    const int64_t count = gather_top_k(sampler, logits, sampler->top_k);
    if (count == 0) return -1;
    const double sum = weigh(sampler->candidate, count, sampler->temperature);
    return draw_from_candidates(sampler, count, sum, uniform);
}

static int32_t draw_from_all(TwSampler *sampler, const float *logits, double uniform) {
    const double sum =
        tw_logits_weights(logits, sampler->vocab, tw_logits_maximum(logits, sampler->vocab),
                          (float)sampler->temperature, sampler->weight, sampler->block_sum);
    if (sum == 0) return -1;
    if (sampler->top_p == 1 && sampler->min_p == 0) return pick_from_row(sampler, uniform * sum);
    const double bound = fmax(nucleus_bound(sampler->top_p, sum, sampler->vocab), sampler->min_p);
    return draw_from_candidates(sampler, gather_likely(sampler, logits, bound), sum, uniform);
}

int32_t tw_sampler_draw(TwSampler *sampler, const float *logits) {
    if (!sampler || !logits) return -1;
    const float *row = tw_penalties_apply(&sampler->penalties, logits);
    if (sampler->temperature == 0) return highest(row, sampler->vocab);
    const double uniform = next_uniform(&sampler->random); /* one a draw, whatever logits are */
    const bool is_limited = sampler->top_k > 0 && sampler->top_k < sampler->vocab;
    return is_limited ? draw_from_top_k(sampler, row, uniform)
                      : draw_from_all(sampler, row, uniform);
}

TwStatus tw_sampler_accept(TwSampler *sampler, const int32_t *tokens, int64_t count) {
    if (!sampler || count < 0 || (count && !tokens)) return TW_BAD_ARGUMENT;
    for (int64_t i = 0; i < count; i++)
        if (tokens[i] < 0 || tokens[i] >= sampler->vocab) return TW_BAD_TOKEN;
    for (int64_t i = 0; i < count; i++) tw_penalties_accept(&sampler->penalties, tokens[i]);
    return TW_OK;
}
