/* emit_edits.c - what an edit makes of a row in memory, in place.
 *
 * Operands are the caller's, or come with the program: a kernel finds them through a TwEdit of the
 * frame, so that equal layers share code. An operand that is not there changes nothing.
 */
#include "codegen/emit/emit_kernel.h"
#include "runtime/abi.h"

#include <stddef.h>

typedef struct {
    Value x,
        v; /* the columns that are changed, and those of the operand that meet them; v: or null */
    Value factor; /* of v, or of x where it is scaled: in all lanes */
    EditKind kind;
} Editing;

/* ---- what there is to do in this row ---- */

/* The TwEdit of a row's sequence, where the slot is that of the first. */
static Value said_of(KernelEmit *k, Ref edit, Value row) {
    enum { EDIT_FLOATS = sizeof(TwEdit) / sizeof(float) };
    Emit *e = k->e;
    Value said = emit_slot(k, edit, FORM_ROWS);
    if (!k->frame) return said;
    return emit_at(e, said, emit_mul(e, EMIT_ROW(k, row, edits), emit_int(e, EDIT_FLOATS)));
}

#define FIELD(k, said, type, member)                                                               \
    emit_load_field((k)->e, type, said, (int64_t)offsetof(TwEdit, member), #member)

/* A 32-bit field, not negative. */
static Value load_flag(KernelEmit *k, Value said) {
    const int64_t word = (int64_t)(offsetof(TwEdit, is_on) / sizeof(float));
    return emit_load_token(k->e, said, emit_int(k->e, word));
}

/* Of the operand for a token: the one that the map says, or by its position to patch with, or the
 * first; 2^31 and more, as negative ones of the map are here: the value stays. */
static Value operand_row(KernelEmit *k, Ref edit, Value said, Value row) {
    Emit *e = k->e;
    const bool is_patch = kernel_node(k, edit)->attr.edit == EDIT_patch;
    Value none = emit_int(e, UINT32_MAX), position = emit_position(k, row);
    Value map = FIELD(k, said, e->pointer, row);
    Value is_known = emit_int_less(e, position, FIELD(k, said, e->i64, row_count));
    Value plain = is_patch ? emit_select(e, is_known, position, none) : emit_int(e, 0);
    Value index = emit_variable(e, e->i64, plain);
    If has_map = emit_if(e, emit_is_there(e, map));
    emit_set(e, index, none);
    If is_mapped = emit_if(e, is_known);
    emit_set(e, index, emit_load_token(e, map, position));
    emit_if_end(e, &is_mapped);
    emit_if_end(e, &has_map);
    return emit_get(e, e->i64, index);
}

/* ---- columns ---- */

static void edit_columns(Emit *e, void *context, Value column, int64_t lanes) {
    const Editing *edit = context;
    Value v = edit->v ? emit_load_part(e, edit->v, column, lanes) : NULL, y = edit->factor;
    if (edit->kind == EDIT_scale)
        y = emit_fmul(e, emit_load_part(e, edit->x, column, lanes), y);
    else if (edit->kind == EDIT_add || edit->kind == EDIT_project_out)
        y = emit_fma(e, v, y, emit_load_part(e, edit->x, column, lanes));
    else if (v)
        y = emit_fmul(e, v, y);
    emit_store_part(e, y, edit->x, column, lanes);
}

typedef struct {
    Value a, b, sum;
} Dot;

static void add_products(Emit *e, void *context, Value column, int64_t lanes) {
    const Dot *dot = context;
    Value a = emit_load_part(e, dot->a, column, lanes);
    Value b = emit_load_part(e, dot->b, column, lanes);
    emit_set(e, dot->sum, emit_fma(e, a, b, emit_get(e, e->vector, dot->sum)));
}

static Value emit_dot(Emit *e, Value a, Value b, int64_t columns) {
    Dot dot = {a, b, emit_variable(e, e->vector, emit_vector(e, 0))};
    emit_columns(e, columns, add_products, &dot);
    return emit_sum(e, emit_get(e, e->vector, dot.sum));
}

/* x - strength * (x . v) / (v . v) * v, of each part; a direction of length 0 is none. */
static void project_out(Emit *e, const Attrs *attr, Value x, Value v, Value strength) {
    const int64_t columns = (attr->to - attr->from) / attr->groups;
    Value zero = emit_f32(e, 0);
    Loop part = emit_loop(e, "part", emit_int(e, 0), emit_int(e, attr->groups), emit_int(e, 1));
    Value start = emit_mul(e, part.i, emit_int(e, columns));
    Editing edit = {emit_at(e, x, start), emit_at(e, v, start), NULL, EDIT_project_out};
    Value size = emit_dot(e, edit.v, edit.v, columns);
    Value share = emit_fdiv(e, emit_dot(e, edit.x, edit.v, columns), size);
    Value factor = emit_fsub(e, zero, emit_fmul(e, strength, share));
    edit.factor = emit_splat(e, emit_select(e, emit_fless(e, zero, size), factor, zero));
    emit_columns(e, columns, edit_columns, &edit);
    emit_loop_end(e, &part);
}

/* v: null where the edit has no operand. */
static void edit_row(KernelEmit *k, const Node *edit, Value x, Value v, Value strength) {
    Emit *e = k->e;
    const Attrs *attr = &edit->attr;
    x = emit_at(e, x, emit_int(e, attr->from));
    if (attr->edit == EDIT_project_out) {
        project_out(e, attr, x, v, strength);
        return;
    }
    Editing editing = {x, v, emit_splat(e, strength), attr->edit};
    emit_columns(e, attr->to - attr->from, edit_columns, &editing);
}

/* ---- rows ---- */

static int64_t operand_columns(const KernelEmit *k, const Node *edit) {
    if (ir_ref_is_none(edit->in[1])) return edit->attr.columns;
    const Type *operand = &kernel_node(k, edit->in[1])->type;
    return operand->dim[operand->rank - 1];
}

/* With row `index` of the operand. */
static void edit_with_operand(KernelEmit *k, Ref edit, Value said, Value x, Value index,
                              Value strength) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, edit);
    Value operand = FIELD(k, said, e->pointer, operand);
    If is_there = emit_if(e, emit_is_there(e, operand));
    Value start = emit_mul(e, index, emit_int(e, operand_columns(k, node)));
    Value v = emit_at(e, operand, emit_add(e, start, emit_int(e, node->attr.first)));
    edit_row(k, node, x, v, strength);
    emit_if_end(e, &is_there);
}

