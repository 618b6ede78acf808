/* target.h - the processor to compile for. */
#ifndef CODEGEN_TARGET_H
#define CODEGEN_TARGET_H

#include "ir/diag.h"
#include "ir/machine.h"

#include <llvm-c/TargetMachine.h>

typedef struct {
    const char *cpu;      /* as LLVM names it */
    const char *features; /* beyond those of the cpu */
    const char *known;    /* some of those it has, in the same form */
    const char *triple;
    bool is_host; /* this machine can run the code */
    Machine machine;
    LLVMTargetMachineRef llvm;
} Target;

/* cpu: a name target_print_cpus() lists, or null for this machine. Null: reported. */
Target *target_create(const char *cpu, Arena *arena, Diag *diag);
void target_destroy(Target *target);

void target_print_cpus(FILE *out);

/* "22.1.0": of the LLVM in use. */
const char *target_llvm_version(Arena *arena);

#endif
