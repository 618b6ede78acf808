/* emit_packed.c - weights in fewer bits than a float: one row against them, and unpacking.
 *
 * A word holds values of one output for several k (layout.h). In blocks a value is
 * scale * (q - zero), made by one fused multiply-add of which no bit is lost: an f32 has room for
 * the 11 bits of the scale times 8 of q. So both ways of using them, in registers for one row and
 * unpacked for many, sum the same numbers in the same order.
 */
#include "codegen/emit/emit_kernel.h"
#include "codegen/emit/emit_words.h"

#include <stdio.h>

enum { MOST_VECTORS = 2 * SCHEDULE_MOST_PANELS };

/* ---- values of a word ---- */

typedef struct {
    Value scale, zero; /* zero: -scale * format_zero() */
} BlockScale;

static BlockScale load_scale(Emit *e, WeightFormat format, Value block, int64_t vector) {
    BlockScale s;
    s.scale = emit_load_halves(e, block, emit_int(e, vector * e->width / 2));
    s.zero = emit_fmul(e, s.scale, emit_vector(e, -format_zero(format)));
    return s;
}

static int64_t values_of_word(WeightFormat format) {
    return 32 / format_bits(format);
}

static Value word_value(Emit *e, WeightFormat format, Value words, int64_t i, BlockScale s) {
    if (format == FORMAT_bf16 && i == 0)
        return emit_words_as_floats(e, emit_word_shift_left(e, words, 16));
    if (format == FORMAT_bf16)
        return emit_words_as_floats(e, emit_word_bits(e, words, 0, 0xffff0000));
    const bool is_q4 = format == FORMAT_q4;
    const int64_t shift = !is_q4 ? 8 * i : i < 4 ? 8 * i : 8 * (i - 4) + 4;
    Value q = emit_word_bits(e, words, shift, is_q4 ? 15 : 255);
    return emit_fma(e, emit_lanes_to_float(e, q), s.scale, s.zero);
}

/* ---- one row ---- */

typedef struct {
    WeightFormat format;
    int64_t panels;
    Value acc[MOST_VECTORS];
    Value a, b, panel_words;
} RowTile;

/* The place of vector v in what begins at b + at. */
static Value vector_place(Emit *e, const RowTile *tile, Value at, int64_t v) {
    Value panel = emit_mul(e, tile->panel_words, emit_int(e, v / 2));
    return emit_at(e, tile->b, emit_add(e, panel, at));
}

/* Products of the first `count` values of the words at b + at, with a[k] and after. */
static void add_words(Emit *e, RowTile *tile, Value at, Value k, int64_t count,
                      const BlockScale *scale) {
    Value words[MOST_VECTORS];
    for (int64_t v = 0; v < 2 * tile->panels; v++)
        words[v] = emit_load_words(e, vector_place(e, tile, at, v), emit_int(e, v % 2 * e->width));
    for (int64_t i = 0; i < count; i++) {
        Value x = emit_splat(e, emit_load_f32(e, tile->a, emit_add(e, k, emit_int(e, i))));
        for (int64_t v = 0; v < 2 * tile->panels; v++) {
            Value w = word_value(e, tile->format, words[v], i, scale[v]);
            Value sum = emit_get(e, e->vector, tile->acc[v]);
            emit_set(e, tile->acc[v], emit_fma(e, x, w, sum));
        }
    }
}

static void load_scales(Emit *e, const RowTile *tile, Value at, BlockScale *scale) {
    for (int64_t v = 0; v < 2 * tile->panels; v++)
        scale[v] = load_scale(e, tile->format, vector_place(e, tile, at, v), v % 2);
}

/* The last, shorter block: values after it may be anything in a. */
static void add_rest(Emit *e, RowTile *tile, int64_t depth, int64_t from) {
    BlockScale scale[MOST_VECTORS] = {{0}};
    Value at = emit_int(e, layout_panel_words(tile->format, from, e->panel));
    if (format_has_blocks(tile->format)) {
        load_scales(e, tile, at, scale);
        at = emit_add(e, at, emit_int(e, e->panel / 2));
    }
    const int64_t per_word = values_of_word(tile->format);
    for (int64_t k = from; k < depth; k += per_word) {
        const int64_t count = depth - k < per_word ? depth - k : per_word;
        add_words(e, tile, at, emit_int(e, k), count, scale);
        at = emit_add(e, at, emit_int(e, e->panel));
    }
}

