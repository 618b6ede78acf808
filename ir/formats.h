/* formats.h - how a row of weights is rounded to fewer bits, and what the bits mean.
 *
 *   bf16  the upper half of an f32, rounded to nearest, ties to even
 *   q8    blocks of 32 along the row: w = scale * (q - 128), 1 <= q <= 255
 *   q4    blocks of 32 along the row: w = scale * (q - 8), 0 <= q <= 15
 *   f16   IEEE 754 binary16, of tables that are looked up alone
 *
 * Scales are IEEE 754 binary16. The values are those of ggml's Q8_0 and Q4_0, whose integers are
 * stored with a sign; ours are not, as the dot products of bytes want them. The last block of a
 * row may be shorter.
 */
#ifndef IR_FORMATS_H
#define IR_FORMATS_H

#include "ir/ir.h"

#include <stdint.h>

enum { FORMAT_BLOCK = 32 };

/* A block of q8 or q4: one integer to a byte. */
typedef struct {
    uint16_t scale; /* binary16 */
    uint8_t q[FORMAT_BLOCK];
} FormatBlock;

/* Bits of a value, without its block's scale: 32, 16, 8 or 4. */
int format_bits(WeightFormat format);

/* Whether the format has blocks with a scale. */
bool format_has_blocks(WeightFormat format);

/* What is subtracted from a stored integer: 128 or 8. */
int format_zero(WeightFormat format);

/* The least magnitude that becomes infinite: itself, or as the scale of its block. */
float format_limit(WeightFormat format);

/* Whether all values stay finite when they are rounded, and so are numbers. */
bool format_holds(WeightFormat format, const float *value, int64_t count);

uint16_t format_bf16(float value);

/* Of bits in bf16 or f16. */
static inline bool format_half_is_finite(WeightFormat format, uint16_t half) {
    const uint16_t exponent = format == FORMAT_bf16 ? 0x7f80 : 0x7c00;
    return (half & exponent) != exponent;
}

/* The nearest binary16, ties to even. */
uint16_t format_f16(float value);
float format_from_f16(uint16_t half);

/* One block of q8 or q4: count values, 1 <= count <= FORMAT_BLOCK, to as many integers and a
 * binary16 scale. */
uint16_t format_encode_block(WeightFormat format, const float *value, int64_t count, uint8_t *q);

/* Replaces every value of a row that is multiplied with weights by what is left of it. bf16: as of
 * weights. q8, for weights of q8 and q4: blocks of scale * q with -127 <= q <= 127, ties of
 * x / scale to even, and a scale that keeps its f32. */
void format_round_values(WeightFormat format, double *row, int64_t count);

/* Words of 4 bytes of a row of `count` rounded values. bf16: pairs of them, zeros up to a whole
 * block. q8: for each block 8 words of bytes; then the scale of each block, then -128 times the sum
 * of the integers of each block, an i32. */
static inline int64_t format_value_words(WeightFormat format, int64_t count) {
    const int64_t blocks = (count + FORMAT_BLOCK - 1) / FORMAT_BLOCK;
    return blocks * (format == FORMAT_bf16 ? FORMAT_BLOCK / 2 : FORMAT_BLOCK / 4 + 2);
}

/* Below it a block counts as zero: 127 / x is finite for all others. */
#define FORMAT_SMALLEST 0x1p-100F

/* Replaces every value of a row by what is left of it: as an f32 first, then in the format. */
void format_round_row(WeightFormat format, double *row, int64_t count);

#endif
