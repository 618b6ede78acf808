/* sampler.c - draws the next token from a row of logits.
 *
 * In this order: biases and penalties (penalties.c); the top_k highest logits stay; softmax of what
 * is left, at the temperature; of that the likeliest tokens stay that together reach top_p, and of
 * these those of at least min_p of the likeliest's; one is drawn in proportion. Equal
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
#include "runtime/penalties.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Candidate {
    double weight; /* softmax before the division by the sum */
    float logit;
    int32_t token;
} Candidate;

struct TwSampler {
    double temperature, top_p, min_p;
    int64_t top_k, vocab;
    uint64_t random;
    Candidate *candidate; /* [vocab] */
    double *block_sum;    /* [vocab / LOGITS_BLOCK], rounded up */
    float *weight;        /* [vocab] */
    TwPenalties penalties;
    bool is_placed; /* in memory of the caller */
};

/* The fields of its first version. */
enum { LEAST_OPTION_BYTES = offsetof(TwSamplerOptions, memory_bytes) + sizeof(size_t) };

/* ---- what is asked for ---- */

static bool is_share(float x) {
    return x >= 0 && x <= 1;
}

static bool is_finite_from(float x, float least) {
    return x >= least && isfinite(x);
}

static TwStatus check_biases(const TwSamplerOptions *options, int64_t vocab) {
    if (options->bias_count < 0 || options->bias_count > INT32_MAX) return TW_BAD_ARGUMENT;
    if (options->bias_count && !options->biases) return TW_BAD_ARGUMENT;
    for (int64_t i = 0; i < options->bias_count; i++) {
        const TwLogitBias *bias = &options->biases[i];
        if (bias->token < 0 || bias->token >= vocab) return TW_BAD_TOKEN;
        if (isnan(bias->bias)) return TW_BAD_ARGUMENT;
    }
    return TW_OK;
}

/* All options, with the defaults in place. */
static TwStatus complete_options(const TwSamplerOptions *given, int64_t vocab,
                                 TwSamplerOptions *options) {
    *options = (TwSamplerOptions){0};
    if (given) {
        const size_t bytes = given->struct_bytes ? given->struct_bytes : LEAST_OPTION_BYTES;
        if (bytes < LEAST_OPTION_BYTES || bytes > sizeof *options) return TW_BAD_ABI;
        memcpy(options, given, bytes);
    }
    if (vocab < 1 || vocab > INT32_MAX) return TW_BAD_ARGUMENT;
    if (!is_finite_from(options->temperature, 0) || options->top_k < 0) return TW_BAD_ARGUMENT;
    if (!is_share(options->top_p) || !is_share(options->min_p)) return TW_BAD_ARGUMENT;
    if (!is_finite_from(options->repeat_penalty, 0) || !isfinite(options->frequency_penalty) ||
        !isfinite(options->presence_penalty))
        return TW_BAD_ARGUMENT;
    if (options->repeat_window < 0 || options->repeat_window > INT32_MAX) return TW_BAD_ARGUMENT;
    if (options->top_p == 0) options->top_p = 1;
    if (options->repeat_penalty == 0) options->repeat_penalty = 1;
    return check_biases(options, vocab);
}

/* ---- its memory ---- */

typedef struct Room {
    char *memory; /* null: only counted */
    uint64_t used;
} Room;

enum { ALIGNMENT = 16 }; /* as malloc's */

