/* difference.h - how far logits are from those they ought to be. */
#ifndef FRONTEND_DIFFERENCE_H
#define FRONTEND_DIFFERENCE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Difference {
    int64_t rows;
    int64_t odd_rows; /* of those: with values that are no numbers, in either; they count nowhere
                       * else */

    double largest; /* |logit - reference| */
    int64_t largest_row, largest_column;
    float largest_logit, largest_reference;
    double squares;     /* the sum of all of them, */
    double values;      /* of so many */
    double least, most; /* of the reference */

    double divergence; /* the sum over rows of KL(reference || logits), in nats */
    double largest_divergence;
    int64_t largest_divergence_row;

    int64_t agreeing;                 /* rows whose largest logit is the reference's, too */
    int64_t first_odd_choice;         /* the first row where it is not; -1: none */
    int64_t chosen, reference_chosen; /* the columns there; of equal logits the first */
    double behind; /* by how much the reference's choice is behind, in the reference */
} Difference;

void difference_begin(Difference *difference);

/* A row of logits, and what they ought to be: columns of each. */
void difference_add(Difference *difference, const float *logits, const float *reference,
                    int64_t columns);

/* The largest difference over the range of the reference; 0 where that is empty. */
double difference_of_range(const Difference *difference);

#endif
