#include "codegen/target/target_names.h"

#include "ir/spelling.h"

#include <string.h>

static const struct {
    const char *name, *other, *triple, *cpu, *base;
    FeatureSet required;
} architectures[] = {
#define ARCHITECTURE(name, ...) {#name, __VA_ARGS__},
#include "codegen/target/targets.def"
};

static const struct {
    Architecture architecture;
    const char *name;
    FeatureSet implied;
    const char *doc;
} features[] = {
#define FEATURE(architecture, name, text, implied, doc)                                            \
    {ARCHITECTURE_##architecture, text, implied, doc},
#include "codegen/target/targets.def"
};

typedef struct {
    Architecture architecture;
    const char *name;
    FeatureSet has;
    const char *doc;
} Cpu;

static const Cpu cpus[] = {
#define CPU(architecture, ...) {ARCHITECTURE_##architecture, __VA_ARGS__},
#include "codegen/target/targets.def"
};
enum { CPU_COUNT = sizeof cpus / sizeof *cpus };

bool target_has(FeatureSet set, int feature) {
    return set >> feature & 1;
}

const char *target_feature_name(int feature) {
    return features[feature].name;
}

const char *target_architecture_name(Architecture architecture) {
    return architectures[architecture].name;
}

const char *target_features_text(FeatureSet set, Arena *arena) {
    const char *text = set ? "" : "none";
    for (int i = 0; i < FEATURE_COUNT; i++)
        if (target_has(set, i))
            text = arena_printf(arena, "%s%s%s", text, *text ? " " : "", features[i].name);
    return text;
}

void target_print_cpus(FILE *out) {
    for (int a = 0; a < ARCHITECTURE_COUNT; a++) {
        fprintf(out, "%s\n", architectures[a].name);
        for (int i = 0; i < CPU_COUNT; i++)
            if ((int)cpus[i].architecture == a)
                fprintf(out, "  %-16s %s\n", cpus[i].name, cpus[i].doc);
        fprintf(out, "  features\n");
        for (int i = 0; i < FEATURE_COUNT; i++)
            if ((int)features[i].architecture == a)
                fprintf(out, "    +%-13s %s\n", features[i].name, features[i].doc);
    }
}

/* ---- sets of features ---- */

static bool is_word(const char *word, const char *text, size_t length) {
    return strlen(word) == length && memcmp(word, text, length) == 0;
}

/* FEATURE_COUNT: there is none. */
static int find_feature(Architecture architecture, const char *text, size_t length) {
    for (int i = 0; i < FEATURE_COUNT; i++)
        if (features[i].architecture == architecture && is_word(features[i].name, text, length))
            return i;
    return FEATURE_COUNT;
}

/* With all that is implied, which stands earlier in the table. */
static FeatureSet with_implied(FeatureSet set) {
    for (int i = FEATURE_COUNT - 1; i >= 0; i--)
        if (target_has(set, i)) set |= features[i].implied;
    return set;
}

static FeatureSet without(FeatureSet set, int feature) {
    FeatureSet gone = (FeatureSet)1 << feature;
    for (int i = feature + 1; i < FEATURE_COUNT; i++)
        if (features[i].implied & gone) gone |= (FeatureSet)1 << i;
    return set & ~gone;
}

static FeatureSet host_set(Architecture architecture, const char *list) {
    FeatureSet set = 0;
    for (size_t length; *list; list += length + (list[length] == ',')) {
        length = strcspn(list, ",");
        if (length < 2 || *list != '+') continue;
        const int feature = find_feature(architecture, list + 1, length - 1);
        if (feature < FEATURE_COUNT) set |= (FeatureSet)1 << feature;
    }
    return with_implied(set | architectures[architecture].required);
}

/* ---- triples ---- */

/* ARCHITECTURE_COUNT: there is none. */
static Architecture find_architecture(const char *text, size_t length) {
    for (int i = 0; i < ARCHITECTURE_COUNT; i++)
        if (is_word(architectures[i].name, text, length) ||
            is_word(architectures[i].other, text, length))
            return (Architecture)i;
    return ARCHITECTURE_COUNT;
}

/* All that code of the architecture may use with these features. */
static void set_features(TargetNames *names, Architecture architecture, FeatureSet set,
                         Arena *arena) {
    const char *list = architectures[architecture].base;
    for (int i = 0; i < FEATURE_COUNT; i++)
        if (target_has(set, i))
            list = arena_printf(arena, "%s%s+%s", list, *list ? "," : "", features[i].name);
    names->architecture = architecture;
    names->base_cpu = architectures[architecture].cpu;
    names->base = architectures[architecture].base;
    names->features = list;
    names->has = set;
}

bool target_names_host(TargetNames *host, const char *triple, const char *cpu, const char *list,
                       Arena *arena) {
    const Architecture architecture = find_architecture(triple, strcspn(triple, "-"));
    if (architecture == ARCHITECTURE_COUNT) return false;
    *host = (TargetNames){.triple = triple, .cpu = cpu};
    set_features(host, architecture, host_set(architecture, list), arena);
    return true;
}

/* What may follow an architecture: code for Linux is the same with any vendor and C library. */
static bool is_linux(const char *rest) {
    static const char *const endings[] = {"", "-linux", "-linux-gnu", "-linux-musl"};
    static const char *const vendors[] = {"-unknown-", "-pc-"};
    for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++) {
        const size_t length = strlen(vendors[i]);
        if (strncmp(rest, vendors[i], length) != 0) continue;
        rest += length - 1;
        break;
    }
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strcmp(rest, endings[i]) == 0) return true;
    return false;
}

