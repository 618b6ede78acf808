#include "ir/weights.h"
#include "ir/formats.h"

#include <inttypes.h>
#include <string.h>

/* The row that is selected as number `row`; the rest of its range is *left at most. */
static int64_t selected_row(const Reals *ranges, int64_t row, int64_t *left) {
    int64_t i = 0, count;
    while (row >= (count = (int64_t)(ranges->at[i + 1] - ranges->at[i]))) {
        row -= count;
        i += 2;
    }
    if (*left > count - row) *left = count - row;
    return (int64_t)ranges->at[i] + row;
}

/* The part of a stack that *row is in, with *row its row there. */
static Ref part_of_row(const Graph *graph, const Node *stack, int64_t *row) {
    int part = 0;
    for (int64_t rows; *row >= (rows = ir_node(graph, stack->in[part])->type.dim[0]); part++)
        *row -= rows;
    return stack->in[part];
}

WeightsRow weights_find_row(const Graph *graph, Ref constant, int64_t row) {
    const Node *node = ir_node(graph, constant);
    WeightsRow found = {.row = row, .left = node->type.dim[0] - row};
    while (node->op == OP_stack || node->op == OP_select_rows || node->op == OP_select_columns) {
        Ref of = node->in[0];
        if (node->op == OP_stack) of = part_of_row(graph, node, &found.row);
        if (node->op == OP_select_rows)
            found.row = selected_row(node->attr.ranges, found.row, &found.left);
        if (node->op == OP_select_columns && found.columns) return found;
        if (node->op == OP_select_columns) found.columns = node->attr.ranges;
        node = ir_node(graph, of);
        if (found.row < 0) return found;
        if (found.left > node->type.dim[0] - found.row) found.left = node->type.dim[0] - found.row;
    }
    found.param = node->op == OP_param ? node : NULL;
    return found;
}

/* Blocks that are stored can be taken whole alone. */
static bool has_whole_blocks(const Reals *columns, WeightFormat format) {
    if (!columns || !format_has_blocks(format)) return true;
    for (int64_t i = 0; i < columns->count; i++)
        if ((int64_t)columns->at[i] % FORMAT_BLOCK) return false;
    return true;
}

bool weights_keep_row(const Weights *weights, const Graph *graph, Ref constant, int64_t row,
                      WeightFormat format) {
    if (!weights || !weights->keeps || format == FORMAT_f32) return false;
    const WeightsRow found = weights_find_row(graph, constant, row);
    return found.param && weights->keeps(weights, found.param->name, format) &&
           has_whole_blocks(found.columns, format);
}

bool weights_report_odd(const Weights *weights, const Node *param, int64_t row, int64_t column,
                        double value, bool is_table, Diag *diag) {
    WeightsPlace place = {param->loc, param->name};
    if (weights->place) place = weights->place(weights, param, diag->arena);
    const char *where = arena_printf(diag->arena, "row %" PRId64, row);
    if (param->type.rank > 1)
        where = arena_printf(diag->arena, "%s, column %" PRId64, where, column);
    if (strcmp(place.tensor, param->name) != 0)
        where = arena_printf(diag->arena, "%s of '%s'", where, param->name);
    where = arena_printf(diag->arena, "%g in %s", value, where);
    if (!is_table)
        return diag_error(diag, place.loc, "tensor '%s': expected finite numbers, found %s",
                          place.tensor, where);
    diag_warning(diag, place.loc, "tensor '%s' has numbers that are not finite: %s", place.tensor,
                 where);
    return diag_hint(diag, "logits of sequences that look this row up are not numbers");
}

bool weights_report_beyond(const Node *constant, WeightFormat format, int64_t row, double value,
                           Diag *diag) {
    const char *name = ir_enum_word("WeightFormat", (int)format);
    diag_error(diag, constant->loc, "'%s': %g in row %" PRId64 " is beyond what %s holds",
               constant->name, value, row, name);
    if (format == FORMAT_f32) return false;
    return diag_hint(diag, "values of %s are less than %g; give it another type", name,
                     (double)format_limit(format));
}
