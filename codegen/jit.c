/* jit.c - loads compiled code into this process. The object goes in as it would be written to a
 * file, so that what runs here is what `compile` writes. */
#include "codegen/codegen.h"

#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
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

static bool load(Jit *jit, LLVMMemoryBufferRef object, Diag *diag) {
    if (failed(LLVMOrcCreateLLJIT(&jit->llvm, NULL), diag)) {
        LLVMDisposeMemoryBuffer(object);
        return false;
    }
    LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(jit->llvm);
    if (failed(define_functions(jit->llvm), diag)) {
        LLVMDisposeMemoryBuffer(object);
        return false;
    }
    return !failed(LLVMOrcLLJITAddObjectFile(jit->llvm, library, object), diag);
}

Jit *jit_create(Module *module, Diag *diag) {
    LLVMMemoryBufferRef object = module_write(module, MODULE_OBJECT, diag);
    if (!object) return NULL;
    Jit *jit = calloc(1, sizeof *jit);
    if (!jit) {
        LLVMDisposeMemoryBuffer(object);
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
