/* emit_attention.c - attention by an online softmax (Milakov and Gimelshein 2018), in blocks of
 * keys.
 *
 *   for each tile of rows (tokens of a head; when there is one token, heads that share keys):
 *     m = -inf, l = 0, o = 0
 *     for each block of keys that a row may see:
 *       s = scale q . k, softcap, ALiBi, mask          tile product with the key panels
 *       m' = max(m, max s);  p = exp(s - m');  c = exp(m - m')
 *       l = c l + sum p;  o = c o + p v;  m = m'        tile product with the value panels
 *     out = o / l
 *
 * A masked key has p = 0 exactly, but 0 * v is not 0 where v is infinite or no number. So the tile
 * product takes the keys that all rows of the tile see; those at its edges, as many as there are
 * rows, go to each row that sees them. A row does not depend on what it does not see, nor on how
 * far the other rows of its tile can see.
 *
 * Keys are counted by position. A ring holds whole blocks, so that only a block's first key has to
 * be looked for: what else is in its block and was overwritten is before every window.
 */
#include "codegen/emit/emit_kernel.h"
#include "codegen/emit/scratch.h"
#include "ir/positions.h"

#include <assert.h>
#include <math.h>

typedef struct {
    const Node *node;
    int64_t heads, kv_heads, group; /* group: query heads that share a key head */
    int64_t head_dim, padded_dim, keys;
    int64_t key_rows, value_rows; /* of the caches */
    int64_t rows;                 /* of a tile */
    bool is_one;                  /* one token: rows are heads */
    Value q, out, key_cache, value_cache;
    int64_t q_stride, out_stride;
    Value scores, sums, largest, total; /* scratch: [rows][keys], [rows][padded_dim], [rows] x 2 */
    Value slopes;                       /* ALiBi, [heads], or null */
} Attention;

/* A tile: `count` rows from token `token` of head `head`, whose keys are those of `kv_head`. */
typedef struct {
    Value token, head, kv_head, count;
} TileRows;

static Value slope_table(KernelEmit *k, const Attrs *attr) {
    const int64_t heads = attr->heads;
    Value *slopes = ARENA_ARRAY(k->kernel->graph->arena, Value, (size_t)heads);
    for (int64_t h = 0; h < heads; h++) slopes[h] = emit_f32(k->e, positions_slope(attr, h));
    return emit_table(k->e, slopes, heads);
}

/* ---- one row of scores in place: softcap, bias, mask, and the online softmax's step ---- */

typedef struct {
    Value position, first_key; /* of the row; of the block */
    Value slope;               /* or null */
    Value base, shift, sum, largest;
} ScoreRow;

/* -inf where a key is out of sight; distance = key - query. */
static Value masked(KernelEmit *k, const Attention *a, Value s, Value distance, Value key) {
    Emit *e = k->e;
    const int64_t far = IR_MAX_CONTEXT, window = a->node->attr.window;
    const int64_t behind = window ? window : far, ahead = a->node->attr.causal ? 1 : behind;
    Value seen = emit_lanes_between(e, distance, 1 - behind, ahead);
    if (!a->node->attr.causal) { /* positions after the last token hold nothing */
        Value to_end = emit_sub(e, key, emit_add(e, k->position, k->tokens));
        seen = emit_both(e, seen, emit_lanes_between(e, emit_lanes_from(e, to_end), -far, 0));
    }
    return emit_select(e, seen, s, emit_vector(e, -INFINITY));
}

static Value biased(KernelEmit *k, Value s, Value slope, Value distance) {
    Emit *e = k->e;
    Value steps = emit_fabs(e, emit_lanes_to_float(e, distance));
    Value minus = emit_fsub(e, emit_vector(e, 0), emit_splat(e, slope));
    return emit_fma(e, minus, steps, s);
}

