/* stored_blocks.c - floats, and blocks of 32 values.
 *
 * Formulas and their order are those of ggml's dequantize_row_*(), so that values are equal to the
 * last bit where its compiler keeps to them.
 */
#include "frontend/weights/stored_blocks.h"

#include "frontend/weights/float16.h"

#include <string.h>

enum { BLOCK = 32, HALF = BLOCK / 2 };

/* ---- floats ---- */

void decode_f32(const uint8_t *blocks, size_t count, float *out) {
    memcpy(out, blocks, 4 * count);
}

void decode_f16(const uint8_t *blocks, size_t count, float *out) {
    float16_widen(blocks, count, out);
}

void decode_bf16(const uint8_t *blocks, size_t count, float *out) {
    bfloat16_widen(blocks, count, out);
}

/* ---- blocks of nibbles: value i is the low one of byte i, value i + 16 the high one ---- */

/* f16 d; nibbles: d (q - 8) */
void decode_q4_0(const uint8_t *blocks, size_t count, float *out) {
    for (; count; count--, blocks += 18, out += BLOCK) {
        const float d = float16_at(blocks);
        for (int i = 0; i < HALF; i++) {
            const uint8_t byte = blocks[2 + i];
            out[i] = (float)((byte & 15) - 8) * d;
            out[i + HALF] = (float)((byte >> 4) - 8) * d;
        }
    }
}

/* f16 d, m; nibbles: d q + m */
void decode_q4_1(const uint8_t *blocks, size_t count, float *out) {
    for (; count; count--, blocks += 20, out += BLOCK) {
        const float d = float16_at(blocks), m = float16_at(blocks + 2);
        for (int i = 0; i < HALF; i++) {
            const uint8_t byte = blocks[4 + i];
            out[i] = (float)(byte & 15) * d + m;
            out[i + HALF] = (float)(byte >> 4) * d + m;
        }
    }
}

/* A nibble and bit i of a u32 of fifth bits. */
static int five_bits(const uint8_t *fifth, int i, int nibble) {
    return nibble | (fifth[i / 8] >> i % 8 & 1) << 4;
}

/* f16 d; fifth bits; nibbles: d (q - 16) */
void decode_q5_0(const uint8_t *blocks, size_t count, float *out) {
    for (; count; count--, blocks += 22, out += BLOCK) {
        const float d = float16_at(blocks);
        for (int i = 0; i < HALF; i++) {
            const uint8_t byte = blocks[6 + i];
            out[i] = (float)(five_bits(blocks + 2, i, byte & 15) - 16) * d;
            out[i + HALF] = (float)(five_bits(blocks + 2, i + HALF, byte >> 4) - 16) * d;
        }
    }
}

/* f16 d, m; fifth bits; nibbles: d q + m */
void decode_q5_1(const uint8_t *blocks, size_t count, float *out) {
    for (; count; count--, blocks += 24, out += BLOCK) {
        const float d = float16_at(blocks), m = float16_at(blocks + 2);
        for (int i = 0; i < HALF; i++) {
            const uint8_t byte = blocks[8 + i];
            out[i] = (float)five_bits(blocks + 4, i, byte & 15) * d + m;
            out[i + HALF] = (float)five_bits(blocks + 4, i + HALF, byte >> 4) * d + m;
        }
    }
}

/* f16 d; i8: d q */
void decode_q8_0(const uint8_t *blocks, size_t count, float *out) {
    for (; count; count--, blocks += 34, out += BLOCK) {
        const float d = float16_at(blocks);
        for (int i = 0; i < BLOCK; i++) out[i] = (float)(int8_t)blocks[2 + i] * d;
    }
}

const int8_t stored_iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};

/* f16 d; nibbles: d table[q] */
void decode_iq4_nl(const uint8_t *blocks, size_t count, float *out) {
    for (; count; count--, blocks += 18, out += BLOCK) {
        const float d = float16_at(blocks);
        for (int i = 0; i < HALF; i++) {
            const uint8_t byte = blocks[2 + i];
            out[i] = d * (float)stored_iq4_values[byte & 15];
            out[i + HALF] = d * (float)stored_iq4_values[byte >> 4];
        }
    }
}

/* 2^(e - 128) for each e, as bits of an f32: exact from 0 on, where it is subnormal. */
static float half_power(uint8_t e) {
    const uint32_t bits = e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* u8 e; nibbles E2M1 (OCP Microscaling 1.0, 5.3.3): 2^(e - 127) times 0 .5 1 1.5 2 3 4 6 and their
 * negatives. */
void decode_mxfp4(const uint8_t *blocks, size_t count, float *out) {
    static const int8_t doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    for (; count; count--, blocks += 17, out += BLOCK) {
        const float d = half_power(blocks[0]);
        for (int i = 0; i < HALF; i++) {
            const uint8_t byte = blocks[1 + i];
            out[i] = (float)doubled[byte & 15] * d;
            out[i + HALF] = (float)doubled[byte >> 4] * d;
        }
    }
}
