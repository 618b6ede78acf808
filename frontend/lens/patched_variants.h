/* patched_variants.h - variants of a run that begin at one state of the stream. */
#ifndef FRONTEND_PATCHED_VARIANTS_H
#define FRONTEND_PATCHED_VARIANTS_H

#include "frontend/lens/patched_states.h"

typedef struct Variant {
    int64_t number, first; /* which, and the first position that it changes */
} Variant;

typedef struct PatchedRun {
    const char *path, *start;
    const PatchedStates *states;
    const PatchedLayer *layer;
    TokenPair pair;
} PatchedRun;

/* The logit difference of each variant to difference[count]; sorts them. False: reported. */
bool patched_variants_run(const PatchedRun *run, Variant *variant, int64_t count,
                          double *difference, Diag *diag);

#endif
