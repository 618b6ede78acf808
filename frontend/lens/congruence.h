/* congruence.h - how far what a neuron writes points to a token: W_out[n] . u_t, a plain dot
 * product with the token's row of the embedding or of the unembedding (Neo and Miller 2023).
 *
 * Neurons are numbered through all mlps of a model, in the order of their layers.
 */
#ifndef FRONTEND_CONGRUENCE_H
#define FRONTEND_CONGRUENCE_H

#include "frontend/lens/unit_name.h"

typedef struct {
    const StreamWeights *weights;
    StreamMatrix tokens; /* [tokens, width] */
    const char *with;    /* "embed" or "unembed" */
    int64_t neurons;
} Congruence;

/* False: reported, a model that has no neurons or no such matrix. */
bool congruence_open(const StreamWeights *weights, bool with_embedding, Congruence *out);

/* The neuron of a number, */
StreamUnit congruence_neuron(const Congruence *congruence, int64_t number);

/* and the number of a neuron. */
int64_t congruence_number(const Congruence *congruence, StreamUnit place);

/* Of one token with every neuron: out[neurons]. False: reported. */
bool congruence_of_token(const Congruence *congruence, int64_t token, double *out);

/* Of one neuron with every token: out[tokens]. False: reported. */
bool congruence_of_neuron(const Congruence *congruence, int64_t number, double *out);

#endif
