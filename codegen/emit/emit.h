/* emit.h - short names for the LLVM calls every kernel emitter needs.
 *
 * An emitter is straight-line C that reads like the loop nest it produces: emit_loop() opens a
 * loop, emit_loop_end() closes it, loads and stores take (base, index in floats). Only this file's
 * pair, emit_words.c and emit_math.c call LLVMBuild*. Variables are stack slots that mem2reg turns
 * to registers.
 */
#ifndef CODEGEN_EMIT_H
#define CODEGEN_EMIT_H

#include "codegen/emit/debug_info.h"
#include "ir/machine.h"

#include <llvm-c/Core.h>
#include <stdbool.h>
#include <stdint.h>

typedef LLVMValueRef Value;
typedef LLVMTypeRef VType;

typedef struct {
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    Value function;
    const char *prefix; /* of the names of functions: the model's */
    DebugInfo *debug;   /* null: none */
    const Machine *machine;
    const char *variant;        /* of code for several processors: which; null: there is one */
    const char *cpu, *features; /* that functions to come are tuned for, and what they may use */
    const char *base;           /* what those may use that run before a processor is looked at */
    int64_t width;              /* floats in a vector */
    int64_t panel;              /* floats in a panel: two vectors */
    VType none, f32, i1, i32, i64, pointer, vector, ivector;
} Emit;

/* The same with vectors as the processor has them, whose panels have more than two. */
Emit emit_parts(const Emit *e);

/* ---- functions ---- */
/* Only this module sees it. Without a place it is shared by kernels. */
Value emit_function_begin(Emit *e, const char *name, VType result, VType *types, int count,
                          Loc loc);
Value emit_function_find(Emit *e, const char *name); /* null: there is none of that name yet */
/* Everybody sees it, under the name as it is. */
Value emit_public_function_begin(Emit *e, const char *name, VType result, VType *types, int count);
void emit_function_end(Emit *e); /* adds `ret void` */
/* Where the next instruction goes: to emit another function in between. */
typedef struct {
    Value function;
    LLVMBasicBlockRef block;
    LLVMMetadataRef line;
} EmitPlace;
EmitPlace emit_leave(Emit *e);
void emit_return_to(Emit *e, EmitPlace place);
void emit_line(Emit *e, Loc loc); /* that the instructions after it come from */
Value emit_argument(Emit *e, int index, const char *name);
/* What a pointer leads to is reached by no other argument. */
void emit_argument_is_private(Emit *e, int index);
Value emit_call(Emit *e, Value function, Value *arguments, int count);
void emit_result(Emit *e, Value value); /* null: none */
/* 32-bit integers of a function's type are extended as C's ABIs want it. */
void emit_extend_integers(Emit *e, Value function);
/* A private constant text, with its zero. */
Value emit_text(Emit *e, const char *text);

/* ---- control ---- */
typedef struct {
    Value i; /* from, from + step, ... below to */
    LLVMBasicBlockRef head, exit;
    Value step;
} Loop;
Loop emit_loop(Emit *e, const char *name, Value from, Value to, Value step);
void emit_loop_end(Emit *e, Loop *loop);

typedef struct {
    LLVMBasicBlockRef done;
} If;
If emit_if(Emit *e, Value condition);
void emit_if_end(Emit *e, If *branch);

/* Columns of known number: whole vectors in a loop, then the rest, whose lanes are fewer. */
typedef void ColumnBody(Emit *e, void *context, Value column, int64_t lanes);
void emit_columns(Emit *e, int64_t columns, ColumnBody *body, void *context);

/* ---- variables, and tables in the code ---- */
Value emit_variable(Emit *e, VType type, Value initial);
Value emit_get(Emit *e, VType type, Value variable);
void emit_set(Emit *e, Value variable, Value value);
Value emit_table(Emit *e, Value *values, int64_t count); /* of constants, all f32 or all i64 */

