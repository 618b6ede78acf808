#include "codegen/target/target.h"

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* Texts that LLVM allocated, kept in the arena. */
static const char *keep(Arena *arena, char *text) {
    size_t length = strlen(text);
    char *kept = ARENA_ARRAY(arena, char, length + 1);
    memcpy(kept, text, length + 1);
    LLVMDisposeMessage(text);
    return kept;
}

/* ---- what a machine has ---- */

static int64_t cache_bytes(int name, int64_t otherwise) {
    long bytes = sysconf(name);
    return bytes > 0 ? bytes : otherwise;
}

/* Intel's later servers have products of bf16 at half the rate of f32: they have matrix tiles for
 * that. */
static Machine describe_x86(const Target *target) {
    const FeatureSet has = target->names.has;
    const bool has_512 = target_has(has, FEATURE_avx512f);
    const int byte_dot = has_512 ? FEATURE_avx512vnni : FEATURE_avxvnni;
    return (Machine){.vector_floats = has_512                        ? 16
                                      : target_has(has, FEATURE_avx) ? 8
                                                                     : 4,
                     .vector_registers = has_512 ? 32 : 16,
                     .has_halves = target_has(has, FEATURE_f16c),
                     .has_byte_dot = target_has(has, byte_dot),
                     .has_pair_dot = has_512 && target_has(has, FEATURE_avx512bf16) &&
                                     !strstr(target->cpu, "rapids")};
}

static Machine describe_arm(const Target *target) {
    return (Machine){.vector_floats = 4,
                     .vector_registers = 32,
                     .has_halves = true,
                     .has_byte_dot = target_has(target->names.has, FEATURE_dotprod)};
}

/* Without vector instructions a vector is four of the 32 registers for scalars. */
static Machine describe_riscv(const Target *target) {
    const FeatureSet has = target->names.has;
    if (!target_has(has, FEATURE_v)) return (Machine){.vector_floats = 4, .vector_registers = 8};
    const int floats = target_has(has, FEATURE_zvl512b)   ? 16
                       : target_has(has, FEATURE_zvl256b) ? 8
                                                          : 4;
    return (Machine){.vector_floats = floats,
                     .vector_registers = 32,
                     .has_halves = target_has(has, FEATURE_zvfhmin)};
}

static Machine describe_machine(const Target *target) {
    Machine machine = {0};
    switch (target->names.architecture) {
    case ARCHITECTURE_x86_64: machine = describe_x86(target); break;
    case ARCHITECTURE_aarch64: machine = describe_arm(target); break;
    case ARCHITECTURE_riscv64: machine = describe_riscv(target); break;
    case ARCHITECTURE_COUNT: break;
    }
    machine.vector_parts = 1;
    machine.l1_bytes = 32 << 10;
    machine.l2_bytes = 512 << 10;
    if (!target->is_host) return machine;
    machine.l1_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 32 << 10);
    machine.l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, 512 << 10);
    return machine;
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
    LLVMInitializeRISCVTargetInfo();
    LLVMInitializeRISCVTarget();
    LLVMInitializeRISCVTargetMC();
    LLVMInitializeRISCVAsmPrinter();
}

static LLVMTargetMachineRef create_machine(const TargetNames *names) {
    LLVMTargetRef llvm = NULL;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(names->triple, &llvm, &message)) {
        LLVMDisposeMessage(message);
        return NULL;
    }
    return LLVMCreateTargetMachine(llvm, names->triple, names->base_cpu, names->features,
                                   LLVMCodeGenLevelAggressive, LLVMRelocPIC, LLVMCodeModelDefault);
}

static bool find_host(TargetNames *host, Arena *arena, Diag *diag) {
    const char *triple = keep(arena, LLVMGetDefaultTargetTriple());
    const char *cpu = keep(arena, LLVMGetHostCPUName());
    const char *features = keep(arena, LLVMGetHostCPUFeatures());
    return target_names_host(host, triple, cpu, features, arena) ||
           diag_error(diag, (Loc){0}, "Thalweg does not compile for this machine, '%s'", triple);
}

Target *target_create(const TargetChoice *choice, Arena *arena, Diag *diag) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    Target *target = ARENA_NEW(arena, Target);
    TargetNames host;
    *target = (Target){0};
    pthread_once(&once, initialise_llvm);
    if (!find_host(&host, arena, diag) ||
        !target_names_choose(&target->names, choice, &host, arena, diag))
        return NULL;
    const TargetNames *names = &target->names;
    target->cpu = names->cpu;
    target->is_host_architecture = names->architecture == host.architecture;
    target->is_host = target->is_host_architecture && !(names->has & ~host.has);
    target->is_native =
        target->is_host && strcmp(names->cpu, host.cpu) == 0 && names->has == host.has;
    target->abi = names->architecture == ARCHITECTURE_riscv64 ? "lp64d" : NULL;
    target->llvm = create_machine(names);
    if (!target->llvm) {
        diag_error(diag, (Loc){0}, "this LLVM does not compile for '%s'", names->triple);
        return NULL;
    }
    target->machine = describe_machine(target);
    return target;
}

void target_destroy(Target *target) {
    if (target && target->llvm) LLVMDisposeTargetMachine(target->llvm);
}

const char *target_llvm_version(Arena *arena) {
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    return arena_printf(arena, "%u.%u.%u", major, minor, patch);
}