static bool read_triple(TargetNames *out, const char *text, Diag *diag) {
    const size_t length = strcspn(text, "-");
    const Architecture architecture = find_architecture(text, length);
    if (architecture == ARCHITECTURE_COUNT || !is_linux(text + length)) {
        diag_error(diag, (Loc){0}, "no target is called '%.60s'", text);
        return diag_hint(diag, "the targets are x86_64-linux-gnu, aarch64-linux-gnu and "
                               "riscv64-linux-gnu, or a level as x86-64-v3");
    }
    out->architecture = architecture;
    out->triple = architectures[architecture].triple;
    return true;
}

/* ---- processors ---- */

static const Cpu *find_cpu(const char *name) {
    for (int i = 0; i < CPU_COUNT; i++)
        if (strcmp(cpus[i].name, name) == 0) return &cpus[i];
    return NULL;
}

static const Cpu *generic_cpu(Architecture architecture) {
    const Cpu *cpu = cpus;
    while (cpu->architecture != architecture) cpu++;
    return cpu;
}

static bool refuse_cpu(const char *name, Diag *diag) {
    const char *names[CPU_COUNT];
    for (int i = 0; i < CPU_COUNT; i++) names[i] = cpus[i].name;
    const char *nearest = spelling_nearest(name, names, CPU_COUNT);
    diag_error(diag, (Loc){0}, "no processor is called '%.60s'", name);
    if (nearest) return diag_hint(diag, "did you mean '%s'?", nearest);
    return diag_hint(diag, "leave it out for this machine, or take one of x86-64-v3 (AVX2), "
                           "x86-64-v4 (AVX-512), neoverse-n1 (NEON), ...: `--cpu help` lists them");
}

static bool is_native(const char *name) {
    return name && strcmp(name, "native") == 0;
}

/* A level of x86-64 is the name of a processor where a triple could stand. */
static bool is_level(const char *target) {
    return target && strncmp(target, "x86-64", 6) == 0;
}

/* The choice with a level as its cpu. */
static bool split_level(TargetChoice *choice, Diag *diag) {
    const char *target = choice->target;
    if (!is_level(target)) return true;
    if (choice->cpu) {
        diag_error(diag, (Loc){0}, "the target '%.60s' is a processor, and so is '%.60s'", target,
                   choice->cpu);
        return diag_hint(diag, "with a processor the target is a triple, as x86_64-linux-gnu");
    }
    choice->target = NULL;
    choice->cpu = target;
    return true;
}

