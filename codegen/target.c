#include "codegen/target.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define X86 "x86_64-unknown-linux-gnu"
#define ARM "aarch64-unknown-linux-gnu"

/* What LLVM calls a processor, and the features by which this machine shows that it can run what is
 * compiled for it. LLVM accepts any name with a warning on stderr, so that we keep the list. */
static const struct {
    const char *cpu, *triple, *needs, *doc;
} cpus[] = {
    {"x86-64", X86, "", "any x86-64: vectors of 128 bits"},
    {"x86-64-v2", X86, "+sse4.2,+popcnt", "since 2009: vectors of 128 bits"},
    {"x86-64-v3", X86, "+avx2,+fma,+bmi2", "AVX2: vectors of 256 bits"},
    {"x86-64-v4", X86, "+avx512f,+avx512bw,+avx512dq,+avx512vl", "AVX-512: vectors of 512 bits"},
    {"haswell", X86, "+avx2,+fma,+bmi2", "Intel, 2013"},
    {"skylake", X86, "+avx2,+fma,+bmi2,+adx", "Intel, 2015"},
    {"skylake-avx512", X86, "+avx512f,+avx512bw,+avx512dq,+avx512vl", "Intel server, 2017"},
    {"cooperlake", X86, "+avx512bf16,+avx512vnni", "Intel server, 2020"},
    {"icelake-server", X86, "+avx512vnni,+avx512vbmi2,+gfni", "Intel server, 2021"},
    {"sapphirerapids", X86, "+avx512bf16,+avx512vnni,+avxvnni", "Intel server, 2023"},
    {"znver2", X86, "+avx2,+fma,+clzero", "AMD, 2019"},
    {"znver3", X86, "+avx2,+fma,+clzero,+vaes", "AMD, 2020"},
    {"znver4", X86, "+avx512bf16,+avx512vnni,+clzero", "AMD, 2022"},
    {"cortex-a76", ARM, "+neon,+dotprod", "Arm, 2018: NEON, vectors of 128 bits"},
    {"neoverse-n1", ARM, "+neon,+dotprod", "Arm server, 2019: NEON, vectors of 128 bits"},
    {"neoverse-v1", ARM, "+neon,+dotprod,+bf16,+i8mm",
     "Arm server, 2020: NEON, vectors of 128 bits"},
};
enum { CPU_COUNT = sizeof cpus / sizeof *cpus };

void target_print_cpus(FILE *out) {
    for (int i = 0; i < CPU_COUNT; i++) fprintf(out, "  %-16s %s\n", cpus[i].cpu, cpus[i].doc);
}

/* Texts that LLVM allocated, kept in the arena. */
static const char *keep(Arena *arena, char *text) {
    size_t length = strlen(text);
    char *kept = ARENA_ARRAY(arena, char, length + 1);
    memcpy(kept, text, length + 1);
    LLVMDisposeMessage(text);
    return kept;
}

/* ---- what this machine is ---- */

static bool has_feature(const char *features, const char *name, size_t length) {
    for (const char *at = features; (at = strstr(at, "+")); at++)
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

static bool has_all(const char *features, const char *needs) {
    while (*needs) {
        size_t length = strcspn(needs, ",");
        if (!has_feature(features, needs, length)) return false;
        needs += length + (needs[length] == ',');
    }
    return true;
}

static bool same_architecture(const char *a, const char *b) {
    return strcspn(a, "-") == strcspn(b, "-") && strncmp(a, b, strcspn(a, "-")) == 0;
}

static void choose_host(Target *target, Arena *arena) {
    target->triple = keep(arena, LLVMGetDefaultTargetTriple());
    target->cpu = keep(arena, LLVMGetHostCPUName());
    target->features = keep(arena, LLVMGetHostCPUFeatures());
    target->known = target->features;
    target->is_host = true;
}

static bool choose_named(Target *target, const char *cpu, Arena *arena, Diag *diag) {
    for (int i = 0; i < CPU_COUNT; i++) {
        if (strcmp(cpus[i].cpu, cpu) != 0) continue;
        const char *host = keep(arena, LLVMGetDefaultTargetTriple());
        const char *features = keep(arena, LLVMGetHostCPUFeatures());
        bool is_same = same_architecture(host, cpus[i].triple);
        target->cpu = cpus[i].cpu;
        target->features = "";
        target->known = cpus[i].needs;
        target->triple = is_same ? host : cpus[i].triple;
        target->is_host = is_same && has_all(features, cpus[i].needs);
        return true;
    }
    diag_error(diag, (Loc){0}, "no processor is called '%.60s'", cpu);
    return diag_hint(diag, "leave it out for this machine, or take one of x86-64-v3 (AVX2), "
                           "x86-64-v4 (AVX-512), neoverse-n1 (NEON), ...: `--cpu help` lists them");
}

/* ---- width of its vectors ---- */

/* Compiles the sum of long vectors, one of them of binary16, and looks which registers are used and
 * whether a function is called: the C API does not tell what a processor has. */
static LLVMMemoryBufferRef compile_probe(LLVMTargetMachineRef machine) {
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("probe", context);
    LLVMTypeRef vector = LLVMVectorType(LLVMFloatTypeInContext(context), 16);
    LLVMTypeRef pointer = LLVMPointerTypeInContext(context, 0);
    LLVMTypeRef type =
        LLVMFunctionType(LLVMVoidTypeInContext(context), (LLVMTypeRef[]){pointer, pointer}, 2, 0);
    LLVMValueRef function = LLVMAddFunction(module, "probe", type);
    LLVMAddAttributeAtIndex(
        function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
        LLVMCreateStringAttribute(context, "prefer-vector-width", 19, "512", 3));
    LLVMBuilderRef builder = LLVMCreateBuilderInContext(context);
    LLVMPositionBuilderAtEnd(builder, LLVMAppendBasicBlockInContext(context, function, "entry"));
    LLVMValueRef a = LLVMBuildLoad2(builder, vector, LLVMGetParam(function, 0), "");
    LLVMValueRef b = LLVMBuildLoad2(builder, vector, LLVMGetParam(function, 1), "");
    LLVMTypeRef halves = LLVMVectorType(LLVMHalfTypeInContext(context), 16);
    LLVMValueRef half = LLVMBuildLoad2(builder, halves, LLVMGetParam(function, 1), "");
    LLVMValueRef sum = LLVMBuildFAdd(builder, a, b, "");
    sum = LLVMBuildFAdd(builder, sum, LLVMBuildFPExt(builder, half, vector, ""), "");
    LLVMBuildStore(builder, sum, LLVMGetParam(function, 0));
    LLVMBuildRetVoid(builder);
    LLVMMemoryBufferRef text = NULL;
    char *message = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, LLVMAssemblyFile, &message, &text)) {
        LLVMDisposeMessage(message);
        text = NULL;
    }
    LLVMDisposeBuilder(builder);
    LLVMDisposeModule(module);
    LLVMContextDispose(context);
    return text;
}

