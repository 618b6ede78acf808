/* target_names.h - what users name: triples, processors, features. Everything is looked up in
 * targets.def, so that LLVM, which warns on stderr of what it does not know, is never asked. */
#ifndef CODEGEN_TARGET_NAMES_H
#define CODEGEN_TARGET_NAMES_H

#include "ir/arena.h"
#include "ir/diag.h"

typedef enum {
#define ARCHITECTURE(name, ...) ARCHITECTURE_##name,
#include "codegen/target/targets.def"
    ARCHITECTURE_COUNT
} Architecture;

enum {
#define FEATURE(architecture, name, ...) FEATURE_##name,
#include "codegen/target/targets.def"
    FEATURE_COUNT
};

typedef uint64_t FeatureSet;
_Static_assert(FEATURE_COUNT <= 64, "a set of features is a word");

/* What a user asks for; null: nothing. */
typedef struct {
    const char *target;   /* "riscv64-linux-gnu", "x86-64-v3", or "native" */
    const char *cpu;      /* a name target_print_cpus() lists, or "native" */
    const char *features; /* "+dotprod,-i8mm" */
} TargetChoice;

/* A machine or a choice, as LLVM names it. */
typedef struct {
    Architecture architecture;
    const char *triple;
    const char *cpu;      /* that code is tuned for */
    const char *base_cpu; /* what all machines of the architecture are, */
    const char *base;     /* and the features of all of them */
    const char *features; /* those, and all that code may use beside */
    FeatureSet has;       /* of those of targets.def */
} TargetNames;

/* Of the features those that targets.def knows. False: this is no machine of an architecture that
 * there is code for. */
bool target_names_host(TargetNames *host, const char *triple, const char *cpu, const char *features,
                       Arena *arena);

/* False: reported. */
bool target_names_choose(TargetNames *out, const TargetChoice *choice, const TargetNames *host,
                         Arena *arena, Diag *diag);

bool target_has(FeatureSet set, int feature);
const char *target_feature_name(int feature);
const char *target_architecture_name(Architecture architecture);
/* "avx2 fma"; "none" of an empty set. */
const char *target_features_text(FeatureSet set, Arena *arena);

void target_print_cpus(FILE *out);

#endif
