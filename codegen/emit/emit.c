#include "codegen/emit/emit.h"

#include <string.h>

Emit emit_parts(const Emit *e) {
    Emit parts = *e;
    parts.width = e->width / e->machine->vector_parts;
    parts.vector = LLVMVectorType(e->f32, (unsigned)parts.width);
    parts.ivector = LLVMVectorType(e->i32, (unsigned)parts.width);
    return parts;
}

/* ---- control ---- */

static LLVMBasicBlockRef block(Emit *e, const char *name) {
    return LLVMAppendBasicBlockInContext(e->context, e->function, name);
}

Loop emit_loop(Emit *e, const char *name, Value from, Value to, Value step) {
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder);
    Loop loop = {.head = block(e, name), .step = step};
    LLVMBasicBlockRef body = block(e, "body");
    loop.exit = block(e, "done");

    LLVMBuildBr(e->builder, loop.head);
    LLVMPositionBuilderAtEnd(e->builder, loop.head);
    loop.i = LLVMBuildPhi(e->builder, e->i64, name);
    LLVMAddIncoming(loop.i, &from, &before, 1);
    Value more = LLVMBuildICmp(e->builder, LLVMIntSLT, loop.i, to, "more");
    LLVMBuildCondBr(e->builder, more, body, loop.exit);
    LLVMPositionBuilderAtEnd(e->builder, body);
    return loop;
}

void emit_loop_end(Emit *e, Loop *loop) {
    Value next = LLVMBuildNSWAdd(e->builder, loop->i, loop->step, "next");
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(e->builder);
    LLVMAddIncoming(loop->i, &next, &latch, 1);
    LLVMBuildBr(e->builder, loop->head);
    LLVMPositionBuilderAtEnd(e->builder, loop->exit);
}

If emit_if(Emit *e, Value condition) {
    LLVMBasicBlockRef then = block(e, "then");
    If branch = {block(e, "end")};
    LLVMBuildCondBr(e->builder, condition, then, branch.done);
    LLVMPositionBuilderAtEnd(e->builder, then);
    return branch;
}

void emit_if_end(Emit *e, If *branch) {
    LLVMBuildBr(e->builder, branch->done);
    LLVMPositionBuilderAtEnd(e->builder, branch->done);
}

void emit_columns(Emit *e, int64_t columns, ColumnBody *body, void *context) {
    const int64_t whole = columns / e->width * e->width;
    if (whole) {
        Loop loop = emit_loop(e, "c", emit_int(e, 0), emit_int(e, whole), emit_int(e, e->width));
        body(e, context, loop.i, e->width);
        emit_loop_end(e, &loop);
    }
    if (whole < columns) body(e, context, emit_int(e, whole), columns - whole);
}

/* ---- variables, and tables in the code ---- */

/* In the entry block, where mem2reg looks and a loop does not grow the stack. */
static Value stack_slot(Emit *e, VType type, const char *name) {
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(e->function);
    Value first = LLVMGetFirstInstruction(entry);
    if (first)
        LLVMPositionBuilderBefore(e->builder, first);
    else
        LLVMPositionBuilderAtEnd(e->builder, entry);
    Value slot = LLVMBuildAlloca(e->builder, type, name);
    LLVMPositionBuilderAtEnd(e->builder, here);
    return slot;
}

Value emit_variable(Emit *e, VType type, Value initial) {
    Value variable = stack_slot(e, type, "variable");
    LLVMBuildStore(e->builder, initial, variable);
    return variable;
}

Value emit_get(Emit *e, VType type, Value variable) {
    return LLVMBuildLoad2(e->builder, type, variable, "");
}

void emit_set(Emit *e, Value variable, Value value) {
    LLVMBuildStore(e->builder, value, variable);
}

Value emit_table(Emit *e, Value *values, int64_t count) {
    Value data = LLVMConstArray2(LLVMTypeOf(values[0]), values, (uint64_t)count);
    Value table = LLVMAddGlobal(e->module, LLVMTypeOf(data), "table");
    LLVMSetInitializer(table, data);
    LLVMSetLinkage(table, LLVMPrivateLinkage);
    LLVMSetGlobalConstant(table, 1);
    return table;
}

/* ---- integers ---- */

Value emit_int(Emit *e, int64_t constant) {
    return LLVMConstInt(e->i64, (unsigned long long)constant, 1);
}

Value emit_add(Emit *e, Value a, Value b) {
    return LLVMBuildNSWAdd(e->builder, a, b, "");
}
Value emit_sub(Emit *e, Value a, Value b) {
    return LLVMBuildNSWSub(e->builder, a, b, "");
}
Value emit_mul(Emit *e, Value a, Value b) {
    return LLVMBuildNSWMul(e->builder, a, b, "");
}
Value emit_div(Emit *e, Value a, Value b) {
    return LLVMBuildUDiv(e->builder, a, b, "");
}
Value emit_rem(Emit *e, Value a, Value b) {
    return LLVMBuildURem(e->builder, a, b, "");
}

