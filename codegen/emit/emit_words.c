/* emit_words.c - vectors of i32 that hold several values each, and products of such. */
#include "codegen/emit/emit_words.h"

#include <string.h>

static Value same_lanes(Emit *e, uint32_t constant) {
    Value lanes[64];
    for (int64_t i = 0; i < e->width; i++) lanes[i] = LLVMConstInt(e->i32, constant, 0);
    return LLVMConstVector(lanes, (unsigned)e->width);
}

Value emit_load_words(Emit *e, Value base, Value index) {
    return emit_load_as(e, e->ivector, base, index);
}

Value emit_word_bits(Emit *e, Value words, int64_t shift, uint32_t mask) {
    if (shift) words = LLVMBuildLShr(e->builder, words, same_lanes(e, (uint32_t)shift), "");
    return LLVMBuildAnd(e->builder, words, same_lanes(e, mask), "");
}

Value emit_word_shift_left(Emit *e, Value words, int64_t shift) {
    return LLVMBuildShl(e->builder, words, same_lanes(e, (uint32_t)shift), "");
}

Value emit_words_as_floats(Emit *e, Value words) {
    return LLVMBuildBitCast(e->builder, words, e->vector, "");
}

Value emit_floats_as_words(Emit *e, Value floats) {
    return LLVMBuildBitCast(e->builder, floats, e->ivector, "");
}

Value emit_word_of(Emit *e, Value scalar) {
    return LLVMBuildFPToSI(e->builder, scalar, e->i32, "");
}

Value emit_splat_word(Emit *e, Value base, Value index) {
    return emit_splat(e, emit_load_as(e, e->i32, base, index));
}

void emit_store_bytes(Emit *e, Value words, Value base, Value index) {
    VType bytes = LLVMVectorType(LLVMInt8TypeInContext(e->context), (unsigned)e->width);
    emit_store(e, LLVMBuildTrunc(e->builder, words, bytes, ""), base, index);
}

Value emit_load_bytes(Emit *e, Value base, Value index) {
    VType bytes = LLVMVectorType(LLVMInt8TypeInContext(e->context), (unsigned)e->width);
    return LLVMBuildZExt(e->builder, emit_load_as(e, bytes, base, index), e->ivector, "");
}

/* ---- halves ---- */

void emit_store_halves(Emit *e, Value from, Value to, Value index) {
    VType bits = LLVMVectorType(LLVMInt16TypeInContext(e->context), (unsigned)e->width);
    emit_store(e, emit_load_as(e, bits, from, index), to, index);
}

void emit_store_bf16(Emit *e, Value floats, Value base, Value index) {
    VType halves = LLVMVectorType(LLVMInt16TypeInContext(e->context), (unsigned)e->width);
    Value bits = emit_floats_as_words(e, floats);
    Value odd = emit_word_bits(e, bits, 16, 1);
    Value up = LLVMBuildAdd(e->builder, odd, same_lanes(e, 0x7fff), "");
    Value rounded = emit_word_bits(e, LLVMBuildAdd(e->builder, bits, up, ""), 16, 0xffff);
    emit_store(e, LLVMBuildTrunc(e->builder, rounded, halves, ""), base, index);
}

Value emit_load_bf16(Emit *e, Value base, Value index) {
    VType halves = LLVMVectorType(LLVMInt16TypeInContext(e->context), (unsigned)e->width);
    Value words = LLVMBuildZExt(e->builder, emit_load_as(e, halves, base, index), e->ivector, "");
    return emit_words_as_floats(e, emit_word_shift_left(e, words, 16));
}

/* Without an instruction: the exponent's bias goes from 15 to 127 by a product, which is right for
 * subnormal numbers, too. Infinities and NaN get the largest exponent that there is. */
