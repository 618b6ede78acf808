/* patching.h - activation patching: what a corrupted run becomes where one activation is that of a
 * clean one.
 *
 *   effect = (LD patched - LD corrupt) / (LD clean - LD corrupt),   LD = logit[a] - logit[b]
 *
 * of the last position: 0 where the activation does nothing, 1 where it does all (Meng et al. 2022,
 * Neo and Miller 2023). Every (layer, position) of a state of the stream or of what a branch
 * writes, every head, or every neuron of a layer; heads and neurons at all positions.
 *
 * A variant begins behind what is changed (ThalwegOptions.start): at the state of the corrupt run
 * to which the change is added, with the keys and values of that run for the positions before the
 * first that is changed. What a head or a neuron writes is its row of the weights times the
 * difference. Variants are sequences of one session. What changes nothing is not computed.
 */
#ifndef FRONTEND_PATCHING_H
#define FRONTEND_PATCHING_H

#include "frontend/lens/token_operand.h"

typedef enum {
    PATCH_resid_pre,
    PATCH_resid_mid,
    PATCH_resid_post,
    PATCH_attn_out,
    PATCH_mlp_out,
    PATCH_head,
    PATCH_neuron
} PatchOver;

/* "resid_pre", ..., "head", "neuron@3": the last with its layer. False: reported. */
bool patch_over_read(const char *text, PatchOver *over, int64_t *layer, Diag *diag);

typedef struct PatchingInput {
    const char *path; /* of the model, which is read again for each layer */
    PatchOver over;
    int64_t layer;                  /* of neurons */
    const int32_t *clean, *corrupt; /* [count] */
    int64_t count;                  /* at least 1 */
    TokenPair pair;
} PatchingInput;

typedef struct Patching {
    double clean, corrupt; /* their logit differences */
    int64_t rows, columns; /* layers and positions, or heads; 1 and neurons */
    double *effect;        /* malloc: [rows][columns]; NaN where the model has no such */
    int64_t variants, computed;
} Patching;

/* The Thalweg has read the model, which generates, and nothing is made of it yet. False: reported,
 * here or by the Thalweg; there is nothing to close. */
bool patching_run(Thalweg *thalweg, const PatchingInput *input, Patching *out, Diag *diag);
void patching_close(Patching *patching); /* {0} is fine */

#endif
