/* test_target.c - what users may name, what it means on hosts of each architecture, and what the
 * machine is then. */
#include "codegen/target/target.h"
#include "frontend/compiler/compiler.h"
#include "frontend/compiler/tuning_shipped.h"
#include "tests/unit/arena_fixture.h"
#include "tests/unit/library_fixture.h"

static const struct {
    Architecture architecture;
    const char *name;
} cpus[] = {
#define CPU(architecture, name, ...) {ARCHITECTURE_##architecture, name},
#include "codegen/target/targets.def"
};

static TargetNames names, x86, arm, riscv;

static void setup(void) {
    make_arena();
    ck_assert(target_names_host(&x86, "x86_64-pc-linux-gnu", "haswell",
                                "+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+popcnt,-avx512f,+64bit",
                                arena));
    ck_assert(target_names_host(&arm, "aarch64-unknown-linux-gnu", "neoverse-n1", "+dotprod,+sve",
                                arena));
    ck_assert(
        target_names_host(&riscv, "riscv64-unknown-linux-gnu", "generic-rv64", "+m,+v", arena));
}

static bool choose_on(const TargetNames *host, const char *target, const char *cpu,
                      const char *features) {
    diag = (Diag){.arena = arena};
    return target_names_choose(&names, &(TargetChoice){target, cpu, features}, host, arena, &diag);
}

static void expect(const TargetNames *host, TargetChoice choice, const char *triple,
                   const char *cpu, const char *features, const char *has) {
    if (!choose_on(host, choice.target, choice.cpu, choice.features))
        ck_abort_msg("%s", diag.first->message);
    ck_assert_str_eq(names.triple, triple);
    ck_assert_str_eq(names.cpu, cpu);
    ck_assert_str_eq(names.features, features);
    ck_assert_str_eq(target_features_text(names.has, arena), has);
}

static void refuse(TargetChoice choice, const char *message) {
    ck_assert(!choose_on(&x86, choice.target, choice.cpu, choice.features));
    ck_assert_int_eq(diag.errors, 1);
    ck_assert_str_eq(diag.first->message, message);
}

#define X86_PC  "x86_64-pc-linux-gnu"
#define X86     "x86_64-unknown-linux-gnu"
#define ARM     "aarch64-unknown-linux-gnu"
#define RISCV   "riscv64-unknown-linux-gnu"
#define V2      "sse4.2 popcnt"
#define V3      "sse4.2 popcnt avx avx2 fma f16c bmi bmi2 lzcnt"
#define V2_LLVM "+sse4.2,+popcnt"
#define V3_LLVM "+sse4.2,+popcnt,+avx,+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt"
#define RV      "+m,+a,+f,+d,+c"

START_TEST(the_default_is_the_host) {
    static const char *const words[] = {NULL, "native"};
    for (int i = 0; i < 2; i++) {
        expect(&x86, (TargetChoice){.cpu = words[i]}, X86_PC, "haswell", V3_LLVM, V3);
        expect(&x86, (TargetChoice){.target = words[i]}, X86_PC, "haswell", V3_LLVM, V3);
        expect(&arm, (TargetChoice){.cpu = words[i]}, ARM, "neoverse-n1", "+neon,+dotprod",
               "neon dotprod");
        expect(&riscv, (TargetChoice){.cpu = words[i]}, RISCV, "generic-rv64", RV ",+v", "v");
    }
}
END_TEST

START_TEST(a_triple_has_a_generic_processor) {
    static const char *const spellings[] = {"aarch64", "arm64-linux", "aarch64-linux-gnu",
                                            "aarch64-unknown-linux-gnu", "aarch64-pc-linux-musl"};
    for (int i = 0; i < 5; i++)
        expect(&x86, (TargetChoice){.target = spellings[i]}, ARM, "generic", "+neon", "neon");
    expect(&x86, (TargetChoice){.target = "riscv64-linux-gnu"}, RISCV, "generic-rv64",
           RV ",+v,+zvl128b", "v zvl128b");
    expect(&arm, (TargetChoice){.target = "x86_64-linux-gnu"}, X86, "x86-64", "", "none");
    expect(&x86, (TargetChoice){.target = "x86_64-linux-gnu"}, X86, "x86-64", "", "none");
    expect(&x86, (TargetChoice){.cpu = "generic"}, X86_PC, "x86-64", "", "none");
    expect(&arm, (TargetChoice){.cpu = "generic"}, ARM, "generic", "+neon", "neon");
    expect(&x86, (TargetChoice){.target = "x86_64-linux-gnu", .cpu = "native"}, X86, "haswell",
           V3_LLVM, V3);
}
END_TEST

