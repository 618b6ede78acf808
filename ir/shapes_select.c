/* shapes_select.c - the rules of constants that are rows and columns of others, and sums of them.
 */
#include "ir/shapes.h"

#include <inttypes.h>
#include <math.h>

static Type operand_type(const Graph *graph, const Node *node, int k) {
    return ir_node(graph, node->in[k])->type;
}

/* Of one pair: both are numbers of rows or columns that exist, or of none that does. */
static bool is_range(double from, double to, int64_t end) {
    const double most = 0x1p40;
    if (from != floor(from) || to != floor(to) || !(from < to)) return false;
    return from < 0 ? from >= -most && to <= 0 : to <= (double)end;
}

/* How many rows or columns, of `end`, are selected; 0: reported. */
static int64_t count_selected(const Graph *graph, const Node *node, int64_t end) {
    const bool is_columns = node->op == OP_select_columns;
    const Reals *ranges = node->attr.ranges;
    double count = 0;
    if (!ranges || ranges->count % 2)
        return shape_refuse(graph, node, "ranges must be pairs of numbers, from and to");
    for (int64_t i = 0; i < ranges->count; i += 2) {
        const double from = ranges->at[i], to = ranges->at[i + 1];
        if (!is_range(from, to, end))
            return shape_refuse(graph, node,
                                "0 <= from < to <= %" PRId64
                                " or from < to <= 0 must hold of whole "
                                "numbers, found %g and %g",
                                end, from, to);
        if (is_columns && ((from >= 0 && from < count) || count + to - from > (double)end))
            return shape_refuse(graph, node, "columns %g to %g would move to the right", from, to);
        count += to - from;
    }
    if (count < 0x1p40) return (int64_t)count;
    return shape_refuse(graph, node, "ranges select too much");
}

bool shape_select_rows(const Graph *graph, const Node *node, Type *type) {
    *type = operand_type(graph, node, 0);
    if (type->dtype != DTYPE_f32 || type->rank < 1 || type->rank > 2)
        return shape_misfit(graph, node, 0, "f32 with one or two dimensions");
    type->dim[0] = count_selected(graph, node, type->dim[0]);
    return type->dim[0] > 0;
}

bool shape_select_columns(const Graph *graph, const Node *node, Type *type) {
    *type = operand_type(graph, node, 0);
    if (type->dtype != DTYPE_f32 || type->rank != 2)
        return shape_misfit(graph, node, 0, "f32[rows, columns]");
    type->dim[1] = count_selected(graph, node, type->dim[1]);
    return type->dim[1] > 0;
}

bool shape_combine(const Graph *graph, const Node *node, Type *type) {
    *type = operand_type(graph, node, 0);
    if (type->dtype != DTYPE_f32 || type->rank != 1)
        return shape_misfit(graph, node, 0, "f32[rows]");
    return ir_type_equal(operand_type(graph, node, 1), *type) ||
           shape_misfit(graph, node, 1, "a vector as long as the first");
}