Value emit_int_equal(Emit *e, Value a, Value b) {
    return LLVMBuildICmp(e->builder, LLVMIntEQ, a, b, "");
}

Value emit_int_less(Emit *e, Value a, Value b) {
    return LLVMBuildICmp(e->builder, LLVMIntSLT, a, b, "");
}

Value emit_min(Emit *e, Value a, Value b) {
    return emit_select(e, emit_int_less(e, a, b), a, b);
}
Value emit_max(Emit *e, Value a, Value b) {
    return emit_select(e, emit_int_less(e, a, b), b, a);
}

/* ---- memory ---- */

Value emit_at(Emit *e, Value base, Value index) {
    return LLVMBuildInBoundsGEP2(e->builder, e->f32, base, &index, 1, "");
}

Value emit_load_field(Emit *e, VType type, Value base, int64_t byte_offset, const char *name) {
    Value index = emit_int(e, byte_offset);
    Value address =
        LLVMBuildInBoundsGEP2(e->builder, LLVMInt8TypeInContext(e->context), base, &index, 1, "");
    return LLVMBuildLoad2(e->builder, type, address, name);
}

static Value load(Emit *e, VType type, Value base, Value index) {
    Value value = LLVMBuildLoad2(e->builder, type, emit_at(e, base, index), "");
    LLVMSetAlignment(value, 4);
    return value;
}

static void store(Emit *e, Value value, Value base, Value index) {
    LLVMSetAlignment(LLVMBuildStore(e->builder, value, emit_at(e, base, index)), 4);
}

Value emit_load_f32(Emit *e, Value base, Value index) {
    return load(e, e->f32, base, index);
}
Value emit_load(Emit *e, Value base, Value index) {
    return load(e, e->vector, base, index);
}

Value emit_load_token(Emit *e, Value base, Value index) {
    return LLVMBuildZExt(e->builder, load(e, e->i32, base, index), e->i64, "token");
}
Value emit_load_int(Emit *e, Value table, Value index) {
    Value address = LLVMBuildInBoundsGEP2(e->builder, e->i64, table, &index, 1, "");
    return LLVMBuildLoad2(e->builder, e->i64, address, "");
}

void emit_store_f32(Emit *e, Value value, Value base, Value index) {
    store(e, value, base, index);
}
void emit_store(Emit *e, Value value, Value base, Value index) {
    store(e, value, base, index);
}

Value emit_first_lanes(Emit *e, int64_t count) {
    Value lanes[64];
    for (int64_t i = 0; i < e->width; i++) lanes[i] = LLVMConstInt(e->i1, i < count, 0);
    return LLVMConstVector(lanes, (unsigned)e->width);
}

static Value masked(Emit *e, const char *name, Value *arguments, int count) {
    VType types[] = {e->vector, e->pointer};
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    Value function = LLVMGetIntrinsicDeclaration(e->module, id, types, 2);
    return emit_call(e, function, arguments, count);
}

/* LLVM 22 takes the alignment of a masked access as an attribute of its pointer, 19 as an operand:
 * which one this library wants shows in the intrinsic's own type. */
static bool has_alignment_operand(Emit *e, const char *name, unsigned operands) {
    VType types[] = {e->vector, e->pointer};
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    return LLVMCountParamTypes(LLVMIntrinsicGetType(e->context, id, types, 2)) == operands;
}

Value emit_load_part(Emit *e, Value base, Value index, int64_t count) {
    if (count == e->width) return emit_load(e, base, index);
    static const char name[] = "llvm.masked.load";
    Value address = emit_at(e, base, index), mask = emit_first_lanes(e, count);
    Value zero = emit_vector(e, 0), alignment = LLVMConstInt(e->i32, 4, 0);
    if (has_alignment_operand(e, name, 4))
        return masked(e, name, (Value[]){address, alignment, mask, zero}, 4);
    return masked(e, name, (Value[]){address, mask, zero}, 3);
}

void emit_store_part(Emit *e, Value value, Value base, Value index, int64_t count) {
    if (count == e->width) {
        emit_store(e, value, base, index);
        return;
    }
    static const char name[] = "llvm.masked.store";
    Value address = emit_at(e, base, index), mask = emit_first_lanes(e, count);
    Value alignment = LLVMConstInt(e->i32, 4, 0);
    if (has_alignment_operand(e, name, 4))
        masked(e, name, (Value[]){value, address, alignment, mask}, 4);
    else
        masked(e, name, (Value[]){value, address, mask}, 3);
}

