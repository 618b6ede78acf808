/* test_jit.c - code in memory: never writable and executable at once, and known to tools. */
#include "codegen/emit/module_names.h"
#include "codegen/object/object_functions.h"
#include "frontend/compiler/compiler.h"
#include "tests/unit/library_fixture.h"

#include <elf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static Thalweg *load(ThalwegOptions options) {
    Thalweg *thalweg = create_with(options, model);
    assert_works(thalweg, thalweg_program(thalweg));
    return thalweg;
}

/* ---- pages ---- */

START_TEST(no_page_can_be_written_and_executed) {
    Thalweg *thalweg = load((ThalwegOptions){0});
    const uintptr_t entry = (uintptr_t)thalweg->program->prefill;
    FILE *maps = fopen("/proc/self/maps", "r");
    ck_assert_ptr_nonnull(maps);
    char line[1024], rights[5];
    bool is_entry_seen = false, is_stack_seen = false;
    while (fgets(line, sizeof line, maps)) {
        unsigned long long from, to;
        ck_assert_int_eq(sscanf(line, "%llx-%llx %4s", &from, &to, rights), 3);
        const bool is_written = rights[1] == 'w', is_executed = rights[2] == 'x';
        ck_assert_msg(!is_written || !is_executed, "%s", line);
        if (strstr(line, "[stack]")) {
            ck_assert_msg(!is_executed, "%s", line);
            is_stack_seen = true;
        }
        if (entry < from || entry >= to) continue;
        ck_assert_msg(is_executed, "%s", line);
        is_entry_seen = true;
    }
    fclose(maps);
    ck_assert(is_entry_seen && is_stack_seen);
    thalweg_destroy(thalweg);
}
END_TEST

/* From now on this thread may not ask by these calls for pages to be executed. */
static void refuse_execution(const unsigned call[2]) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call[0], 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call[1], 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

START_TEST(code_runs_where_no_page_becomes_executable) {
    refuse_execution((const unsigned[]){SYS_mprotect, SYS_pkey_mprotect});
    Thalweg *thalweg = load((ThalwegOptions){0});
    assert_right(thalweg);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(code_runs_where_memory_denies_write_execute) {
    enum { SET_MDWE = 65, REFUSE_EXEC_GAIN = 1 }; /* of Linux 6.3 */
    if (prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) != 0) {
        fprintf(stderr, "test_jit: PR_SET_MDWE is not tested: %s\n", strerror(errno));
        return;
    }
    Thalweg *thalweg = load((ThalwegOptions){0});
    assert_right(thalweg);
    thalweg_destroy(thalweg);
}
END_TEST

/* Of the library's and of LLVM's. */
static void assert_nothing_was_printed(FILE *errors) {
    char text[256] = "";
    rewind(errors);
    const size_t length = fread(text, 1, sizeof text - 1, errors);
    ck_assert_msg(length == 0, "printed: %s", text);
}

static void *load_where_nothing_may(void *thalweg) {
    refuse_execution((const unsigned[]){SYS_mprotect, SYS_mmap});
    return (void *)thalweg_program(thalweg);
}

START_TEST(code_that_may_not_be_executed_is_one_error_and_no_print) {
    FILE *errors = tmpfile();
    ck_assert_ptr_nonnull(errors);
    Thalweg *thalweg = create_with((ThalwegOptions){0}, model);
    const int before = dup(STDERR_FILENO);
    pthread_t thread; /* what it may not do, the test's end may */
    void *program = errors;
    dup2(fileno(errors), STDERR_FILENO);
    ck_assert_int_eq(pthread_create(&thread, NULL, load_where_nothing_may, thalweg), 0);
    ck_assert_int_eq(pthread_join(thread, &program), 0);
    dup2(before, STDERR_FILENO);
    ck_assert_ptr_null(program);
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 1);
    assert_message(thalweg, "may not execute code");
    assert_says(thalweg_diagnostic(thalweg, 0).hint, "--engine=interpreter");
    assert_nothing_was_printed(errors);
    thalweg_destroy(thalweg);
    fclose(errors);
}
END_TEST

/* ---- functions ---- */

static int by_place(const void *a, const void *b) {
    const LoadedFunction *x = a, *y = b;
    return (x->code > y->code) - (x->code < y->code);
}

static bool find_functions(Thalweg *thalweg, LoadedFunctions *loaded) {
    const char *symbol = module_symbol(thalweg->plan->name, 0, thalweg->arena);
    return object_functions(thalweg->code, symbol, thalweg->program, thalweg->arena, loaded);
}

