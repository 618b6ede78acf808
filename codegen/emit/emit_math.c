/* emit_math.c - elementary functions of f32 vectors (or scalars), as straight-line code.
 *
 * Range reduction and polynomials after Cephes (Moshier, single precision): errors of a few units
 * in the last place, the same for every lane and every caller, so that a token's numbers do not
 * depend on the kernel that computes them.
 */
#include "codegen/emit/emit.h"

/* A constant in the shape of `like`: scalar or vector. */
static Value constant(Emit *e, Value like, double value) {
    return LLVMTypeOf(like) == e->f32 ? emit_f32(e, value) : emit_vector(e, value);
}

/* c[0] x^(n-1) + ... + c[n-1], by Horner's rule. */
static Value polynomial(Emit *e, Value x, const double *c, int n) {
    Value sum = constant(e, x, c[0]);
    for (int i = 1; i < n; i++) sum = emit_fma(e, sum, x, constant(e, x, c[i]));
    return sum;
}

/* 2^n for an integral float n in -126 .. 127, by its exponent bits. */
static Value power_of_two(Emit *e, Value n) {
    bool is_scalar = LLVMTypeOf(n) == e->f32;
    VType integers = is_scalar ? e->i32 : e->ivector;
    Value exponent =
        LLVMBuildFPToSI(e->builder, emit_fadd(e, n, constant(e, n, 127)), integers, "");
    Value shift = LLVMConstInt(e->i32, 23, 0);
    if (!is_scalar) {
        Value lanes[64];
        for (int64_t i = 0; i < e->width; i++) lanes[i] = shift;
        shift = LLVMConstVector(lanes, (unsigned)e->width);
    }
    return LLVMBuildBitCast(e->builder, LLVMBuildShl(e->builder, exponent, shift, ""),
                            LLVMTypeOf(n), "");
}

/* The nearest integer of |x| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction. Not every
 * target has an instruction for it. */
static Value nearest(Emit *e, Value x) {
    Value shift = constant(e, x, 12582912);
    return emit_fsub(e, emit_fadd(e, x, shift), shift);
}

Value emit_exp(Emit *e, Value x) {
    static const double c[] = {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3,
                               4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1};
    const double lowest = -87.3, highest = 88.0;
    Value is_low = emit_fless(e, x, constant(e, x, lowest));
    Value clamped = emit_select(e, is_low, constant(e, x, lowest), x);
    Value is_high = emit_fless(e, constant(e, x, highest), clamped);
    clamped = emit_select(e, is_high, constant(e, x, highest), clamped);

    /* x = n ln 2 + r, |r| <= ln 2 / 2, ln 2 in two parts so that r is exact. */
    Value n = nearest(e, emit_fmul(e, clamped, constant(e, x, 1.44269504088896341)));
    Value r = emit_fma(e, n, constant(e, x, -0.693359375), clamped);
    r = emit_fma(e, n, constant(e, x, 2.12194440e-4), r);
    Value p = emit_fma(e, polynomial(e, r, c, 6), emit_fmul(e, r, r), r);
    p = emit_fadd(e, p, constant(e, x, 1));
    return emit_select(e, is_low, constant(e, x, 0), emit_fmul(e, p, power_of_two(e, n)));
}

Value emit_sigmoid(Emit *e, Value x) {
    Value one = constant(e, x, 1);
    Value negative = emit_fsub(e, constant(e, x, 0), x);
    return emit_fdiv(e, one, emit_fadd(e, one, emit_exp(e, negative)));
}

/* A polynomial near 0, where 1 - 2 / (exp(2x) + 1) would cancel. */
Value emit_tanh(Emit *e, Value x) {
    static const double c[] = {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2,
                               1.33314422036e-1, -3.33332819422e-1};
    Value size = emit_fabs(e, x);
    Value square = emit_fmul(e, x, x);
    Value near_zero = emit_fma(e, emit_fmul(e, polynomial(e, square, c, 5), square), x, x);

    Value one = constant(e, x, 1), two = constant(e, x, 2);
    Value far = emit_exp(e, emit_fmul(e, two, size));
    far = emit_fsub(e, one, emit_fdiv(e, two, emit_fadd(e, far, one)));
    far = emit_copysign(e, far, x);
    return emit_select(e, emit_fless(e, size, constant(e, x, 0.625)), near_zero, far);
}

/* Abramowitz and Stegun 7.1.26 away from 0 (error 1.5e-7), the Taylor series near it. */
Value emit_erf(Emit *e, Value x) {
    static const double far_c[] = {1.061405429, -1.453152027, 1.421413741, -0.284496736,
                                   0.254829592};
    static const double near_c[] = {
        -7.57575757576e-4, 4.62962962963e-3, -2.38095238095e-2, 0.1, -0.333333333333, 1};
    const double two_by_root_pi = 1.12837916709551257;
    Value one = constant(e, x, 1);
    Value size = emit_fabs(e, x);
    Value square = emit_fmul(e, x, x);
    Value near_zero = emit_fmul(e, polynomial(e, square, near_c, 6), x);
    near_zero = emit_fmul(e, near_zero, constant(e, x, two_by_root_pi));

    Value t = emit_fdiv(e, one, emit_fma(e, size, constant(e, x, 0.3275911), one));
    Value tail = emit_fmul(e, polynomial(e, t, far_c, 5), t);
    Value decay = emit_exp(e, emit_fsub(e, constant(e, x, 0), square));
    Value far = emit_fsub(e, one, emit_fmul(e, tail, decay));
    far = emit_copysign(e, far, x);
    return emit_select(e, emit_fless(e, size, constant(e, x, 0.5)), near_zero, far);
}