static Value widen_halves(Emit *e, Value halves) {
    Value words = LLVMBuildZExt(e->builder, halves, e->ivector, "");
    Value magnitude = emit_word_shift_left(e, emit_word_bits(e, words, 0, 0x7fff), 13);
    Value sign = emit_word_shift_left(e, emit_word_bits(e, words, 0, 0x8000), 16);
    Value value = emit_fmul(e, emit_words_as_floats(e, magnitude), emit_vector(e, 0x1p112));
    Value bits = LLVMBuildOr(e->builder, emit_floats_as_words(e, value), sign, "");
    Value is_finite =
        LLVMBuildICmp(e->builder, LLVMIntULT, magnitude, same_lanes(e, 0x7c00 << 13), "");
    Value exponent = emit_select(e, is_finite, same_lanes(e, 0), same_lanes(e, 0x7f800000));
    return emit_words_as_floats(e, LLVMBuildOr(e->builder, bits, exponent, ""));
}

/* Of a vector of i16. */
static Value halves_to_floats(Emit *e, Value halves) {
    if (!e->machine->has_halves) return widen_halves(e, halves);
    VType half = LLVMVectorType(LLVMHalfTypeInContext(e->context), (unsigned)e->width);
    return LLVMBuildFPExt(e->builder, LLVMBuildBitCast(e->builder, halves, half, ""), e->vector,
                          "");
}

Value emit_load_halves(Emit *e, Value base, Value index) {
    VType bits = LLVMVectorType(LLVMInt16TypeInContext(e->context), (unsigned)e->width);
    return halves_to_floats(e, emit_load_as(e, bits, base, index));
}

Value emit_splat_half(Emit *e, Value base, Value index) {
    VType bits = LLVMInt16TypeInContext(e->context);
    Value at = LLVMBuildInBoundsGEP2(e->builder, bits, base, &index, 1, "");
    Value half = LLVMBuildLoad2(e->builder, bits, at, "");
    LLVMSetAlignment(half, 2);
    return halves_to_floats(e, emit_splat(e, half));
}

/* ---- products ---- */

/* The same bits in the type that an intrinsic takes, which is not the same in every LLVM. */
static Value as_operand(Emit *e, VType function, unsigned index, Value value) {
    VType types[4];
    LLVMGetParamTypes(function, types);
    return LLVMBuildBitCast(e->builder, value, types[index], "");
}

static Value dot_intrinsic(Emit *e, const char *name, VType *types, size_t type_count, Value *of) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    Value function = LLVMGetIntrinsicDeclaration(e->module, id, types, type_count);
    VType type = LLVMGlobalGetValueType(function);
    for (unsigned i = 0; i < 3; i++) of[i] = as_operand(e, type, i, of[i]);
    return emit_call(e, function, of, 3);
}

Value emit_pair_dot(Emit *e, Value sum, Value a, Value b) {
    return dot_intrinsic(e, "llvm.x86.avx512bf16.dpbf16ps.512", NULL, 0, (Value[]){sum, a, b});
}

/* x86 multiplies bytes without sign by bytes with one; NEON bytes with sign. */
static bool has_signed_dot(const Emit *e) {
    return e->width == 4;
}

Value emit_byte_sum(Emit *e, Value base, Value index) {
    if (has_signed_dot(e)) return LLVMConstNull(e->ivector);
    return emit_splat_word(e, base, index);
}

Value emit_byte_dot(Emit *e, Value sum, Value u, Value s) {
    if (has_signed_dot(e)) {
        VType bytes = LLVMVectorType(LLVMInt8TypeInContext(e->context), 16);
        Value of[] = {sum, LLVMBuildXor(e->builder, u, same_lanes(e, 0x80808080), ""), s};
        return dot_intrinsic(e, "llvm.aarch64.neon.sdot", (VType[]){e->ivector, bytes}, 2, of);
    }
    const char *name =
        e->width == 16 ? "llvm.x86.avx512.vpdpbusd.512" : "llvm.x86.avx512.vpdpbusd.256";
    return dot_intrinsic(e, name, NULL, 0, (Value[]){sum, u, s});
}