static void add_blocks(Emit *e, RowTile *tile, int64_t depth) {
    const int64_t per_word = values_of_word(tile->format);
    const int64_t whole = depth / FORMAT_BLOCK * FORMAT_BLOCK;
    const int64_t words = layout_panel_words(tile->format, FORMAT_BLOCK, e->panel);
    Loop block =
        emit_loop(e, "block", emit_int(e, 0), emit_int(e, whole / FORMAT_BLOCK), emit_int(e, 1));
    BlockScale scale[MOST_VECTORS] = {{0}};
    Value at = emit_mul(e, block.i, emit_int(e, words));
    Value k = emit_mul(e, block.i, emit_int(e, FORMAT_BLOCK));
    if (format_has_blocks(tile->format)) {
        load_scales(e, tile, at, scale);
        at = emit_add(e, at, emit_int(e, e->panel / 2));
    }
    Loop word =
        emit_loop(e, "word", emit_int(e, 0), emit_int(e, FORMAT_BLOCK / per_word), emit_int(e, 1));
    add_words(e, tile, emit_add(e, at, emit_mul(e, word.i, emit_int(e, e->panel))),
              emit_add(e, k, emit_mul(e, word.i, emit_int(e, per_word))), per_word, scale);
    emit_loop_end(e, &word);
    emit_loop_end(e, &block);
    if (whole < depth) add_rest(e, tile, depth, whole);
}

void emit_packed_row(Emit *e, PackedShape shape, Value a, Value b, Value c) {
    char name[64];
    snprintf(name, sizeof name, "row.bits%d.x%d.depth%lld", format_bits(shape.format),
             (int)shape.panels, (long long)shape.depth);
    Value function = emit_function_find(e, name);
    if (!function) {
        EmitPlace place = emit_leave(e);
        VType types[] = {e->pointer, e->pointer, e->pointer};
        function = emit_function_begin(e, name, e->none, types, 3, (Loc){0});
        RowTile tile = {.format = shape.format, .panels = shape.panels};
        tile.a = emit_argument(e, 0, "a");
        tile.b = emit_argument(e, 1, "b");
        tile.panel_words = emit_int(e, layout_panel_words(shape.format, shape.depth, e->panel));
        for (int64_t v = 0; v < 2 * shape.panels; v++)
            tile.acc[v] = emit_variable(e, e->vector, emit_vector(e, 0));
        add_blocks(e, &tile, shape.depth);
        Value out = emit_argument(e, 2, "c");
        for (int64_t v = 0; v < 2 * shape.panels; v++)
            emit_store(e, emit_get(e, e->vector, tile.acc[v]), out, emit_int(e, v * e->width));
        emit_function_end(e);
        emit_return_to(e, place);
    }
    emit_call(e, function, (Value[]){a, b, c}, 3);
}

/* ---- unpacking ---- */

/* A block from `from` on becomes rows of floats at `to`. */
static void unpack_block(Emit *e, WeightFormat format, Value from, Value to) {
    const int64_t per_word = values_of_word(format);
    BlockScale scale[2] = {{0}};
    if (format_has_blocks(format)) {
        for (int64_t v = 0; v < 2; v++) scale[v] = load_scale(e, format, from, v);
        from = emit_at(e, from, emit_int(e, e->panel / 2));
    }
    Loop word =
        emit_loop(e, "word", emit_int(e, 0), emit_int(e, FORMAT_BLOCK / per_word), emit_int(e, 1));
    Value in = emit_at(e, from, emit_mul(e, word.i, emit_int(e, e->panel)));
    Value out = emit_at(e, to, emit_mul(e, word.i, emit_int(e, per_word * e->panel)));
    for (int64_t v = 0; v < 2; v++) {
        Value words = emit_load_words(e, in, emit_int(e, v * e->width));
        for (int64_t i = 0; i < per_word; i++)
            emit_store(e, word_value(e, format, words, i, scale[v]), out,
                       emit_int(e, i * e->panel + v * e->width));
    }
    emit_loop_end(e, &word);
}

