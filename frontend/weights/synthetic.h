/* synthetic.h - made-up weights, so that a model of any shape can be compiled and timed without a
 * file.
 *
 * A value depends on the seed, the param's name, its row and its column alone: it is the same on
 * every machine and whichever rows are asked for together. Values are uniform: those of a matrix
 * around 0 with a deviation of 0.6 / sqrt(columns), so that a projection neither blows up nor
 * silences its input; a norm's gains around 1; biases and learned scales around 0 and small.
 */
#ifndef FRONTEND_SYNTHETIC_H
#define FRONTEND_SYNTHETIC_H

#include "ir/weights.h"

/* The seed outlives the weights. Never fails; safe for threads. */
Weights synthetic_weights(const uint64_t *seed);

#endif
