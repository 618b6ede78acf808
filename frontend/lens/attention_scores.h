/* attention_scores.h - what a head attends to, by its pattern on random tokens that repeat.
 *
 * The tokens are drawn, so that nothing but their repetition is to be known about them. Scores are
 * means over the tokens of the second time: how much of its attention a head pays
 *
 *   self        to the token itself
 *   previous    to the one before it
 *   duplicate   to the same token, where it stood the first time
 *   induction   to the token behind that, which is the one that comes next
 *
 * (Elhage et al. 2021; Olsson et al. 2022.)
 */
#ifndef FRONTEND_ATTENTION_SCORES_H
#define FRONTEND_ATTENTION_SCORES_H

#include "ir/arena.h"

#include <stdint.h>

typedef enum {
    ATTENTION_PREVIOUS,
    ATTENTION_DUPLICATE,
    ATTENTION_INDUCTION,
    ATTENTION_SELF,
    ATTENTION_KINDS
} AttentionKind;

extern const char *const attention_kind_names[ATTENTION_KINDS];

typedef struct AttentionScores {
    double of[ATTENTION_KINDS];
} AttentionScores;

/* Tokens that are fed: perhaps one that texts begin with, then `period` of them, twice. */
typedef struct AttentionProbe {
    int32_t *tokens; /* [count] */
    int64_t count, first, period;
} AttentionProbe;

/* Drawn from a vocabulary, each but once where it is large enough. begin -1: none; period >= 2. In
 * the arena. */
AttentionProbe attention_probe(int64_t period, int32_t begin, int64_t vocab, uint64_t seed,
                               Arena *arena);

/* Of one head, whose pattern of token t begins at rows[t * stride], a number for each key. */
AttentionScores attention_scores(const AttentionProbe *probe, const float *rows, int64_t stride);

#endif
