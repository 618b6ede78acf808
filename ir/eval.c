#include "ir/eval.h"
#include "ir/formats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool eval_takes_rows(Op op, int k) {
    if (op == OP_stack) return true;
    if (op == OP_scale_columns || op == OP_centre_rows || op == OP_project_bias ||
        op == OP_row_of || op == OP_select_rows || op == OP_select_columns)
        return k == 0;
    if (op == OP_embed || op == OP_add_positions || op == OP_project || op == OP_read ||
        op == OP_project_back || op == OP_add_positions_back || op == OP_row_of_back)
        return k == 1;
    if (op == OP_embed_back) return k == 2;
    return false;
}

void eval_copy_row(const Tensor *tensor, int64_t r, double *out) {
    const int64_t columns = tensor->columns;
    if (tensor->at) {
        memcpy(out, tensor->at + r * columns, (size_t)columns * sizeof *out);
        return;
    }
    const float *row = tensor->floats + r * columns;
    for (int64_t c = 0; c < columns; c++) out[c] = (double)row[c];
}

const double *eval_row(const Tensor *tensor, int64_t r, double *buffer) {
    if (tensor->at) return tensor->at + r * tensor->columns;
    eval_copy_row(tensor, r, buffer);
    return buffer;
}

void eval_copy_rounded_row(const Eval *e, int k, int64_t r, double *out) {
    const WeightFormat format = e->node->attr.format;
    eval_copy_row(&e->in[k], r, out);
    if (!weights_keep_row(e->weights, e->graph, e->node->in[k], r, format))
        format_round_row(format, out, e->in[k].columns);
}

const double *eval_rounded_row(const Eval *e, int k, int64_t r, double *buffer) {
    if (e->node->attr.format == FORMAT_f32) return eval_row(&e->in[k], r, buffer);
    eval_copy_rounded_row(e, k, r, buffer);
    return buffer;
}

double *eval_scratch(Eval *e, int64_t count) {
    Scratch *scratch = e->scratch;
    if (count <= scratch->capacity) return scratch->at;
    free(scratch->at);
    scratch->capacity = 0;
    scratch->at = NULL;
    if ((uint64_t)count <= PTRDIFF_MAX / sizeof(double))
        scratch->at = malloc((size_t)count * sizeof(double));
    if (scratch->at)
        scratch->capacity = count;
    else
        e->failed = !diag_error(
            e->diag, e->node->loc,
            "out of memory: the interpreter needs a buffer of %" PRId64 " doubles", count);
    return scratch->at;
}

int64_t eval_integer(const Eval *e, int k) {
    return (int64_t)e->in[k].at[0];
}

/* Eight sums side by side, for a compiler to keep in vectors. */
double eval_dot(const double *a, const double *b, int64_t n) {
    double sum[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) sum[k] += a[i + k] * b[i + k];
    for (int k = 0; i < n; i++, k++) sum[k] += a[i] * b[i];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}
