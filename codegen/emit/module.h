/* module.h - LLVM IR of plans, optimised for a target: to be written out, or loaded by the JIT. */
#ifndef CODEGEN_MODULE_H
#define CODEGEN_MODULE_H

#include "codegen/emit/module_parts.h"
#include "ir/bytes.h"

typedef struct Module Module;

/* Emits, verifies and optimises. The parts are of one model and read the same packed weights. They
 * differ in their schedules, or are for several processors of which the best comes first; kernels
 * that are the same in several share their code. Null: reported to diag. */
Module *module_create(const ModulePart *part, int count, const ModuleOptions *options, Diag *diag);
void module_destroy(Module *module);

/* In the order they were made; owned by the plan's arena. */
const ModuleFunction *module_functions(const Module *module, int *count);

typedef enum { MODULE_LLVM, MODULE_BITCODE, MODULE_ASSEMBLY, MODULE_OBJECT } ModuleForm;

/* The module's text or bytes, to be freed by LLVMDisposeMemoryBuffer; null: reported to diag. */
LLVMMemoryBufferRef module_write(Module *module, ModuleForm form, Diag *diag);

/* Its object file, kept in the arena. False: reported. */
bool module_object(Module *module, Arena *arena, Bytes *out, Diag *diag);

/* The same as module_write() into a stream, whose own errors the caller looks for. */
bool module_print(Module *module, ModuleForm form, FILE *out, Diag *diag);

#endif
