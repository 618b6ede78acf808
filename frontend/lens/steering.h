/* steering.h - a direction of the stream that tells two sets of texts apart.
 *
 * Of each text there is one state, a row. Rimsky et al. 2023, "Steering Llama 2 via Contrastive
 * Activation Addition"; Zou et al. 2023, "Representation Engineering".
 */
#ifndef FRONTEND_STEERING_H
#define FRONTEND_STEERING_H

#include <stdbool.h>
#include <stdint.h>

typedef struct SteeringStates {
    const float *positive, *negative; /* [positives][width], [negatives][width] */
    int64_t positives, negatives, width;
} SteeringStates;

typedef enum {
    STEERING_MEAN, /* the mean of the positive states less that of the negative ones */
    STEERING_PCA   /* the first principal component of the differences of pairs, not centred, which
                    * points to the positive mean, as long as the means are apart along it; takes as
                    * many positives as negatives */
} SteeringMethod;

typedef struct Steering {
    double length; /* of the vector */
    double
        separated; /* share of the states that lie on their side of the middle between the means */
} Steering;

/* Fills vector[width]. False: both sets are the same along it, or there is no memory. */
bool steering_find(const SteeringStates *states, SteeringMethod method, float *vector,
                   Steering *out);

#endif
