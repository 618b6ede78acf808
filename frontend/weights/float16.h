/* float16.h - 16-bit floats as they lie in files, little-endian, widened exactly to f32. */
#ifndef FRONTEND_FLOAT16_H
#define FRONTEND_FLOAT16_H

#include <stddef.h>
#include <stdint.h>

/* From bytes[2 * count], of any alignment, to out[count]. Exact for every value; infinities stay,
 * NaNs stay NaNs. */
void float16_widen(const uint8_t *bytes, size_t count, float *out);  /* IEEE 754 binary16 */
void bfloat16_widen(const uint8_t *bytes, size_t count, float *out); /* the upper half of an f32 */

float float16_at(const uint8_t *bytes); /* one binary16 */

#endif
