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

/* ---- one instruction with two operands each ---- */

#define BINARY(name, build)                                                                        \
    Value name(Emit *e, Value a, Value b) {                                                        \
        return build(e->builder, a, b, "");                                                        \
    }
BINARY(emit_add, LLVMBuildNSWAdd)
BINARY(emit_sub, LLVMBuildNSWSub)
BINARY(emit_mul, LLVMBuildNSWMul)
BINARY(emit_div, LLVMBuildUDiv)
BINARY(emit_rem, LLVMBuildURem)
BINARY(emit_fadd, LLVMBuildFAdd)
BINARY(emit_fsub, LLVMBuildFSub)
BINARY(emit_fmul, LLVMBuildFMul)
BINARY(emit_fdiv, LLVMBuildFDiv)
BINARY(emit_both, LLVMBuildAnd)

/* ---- integers ---- */

Value emit_int(Emit *e, int64_t constant) {
    return LLVMConstInt(e->i64, (unsigned long long)constant, 1);
}

Value emit_int_equal(Emit *e, Value a, Value b) {
    return LLVMBuildICmp(e->builder, LLVMIntEQ, a, b, "");
}

Value emit_int_less(Emit *e, Value a, Value b) {
    return LLVMBuildICmp(e->builder, LLVMIntSLT, a, b, "");
}

Value emit_is_there(Emit *e, Value pointer) {
    return LLVMBuildIsNotNull(e->builder, pointer, "");
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

Value emit_load_as(Emit *e, VType type, Value base, Value index) {
    Value value = LLVMBuildLoad2(e->builder, type, emit_at(e, base, index), "");
    LLVMSetAlignment(value, 4);
    return value;
}

void emit_store(Emit *e, Value value, Value base, Value index) {
    LLVMSetAlignment(LLVMBuildStore(e->builder, value, emit_at(e, base, index)), 4);
}

Value emit_load_f32(Emit *e, Value base, Value index) {
    return emit_load_as(e, e->f32, base, index);
}
Value emit_load(Emit *e, Value base, Value index) {
    return emit_load_as(e, e->vector, base, index);
}

Value emit_load_token(Emit *e, Value base, Value index) {
    return LLVMBuildZExt(e->builder, emit_load_as(e, e->i32, base, index), e->i64, "token");
}
Value emit_load_int(Emit *e, Value table, Value index) {
    Value address = LLVMBuildInBoundsGEP2(e->builder, e->i64, table, &index, 1, "");
    return LLVMBuildLoad2(e->builder, e->i64, address, "");
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
    return emit_load_lanes(e, base, index, emit_first_lanes(e, count));
}

Value emit_load_lanes(Emit *e, Value base, Value index, Value mask) {
    static const char name[] = "llvm.masked.load";
    Value address = emit_at(e, base, index);
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
    emit_store_lanes(e, value, base, index, emit_first_lanes(e, count));
}

void emit_store_lanes(Emit *e, Value value, Value base, Value index, Value mask) {
    static const char name[] = "llvm.masked.store";
    Value address = emit_at(e, base, index);
    Value alignment = LLVMConstInt(e->i32, 4, 0);
    if (has_alignment_operand(e, name, 4))
        masked(e, name, (Value[]){value, address, alignment, mask}, 4);
    else
        masked(e, name, (Value[]){value, address, mask}, 3);
}

/* ---- floats ---- */

Value emit_f32(Emit *e, double constant) {
    return LLVMConstReal(e->f32, constant);
}

Value emit_splat(Emit *e, Value scalar) {
    Value none = LLVMGetPoison(LLVMVectorType(LLVMTypeOf(scalar), (unsigned)e->width));
    Value first = LLVMBuildInsertElement(e->builder, none, scalar, LLVMConstInt(e->i32, 0, 0), "");
    return LLVMBuildShuffleVector(e->builder, first, none, LLVMConstNull(e->ivector), "");
}

Value emit_first_lane(Emit *e, Value vector) {
    return LLVMBuildExtractElement(e->builder, vector, LLVMConstInt(e->i32, 0, 0), "");
}

Value emit_vector(Emit *e, double constant) {
    Value lanes[64];
    for (int64_t i = 0; i < e->width; i++) lanes[i] = emit_f32(e, constant);
    return LLVMConstVector(lanes, (unsigned)e->width);
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
    return LLVMBuildAdd(e->builder, emit_splat(e, low), constant_lanes(e, 0, 1), "");
}

Value emit_lanes_between(Emit *e, Value lanes, int64_t from, int64_t to) {
    Value low = constant_lanes(e, from, 0), high = constant_lanes(e, to, 0);
    return emit_both(e, LLVMBuildICmp(e->builder, LLVMIntSGE, lanes, low, ""),
                     LLVMBuildICmp(e->builder, LLVMIntSLT, lanes, high, ""));
}

Value emit_lanes_to_float(Emit *e, Value lanes) {
    return LLVMBuildSIToFP(e->builder, lanes, e->vector, "");
}
