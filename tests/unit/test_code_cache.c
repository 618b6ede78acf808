/* test_code_cache.c - compiled code that is kept: found by its whole key, used only if it is whole
 * and nobody else can have written it, and never needed. */
#include "frontend/compiler/code_file.h"
#include "frontend/compiler/compiler.h"
#include "tests/unit/library_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

static const Bytes key = {"which code this is", 18};
static const Bytes other_key = {"WHICH code this is", 18};
static const Bytes object = {"code that can be run", 20};
enum { FILE_BYTES = CODE_FILE_HEADER + 18 + 20 };

static Diag diag;
static const char *why;

static void setup(void) {
    make_folder();
    diag = (Diag){.arena = arena_create()};
    why = NULL;
}

static void teardown(void) {
    arena_destroy(diag.arena);
    remove_folder();
}

/* ---- files ---- */

static void write_code(const char *name) {
    ck_assert(code_file_write(folder, name, key, object, &diag));
}

static CodeFileStatus read_code(const char *name, Bytes wanted) {
    Bytes found = {0};
    const CodeFileStatus status = code_file_read(folder, name, wanted, diag.arena, &found, &why);
    ck_assert_int_eq(status == CODE_FILE_FOUND, found.data != NULL);
    if (!found.data) return status;
    ck_assert_uint_eq(found.count, object.count);
    ck_assert_mem_eq(found.data, object.data, object.count);
    return status;
}

static void make_old(const char *path, long seconds) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec -= seconds;
    ck_assert_int_eq(utimensat(AT_FDCWD, path, (struct timespec[]){now, now}, 0), 0);
}

static bool is_there(const char *name) {
    struct stat info;
    return lstat(in_folder(name), &info) == 0;
}

START_TEST(what_was_kept_is_found) {
    struct stat info;
    ck_assert_int_eq(read_code("a.code", key), CODE_FILE_MISSING);
    write_code("a.code");
    ck_assert_int_eq(read_code("a.code", key), CODE_FILE_FOUND);
    ck_assert_int_eq(stat(in_folder("a.code"), &info), 0);
    ck_assert_uint_eq(info.st_mode & 07777, 0600);
    ck_assert_int_eq(info.st_size, FILE_BYTES);
    write_code("a.code");
    ck_assert_int_eq(count_files(folder), 1);
}
END_TEST

/* What an open mask of the process would allow is not allowed either. */
START_TEST(files_are_private_whatever_the_mask) {
    struct stat info;
    const mode_t before = umask(0);
    write_code("a.code");
    umask(before);
    ck_assert_int_eq(stat(in_folder("a.code"), &info), 0);
    ck_assert_uint_eq(info.st_mode & 07777, 0600);
}
END_TEST

START_TEST(names_tell_keys_apart) {
    const char *name = code_file_name("small", key, diag.arena);
    ck_assert_str_ne(name, code_file_name("small", other_key, diag.arena));
    ck_assert_str_eq(name, code_file_name("small", key, diag.arena));
    ck_assert_int_eq(strncmp(name, "small-", 6), 0);
    ck_assert_str_eq(name + strlen(name) - 5, CODE_FILE_ENDING);
}
END_TEST

/* As if two keys had one hash: the name is right, the file whole, and the code of something else.
 */
START_TEST(a_whole_file_of_another_key_is_not_used) {
    const Bytes longer = {"which code this is, and more", 28}, shorter = {"which code", 10};
    write_code("a.code");
    ck_assert_int_eq(read_code("a.code", other_key), CODE_FILE_MISSING);
    ck_assert_int_eq(read_code("a.code", longer), CODE_FILE_MISSING);
    ck_assert_int_eq(read_code("a.code", shorter), CODE_FILE_MISSING);
    ck_assert_int_eq(read_code("a.code", (Bytes){"", 0}), CODE_FILE_MISSING);
    ck_assert_int_eq(read_code("a.code", key), CODE_FILE_FOUND);
}
END_TEST