static bool mentions(LLVMMemoryBufferRef text, const char *word) {
    return memmem(LLVMGetBufferStart(text), LLVMGetBufferSize(text), word, strlen(word)) != NULL;
}

static int64_t cache_bytes(int name, int64_t otherwise) {
    long bytes = sysconf(name);
    return bytes > 0 ? bytes : otherwise;
}

/* Dot products of bytes: by name, for LLVM does not compile their intrinsics for other targets. */
static bool has_byte_dot(const Target *target) {
    switch (target->machine.vector_floats) {
    case 16: return has_all(target->known, "+avx512vnni");
    case 8: return has_all(target->known, "+avxvnni");
    default: return has_all(target->known, "+dotprod");
    }
}

/* Intel's later servers have it at half the rate of f32: they have matrix tiles for that. */
static bool has_pair_dot(const Target *target) {
    return target->machine.vector_floats == 16 && has_all(target->known, "+avx512bf16") &&
           !strstr(target->cpu, "rapids");
}

static bool probe_machine(Target *target, Diag *diag) {
    LLVMMemoryBufferRef text = compile_probe(target->llvm);
    if (!text) return diag_error(diag, (Loc){0}, "LLVM cannot compile for '%s'", target->cpu);
    bool is_arm = same_architecture(target->triple, ARM);
    target->machine.vector_floats = mentions(text, "zmm") ? 16 : mentions(text, "ymm") ? 8 : 4;
    target->machine.vector_registers = is_arm || mentions(text, "zmm") ? 32 : 16;
    target->machine.has_halves = !mentions(text, "extendhfsf2");
    target->machine.has_byte_dot = has_byte_dot(target);
    target->machine.has_pair_dot = has_pair_dot(target);
    LLVMDisposeMemoryBuffer(text);
    target->machine.l1_bytes = 32 << 10;
    target->machine.l2_bytes = 512 << 10;
    if (!target->is_host) return true;
    target->machine.l1_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 32 << 10);
    target->machine.l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, 512 << 10);
    return true;
}

/* ---- targets ---- */

/* LLVM's list of targets belongs to the process and has no lock. */
static void initialise_llvm(void) {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
}

static LLVMTargetMachineRef create_machine(const Target *target) {
    LLVMTargetRef llvm = NULL;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(target->triple, &llvm, &message)) {
        LLVMDisposeMessage(message);
        return NULL;
    }
    return LLVMCreateTargetMachine(llvm, target->triple, target->cpu, target->features,
                                   LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelDefault);
}

Target *target_create(const char *cpu, Arena *arena, Diag *diag) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    Target *target = ARENA_NEW(arena, Target);
    *target = (Target){0};
    pthread_once(&once, initialise_llvm);
    if (!cpu || strcmp(cpu, "native") == 0)
        choose_host(target, arena);
    else if (!choose_named(target, cpu, arena, diag))
        return NULL;
    target->llvm = create_machine(target);
    if (!target->llvm) {
        diag_error(diag, (Loc){0}, "this LLVM does not compile for '%s'", target->triple);
        return NULL;
    }
    if (probe_machine(target, diag)) return target;
    target_destroy(target);
    return NULL;
}

void target_destroy(Target *target) {
    if (target && target->llvm) LLVMDisposeTargetMachine(target->llvm);
}

const char *target_llvm_version(Arena *arena) {
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    return arena_printf(arena, "%u.%u.%u", major, minor, patch);
}
