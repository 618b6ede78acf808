/* target_needs.c - what a program checks of its processor before it runs compiled code. */
#include "codegen/target.h"

#include <llvm-c/Core.h>
#include <string.h>

/* Whether a list as "+avx2,-fma,+bmi2" has the name with a plus. */
static bool is_listed(const char *list, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = list; (at = strchr(at, '+')); at++)
        if (strncmp(at + 1, name, length) == 0 && (at[length + 1] == ',' || !at[length + 1]))
            return true;
    return false;
}

static uint64_t row(const Target *target, const char *name, uint64_t bit) {
    return is_listed(target->features, name) || is_listed(target->known, name) ? bit : 0;
}

uint64_t target_needs(const Target *target) {
    uint64_t needs = 0, bit = 1;
    if (strncmp(target->triple, "x86_64", 6) == 0) {
#define X86(name, ...)                                                                             \
    needs |= row(target, name, bit);                                                               \
    bit <<= 1;
#include "runtime/cpu_features.def"
    } else if (strncmp(target->triple, "aarch64", 7) == 0) {
#define ARM(name, ...)                                                                             \
    needs |= row(target, name, bit);                                                               \
    bit <<= 1;
#include "runtime/cpu_features.def"
    } else if (strncmp(target->triple, "riscv64", 7) == 0) {
#define RISCV(name, ...)                                                                           \
    needs |= row(target, name, bit);                                                               \
    bit <<= 1;
#include "runtime/cpu_features.def"
    }
    return needs;
}

bool target_is_native(const Target *target) {
    char *host = LLVMGetDefaultTargetTriple();
    const size_t length = strcspn(host, "-");
    const bool is_same =
        strncmp(host, target->triple, length) == 0 && target->triple[length] == '-';
    LLVMDisposeMessage(host);
    return is_same;
}
