/* emit_taps.c - what a tap keeps, stored to a buffer of the caller's that may not be there.
 *
 * The buffer is the caller's to the last float: unlike rows of ours it has no padding that a vector
 * may be stored to.
 */
#include "codegen/emit/emit_kernel.h"

static If begin(KernelEmit *k, Ref tap) {
    return emit_if(k->e, emit_is_there(k->e, emit_slot(k, tap, FORM_VECTOR)));
}

/* Where the first column that the tap wants of this row goes. */
static Value kept_row(KernelEmit *k, Ref tap, Value row) {
    Emit *e = k->e;
    const Placement place = kernel_node(k, tap)->place;
    Value start = emit_mul(e, emit_add(e, k->position, row), emit_int(e, place.stride));
    start = emit_add(e, start, emit_int(e, place.offset));
    return emit_at(e, emit_slot(k, tap, FORM_VECTOR), start);
}

static bool wants_all(const KernelEmit *k, const Node *tap) {
    return tap->type.dim[1] == kernel_node(k, tap->in[0])->type.dim[1];
}

void emit_keep_vector(KernelEmit *k, Ref tap, Value x, Value row, Value column) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, tap);
    Value from = emit_int(e, node->attr.from), to = emit_int(e, node->attr.to);
    If is_wanted = begin(k, tap);
    Value at = emit_sub(e, column, from);
    if (wants_all(k, node) && node->attr.to % e->panel == 0) {
        emit_store(e, x, kept_row(k, tap, row), at);
    } else {
        Value end = emit_add(e, column, emit_int(e, e->width));
        Value is_near = emit_both(e, emit_int_less(e, column, to), emit_int_less(e, from, end));
        If is_inside = emit_if(e, is_near);
        Value lanes = emit_lanes_from(e, column);
        emit_store_lanes(e, x, kept_row(k, tap, row), at,
                         emit_lanes_between(e, lanes, node->attr.from, node->attr.to));
        emit_if_end(e, &is_inside);
    }
    emit_if_end(e, &is_wanted);
}

typedef struct {
    Value from, to;
} Copy;

static void copy_columns(Emit *e, void *context, Value column, int64_t lanes) {
    const Copy *copy = context;
    emit_store_part(e, emit_load_part(e, copy->from, column, lanes), copy->to, column, lanes);
}

void emit_keep_head(KernelEmit *k, Ref tap, int64_t head_dim, Value base, Value row, Value head) {
    Emit *e = k->e;
    const Attrs *attr = &kernel_node(k, tap)->attr;
    If is_wanted = begin(k, tap);
    Value first = emit_int(e, attr->from / head_dim), end = emit_int(e, attr->to / head_dim);
    Value is_from = emit_int_less(e, first, emit_add(e, head, emit_int(e, 1)));
    If is_inside = emit_if(e, emit_both(e, is_from, emit_int_less(e, head, end)));
    Value column = emit_mul(e, emit_sub(e, head, first), emit_int(e, head_dim));
    Copy copy = {base, emit_at(e, kept_row(k, tap, row), column)};
    emit_columns(e, head_dim, copy_columns, &copy);
    emit_if_end(e, &is_inside);
    emit_if_end(e, &is_wanted);
}

void emit_keep_row(KernelEmit *k, Ref tap, Value base, Value row) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, tap);
    If is_wanted = begin(k, tap);
    Copy copy = {emit_at(e, base, emit_int(e, node->attr.from)), kept_row(k, tap, row)};
    emit_columns(e, node->type.dim[1], copy_columns, &copy);
    emit_if_end(e, &is_wanted);
}