START_TEST(no_byte_can_be_changed) {
    char whole[FILE_BYTES + 2], changed[FILE_BYTES];
    write_code("a.code");
    ck_assert_uint_eq(read_start(in_folder("a.code"), whole, sizeof whole), FILE_BYTES);
    for (int i = 0; i < FILE_BYTES; i++) {
        memcpy(changed, whole, FILE_BYTES);
        changed[i] ^= (char)(1 << i % 8);
        write_file(in_folder("a.code"), changed, FILE_BYTES);
        ck_assert_int_eq(read_code("a.code", key), CODE_FILE_MISSING);
    }
    /* The key in the file is the one that is asked for, but the sum is of another one. */
    memcpy(changed, whole, FILE_BYTES);
    memcpy(changed + CODE_FILE_HEADER, other_key.data, other_key.count);
    write_file(in_folder("a.code"), changed, FILE_BYTES);
    ck_assert_int_eq(read_code("a.code", other_key), CODE_FILE_MISSING);
}
END_TEST

START_TEST(no_byte_can_be_missing_or_added) {
    char whole[FILE_BYTES + 2];
    write_code("a.code");
    ck_assert_uint_eq(read_start(in_folder("a.code"), whole, sizeof whole), FILE_BYTES);
    for (size_t length = 0; length < FILE_BYTES; length++) {
        write_file(in_folder("a.code"), whole, length);
        ck_assert_int_eq(read_code("a.code", key), CODE_FILE_MISSING);
    }
    write_file(in_folder("a.code"), whole, FILE_BYTES + 1);
    ck_assert_int_eq(read_code("a.code", key), CODE_FILE_MISSING);
    write_file(in_folder("a.code"), whole, FILE_BYTES);
    ck_assert_int_eq(read_code("a.code", key), CODE_FILE_FOUND);
}
END_TEST

START_TEST(a_file_without_code_is_not_used) {
    ck_assert(code_file_write(folder, "a.code", key, (Bytes){"", 0}, &diag));
    ck_assert_int_eq(read_code("a.code", key), CODE_FILE_MISSING);
}
END_TEST

/* ---- others ---- */

START_TEST(what_others_can_write_is_not_used) {
    static const mode_t modes[] = {0620, 0602, 0622};
    write_code("a.code");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(chmod(in_folder("a.code"), modes[i]), 0);
        ck_assert_int_eq(read_code("a.code", key), CODE_FILE_UNSAFE);
        ck_assert_ptr_nonnull(why);
    }
    ck_assert_int_eq(chmod(in_folder("a.code"), 0644), 0);
    ck_assert_int_eq(read_code("a.code", key), CODE_FILE_FOUND);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(chmod(folder, modes[i] | 0100), 0);
        ck_assert_int_eq(read_code("a.code", key), CODE_FOLDER_UNSAFE);
    }
    ck_assert_int_eq(chmod(folder, 0700), 0);
    ck_assert_int_eq(read_code("a.code", key), CODE_FILE_FOUND);
}
END_TEST

/* Only root can give files away. */
START_TEST(what_belongs_to_others_is_not_used) {
    enum { SOMEBODY = 65534 };
    write_code("a.code");
    if (chown(in_folder("a.code"), SOMEBODY, SOMEBODY) != 0) return;
    ck_assert_int_eq(read_code("a.code", key), CODE_FILE_UNSAFE);
    write_code("a.code");
    ck_assert_int_eq(read_code("a.code", key), CODE_FILE_FOUND);
    ck_assert_int_eq(chown(folder, SOMEBODY, SOMEBODY), 0);
    ck_assert_int_eq(read_code("a.code", key), CODE_FOLDER_UNSAFE);
}
END_TEST

START_TEST(what_is_no_file_is_not_used) {
    char target[256];
    write_code("target");
    strcpy(target, in_folder("target"));
    ck_assert_int_eq(symlink(target, in_folder("link.code")), 0);
    ck_assert_int_eq(mkfifo(in_folder("pipe.code"), 0600), 0);
    ck_assert_int_eq(mkdir(in_folder("folder.code"), 0700), 0);
    ck_assert_int_eq(read_code("link.code", key), CODE_FILE_UNSAFE);
    ck_assert_int_eq(read_code("pipe.code", key), CODE_FILE_UNSAFE);
    ck_assert_int_eq(read_code("folder.code", key), CODE_FILE_UNSAFE);
    ck_assert(!code_file_write(folder, "folder.code", key, object, &diag));

    /* A link is replaced; what it leads to is left alone. */
    write_file(target, "mine", 4);
    write_code("link.code");
    ck_assert_int_eq(read_code("link.code", key), CODE_FILE_FOUND);
    char start[8];
    ck_assert_uint_eq(read_start(target, start, sizeof start), 4);
}
END_TEST

/* ---- how much is kept ---- */

