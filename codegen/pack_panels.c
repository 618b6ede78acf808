/* pack_panels.c - rows of a matrix brought into panels, in a format.
 *
 * Value i of a word of q4 is nibble 2i for i < 4, and nibble 2(i - 4) + 1 for others: the lower
 * nibbles of its four bytes are four values in a row, and so are the upper ones.
 */
#include "codegen/pack_panels.h"

#include <string.h>

static int64_t words_of_block(WeightFormat format, int64_t panel) {
    return layout_panel_words(format, FORMAT_BLOCK, panel);
}

/* Where value i of a word begins. */
static int shift_of(WeightFormat format, int64_t i) {
    if (format == FORMAT_q4) return (int)(i < 4 ? 8 * i : 8 * (i - 4) + 4);
    return (int)i * format_bits(format);
}

static void put_bits(float *word, uint32_t mask, uint32_t bits) {
    uint32_t value;
    memcpy(&value, word, sizeof value);
    value = (value & ~mask) | bits;
    memcpy(word, &value, sizeof value);
}

void pack_panel_begin(WeightFormat format, int64_t depth, int64_t panel, float *words) {
    const int64_t count = layout_panel_words(format, depth, panel);
    memset(words, 0, (size_t)count * sizeof *words);
    if (!format_has_blocks(format)) return;
    const int64_t block = words_of_block(format, panel), scales = panel / 2;
    for (int64_t i = 0; i < count; i++)
        if (i % block >= scales) memset(&words[i], format == FORMAT_q8 ? 0x80 : 0x88, 4);
}

static void put_halves(const double *row, int64_t depth, int64_t panel, int64_t lane,
                       float *words) {
    for (int64_t k = 0; k < depth; k++) {
        const uint32_t half = format_bf16((float)row[k]);
        const int shift = shift_of(FORMAT_bf16, k % 2);
        put_bits(&words[k / 2 * panel + lane], 0xffffU << shift, half << shift);
    }
}

static void put_block(WeightFormat format, const double *row, int64_t count, int64_t panel,
                      int64_t lane, float *words) {
    float value[FORMAT_BLOCK];
    uint8_t q[FORMAT_BLOCK];
    const int64_t per_word = 32 / format_bits(format);
    const uint32_t mask = (1U << format_bits(format)) - 1;
    for (int64_t i = 0; i < count; i++) value[i] = (float)row[i];
    const uint32_t scale = format_encode_block(format, value, count, q);
    const int half = 16 * (int)(lane % 2);
    put_bits(&words[lane / 2], 0xffffU << half, scale << half);
    for (int64_t i = 0; i < count; i++) {
        const int shift = shift_of(format, i % per_word);
        put_bits(&words[panel / 2 + i / per_word * panel + lane], mask << shift,
                 (uint32_t)q[i] << shift);
    }
}

void pack_panel_row(WeightFormat format, const double *row, int64_t depth, int64_t panel,
                    int64_t lane, float *words) {
    if (format == FORMAT_f32) {
        for (int64_t k = 0; k < depth; k++) words[k * panel + lane] = (float)row[k];
        return;
    }
    if (format == FORMAT_bf16) {
        put_halves(row, depth, panel, lane, words);
        return;
    }
    const int64_t block = words_of_block(format, panel);
    for (int64_t k = 0; k < depth; k += FORMAT_BLOCK)
        put_block(format, row + k, depth - k < FORMAT_BLOCK ? depth - k : FORMAT_BLOCK, panel, lane,
                  words + k / FORMAT_BLOCK * block);
}
