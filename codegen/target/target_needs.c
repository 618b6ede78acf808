/* target_needs.c - what a program checks of its processor before it runs compiled code. */
#include "codegen/target/target.h"

#include <string.h>

static uint64_t row(FeatureSet has, const char *name, uint64_t bit) {
    for (int i = 0; i < FEATURE_COUNT; i++)
        if (target_has(has, i) && strcmp(target_feature_name(i), name) == 0) return bit;
    return 0;
}

uint64_t target_needs(Architecture architecture, FeatureSet has) {
    uint64_t needs = 0, bit = 1;
#define ROW(name)                                                                                  \
    needs |= row(has, name, bit);                                                                  \
    bit <<= 1;
    switch (architecture) {
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