/* First pass over a row: final scores stored, their largest kept. */
static void finish_scores(KernelEmit *k, const Attention *a, const ScoreRow *r) {
    Emit *e = k->e;
    Loop c = emit_loop(e, "c", emit_int(e, 0), emit_int(e, a->keys), emit_int(e, e->width));
    Value s = emit_load(e, r->base, c.i);
    Value key = emit_add(e, r->first_key, c.i);
    Value distance = emit_lanes_from(e, emit_sub(e, key, r->position));
    s = emit_fmul(e, s, emit_vector(e, a->node->attr.scale));
    if (a->node->attr.softcap > 0) {
        Value cap = emit_vector(e, a->node->attr.softcap);
        s = emit_fmul(e, s, emit_vector(e, 1 / a->node->attr.softcap));
        s = emit_fmul(e, emit_tanh(e, s), cap);
    }
    if (r->slope) s = biased(k, s, r->slope, distance);
    s = masked(k, a, s, distance, key);
    emit_store(e, s, r->base, c.i);
    emit_set(e, r->largest, emit_fmax(e, s, emit_get(e, e->vector, r->largest)));
    emit_loop_end(e, &c);
}

/* Second pass: scores become exp(s - shift), their sum is kept. */
static void exponentiate(KernelEmit *k, const Attention *a, const ScoreRow *r) {
    Emit *e = k->e;
    Loop c = emit_loop(e, "c", emit_int(e, 0), emit_int(e, a->keys), emit_int(e, e->width));
    Value p = emit_exp(e, emit_fsub(e, emit_load(e, r->base, c.i), emit_splat(e, r->shift)));
    emit_store(e, p, r->base, c.i);
    emit_set(e, r->sum, emit_fadd(e, emit_get(e, e->vector, r->sum), p));
    emit_loop_end(e, &c);
}

static void rescale_sums(KernelEmit *k, const Attention *a, Value row, Value factor) {
    Emit *e = k->e;
    Value base = emit_at(e, a->sums, emit_mul(e, row, emit_int(e, a->padded_dim)));
    Loop c = emit_loop(e, "c", emit_int(e, 0), emit_int(e, a->padded_dim), emit_int(e, e->width));
    Value scaled = emit_fmul(e, emit_load(e, base, c.i), emit_splat(e, factor));
    emit_store(e, scaled, base, c.i);
    emit_loop_end(e, &c);
}

/* Of a row of a tile. */
static Value head_of(Emit *e, const Attention *a, const TileRows *tile, Value row) {
    return a->is_one ? emit_add(e, tile->head, row) : tile->head;
}

static Value token_of(Emit *e, const Attention *a, const TileRows *tile, Value row) {
    return a->is_one ? tile->token : emit_add(e, tile->token, row);
}

static void softmax_step(KernelEmit *k, const Attention *a, const TileRows *tile, Value row,
                         Value first_key, Value count) {
    Emit *e = k->e;
    Value head = head_of(e, a, tile, row), token = token_of(e, a, tile, row);
    ScoreRow r = {.position = emit_add(e, k->position, token),
                  .first_key = first_key,
                  .base = emit_at(e, a->scores, emit_mul(e, row, emit_int(e, a->keys))),
                  .largest = emit_variable(e, e->vector, emit_vector(e, -INFINITY)),
                  .sum = emit_variable(e, e->vector, emit_vector(e, 0))};
    if (a->slopes) r.slope = emit_load_f32(e, a->slopes, head);
    finish_scores(k, a, &r);
    if (emit_keeps_scores(k)) emit_keep_scores(k, token, head, r.base, first_key, count);

    Value before = emit_load_f32(e, a->largest, row);
    Value largest = emit_fmax(e, emit_largest(e, emit_get(e, e->vector, r.largest)), before);
    Value has_seen = emit_fless(e, emit_f32(e, -INFINITY), largest);
    r.shift = emit_select(e, has_seen, largest, emit_f32(e, 0));
    exponentiate(k, a, &r);
    Value factor = emit_exp(e, emit_fsub(e, before, r.shift));
    Value total = emit_fmul(e, emit_load_f32(e, a->total, row), factor);
    total = emit_fadd(e, total, emit_sum(e, emit_get(e, e->vector, r.sum)));
    emit_store(e, total, a->total, row);
    emit_store(e, largest, a->largest, row);
    rescale_sums(k, a, row, factor);
}

/* ---- a block of keys ---- */

/* Panels that a tile takes at once, `most` of them: few rows have registers for several, and their
 * sums do not wait for one another. */
static int64_t panels_at_once(const Emit *e, const Attention *a, int64_t most) {
    enum { VECTORS_OF_PANEL = 2 };
    const int64_t parts = a->rows == 1 ? e->machine->vector_parts : 1;
    int64_t panels = 1;
    while (2 * panels <= most &&
           a->rows * 2 * panels * VECTORS_OF_PANEL * parts <= e->machine->vector_registers / 2)
        panels *= 2;
    return panels;
}