static void edit_by_row(KernelEmit *k, Ref edit, Value said, Value x, Value row, Value strength) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, edit);
    Value index = operand_row(k, edit, said, row);
    If is_edited = emit_if(e, emit_int_less(e, index, emit_int(e, INT64_C(1) << 31)));
    if (operand_columns(k, node))
        edit_with_operand(k, edit, said, x, index, strength);
    else
        edit_row(k, node, x, NULL, strength);
    emit_if_end(e, &is_edited);
}

void emit_edit_row(KernelEmit *k, Ref edit, Value x, Value row) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, edit);
    Value strength = emit_f32(e, node->attr.strength), none = emit_int(e, 0);
    if (node->attr.given) {
        Value said = said_of(k, edit, row);
        If is_on = emit_if(e, emit_int_less(e, none, load_flag(k, said)));
        edit_by_row(k, edit, said, x, row, FIELD(k, said, e->f32, strength));
        emit_if_end(e, &is_on);
    } else if (node->attr.edit == EDIT_patch) {
        edit_by_row(k, edit, said_of(k, edit, row), x, row, strength);
    } else if (operand_columns(k, node)) {
        edit_with_operand(k, edit, said_of(k, edit, row), x, none, strength);
    } else {
        edit_row(k, node, x, NULL, strength);
    }
}
