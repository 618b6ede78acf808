#include "codegen/emit_kernel.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

struct Module {
    LLVMContextRef context;
    LLVMModuleRef llvm;
    const Target *target;
    int function_count;
};

/* Kernels come with their loops, tiles and vectors chosen: what remains is to put variables in
 * registers and to move what does not change out of the loops. */
static const char passes[] =
    "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,"
    "loop-mssa(licm),gvn,instcombine<no-verify-fixpoint>,loop-mssa(licm),simplifycfg,adce)";

static Emit emit_begin(LLVMContextRef context, LLVMModuleRef module, const Machine *machine) {
    Emit e = {.context = context, .module = module, .machine = machine};
    e.width = machine->vector_floats;
    e.panel = machine_panel(machine);
    e.builder = LLVMCreateBuilderInContext(context);
    e.none = LLVMVoidTypeInContext(context);
    e.f32 = LLVMFloatTypeInContext(context);
    e.i1 = LLVMInt1TypeInContext(context);
    e.i32 = LLVMInt32TypeInContext(context);
    e.i64 = LLVMInt64TypeInContext(context);
    e.pointer = LLVMPointerTypeInContext(context, 0);
    e.vector = LLVMVectorType(e.f32, (unsigned)e.width);
    e.ivector = LLVMVectorType(e.i32, (unsigned)e.width);
    return e;
}

const char *module_symbol(const char *name, int number, Arena *arena) {
    static const char prefix[] = "thalweg_";
    const size_t start = sizeof prefix - 1, length = strlen(name);
    char *symbol = ARENA_ARRAY(arena, char, start + length + 1);
    memcpy(symbol, prefix, start);
    for (size_t i = 0; i <= length; i++) {
        const char c = name[i];
        const bool is_kept =
            !c || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        symbol[start + i] = is_kept ? c : '_';
    }
    return number ? arena_printf(arena, "%s.%d", symbol, number) : symbol;
}

/* ---- making ---- */

static bool verify(Module *module, Diag *diag) {
    char *message = NULL;
    bool is_broken = LLVMVerifyModule(module->llvm, LLVMReturnStatusAction, &message);
    if (is_broken)
        diag_error(diag, (Loc){0}, "the code made is not valid, which is a bug: %.400s", message);
    LLVMDisposeMessage(message);
    return !is_broken;
}

static bool optimise(Module *module, Diag *diag) {
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(module->llvm, passes, module->target->llvm, options);
    LLVMDisposePassBuilderOptions(options);
    if (!error) return true;
    char *message = LLVMGetErrorMessage(error);
    diag_error(diag, (Loc){0}, "LLVM does not optimise: %.400s", message);
    LLVMDisposeErrorMessage(message);
    return false;
}

/* How an architecture passes floats is a part of what an object says of itself, and objects that
 * differ do not link. */
static void set_abi(Module *module, const char *abi) {
    static const char key[] = "target-abi";
    LLVMMetadataRef text = LLVMMDStringInContext2(module->context, abi, strlen(abi));
    LLVMAddModuleFlag(module->llvm, LLVMModuleFlagBehaviorError, key, sizeof key - 1, text);
}

static void set_target(Module *module) {
    const Target *target = module->target;
    LLVMSetTarget(module->llvm, target->names.triple);
    LLVMTargetDataRef data = LLVMCreateTargetDataLayout(target->llvm);
    LLVMSetModuleDataLayout(module->llvm, data);
    LLVMDisposeTargetData(data);
    if (target->abi) set_abi(module, target->abi);
}

Module *module_create(const Plan *const *plan, int count, const Target *target, bool is_timed,
                      Diag *diag) {
    Module *module = calloc(1, sizeof *module);
    if (!module) {
        diag_error(diag, (Loc){0}, "out of memory");
        return NULL;
    }
    module->target = target;
    module->context = LLVMContextCreate();
    module->llvm = LLVMModuleCreateWithNameInContext(plan[0]->name, module->context);
    set_target(module);
    Emit e = emit_begin(module->context, module->llvm, &target->machine);
    module->function_count = emit_programs(&e, plan, count, is_timed);
    LLVMDisposeBuilder(e.builder);
    if (verify(module, diag) && optimise(module, diag)) return module;
    module_destroy(module);
    return NULL;
}

void module_destroy(Module *module) {
    if (!module) return;
    LLVMDisposeModule(module->llvm);
    LLVMContextDispose(module->context);
    free(module);
}

int module_function_count(const Module *module) {
    return module->function_count;
}

/* ---- writing ---- */

LLVMMemoryBufferRef module_write(Module *module, ModuleForm form, Diag *diag) {
    if (form == MODULE_LLVM) {
        char *text = LLVMPrintModuleToString(module->llvm);
        LLVMMemoryBufferRef buffer =
            LLVMCreateMemoryBufferWithMemoryRangeCopy(text, strlen(text), "module");
        LLVMDisposeMessage(text);
        return buffer;
    }
    LLVMMemoryBufferRef buffer = NULL;
    char *message = NULL;
    LLVMCodeGenFileType type = form == MODULE_OBJECT ? LLVMObjectFile : LLVMAssemblyFile;
    if (!LLVMTargetMachineEmitToMemoryBuffer(module->target->llvm, module->llvm, type, &message,
                                             &buffer))
        return buffer;
    diag_error(diag, (Loc){0}, "LLVM makes no code for '%s': %.400s", module->target->cpu, message);
    LLVMDisposeMessage(message);
    return NULL;
}

bool module_print(Module *module, ModuleForm form, FILE *out, Diag *diag) {
    LLVMMemoryBufferRef buffer = module_write(module, form, diag);
    if (!buffer) return false;
    fwrite(LLVMGetBufferStart(buffer), 1, LLVMGetBufferSize(buffer), out);
    LLVMDisposeMemoryBuffer(buffer);
    return true;
}