/* A product of a tile's rows with panels side by side. */
typedef struct {
    TileShape tile;
    Value a, b, panel_stride, depth, c, c_stride;
} Product;

static void multiply_panels(Emit *e, const Product *p, Value from, Value to, int64_t at_once) {
    TileShape tile = p->tile;
    tile.panels = at_once;
    Loop j = emit_loop(e, "j", from, to, emit_int(e, at_once));
    emit_tile(e, tile, p->a, emit_at(e, p->b, emit_mul(e, j.i, p->panel_stride)), p->panel_stride,
              p->depth, emit_at(e, p->c, emit_mul(e, j.i, emit_int(e, e->panel))), p->c_stride,
              NULL);
    emit_loop_end(e, &j);
}

/* As many panels at once as may be, then the rest one by one. */
static void multiply(Emit *e, const Attention *a, const Product *p, Value panels, int64_t most) {
    const int64_t at_once = panels_at_once(e, a, most);
    Value whole = emit_sub(e, panels, emit_rem(e, panels, emit_int(e, at_once)));
    multiply_panels(e, p, emit_int(e, 0), whole, at_once);
    if (at_once > 1) multiply_panels(e, p, whole, panels, 1);
}

static void score_block(KernelEmit *k, const Attention *a, Value q, Value keys, Value first_row,
                        Value count) {
    Emit *e = k->e;
    Value panel_floats = emit_int(e, a->head_dim * e->panel);
    Value start = emit_mul(e, emit_div(e, first_row, emit_int(e, e->panel)), panel_floats);
    Value used = emit_add(e, count, emit_int(e, e->panel - 1));
    const Product p = {.tile = {a->rows, 1, a->is_one ? a->head_dim : a->q_stride, false, 0, false},
                       .a = q,
                       .b = emit_at(e, keys, start),
                       .panel_stride = panel_floats,
                       .depth = emit_int(e, a->head_dim),
                       .c = a->scores,
                       .c_stride = emit_int(e, a->keys)};
    multiply(e, a, &p, emit_div(e, used, emit_int(e, e->panel)), a->keys / e->panel);
}

/* What mixing needs of a block. */
typedef struct {
    Value values, first_key;
    Value first_row; /* of the cache of values, where the first key is */
    Range seen;      /* keys of the block that all rows of the tile see */
    Value end;
} ValueBlock;

/* Values of a key from column `panel` * e->panel on. */
static Value value_at(Emit *e, const Attention *a, const ValueBlock *b, Value key, Value panel) {
    Value row = key;
    if (b->first_row != b->first_key)
        row = emit_add(e, b->first_row, emit_sub(e, key, b->first_key));
    Value start = emit_add(e, emit_mul(e, panel, emit_int(e, a->value_rows)), row);
    return emit_at(e, b->values, emit_mul(e, start, emit_int(e, e->panel)));
}

static void mix_seen_by_all(KernelEmit *k, const Attention *a, const ValueBlock *b) {
    Emit *e = k->e;
    const Product p = {.tile = {a->rows, 1, a->keys, true, 0, false},
                       .a = emit_at(e, a->scores, emit_sub(e, b->seen.from, b->first_key)),
                       .b = value_at(e, a, b, b->seen.from, emit_int(e, 0)),
                       .panel_stride = emit_int(e, a->value_rows * e->panel),
                       .depth = emit_sub(e, b->seen.to, b->seen.from),
                       .c = a->sums,
                       .c_stride = emit_int(e, a->padded_dim)};
    multiply(e, a, &p, emit_int(e, a->padded_dim / e->panel), a->padded_dim / e->panel);
}

