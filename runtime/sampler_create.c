/* sampler_create.c - what is asked of a sampler, and the one piece of memory that it is made in. */
#include "runtime/logits.h"
#include "runtime/sampler.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
