/* jit.c - loads compiled code into this process. The object goes in as it would be written to a
 * file, so that what runs here is what `compile` writes.
 *
 * JITLink writes into pages that cannot be executed, and makes those of code executable when it has
 * done, never both. Debuggers learn of the object by GDB's interface, which costs a copy of it. */
#include "codegen/codegen.h"

#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/LLJITUtils.h>
#include <stdlib.h>
#include <string.h>

struct Jit {
    LLVMOrcLLJITRef llvm;
};

static bool failed(LLVMErrorRef error, Diag *diag) {
    if (!error) return false;
    char *message = LLVMGetErrorMessage(error);
    diag_error(diag, (Loc){0}, "the code cannot be loaded: %.400s", message);
    LLVMDisposeErrorMessage(message);
    return true;
}

/* The functions that compiled code calls: ours, and those LLVM may put in for loops and copies. */
static LLVMErrorRef define_functions(LLVMOrcLLJITRef jit) {
    static const struct {
        const char *name;
        void (*function)(void);
    } functions[] = {{"tw_team_barrier", (void (*)(void))tw_team_barrier},
                     {"tw_trace_mark", (void (*)(void))tw_trace_mark},
                     {"memcpy", (void (*)(void))memcpy},
                     {"memmove", (void (*)(void))memmove},
                     {"memset", (void (*)(void))memset}};
    enum { COUNT = sizeof functions / sizeof *functions };
    LLVMOrcCSymbolMapPair symbols[COUNT];
    for (int i = 0; i < COUNT; i++) {
        symbols[i].Name = LLVMOrcLLJITMangleAndIntern(jit, functions[i].name);
        symbols[i].Sym.Address = (LLVMOrcExecutorAddress)(uintptr_t)functions[i].function;
        symbols[i].Sym.Flags = (LLVMJITSymbolFlags){
            LLVMJITSymbolGenericFlagsExported | LLVMJITSymbolGenericFlagsCallable, 0};
    }
    return LLVMOrcJITDylibDefine(LLVMOrcLLJITGetMainJITDylib(jit),
                                 LLVMOrcAbsoluteSymbols(symbols, COUNT));
}

/* Code that no debugger can be told of runs all the same. */
static void tell_debuggers(LLVMOrcLLJITRef jit) {
    LLVMErrorRef error = LLVMOrcLLJITEnableDebugSupport(jit);
    if (error) LLVMConsumeError(error);
}

static bool load(Jit *jit, Bytes object, Diag *diag) {
    if (failed(LLVMOrcCreateLLJIT(&jit->llvm, NULL), diag)) return false;
    tell_debuggers(jit->llvm);
    if (failed(define_functions(jit->llvm), diag)) return false;
    LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(jit->llvm);
    LLVMMemoryBufferRef copy =
        LLVMCreateMemoryBufferWithMemoryRangeCopy(object.data, object.count, "thalweg");
    return !failed(LLVMOrcLLJITAddObjectFile(jit->llvm, library, copy), diag);
}

Jit *jit_create(Bytes object, Diag *diag) {
    Jit *jit = calloc(1, sizeof *jit);
    if (!jit) {
        diag_error(diag, (Loc){0}, "out of memory");
        return NULL;
    }
    if (load(jit, object, diag)) return jit;
    jit_destroy(jit);
    return NULL;
}

const TwProgram *jit_program(const Jit *jit, const char *symbol, Diag *diag) {
    LLVMOrcExecutorAddress address = 0;
    if (failed(LLVMOrcLLJITLookup(jit->llvm, &address, symbol), diag)) return NULL;
    return (const TwProgram *)(uintptr_t)address;
}

void jit_destroy(Jit *jit) {
    if (!jit) return;
    if (jit->llvm) {
        LLVMErrorRef error = LLVMOrcDisposeLLJIT(jit->llvm);
        if (error) LLVMConsumeError(error);
    }
    free(jit);
}