/* One key's values into the sums of one row, as emit_tile() adds them. */
static void mix_one(KernelEmit *k, const Attention *a, const ValueBlock *b, Value key, Value row) {
    Emit *e = k->e;
    Value scores = emit_at(e, a->scores, emit_mul(e, row, emit_int(e, a->keys)));
    Value p = emit_splat(e, emit_load_f32(e, scores, emit_sub(e, key, b->first_key)));
    Value sums = emit_at(e, a->sums, emit_mul(e, row, emit_int(e, a->padded_dim)));
    Loop j =
        emit_loop(e, "j", emit_int(e, 0), emit_int(e, a->padded_dim / e->panel), emit_int(e, 1));
    Value from = value_at(e, a, b, key, j.i);
    Value to = emit_at(e, sums, emit_mul(e, j.i, emit_int(e, e->panel)));
    for (int64_t c = 0; c < e->panel; c += e->width) {
        Value column = emit_int(e, c);
        Value sum = emit_fma(e, p, emit_load(e, from, column), emit_load(e, to, column));
        emit_store(e, sum, to, column);
    }
    emit_loop_end(e, &j);
}

/* Keys from .. to - 1, each with the rows that see it. */
static void mix_edge(KernelEmit *k, const Attention *a, const TileRows *tile, const ValueBlock *b,
                     Value from, Value to) {
    Emit *e = k->e;
    const int64_t window = a->node->attr.window;
    Value first = emit_add(e, k->position, tile->token);
    Loop key = emit_loop(e, "key", from, to, emit_int(e, 1));
    Value distance = emit_sub(e, key.i, first); /* from the first row */
    Value ahead = emit_int(e, a->node->attr.causal ? 0 : window - 1);
    Range rows = {emit_max(e, emit_sub(e, distance, ahead), emit_int(e, 0)), tile->count};
    if (window) rows.to = emit_min(e, rows.to, emit_add(e, distance, emit_int(e, window)));
    Loop row = emit_loop(e, "row", rows.from, rows.to, emit_int(e, 1));
    mix_one(k, a, b, key.i, row.i);
    emit_loop_end(e, &row);
    emit_loop_end(e, &key);
}

/* Every row's keys in their order. */
static void mix_block(KernelEmit *k, const Attention *a, const TileRows *tile,
                      const ValueBlock *b) {
    const bool has_window = a->node->attr.window;
    if (has_window && !a->is_one) mix_edge(k, a, tile, b, b->first_key, b->seen.from);
    mix_seen_by_all(k, a, b);
    if ((has_window || a->node->attr.causal) && !a->is_one)
        mix_edge(k, a, tile, b, b->seen.to, b->end);
}

/* ---- what one row reads next is brought near: it uses each number but once ---- */

static void bring(Emit *e, Value from, Value floats) {
    Loop line = emit_loop(e, "line", emit_int(e, 0), floats, emit_int(e, LINE_FLOATS));
    emit_prefetch(e, from, line.i);
    emit_loop_end(e, &line);
}

/* Those of a block; none where it begins at the end. */
static void bring_keys(KernelEmit *k, const Attention *a, Value keys, Value first_key, Value end) {
    Emit *e = k->e;
    if (!a->is_one) return;
    Value count = emit_min(e, emit_sub(e, end, first_key), emit_int(e, a->keys));
    Value start =
        emit_mul(e, emit_cache_row(k, a->node->in[1], first_key), emit_int(e, a->head_dim));
    Value panels =
        emit_div(e, emit_add(e, count, emit_int(e, e->panel - 1)), emit_int(e, e->panel));
    bring(e, emit_at(e, keys, start), emit_mul(e, panels, emit_int(e, a->head_dim * e->panel)));
}

static void bring_values(KernelEmit *k, const Attention *a, const ValueBlock *b) {
    Emit *e = k->e;
    if (!a->is_one) return;
    Value floats = emit_mul(e, emit_sub(e, b->end, b->first_key), emit_int(e, e->panel));
    Loop j =
        emit_loop(e, "j", emit_int(e, 0), emit_int(e, a->padded_dim / e->panel), emit_int(e, 1));
    bring(e, value_at(e, a, b, b->first_key, j.i), floats);
    emit_loop_end(e, &j);
}

/* ---- a tile of rows ---- */

static void clear(Emit *e, const Attention *a) {
    Loop r = emit_loop(e, "r", emit_int(e, 0), emit_int(e, a->rows), emit_int(e, 1));
    emit_store(e, emit_f32(e, -INFINITY), a->largest, r.i);
    emit_store(e, emit_f32(e, 0), a->total, r.i);
    emit_loop_end(e, &r);
    Loop c = emit_loop(e, "c", emit_int(e, 0), emit_int(e, a->rows * a->padded_dim),
                       emit_int(e, e->width));
    emit_store(e, emit_vector(e, 0), a->sums, c.i);
    emit_loop_end(e, &c);
}

