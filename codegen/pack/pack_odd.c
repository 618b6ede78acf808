/* pack_odd.c - looked for only when a unit of work has been found to have one, so plainly: row by
 * row from the constant down to the params it is made of.
 */
#include "codegen/pack/pack_odd.h"

typedef struct {
    const PackValues *values;
    const PackedTensor *tensor;
    PackScratch *scratch;
    double *row;
    Diag *diag;
} Search;

static int64_t columns_of(const Node *node) {
    return node->type.rank > 1 ? node->type.dim[1] : 1;
}

/* Row `row` of a constant; the first column that its format does not hold, or -1. */
static int64_t find_column(const Search *s, Ref ref, int64_t row, WeightFormat format) {
    const Graph *graph = s->tensor->graph;
    const int64_t columns = columns_of(ir_node(graph, ref));
    if (!pack_rows(s->values, graph, ref, row, 1, s->scratch, s->row)) return -1;
    for (int64_t c = 0; c < columns; c++) {
        const float value = (float)s->row[c];
        if (!format_holds(format, &value, 1)) return c;
    }
    return -1;
}

static bool report_below(const Search *s, Ref ref, int64_t row);

/* Of an operand as long as a row, every element. */
static bool report_in_vector(const Search *s, Ref ref) {
    const int64_t length = ir_node(s->tensor->graph, ref)->type.dim[0];
    for (int64_t i = 0; i < length; i++)
        if (report_below(s, ref, i)) return true;
    return false;
}

static bool report_in_stack(const Search *s, const Node *stack, int64_t row) {
    for (int i = 0; i < IR_MAX_INPUTS && !ir_ref_is_none(stack->in[i]); i++) {
        const int64_t rows = ir_node(s->tensor->graph, stack->in[i])->type.dim[0];
        if (row < rows) return report_below(s, stack->in[i], row);
        row -= rows;
    }
    return false;
}

static bool report_in_selection(const Search *s, const Node *selection, int64_t row) {
    const Reals *ranges = selection->attr.ranges;
    for (int64_t i = 0; i < ranges->count; i += 2) {
        const int64_t from = (int64_t)ranges->at[i], count = (int64_t)ranges->at[i + 1] - from;
        if (row < count) return from >= 0 && report_below(s, selection->in[0], from + row);
        row -= count;
    }
    return false;
}

/* A value of a param that a row of a constant is made of. False: all are finite. */
static bool report_below(const Search *s, Ref ref, int64_t row) {
    const Node *node = ir_node(s->tensor->graph, ref);
    switch (node->op) {
    case OP_param: {
        const int64_t column = find_column(s, ref, row, FORMAT_f32);
        if (column < 0) return false;
        weights_report_odd(s->values->weights, node, row, column, s->row[column],
                           s->tensor->form == FORM_ROWS, s->diag);
        return true;
    }
    case OP_centre_rows: return report_below(s, node->in[0], row);
    case OP_scale_columns:
        return report_below(s, node->in[0], row) || report_in_vector(s, node->in[1]);
    case OP_project_bias:
        return report_below(s, node->in[0], row) || report_in_vector(s, node->in[1]) ||
               (!ir_ref_is_none(node->in[2]) && report_below(s, node->in[2], row));
    case OP_stack: return report_in_stack(s, node, row);
    case OP_combine: return report_below(s, node->in[0], row) || report_below(s, node->in[1], row);
    case OP_select_columns: return report_below(s, node->in[0], row);
    case OP_select_rows: return report_in_selection(s, node, row);
    default: return false;
    }
}

bool pack_odd_report(const PackValues *values, const PackedTensor *tensor, int64_t first,
                     int64_t count, PackScratch *scratch, double *row, Diag *diag) {
    const Search s = {values, tensor, scratch, row, diag};
    for (int64_t n = first; n < first + count; n++) {
        const int64_t column = find_column(&s, tensor->constant, n, tensor->format);
        if (column < 0) continue;
        const double value = row[column];
        if (!report_below(&s, tensor->constant, n))
            weights_report_beyond(ir_node(tensor->graph, tensor->constant), tensor->format, n,
                                  value, diag);
        return true;
    }
    return false;
}
