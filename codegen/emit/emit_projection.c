/* emit_projection.c - project and read, with everything fused into them.
 *
 *   for each group of outputs, for this thread's panels of it:
 *     for each block of rows, for each band of panels:
 *       for each slice of the depth, for each tile of the band, for each tile of the rows: sums
 *       sums -> scale, bias -> pointwise -> gate -> pointwise -> store or write
 *     head ops on this thread's whole heads
 *
 * A slice of the block's rows stays in the second cache while the band passes over it (Goto and
 * van de Geijn 2008), and weights are read once for each block.
 */
#include "codegen/emit/emit_kernel.h"
#include "codegen/emit/scratch.h"

typedef struct {
    const OutputGroup *group;
    Value x, weight, bias, scale; /* bias, scale: null when absent; scale[row] */
    WeightFormat format;
    int64_t depth, x_stride;
    bool is_bytes, is_pairs; /* x is rounded, and made of words */
    int64_t steps;           /* of the depth: words of x, where it is pairs */
    int64_t blocks;
    ProjectionScratch scratch;
    Value unpacked; /* [panels of a tile][a slice of the depth][panel]; null for f32 */
    Value sums;     /* [rows of a block][columns of a band] */
} Projection;

/* Whether tiles read the weights as they lie. */
static bool is_direct(const Projection *p) {
    return p->format == FORMAT_f32 || p->is_pairs;
}

/* ---- prologue: 1 / size of every row of x ---- */

static Value row_scales(KernelEmit *k, const Node *root, const Projection *p) {
    Emit *e = k->e;
    Value scales = emit_at(e, k->scratch, emit_int(e, p->scratch.scales));
    Loop row = emit_loop(e, "row", emit_int(e, 0), k->rows, emit_int(e, 1));
    Value base = emit_at(e, p->x, emit_mul(e, row.i, emit_int(e, p->x_stride)));
    RowSize size = emit_row_size(e, root->attr.kind, root->attr.eps, base, p->depth);
    emit_store(e, size.scale, scales, row.i);
    emit_loop_end(e, &row);
    return scales;
}

/* ---- epilogue: one row of one panel ---- */

static Value scaled(KernelEmit *k, const Projection *p, Value sum, Value row, Value output) {
    Emit *e = k->e;
    Value bias = p->bias ? emit_load(e, p->bias, output) : NULL;
    if (!p->scale) return bias ? emit_fadd(e, sum, bias) : sum;
    Value scale = emit_splat(e, emit_load_f32(e, p->scale, row));
    return bias ? emit_fma(e, sum, scale, bias) : emit_fmul(e, sum, scale);
}

static void store_outputs(KernelEmit *k, const OutputGroup *group, Value y, Value row,
                          Value column) {
    Emit *e = k->e;
    Ref memory = group->memory;
    if (ir_ref_is_none(memory)) memory = kernel_node(k, group->value)->in[0];
    int64_t first = ir_ref_equal(memory, k->kernel->root) ? group->first_panel * e->panel : 0;
    Value start = emit_mul(e, row, emit_int(e, emit_slot_stride(k, memory)));
    start = emit_add(e, start, emit_add(e, column, emit_int(e, first)));
    emit_store(e, y, emit_slot(k, memory, FORM_VECTOR), start);
}

static void finish_row(KernelEmit *k, const Projection *p, Value sums, Value row, Value panel) {
    Emit *e = k->e;
    const OutputGroup *group = p->group;
    Value first = emit_add(e, panel, emit_int(e, group->first_panel));
    Value output = emit_mul(e, first, emit_int(e, e->panel)); /* in packed order */
    Value width = emit_int(e, e->width);
    Value y[2];
    for (int v = 0; v < 2; v++) {
        Value at = v ? width : emit_int(e, 0);
        y[v] = scaled(k, p, emit_load(e, sums, at), row, emit_add(e, output, at));
    }
    if (group->panels.parts == 2) {
        Value column = emit_mul(e, panel, width);
        y[0] = emit_pointwise_chain(k, &group->part[0], y[0], row, column);
        y[1] = emit_pointwise_chain(k, &group->part[1], y[1], row, column);
        Value h = emit_fmul(e, y[0], y[1]);
        store_outputs(k, group, emit_pointwise_chain(k, &group->after, h, row, column), row,
                      column);
        return;
    }
    for (int v = 0; v < 2; v++) {
        Value column = emit_mul(e, panel, emit_int(e, e->panel));
        if (v) column = emit_add(e, column, width);
        y[v] = emit_pointwise_chain(k, &group->part[0], y[v], row, column);
        y[v] = emit_pointwise_chain(k, &group->after, y[v], row, column);
        store_outputs(k, group, y[v], row, column);
    }
}