/* ---- words ---- */

static Value same_lanes(Emit *e, uint32_t constant) {
    Value lanes[64];
    for (int64_t i = 0; i < e->width; i++) lanes[i] = LLVMConstInt(e->i32, constant, 0);
    return LLVMConstVector(lanes, (unsigned)e->width);
}

Value emit_load_words(Emit *e, Value base, Value index) {
    return load(e, e->ivector, base, index);
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

static Value splat_word(Emit *e, Value word) {
    Value none = LLVMGetPoison(e->ivector);
    Value first = LLVMBuildInsertElement(e->builder, none, word, LLVMConstInt(e->i32, 0, 0), "");
    return LLVMBuildShuffleVector(e->builder, first, none, LLVMConstNull(e->ivector), "");
}

Value emit_splat_word(Emit *e, Value base, Value index) {
    return splat_word(e, load(e, e->i32, base, index));
}

void emit_store_word(Emit *e, Value word, Value base, Value index) {
    store(e, word, base, index);
}

void emit_store_bytes(Emit *e, Value words, Value base, Value index) {
    VType bytes = LLVMVectorType(LLVMInt8TypeInContext(e->context), (unsigned)e->width);
    store(e, LLVMBuildTrunc(e->builder, words, bytes, ""), base, index);
}

void emit_store_words(Emit *e, Value words, Value base, Value index) {
    store(e, words, base, index);
}

void emit_store_halves(Emit *e, Value from, Value to, Value index) {
    VType bits = LLVMVectorType(LLVMInt16TypeInContext(e->context), (unsigned)e->width);
    store(e, load(e, bits, from, index), to, index);
}

void emit_store_bf16(Emit *e, Value floats, Value base, Value index) {
    VType halves = LLVMVectorType(LLVMInt16TypeInContext(e->context), (unsigned)e->width);
    Value bits = emit_floats_as_words(e, floats);
    Value odd = emit_word_bits(e, bits, 16, 1);
    Value up = LLVMBuildAdd(e->builder, odd, same_lanes(e, 0x7fff), "");
    Value rounded = emit_word_bits(e, LLVMBuildAdd(e->builder, bits, up, ""), 16, 0xffff);
    store(e, LLVMBuildTrunc(e->builder, rounded, halves, ""), base, index);
}

/* ---- products of bytes and of pairs ---- */

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

Value emit_load_halves(Emit *e, Value base, Value index) {
    const unsigned width = (unsigned)e->width;
    VType half = LLVMHalfTypeInContext(e->context), bits = LLVMInt16TypeInContext(e->context);
    if (!e->machine->has_halves)
        return widen_halves(e, load(e, LLVMVectorType(bits, width), base, index));
    return LLVMBuildFPExt(e->builder, load(e, LLVMVectorType(half, width), base, index), e->vector,
                          "");
}

/* ---- floats ---- */

Value emit_f32(Emit *e, double constant) {
    return LLVMConstReal(e->f32, constant);
}

Value emit_splat(Emit *e, Value scalar) {
    Value zero = LLVMConstInt(e->i32, 0, 0), undefined = LLVMGetPoison(e->vector);
    Value first = LLVMBuildInsertElement(e->builder, undefined, scalar, zero, "");
    VType mask = LLVMVectorType(e->i32, (unsigned)e->width);
    return LLVMBuildShuffleVector(e->builder, first, undefined, LLVMConstNull(mask), "");
}

Value emit_vector(Emit *e, double constant) {
    Value lanes[64];
    for (int64_t i = 0; i < e->width; i++) lanes[i] = emit_f32(e, constant);
    return LLVMConstVector(lanes, (unsigned)e->width);
}

Value emit_fadd(Emit *e, Value a, Value b) {
    return LLVMBuildFAdd(e->builder, a, b, "");
}
Value emit_fsub(Emit *e, Value a, Value b) {
    return LLVMBuildFSub(e->builder, a, b, "");
}
Value emit_fmul(Emit *e, Value a, Value b) {
    return LLVMBuildFMul(e->builder, a, b, "");
}
Value emit_fdiv(Emit *e, Value a, Value b) {
    return LLVMBuildFDiv(e->builder, a, b, "");
}

static Value intrinsic(Emit *e, const char *name, VType type, Value *arguments, int count) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    return emit_call(e, LLVMGetIntrinsicDeclaration(e->module, id, &type, 1), arguments, count);
}

Value emit_fma(Emit *e, Value a, Value b, Value c) {
    return intrinsic(e, "llvm.fmuladd", LLVMTypeOf(a), (Value[]){a, b, c}, 3);
}

