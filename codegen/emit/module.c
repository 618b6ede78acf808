#include "codegen/emit/module.h"

#include "codegen/emit/emit_object.h"
#include "codegen/emit/emit_program.h"
#include "codegen/emit/module_names.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/BitWriter.h>
#include <llvm-c/Error.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

struct Module {
    LLVMContextRef context;
    LLVMModuleRef llvm;
    const Target *target;
    const ModuleFunction *function;
    int function_count;
    char failure[400]; /* the first error or warning of LLVM's; empty: none */
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

/* ---- LLVM's own errors ---- */

/* In place of LLVM's own handler, which prints and ends the process. A warning is that a function
 * has too much on the stack (emit_function.c). */
static void keep_failure(LLVMDiagnosticInfoRef info, void *context) {
    Module *module = context;
    const LLVMDiagnosticSeverity severity = LLVMGetDiagInfoSeverity(info);
    if ((severity != LLVMDSError && severity != LLVMDSWarning) || *module->failure) return;
    char *text = LLVMGetDiagInfoDescription(info);
    snprintf(module->failure, sizeof module->failure, "%s", text);
    LLVMDisposeMessage(text);
}

static bool check_failure(const Module *module, Diag *diag) {
    return !*module->failure || diag_error(diag, (Loc){0}, "LLVM makes no code for '%s': %s",
                                           module->target->cpu, module->failure);
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
    if (!error) return check_failure(module, diag);
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

static void emit(Module *module, const ModulePart *part, int count, const ModuleOptions *options) {
    Emit e = emit_begin(module->context, module->llvm, &part[0].target->machine);
    Arena *arena = part[0].plan->layout->arena;
    Value *programs = ARENA_ARRAY(arena, Value, (size_t)count);
    const Source *source = part[0].plan->prefill.graph->loc.source;
    e.prefix = module_function_prefix(part[0].plan->name, arena);
    if (source) e.debug = debug_info_begin(module->llvm, source, arena);
    module->function_count = emit_programs(&e, part, count, options, programs, &module->function);
    if (options->is_object) emit_object(&e, part, count, options, programs);
    if (e.debug) debug_info_end(e.debug);
    LLVMDisposeBuilder(e.builder);
}

Module *module_create(const ModulePart *part, int count, const ModuleOptions *options, Diag *diag) {
    Module *module = calloc(1, sizeof *module);
    if (!module) {
        diag_error(diag, (Loc){0}, "out of memory");
        return NULL;
    }
    module->target = part[count - 1].target; /* what runs before one is chosen is for the least */
    module->context = LLVMContextCreate();
    LLVMContextSetDiagnosticHandler(module->context, keep_failure, module);
    module->llvm = LLVMModuleCreateWithNameInContext(part[0].plan->name, module->context);
    set_target(module);
    emit(module, part, count, options);
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

const ModuleFunction *module_functions(const Module *module, int *count) {
    *count = module->function_count;
    return module->function;
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
    if (form == MODULE_BITCODE) return LLVMWriteBitcodeToMemoryBuffer(module->llvm);
    LLVMMemoryBufferRef buffer = NULL;
    char *message = NULL;
    LLVMCodeGenFileType type = form == MODULE_OBJECT ? LLVMObjectFile : LLVMAssemblyFile;
    if (!LLVMTargetMachineEmitToMemoryBuffer(module->target->llvm, module->llvm, type, &message,
                                             &buffer)) {
        if (check_failure(module, diag)) return buffer;
        LLVMDisposeMemoryBuffer(buffer);
        return NULL;
    }
    diag_error(diag, (Loc){0}, "LLVM makes no code for '%s': %.400s", module->target->cpu, message);
    LLVMDisposeMessage(message);
    return NULL;
}

bool module_object(Module *module, Arena *arena, Bytes *out, Diag *diag) {
    LLVMMemoryBufferRef buffer = module_write(module, MODULE_OBJECT, diag);
    if (!buffer) return false;
    const size_t count = LLVMGetBufferSize(buffer);
    char *copy = ARENA_ARRAY(arena, char, count + 1);
    memcpy(copy, LLVMGetBufferStart(buffer), count);
    LLVMDisposeMemoryBuffer(buffer);
    *out = (Bytes){copy, count};
    return true;
}

bool module_print(Module *module, ModuleForm form, FILE *out, Diag *diag) {
    LLVMMemoryBufferRef buffer = module_write(module, form, diag);
    if (!buffer) return false;
    fwrite(LLVMGetBufferStart(buffer), 1, LLVMGetBufferSize(buffer), out);
    LLVMDisposeMemoryBuffer(buffer);
    return true;
}
