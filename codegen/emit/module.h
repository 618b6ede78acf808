/* module.h - LLVM IR of plans, optimised for a target: to be written out, or loaded by the JIT. */
#ifndef CODEGEN_MODULE_H
#define CODEGEN_MODULE_H

#include "codegen/emit/plan.h"
#include "codegen/target/target.h"
#include "ir/bytes.h"

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
    bool has_weights;     /* of an object: they are inside, see below */
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

/* Where an object that has_weights keeps them: the packed weight file as it lies on disk. The section
 * is empty in what LLVM writes, and filled by object_print(). */
#define MODULE_WEIGHTS_SECTION ".lrodata.thalweg"
enum { MODULE_WEIGHTS_ALIGNMENT = 4096 };

#endif