#define HASH        "-0123456789abcdef0123456789abcdef"
#define NAME(model) model HASH CODE_FILE_ENDING

START_TEST(what_was_used_the_longest_ago_goes_first) {
    static const char *const names[] = {NAME("a"), NAME("b"), NAME("c"), NAME("d")};
    for (int i = 0; i < 4; i++) {
        write_code(names[i]);
        make_old(in_folder(names[i]), 1000 - 100 * i);
    }
    write_file(in_folder("old.weights"), "w", 1);
    make_old(in_folder("old.weights"), 100000);

    code_files_trim(folder, 4 * FILE_BYTES);
    ck_assert_int_eq(count_files(folder), 5);
    ck_assert_int_eq(read_code(names[0], key), CODE_FILE_FOUND); /* and so just used */
    code_files_trim(folder, 3 * FILE_BYTES);
    ck_assert(!is_there(names[1]));
    code_files_trim(folder, 2 * FILE_BYTES - 1);
    ck_assert(!is_there(names[2]) && !is_there(names[3]));
    ck_assert(is_there(names[0]) && is_there("old.weights"));
    code_files_trim(in_folder("none"), 0);
}
END_TEST

/* Half-written files may end within the bytes that they are known by. */
START_TEST(what_killed_writers_left_is_removed) {
    static const char *const lengths[] = {"", "thal", CODE_FILE_MAGIC, CODE_FILE_MAGIC "\1"};
    for (int i = 0; i < 4; i++) {
        const char *old = arena_printf(diag.arena, NAME("a") ".%d-0.part", i);
        write_file(in_folder(old), lengths[i], strlen(lengths[i]));
        make_old(in_folder(old), 2 * 24 * 60 * 60);
        const char *new = arena_printf(diag.arena, NAME("a") ".%d-1.part", i);
        write_file(in_folder(new), lengths[i], strlen(lengths[i]));
    }
    code_files_trim(folder, 0);
    ck_assert_int_eq(count_files(folder), 4);
    ck_assert(is_there(NAME("a") ".0-1.part"));
}
END_TEST

/* The folder is one that a user named, with files of the user's own. */
START_TEST(only_what_is_ours_by_name_and_contents_is_removed) {
    static const char *const ours[] = {NAME("a"), NAME("a") ".12-0.part"};
    static const char *const others[] = {"precious.code",       "a.code.12-0.part",
                                         HASH ".code",          "a" HASH "0.code.bak",
                                         "a" HASH ".CODE",      "a-0123456789abcdef.code",
                                         NAME("a") ".part",     NAME("a") ".12-0.part.part",
                                         NAME("a") ".12-.part", NAME("a") ".-0.part",
                                         NAME("a") "12-0.part"};
    enum { OURS = 2, OTHERS = sizeof others / sizeof *others };
    write_code("code");
    char whole[FILE_BYTES + 1];
    ck_assert_uint_eq(read_start(in_folder("code"), whole, sizeof whole), FILE_BYTES);
    for (int i = 0; i < OTHERS; i++) write_file(in_folder(others[i]), whole, FILE_BYTES);
    for (int i = 0; i < OTHERS; i++) make_old(in_folder(others[i]), 1000000);
    for (int i = 0; i < OURS; i++) {
        write_file(in_folder(ours[i]), "my own text", 11);
        make_old(in_folder(ours[i]), 1000000);
    }
    code_files_trim(folder, 0);
    ck_assert_int_eq(count_files(folder), 1 + OTHERS + OURS);

    for (int i = 0; i < OURS; i++) {
        unlink(in_folder(ours[i]));
        char target[256];
        strcpy(target, in_folder("code"));
        ck_assert_int_eq(symlink(target, in_folder(ours[i])), 0);
    }
    code_files_trim(folder, 0);
    ck_assert_int_eq(count_files(folder), 1 + OTHERS + OURS);

    for (int i = 0; i < OURS; i++) {
        unlink(in_folder(ours[i]));
        write_file(in_folder(ours[i]), whole, FILE_BYTES);
        make_old(in_folder(ours[i]), 1000000);
    }
    code_files_trim(folder, 0);
    ck_assert_int_eq(count_files(folder), 1 + OTHERS);
}
END_TEST

/* ---- models ---- */

static int count_code(void) {
    int count = 0;
    DIR *directory = opendir(folder);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        count += strstr(entry->d_name, CODE_FILE_ENDING) != NULL;
    closedir(directory);
    return count;
}