static Value row_start(KernelEmit *k, const Attention *a, const TileRows *tile, Value row,
                       int64_t stride) {
    Emit *e = k->e;
    Value token = token_of(e, a, tile, row), head = head_of(e, a, tile, row);
    return emit_add(e, emit_mul(e, token, emit_int(e, stride)),
                    emit_mul(e, head, emit_int(e, a->head_dim)));
}

typedef struct {
    Value from, to, scale;
} Storing;

static void store_columns(Emit *e, void *context, Value column, int64_t lanes) {
    const Storing *s = context;
    Value o = emit_fmul(e, emit_load(e, s->from, column), emit_splat(e, s->scale));
    emit_store_part(e, o, s->to, column, lanes);
}

static void store_rows(KernelEmit *k, const Attention *a, const TileRows *tile, Range seen) {
    Emit *e = k->e;
    Loop r = emit_loop(e, "r", emit_int(e, 0), tile->count, emit_int(e, 1));
    Storing s = {emit_at(e, a->sums, emit_mul(e, r.i, emit_int(e, a->padded_dim))),
                 emit_at(e, a->out, row_start(k, a, tile, r.i, a->out_stride)),
                 emit_fdiv(e, emit_f32(e, 1), emit_load_f32(e, a->total, r.i))};
    emit_columns(e, a->head_dim, store_columns, &s);
    if (emit_keeps_scores(k))
        emit_end_scores(k, token_of(e, a, tile, r.i), head_of(e, a, tile, r.i), seen,
                        emit_load_f32(e, a->largest, r.i), s.scale);
    emit_loop_end(e, &r);
}

static void begin_scores(KernelEmit *k, const Attention *a, const TileRows *tile) {
    Emit *e = k->e;
    if (!emit_keeps_scores(k)) return;
    Loop r = emit_loop(e, "r", emit_int(e, 0), tile->count, emit_int(e, 1));
    emit_begin_scores(k, token_of(e, a, tile, r.i), head_of(e, a, tile, r.i));
    emit_loop_end(e, &r);
}

static Value last_position(KernelEmit *k, const Attention *a, const TileRows *tile, Value first) {
    Emit *e = k->e;
    return a->is_one ? first : emit_sub(e, emit_add(e, first, tile->count), emit_int(e, 1));
}

/* Keys start .. end that some row of the tile sees; start in whole blocks. */
static Range visible_keys(KernelEmit *k, const Attention *a, const TileRows *tile) {
    Emit *e = k->e;
    Range keys = {emit_int(e, 0), emit_add(e, k->position, k->tokens)};
    Value first = emit_add(e, k->position, tile->token);
    Value last = last_position(k, a, tile, first);
    if (a->node->attr.causal) keys.to = emit_add(e, last, emit_int(e, 1));
    if (!a->node->attr.window) return keys;
    Value window = emit_int(e, a->node->attr.window), block = emit_int(e, a->keys);
    Value start = emit_sub(e, emit_add(e, first, emit_int(e, 1)), window);
    start = emit_max(e, start, emit_int(e, 0));
    keys.from = emit_sub(e, start, emit_rem(e, start, block));
    keys.to = emit_min(e, keys.to, emit_add(e, last, window));
    return keys;
}

/* Of the keys of a block those that every row of the tile sees. */
static Range keys_of_all(KernelEmit *k, const Attention *a, const TileRows *tile, Range block) {
    Emit *e = k->e;
    const int64_t window = a->node->attr.window;
    Value first = emit_add(e, k->position, tile->token), one = emit_int(e, 1);
    Range seen = block;
    if (window) {
        Value last = last_position(k, a, tile, first);
        Value start = emit_sub(e, emit_add(e, last, one), emit_int(e, window));
        seen.from = emit_min(e, emit_max(e, start, block.from), block.to);
    }
    if (a->node->attr.causal || window) {
        Value ahead = emit_int(e, a->node->attr.causal ? 1 : window);
        seen.to = emit_min(e, emit_add(e, first, ahead), block.to);
        seen.to = emit_max(e, seen.to, seen.from);
    }
    return seen;
}