/* ---- integers (64 bits) ---- */
Value emit_int(Emit *e, int64_t constant);
Value emit_add(Emit *e, Value a, Value b);
Value emit_sub(Emit *e, Value a, Value b);
Value emit_mul(Emit *e, Value a, Value b);
Value emit_div(Emit *e, Value a, Value b); /* both not negative */
Value emit_rem(Emit *e, Value a, Value b);
Value emit_min(Emit *e, Value a, Value b);
Value emit_max(Emit *e, Value a, Value b);
Value emit_int_equal(Emit *e, Value a, Value b);
Value emit_int_less(Emit *e, Value a, Value b);
Value emit_is_there(Emit *e, Value pointer); /* it is not null */

/* ---- memory: base + index floats ---- */
Value emit_at(Emit *e, Value base, Value index);
Value emit_load_field(Emit *e, VType type, Value base, int64_t byte_offset, const char *name);
Value emit_load_as(Emit *e, VType type, Value base, Value index);
Value emit_load_f32(Emit *e, Value base, Value index);
Value emit_load(Emit *e, Value base, Value index);              /* a vector */
Value emit_load_token(Emit *e, Value base, Value index);        /* an i32, widened to 64 bits */
Value emit_load_int(Emit *e, Value table, Value index);         /* of i64 */
void emit_store(Emit *e, Value value, Value base, Value index); /* of any type */
/* Brings a line to the second cache, for later; any address will do. */
void emit_prefetch(Emit *e, Value base, Value index);
/* The first `count` lanes (1 <= count <= width, known now); others read as 0 and are not stored. */
Value emit_load_part(Emit *e, Value base, Value index, int64_t count);
void emit_store_part(Emit *e, Value value, Value base, Value index, int64_t count);
Value emit_load_lanes(Emit *e, Value base, Value index, Value mask);
void emit_store_lanes(Emit *e, Value value, Value base, Value index, Value mask);

/* ---- floats: scalars or vectors alike ---- */
Value emit_f32(Emit *e, double constant);
Value emit_splat(Emit *e, Value scalar); /* in all lanes; of words, too */
Value emit_vector(Emit *e, double constant);
Value emit_fadd(Emit *e, Value a, Value b);
Value emit_fsub(Emit *e, Value a, Value b);
Value emit_fmul(Emit *e, Value a, Value b);
Value emit_fdiv(Emit *e, Value a, Value b);
Value emit_fma(Emit *e, Value a, Value b, Value c); /* a * b + c, fused where the target can */
Value emit_sqrt(Emit *e, Value a);
Value emit_fless(Emit *e, Value a, Value b);
Value emit_select(Emit *e, Value condition, Value a, Value b);
Value emit_fmax(Emit *e, Value a, Value b); /* b unless a > b */
Value emit_fmin(Emit *e, Value a, Value b);
Value emit_sum(Emit *e, Value vector);     /* of all lanes, pairwise: the same order always */
Value emit_largest(Emit *e, Value vector); /* of all lanes */
Value emit_first_lane(Emit *e, Value vector);
Value emit_swap_pairs(Emit *e, Value vector); /* lanes 1, 0, 3, 2, ... */

/* ---- i32 lanes, and masks of lanes ---- */
Value emit_lanes_from(Emit *e, Value start); /* start, start + 1, ... of a 64-bit start */
Value emit_lanes_between(Emit *e, Value lanes, int64_t from, int64_t to); /* from <= lane < to */
Value emit_lanes_to_float(Emit *e, Value lanes);
Value emit_first_lanes(Emit *e, int64_t count); /* the mask of lanes 0 .. count - 1 */
Value emit_both(Emit *e, Value a, Value b);
Value emit_fabs(Emit *e, Value a);
Value emit_copysign(Emit *e, Value size, Value sign);

/* ---- emit_math.c: functions of vectors or scalars of f32, error about 1e-7 relative ---- */
Value emit_exp(Emit *e, Value x); /* exactly 0 below -87.3 */
Value emit_sigmoid(Emit *e, Value x);
Value emit_tanh(Emit *e, Value x);
Value emit_erf(Emit *e, Value x);

#endif
