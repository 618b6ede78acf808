/* target_needs.c - what a program checks of its processor before it runs compiled code. */
#include "codegen/target.h"

#include <string.h>

static const char *const feature_text[] = {
#define FEATURE(architecture, name, text, ...) text,
#include "codegen/targets.def"
};

/* Whether a list as "+avx2,-fma,+bmi2" has the name with a plus. */
static bool is_listed(const char *list, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = list; (at = strchr(at, '+')); at++)
        if (strncmp(at + 1, name, length) == 0 && (at[length + 1] == ',' || !at[length + 1]))
            return true;
    return false;
}

static uint64_t row(const Target *target, const char *name, uint64_t bit) {
    for (int i = 0; i < FEATURE_COUNT; i++)
        if (strcmp(feature_text[i], name) == 0 && target_has(target->names.has, i)) return bit;
    return is_listed(target->names.features, name) ? bit : 0;
}

uint64_t target_needs(const Target *target) {
    uint64_t needs = 0, bit = 1;
#define ROW(name)                                                                                  \
    needs |= row(target, name, bit);                                                               \
    bit <<= 1;
    switch (target->names.architecture) {
    case ARCHITECTURE_x86_64:
#define X86(name, ...) ROW(name)
#include "runtime/cpu_features.def"
        break;
    case ARCHITECTURE_aarch64:
#define ARM(name, ...) ROW(name)
#include "runtime/cpu_features.def"
        break;
    case ARCHITECTURE_riscv64:
#define RISCV(name, ...) ROW(name)
#include "runtime/cpu_features.def"
        break;
    case ARCHITECTURE_COUNT: break;
    }
    return needs;
}