static void attend_tile(KernelEmit *k, const Attention *a, const TileRows *tile) {
    Emit *e = k->e;
    clear(e, a);
    begin_scores(k, a, tile);
    Value q = emit_at(e, a->q, row_start(k, a, tile, emit_int(e, 0), a->q_stride));
    const int64_t key_floats = round_up(a->key_rows, e->panel) * a->head_dim;
    const int64_t value_floats = a->padded_dim * a->value_rows;
    Value keys = emit_at(e, a->key_cache, emit_mul(e, tile->kv_head, emit_int(e, key_floats)));
    Value values =
        emit_at(e, a->value_cache, emit_mul(e, tile->kv_head, emit_int(e, value_floats)));
    Range seen = visible_keys(k, a, tile);
    bring_keys(k, a, keys, seen.from, seen.to);
    Loop block = emit_loop(e, "block", seen.from, seen.to, emit_int(e, a->keys));
    Value count = emit_min(e, emit_sub(e, seen.to, block.i), block.step);
    Value end = emit_add(e, block.i, count);
    Range seen_by_all = keys_of_all(k, a, tile, (Range){block.i, end});
    Value first_row = emit_cache_row(k, a->node->in[2], block.i);
    const ValueBlock b = {values, block.i, first_row, seen_by_all, end};
    bring_values(k, a, &b);
    score_block(k, a, q, keys, emit_cache_row(k, a->node->in[1], block.i), count);
    bring_keys(k, a, keys, end, seen.to);
    Loop r = emit_loop(e, "r", emit_int(e, 0), tile->count, emit_int(e, 1));
    softmax_step(k, a, tile, r.i, block.i, count);
    emit_loop_end(e, &r);
    mix_block(k, a, tile, &b);
    emit_loop_end(e, &block);
    store_rows(k, a, tile, seen);
}

/* Of one token: some of the tiles of its heads. */
static void attend_heads(KernelEmit *k, const Attention *a, Range tiles, Value step) {
    Emit *e = k->e;
    Value rows = emit_int(e, a->rows);
    Loop i = emit_loop(e, "tile", tiles.from, tiles.to, step);
    Value head = emit_mul(e, i.i, rows), kv_head = emit_div(e, head, emit_int(e, a->group));
    attend_tile(k, a, &(TileRows){emit_int(e, 0), head, kv_head, rows});
    emit_loop_end(e, &i);
}

/* Each thread has heads side by side, which it may have computed itself (own_heads). */
static void attend_one(KernelEmit *k, const Attention *a) {
    Emit *e = k->e;
    Value tiles = emit_int(e, a->heads / a->rows);
    Value after = emit_add(e, k->thread, emit_int(e, 1));
    Value from = emit_div(e, emit_mul(e, tiles, k->thread), k->threads);
    Value to = emit_div(e, emit_mul(e, tiles, after), k->threads);
    attend_heads(k, a, (Range){from, to}, emit_int(e, 1));
}

static Value tile_count(KernelEmit *k, const Attention *a) {
    Emit *e = k->e;
    Value blocks = emit_add(e, k->rows, emit_int(e, a->rows - 1));
    blocks = emit_div(e, blocks, emit_int(e, a->rows));
    return emit_mul(e, blocks, emit_int(e, a->heads));
}

/* Tiles are dealt out in turn, so that long and short rows fall to all threads alike. */
static void attend_all(KernelEmit *k, const Attention *a, Value first) {
    Emit *e = k->e;
    Value rows = emit_int(e, a->rows), group = emit_int(e, a->group);
    Value heads = emit_int(e, a->heads);
    Loop i = emit_loop(e, "tile", first, tile_count(k, a), k->threads);
    Value token = emit_mul(e, emit_div(e, i.i, heads), rows);
    Value head = emit_rem(e, i.i, heads);
    Value count = emit_min(e, emit_sub(e, k->rows, token), rows);
    attend_tile(k, a, &(TileRows){token, head, emit_div(e, head, group), count});
    emit_loop_end(e, &i);
}

/* ---- segments of a batch: each is a call of its own ---- */

