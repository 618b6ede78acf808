/* pack_panels.c - rows of a matrix brought into panels, in a format.
 *
 * Value i of a word of q4 is nibble 2i for i < 4, and nibble 2(i - 4) + 1 for others: the lower
 * nibbles of its four bytes are four values in a row, and so are the upper ones. All outputs of a
 * panel are taken block by block, so that what is written lies near.
 */
#include "codegen/pack/pack_panels.h"

#include <string.h>

static int64_t words_of_block(WeightFormat format, int64_t panel) {
    return layout_panel_words(format, FORMAT_BLOCK, panel);
}

void pack_panel_begin(WeightFormat format, int64_t depth, int64_t panel, float *words) {
    const int64_t count = layout_panel_words(format, depth, panel);
    memset(words, 0, (size_t)count * sizeof *words);
    if (!format_has_blocks(format)) return;
    const int64_t block = words_of_block(format, panel), scales = panel / 2;
    for (int64_t at = 0; at < count; at += block)
        memset(words + at + scales, format == FORMAT_q8 ? 0x80 : 0x88,
               (size_t)(block - scales) * sizeof *words);
}

/* ---- a block of one output: `words` are those of the block ---- */

static void put_word(uint32_t bits, float *word) {
    memcpy(word, &bits, sizeof bits);
}

static void put_halves(const float *value, int64_t panel, float *words) {
    for (int64_t k = 0; k < FORMAT_BLOCK; k += 2)
        put_word(format_bf16(value[k]) | (uint32_t)format_bf16(value[k + 1]) << 16,
                 words + k / 2 * panel);
}

static uint32_t four_bytes(const uint8_t *q) {
    return q[0] | (uint32_t)q[1] << 8 | (uint32_t)q[2] << 16 | (uint32_t)q[3] << 24;
}

static void put_block(WeightFormat format, const FormatBlock *block, int64_t panel, int64_t lane,
                      float *words) {
    const uint8_t *q = block->q;
    memcpy((char *)words + lane * (int64_t)sizeof block->scale, &block->scale, sizeof block->scale);
    words += panel / 2 + lane;
    if (format == FORMAT_q8)
        for (int64_t k = 0; k < FORMAT_BLOCK; k += 4, words += panel)
            put_word(four_bytes(q + k), words);
    else
        for (int64_t k = 0; k < FORMAT_BLOCK; k += 8, words += panel)
            put_word(four_bytes(q + k) | four_bytes(q + k + 4) << 4, words);
}

static void put_rounded(WeightFormat format, const float *value, int64_t panel, int64_t lane,
                        float *words) {
    FormatBlock block;
    block.scale = format_encode_block(format, value, FORMAT_BLOCK, block.q);
    put_block(format, &block, panel, lane, words);
}

static void put_floats(const float *value, int64_t count, int64_t panel, float *words) {
    for (int64_t k = 0; k < count; k++) words[k * panel] = value[k];
}

bool pack_panel_rows(WeightFormat format, const double *rows, int64_t count, int64_t depth,
                     int64_t panel, int64_t first_lane, float *words) {
    const int64_t block = words_of_block(format, panel);
    bool is_held = true;
    for (int64_t k = 0; k < depth; k += FORMAT_BLOCK, words += block) {
        const int64_t length = depth - k < FORMAT_BLOCK ? depth - k : FORMAT_BLOCK;
        for (int64_t n = 0; n < count; n++) {
            float value[FORMAT_BLOCK] = {0};
            const int64_t lane = first_lane + n;
            for (int64_t i = 0; i < length; i++) value[i] = (float)rows[n * depth + k + i];
            is_held &= format_holds(format, value, FORMAT_BLOCK);
            if (format == FORMAT_f32)
                put_floats(value, length, panel, words + lane);
            else if (format == FORMAT_bf16)
                put_halves(value, panel, words + lane);
            else
                put_rounded(format, value, panel, lane, words);
        }
    }
    return is_held;
}

/* ---- as stored ---- */

static bool is_finite_bf16(uint16_t half) {
    return format_half_is_finite(FORMAT_bf16, half);
}

/* A lane of all blocks; the last may be shorter. */
static bool put_kept_halves(const uint16_t *half, int64_t depth, int64_t panel, float *words) {
    bool is_finite = true;
    for (int64_t k = 0; k + 1 < depth; k += 2, words += panel) {
        is_finite &= is_finite_bf16(half[k]) && is_finite_bf16(half[k + 1]);
        put_word(half[k] | (uint32_t)half[k + 1] << 16, words);
    }
    if (depth % 2 == 0) return is_finite;
    put_word(half[depth - 1], words);
    return is_finite && is_finite_bf16(half[depth - 1]);
}

bool pack_panel_kept(WeightFormat format, const void *rows, int64_t count, int64_t depth,
                     int64_t panel, int64_t first_lane, float *words) {
    const int64_t block = words_of_block(format, panel), blocks = depth / FORMAT_BLOCK;
    bool is_finite = true;
    for (int64_t n = 0; n < count; n++) {
        const int64_t lane = first_lane + n;
        if (format == FORMAT_bf16) {
            const uint16_t *row = (const uint16_t *)rows + n * depth;
            is_finite &= put_kept_halves(row, depth, panel, words + lane);
            continue;
        }
        const FormatBlock *row = (const FormatBlock *)rows + n * blocks;
        for (int64_t i = 0; i < blocks; i++) {
            is_finite &= format_half_is_finite(FORMAT_f16, row[i].scale);
            put_block(format, &row[i], panel, lane, words + i * block);
        }
    }
    return is_finite;
}

static FormatBlock zero_block(WeightFormat format) {
    FormatBlock block = {0};
    memset(block.q, format_zero(format), sizeof block.q);
    return block;
}

/* In place: no column moves to the right. */
void pack_select_kept(WeightFormat format, const Reals *columns, int64_t count, int64_t depth,
                      void *rows) {
    const bool has_blocks = format_has_blocks(format);
    const int64_t unit = has_blocks ? FORMAT_BLOCK : 1;
    const size_t size = has_blocks ? sizeof(FormatBlock) : sizeof(uint16_t);
    const FormatBlock zero = has_blocks ? zero_block(format) : (FormatBlock){0};
    char *out = rows;
    for (int64_t n = 0; n < count; n++) {
        const char *row = (const char *)rows + (size_t)(n * (depth / unit)) * size;
        for (int64_t i = 0; i < columns->count; i += 2)
            for (int64_t c = (int64_t)columns->at[i]; c < (int64_t)columns->at[i + 1]; c += unit) {
                memmove(out, c < 0 ? (const char *)&zero : row + (size_t)(c / unit) * size, size);
                out += size;
            }
    }
}
