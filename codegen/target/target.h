/* target.h - the processor to compile for. */
#ifndef CODEGEN_TARGET_H
#define CODEGEN_TARGET_H

#include "codegen/target/target_names.h"
#include "ir/machine.h"

#include <llvm-c/TargetMachine.h>

typedef struct {
    TargetNames names;
    const char *cpu; /* that code is tuned for, as LLVM names it */
    bool is_host;    /* this machine can run the code */
    bool is_host_architecture;
    bool is_native;  /* it is made for this machine, with all it has */
    const char *abi; /* for LLVM; null: the architecture has one alone */
    Machine machine;
    LLVMTargetMachineRef llvm;
} Target;

/* Null: reported. */
Target *target_create(const TargetChoice *choice, Arena *arena, Diag *diag);
void target_destroy(Target *target);

/* "22.1.0": of the LLVM in use. */
const char *target_llvm_version(Arena *arena);

/* ---- target_group.c ---- */

/* Makes the targets of one object read the same packed weights, and puts the best first. */
void target_group(Target **target, int count);

/* ---- target_needs.c ---- */

/* What a processor must have, as TwProgram.needs says it. */
uint64_t target_needs(Architecture architecture, FeatureSet has);

/* ---- target_text.c ---- */

/* What code is made for: names, features, vectors, and the instructions of the products. */
void target_print(const Target *target, FILE *out);

#endif
