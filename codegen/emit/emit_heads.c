/* emit_heads.c - work on the row or head that lies at a pointer: its size, norm, rope, scale,
 * append. */
#include "codegen/emit/emit_kernel.h"

/* ---- size of a row ---- */

typedef struct {
    Value base, sum, mean; /* mean: null, or taken off before squaring */
    bool is_squared;
} Summing;

/* Lanes past the end are 0; they must stay 0 when the mean is taken off. */
static Value deviation(Emit *e, const Summing *s, Value column, int64_t lanes) {
    Value x = emit_load_part(e, s->base, column, lanes);
    if (!s->mean) return x;
    x = emit_fsub(e, x, emit_splat(e, s->mean));
    if (lanes == e->width) return x;
    return emit_select(e, emit_first_lanes(e, lanes), x, emit_vector(e, 0));
}

static void add_to_sum(Emit *e, void *context, Value column, int64_t lanes) {
    Summing *s = context;
    Value x = deviation(e, s, column, lanes), sum = emit_get(e, e->vector, s->sum);
    emit_set(e, s->sum, s->is_squared ? emit_fma(e, x, x, sum) : emit_fadd(e, x, sum));
}

static Value sum_of(Emit *e, Value base, int64_t columns, Value mean, bool is_squared) {
    Summing s = {base, emit_variable(e, e->vector, emit_vector(e, 0)), mean, is_squared};
    emit_columns(e, columns, add_to_sum, &s);
    return emit_sum(e, emit_get(e, e->vector, s.sum));
}

RowSize emit_row_size(Emit *e, NormKind kind, double eps, Value base, int64_t columns) {
    RowSize size = {0};
    Value share = emit_f32(e, 1 / (double)columns);
    if (kind == NORM_none) return (RowSize){emit_f32(e, 1), NULL};
    if (kind == NORM_layer) size.mean = emit_fmul(e, sum_of(e, base, columns, NULL, false), share);
    Value squares = sum_of(e, base, columns, size.mean, true);
    if (kind != NORM_l2) squares = emit_fmul(e, squares, share);
    Value root = emit_sqrt(e, emit_fadd(e, squares, emit_f32(e, eps)));
    size.scale = emit_fdiv(e, emit_f32(e, 1), root);
    return size;
}

/* ---- norm of a row or a head ---- */

/* A gain or bias is as long as a head, or as long as a row. */
static Value piece_of(KernelEmit *k, Ref ref, int64_t head_dim, Value head) {
    if (ir_ref_is_none(ref)) return NULL;
    Value whole = emit_slot(k, ref, FORM_VECTOR);
    if (kernel_node(k, ref)->type.dim[0] == head_dim) return whole;
    return emit_at(k->e, whole, emit_mul(k->e, head, emit_int(k->e, head_dim)));
}

RowNorm emit_row_norm(KernelEmit *k, const Node *node, Value from, int64_t columns, Value head) {
    RowNorm norm = {.kind = node->attr.kind, .from = from, .offset = node->attr.offset};
    norm.gain = piece_of(k, node->in[1], columns, head);
    norm.bias = piece_of(k, node->in[2], columns, head);
    norm.size = emit_row_size(k->e, node->attr.kind, node->attr.eps, from, columns);
    return norm;
}

Value emit_normed(Emit *e, const RowNorm *norm, Value column, int64_t lanes) {
    Value x = emit_load_part(e, norm->from, column, lanes);
    if (norm->size.mean) x = emit_fsub(e, x, emit_splat(e, norm->size.mean));
    if (norm->kind != NORM_none) x = emit_fmul(e, x, emit_splat(e, norm->size.scale));
    if (norm->gain) {
        Value gain = emit_load_part(e, norm->gain, column, lanes);
        if (norm->offset != 0) gain = emit_fadd(e, gain, emit_vector(e, norm->offset));
        x = emit_fmul(e, x, gain);
    }
    if (norm->bias) x = emit_fadd(e, x, emit_load_part(e, norm->bias, column, lanes));
    if (lanes == e->width || !norm->size.mean) return x;
    return emit_select(e, emit_first_lanes(e, lanes), x, emit_vector(e, 0));
}

typedef struct {
    RowNorm norm;
    Value to;
} Norming;

static void norm_columns(Emit *e, void *context, Value column, int64_t lanes) {
    const Norming *n = context;
    emit_store_part(e, emit_normed(e, &n->norm, column, lanes), n->to, column, lanes);
}

static void norm_head(KernelEmit *k, const Node *node, int64_t head_dim, Value base, Value head) {
    Norming n = {emit_row_norm(k, node, base, head_dim, head), base};
    emit_columns(k->e, head_dim, norm_columns, &n);
}

void emit_norm_row(KernelEmit *k, const Node *node, Value from, Value to) {
    const int64_t columns = node->type.dim[1];
    Norming n = {emit_row_norm(k, node, from, columns, emit_int(k->e, 0)), to};
    emit_columns(k->e, columns, norm_columns, &n);
}

/* ---- rope ---- */

typedef struct {
    Value base, cos, sin;
    int64_t half;
} Rotating;

static void rotate_halves(Emit *e, void *context, Value column, int64_t lanes) {
    const Rotating *r = context;
    Value second = emit_add(e, column, emit_int(e, r->half));
    Value x = emit_load_part(e, r->base, column, lanes);
    Value y = emit_load_part(e, r->base, second, lanes);
    Value c = emit_load_part(e, r->cos, column, lanes),
          s = emit_load_part(e, r->sin, column, lanes);
    Value minus_s = emit_fsub(e, emit_vector(e, 0), s);
    emit_store_part(e, emit_fma(e, y, minus_s, emit_fmul(e, x, c)), r->base, column, lanes);
    emit_store_part(e, emit_fma(e, x, s, emit_fmul(e, y, c)), r->base, second, lanes);
}