static Attention attention_of(KernelEmit *k, const Attention *a, Value first) {
    Emit *e = k->e;
    Value caches = EMIT_ROW(k, first, caches);
    Attention of = *a;
    of.q = emit_at(e, a->q, emit_mul(e, first, emit_int(e, a->q_stride)));
    of.out = emit_at(e, a->out, emit_mul(e, first, emit_int(e, a->out_stride)));
    of.key_cache = emit_at(e, a->key_cache, caches);
    of.value_cache = emit_at(e, a->value_cache, caches);
    return of;
}

/* The tiles of one that go to a thread begin where those of the segments before have left off:
 * `turn` is the thread that is next. */
static void attend_segment(KernelEmit *k, const Attention *a, Value turn) {
    Emit *e = k->e;
    Value tiles = a->is_one ? emit_int(e, a->heads / a->rows) : tile_count(k, a);
    Value next = emit_get(e, e->i64, turn);
    Value first = emit_sub(e, emit_add(e, k->thread, k->threads), next);
    first = emit_rem(e, first, k->threads);
    if (a->is_one)
        attend_heads(k, a, (Range){first, tiles}, k->threads);
    else
        attend_all(k, a, first);
    emit_set(e, turn, emit_rem(e, emit_add(e, next, tiles), k->threads));
}

static void attend_segments(KernelEmit *k, const Attention *a) {
    Emit *e = k->e;
    Value one = emit_int(e, 1), starts = EMIT_FRAME(k, starts);
    Value turn = emit_variable(e, e->i64, emit_int(e, 0));
    Value count = emit_load_field(e, e->i64, k->frame, (int64_t)offsetof(TwFrame, segment_count),
                                  "segment_count");
    Loop s = emit_loop(e, "segment", emit_int(e, 0), count, one);
    Value first = emit_load_int(e, starts, s.i);
    KernelEmit part = *k;
    part.tokens = part.rows = emit_sub(e, emit_load_int(e, starts, emit_add(e, s.i, one)), first);
    part.position = emit_position(k, first);
    part.row_table = emit_row_at(k, first);
    Attention of_many = attention_of(k, a, first), of_one = of_many;
    of_one.is_one = true;
    while (of_one.rows > a->group || a->group % of_one.rows) of_one.rows--;
    Value is_one = emit_int_equal(e, part.rows, one);
    If one_token = emit_if(e, is_one);
    attend_segment(&part, &of_one, turn);
    emit_if_end(e, &one_token);
    If many_tokens = emit_if(e, emit_int_less(e, one, part.rows));
    attend_segment(&part, &of_many, turn);
    emit_if_end(e, &many_tokens);
    emit_loop_end(e, &s);
}

void emit_attention(KernelEmit *k) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, k->kernel->root);
    Attention a = {.node = node, .heads = node->attr.heads, .kv_heads = node->attr.kv_heads};
    a.group = a.heads / a.kv_heads;
    a.head_dim = node->type.dim[1] / a.heads;
    a.padded_dim = round_up(a.head_dim, e->panel);
    a.is_one = node->type.dim[0] == 1;
    a.rows = node->schedule.rows;
    a.keys = node->schedule.keys;
    a.q = emit_slot(k, node->in[0], FORM_VECTOR);
    a.q_stride = emit_slot_stride(k, node->in[0]);
    a.key_cache = emit_slot(k, node->in[1], FORM_VECTOR);
    a.value_cache = emit_slot(k, node->in[2], FORM_VECTOR);
    a.out = emit_slot(k, k->kernel->root, FORM_VECTOR);
    a.out_stride = emit_slot_stride(k, k->kernel->root);
    a.key_rows = emit_cache_rows(k, node->in[1]);
    a.value_rows = emit_cache_rows(k, node->in[2]);
    assert(a.key_rows == k->kernel->graph->context || a.key_rows % a.keys == 0);
    const AttentionScratch scratch = scratch_of_attention(k->kernel, e->machine);
    a.scores = emit_at(e, k->scratch, emit_int(e, scratch.scores));
    a.sums = emit_at(e, k->scratch, emit_int(e, scratch.sums));
    a.largest = emit_at(e, k->scratch, emit_int(e, scratch.largest));
    a.total = emit_at(e, k->scratch, emit_int(e, scratch.total));
    if (node->attr.alibi) a.slopes = slope_table(k, &node->attr);
    if (k->frame)
        attend_segments(k, &a);
    else if (a.is_one)
        attend_one(k, &a);
    else
        attend_all(k, &a, k->thread);
}
