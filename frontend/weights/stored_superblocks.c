/* stored_superblocks.c - blocks of 256 values, whose parts have scales of few bits of their own.
 *
 * Formulas and their order are those of ggml's dequantize_row_*(), as in stored_blocks.c.
 */
#include "frontend/weights/stored_blocks.h"

#include "frontend/weights/float16.h"

enum { SUPER = 256 };

/* 16 bytes, scale low and min high of 16 values each; 64 bytes of pairs of bits; f16 d, dmin.
 * Value 128 n + 32 j + l is bits 2 j of byte 32 n + l: d s q - dmin m. */
void decode_q2_k(const uint8_t *blocks, size_t count, float *out) {
    for (; count; count--, blocks += 84, out += SUPER) {
        const uint8_t *q = blocks + 16;
        const float d = float16_at(blocks + 80), least = float16_at(blocks + 82);
        for (int i = 0; i < SUPER; i++) {
            const uint8_t scales = blocks[i / 16];
            const int value = q[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
            const float s = d * (float)(scales & 15), m = least * (float)(scales >> 4);
            out[i] = s * (float)value - m;
        }
    }
}

/* Scale i of 16, of 6 bits: low nibbles are those of bytes 0 to 7, first all the low ones, and two
 * bits in bytes 8 to 11. */
static int six_bit_scale(const uint8_t *scales, int i) {
    const int low = scales[i % 8] >> i / 8 * 4 & 15;
    const int high = scales[8 + i % 4] >> i / 4 * 2 & 3;
    return (low | high << 4) - 32;
}

/* 32 bytes of high bits, bit 4 n + j of byte l; 64 bytes of pairs of bits as in Q2_K; 12 of scales;
 * f16 d: d s (q - 4), and q where the high bit is set. */
void decode_q3_k(const uint8_t *blocks, size_t count, float *out) {
    for (; count; count--, blocks += 110, out += SUPER) {
        const uint8_t *high = blocks, *low = blocks + 32, *scales = blocks + 96;
        const float d = float16_at(blocks + 108);
        for (int i = 0; i < SUPER; i++) {
            const int value = low[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
            const int is_high = high[i % 32] >> i / 32 & 1;
            const float s = d * (float)six_bit_scale(scales, i / 16);
            out[i] = s * (float)(value - (is_high ? 0 : 4));
        }
    }
}

/* Scale and min j of 8, of 6 bits each in 12 bytes. */
static void scale_and_min(const uint8_t *b, int j, int *scale, int *min) {
    if (j < 4) {
        *scale = b[j] & 63;
        *min = b[j + 4] & 63;
        return;
    }
    *scale = (b[j + 4] & 15) | b[j - 4] >> 6 << 4;
    *min = b[j + 4] >> 4 | b[j] >> 6 << 4;
}

/* f16 d, dmin; 12 bytes of scales and mins of 32 values; nibbles, for each 64 values 32 bytes, the
 * low ones first: d s q - dmin m. */
void decode_q4_k(const uint8_t *blocks, size_t count, float *out) {
    for (; count; count--, blocks += 144) {
        const float d = float16_at(blocks), least = float16_at(blocks + 2);
        for (int j = 0; j < 8; j++, out += 32) {
            int scale, min;
            scale_and_min(blocks + 4, j, &scale, &min);
            const float s = d * (float)scale, m = least * (float)min;
            const uint8_t *q = blocks + 16 + j / 2 * 32;
            for (int i = 0; i < 32; i++) out[i] = s * (float)(q[i] >> j % 2 * 4 & 15) - m;
        }
    }
}

/* As Q4_K, with 32 bytes of fifth bits before the nibbles: bit j of byte i is of value 32 j + i. */
void decode_q5_k(const uint8_t *blocks, size_t count, float *out) {
    for (; count; count--, blocks += 176) {
        const float d = float16_at(blocks), least = float16_at(blocks + 2);
        const uint8_t *fifth = blocks + 16;
        for (int j = 0; j < 8; j++, out += 32) {
            int scale, min;
            scale_and_min(blocks + 4, j, &scale, &min);
            const float s = d * (float)scale, m = least * (float)min;
            const uint8_t *q = blocks + 48 + j / 2 * 32;
            for (int i = 0; i < 32; i++) {
                const int value = (q[i] >> j % 2 * 4 & 15) | (fifth[i] >> j & 1) << 4;
                out[i] = s * (float)value - m;
            }
        }
    }
}

/* 128 bytes of nibbles, 64 of pairs of high bits, 16 scales of 16 values, f16 d. For each 128
 * values: the low nibbles of bytes 0 to 63, then the high ones; high bits 2 j of byte i are of
 * value 32 j + i: d s (q - 32). */
void decode_q6_k(const uint8_t *blocks, size_t count, float *out) {
    for (; count; count--, blocks += 210) {
        const float d = float16_at(blocks + 208);
        for (int j = 0; j < 8; j++, out += 32) {
            const uint8_t *low = blocks + j / 4 * 64 + j % 2 * 32;
            const uint8_t *high = blocks + 128 + j / 4 * 32;
            const int8_t *scale = (const int8_t *)blocks + 192 + j * 2;
            for (int i = 0; i < 32; i++) {
                const int value = (low[i] >> j % 4 / 2 * 4 & 15) | (high[i] >> j % 4 * 2 & 3) << 4;
                out[i] = d * (float)scale[i / 16] * (float)(value - 32);
            }
        }
    }
}

/* f16 d; u16 of pairs of high bits; 4 bytes of low nibbles of 8 scales; nibbles as in IQ4_NL:
 * d (s - 32) table[q] */
void decode_iq4_xs(const uint8_t *blocks, size_t count, float *out) {
    for (; count; count--, blocks += 136) {
        const float d = float16_at(blocks);
        for (int j = 0; j < 8; j++, out += 32) {
            const int high = blocks[2 + j / 4] >> j % 4 * 2 & 3;
            const int scale = (blocks[4 + j / 2] >> j % 2 * 4 & 15) | high << 4;
            const float s = d * (float)(scale - 32);
            const uint8_t *q = blocks + 8 + j * 16;
            for (int i = 0; i < 16; i++) {
                out[i] = s * (float)stored_iq4_values[q[i] & 15];
                out[i + 16] = s * (float)stored_iq4_values[q[i] >> 4];
            }
        }
    }
}
