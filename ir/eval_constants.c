/* eval_constants.c - values of the weights alone. */
#include "ir/eval.h"
#include "ir/positions.h"

#include <string.h>

void eval_param(Eval *e) {
    const Tensor *out = &e->out;
    const char *name = e->node->name;
    if (!e->weights || !e->weights->rows(e->weights, name, 0, out->rows, out->columns, out->floats))
        e->failed = !diag_error(e->diag, e->node->loc,
                                "the values of '%s' cannot be read from the weights", name);
}

void eval_zeros(Eval *e) {
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++) e->out.at[i] = 0;
}

void eval_sinusoid(Eval *e) {
    const int64_t width = e->out.columns;
    for (int64_t r = 0; r < e->out.rows; r++)
        for (int64_t c = 0; c < width; c++)
            e->out.at[r * width + c] = positions_sinusoid(r, c, width);
}

void eval_row_of(Eval *e) {
    eval_copy_row(&e->in[0], e->node->attr.from, e->out.at);
}

void eval_position_scales(Eval *e) {
    for (int64_t p = 0; p < e->out.rows; p++) e->out.at[p] = positions_scale(&e->node->attr, p);
}

void eval_scale_columns(Eval *e) {
    const Tensor *weight = &e->in[0];
    const double *gain = e->in[1].at, offset = e->node->attr.offset;
    for (int64_t r = 0; r < weight->rows; r++) {
        double *row = e->out.at + r * weight->columns;
        eval_copy_row(weight, r, row);
        for (int64_t c = 0; c < weight->columns; c++) row[c] *= gain[c] + offset;
    }
}

void eval_centre_rows(Eval *e) {
    const Tensor *weight = &e->in[0];
    for (int64_t r = 0; r < weight->rows; r++) {
        double *row = e->out.at + r * weight->columns, sum = 0;
        eval_copy_row(weight, r, row);
        for (int64_t c = 0; c < weight->columns; c++) sum += row[c];
        for (int64_t c = 0; c < weight->columns; c++) row[c] -= sum / (double)weight->columns;
    }
}

void eval_project_bias(Eval *e) {
    const Tensor *weight = &e->in[0];
    const double *input = e->in[1].at, *bias = e->in[2].at;
    double *buffer = eval_scratch(e, weight->columns);
    if (!buffer) return;
    for (int64_t r = 0; r < weight->rows; r++) {
        const double *row = eval_rounded_row(e, 0, r, buffer);
        e->out.at[r] = eval_dot(row, input, weight->columns) + (bias ? bias[r] : 0);
    }
}

void eval_stack(Eval *e) {
    double *out = e->out.at;
    for (int k = 0; k < IR_MAX_INPUTS; k++) {
        const Tensor *part = &e->in[k];
        for (int64_t r = 0; r < part->rows; r++, out += part->columns) eval_copy_row(part, r, out);
    }
}

void eval_fill(Eval *e) {
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++)
        e->out.at[i] = e->node->attr.strength;
}

void eval_combine(Eval *e) {
    for (int64_t i = 0; i < e->out.rows; i++)
        e->out.at[i] = e->in[0].at[i] + e->node->attr.scale * e->in[1].at[i];
}

void eval_select_rows(Eval *e) {
    const Reals *ranges = e->node->attr.ranges;
    const int64_t columns = e->out.columns;
    double *out = e->out.at;
    for (int64_t i = 0; i < ranges->count; i += 2) {
        for (int64_t r = (int64_t)ranges->at[i]; r < (int64_t)ranges->at[i + 1]; r++) {
            if (r >= 0)
                eval_copy_row(&e->in[0], r, out);
            else
                memset(out, 0, (size_t)columns * sizeof *out);
            out += columns;
        }
    }
}

void eval_select_columns(Eval *e) {
    const Reals *ranges = e->node->attr.ranges;
    double *buffer = eval_scratch(e, e->in[0].columns), *out = e->out.at;
    if (!buffer) return;
    for (int64_t r = 0; r < e->out.rows; r++) {
        const double *row = eval_row(&e->in[0], r, buffer);
        for (int64_t i = 0; i < ranges->count; i += 2)
            for (int64_t c = (int64_t)ranges->at[i]; c < (int64_t)ranges->at[i + 1]; c++)
                *out++ = c >= 0 ? row[c] : 0;
    }
}
