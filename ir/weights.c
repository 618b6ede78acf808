#include "ir/weights.h"
#include "ir/formats.h"

#include <inttypes.h>
#include <string.h>

const Node *weights_param_of_row(const Graph *graph, Ref constant, int64_t *row, int64_t *left) {
    const Node *node = ir_node(graph, constant);
    while (node->op == OP_stack) {
        int part = 0;
        for (int64_t rows; *row >= (rows = ir_node(graph, node->in[part])->type.dim[0]); part++)
            *row -= rows;
        node = ir_node(graph, node->in[part]);
    }
    *left = node->type.dim[0] - *row;
    return node->op == OP_param ? node : NULL;
}

bool weights_keep_row(const Weights *weights, const Graph *graph, Ref constant, int64_t row,
                      WeightFormat format) {
    int64_t left;
    if (!weights || !weights->keeps || format == FORMAT_f32) return false;
    const Node *param = weights_param_of_row(graph, constant, &row, &left);
    return param && weights->keeps(weights, param->name, format);
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
