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

/* ---- target_group.c ---- */

/* Makes the targets of one object read the same packed weights, and puts the best first. */
void target_group(Target **target, int count);

/* ---- target_needs.c ---- */

/* What the processor must have, as TwProgram.needs says it. */
uint64_t target_needs(const Target *target);

/* Whether its code is for this machine's architecture, though maybe for more than it has. */
bool target_is_native(const Target *target);

/* "22.1.0": of the LLVM in use. */
const char *target_llvm_version(Arena *arena);

#endif
