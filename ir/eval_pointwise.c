/* eval_pointwise.c - ops that see one element at a time. */
#include "ir/eval.h"

#include <math.h>
#include <string.h>

static double activate(Activation activation, double x) {
    switch (activation) {
    case ACT_relu: return x < 0 ? 0 : x; /* not a number stays so */
    case ACT_relu2: return x < 0 ? 0 : x * x;
    case ACT_gelu: return 0.5 * x * erfc(-x * sqrt(0.5)); /* 1 + erf would cancel below 0 */
    case ACT_gelu_tanh:                                   /* x/2 (1 + tanh u) is x sigmoid(2u) */
        return x / (1 + exp(-2 * 0.79788456080286536 * (x + 0.044715 * x * x * x)));
    case ACT_silu: return x / (1 + exp(-x));
    case ACT_sigmoid: return 1 / (1 + exp(-x));
    }
    return x;
}

void eval_activate(Eval *e) {
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++)
        e->out.at[i] = activate(e->node->attr.activation, e->in[0].at[i]);
}

void eval_multiply(Eval *e) {
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++)
        e->out.at[i] = e->in[0].at[i] * e->in[1].at[i];
}

void eval_scale(Eval *e) {
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++)
        e->out.at[i] = e->in[0].at[i] * e->node->attr.scale;
}

void eval_softcap(Eval *e) {
    const double cap = e->node->attr.softcap;
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++) {
        const double x = e->in[0].at[i];
        e->out.at[i] = cap > 0 ? cap * tanh(x / cap) : x;
    }
}

void eval_clip(Eval *e) {
    const double limit = e->node->attr.limit;
    for (int64_t i = 0; i < e->out.rows * e->out.columns; i++) {
        const double x = e->in[0].at[i];
        e->out.at[i] = x < -limit ? -limit : x > limit ? limit : x; /* not a number stays so */
    }
}

/* Each of the columns, or heads, that are selected has `width` values. */
static void copy_columns(Eval *e, int64_t width) {
    const Tensor *x = &e->in[0], *out = &e->out;
    for (int64_t r = 0; r < out->rows; r++)
        memcpy(out->at + r * out->columns, x->at + r * x->columns + e->node->attr.from * width,
               (size_t)out->columns * sizeof *out->at);
}

/* And the interpreter hands it to the caller. */
void eval_tap(Eval *e) {
    copy_columns(e, e->node->type.rank == 3 ? e->node->type.dim[2] : 1);
}

void eval_slice(Eval *e) {
    copy_columns(e, 1);
}
