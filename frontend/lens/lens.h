/* lens.h - what a model would say if it ended at a point of its stream (the logit lens).
 *
 * The state of the stream at each point goes through the model's own norm and unembedding, compiled
 * as a model that begins behind its last layer. Of the norm's size there are two definitions:
 *
 *   anew   as the norm finds it in that state: what an early exit would say. At the last point
 * these are the model's own logits. final  that of the last state: logits then add up over what is
 * written between two points.
 */
#ifndef FRONTEND_LENS_H
#define FRONTEND_LENS_H

#include "frontend/lens/tapped_run.h"
#include "frontend/lens/token_operand.h"

enum { LENS_TOP = 5 };

typedef struct LensCell {
    TwLogprob top[LENS_TOP]; /* the likeliest tokens; token -1 where the vocabulary ends */
    double entropy,
        divergence;     /* nats; from the distribution at the last point: KL(final || this) */
    double probability; /* of the target */
    int64_t rank;       /* of the target: 1 is the likeliest */
    double difference;  /* logit of a minus logit of b; 0 where none is asked for */
} LensCell;

typedef struct Lens {
    int64_t points, tokens;
    const char *const *point; /* [points]: "resid_pre0", ..., "final" */
    int32_t *target;          /* [tokens] */
    LensCell *cell;           /* [points][tokens] */
    double constant;          /* of the difference, with the final scale; else 0 */
} Lens;

typedef struct LensOptions {
    const char *path;     /* of the model, which is read once more */
    bool has_final_scale; /* else anew */
    bool is_interpreted;
    int32_t target;       /* -1: of each token what the last point says */
    TokenPair difference; /* a -1: none */
} LensOptions;

/* Whether a model can be looked at, and the taps that it takes, with `has_mid` also between
 * attention and mlp: behind thalweg_read_file(), before anything is compiled. False: reported, by
 * the Thalweg. */
bool lens_prepare(Thalweg *thalweg, bool has_mid);

/* Results are in the arena. False: reported, here or by the Thalweg. */
bool lens_make(Thalweg *thalweg, Engine *engine, const int32_t *tokens, int64_t count,
               const LensOptions *options, Arena *arena, Diag *diag, Lens *out);

#endif