/* ---- loops ---- */

static Value packed_panel(KernelEmit *k, const Projection *p, Value panel) {
    Emit *e = k->e;
    Value first = emit_add(e, panel, emit_int(e, p->group->first_panel));
    const int64_t words = layout_panel_words(p->format, p->depth, e->panel);
    return emit_at(e, p->weight, emit_mul(e, first, emit_int(e, words)));
}

/* What a tile works on: the sums of some rows and of a band of panels, and a slice of the depth.
 * The sums of a band stay in the second cache until the last slice is added. */
typedef struct {
    Range rows, panels, depth;
    Value next; /* of the weights: what comes after this slice of the band's first panel */
} Step;

/* Panels as a tile reads them: floats, `stride` of them from one panel to the next. */
typedef struct {
    Value base, stride;
} Panels;

/* Weights of fewer bits become floats once for all rows of a block. */
static Panels floats_of_panels(KernelEmit *k, const Projection *p, int64_t count, Range depth,
                               Value panel) {
    Emit *e = k->e;
    const int64_t words = layout_panel_words(p->format, p->depth, e->panel);
    Value from = packed_panel(k, p, panel);
    if (is_direct(p)) {
        Value at = emit_mul(e, depth.from, emit_int(e, e->panel));
        return (Panels){emit_at(e, from, at), emit_int(e, words)};
    }
    const int64_t block = layout_panel_words(p->format, FORMAT_BLOCK, e->panel);
    Value blocks = emit_div(e, depth.from, emit_int(e, FORMAT_BLOCK));
    from = emit_at(e, from, emit_mul(e, blocks, emit_int(e, block)));
    for (int64_t i = 0; i < count; i++)
        emit_unpack(e, p->format, emit_at(e, from, emit_int(e, i * words)),
                    emit_at(e, p->unpacked, emit_int(e, i * p->scratch.unpacked_stride)),
                    emit_sub(e, depth.to, depth.from));
    return (Panels){p->unpacked, emit_int(e, p->scratch.unpacked_stride)};
}

/* Few rows take so little time that their weights would not come by themselves. */
static bool is_few(const KernelEmit *k) {
    const int64_t batch = k->kernel->graph->batch;
    return batch && batch <= IR_FEW_ROWS && kernel_node(k, k->kernel->root)->schedule.rows > 1;
}

/* Each tile of rows brings its part of all blocks of the panel behind that at `b`. */
static NextBytes part_of_next(Emit *e, Value b, int64_t panel_words, int64_t block_words,
                              const Loop *row, const Step *step) {
    const int64_t lines = (block_words + LINE_FLOATS - 1) / LINE_FLOATS;
    Value last = emit_sub(e, row->step, emit_int(e, 1));
    Value rows = emit_sub(e, step->rows.to, step->rows.from);
    Value tiles = emit_div(e, emit_add(e, rows, last), row->step);
    Value tile = emit_div(e, emit_sub(e, row->i, step->rows.from), row->step);
    Value share = emit_sub(e, emit_add(e, emit_int(e, lines), tiles), emit_int(e, 1));
    share = emit_div(e, share, tiles);
    Value before = emit_mul(e, emit_mul(e, tile, share), emit_int(e, LINE_FLOATS));
    return (NextBytes){emit_at(e, b, emit_add(e, emit_int(e, panel_words), before)), share};
}