static void find_code(char *path, size_t size) {
    DIR *directory = opendir(folder);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (strstr(entry->d_name, CODE_FILE_ENDING))
            snprintf(path, size, "%s/%s", folder, entry->d_name);
    closedir(directory);
}

/* Whether it was compiled; the logits are always the same. */
static bool is_compiled(ThalwegOptions options, int warnings) {
    static float expected[VOCAB];
    static bool is_known;
    float logits[VOCAB];
    Thalweg *thalweg = create_with_code_cache(options, model);
    run(thalweg, logits);
    if (is_known) ck_assert_mem_eq(logits, expected, sizeof logits);
    memcpy(expected, logits, sizeof logits);
    is_known = true;
    const bool is_module_there = thalweg->module != NULL;
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), warnings);
    if (warnings) {
        ck_assert_int_eq(thalweg_diagnostic(thalweg, 0).severity, THALWEG_WARNING);
        ck_assert_ptr_nonnull(thalweg_diagnostic(thalweg, 0).hint);
    }
    thalweg_destroy(thalweg);
    return is_module_there;
}

START_TEST(a_second_start_does_not_compile) {
    const ThalwegOptions usual = {0};
    ck_assert(is_compiled(usual, 0));
    ck_assert_int_eq(count_code(), 1);
    ck_assert(!is_compiled(usual, 0));
    ck_assert(!is_compiled(usual, 0));
    ck_assert_int_eq(count_code(), 1);
}
END_TEST

START_TEST(code_that_was_kept_can_still_be_written) {
    ck_assert(is_compiled((ThalwegOptions){0}, 0));
    Thalweg *thalweg = create_with_code_cache((ThalwegOptions){0}, model);
    assert_works(thalweg, thalweg_program(thalweg));
    ck_assert_ptr_null(thalweg->module);
    assert_works(thalweg, thalweg_write_code(thalweg, THALWEG_LLVM, in_folder("small.ll")));
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(the_cache_can_be_left_out) {
    const ThalwegOptions without = {.no_code_cache = true};
    ck_assert(is_compiled(without, 0));
    ck_assert_int_eq(count_code(), 0);
    ck_assert(is_compiled((ThalwegOptions){0}, 0));
    ck_assert(is_compiled(without, 0));
}
END_TEST

START_TEST(other_code_is_another_file) {
    static const ThalwegOptions options[] = {{0},
                                             {.weights_type = "q8"},
                                             {.weights_type = "bf16"},
                                             {.exact = true},
                                             {.skip_passes = "fuse-write"}};
    enum { COUNT = sizeof options / sizeof *options };
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < COUNT; i++) {
            Thalweg *thalweg = create_with_code_cache(options[i], model);
            assert_works(thalweg, thalweg_program(thalweg));
            ck_assert_int_eq(thalweg->module != NULL, round == 0);
            ck_assert_int_eq(count_code(), round ? COUNT : i + 1);
            thalweg_destroy(thalweg);
        }
    Thalweg *thalweg = create_with_code_cache((ThalwegOptions){0}, model);
    Bytes timed;
    assert_works(thalweg, compiler_plan(thalweg) && compiler_code(thalweg, true, &timed));
    ck_assert_int_eq(count_code(), COUNT + 1);
    thalweg_destroy(thalweg);
}
END_TEST

/* Debuggers show lines of the description. */
START_TEST(code_is_of_the_text_and_the_name_of_its_description) {
    static const char moved[] = "# A line more.\n" MODEL "weights: {synthetic: 7}\n";
    const char *const texts[] = {model, moved, model}, *const names[] = {"a", "a", "b"};
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3; i++) {
            Thalweg *thalweg = thalweg_create(&(ThalwegOptions){.cache_directory = folder});
            assert_works(thalweg,
                         thalweg_read_text(thalweg, names[i], texts[i], strlen(texts[i]), NULL));
            assert_works(thalweg, thalweg_program(thalweg));
            ck_assert_int_eq(thalweg->module != NULL, round == 0);
            thalweg_destroy(thalweg);
        }
    ck_assert_int_eq(count_code(), 3);
}
END_TEST