static void *take(Room *room, int64_t count, size_t size) {
    void *taken = room->memory ? room->memory + room->used : NULL;
    room->used += ((uint64_t)count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return taken;
}

/* What a sampler is made of; returns where it stands. */
static TwSampler *lay_out(const TwSamplerOptions *options, int64_t vocab, Room *room,
                          TwSampler *sampler) {
    const bool is_counting = options->repeat_penalty != 1 || options->frequency_penalty != 0 ||
                             options->presence_penalty != 0;
    TwPenalties *penalties = &sampler->penalties;
    TwSampler *place = take(room, 1, sizeof *sampler);
    sampler->candidate = take(room, vocab, sizeof *sampler->candidate);
    sampler->block_sum = take(room, (vocab + LOGITS_BLOCK - 1) / LOGITS_BLOCK, sizeof(double));
    sampler->weight = take(room, vocab, sizeof *sampler->weight);
    if (options->bias_count)
        penalties->bias = take(room, options->bias_count, sizeof *penalties->bias);
    if (is_counting) penalties->times = take(room, vocab, sizeof *penalties->times);
    if (is_counting && options->repeat_window)
        penalties->window = take(room, options->repeat_window, sizeof *penalties->window);
    if (is_counting || options->bias_count)
        penalties->row = take(room, vocab, sizeof *penalties->row);
    return place;
}

static size_t bytes_of(const TwSamplerOptions *options, int64_t vocab) {
    Room room = {0};
    TwSampler none = {0};
    lay_out(options, vocab, &room, &none);
    if (options->memory) room.used += ALIGNMENT - 1;
    return room.used <= PTRDIFF_MAX ? (size_t)room.used : 0;
}

size_t tw_sampler_bytes(const TwSamplerOptions *options, int64_t vocab) {
    TwSamplerOptions all;
    if (complete_options(options, vocab, &all) != TW_OK) return 0;
    all.memory = &all; /* of the caller: of any alignment */
    return bytes_of(&all, vocab);
}

static TwSampler *make(const TwSamplerOptions *options, int64_t vocab, char *memory) {
    Room room = {.memory = memory};
    TwSampler sampler = {.temperature = (double)options->temperature,
                         .top_p = (double)options->top_p,
                         .min_p = (double)options->min_p,
                         .top_k = options->top_k,
                         .vocab = vocab,
                         .random = options->seed,
                         .penalties = {.repeat = options->repeat_penalty,
                                       .frequency = options->frequency_penalty,
                                       .presence = options->presence_penalty,
                                       .vocab = vocab,
                                       .bias_count = options->bias_count,
                                       .window_tokens = options->repeat_window},
                         .is_placed = options->memory != NULL};
    TwSampler *place = lay_out(options, vocab, &room, &sampler);
    TwPenalties *penalties = &sampler.penalties;
    if (penalties->times) memset(penalties->times, 0, (size_t)vocab * sizeof *penalties->times);
    if (penalties->bias)
        memcpy(penalties->bias, options->biases,
               (size_t)penalties->bias_count * sizeof *penalties->bias);
    *place = sampler;
    return place;
}

TwStatus tw_sampler_create_from(const TwSamplerOptions *options, int64_t vocab, TwSampler **out) {
    if (!out) return TW_BAD_ARGUMENT;
    *out = NULL;
    TwSamplerOptions all;
    const TwStatus status = complete_options(options, vocab, &all);
    if (status != TW_OK) return status;
    const size_t bytes = bytes_of(&all, vocab);
    if (!bytes || (all.memory && all.memory_bytes < bytes)) return TW_NO_MEMORY;
    char *memory = all.memory ? all.memory : malloc(bytes);
    if (!memory) return TW_NO_MEMORY;
    memory += -(uintptr_t)memory % ALIGNMENT;
    *out = make(&all, vocab, memory);
    return TW_OK;
}

TwStatus tw_sampler_create(const TwSampling *sampling, int64_t vocab, TwSampler **out) {
    if (out) *out = NULL;
    if (!sampling) return TW_BAD_ARGUMENT;
    const TwSamplerOptions options = {
        .temperature = sampling->temperature,
        .top_k = sampling->top_k,
        .top_p = sampling->top_p == 0 ? FLT_MIN : sampling->top_p,
        .seed = sampling->seed,
    };
    return tw_sampler_create_from(&options, vocab, out);
}

void tw_sampler_destroy(TwSampler *sampler) {
    if (sampler && !sampler->is_placed) free(sampler);
}

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

/* Keeps those of a weight of at least min_p: the likeliest has 1. *sum becomes theirs. */
static int64_t keep_min_p(Candidate *candidate, int64_t count, double min_p, double *sum) {
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
    Candidate *candidate = sampler->candidate;
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