/* The table's sin is negative at even elements: (x, y) -> (x c - y s, y c + x s). */
static void rotate_pairs(Emit *e, void *context, Value column, int64_t lanes) {
    const Rotating *r = context;
    Value x = emit_load_part(e, r->base, column, lanes);
    Value c = emit_load_part(e, r->cos, column, lanes),
          s = emit_load_part(e, r->sin, column, lanes);
    Value turned = emit_fma(e, emit_swap_pairs(e, x), s, emit_fmul(e, x, c));
    emit_store_part(e, turned, r->base, column, lanes);
}

static void rope_head(KernelEmit *k, Ref op, Value base, Value row) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, op);
    const int64_t columns = rope_table_columns(node, e->machine);
    Value position = emit_position(k, row);
    Value table =
        emit_at(e, emit_slot(k, op, FORM_ROWS), emit_mul(e, position, emit_int(e, 2 * columns)));
    Rotating r = {base, table, emit_at(e, table, emit_int(e, columns)), node->attr.dims / 2};
    if (node->attr.style == ROPE_half)
        emit_columns(e, r.half, rotate_halves, &r);
    else
        emit_columns(e, node->attr.dims, rotate_pairs, &r);
}

/* ---- scale of a position ---- */

typedef struct {
    Value base, scale;
} Scaling;

static void scale_columns(Emit *e, void *context, Value column, int64_t lanes) {
    const Scaling *s = context;
    Value x = emit_load_part(e, s->base, column, lanes);
    emit_store_part(e, emit_fmul(e, x, s->scale), s->base, column, lanes);
}

static void scale_head(KernelEmit *k, const Node *node, int64_t head_dim, Value base, Value row) {
    Emit *e = k->e;
    Value scales = emit_slot(k, node->in[1], FORM_VECTOR);
    Value scale = emit_load_f32(e, scales, emit_position(k, row));
    emit_columns(e, head_dim, scale_columns, &(Scaling){base, emit_splat(e, scale)});
}

/* ---- append: keys as panels of positions [head][position / P][d][P], values as panels of columns
 * [head][d / P][position][P], so that both are read like packed weights; in a ring its row stands
 * for the position ---- */

static void append_key(KernelEmit *k, Ref op, int64_t head_dim, Value base, Value row, Value head) {
    Emit *e = k->e;
    const int64_t panels = round_up(emit_cache_rows(k, op), e->panel) / e->panel;
    Value position = emit_cache_row(k, op, emit_position(k, row));
    Value panel = emit_int(e, e->panel);
    Value at = emit_add(e, emit_mul(e, head, emit_int(e, panels)), emit_div(e, position, panel));
    at = emit_mul(e, at, emit_int(e, head_dim * e->panel));
    at = emit_add(e, at, emit_rem(e, position, panel));
    Value cache = emit_at(e, emit_cache(k, op, row), at);
    Loop loop = emit_loop(e, "d", emit_int(e, 0), emit_int(e, head_dim), emit_int(e, 1));
    emit_store(e, emit_load_f32(e, base, loop.i), cache, emit_mul(e, loop.i, panel));
    emit_loop_end(e, &loop);
}

typedef struct {
    Value base, cache; /* of the head; of its panels */
    Value position;    /* its row */
    int64_t rows;
} AppendingValue;

static void append_columns(Emit *e, void *context, Value column, int64_t lanes) {
    const AppendingValue *v = context;
    Value panel = emit_int(e, e->panel);
    Value at = emit_mul(e, emit_div(e, column, panel), emit_int(e, v->rows));
    at = emit_mul(e, emit_add(e, at, v->position), panel);
    at = emit_add(e, at, emit_rem(e, column, panel));
    emit_store(e, emit_load_part(e, v->base, column, lanes), v->cache, at);
}

static void append_value(KernelEmit *k, Ref op, int64_t head_dim, Value base, Value row,
                         Value head) {
    Emit *e = k->e;
    const int64_t rows = emit_cache_rows(k, op);
    const int64_t head_floats = round_up(head_dim, e->panel) * rows;
    Value cache = emit_cache(k, op, row);
    AppendingValue v = {base, emit_at(e, cache, emit_mul(e, head, emit_int(e, head_floats))),
                        emit_cache_row(k, op, emit_position(k, row)), rows};
    emit_columns(e, head_dim, append_columns, &v);
}

void emit_head_op(KernelEmit *k, Ref op, int64_t head_dim, Value base, Value row, Value head) {
    const Node *node = kernel_node(k, op);
    if (node->op == OP_norm) norm_head(k, node, head_dim, base, head);
    if (node->op == OP_rope) rope_head(k, op, base, row);
    if (node->op == OP_scale_positions) scale_head(k, node, head_dim, base, row);
    if (node->op == OP_tap) emit_keep_head(k, op, head_dim, base, row, head);
    if (node->op != OP_append) return;
    const Slot *slot = &k->kernel->slot[kernel_slot(k->kernel, op, FORM_VECTOR)];
    if (slot->kind == SLOT_KEYS) append_key(k, op, head_dim, base, row, head);
    if (slot->kind == SLOT_VALUES) append_value(k, op, head_dim, base, row, head);
}
