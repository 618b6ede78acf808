/* shapes_select.c - the rules of constants that are rows and columns of others, and sums of them.
 */
#include "ir/shapes.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>

__attribute__((format(printf, 3, 4))) static bool refuse(const Graph *graph, const Node *node,
                                                         const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return diag_error(graph->diag, node->loc, "%s: %s", ir_op_info[node->op].name, text);
}

static Type operand_type(const Graph *graph, const Node *node, int k) {
    return ir_node(graph, node->in[k])->type;
}

static bool misfit(const Graph *graph, const Node *node, int k, const char *expected) {
    char found[SHAPE_TEXT];
    return refuse(graph, node, "operand %d must be %s, found %s", k + 1, expected,
                  shape_text(operand_type(graph, node, k), found));
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
        return refuse(graph, node, "ranges must be pairs of numbers, from and to");
    for (int64_t i = 0; i < ranges->count; i += 2) {
        const double from = ranges->at[i], to = ranges->at[i + 1];
        if (!is_range(from, to, end))
            return refuse(graph, node,
                          "0 <= from < to <= %" PRId64 " or from < to <= 0 must hold of whole "
                          "numbers, found %g and %g",
                          end, from, to);
        if (is_columns && ((from >= 0 && from < count) || count + to - from > (double)end))
            return refuse(graph, node, "columns %g to %g would move to the right", from, to);
        count += to - from;
    }
    if (count < 0x1p40) return (int64_t)count;
    return refuse(graph, node, "ranges select too much");
}

bool shape_select_rows(const Graph *graph, const Node *node, Type *type) {
    *type = operand_type(graph, node, 0);
    if (type->dtype != DTYPE_f32 || type->rank < 1 || type->rank > 2)
        return misfit(graph, node, 0, "f32 with one or two dimensions");
    type->dim[0] = count_selected(graph, node, type->dim[0]);
    return type->dim[0] > 0;
}

bool shape_select_columns(const Graph *graph, const Node *node, Type *type) {
    *type = operand_type(graph, node, 0);
    if (type->dtype != DTYPE_f32 || type->rank != 2)
        return misfit(graph, node, 0, "f32[rows, columns]");
    type->dim[1] = count_selected(graph, node, type->dim[1]);
    return type->dim[1] > 0;
}

bool shape_combine(const Graph *graph, const Node *node, Type *type) {
    *type = operand_type(graph, node, 0);
    if (type->dtype != DTYPE_f32 || type->rank != 1) return misfit(graph, node, 0, "f32[rows]");
    return ir_type_equal(operand_type(graph, node, 1), *type) ||
           misfit(graph, node, 1, "a vector as long as the first");
}
