/* emit_table.c - a row of a table that is looked up, as floats. Of a table in the panels of a tied
 * head it is a lane of one.
 *
 * A value of q8 or q4 is scale * (q - zero) by one fused multiply-add, of which no bit is lost.
 */
#include "codegen/emit/emit_kernel.h"
#include "codegen/emit/emit_words.h"

/* Where a row begins, and the integers behind its scales. */
static TableRow row_of_table(KernelEmit *k, const Node *lookup, int64_t columns, Value index) {
    Emit *e = k->e;
    TableRow row = {.format = lookup->attr.format};
    const int64_t words = layout_row_words(row.format, columns, e->panel);
    row.base =
        emit_at(e, emit_slot(k, lookup->in[1], FORM_ROWS), emit_mul(e, index, emit_int(e, words)));
    if (format_has_blocks(row.format))
        row.integers = emit_at(e, row.base, emit_int(e, layout_row_scales(columns)));
    return row;
}

TableRow emit_table_row(KernelEmit *k, const Node *lookup, Value index, Value room) {
    Emit *e = k->e;
    const int64_t columns = kernel_node(k, lookup->in[1])->type.dim[1];
    if (kernel_has_slot(k->kernel, lookup->in[1], FORM_ROWS))
        return row_of_table(k, lookup, columns, index);
    const WeightFormat format = lookup->attr.format;
    Value words = emit_int(e, layout_panel_words(format, columns, e->panel));
    Value panel = emit_div(e, index, emit_int(e, e->panel));
    Value from = emit_at(e, emit_slot(k, lookup->in[1], FORM_PANELS), emit_mul(e, panel, words));
    emit_unpack_lane(e, format, from, emit_rem(e, index, emit_int(e, e->panel)), room, columns);
    return (TableRow){.format = FORMAT_f32, .base = room};
}

/* Integers of a vector of columns from `column` on, in block `block` of a row. */
static Value load_integers(Emit *e, const TableRow *row, Value block, Value column) {
    enum { HALF = FORMAT_BLOCK / 2 };
    if (row->format == FORMAT_q8)
        return emit_load_bytes(e, row->integers, emit_div(e, column, emit_int(e, 4)));
    Value inside = emit_rem(e, column, emit_int(e, FORMAT_BLOCK));
    Value byte =
        emit_add(e, emit_mul(e, block, emit_int(e, HALF)), emit_rem(e, inside, emit_int(e, HALF)));
    Value bytes = emit_load_bytes(e, row->integers, emit_div(e, byte, emit_int(e, 4)));
    return emit_select(e, emit_int_less(e, inside, emit_int(e, HALF)),
                       emit_word_bits(e, bytes, 0, 15), emit_word_bits(e, bytes, 4, 15));
}

Value emit_table_load(Emit *e, const TableRow *row, Value column) {
    if (row->format == FORMAT_f32) return emit_load(e, row->base, column);
    if (!format_has_blocks(row->format)) {
        Value at = emit_div(e, column, emit_int(e, 2));
        return row->format == FORMAT_bf16 ? emit_load_bf16(e, row->base, at)
                                          : emit_load_halves(e, row->base, at);
    }
    Value block = emit_div(e, column, emit_int(e, FORMAT_BLOCK));
    Value scale = emit_splat_half(e, row->base, block);
    Value zero = emit_fmul(e, scale, emit_vector(e, -format_zero(row->format)));
    Value integers = load_integers(e, row, block, column);
    return emit_fma(e, emit_lanes_to_float(e, integers), scale, zero);
}
