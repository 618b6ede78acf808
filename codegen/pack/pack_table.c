/* pack_table.c - rows of a table that is looked up, in a format. What a row is padded with is zero,
 * and so are values beyond the end of a last, shorter block.
 */
#include "codegen/pack/pack_table.h"

#include <string.h>

/* Block i of a row of so many columns. */
static void put_block(WeightFormat format, const FormatBlock *block, int64_t i, int64_t columns,
                      float *row) {
    enum { HALF = FORMAT_BLOCK / 2 };
    uint8_t *at = (uint8_t *)(row + layout_row_scales(columns));
    memcpy((char *)row + i * (int64_t)sizeof block->scale, &block->scale, sizeof block->scale);
    if (format == FORMAT_q8) {
        memcpy(at + i * FORMAT_BLOCK, block->q, FORMAT_BLOCK);
        return;
    }
    for (int64_t k = 0; k < HALF; k++)
        at[i * HALF + k] = (uint8_t)(block->q[k] | block->q[k + HALF] << 4);
}

/* `count` values, FORMAT_BLOCK at most, from a column on that begins a block. */
static bool put_values(WeightFormat format, const double *values, int64_t count, int64_t column,
                       int64_t columns, float *row) {
    float value[FORMAT_BLOCK] = {0};
    FormatBlock block;
    uint16_t *halves = (uint16_t *)(void *)row + column;
    for (int64_t k = 0; k < count; k++) value[k] = (float)values[k];
    switch (format) {
    case FORMAT_f32: memcpy(row + column, value, (size_t)count * sizeof *value); break;
    case FORMAT_bf16:
        for (int64_t k = 0; k < count; k++) halves[k] = format_bf16(value[k]);
        break;
    case FORMAT_f16:
        for (int64_t k = 0; k < count; k++) halves[k] = format_f16(value[k]);
        break;
    case FORMAT_q8:
    case FORMAT_q4:
        block.scale = format_encode_block(format, value, FORMAT_BLOCK, block.q);
        put_block(format, &block, column / FORMAT_BLOCK, columns, row);
        break;
    }
    return format_holds(format, value, count);
}

bool pack_table_rows(WeightFormat format, const double *rows, int64_t count, int64_t columns,
                     int64_t panel, float *words) {
    const int64_t stride = layout_row_words(format, columns, panel);
    bool is_held = true;
    memset(words, 0, (size_t)(count * stride) * sizeof *words);
    for (int64_t n = 0; n < count; n++, rows += columns, words += stride)
        for (int64_t c = 0; c < columns; c += FORMAT_BLOCK) {
            const int64_t length = columns - c < FORMAT_BLOCK ? columns - c : FORMAT_BLOCK;
            is_held &= put_values(format, rows + c, length, c, columns, words);
        }
    return is_held;
}

/* ---- as stored ---- */

static bool put_halves(WeightFormat format, const uint16_t *halves, int64_t columns, float *row) {
    bool is_finite = true;
    memcpy(row, halves, (size_t)columns * sizeof *halves);
    for (int64_t c = 0; c < columns; c++) is_finite &= format_half_is_finite(format, halves[c]);
    return is_finite;
}

static bool put_blocks(WeightFormat format, const FormatBlock *block, int64_t columns, float *row) {
    bool is_finite = true;
    for (int64_t i = 0; i < columns / FORMAT_BLOCK; i++) {
        put_block(format, &block[i], i, columns, row);
        is_finite &= format_half_is_finite(FORMAT_f16, block[i].scale);
    }
    return is_finite;
}

bool pack_table_kept(WeightFormat format, const void *rows, int64_t count, int64_t columns,
                     int64_t panel, float *words) {
    const int64_t stride = layout_row_words(format, columns, panel);
    bool is_finite = true;
    memset(words, 0, (size_t)(count * stride) * sizeof *words);
    for (int64_t n = 0; n < count; n++, words += stride)
        is_finite &=
            format_has_blocks(format)
                ? put_blocks(format, (const FormatBlock *)rows + n * (columns / FORMAT_BLOCK),
                             columns, words)
                : put_halves(format, (const uint16_t *)rows + n * columns, columns, words);
    return is_finite;
}
