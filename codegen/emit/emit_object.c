/* emit_object.c - what an object file exports: the TwModule of its programs, and calls of the
 * runtime that get it, under names that begin with the model's.
 *
 *   int gpt2_open(const char *weights, gpt2_model **out)
 *     return tw_model_open(&gpt2_module, weights, out)
 */
#include "codegen/emit/emit_object.h"

#include "codegen/emit/module_names.h"
#include "runtime/abi.h"

#include <string.h>

typedef struct {
    Emit *e;
    const char *prefix;
    Arena *arena;
    Value module;
} Object;

static Value add_constant(Object *o, const char *name, Value value, bool is_exported) {
    Value global = LLVMAddGlobal(o->e->module, LLVMTypeOf(value), name);
    LLVMSetInitializer(global, value);
    LLVMSetGlobalConstant(global, 1);
    if (!is_exported) LLVMSetLinkage(global, LLVMInternalLinkage);
    return global;
}

/* ---- calls ---- */

enum { MOST_PARAMETERS = 8 };

static VType type_of(Emit *e, char code) {
    switch (code) {
    case 'p': return e->pointer;
    case 'i': return e->i32;
    case 'l': return e->i64;
    default: return e->none;
    }
}

static Value declare_runtime(Emit *e, const char *name, VType type) {
    Value function = LLVMAddFunction(e->module, name, type);
    emit_extend_integers(e, function);
    return function;
}

static void add_call(Object *o, const char *name, char result, const char *parameters,
                     const char *runtime, bool gets_module) {
    Emit *e = o->e;
    VType types[MOST_PARAMETERS] = {e->pointer};
    Value arguments[MOST_PARAMETERS] = {o->module};
    const int count = (int)strlen(parameters), first = gets_module;
    for (int i = 0; i < count; i++) types[first + i] = type_of(e, parameters[i]);
    VType type = LLVMFunctionType(type_of(e, result), types, (unsigned)(first + count), 0);
    Value callee = declare_runtime(e, runtime, type);
    const char *symbol = arena_printf(o->arena, "%s_%s", o->prefix, name);
    Value function =
        emit_public_function_begin(e, symbol, type_of(e, result), types + first, count);
    emit_extend_integers(e, function);
    for (int i = 0; i < count; i++) arguments[first + i] = LLVMGetParam(function, (unsigned)i);
    Value answer = emit_call(e, callee, arguments, first + count);
    LLVMSetTailCall(answer, 1);
    emit_result(e, result == 'v' ? NULL : answer);
}

static void add_calls(Object *o, const Plan *plan, bool has_tokenizer) {
#define CALL(name, result, parameters, runtime, gets_module, ...)                                  \
    if (plan_has_call(plan, has_tokenizer, #name))                                                 \
        add_call(o, #name, #result[0], parameters, #runtime, gets_module);
#include "codegen/emit/object_calls.def"
#undef CALL
}

/* ---- weights inside ---- */

/* A section without contents: object_print() puts them there, so that they never pass through the
 * compiler's structures. On x86-64 linkers put such sections behind all others, for code reaches
 * its data over at most 2 GB. */
static Value add_weights(Object *o) {
    VType bytes = LLVMArrayType2(LLVMInt8TypeInContext(o->e->context), 0);
    Value global = add_constant(o, arena_printf(o->arena, "%s_weights", o->prefix),
                                LLVMConstNull(bytes), true);
    LLVMSetVisibility(global, LLVMHiddenVisibility);
    LLVMSetSection(global, MODULE_WEIGHTS_SECTION);
    LLVMSetAlignment(global, MODULE_WEIGHTS_ALIGNMENT);
    return global;
}

/* Tables of a tokenizer are small beside weights: they lie with other constants. */
static Value add_tokenizer(Object *o, Bytes tables) {
    Value bytes = LLVMConstStringInContext2(o->e->context, tables.data, tables.count, 1);
    Value global = add_constant(o, arena_printf(o->arena, "%s_tokenizer", o->prefix), bytes, false);
    LLVMSetAlignment(global, TW_WEIGHTS_ALIGNMENT);
    return global;
}

/* ---- the whole ---- */

static Value program_table(Object *o, int count, Value *programs) {
    for (int i = 0; i < count; i++) LLVMSetLinkage(programs[i], LLVMInternalLinkage);
    Value table = LLVMConstArray2(o->e->pointer, programs, (uint64_t)count);
    return add_constant(o, arena_printf(o->arena, "%s_programs", o->prefix), table, false);
}

void emit_object(Emit *e, const ModulePart *part, int count, const ModuleOptions *options,
                 Value *programs) {
    const Plan *plan = part[0].plan;
    Arena *arena = plan->layout->arena;
    Object o = {.e = e, .prefix = module_prefix(plan->name, arena), .arena = arena};
    const int64_t bytes = (int64_t)layout_file_bytes(plan->layout);
    const Bytes tables = options->tokenizer;
    Value weights = LLVMConstNull(e->pointer);
    if (options->has_weights) weights = add_weights(&o);
    Value fields[] = {LLVMConstInt(e->i32, TW_ABI_VERSION, 0),
                      LLVMConstInt(e->i32, sizeof(TwModule), 0),
                      emit_text(e, plan->name),
                      program_table(&o, count, programs),
                      emit_int(e, count),
                      weights,
                      emit_int(e, options->has_weights ? bytes : 0),
                      emit_int(e, options->has_byte_tokens),
                      emit_int(e, options->has_tokenizer),
                      tables.data ? add_tokenizer(&o, tables) : LLVMConstNull(e->pointer),
                      emit_int(e, (int64_t)tables.count)};
    Value value = LLVMConstStructInContext(e->context, fields, sizeof fields / sizeof *fields, 0);
    o.module = add_constant(&o, arena_printf(arena, "%s_module", o.prefix), value, true);
    add_calls(&o, plan, options->has_tokenizer);
    if (options->is_program) add_constant(&o, "tw_program_module", o.module, true);
}
