/* emit_bytes.c - products of bytes: rows rounded to blocks of 32, and the tile that multiplies
 * them.
 *
 *   y[n] = sum over blocks of w_scale[n] * x_scale * (sum over k of (u[n][k] - 128) * q[k])
 *
 * The inner sum is exact; the outer one goes in order of the blocks, by fused multiply-adds. Four
 * bits of q4 are the upper half of a byte, 16 times as large as they should be: the scale makes up
 * for it.
 */
#include "codegen/emit/emit_kernel.h"
#include "codegen/emit/emit_words.h"

#include <stdio.h>

enum {
    MOST_ROWS = SCHEDULE_MOST_ROWS,
    MOST_VECTORS = 2 * SCHEDULE_MOST_PANELS,
    BLOCK_WORDS = FORMAT_BLOCK / 4
};

/* ---- rounding a row ---- */

typedef struct {
    RowNorm norm;
    Value to;
    int64_t columns, blocks;
} Rounding;

/* Column `at` and after of the block, of which `lanes` are there: 0 elsewhere. */
static Value normed(Emit *e, const Rounding *r, Value at, int64_t lanes) {
    if (lanes <= 0) return emit_vector(e, 0);
    return emit_normed(e, &r->norm, at, lanes < e->width ? lanes : e->width);
}

/* Adding 1.5 * 2^23 leaves the nearest integer in the low bits of a float. */
static void round_block(Emit *e, const Rounding *r, Value block, int64_t count) {
    const int64_t vectors = FORMAT_BLOCK / e->width;
    const double shift = 12582912;
    Value x[FORMAT_BLOCK], most = emit_vector(e, 0), sum = emit_vector(e, 0);
    Value first = emit_mul(e, block, emit_int(e, FORMAT_BLOCK));
    for (int64_t v = 0; v < vectors; v++) {
        Value at = emit_add(e, first, emit_int(e, v * e->width));
        x[v] = normed(e, r, at, count - v * e->width);
        most = emit_fmax(e, emit_fabs(e, x[v]), most);
    }
    Value largest = emit_largest(e, most);
    Value is_zero = emit_fless(e, largest, emit_f32(e, (double)FORMAT_SMALLEST));
    Value inverse = emit_fdiv(e, emit_f32(e, 127), largest);
    inverse = emit_splat(e, emit_select(e, is_zero, emit_f32(e, 0), inverse));
    Value words = emit_mul(e, block, emit_int(e, BLOCK_WORDS));
    for (int64_t v = 0; v < vectors; v++) {
        Value shifted = emit_fadd(e, emit_fmul(e, x[v], inverse), emit_vector(e, shift));
        emit_store_bytes(e, emit_floats_as_words(e, shifted), r->to,
                         emit_add(e, words, emit_int(e, v * e->width / 4)));
        sum = emit_fadd(e, sum, emit_fsub(e, shifted, emit_vector(e, shift)));
    }
    /* Bytes cannot say that a value is no number: the scale does. */
    Value total = emit_fmul(e, emit_sum(e, sum), emit_f32(e, -128));
    Value scale = emit_fma(e, total, emit_f32(e, 0), emit_fdiv(e, largest, emit_f32(e, 127)));
    Value at = emit_add(e, block, emit_int(e, r->blocks * BLOCK_WORDS));
    emit_store(e, scale, r->to, at);
    emit_store(e, emit_word_of(e, total), r->to, emit_add(e, at, emit_int(e, r->blocks)));
}

static void round_pairs(Emit *e, const Rounding *r, Value block, int64_t count) {
    Value first = emit_mul(e, block, emit_int(e, FORMAT_BLOCK));
    Value words = emit_mul(e, block, emit_int(e, FORMAT_BLOCK / 2));
    for (int64_t c = 0; c < FORMAT_BLOCK; c += e->width) {
        Value x = normed(e, r, emit_add(e, first, emit_int(e, c)), count - c);
        emit_store_bf16(e, x, r->to, emit_add(e, words, emit_int(e, c / 2)));
    }
}

void emit_round_row(KernelEmit *k, const Node *node, Value from, Value to) {
    Emit *e = k->e;
    const int64_t columns = node->type.dim[1], whole = columns / FORMAT_BLOCK;
    Rounding r = {.to = to, .columns = columns};
    r.norm = emit_row_norm(k, node, from, columns, emit_int(e, 0));
    r.blocks = (columns + FORMAT_BLOCK - 1) / FORMAT_BLOCK;
    void (*round)(Emit * e, const Rounding *r, Value block, int64_t count) =
        node->attr.format == FORMAT_bf16 ? round_pairs : round_block;
    Loop block = emit_loop(e, "block", emit_int(e, 0), emit_int(e, whole), emit_int(e, 1));
    round(e, &r, block.i, FORMAT_BLOCK);
    emit_loop_end(e, &block);
    if (whole < r.blocks) round(e, &r, emit_int(e, whole), columns - whole * FORMAT_BLOCK);
}

