/* emit_rows.c - ops that are kernels of their own: what looks up, normalises or changes one row.
 *
 * Each thread does some of the rows. Rows in memory are padded to whole vectors, so that columns
 * are taken a vector at a time and the last one may carry padding along.
 */
#include "codegen/emit/emit_kernel.h"

static Value row_base(KernelEmit *k, Ref ref, Value row) {
    Emit *e = k->e;
    Value start = emit_mul(e, row, emit_int(e, emit_slot_stride(k, ref)));
    return emit_at(e, emit_slot(k, ref, FORM_VECTOR), start);
}

static int64_t columns_of(const KernelEmit *k, Ref ref) {
    return kernel_node(k, ref)->type.dim[1];
}

static Loop columns_loop(Emit *e, int64_t columns) {
    return emit_loop(e, "c", emit_int(e, 0), emit_int(e, round_up(columns, e->width)),
                     emit_int(e, e->width));
}

static void copy_columns(Emit *e, Value from, Value to, int64_t columns) {
    Loop c = columns_loop(e, columns);
    emit_store(e, emit_load(e, from, c.i), to, c.i);
    emit_loop_end(e, &c);
}

/* ---- tables ---- */

static void embed_row(KernelEmit *k, Ref root, Value row) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, root);
    Value token = emit_load_token(e, emit_slot(k, node->in[0], FORM_VECTOR), row);
    Value to = row_base(k, root, row);
    const TableRow from = emit_table_row(k, node, token, to);
    Loop c = columns_loop(e, columns_of(k, root));
    Value x = emit_table_load(e, &from, c.i);
    if (node->attr.scale != 1) x = emit_fmul(e, x, emit_vector(e, node->attr.scale));
    if (!ir_ref_is_none(node->in[2]))
        x = emit_fadd(e, x, emit_load(e, emit_slot(k, node->in[2], FORM_VECTOR), c.i));
    emit_store(e, x, to, c.i);
    emit_loop_end(e, &c);
}

static void add_position_row(KernelEmit *k, Ref root, Value row) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, root);
    Value offset = emit_int(e, (int64_t)node->attr.offset);
    const TableRow from = emit_table_row(k, node, emit_add(e, emit_position(k, row), offset), NULL);
    Value x = row_base(k, node->in[0], row);
    Loop c = columns_loop(e, columns_of(k, root));
    emit_store(e, emit_fadd(e, emit_load(e, x, c.i), emit_table_load(e, &from, c.i)), x, c.i);
    emit_loop_end(e, &c);
}

typedef struct {
    Value from, to;
} Copying;

static void copy_part(Emit *e, void *context, Value column, int64_t lanes) {
    const Copying *copy = context;
    emit_store_part(e, emit_load_part(e, copy->from, column, lanes), copy->to, column, lanes);
}

/* Rows of the caller end where their columns do. */
static void begin_row(KernelEmit *k, Ref root, Value row) {
    Copying copy = {row_base(k, kernel_node(k, root)->in[0], row), row_base(k, root, row)};
    emit_columns(k->e, columns_of(k, root), copy_part, &copy);
}

/* ---- heads: append works on its operand, the others in place on a copy ---- */

static void head_row(KernelEmit *k, Ref root, Value row) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, root);
    const int64_t columns = columns_of(k, node->in[0]);
    const int64_t heads = node->op == OP_norm ? node->attr.groups : node->attr.heads;
    Value base = row_base(k, node->in[0], row);
    if (node->op != OP_append) {
        Value copy = row_base(k, root, row);
        copy_columns(e, base, copy, columns);
        base = copy;
    }
    Loop head = emit_loop(e, "head", emit_int(e, 0), emit_int(e, heads), emit_int(e, 1));
    Value start = emit_mul(e, head.i, emit_int(e, columns / heads));
    emit_head_op(k, root, columns / heads, emit_at(e, base, start), row, head.i);
    emit_loop_end(e, &head);
}

/* ---- column by column ---- */

static void pointwise_row(KernelEmit *k, Ref root, Value row) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, root);
    const bool is_write = ir_op_info[node->op].kind == KIND_STREAM;
    Value from = row_base(k, node->in[is_write], row);
    Value to = row_base(k, is_write ? node->in[0] : root, row);
    Loop c = columns_loop(e, columns_of(k, root));
    Value y = emit_load(e, from, c.i);
    if (node->op == OP_multiply)
        y = emit_fmul(e, y, emit_load(e, row_base(k, node->in[1], row), c.i));
    else
        y = emit_pointwise(k, node, y, row, c.i);
    emit_store(e, y, to, c.i);
    emit_loop_end(e, &c);
}

static void norm_row(KernelEmit *k, Ref root, Value row) {
    const Node *node = kernel_node(k, root);
    if (node->attr.groups > 1)
        head_row(k, root, row);
    else
        emit_norm_row(k, node, row_base(k, node->in[0], row), row_base(k, root, row));
}

