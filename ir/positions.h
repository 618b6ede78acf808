/* positions.h - the numbers by which models know positions: RoPE, ALiBi, sinusoids.
 *
 * In double precision and in one place, so that the interpreter, the pack step and compiled code
 * mean the same angles and slopes.
 */
#ifndef IR_POSITIONS_H
#define IR_POSITIONS_H

#include "ir/ir.h"

/* Radians by which pair 0 <= pair < dims / 2 turns from one position to the next, after scaling.
 * Reads dims, base, divisors, scaling, factor, low, high, original and truncate of a rope's
 * attributes. */
double positions_rope_frequency(const Attrs *attr, int64_t pair);

/* What queries at a position are multiplied with. Reads scale, offset and original. */
double positions_scale(const Attrs *attr, int64_t position);

/* What a score of head 0 <= head < heads loses for each position between query and key, of as many
 * heads as a model has. */
double positions_alibi_slope(int64_t heads, int64_t head);

/* The same of a head of scores or attend; 0 where they have no ALiBi. Reads alibi, heads, slopes. */
double positions_slope(const Attrs *attr, int64_t head);

/* An element of the sinusoidal position table [positions, width]. */
double positions_sinusoid(int64_t position, int64_t column, int64_t width);

#endif