void emit_prefetch(Emit *e, Value base, Value index) {
    enum { READ = 0, SECOND_CACHE = 2, DATA = 1 };
    Value at = emit_at(e, base, index);
    Value arguments[] = {at, LLVMConstInt(e->i32, READ, 0), LLVMConstInt(e->i32, SECOND_CACHE, 0),
                         LLVMConstInt(e->i32, DATA, 0)};
    intrinsic(e, "llvm.prefetch", LLVMTypeOf(at), arguments, 4);
}

Value emit_sqrt(Emit *e, Value a) {
    return intrinsic(e, "llvm.sqrt", LLVMTypeOf(a), &a, 1);
}

Value emit_fabs(Emit *e, Value a) {
    return intrinsic(e, "llvm.fabs", LLVMTypeOf(a), &a, 1);
}

Value emit_copysign(Emit *e, Value size, Value sign) {
    return intrinsic(e, "llvm.copysign", LLVMTypeOf(size), (Value[]){size, sign}, 2);
}

Value emit_fless(Emit *e, Value a, Value b) {
    return LLVMBuildFCmp(e->builder, LLVMRealOLT, a, b, "");
}

Value emit_select(Emit *e, Value condition, Value a, Value b) {
    return LLVMBuildSelect(e->builder, condition, a, b, "");
}

Value emit_fmax(Emit *e, Value a, Value b) {
    return emit_select(e, emit_fless(e, b, a), a, b);
}
Value emit_fmin(Emit *e, Value a, Value b) {
    return emit_select(e, emit_fless(e, a, b), a, b);
}

/* The upper half of the lanes, moved to the lower half. */
static Value upper_half(Emit *e, Value vector, int64_t lanes) {
    Value from[64];
    for (int64_t i = 0; i < e->width; i++)
        from[i] = LLVMConstInt(e->i32, (unsigned long long)(i < lanes ? i + lanes : i), 0);
    return LLVMBuildShuffleVector(e->builder, vector, LLVMGetPoison(e->vector),
                                  LLVMConstVector(from, (unsigned)e->width), "");
}

static Value first_lane(Emit *e, Value vector) {
    return LLVMBuildExtractElement(e->builder, vector, LLVMConstInt(e->i32, 0, 0), "");
}

Value emit_sum(Emit *e, Value vector) {
    for (int64_t lanes = e->width / 2; lanes; lanes /= 2)
        vector = emit_fadd(e, vector, upper_half(e, vector, lanes));
    return first_lane(e, vector);
}

Value emit_largest(Emit *e, Value vector) {
    for (int64_t lanes = e->width / 2; lanes; lanes /= 2)
        vector = emit_fmax(e, vector, upper_half(e, vector, lanes));
    return first_lane(e, vector);
}

Value emit_swap_pairs(Emit *e, Value vector) {
    Value from[64];
    for (int64_t i = 0; i < e->width; i++)
        from[i] = LLVMConstInt(e->i32, (unsigned long long)(i ^ 1), 0);
    return LLVMBuildShuffleVector(e->builder, vector, LLVMGetPoison(e->vector),
                                  LLVMConstVector(from, (unsigned)e->width), "");
}

/* ---- lanes ---- */

static Value constant_lanes(Emit *e, int64_t from, int64_t step) {
    Value lanes[64];
    for (int64_t i = 0; i < e->width; i++)
        lanes[i] = LLVMConstInt(e->i32, (unsigned long long)(from + i * step), 1);
    return LLVMConstVector(lanes, (unsigned)e->width);
}

Value emit_lanes_from(Emit *e, Value start) {
    Value low = LLVMBuildTrunc(e->builder, start, e->i32, "");
    Value zero = LLVMConstInt(e->i32, 0, 0), none = LLVMGetPoison(e->ivector);
    Value all = LLVMBuildInsertElement(e->builder, none, low, zero, "");
    all = LLVMBuildShuffleVector(e->builder, all, none, LLVMConstNull(e->ivector), "");
    return LLVMBuildAdd(e->builder, all, constant_lanes(e, 0, 1), "");
}

Value emit_both(Emit *e, Value a, Value b) {
    return LLVMBuildAnd(e->builder, a, b, "");
}

Value emit_lanes_between(Emit *e, Value lanes, int64_t from, int64_t to) {
    Value low = constant_lanes(e, from, 0), high = constant_lanes(e, to, 0);
    return emit_both(e, LLVMBuildICmp(e->builder, LLVMIntSGE, lanes, low, ""),
                     LLVMBuildICmp(e->builder, LLVMIntSLT, lanes, high, ""));
}

Value emit_lanes_to_float(Emit *e, Value lanes) {
    return LLVMBuildSIToFP(e->builder, lanes, e->vector, "");
}