/* A tile of many rows reads q4 as bytes, made once for all rows of a block. */
static void add_byte_panels(KernelEmit *k, Projection *p, TileShape tile, const Step *step,
                            Value panel) {
    Emit *e = k->e;
    const int64_t words = layout_panel_words(p->format, p->depth, e->panel);
    const int64_t block = layout_panel_words(p->format, FORMAT_BLOCK, e->panel);
    Value column = emit_mul(e, emit_sub(e, panel, step->panels.from), emit_int(e, e->panel));
    Value from = emit_div(e, step->depth.from, emit_int(e, FORMAT_BLOCK));
    Value to = emit_add(e, step->depth.to, emit_int(e, FORMAT_BLOCK - 1));
    to = emit_div(e, to, emit_int(e, FORMAT_BLOCK));
    ByteShape shape = {.format = p->format,
                       .accumulates = tile.accumulates,
                       .rows = tile.rows,
                       .panels = tile.panels,
                       .stride = p->x_stride,
                       .blocks = p->blocks};
    Value b = emit_at(e, packed_panel(k, p, panel), emit_mul(e, from, emit_int(e, block)));
    Value b_stride = emit_int(e, words);
    NextBytes next = {0};
    shape.has_next = is_few(k) && !p->unpacked;
    if (p->unpacked) {
        for (int64_t i = 0; i < tile.panels; i++)
            emit_unpack_bytes(e, emit_at(e, b, emit_int(e, i * words)),
                              emit_at(e, p->unpacked, emit_int(e, i * p->scratch.unpacked_stride)),
                              emit_sub(e, to, from));
        b = p->unpacked;
        b_stride = emit_int(e, p->scratch.unpacked_stride);
        shape.is_unpacked = true;
    }
    Loop row = emit_loop(e, "row", step->rows.from, step->rows.to, emit_int(e, tile.rows));
    Value local = emit_sub(e, row.i, step->rows.from);
    Value x = emit_at(e, p->x, emit_mul(e, row.i, emit_int(e, p->x_stride)));
    Value c = emit_at(e, p->sums, emit_mul(e, local, emit_int(e, p->scratch.sums_stride)));
    if (shape.has_next) next = part_of_next(e, b, words, block, &row, step);
    emit_byte_tile(e, shape, x, b, b_stride, from, to, emit_at(e, c, column),
                   emit_int(e, p->scratch.sums_stride), next);
    emit_loop_end(e, &row);
}

/* Sums of some panels of the band, starting with `panel`, for all rows. */
static void add_panels(KernelEmit *k, Projection *p, TileShape tile, const Step *step,
                       Value panel) {
    Emit *e = k->e;
    Value column = emit_mul(e, emit_sub(e, panel, step->panels.from), emit_int(e, e->panel));
    if (p->is_bytes) {
        add_byte_panels(k, p, tile, step, panel);
        return;
    }
    if (tile.rows == 1 && !is_direct(p)) {
        const PackedShape shape = {p->format, tile.panels, p->depth};
        Value x = emit_at(e, p->x, emit_mul(e, step->rows.from, emit_int(e, p->x_stride)));
        emit_packed_row(e, shape, x, packed_panel(k, p, panel), emit_at(e, p->sums, column));
        return;
    }
    const Panels w = floats_of_panels(k, p, tile.panels, step->depth, panel);
    Loop row = emit_loop(e, "row", step->rows.from, step->rows.to, emit_int(e, tile.rows));
    Value local = emit_sub(e, row.i, step->rows.from);
    Value x = emit_at(e, p->x, emit_mul(e, row.i, emit_int(e, p->x_stride)));
    Value c = emit_at(e, p->sums, emit_mul(e, local, emit_int(e, p->scratch.sums_stride)));
    Value next = NULL;
    if (tile.prefetch) {
        /* All tiles of a whole block bring all of it, in turns: a line for each LINE_FLOATS. */
        Value part = emit_rem(e, emit_div(e, local, row.step), emit_int(e, e->panel));
        Value lines = emit_mul(e, emit_sub(e, step->depth.to, step->depth.from), part);
        Value first = emit_mul(e, emit_sub(e, panel, step->panels.from), w.stride);
        next = emit_at(e, step->next,
                       emit_add(e, first, emit_mul(e, lines, emit_int(e, tile.prefetch))));
    }
    emit_tile(e, tile, emit_at(e, x, step->depth.from), w.base, w.stride,
              emit_sub(e, step->depth.to, step->depth.from), emit_at(e, c, column),
              emit_int(e, p->scratch.sums_stride), next);
    emit_loop_end(e, &row);
}

/* As many panels at once as a tile has, then the rest of the band one by one. */
static void add_slice(KernelEmit *k, Projection *p, TileShape tile, const Step *step) {
    Emit *e = k->e;
    const Range panels = step->panels;
    Value at_once = emit_int(e, tile.panels), count = emit_sub(e, panels.to, panels.from);
    Value whole = emit_sub(e, panels.to, emit_rem(e, count, at_once));
    Loop many = emit_loop(e, "panel", panels.from, whole, at_once);
    add_panels(k, p, tile, step, many.i);
    emit_loop_end(e, &many);
    if (tile.panels == 1) return;
    tile.panels = 1;
    Loop rest = emit_loop(e, "panel", whole, panels.to, emit_int(e, 1));
    add_panels(k, p, tile, step, rest.i);
    emit_loop_end(e, &rest);
}