/* ---- the tile ---- */

typedef struct {
    ByteShape shape;
    int64_t vectors;
    Value a, b, panel_stride, from, to, c, c_stride;
    NextBytes next;
    Value acc[MOST_ROWS][MOST_VECTORS];
} ByteTile;

static bool is_nibbles(const ByteShape *shape) {
    return shape->format == FORMAT_q4 && !shape->is_unpacked;
}

static int64_t block_words(const Emit *e, const ByteShape *shape) {
    return layout_panel_words(is_nibbles(shape) ? FORMAT_q4 : FORMAT_q8, FORMAT_BLOCK, e->panel);
}

/* Word `at` of block i of row r. */
static Value row_place(Emit *e, const ByteTile *t, int64_t r, Value at, int64_t offset) {
    return emit_add(e, at, emit_int(e, r * t->shape.stride + offset));
}

static Value vector_at(Emit *e, const ByteTile *t, int64_t v, Value at) {
    Value panel = emit_mul(e, t->panel_stride, emit_int(e, v / 2));
    return emit_at(e, t->b, emit_add(e, panel, at));
}

static Value c_place(Emit *e, const ByteTile *t, int64_t r, int64_t v) {
    return emit_add(e, emit_mul(e, t->c_stride, emit_int(e, r)), emit_int(e, v * e->width));
}

/* The bytes of word j of a block, of vector v. */
static Value weight_bytes(Emit *e, const ByteTile *t, Value at, int64_t v, int64_t j) {
    const int64_t word = e->panel / 2 + (is_nibbles(&t->shape) ? j / 2 : j) * e->panel;
    Value w = emit_load_words(e, vector_at(e, t, v, at), emit_int(e, word + v % 2 * e->width));
    if (!is_nibbles(&t->shape)) return w;
    if (j % 2 == 0) w = emit_word_shift_left(e, w, 4);
    return emit_word_bits(e, w, 0, 0xf0f0f0f0);
}

static void multiply_words(Emit *e, ByteTile *t, Value i, Value at,
                           Value sum[MOST_ROWS][MOST_VECTORS]) {
    Value words = emit_mul(e, i, emit_int(e, BLOCK_WORDS));
    for (int64_t j = 0; j < BLOCK_WORDS; j++) {
        Value w[MOST_VECTORS];
        for (int64_t v = 0; v < t->vectors; v++) w[v] = weight_bytes(e, t, at, v, j);
        for (int64_t r = 0; r < t->shape.rows; r++) {
            Value x = emit_splat_word(e, t->a, row_place(e, t, r, words, j));
            for (int64_t v = 0; v < t->vectors; v++)
                sum[r][v] = emit_byte_dot(e, sum[r][v], w[v], x);
        }
    }
}

static void bring_next(Emit *e, const ByteTile *t, Value at) {
    Value end = emit_mul(e, t->next.lines, emit_int(e, LINE_FLOATS));
    Loop line = emit_loop(e, "line", emit_int(e, 0), end, emit_int(e, LINE_FLOATS));
    emit_prefetch(e, t->next.at, emit_add(e, at, line.i));
    emit_loop_end(e, &line);
}

static void add_block(Emit *e, ByteTile *t, Value i) {
    Value sum[MOST_ROWS][MOST_VECTORS], scale[MOST_VECTORS];
    const int64_t scales = t->shape.blocks * BLOCK_WORDS;
    Value at = emit_mul(e, emit_sub(e, i, t->from), emit_int(e, block_words(e, &t->shape)));
    if (t->shape.has_next) bring_next(e, t, at);
    for (int64_t r = 0; r < t->shape.rows; r++) {
        Value start = emit_byte_sum(e, t->a, row_place(e, t, r, i, scales + t->shape.blocks));
        for (int64_t v = 0; v < t->vectors; v++) sum[r][v] = start;
    }
    multiply_words(e, t, i, at, sum);
    for (int64_t v = 0; v < t->vectors; v++) {
        scale[v] = emit_load_halves(e, vector_at(e, t, v, at), emit_int(e, v % 2 * e->width / 2));
        if (t->shape.format == FORMAT_q4)
            scale[v] = emit_fmul(e, scale[v], emit_vector(e, 1 / 16.0));
    }
    for (int64_t r = 0; r < t->shape.rows; r++) {
        Value x = emit_splat(e, emit_load_f32(e, t->a, row_place(e, t, r, i, scales)));
        for (int64_t v = 0; v < t->vectors; v++) {
            Value acc = emit_get(e, e->vector, t->acc[r][v]);
            Value exact = emit_lanes_to_float(e, sum[r][v]);
            emit_set(e, t->acc[r][v], emit_fma(e, exact, emit_fmul(e, scale[v], x), acc));
        }
    }
}