void emit_unpack(Emit *e, WeightFormat format, Value from, Value to, Value depth) {
    char name[64];
    snprintf(name, sizeof name, "unpack.bits%d", format_bits(format));
    Value function = emit_function_find(e, name);
    if (!function) {
        EmitPlace place = emit_leave(e);
        VType types[] = {e->pointer, e->pointer, e->i64};
        function = emit_function_begin(e, name, e->none, types, 3, (Loc){0});
        const int64_t words = layout_panel_words(format, FORMAT_BLOCK, e->panel);
        Value in = emit_argument(e, 0, "from"), out = emit_argument(e, 1, "to");
        Loop k = emit_loop(e, "k", emit_int(e, 0), emit_argument(e, 2, "depth"),
                           emit_int(e, FORMAT_BLOCK));
        Value block = emit_div(e, k.i, emit_int(e, FORMAT_BLOCK));
        unpack_block(e, format, emit_at(e, in, emit_mul(e, block, emit_int(e, words))),
                     emit_at(e, out, emit_mul(e, k.i, emit_int(e, e->panel))));
        emit_loop_end(e, &k);
        emit_function_end(e);
        emit_return_to(e, place);
    }
    emit_call(e, function, (Value[]){from, to, depth}, 3);
}

/* ---- one lane ---- */

/* The first `count` values of a block: in all lanes of a vector, of which one is stored. */
static void unpack_lane_of_block(Emit *e, WeightFormat format, Value block, Value lane, Value to,
                                 int64_t count) {
    const int64_t per_word = values_of_word(format);
    BlockScale scale = {0};
    if (format_has_blocks(format)) {
        scale.scale = emit_splat_half(e, block, lane);
        scale.zero = emit_fmul(e, scale.scale, emit_vector(e, -format_zero(format)));
        block = emit_at(e, block, emit_int(e, e->panel / 2));
    }
    for (int64_t i = 0; i < count; i++) {
        Value at = emit_add(e, lane, emit_int(e, i / per_word * e->panel));
        Value words = emit_splat_word(e, block, at);
        Value value = word_value(e, format, words, i % per_word, scale);
        emit_store(e, emit_first_lane(e, value), to, emit_int(e, i));
    }
}

static void copy_lane(Emit *e, Value panel, Value lane, Value to, int64_t depth) {
    Loop k = emit_loop(e, "k", emit_int(e, 0), emit_int(e, depth), emit_int(e, 1));
    Value at = emit_add(e, emit_mul(e, k.i, emit_int(e, e->panel)), lane);
    emit_store(e, emit_load_f32(e, panel, at), to, k.i);
    emit_loop_end(e, &k);
}

void emit_unpack_lane(Emit *e, WeightFormat format, Value panel, Value lane, Value to,
                      int64_t depth) {
    if (format == FORMAT_f32) {
        copy_lane(e, panel, lane, to, depth);
        return;
    }
    const int64_t whole = depth / FORMAT_BLOCK, rest = depth % FORMAT_BLOCK;
    Value words = emit_int(e, layout_panel_words(format, FORMAT_BLOCK, e->panel));
    Loop block = emit_loop(e, "block", emit_int(e, 0), emit_int(e, whole), emit_int(e, 1));
    unpack_lane_of_block(e, format, emit_at(e, panel, emit_mul(e, block.i, words)), lane,
                         emit_at(e, to, emit_mul(e, block.i, emit_int(e, FORMAT_BLOCK))),
                         FORMAT_BLOCK);
    emit_loop_end(e, &block);
    if (!rest) return;
    Value last = emit_int(e, whole);
    unpack_lane_of_block(e, format, emit_at(e, panel, emit_mul(e, last, words)), lane,
                         emit_at(e, to, emit_int(e, whole * FORMAT_BLOCK)), rest);
}
