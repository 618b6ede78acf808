/* jit.c - loads compiled code into this process. The object goes in as it would be written to a
 * file, so that what runs here is what `compile` writes.
 *
 * Debuggers learn of it by GDB's interface when it comes, and when it goes. LLVM's newer loader,
 * JITLink, tells them of the first alone, and leaves them with an object that is not there. */
#include "codegen/object/jit.h"
#include "codegen/object/jit_memory.h"

#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/OrcEE.h>
#include <stdlib.h>
#include <string.h>

struct Jit {
    LLVMOrcLLJITRef llvm;
    JitMemory memory;  /* of the one object */
    char failure[400]; /* what LLVM said last of its work, which a caller's error does not repeat */
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

/* ---- the loader ---- */

static void *use_memory(void *memory) {
    return memory;
}

/* The Jit closes it, after its loader. */
static void leave_memory(void *memory) {
    (void)memory;
}

/* In place of LLVM's own reporter, which prints. */
static void keep_failure(void *context, LLVMErrorRef error) {
    Jit *jit = context;
    char *message = LLVMGetErrorMessage(error);
    snprintf(jit->failure, sizeof jit->failure, "%s", message);
    LLVMDisposeErrorMessage(message);
}

static LLVMOrcObjectLayerRef create_loader(void *memory, LLVMOrcExecutionSessionRef session,
                                           const char *triple) {
    (void)triple;
    LLVMOrcObjectLayerRef loader =
        LLVMOrcCreateRTDyldObjectLinkingLayerWithMCJITMemoryManagerLikeCallbacks(
            session, memory, use_memory, leave_memory, jit_memory_code, jit_memory_data,
            jit_memory_finish, leave_memory);
    LLVMOrcRTDyldObjectLinkingLayerRegisterJITEventListener(loader,
                                                            LLVMCreateGDBRegistrationListener());
    return loader;
}

/* Earlier versions of this loader do not know all relocations of riscv64. */
static bool can_load(Diag *diag) {
#ifdef __riscv
    enum { FIRST = 22 };
    unsigned major = 0;
    LLVMGetVersion(&major, NULL, NULL);
    if (major < FIRST) {
        diag_error(diag, (Loc){0}, "LLVM %u does not load code on riscv64, as %d does", major,
                   FIRST);
        return diag_hint(diag, "`thalweg compile` writes programs all the same");
    }
#endif
    (void)diag;
    return true;
}

static bool load(Jit *jit, Bytes object, Diag *diag) {
    if (!can_load(diag)) return false;
    if (!jit_memory_open(&jit->memory, object.count))
        return diag_error(diag, (Loc){0}, "out of memory");
    LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
    LLVMOrcLLJITBuilderSetObjectLinkingLayerCreator(builder, create_loader, &jit->memory);
    if (failed(LLVMOrcCreateLLJIT(&jit->llvm, builder), diag)) return false;
    LLVMOrcExecutionSessionSetErrorReporter(LLVMOrcLLJITGetExecutionSession(jit->llvm),
                                            keep_failure, jit);
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

static void report_lookup(const Jit *jit, LLVMErrorRef error, Diag *diag) {
    if (!jit->memory.error && !*jit->failure) {
        failed(error, diag);
        return;
    }
    LLVMConsumeError(error);
    if (!jit->memory.error) {
        diag_error(diag, (Loc){0}, "the code cannot be loaded: %s", jit->failure);
        return;
    }
    diag_error(diag, (Loc){0}, "this process may not execute code that it has made: %s",
               strerror(jit->memory.error));
    diag_hint(diag, "the system forbids it, as systemd does by MemoryDenyWriteExecute and SELinux "
                    "without execmem; `thalweg compile --emit=exe` makes a program all the same, "
                    "and `thalweg run --engine=interpreter` needs no code");
}

const TwProgram *jit_program(const Jit *jit, const char *symbol, Diag *diag) {
    LLVMOrcExecutorAddress address = 0;
    LLVMErrorRef error = LLVMOrcLLJITLookup(jit->llvm, &address, symbol);
    if (!error) return (const TwProgram *)(uintptr_t)address;
    report_lookup(jit, error, diag);
    return NULL;
}

void jit_destroy(Jit *jit) {
    if (!jit) return;
    if (jit->llvm) {
        LLVMErrorRef error = LLVMOrcDisposeLLJIT(jit->llvm);
        if (error) LLVMConsumeError(error);
    }
    jit_memory_close(&jit->memory);
    free(jit);
}
