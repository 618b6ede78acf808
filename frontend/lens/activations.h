/* activations.h - where in a text a neuron is active: the contexts that excite it most, and which
 * token the model holds for the next one where it is as active as that.
 *
 * The text goes by in windows, each a sequence of its own, and logits row by row: what is kept are
 * three numbers for each token of it. Nanda, Bills and others call the first kind of list dataset
 * examples; the second is how "We Found An Neuron in GPT-2" (Neo and Miller 2023) shows that a
 * neuron's activation says how often a token is predicted.
 */
#ifndef FRONTEND_ACTIVATIONS_H
#define FRONTEND_ACTIVATIONS_H

#include "frontend/lens/tapped_run.h"

typedef struct ActivationsText {
    const int32_t *tokens;
    int64_t count;  /* at least 1 */
    int64_t window; /* tokens of a sequence, 2 to the room of the run */
    int32_t begin; /* stands before the text in each window, and is not counted; -1: nothing does */
    int32_t token; /* whose probability is kept; -1: of none */
} ActivationsText;

typedef struct Activations {
    int64_t count, windows; /* tokens of the text */
    float *value;           /* [count] of the neuron at each token */
    int32_t *argmax;        /* [count] the most likely token behind it */
    float *probability;     /* [count] of the token that is asked for behind it; null: of none */
    double mean, deviation, least, most;
    int64_t positive; /* tokens at which it is above 0 */
} Activations;

/* Feeds the text to a run whose first tap is one column, with an engine that has all logits. To be
 * closed whatever it returns. False: reported, here or by the Thalweg. */
bool activations_measure(TappedRun *run, const ActivationsText *text, Activations *out, Diag *diag);
void activations_close(Activations *activations);

/* The places of the largest values, at most `most`, the largest first, and the earlier of equals.
 * Returns how many there are. O(most) memory. */
int64_t activations_top(const Activations *activations, int64_t most, int64_t *places);

/* Where the text goes on with the token that was asked for: how well the model foretells it. */
typedef struct ActivationsNext {
    int64_t count, hits; /* of these, where it is the argmax */
    double probability;  /* the mean; NaN: of none */
} ActivationsNext;

ActivationsNext activations_next(const Activations *activations, const ActivationsText *text);

enum { ACTIVATIONS_SHOWN = 5 };

typedef struct ActivationToken {
    int32_t token;
    int64_t count; /* 0: there is no such token */
} ActivationToken;

/* Tokens of the text where the activation is at least `from` and below `to`; in the last bin the
 * largest is among them. */
typedef struct ActivationBin {
    double from, to;
    int64_t count, hits; /* of these, where the token that is asked for is the argmax */
    double probability;  /* of that token, the mean; NaN: of no tokens, or it was not kept */
    ActivationToken often[ACTIVATIONS_SHOWN]; /* most often the argmax, in falling order */
} ActivationBin;

/* Bins of equal width from the least to the largest value. False: there is no memory. */
bool activations_bins(const Activations *activations, int32_t token, int64_t vocab, int64_t count,
                      ActivationBin *bins);

/* The token that is the argmax most often where the activation is half of its largest or more.
 * False: there is no memory. */
bool activations_token(const Activations *activations, int64_t vocab, int32_t *token);

#endif
