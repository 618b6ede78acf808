/* codegen.h - from the two phases of a model to native code and packed weights.
 *
 *   plan    kernels of both phases, and the layout of the weights they read
 *   module  LLVM IR of a plan, optimised for a target: to be written out, or loaded by the JIT
 *   pack    the weights, in that layout, as a file
 */
#ifndef CODEGEN_CODEGEN_H
#define CODEGEN_CODEGEN_H

#include "codegen/emit/kernel.h"
#include "codegen/target/target.h"
#include "ir/bytes.h"
#include "ir/weights.h"
#include "runtime/abi.h"

/* ---- plan.c ---- */

typedef struct {
    const Graph *graph; /* placed and scheduled */
    Kernel **kernel;    /* in order; the team meets between two of them */
    int count;
} PhasePlan;

typedef struct {
    const char *name;
    PhasePlan prefill, decode;
    Layout *layout;
    int64_t vocab, logits_stride, arena_floats, cache_floats;
    int64_t scratch_floats;     /* of each thread */
    bool takes_whole_sequences; /* the model is not causal */
} Plan;

/* The graphs outlive the plan. Null: reported to their diag. */
Plan *plan_create(const Graph *prefill, const Graph *decode, const Machine *machine, Arena *arena);

/* How often so many threads meet in a call. */
int plan_barriers(const PhasePlan *phase, int64_t threads);

/* What one call with `tokens` tokens costs in a kernel: bytes of weights and floating-point
 * operations; attention is counted for `position` cached positions. */
typedef struct {
    double weight_bytes, operations;
    double byte_operations, pair_operations; /* of these: products of bytes, and of bf16 */
} KernelCost;
KernelCost plan_cost(const Kernel *kernel, int64_t tokens, int64_t position);

/* ---- module.c ---- */

typedef struct Module Module;

typedef struct {
    const Plan *plan;
    const Target *target;
} ModulePart;

typedef struct {
    bool is_timed;        /* notes when each thread begins and ends each kernel (runtime/trace.h) */
    bool is_object;       /* exports a TwModule and its calls (object_calls.def), no TwPrograms */
    bool has_byte_tokens; /* of an object: a token is a byte of text */
    bool is_program;      /* of an object: main() finds it as `tw_program_module` */
    bool has_weights;     /* of an object: they are inside, see object_file.h */
} ModuleOptions;

/* Emits, verifies and optimises. The parts are of one model and read the same packed weights. They
 * differ in their schedules, or are for several processors of which the best comes first; kernels
 * that are the same in several share their code. Null: reported to diag. */
Module *module_create(const ModulePart *part, int count, const ModuleOptions *options, Diag *diag);
void module_destroy(Module *module);

/* A function of a module, by its symbol without the model's name. What is not among them is shared
 * by kernels: tiles and the like. */
typedef struct {
    const char *name;     /* "decode.read_qkv.768x2304.q8"; of an entry "decode" */
    const Kernel *kernel; /* the first that it was made for; null: an entry */
    int calls;            /* kernels of all entries that it computes */
} ModuleFunction;

/* In the order they were made; owned by the plan's arena. */
const ModuleFunction *module_functions(const Module *module, int *count);

typedef enum { MODULE_LLVM, MODULE_BITCODE, MODULE_ASSEMBLY, MODULE_OBJECT } ModuleForm;

/* The module's text or bytes, to be freed by LLVMDisposeMemoryBuffer; null: reported to diag. */
LLVMMemoryBufferRef module_write(Module *module, ModuleForm form, Diag *diag);

/* Its object file, kept in the arena. False: reported. */
bool module_object(Module *module, Arena *arena, Bytes *out, Diag *diag);

/* The same as module_write() into a stream, whose own errors the caller looks for. */
bool module_print(Module *module, ModuleForm form, FILE *out, Diag *diag);

/* What all names that an object exports begin with, made of the model's name: "gpt2_124m". Owned by
 * the arena, as is the symbol of the TwProgram of the part of that number. */
const char *module_prefix(const char *name, Arena *arena);
const char *module_symbol(const char *name, int number, Arena *arena);

/* ---- jit.c ---- */

typedef struct Jit Jit;

/* Loads an object file that was compiled for this machine, and tells debuggers of it. The bytes are
 * not needed any more after that. Null: reported. */
Jit *jit_create(Bytes object, Diag *diag);
/* Valid as long as the Jit. Null: reported. */
const TwProgram *jit_program(const Jit *jit, const char *symbol, Diag *diag);
void jit_destroy(Jit *jit);

/* ---- object_functions.c ---- */

typedef struct {
    const char *name; /* its symbol */
    const char *code;
    size_t bytes;
} LoadedFunction;

typedef struct {
    int machine; /* as ELF numbers processors */
    int count;
    LoadedFunction *function;
} LoadedFunctions;

/* Where the functions of a loaded object lie; program: what `symbol` stands for. False: the object
 * does not tell. */
bool object_functions(Bytes object, const char *symbol, const TwProgram *program, Arena *arena,
                      LoadedFunctions *out);

/* ---- pack.c ---- */

typedef struct {
    const Weights *weights;
    uint64_t source_id; /* tells the input apart from others */
    bool (*progress)(void *context, const char *what, double done); /* may be null; false: stop */
    void *progress_context;
    int threads; /* 1 to 256 */
} PackInput;

/* Writes the packed weight file of a layout to an empty file that is open for reading and writing,
 * by as many threads as the input says. Memory used does not grow with the weights. `name` is for
 * messages. False: reported to diag; the caller removes the file. */
bool pack_write(const Layout *layout, const PackInput *input, int file, const char *name,
                Diag *diag);

#endif