/* Null: the host's own, whose name LLVM knows even where targets.def does not. False: reported. */
static bool choose_cpu(const TargetNames *out, const TargetChoice *choice, bool has_target,
                       const TargetNames *host, const Cpu **cpu, Diag *diag) {
    *cpu = NULL;
    const char *name = choice->cpu;
    const bool is_host = is_native(name) || (!name && !has_target);
    if (!is_host) {
        const bool is_generic = !name || strcmp(name, "generic") == 0;
        *cpu = is_generic ? generic_cpu(out->architecture) : find_cpu(name);
        if (!*cpu && strcmp(name, host->cpu) != 0) return refuse_cpu(name, diag);
    }
    const Architecture found = *cpu ? (*cpu)->architecture : host->architecture;
    if (!has_target || found == out->architecture) return true;
    diag_error(diag, (Loc){0}, "'%.60s' is a processor of %s, and the target is %s", name,
               target_architecture_name(found), target_architecture_name(out->architecture));
    return diag_hint(diag, "leave out one of them, or take a processor of %s: '%s'",
                     target_architecture_name(out->architecture),
                     generic_cpu(out->architecture)->name);
}

/* ---- features that are asked for ---- */

static bool refuse_feature(Architecture architecture, const char *text, size_t length, Diag *diag) {
    const int shown = length < 60 ? (int)length : 60;
    FeatureSet all = 0;
    for (int i = 0; i < FEATURE_COUNT; i++)
        if (features[i].architecture == architecture) all |= (FeatureSet)1 << i;
    diag_error(diag, (Loc){0}, "no feature of %s is called '%.*s'",
               target_architecture_name(architecture), shown, text);
    return diag_hint(diag, "there are %s", target_features_text(all, diag->arena));
}

static bool change(FeatureSet *has, Architecture architecture, const char *text, size_t length,
                   Diag *diag) {
    const char sign = length ? *text : '\0';
    if (sign != '+' && sign != '-') {
        diag_error(diag, (Loc){0}, "the feature '%.*s' has no sign", length < 60 ? (int)length : 60,
                   text);
        return diag_hint(diag, "features are a list as +dotprod,-i8mm");
    }
    const int feature = find_feature(architecture, text + 1, length - 1);
    if (feature == FEATURE_COUNT) return refuse_feature(architecture, text + 1, length - 1, diag);
    const FeatureSet bit = (FeatureSet)1 << feature;
    if (sign == '+') {
        *has = with_implied(*has | bit);
        return true;
    }
    if (architectures[architecture].required & bit)
        return diag_error(diag, (Loc){0}, "there is no code for %s without '%s'",
                          target_architecture_name(architecture), features[feature].name);
    *has = without(*has, feature);
    return true;
}

static bool read_features(FeatureSet *has, Architecture architecture, const char *list,
                          Diag *diag) {
    if (!list) return true;
    for (;;) {
        const size_t length = strcspn(list, ",");
        if (!change(has, architecture, list, length, diag)) return false;
        if (!list[length]) return true;
        list += length + 1;
    }
}

bool target_names_choose(TargetNames *out, const TargetChoice *asked, const TargetNames *host,
                         Arena *arena, Diag *diag) {
    TargetChoice choice = *asked;
    *out = *host;
    if (!split_level(&choice, diag)) return false;
    const bool has_target = choice.target && !is_native(choice.target);
    if (has_target && !read_triple(out, choice.target, diag)) return false;
    const Cpu *cpu;
    if (!choose_cpu(out, &choice, has_target, host, &cpu, diag)) return false;
    FeatureSet has = host->has;
    if (cpu) {
        if (cpu->architecture != out->architecture)
            out->triple = architectures[cpu->architecture].triple;
        out->architecture = cpu->architecture;
        out->cpu = cpu->name;
        has = with_implied(cpu->has);
    }
    if (!read_features(&has, out->architecture, choice.features, diag)) return false;
    set_features(out, out->architecture, has, arena);
    return true;
}
