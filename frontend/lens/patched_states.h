/* patched_states.h - what a clean and a corrupt run have at the places that are patched, and how a
 * change there becomes one of the state of the stream behind it. */
#ifndef FRONTEND_PATCHED_STATES_H
#define FRONTEND_PATCHED_STATES_H

#include "frontend/lens/patching.h"

typedef struct PatchedLayer {
    const char *start; /* the state that is changed, where a variant begins; null: there is none */
    int64_t variants;  /* positions, heads or neurons */
    int64_t columns;   /* of the value: all, or those of a head or neuron */
    int64_t stride;    /* floats from one of its rows to the next */
    const float *value[2]; /* [count] rows of the clean and of the corrupt run */
    const float *state;    /* [count][width] of the corrupt run */
    float *weights;        /* [variants][columns][width]: what of it is written; null: itself */
    double factor;         /* of what is written, when it has become a part of the state */
} PatchedLayer;

typedef struct PatchedStates {
    const Thalweg *thalweg;
    int64_t count, width;
    bool is_by_position, has_heads;
    double difference[2]; /* logit[a] - logit[b] of the clean and of the corrupt run */
    PatchedLayer *layer;  /* [layers] */
    int64_t layers;
    void *owned; /* what the pointers point into */
} PatchedStates;

/* False: reported, here or by the Thalweg; to be closed all the same. */
bool patched_states_open(PatchedStates *states, Thalweg *thalweg, const PatchingInput *input,
                         Diag *diag);
void patched_states_close(PatchedStates *states);

/* What heads or neurons of a layer write, for as long as its variants are made; `number` is that of
 * the layer in the model. False: reported, here or by the Thalweg. */
bool patched_states_load(PatchedStates *states, int64_t row, int64_t number, Diag *diag);
void patched_states_unload(PatchedStates *states, int64_t row);

/* The first position that a variant changes; count: none. */
int64_t patched_states_first(const PatchedStates *states, const PatchedLayer *layer,
                             int64_t variant);

/* The rows of the variant's state from its first on, to out[count - first][width]. */
void patched_states_fill(const PatchedStates *states, const PatchedLayer *layer, int64_t variant,
                         int64_t first, float *out);

#endif