static void tile_body(Emit *e, ByteTile *t) {
    for (int64_t r = 0; r < t->shape.rows; r++)
        for (int64_t v = 0; v < t->vectors; v++) {
            Value start = emit_vector(e, 0);
            if (t->shape.accumulates) start = emit_load(e, t->c, c_place(e, t, r, v));
            t->acc[r][v] = emit_variable(e, e->vector, start);
        }
    Loop block = emit_loop(e, "block", t->from, t->to, emit_int(e, 1));
    add_block(e, t, block.i);
    emit_loop_end(e, &block);
    for (int64_t r = 0; r < t->shape.rows; r++)
        for (int64_t v = 0; v < t->vectors; v++)
            emit_store(e, emit_get(e, e->vector, t->acc[r][v]), t->c, c_place(e, t, r, v));
}

static Value tile_function(Emit *e, ByteShape shape) {
    char name[96];
    snprintf(name, sizeof name, "bytes.%s%s.%dx%d.blocks%lld.stride%lld%s%s",
             shape.format == FORMAT_q4 ? "q4" : "q8", shape.is_unpacked ? ".unpacked" : "",
             (int)shape.rows, (int)shape.panels, (long long)shape.blocks,
             shape.rows > 1 ? (long long)shape.stride : 0, shape.accumulates ? ".add" : "",
             shape.has_next ? ".next" : "");
    Value function = emit_function_find(e, name);
    if (function) return function;
    EmitPlace place = emit_leave(e);
    VType types[] = {e->pointer, e->pointer, e->i64,     e->i64, e->i64,
                     e->pointer, e->i64,     e->pointer, e->i64};
    const int count = shape.has_next ? 9 : 7;
    function = emit_function_begin(e, name, e->none, types, count, (Loc){0});
    ByteTile t = {.shape = shape,
                  .vectors = 2 * shape.panels,
                  .a = emit_argument(e, 0, "a"),
                  .b = emit_argument(e, 1, "b"),
                  .panel_stride = emit_argument(e, 2, "panel_stride"),
                  .from = emit_argument(e, 3, "from"),
                  .to = emit_argument(e, 4, "to"),
                  .c = emit_argument(e, 5, "c"),
                  .c_stride = emit_argument(e, 6, "c_stride")};
    if (shape.has_next)
        t.next = (NextBytes){emit_argument(e, 7, "next"), emit_argument(e, 8, "lines")};
    tile_body(e, &t);
    emit_function_end(e);
    emit_return_to(e, place);
    return function;
}

void emit_byte_tile(Emit *e, ByteShape shape, Value a, Value b, Value panel_stride, Value from,
                    Value to, Value c, Value c_stride, NextBytes next) {
    Value arguments[] = {a, b, panel_stride, from, to, c, c_stride, next.at, next.lines};
    emit_call(e, tile_function(e, shape), arguments, shape.has_next ? 9 : 7);
}

/* ---- unpacking ---- */

static void unpack_block(Emit *e, Value from, Value to) {
    const int64_t scales = e->panel / 2;
    for (int64_t v = 0; v < 2; v++) emit_store_halves(e, from, to, emit_int(e, v * e->width / 2));
    for (int64_t j = 0; j < BLOCK_WORDS; j++)
        for (int64_t v = 0; v < 2; v++) {
            const int64_t in = scales + j / 2 * e->panel + v * e->width;
            Value w = emit_load_words(e, from, emit_int(e, in));
            if (j % 2 == 0) w = emit_word_shift_left(e, w, 4);
            emit_store(e, emit_word_bits(e, w, 0, 0xf0f0f0f0), to,
                       emit_int(e, scales + j * e->panel + v * e->width));
        }
}

void emit_unpack_bytes(Emit *e, Value from, Value to, Value blocks) {
    static const char name[] = "unpack.bytes";
    Value function = emit_function_find(e, name);
    if (!function) {
        EmitPlace place = emit_leave(e);
        VType types[] = {e->pointer, e->pointer, e->i64};
        function = emit_function_begin(e, name, e->none, types, 3, (Loc){0});
        Value in = emit_argument(e, 0, "from"), out = emit_argument(e, 1, "to");
        Loop block =
            emit_loop(e, "block", emit_int(e, 0), emit_argument(e, 2, "blocks"), emit_int(e, 1));
        Value small = emit_int(e, layout_panel_words(FORMAT_q4, FORMAT_BLOCK, e->panel));
        Value large = emit_int(e, layout_panel_words(FORMAT_q8, FORMAT_BLOCK, e->panel));
        unpack_block(e, emit_at(e, in, emit_mul(e, block.i, small)),
                     emit_at(e, out, emit_mul(e, block.i, large)));
        emit_loop_end(e, &block);
        emit_function_end(e);
        emit_return_to(e, place);
    }
    emit_call(e, function, (Value[]){from, to, blocks}, 3);
}