/* As the assembler is told. */
/* Without the calls that object files alone have. */
static int count_functions(Thalweg *thalweg) {
    char line[1024];
    int count = 0;
    assert_works(thalweg, thalweg_write_code(thalweg, THALWEG_ASSEMBLY, in_folder("small.s")));
    FILE *in = fopen(in_folder("small.s"), "r");
    ck_assert_ptr_nonnull(in);
    while (fgets(line, sizeof line, in))
        count += strstr(line, ".type") && strstr(line, "@function") && !strstr(line, "small_");
    fclose(in);
    return count;
}

START_TEST(functions_are_found_where_they_were_loaded) {
    Thalweg *thalweg = load((ThalwegOptions){0});
    const char *prefill = (const char *)(uintptr_t)thalweg->program->prefill;
    const char *decode = (const char *)(uintptr_t)thalweg->program->decode;
    LoadedFunctions loaded;
    int entries = 0;
    ck_assert(find_functions(thalweg, &loaded));
    ck_assert_int_eq(loaded.count, count_functions(thalweg));
    qsort(loaded.function, (size_t)loaded.count, sizeof *loaded.function, by_place);
    for (int i = 0; i < loaded.count; i++) {
        const LoadedFunction *function = &loaded.function[i];
        ck_assert_uint_gt(function->bytes, 0);
        ck_assert_uint_gt(strlen(function->name), 0);
        if (i) ck_assert(function[-1].code + function[-1].bytes <= function->code);
        entries += function->code == prefill || function->code == decode;
    }
    ck_assert_int_eq(entries, 2);
    thalweg_destroy(thalweg);
}
END_TEST

/* Whatever part of an object there is, and whatever bytes it has. */
START_TEST(objects_that_are_damaged_tell_nothing_wrong) {
    Thalweg *thalweg = load((ThalwegOptions){0});
    const char *symbol = module_symbol(thalweg->plan->name, 0, thalweg->arena);
    const Bytes whole = thalweg->code;
    char *copy = ARENA_ARRAY(thalweg->arena, char, whole.count);
    LoadedFunctions loaded;
    for (size_t length = 0; length < whole.count; length += length < 256 ? 1 : 997) {
        char *part = malloc(length + 1); /* so that a sanitizer sees its end */
        ck_assert_ptr_nonnull(part);
        memcpy(part, whole.data, length);
        ck_assert(!object_functions((Bytes){part, length}, symbol, thalweg->program, thalweg->arena,
                                    &loaded));
        free(part);
    }
    for (size_t i = 0; i < sizeof(Elf64_Ehdr); i++) {
        memcpy(copy, whole.data, whole.count);
        copy[i] = (char)~copy[i];
        object_functions((Bytes){copy, whole.count}, symbol, thalweg->program, thalweg->arena,
                         &loaded);
    }
    ck_assert(!object_functions(whole, "none", thalweg->program, thalweg->arena, &loaded));
    thalweg_destroy(thalweg);
}
END_TEST

/* ---- debuggers ---- */

/* GDB's interface, as its manual has it ("JIT Compilation Interface"); LLVM defines the list. */
typedef struct DebuggedObject {
    struct DebuggedObject *next, *before;
    const char *object;
    uint64_t bytes;
} DebuggedObject;

extern struct {
    uint32_t version, action;
    DebuggedObject *changed, *first;
} __jit_debug_descriptor;

static int count_debugged(void) {
    int count = 0;
    for (const DebuggedObject *o = __jit_debug_descriptor.first; o; o = o->next) {
        ck_assert_uint_gt(o->bytes, sizeof(Elf64_Ehdr));
        ck_assert_mem_eq(o->object, ELFMAG, SELFMAG);
        count++;
    }
    return count;
}

START_TEST(debuggers_know_what_is_loaded_and_nothing_else) {
    Thalweg *first = load((ThalwegOptions){0});
    ck_assert_int_eq(count_debugged(), 1);
    Thalweg *second = load((ThalwegOptions){0});
    ck_assert_int_eq(count_debugged(), 2);
    thalweg_destroy(first);
    ck_assert_int_eq(count_debugged(), 1);
    thalweg_destroy(second);
    ck_assert_int_eq(count_debugged(), 0);
}
END_TEST

/* ---- perf ---- */

static void perf_path(char path[64], const char *format) {
    snprintf(path, 64, format, (long)getpid());
    unlink(path);
}

