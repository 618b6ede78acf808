/* emit_tile.c - the register tile: the only inner loop of products, in projections and attention.
 *
 *   for i < depth:  for each panel, both vectors:  w = b[i]
 *                   for each row r:  acc[r] += broadcast(a[r][i]) * w
 *
 * rows * vectors accumulators, the vectors of b and one broadcast live in registers at a time. The
 * stride of a is a constant, so that one register addresses all rows. Products leave loads to
 * spare: with them a tile brings its part of the next panel near, some lines for each step of the
 * depth. Where a vector is of several registers, many rows go over the depth once for each of these
 * parts; one row takes all of them at a time, and so reads the weights in order.
 */
#include "codegen/emit/emit_kernel.h"
#include "codegen/emit/emit_words.h"

#include <stdio.h>

typedef struct {
    Value acc[SCHEDULE_MOST_ROWS][2 * SCHEDULE_MOST_PANELS];
    Value a, b, panel_stride, depth, c, c_stride, next;
    int64_t part;
} Tile;

/* Of a panel. */
static int64_t column(const Emit *e, const Tile *tile, int64_t vector) {
    return (2 * tile->part + vector % 2) * e->width;
}

static Value c_index(Emit *e, const Tile *tile, int64_t row, int64_t vector) {
    Value start = emit_mul(e, tile->c_stride, emit_int(e, row));
    return emit_add(e, start, emit_int(e, vector / 2 * e->panel + column(e, tile, vector)));
}

static void begin_sums(Emit *e, Tile *tile, TileShape shape) {
    for (int64_t r = 0; r < shape.rows; r++)
        for (int64_t v = 0; v < 2 * shape.panels; v++) {
            Value start = emit_vector(e, 0);
            if (shape.accumulates) start = emit_load(e, tile->c, c_index(e, tile, r, v));
            tile->acc[r][v] = emit_variable(e, e->vector, start);
        }
}

static void add_products(Emit *e, Tile *tile, TileShape shape, Value i) {
    Value w[2 * SCHEDULE_MOST_PANELS];
    Value at = emit_mul(e, i, emit_int(e, e->panel));
    for (int64_t v = 0; v < 2 * shape.panels; v++) {
        Value panel = emit_mul(e, tile->panel_stride, emit_int(e, v / 2));
        Value start = emit_add(e, at, emit_int(e, column(e, tile, v)));
        w[v] = emit_load(e, emit_at(e, tile->b, panel), start);
    }
    for (int64_t r = 0; r < shape.rows; r++) {
        Value row = emit_at(e, tile->a, i);
        Value x = emit_splat(e, emit_load_f32(e, row, emit_int(e, r * shape.stride)));
        for (int64_t v = 0; v < 2 * shape.panels; v++) {
            Value sum = emit_get(e, e->vector, tile->acc[r][v]);
            sum = shape.is_pairs ? emit_pair_dot(e, sum, x, w[v]) : emit_fma(e, x, w[v], sum);
            emit_set(e, tile->acc[r][v], sum);
        }
    }
}

static void add_range(Emit *e, Tile *tile, TileShape shape, Value from, Value to) {
    Loop loop = emit_loop(e, "i", from, to, emit_int(e, 1));
    add_products(e, tile, shape, loop.i);
    emit_loop_end(e, &loop);
}

static void add_all_products(Emit *e, Tile *tile, TileShape shape) {
    if (shape.prefetch == 0 || tile->part) {
        add_range(e, tile, shape, emit_int(e, 0), tile->depth);
        return;
    }
    Loop step = emit_loop(e, "step", emit_int(e, 0), tile->depth, emit_int(e, LINE_FLOATS));
    Value line = emit_mul(e, step.i, emit_int(e, shape.prefetch));
    for (int64_t panel = 0; panel < shape.panels; panel++)
        for (int64_t i = 0; i < shape.prefetch; i++) {
            Value next =
                emit_at(e, tile->next, emit_mul(e, tile->panel_stride, emit_int(e, panel)));
            emit_prefetch(e, next, emit_add(e, line, emit_int(e, i * LINE_FLOATS)));
        }
    add_range(e, tile, shape, step.i, emit_min(e, emit_add(e, step.i, step.step), tile->depth));
    emit_loop_end(e, &step);
}

static void store_sums(Emit *e, Tile *tile, TileShape shape) {
    for (int64_t r = 0; r < shape.rows; r++)
        for (int64_t v = 0; v < 2 * shape.panels; v++)
            emit_store(e, emit_get(e, e->vector, tile->acc[r][v]), tile->c, c_index(e, tile, r, v));
}

static void add_parts(Emit *e, Tile *tile, TileShape shape) {
    const int64_t parts = shape.rows == 1 ? 1 : e->machine->vector_parts;
    Emit of_part = parts == 1 ? *e : emit_parts(e);
    for (tile->part = 0; tile->part < parts; tile->part++) {
        begin_sums(&of_part, tile, shape);
        add_all_products(&of_part, tile, shape);
        store_sums(&of_part, tile, shape);
    }
}

static Value tile_function(Emit *e, TileShape shape) {
    char name[64];
    snprintf(name, sizeof name, "tile.%dx%d.stride%lld.prefetch%d%s%s", (int)shape.rows,
             (int)shape.panels, shape.rows > 1 ? (long long)shape.stride : 0, (int)shape.prefetch,
             shape.is_pairs ? ".pairs" : "", shape.accumulates ? ".add" : "");
    Value function = emit_function_find(e, name);
    if (function) return function;

    EmitPlace place = emit_leave(e);
    VType types[] = {e->pointer, e->pointer, e->i64, e->i64, e->pointer, e->i64, e->pointer};
    function = emit_function_begin(e, name, e->none, types, 7, (Loc){0});
    Tile tile = {.a = emit_argument(e, 0, "a"),
                 .b = emit_argument(e, 1, "b"),
                 .panel_stride = emit_argument(e, 2, "panel_stride"),
                 .depth = emit_argument(e, 3, "depth"),
                 .c = emit_argument(e, 4, "c"),
                 .c_stride = emit_argument(e, 5, "c_stride"),
                 .next = emit_argument(e, 6, "next")};
    add_parts(e, &tile, shape);
    emit_function_end(e);
    emit_return_to(e, place);
    return function;
}

void emit_tile(Emit *e, TileShape shape, Value a, Value b, Value panel_stride, Value depth, Value c,
               Value c_stride, Value next) {
    Value arguments[] = {a, b, panel_stride, depth, c, c_stride, next ? next : b};
    emit_call(e, tile_function(e, shape), arguments, 7);
}
