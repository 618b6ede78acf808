/* attribution.h - what each part of a model adds to a logit, or to the difference of two.
 *
 * The stream before the head is a sum of what was written to it. With the sizes s that the norms
 * behind it have in this run held fast, the head is linear: a part c adds c . d, where
 *
 *   d = logit_scale * centred(gain * (W_U[a] - W_U[b])) / s
 *
 * is the direction of the logit (centred by its mean for a LayerNorm, as it is for an RMS norm),
 * and the constant bias . (W_U[a] - W_U[b]) + b_U[a] - b_U[b] is there without any part (Elhage et
 * al. 2021). Through a write the direction goes back times what the write carries, into a branch
 * times its scale, and through a norm behind the branch as through the head's. So a head of
 * attention adds z_h . (W_O^h d), and a neuron post_n (W_out[n] . d).
 */
#ifndef FRONTEND_ATTRIBUTION_H
#define FRONTEND_ATTRIBUTION_H

#include "frontend/lens/tapped_run.h"
#include "frontend/lens/token_operand.h"

typedef enum {
    PART_CONSTANT,  /* biases of the head */
    PART_EMBED,     /* row of the token, of types; with positions where a norm is behind both */
    PART_POSITIONS, /* row of the position */
    PART_HEAD,
    PART_ATTENTION_BIAS, /* b_O, and the bias of a norm behind the branch */
    PART_NEURON,
    PART_MLP_BIAS /* b_out, and the same */
} PartKind;

typedef struct AttributionPart {
    PartKind kind;
    int64_t layer; /* of a branch; -1: of none */
    int copy;      /* of its kind in the layer, from 1 on */
    int64_t unit;  /* head or neuron */
    double value;
} AttributionPart;

typedef struct Attribution {
    AttributionPart *part; /* constant, embedding, then branches in the order of their writes */
    int64_t count;
    double logit;     /* of a, or a minus b, as the model has it; before a cap of logits */
    double scale;     /* s, of the head's norm */
    double remainder; /* logit - all parts: rounding alone, where nothing edits the stream itself */
} Attribution;

typedef struct AttributionTarget {
    TokenPair tokens; /* b -1: the logit of a alone */
    int64_t position; /* of the text */
} AttributionTarget;

/* Whether a model can be taken apart, and the taps that it takes: behind thalweg_read_file(),
 * before anything is compiled. False: reported, by the Thalweg. */
bool attribution_prepare(Thalweg *thalweg);

/* Runs the tokens of a text, up to the position where the model is causal. Parts are in the arena.
 * The engine gives logits of so many tokens, of a causal model one. False: reported, here or by the
 * Thalweg. */
bool attribution_make(Thalweg *thalweg, Engine *engine, const int32_t *tokens, int64_t count,
                      const AttributionTarget *target, Arena *arena, Diag *diag, Attribution *out);

/* "constant", "embed", "pos_embed", "L9H6", "L9 b_O", "L31N892", "L31 b_out"; of a second attention
 * in a layer "L9H6_2". In the arena. */
const char *attribution_name(const AttributionPart *part, Arena *arena);

/* Heads and neurons are parts of their branch. */
typedef enum { BY_LAYER, BY_HEAD, BY_NEURON } AttributionBy;

/* Adds up what is finer than `by`: by layer to "L3 attn" and "L3 mlp", by head mlps alone; their
 * unit is -1. To out[all->count]; returns how many parts are left. */
int64_t attribution_group(const Attribution *all, AttributionBy by, AttributionPart *out);

#endif