static void check_map(const char *path, const LoadedFunctions *loaded) {
    char line[512], name[256];
    FILE *map = fopen(path, "r");
    ck_assert_ptr_nonnull(map);
    for (int i = 0; i < loaded->count; i++) {
        unsigned long long address, bytes;
        ck_assert_ptr_nonnull(fgets(line, sizeof line, map));
        ck_assert_int_eq(sscanf(line, "%llx %llx %255s", &address, &bytes, name), 3);
        ck_assert_uint_eq(address, (uintptr_t)loaded->function[i].code);
        ck_assert_uint_eq(bytes, loaded->function[i].bytes);
        ck_assert_str_eq(name, loaded->function[i].name);
    }
    ck_assert_ptr_null(fgets(line, sizeof line, map));
    fclose(map);
}

/* The layout of the dump, as its specification has it. */
static void check_dump(const char *path, const LoadedFunctions *loaded) {
    uint32_t head[6], begin[2], ids[2];
    uint64_t times[2], time, record[4];
    FILE *dump = fopen(path, "rb");
    ck_assert_ptr_nonnull(dump);
    ck_assert_uint_eq(fread(head, sizeof head, 1, dump), 1);
    ck_assert_uint_eq(fread(times, sizeof times, 1, dump), 1);
    ck_assert_uint_eq(head[0], 0x4A695444);
    ck_assert_uint_eq(head[1], 1);
    ck_assert_uint_eq(head[2], 40);
    ck_assert_uint_eq(head[5], (uint32_t)getpid());
    for (int i = 0; i < loaded->count; i++) {
        const LoadedFunction *function = &loaded->function[i];
        const size_t name_bytes = strlen(function->name) + 1;
        char *rest = malloc(name_bytes + function->bytes);
        ck_assert_ptr_nonnull(rest);
        ck_assert_uint_eq(fread(begin, sizeof begin, 1, dump), 1);
        ck_assert_uint_eq(fread(&time, sizeof time, 1, dump), 1);
        ck_assert_uint_eq(fread(ids, sizeof ids, 1, dump), 1);
        ck_assert_uint_eq(fread(record, sizeof record, 1, dump), 1);
        ck_assert_uint_eq(fread(rest, name_bytes + function->bytes, 1, dump), 1);
        ck_assert_uint_eq(begin[0], 0);
        ck_assert_uint_eq(begin[1], 56 + name_bytes + function->bytes);
        ck_assert_uint_eq(record[1], (uintptr_t)function->code);
        ck_assert_uint_eq(record[2], function->bytes);
        ck_assert_uint_eq(record[3], (uint64_t)i);
        ck_assert_str_eq(rest, function->name);
        ck_assert_mem_eq(rest + name_bytes, function->code, function->bytes);
        free(rest);
    }
    ck_assert_int_eq(fgetc(dump), EOF);
    fclose(dump);
}

START_TEST(perf_is_told_all_functions) {
    char map[64], dump[64];
    LoadedFunctions loaded;
    perf_path(map, "/tmp/perf-%ld.map");
    perf_path(dump, "/tmp/jit-%ld.dump");
    Thalweg *thalweg = load((ThalwegOptions){.perf = true});
    ck_assert(find_functions(thalweg, &loaded));
    check_map(map, &loaded);
    check_dump(dump, &loaded);
    thalweg_destroy(thalweg);
    unlink(map);
    unlink(dump);
}
END_TEST

START_TEST(perf_files_that_cannot_be_written_are_an_error) {
    char map[64];
    perf_path(map, "/tmp/perf-%ld.map");
    ck_assert_int_eq(mkdir(map, 0700), 0);
    Thalweg *thalweg = create_with((ThalwegOptions){.perf = true}, model);
    ck_assert(!thalweg_program(thalweg));
    assert_message(thalweg, map);
    ck_assert(!thalweg_program(thalweg));
    thalweg_destroy(thalweg);
    ck_assert_int_eq(rmdir(map), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("jit");
    TCase *tests = in_a_folder(suite, "jit");
    tcase_add_test(tests, no_page_can_be_written_and_executed);
    tcase_add_test(tests, code_runs_where_no_page_becomes_executable);
    tcase_add_test(tests, code_runs_where_memory_denies_write_execute);
    tcase_add_test(tests, code_that_may_not_be_executed_is_one_error_and_no_print);
    tcase_add_test(tests, functions_are_found_where_they_were_loaded);
    tcase_add_test(tests, objects_that_are_damaged_tell_nothing_wrong);
    tcase_add_test(tests, debuggers_know_what_is_loaded_and_nothing_else);
    tcase_add_test(tests, perf_is_told_all_functions);
    tcase_add_test(tests, perf_files_that_cannot_be_written_are_an_error);
    return suite_run(suite);
}
