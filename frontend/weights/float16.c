#include "frontend/weights/float16.h"

#include "ir/float_bits.h"

#include <string.h>

/* All ones where the condition holds: a choice without a branch, so that a loop becomes vectors. */
static uint32_t mask(int condition) {
    return 0u - (uint32_t)condition;
}

static float widen(uint16_t half) {
    const uint32_t magnitude = half & 0x7fffu;
    const uint32_t is_subnormal = mask(magnitude < 0x0400u);
    const uint32_t is_special = mask(magnitude >= 0x7c00u); /* infinity or NaN */
    const uint32_t subnormal = bits_of_float((float)(int32_t)magnitude * 0x1p-24F);
    /* The exponent's bias goes from 15 to 127, and the special exponent from 31 to 255. */
    const uint32_t normal = (magnitude << 13) + (112u << 23) + ((112u << 23) & is_special);
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    return float_of_bits(sign | (subnormal & is_subnormal) | (normal & ~is_subnormal));
}

void float16_widen(const uint8_t *bytes, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, sizeof half);
        out[i] = widen(half);
    }
}

float float16_at(const uint8_t *bytes) {
    float value;
    float16_widen(bytes, 1, &value);
    return value;
}

void bfloat16_widen(const uint8_t *bytes, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, sizeof half);
        out[i] = float_of_bits((uint32_t)half << 16);
    }
}
