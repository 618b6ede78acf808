/* emit_function.c - begins and ends functions: their names, attributes and places. */
#include "codegen/emit/emit.h"
#include "runtime/abi.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { MOST_NAME = 512 }; /* a model's name and what is made of numbers and words of ours */

static void add_attribute(Emit *e, Value function, const char *name, const char *value) {
    LLVMAttributeRef attribute = LLVMCreateStringAttribute(e->context, name, (unsigned)strlen(name),
                                                           value, (unsigned)strlen(value));
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, attribute);
}

static void add_flag(Emit *e, Value function, const char *name, uint64_t value) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(e->context, kind, value));
}

/* "tile" becomes "gpt2_124m.tile": programs may have code of several models, and an object that of
 * several processors. */
static void full_name(const Emit *e, const char *name, char full[MOST_NAME]) {
    const int length = snprintf(full, MOST_NAME, "%s.%s%s%s", e->prefix, name,
                                e->variant ? "." : "", e->variant ? e->variant : "");
    assert(length < MOST_NAME);
    (void)length;
}

/* An entry calls kernels, these call tiles, and a fourth part is for what all of them call: LLVM
 * warns of a function that takes more (module.c). */
static void limit_stack(Emit *e, Value function) {
    enum { PARTS = 4 };
    char bytes[16];
    snprintf(bytes, sizeof bytes, "%d", TW_STACK_BYTES / PARTS);
    add_attribute(e, function, "warn-stack-size", bytes);
}

static Value begin_function(Emit *e, const char *name, VType result, VType *types, int count) {
    enum { ASYNCHRONOUS = 2 };
    e->function =
        LLVMAddFunction(e->module, name, LLVMFunctionType(result, types, (unsigned)count, 0));
    add_flag(e, e->function, "nounwind", 0);
    /* Nothing unwinds at run time, but debuggers do, from any instruction. */
    add_flag(e, e->function, "uwtable", ASYNCHRONOUS);
    limit_stack(e, e->function);
    LLVMPositionBuilderAtEnd(e->builder,
                             LLVMAppendBasicBlockInContext(e->context, e->function, "entry"));
    return e->function;
}

Value emit_function_begin(Emit *e, const char *name, VType result, VType *types, int count,
                          Loc loc) {
    char full[MOST_NAME];
    full_name(e, name, full);
    begin_function(e, full, result, types, count);
    LLVMSetLinkage(e->function, LLVMInternalLinkage);
    add_attribute(e, e->function, "prefer-vector-width", "512");
    add_attribute(e, e->function, "tune-cpu", e->cpu);
    add_attribute(e, e->function, "target-features", e->features);
    add_flag(e, e->function, "noinline", 0);
    if (e->debug) debug_info_function(e->debug, e->function, loc);
    emit_line(e, loc);
    return e->function;
}

Value emit_public_function_begin(Emit *e, const char *name, VType result, VType *types, int count) {
    begin_function(e, name, result, types, count);
    add_attribute(e, e->function, "target-features", e->base);
    if (e->debug) debug_info_function(e->debug, e->function, (Loc){0});
    emit_line(e, (Loc){0});
    return e->function;
}

Value emit_function_find(Emit *e, const char *name) {
    char full[MOST_NAME];
    full_name(e, name, full);
    return LLVMGetNamedFunction(e->module, full);
}

void emit_function_end(Emit *e) {
    LLVMBuildRetVoid(e->builder);
}

void emit_result(Emit *e, Value value) {
    if (value)
        LLVMBuildRet(e->builder, value);
    else
        LLVMBuildRetVoid(e->builder);
}

void emit_extend_integers(Emit *e, Value function) {
    VType type = LLVMGlobalGetValueType(function);
    const unsigned kind = LLVMGetEnumAttributeKindForName("signext", strlen("signext"));
    LLVMAttributeRef attribute = LLVMCreateEnumAttribute(e->context, kind, 0);
    for (unsigned i = 0; i < LLVMCountParams(function); i++)
        if (LLVMTypeOf(LLVMGetParam(function, i)) == e->i32)
            LLVMAddAttributeAtIndex(function, i + 1, attribute);
    if (LLVMGetReturnType(type) == e->i32)
        LLVMAddAttributeAtIndex(function, LLVMAttributeReturnIndex, attribute);
}

Value emit_text(Emit *e, const char *text) {
    Value bytes = LLVMConstStringInContext2(e->context, text, strlen(text), 0);
    Value global = LLVMAddGlobal(e->module, LLVMTypeOf(bytes), "text");
    LLVMSetInitializer(global, bytes);
    LLVMSetLinkage(global, LLVMPrivateLinkage);
    LLVMSetGlobalConstant(global, 1);
    return global;
}

EmitPlace emit_leave(Emit *e) {
    return (EmitPlace){e->function, LLVMGetInsertBlock(e->builder),
                       LLVMGetCurrentDebugLocation2(e->builder)};
}

void emit_return_to(Emit *e, EmitPlace place) {
    e->function = place.function;
    if (place.block) LLVMPositionBuilderAtEnd(e->builder, place.block);
    LLVMSetCurrentDebugLocation2(e->builder, place.line);
}

void emit_line(Emit *e, Loc loc) {
    if (e->debug)
        LLVMSetCurrentDebugLocation2(e->builder, debug_info_place(e->debug, e->function, loc));
}

Value emit_argument(Emit *e, int index, const char *name) {
    Value argument = LLVMGetParam(e->function, (unsigned)index);
    LLVMSetValueName2(argument, name, strlen(name));
    return argument;
}

void emit_argument_is_private(Emit *e, int index) {
    const unsigned kind = LLVMGetEnumAttributeKindForName("noalias", strlen("noalias"));
    LLVMAddAttributeAtIndex(e->function, (LLVMAttributeIndex)index + 1,
                            LLVMCreateEnumAttribute(e->context, kind, 0));
}

Value emit_call(Emit *e, Value function, Value *arguments, int count) {
    return LLVMBuildCall2(e->builder, LLVMGlobalGetValueType(function), function, arguments,
                          (unsigned)count, "");
}