static void finish_band(KernelEmit *k, const Projection *p, Range rows, Range panels) {
    Emit *e = k->e;
    Loop row = emit_loop(e, "row", rows.from, rows.to, emit_int(e, 1));
    Value local = emit_mul(e, emit_sub(e, row.i, rows.from), emit_int(e, p->scratch.sums_stride));
    Loop panel = emit_loop(e, "panel", panels.from, panels.to, emit_int(e, 1));
    Value column = emit_mul(e, emit_sub(e, panel.i, panels.from), emit_int(e, e->panel));
    finish_row(k, p, emit_at(e, p->sums, emit_add(e, local, column)), row.i, panel.i);
    emit_loop_end(e, &panel);
    emit_loop_end(e, &row);
}

static Value weights_after(KernelEmit *k, const Projection *p, Range panels, Range depth) {
    Emit *e = k->e;
    if (!is_direct(p)) return NULL;
    Value here = emit_mul(e, depth.to, emit_int(e, e->panel));
    Value is_last = emit_int_equal(e, depth.to, emit_int(e, p->steps));
    Value panel = emit_select(e, is_last, panels.to, panels.from);
    return emit_at(e, packed_panel(k, p, panel), emit_select(e, is_last, emit_int(e, 0), here));
}

static void emit_band(KernelEmit *k, Projection *p, Schedule schedule, Range rows, Range panels) {
    Emit *e = k->e;
    const int64_t slice = schedule.depth ? schedule.depth : p->steps;
    TileShape tile = {schedule.rows, schedule.panels, p->x_stride, false, 0, p->is_pairs};
    const int64_t tiles = schedule.block / schedule.rows;
    if (schedule.rows > 1 && is_direct(p)) tile.prefetch = (e->panel + tiles - 1) / tiles;
    Range depth = {emit_int(e, 0), emit_int(e, slice < p->steps ? slice : p->steps)};
    add_slice(k, p, tile, &(Step){rows, panels, depth, weights_after(k, p, panels, depth)});
    if (slice < p->steps) {
        tile.accumulates = true;
        Loop more = emit_loop(e, "k", depth.to, emit_int(e, p->steps), emit_int(e, slice));
        depth = (Range){more.i, emit_min(e, emit_add(e, more.i, more.step), emit_int(e, p->steps))};
        add_slice(k, p, tile, &(Step){rows, panels, depth, weights_after(k, p, panels, depth)});
        emit_loop_end(e, &more);
    }
    finish_band(k, p, rows, panels);
}

static int64_t band_panels(Schedule schedule) {
    return schedule.band ? schedule.band : schedule.panels;
}

static void emit_blocks(KernelEmit *k, Projection *p, Schedule schedule, Range panels) {
    Emit *e = k->e;
    Loop block = emit_loop(e, "block", emit_int(e, 0), k->rows, emit_int(e, schedule.block));
    Loop band = emit_loop(e, "band", panels.from, panels.to, emit_int(e, band_panels(schedule)));
    Range rows = {block.i, emit_min(e, emit_add(e, block.i, block.step), k->rows)};
    Range some = {band.i, emit_min(e, emit_add(e, band.i, band.step), panels.to)};
    emit_band(k, p, schedule, rows, some);
    emit_loop_end(e, &band);
    emit_loop_end(e, &block);
}

static void emit_heads_of(KernelEmit *k, const OutputGroup *group, Range panels) {
    Emit *e = k->e;
    const int64_t outputs = e->panel / group->panels.parts;
    Value columns = emit_int(e, group->panels.columns), dim = emit_int(e, group->head_dim);
    Value from = emit_div(e, emit_mul(e, panels.from, emit_int(e, outputs)), dim);
    Value to = emit_min(e, emit_mul(e, panels.to, emit_int(e, outputs)), columns);
    to = emit_div(e, to, dim);
    Value memory = emit_slot(k, group->memory, FORM_VECTOR);
    Value stride = emit_int(e, emit_slot_stride(k, group->memory));
    Loop row = emit_loop(e, "row", emit_int(e, 0), k->rows, emit_int(e, 1));
    Loop head = emit_loop(e, "head", from, to, emit_int(e, 1));
    Value at = emit_add(e, emit_mul(e, row.i, stride), emit_mul(e, head.i, dim));
    for (int i = 0; i < group->heads.count; i++)
        emit_head_op(k, group->heads.node[i], group->head_dim, emit_at(e, memory, at), row.i,
                     head.i);
    emit_loop_end(e, &head);
    emit_loop_end(e, &row);
}