static void size_row(KernelEmit *k, Ref root, Value row) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, root);
    const RowSize size = emit_row_size(e, node->attr.kind, node->attr.eps,
                                       row_base(k, node->in[0], row), columns_of(k, node->in[0]));
    Value one = emit_f32(e, 1), to = row_base(k, root, row);
    emit_store(e, emit_fdiv(e, one, size.scale), to, emit_int(e, 0));
}

static void quantise_row(KernelEmit *k, Ref root, Value row) {
    const Node *node = kernel_node(k, root);
    emit_round_row(k, node, row_base(k, node->in[0], row), row_base(k, root, row));
}

static void slice_row(KernelEmit *k, Ref root, Value row) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, root);
    Value from = emit_at(e, row_base(k, node->in[0], row), emit_int(e, node->attr.from));
    copy_columns(e, from, row_base(k, root, row), columns_of(k, root));
}

/* ---- one row of many: each thread does some of the columns ---- */

static void pool_rows(KernelEmit *k, Range rows, Value to_row) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, k->kernel->root);
    Value one = emit_int(e, 1), width = emit_int(e, e->width);
    Value vectors = emit_int(e, round_up(columns_of(k, node->in[0]), e->width) / e->width);
    Value from = emit_div(e, emit_mul(e, vectors, k->thread), k->threads);
    Value to = emit_div(e, emit_mul(e, vectors, emit_add(e, k->thread, one)), k->threads);
    Value sum = emit_variable(e, e->vector, emit_vector(e, 0));
    Value count = emit_variable(e, e->vector, emit_vector(e, 0));
    Loop vector = emit_loop(e, "vector", from, to, one);
    Value column = emit_mul(e, vector.i, width);
    emit_set(e, sum, emit_vector(e, 0));
    emit_set(e, count, emit_vector(e, 0));
    Loop row = emit_loop(e, "row", rows.from, rows.to, one);
    Value x = emit_load(e, row_base(k, node->in[0], row.i), column);
    emit_set(e, sum, emit_fadd(e, emit_get(e, e->vector, sum), x));
    emit_set(e, count, emit_fadd(e, emit_get(e, e->vector, count), emit_vector(e, 1)));
    emit_loop_end(e, &row);
    Value mean = emit_fdiv(e, emit_get(e, e->vector, sum), emit_get(e, e->vector, count));
    emit_store(e, mean, row_base(k, k->kernel->root, to_row), column);
    emit_loop_end(e, &vector);
}

/* Of a batch a row for each segment. */
void emit_pool(KernelEmit *k) {
    Emit *e = k->e;
    const bool is_first = kernel_node(k, k->kernel->root)->attr.pool == POOL_first;
    Value none = emit_int(e, 0), one = emit_int(e, 1);
    if (!k->frame) {
        pool_rows(k, (Range){none, is_first ? one : k->tokens}, none);
        return;
    }
    Value starts = EMIT_FRAME(k, starts);
    Loop s = emit_loop(e, "segment", none, k->rows, one);
    Value first = emit_load_int(e, starts, s.i), after = emit_add(e, first, one);
    if (!is_first) after = emit_load_int(e, starts, emit_add(e, s.i, one));
    pool_rows(k, (Range){first, after}, s.i);
    emit_loop_end(e, &s);
}

/* ---- rows ---- */

static void last_row(KernelEmit *k, Ref root, Value row) {
    Emit *e = k->e;
    Value from = emit_add(e, row, emit_sub(e, k->tokens, k->rows));
    if (k->frame) from = emit_load_int(e, EMIT_FRAME(k, wanted), row);
    copy_columns(e, row_base(k, kernel_node(k, root)->in[0], from), row_base(k, root, row),
                 columns_of(k, root));
}

static void emit_row(KernelEmit *k, Ref root, Value row) {
    switch (kernel_node(k, root)->op) {
    case OP_embed: embed_row(k, root, row); return;
    case OP_begin: begin_row(k, root, row); return;
    case OP_add_positions: add_position_row(k, root, row); return;
    case OP_norm: norm_row(k, root, row); return;
    case OP_row_size: size_row(k, root, row); return;
    case OP_rope:
    case OP_scale_positions:
    case OP_append: head_row(k, root, row); return;
    case OP_quantise: quantise_row(k, root, row); return;
    case OP_slice: slice_row(k, root, row); return;
    case OP_last: last_row(k, root, row); return;
    case OP_edit:
        emit_edit_row(k, root, row_base(k, kernel_node(k, root)->in[0], row), row);
        return;
    case OP_tap: emit_keep_row(k, root, row_base(k, kernel_node(k, root)->in[0], row), row); return;
    default: pointwise_row(k, root, row); return;
    }
}

void emit_row_op(KernelEmit *k) {
    Emit *e = k->e;
    Value next = emit_add(e, k->thread, emit_int(e, 1));
    Value from = emit_div(e, emit_mul(e, k->rows, k->thread), k->threads);
    Value to = emit_div(e, emit_mul(e, k->rows, next), k->threads);
    Loop row = emit_loop(e, "row", from, to, emit_int(e, 1));
    for (int i = 0; i < k->kernel->node_count; i++) emit_row(k, k->kernel->node[i], row.i);
    emit_loop_end(e, &row);
}
