/* composition.h - how much of what a head reads an earlier head wrote, by their weights alone
 * (Elhage et al. 2021), in Frobenius norms:
 *
 *   Q  |OV1 QK2| / (|OV1| |QK2|)      K  |OV1 QK2^T| / ...      V  |OV1 OV2| / (|OV1| |OV2|)
 *
 * With the factors as rows, OV1 = v^T o and what reads X = x^T y, it is |v^T M y| with M = o x^T:
 * its square is the sum of the products of (v v^T) M and M (y y^T), number by number.
 */
#ifndef FRONTEND_COMPOSITION_H
#define FRONTEND_COMPOSITION_H

#include "frontend/lens/circuits.h"

typedef enum { COMPOSE_Q, COMPOSE_K, COMPOSE_V } Composition;

/* out[heads][heads], earlier head, later head: no number where the later does not read what the
 * earlier wrote, and where one of them is 0. False: reported. */
bool composition_find(const Circuits *circuits, Composition composition, double *out);

/* What is expected of matrices of random, independent numbers around 0: the root of the quotient of
 * the expected squares, 1 / sqrt(width), whatever the dimension of heads is. */
double composition_of_random(const Circuits *circuits);

#endif