Value emit_owns_heads(Emit *e, const Kernel *kernel, Value threads) {
    return emit_int_equal(e, emit_rem(e, emit_int(e, kernel->own_heads), threads), emit_int(e, 0));
}

static Value even_share(KernelEmit *k, int64_t panels, Value thread) {
    Emit *e = k->e;
    return emit_div(e, emit_mul(e, emit_int(e, panels), thread), k->threads);
}

/* Where a thread's panels of a group begin: of an even division of all panels of the kernel, so
 * that it reads one stretch of memory; or of the group's, where it must have whole heads of all. */
static Value share_of(KernelEmit *k, const OutputGroup *group, Value thread) {
    Emit *e = k->e;
    Value count = emit_int(e, group->panels.panels);
    Value share = even_share(k, k->kernel->panels, thread);
    share = emit_sub(e, share, emit_int(e, group->first_panel));
    share = emit_min(e, emit_max(e, share, emit_int(e, 0)), count);
    if (k->kernel->own_heads)
        share = emit_select(e, emit_owns_heads(e, k->kernel, k->threads),
                            even_share(k, group->panels.panels, thread), share);
    Value whole = emit_sub(e, share, emit_rem(e, share, emit_int(e, group->unit)));
    return emit_select(e, emit_int_equal(e, share, count), count, whole);
}

/* The rows to be multiplied: in memory, or normalised and rounded here. */
static void take_rows(KernelEmit *k, const Node *root, Projection *p) {
    Emit *e = k->e;
    const Ref prologue = k->kernel->prologue;
    const Node *x = kernel_node(k, root->in[0]);
    p->is_bytes = x->op == OP_quantise && x->attr.format == FORMAT_q8;
    p->is_pairs = x->op == OP_quantise && !p->is_bytes;
    p->steps = p->is_pairs ? format_value_words(FORMAT_bf16, p->depth) : p->depth;
    p->blocks = (p->depth + FORMAT_BLOCK - 1) / FORMAT_BLOCK;
    if (ir_ref_is_none(prologue)) {
        p->x = emit_slot(k, root->in[0], FORM_VECTOR);
        p->x_stride = emit_slot_stride(k, root->in[0]);
        return;
    }
    const bool is_rounded = x->op == OP_quantise;
    p->x_stride = is_rounded ? format_value_words(x->attr.format, p->depth) : p->depth;
    p->x = emit_at(e, k->scratch, emit_int(e, p->scratch.row));
    Value from = emit_slot(k, x->in[0], FORM_VECTOR);
    if (is_rounded)
        emit_round_row(k, x, from, p->x);
    else
        emit_norm_row(k, x, from, p->x);
}

void emit_projection(KernelEmit *k) {
    Emit *e = k->e;
    const Node *root = kernel_node(k, k->kernel->root);
    const Schedule schedule = root->schedule;
    Projection p = {.weight = emit_slot(k, root->in[1], FORM_PANELS),
                    .format = root->attr.format,
                    .depth = kernel_node(k, root->in[1])->type.dim[1],
                    .scratch = scratch_of_projection(k->kernel, e->machine)};
    take_rows(k, root, &p);
    if (!ir_ref_is_none(root->in[2])) p.bias = emit_slot(k, root->in[2], FORM_PANEL_VECTOR);
    if (root->op == OP_read) p.scale = row_scales(k, root, &p);
    p.sums = emit_at(e, k->scratch, emit_int(e, p.scratch.sums));
    if (p.scratch.unpacked_stride)
        p.unpacked = emit_at(e, k->scratch, emit_int(e, p.scratch.unpacked));

    for (int i = 0; i < k->kernel->group_count; i++) {
        p.group = &k->kernel->group[i];
        Range panels = {share_of(k, p.group, k->thread),
                        share_of(k, p.group, emit_add(e, k->thread, emit_int(e, 1)))};
        emit_blocks(k, &p, schedule, panels);
        if (p.group->heads.count) emit_heads_of(k, p.group, panels);
    }
}