START_TEST(code_that_is_damaged_is_made_again) {
    char path[512];
    struct stat info;
    ck_assert(is_compiled((ThalwegOptions){0}, 0));
    find_code(path, sizeof path);
    ck_assert_int_eq(stat(path, &info), 0);
    const long lengths[] = {0, 7, CODE_FILE_HEADER, CODE_FILE_HEADER + 100, info.st_size - 1};
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(truncate(path, lengths[i]), 0);
        ck_assert(is_compiled((ThalwegOptions){0}, 0));
        ck_assert(!is_compiled((ThalwegOptions){0}, 0));
    }
}
END_TEST

START_TEST(what_is_not_safe_is_said_and_replaced) {
    char path[512];
    ck_assert(is_compiled((ThalwegOptions){0}, 0));
    find_code(path, sizeof path);
    ck_assert_int_eq(chmod(path, 0666), 0);
    ck_assert(is_compiled((ThalwegOptions){0}, 1));
    ck_assert(!is_compiled((ThalwegOptions){0}, 0));

    ck_assert_int_eq(chmod(folder, 0770), 0);
    ck_assert(is_compiled((ThalwegOptions){0}, 1));
    unlink(path);
    ck_assert(is_compiled((ThalwegOptions){0}, 1));
    ck_assert_int_eq(count_code(), 0);
}
END_TEST

/* /proc has no room for files, not even for root. */
START_TEST(where_nothing_can_be_kept_it_runs_all_the_same) {
    char nowhere[300];
    write_file(in_folder("file"), "", 0);
    snprintf(nowhere, sizeof nowhere, "%s/nowhere", in_folder("file"));
    const char *const folders[] = {"/proc", nowhere};
    for (int i = 0; i < 2; i++) {
        Thalweg *thalweg =
            create_with_code_cache((ThalwegOptions){.cache_directory = folders[i]}, model);
        assert_works(thalweg, thalweg_program(thalweg));
        ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 1);
        ck_assert_int_eq(thalweg_diagnostic(thalweg, 0).severity, THALWEG_WARNING);
        Bytes timed;
        assert_works(thalweg, compiler_code(thalweg, true, &timed));
        ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 1);
        thalweg_destroy(thalweg);
    }
}
END_TEST

static bool stop(void *context, const char *what, double done) {
    (void)what;
    return done < *(const double *)context;
}

START_TEST(work_that_is_stopped_keeps_no_code) {
    double patience = 0.5;
    Thalweg *thalweg = create_with_code_cache(
        (ThalwegOptions){.progress = stop, .progress_context = &patience}, model);
    ck_assert(!thalweg_program(thalweg));
    ck_assert_int_eq(count_files(folder), 0);
    patience = 2;
    assert_works(thalweg, thalweg_program(thalweg));
    thalweg_destroy(thalweg);
    ck_assert_int_eq(count_code(), 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("code cache");
    TCase *files = suite_case(suite, "files", setup, teardown);
    tcase_add_test(files, what_was_kept_is_found);
    tcase_add_test(files, files_are_private_whatever_the_mask);
    tcase_add_test(files, names_tell_keys_apart);
    tcase_add_test(files, a_whole_file_of_another_key_is_not_used);
    tcase_add_test(files, no_byte_can_be_changed);
    tcase_add_test(files, no_byte_can_be_missing_or_added);
    tcase_add_test(files, a_file_without_code_is_not_used);
    tcase_add_test(files, what_others_can_write_is_not_used);
    tcase_add_test(files, what_belongs_to_others_is_not_used);
    tcase_add_test(files, what_is_no_file_is_not_used);
    tcase_add_test(files, what_was_used_the_longest_ago_goes_first);
    tcase_add_test(files, what_killed_writers_left_is_removed);
    tcase_add_test(files, only_what_is_ours_by_name_and_contents_is_removed);
    TCase *models = suite_case(suite, "models", setup, teardown);
    tcase_add_test(models, a_second_start_does_not_compile);
    tcase_add_test(models, code_that_was_kept_can_still_be_written);
    tcase_add_test(models, the_cache_can_be_left_out);
    tcase_add_test(models, other_code_is_another_file);
    tcase_add_test(models, code_is_of_the_text_and_the_name_of_its_description);
    tcase_add_test(models, code_that_is_damaged_is_made_again);
    tcase_add_test(models, what_is_not_safe_is_said_and_replaced);
    tcase_add_test(models, where_nothing_can_be_kept_it_runs_all_the_same);
    tcase_add_test(models, work_that_is_stopped_keeps_no_code);
    return suite_run(suite);
}
