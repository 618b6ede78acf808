#include "frontend/lens/attention_scores.h"

#include <stdbool.h>

const char *const attention_kind_names[ATTENTION_KINDS] = {"previous", "duplicate", "induction",
                                                           "self"};

static uint64_t next(uint64_t *state) { /* splitmix64 (Steele, Lea and Flood 2014) */
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static bool is_among(const int32_t *tokens, int64_t count, int32_t token) {
    for (int64_t i = 0; i < count; i++)
        if (tokens[i] == token) return true;
    return false;
}

AttentionProbe attention_probe(int64_t period, int32_t begin, int64_t vocab, uint64_t seed,
                               Arena *arena) {
    AttentionProbe probe = {.first = begin >= 0, .period = period};
    probe.count = probe.first + 2 * period;
    probe.tokens = ARENA_ARRAY(arena, int32_t, (size_t)probe.count);
    if (begin >= 0) probe.tokens[0] = begin;
    int32_t *once = probe.tokens + probe.first;
    for (int64_t i = 0; i < period; i++) {
        do once[i] = (int32_t)(next(&seed) % (uint64_t)vocab);
        while (vocab > 2 * period && is_among(probe.tokens, probe.first + i, once[i]));
        once[i + period] = once[i];
    }
    return probe;
}

AttentionScores attention_scores(const AttentionProbe *probe, const float *rows, int64_t stride) {
    const int64_t period = probe->period;
    AttentionScores scores = {{0}};
    for (int64_t i = probe->first + period; i < probe->count; i++) {
        const float *row = rows + i * stride;
        const float paid[ATTENTION_KINDS] = {[ATTENTION_PREVIOUS] = row[i - 1],
                                             [ATTENTION_DUPLICATE] = row[i - period],
                                             [ATTENTION_INDUCTION] = row[i - period + 1],
                                             [ATTENTION_SELF] = row[i]};
        for (int k = 0; k < ATTENTION_KINDS; k++) scores.of[k] += (double)paid[k] / (double)period;
    }
    return scores;
}