START_TEST(a_level_is_a_processor) {
    expect(&x86, (TargetChoice){.target = "x86-64-v3"}, X86_PC, "x86-64-v3", V3_LLVM, V3);
    expect(&x86, (TargetChoice){.cpu = "x86-64-v3"}, X86_PC, "x86-64-v3", V3_LLVM, V3);
    expect(&arm, (TargetChoice){.target = "x86-64-v2"}, X86, "x86-64-v2", V2_LLVM, V2);
    expect(&arm, (TargetChoice){.target = "x86_64-linux-gnu", .cpu = "x86-64-v2"}, X86, "x86-64-v2",
           V2_LLVM, V2);
}
END_TEST

START_TEST(features_bring_and_take_what_belongs_to_them) {
    expect(&x86, (TargetChoice){.target = "aarch64", .features = "+dotprod,+neon"}, ARM, "generic",
           "+neon,+dotprod", "neon dotprod");
    expect(&x86, (TargetChoice){.cpu = "neoverse-v1", .features = "-i8mm"}, ARM, "neoverse-v1",
           "+neon,+dotprod,+bf16", "neon dotprod bf16");
    expect(&x86, (TargetChoice){.cpu = "x86-64-v2", .features = "+f16c"}, X86_PC, "x86-64-v2",
           V2_LLVM ",+avx,+f16c", V2 " avx f16c");
    expect(&x86, (TargetChoice){.cpu = "x86-64-v3", .features = "-avx,+avx2"}, X86_PC, "x86-64-v3",
           V2_LLVM ",+avx,+avx2,+bmi,+bmi2,+lzcnt", V2 " avx avx2 bmi bmi2 lzcnt");
    expect(&x86, (TargetChoice){.cpu = "x86-64", .features = "-avx"}, X86_PC, "x86-64", "", "none");
    expect(&x86, (TargetChoice){.target = "riscv64", .features = "-v"}, RISCV, "generic-rv64", RV,
           "none");
    expect(&x86, (TargetChoice){.target = "riscv64", .features = "+zvl512b,+zvfh,-zvl256b"}, RISCV,
           "generic-rv64", RV ",+v,+zvl128b,+zvfhmin,+zvfh", "v zvl128b zvfhmin zvfh");
    expect(&arm, (TargetChoice){.features = "-dotprod"}, ARM, "neoverse-n1", "+neon", "neon");
}
END_TEST

START_TEST(what_is_not_known_is_refused) {
    refuse((TargetChoice){.target = "mips-linux-gnu"}, "no target is called 'mips-linux-gnu'");
    refuse((TargetChoice){.target = ""}, "no target is called ''");
    refuse((TargetChoice){.target = "aarch64-apple-darwin"},
           "no target is called 'aarch64-apple-darwin'");
    refuse((TargetChoice){.target = "riscv64gc-linux-gnu"},
           "no target is called 'riscv64gc-linux-gnu'");
    refuse((TargetChoice){.target = "x86-64-v9"}, "no processor is called 'x86-64-v9'");
    refuse((TargetChoice){.cpu = ""}, "no processor is called ''");
    refuse((TargetChoice){.features = ""}, "the feature '' has no sign");
    refuse((TargetChoice){.features = "avx2"}, "the feature 'avx2' has no sign");
    refuse((TargetChoice){.features = "+avx2,"}, "the feature '' has no sign");
    refuse((TargetChoice){.features = "+"}, "no feature of x86_64 is called ''");
    refuse((TargetChoice){.features = "+dotprod"}, "no feature of x86_64 is called 'dotprod'");
    refuse((TargetChoice){.target = "riscv64", .features = "+v,-dotprod"},
           "no feature of riscv64 is called 'dotprod'");
    ck_assert(!target_names_host(&names, "mips-linux-gnu", "generic", "", arena));
}
END_TEST

START_TEST(what_does_not_go_together_is_refused) {
    refuse((TargetChoice){.target = "riscv64", .cpu = "znver4"},
           "'znver4' is a processor of x86_64, and the target is riscv64");
    refuse((TargetChoice){.target = "aarch64", .cpu = "native"},
           "'native' is a processor of x86_64, and the target is aarch64");
    refuse((TargetChoice){.target = "x86-64-v3", .cpu = "haswell"},
           "the target 'x86-64-v3' is a processor, and so is 'haswell'");
    refuse((TargetChoice){.target = "aarch64", .features = "-neon"},
           "there is no code for aarch64 without 'neon'");
}
END_TEST

