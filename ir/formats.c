#include "ir/formats.h"

#include "ir/float_bits.h"

#include <math.h>
#include <string.h>

int format_bits(WeightFormat format) {
    static const int bits[] = {
        [FORMAT_f32] = 32, [FORMAT_bf16] = 16, [FORMAT_q8] = 8, [FORMAT_q4] = 4, [FORMAT_f16] = 16};
    return bits[format];
}

bool format_has_blocks(WeightFormat format) {
    return format == FORMAT_q8 || format == FORMAT_q4;
}

int format_zero(WeightFormat format) {
    return format == FORMAT_q8 ? 128 : 8;
}

/* ---- what is too large ---- */

float format_limit(WeightFormat format) {
    const float half_limit = 65520; /* and more become infinite as a binary16 */
    switch (format) {
    case FORMAT_f32: break;
    case FORMAT_bf16: return 0x1.ffp127F;
    case FORMAT_q8: return half_limit * 127;
    case FORMAT_q4: return half_limit * 8;
    case FORMAT_f16: return half_limit;
    }
    return INFINITY;
}

bool format_holds(WeightFormat format, const float *value, int64_t count) {
    const float limit = format_limit(format);
    int odd = 0; /* a sum without branches, so that the loop becomes vectors */
    for (int64_t i = 0; i < count; i++) odd |= !(fabsf(value[i]) < limit);
    return !odd;
}

/* ---- halves ---- */

/* To nearest, ties to even: half of the last place that stays, less one unless that place is odd,
 * carries into it. */
uint16_t format_bf16(float value) {
    const uint32_t bits = bits_of_float(value);
    if (isnan(value)) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

uint16_t format_f16(float value) {
    const uint32_t bits = bits_of_float(value), magnitude = bits & 0x7fffffff;
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    if (isnan(value)) return sign | 0x7e00;
    if (magnitude >= 0x477ff000) return sign | 0x7c00; /* 65520 and more become infinite */
    if (magnitude < 0x38800000)                        /* below 2^-14: units of 2^-24 */
        return sign | (uint16_t)lrintf(float_of_bits(magnitude) * 0x1p24F);
    const uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
    return sign | (uint16_t)((rounded >> 13) - (112 << 10));
}

float format_from_f16(uint16_t half) {
    const int magnitude = half & 0x7fff, exponent = magnitude >> 10, fraction = magnitude & 0x3ff;
    float value = ldexpf((float)(fraction + 0x400), exponent - 25);
    if (exponent == 0) value = ldexpf((float)fraction, -24);
    if (exponent == 31) value = fraction ? NAN : INFINITY;
    return half & 0x8000 ? -value : value;
}

/* ---- blocks ---- */

/* The first value of the largest magnitude; NaN where one is not finite. */
static float largest(const float *value, int64_t count) {
    int32_t most = 0; /* bits of a float without its sign are in the order of floats */
    for (int64_t i = 0; i < count; i++) {
        const int32_t magnitude = (int32_t)(bits_of_float(value[i]) & 0x7fffffff);
        most = magnitude > most ? magnitude : most;
    }
    if (most >= 0x7f800000) return NAN;
    int64_t first = 0;
    while ((bits_of_float(value[first]) & 0x7fffffff) != (uint32_t)most) first++;
    return value[first];
}

/* The arithmetic of ggml's reference, in its order: values are equal to the last bit. */
uint16_t format_encode_block(WeightFormat format, const float *value, int64_t count, uint8_t *q) {
    const float most = largest(value, count);
    const float scale = format == FORMAT_q8 ? fabsf(most) / 127 : most / -8;
    const float inverse = 1 / scale;
    if (!isfinite(most) || !isfinite(inverse)) {
        memset(q, format_zero(format), (size_t)count);
        return format_f16(isfinite(most) ? 0 : NAN);
    }
    for (int64_t i = 0; i < count; i++) {
        const float x = value[i] * inverse;
        /* In double precision adding a half is exact, so that cutting off is rounding. */
        if (format == FORMAT_q8)
            q[i] = (uint8_t)((int)((double)x + (x < 0 ? -0.5 : 0.5)) + 128);
        else
            q[i] = (uint8_t)(x + 8.5F < 15 ? (int)(x + 8.5F) : 15);
    }
    return format_f16(scale);
}

/* ---- rows ---- */

static void round_block(WeightFormat format, double *value, int64_t count) {
    float narrow[FORMAT_BLOCK];
    uint8_t q[FORMAT_BLOCK];
    for (int64_t i = 0; i < count; i++) narrow[i] = (float)value[i];
    const double scale = (double)format_from_f16(format_encode_block(format, narrow, count, q));
    for (int64_t i = 0; i < count; i++) value[i] = scale * (q[i] - format_zero(format));
}

static void round_value_block(double *value, int64_t count) {
    float most = 0;
    for (int64_t i = 0; i < count; i++) most = fmaxf(most, fabsf((float)value[i]));
    const float scale = most / 127, inverse = most >= FORMAT_SMALLEST ? 127 / most : 0;
    for (int64_t i = 0; i < count; i++)
        value[i] = (double)scale * (double)rintf((float)value[i] * inverse);
}

void format_round_values(WeightFormat format, double *row, int64_t count) {
    if (format == FORMAT_bf16) {
        format_round_row(format, row, count);
        return;
    }
    for (int64_t i = 0; i < count; i += FORMAT_BLOCK)
        round_value_block(row + i, count - i < FORMAT_BLOCK ? count - i : FORMAT_BLOCK);
}

static double round_half(WeightFormat format, double value) {
    if (format == FORMAT_f16) return (double)format_from_f16(format_f16((float)value));
    return (double)float_of_bits((uint32_t)format_bf16((float)value) << 16);
}

void format_round_row(WeightFormat format, double *row, int64_t count) {
    if (format == FORMAT_f32) return;
    if (!format_has_blocks(format)) {
        for (int64_t i = 0; i < count; i++) row[i] = round_half(format, row[i]);
        return;
    }
    for (int64_t i = 0; i < count; i += FORMAT_BLOCK)
        round_block(format, row + i, count - i < FORMAT_BLOCK ? count - i : FORMAT_BLOCK);
}
