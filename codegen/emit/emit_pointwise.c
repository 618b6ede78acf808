/* emit_pointwise.c - ops that see one element at a time, on a vector of columns. */
#include "codegen/emit/emit_kernel.h"

static Value activation(Emit *e, Activation kind, Value x) {
    switch (kind) {
    case ACT_relu: return emit_fmax(e, emit_vector(e, 0), x);
    case ACT_relu2: {
        Value positive = emit_fmax(e, emit_vector(e, 0), x);
        return emit_fmul(e, positive, positive);
    }
    case ACT_gelu: {
        Value half = emit_fmul(e, x, emit_vector(e, 0.5));
        Value erf = emit_erf(e, emit_fmul(e, x, emit_vector(e, 0.70710678118654752)));
        return emit_fma(e, half, erf, half);
    }
    case ACT_gelu_tanh: { /* x/2 (1 + tanh u) is x sigmoid(2u) */
        Value square = emit_fmul(e, x, x);
        Value factor = emit_fma(e, square, emit_vector(e, 2 * 0.79788456080286536 * 0.044715),
                                emit_vector(e, 2 * 0.79788456080286536));
        return emit_fmul(e, x, emit_sigmoid(e, emit_fmul(e, x, factor)));
    }
    case ACT_silu: return emit_fmul(e, x, emit_sigmoid(e, x));
    case ACT_sigmoid: return emit_sigmoid(e, x);
    }
    return x;
}

static Value softcap(Emit *e, double cap, Value x) {
    Value inner = emit_tanh(e, emit_fmul(e, x, emit_vector(e, 1 / cap)));
    return emit_fmul(e, inner, emit_vector(e, cap));
}

static Value clip(Emit *e, double limit, Value x) {
    x = emit_fmax(e, emit_vector(e, -limit), x);
    return emit_fmin(e, emit_vector(e, limit), x); /* not a number stays so */
}

/* Columns column .. column + width - 1 of a row of a value in memory. */
static Value memory(KernelEmit *k, Ref ref, Value row, Value column) {
    Value start = emit_mul(k->e, row, emit_int(k->e, emit_slot_stride(k, ref)));
    return emit_load(k->e, emit_slot(k, ref, FORM_VECTOR), emit_add(k->e, start, column));
}

/* carry * x + scale * s * f */
static Value write(KernelEmit *k, const Node *node, Value f, Value row, Value column) {
    Emit *e = k->e;
    if (node->attr.scale != 1) f = emit_fmul(e, f, emit_vector(e, node->attr.scale));
    if (!ir_ref_is_none(node->in[2])) {
        Value s = emit_slot(k, node->in[2], FORM_VECTOR);
        bool is_vector = kernel_node(k, node->in[2])->type.dim[0] > 1;
        s = is_vector ? emit_load(e, s, column)
                      : emit_splat(e, emit_load_f32(e, s, emit_int(e, 0)));
        f = emit_fmul(e, f, s);
    }
    if (node->attr.carry == 0) return f;
    Value x = memory(k, node->in[0], row, column);
    if (node->attr.carry == 1) return emit_fadd(e, x, f);
    return emit_fma(e, x, emit_vector(e, node->attr.carry), f);
}

/* t * f + (1 - t) * x, as x + t * (f - x) */
static Value write_gated(KernelEmit *k, const Node *node, Value f, Value row, Value column) {
    Value x = memory(k, node->in[0], row, column), t = memory(k, node->in[2], row, column);
    return emit_fma(k->e, t, emit_fsub(k->e, f, x), x);
}

Value emit_pointwise(KernelEmit *k, const Node *node, Value x, Value row, Value column) {
    if (node->op == OP_activate) return activation(k->e, node->attr.activation, x);
    if (node->op == OP_scale) return emit_fmul(k->e, x, emit_vector(k->e, node->attr.scale));
    if (node->op == OP_softcap) return softcap(k->e, node->attr.softcap, x);
    if (node->op == OP_clip) return clip(k->e, node->attr.limit, x);
    if (node->op == OP_write) return write(k, node, x, row, column);
    return write_gated(k, node, x, row, column);
}

Value emit_pointwise_chain(KernelEmit *k, const Chain *chain, Value x, Value row, Value column) {
    for (int i = 0; i < chain->count; i++) {
        const Node *node = kernel_node(k, chain->node[i]);
        if (node->op == OP_tap)
            emit_keep_vector(k, chain->node[i], x, row, column);
        else
            x = emit_pointwise(k, node, x, row, column);
    }
    return x;
}