START_TEST(a_program_can_find_out_each_feature_that_code_may_use) {
    for (int feature = 0; feature < FEATURE_COUNT; feature++) {
        uint64_t needs = 0;
        for (int a = 0; a < ARCHITECTURE_COUNT; a++)
            needs |= target_needs((Architecture)a, (FeatureSet)1 << feature);
        ck_assert_msg(needs != 0, "cpu_features.def has no row for %s",
                      target_feature_name(feature));
    }
}
END_TEST

START_TEST(the_name_of_the_host_is_known_on_it) {
    TargetNames host;
    ck_assert(target_names_host(&host, X86_PC, "lakeofnextyear", "+avx2,+fma", arena));
    expect(&host, (TargetChoice){.cpu = "lakeofnextyear"}, X86_PC, "lakeofnextyear",
           "+sse4.2,+avx,+avx2,+fma", "sse4.2 avx avx2 fma");
    ck_assert(!choose_on(&host, "riscv64", "lakeofnextyear", NULL));
    refuse((TargetChoice){.cpu = "lakeofnextyear"}, "no processor is called 'lakeofnextyear'");
}
END_TEST

/* ---- with LLVM ---- */

static Machine machine_of(const char *target, const char *cpu, const char *features) {
    Target *made = target_create(&(TargetChoice){target, cpu, features}, arena, &diag);
    ck_assert_ptr_nonnull(made);
    const Machine machine = made->machine;
    target_destroy(made);
    return machine;
}

static void expect_machine(Machine machine, int floats, int registers, const char *has) {
    ck_assert_int_eq(machine.vector_floats, floats);
    ck_assert_int_eq(machine.vector_registers, registers);
    ck_assert_int_eq(machine.has_halves, strstr(has, "halves") != NULL);
    ck_assert_int_eq(machine.has_byte_dot, strstr(has, "bytes") != NULL);
    ck_assert_int_eq(machine.has_pair_dot, strstr(has, "pairs") != NULL);
}

START_TEST(a_machine_is_what_its_features_are) {
    expect_machine(machine_of("x86-64", NULL, NULL), 4, 16, "");
    expect_machine(machine_of("x86-64-v2", NULL, "+f16c"), 8, 16, "halves");
    expect_machine(machine_of("x86-64-v3", NULL, NULL), 8, 16, "halves");
    expect_machine(machine_of("x86-64-v3", NULL, "+avxvnni"), 8, 16, "halves bytes");
    expect_machine(machine_of("x86-64-v4", NULL, NULL), 16, 32, "halves");
    expect_machine(machine_of("x86-64-v4", NULL, "-avx512f"), 8, 16, "halves");
    expect_machine(machine_of(NULL, "cooperlake", NULL), 16, 32, "halves bytes pairs");
    expect_machine(machine_of(NULL, "sapphirerapids", NULL), 16, 32, "halves bytes");
    expect_machine(machine_of("aarch64", NULL, NULL), 4, 32, "halves");
    expect_machine(machine_of("aarch64", NULL, "+dotprod"), 4, 32, "halves bytes");
    expect_machine(machine_of(NULL, "neoverse-n1", "-dotprod"), 4, 32, "halves");
    expect_machine(machine_of("riscv64", NULL, NULL), 4, 32, "");
    expect_machine(machine_of("riscv64", NULL, "+zvfhmin"), 4, 32, "halves");
    expect_machine(machine_of("riscv64", NULL, "+zvl256b"), 8, 32, "");
    expect_machine(machine_of("riscv64", NULL, "+zvl512b"), 16, 32, "");
    expect_machine(machine_of("riscv64", NULL, "-v"), 4, 8, "");
}
END_TEST

/* LLVM says on stderr what it does not know, and tunes for nothing then. */
START_TEST(llvm_knows_every_processor) {
    FILE *errors = tmpfile();
    const int before = dup(STDERR_FILENO);
    char text[256] = "";
    ck_assert_ptr_nonnull(errors);
    dup2(fileno(errors), STDERR_FILENO);
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++) {
        LLVMTargetRef llvm = NULL;
        const char *architecture = target_architecture_name(cpus[i].architecture);
        Target *target =
            target_create(&(TargetChoice){architecture, cpus[i].name, NULL}, arena, &diag);
        ck_assert_ptr_nonnull(target);
        ck_assert(!LLVMGetTargetFromTriple(target->names.triple, &llvm, NULL));
        LLVMDisposeTargetMachine(LLVMCreateTargetMachine(llvm, target->names.triple, cpus[i].name,
                                                         "", LLVMCodeGenLevelDefault,
                                                         LLVMRelocDefault, LLVMCodeModelDefault));
        target_destroy(target);
    }
    dup2(before, STDERR_FILENO);
    rewind(errors);
    const size_t length = fread(text, 1, sizeof text - 1, errors);
    ck_assert_msg(length == 0, "printed: %s", text);
    fclose(errors);
}
END_TEST

START_TEST(this_machine_is_known_as_such) {
    Target *target = target_create(&(TargetChoice){0}, arena, &diag);
    ck_assert_ptr_nonnull(target);
    ck_assert(target->is_host && target->is_native);
    target_destroy(target);
    const char *other = target->names.architecture == ARCHITECTURE_riscv64 ? "aarch64" : "riscv64";
    target = target_create(&(TargetChoice){.target = other}, arena, &diag);
    ck_assert_ptr_nonnull(target);
    ck_assert(!target->is_host && !target->is_native);
    target_destroy(target);
}
END_TEST

/* Debian's cc for riscv64 passes floats in registers of 64 bits, and links nothing else. */
START_TEST(objects_for_riscv_have_the_abi_of_its_cc) {
    enum { FLAGS_AT = 48, FLOAT_ABI = 6, DOUBLE = 4 };
    static const char *const features[] = {NULL, "-v"};
    for (int i = 0; i < 2; i++) {
        char text[64];
        Thalweg *thalweg =
            create_with((ThalwegOptions){.target = "riscv64", .features = features[i]}, model);
        assert_works(thalweg, thalweg_write_code(thalweg, THALWEG_OBJECT, in_folder("small.o")));
        ck_assert_uint_eq(read_start(in_folder("small.o"), text, sizeof text), sizeof text - 1);
        ck_assert_int_eq(text[FLAGS_AT] & FLOAT_ABI, DOUBLE);
        thalweg_destroy(thalweg);
    }
}
END_TEST

/* Schedules are of no use for a processor that cannot be named, or is another one by that name. */
START_TEST(shipped_schedules_are_for_processors_that_can_be_named) {
    TuningFile file = {.arena = arena_create()};
    Diag reading = {.arena = file.arena};
    const Source source = {"shipped", tuning_shipped, tuning_shipped_length};
    const char *last = "";
    ck_assert(tuning_file_parse(&file, &source, &reading));
    ck_assert_int_gt(file.count, 0);
    for (int i = 0; i < file.count; i++) {
        const TuningMachine *machine = &file.record[i].machine;
        if (strcmp(machine->cpu, last) == 0) continue;
        Thalweg *thalweg = create_with((ThalwegOptions){.cpu = machine->cpu}, model);
        assert_works(thalweg, compiler_target(thalweg));
        ck_assert_str_eq(compiler_tuning_machine(thalweg).cpu, machine->cpu);
        ck_assert_str_eq(compiler_tuning_machine(thalweg).features, machine->features);
        thalweg_destroy(thalweg);
        last = machine->cpu;
    }
    arena_destroy(file.arena);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("target");
    TCase *choices = suite_case(suite, "choices", setup, drop_arena);
    tcase_add_test(choices, the_default_is_the_host);
    tcase_add_test(choices, a_triple_has_a_generic_processor);
    tcase_add_test(choices, a_level_is_a_processor);
    tcase_add_test(choices, features_bring_and_take_what_belongs_to_them);
    tcase_add_test(choices, what_is_not_known_is_refused);
    tcase_add_test(choices, what_does_not_go_together_is_refused);
    tcase_add_test(choices, a_machine_is_what_its_features_are);
    tcase_add_test(choices, a_program_can_find_out_each_feature_that_code_may_use);
    tcase_add_test(choices, the_name_of_the_host_is_known_on_it);
    tcase_add_test(choices, llvm_knows_every_processor);
    tcase_add_test(choices, this_machine_is_known_as_such);
    TCase *code = in_a_folder(suite, "code");
    tcase_add_test(code, shipped_schedules_are_for_processors_that_can_be_named);
    tcase_add_test(code, objects_for_riscv_have_the_abi_of_its_cc);
    return suite_run(suite);
}
