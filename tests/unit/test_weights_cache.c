/* test_weights_cache.c - packed weights: made once, made again when they are not right, in their
 * place, and never by halves. */
#include "frontend/file_stamp.h"
#include "frontend/thalweg.h"
#include "runtime/weights_file.h"
#include "tests/unit/library_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

static const char other_seed[] = MODEL "weights: {synthetic: 8}\n";

static ino_t inode_of(const char *path) {
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    return info.st_ino;
}

static void change_byte(const char *path, long offset) {
    FILE *file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, offset, SEEK_SET), 0);
    const int byte = fgetc(file);
    ck_assert_int_eq(fseek(file, offset, SEEK_SET), 0);
    fputc(byte ^ 0x55, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void pack_and_check(void) {
    Thalweg *thalweg = create(model);
    assert_right(thalweg);
    thalweg_destroy(thalweg);
}

START_TEST(weights_are_packed_once) {
    char path[512];
    pack_and_check();
    only_file(path, sizeof path);
    const ino_t first = inode_of(path);
    ck_assert_ptr_nonnull(strstr(path, "/small-"));
    pack_and_check();
    only_file(path, sizeof path);
    ck_assert_uint_eq(inode_of(path), first);

    Thalweg *thalweg = create(other_seed);
    assert_right(thalweg);
    thalweg_destroy(thalweg);
    ck_assert_int_eq(count_files(folder), 2);
}
END_TEST

START_TEST(damaged_weights_are_packed_again) {
    static const long offsets[] = {0, 30, TW_WEIGHTS_DATA, TW_WEIGHTS_DATA + 5000};
    char path[512];
    for (int i = 0; i < 4; i++) {
        pack_and_check();
        only_file(path, sizeof path);
        change_byte(path, offsets[i]);
        pack_and_check();
    }
    ck_assert_int_eq(truncate(path, 5000), 0);
    pack_and_check();
    only_file(path, sizeof path);
}
END_TEST

/* Waits, without a limit, until it is old enough. */
static FileStamp settled_stamp(const char *path) {
    FileStamp stamp;
    do {
        ck_assert(file_stamp_take(path, &stamp));
        usleep(10000);
    } while (!stamp.is_settled);
    return stamp;
}

START_TEST(checked_weights_are_not_checked_again_until_they_change) {
    char path[512];
    Arena *arena = arena_create();
    pack_and_check();
    only_file(path, sizeof path);
    const ino_t first = inode_of(path);
    change_byte(path, TW_WEIGHTS_DATA);
    FileStamp stamp = settled_stamp(path);
    ck_assert(!file_stamp_is_kept(path, &stamp, arena));
    file_stamp_keep(path, &stamp, arena);
    ck_assert(file_stamp_is_kept(path, &stamp, arena));
    Thalweg *thalweg = create(model);
    assert_works(thalweg, thalweg_weights(thalweg));
    thalweg_destroy(thalweg);
    ck_assert_uint_eq(inode_of(path), first);

    change_byte(path, TW_WEIGHTS_DATA + 1);
    ck_assert(file_stamp_take(path, &stamp) && !file_stamp_is_kept(path, &stamp, arena));
    pack_and_check();
    ck_assert_uint_ne(inode_of(path), first);

    settled_stamp(path);
    pack_and_check();
    stamp = settled_stamp(path);
    ck_assert(file_stamp_is_kept(path, &stamp, arena));
    arena_destroy(arena);
}
END_TEST

START_TEST(files_that_change_are_not_remembered) {
    char path[256];
    Arena *arena = arena_create();
    struct timespec later;
    FileStamp stamp;
    strcpy(path, in_folder("file"));
    ck_assert(!file_stamp_take(path, &stamp));
    write_file(path, "a", 1);
    clock_gettime(CLOCK_REALTIME, &later);
    later.tv_sec += 1000;
    ck_assert_int_eq(utimensat(AT_FDCWD, path, (struct timespec[]){later, later}, 0), 0);
    ck_assert(file_stamp_take(path, &stamp));
    ck_assert(!stamp.is_settled);
    file_stamp_keep(path, &stamp, arena);
    ck_assert(!file_stamp_is_kept(path, &stamp, arena));

    /* As of a file that was written to while it was checked. */
    stamp.is_settled = true;
    write_file(path, "ab", 2);
    file_stamp_keep(path, &stamp, arena);
    ck_assert(!file_stamp_is_kept(path, &stamp, arena));
    ck_assert(file_stamp_take(path, &stamp));
    ck_assert(!file_stamp_is_kept(path, &stamp, arena));
    arena_destroy(arena);
}
END_TEST

START_TEST(weights_of_another_source_are_packed_again) {
    char path[512], page[TW_WEIGHTS_DATA + 1];
    WeightsHeader header;
    pack_and_check();
    only_file(path, sizeof path);
    ck_assert_uint_eq(read_start(path, page, sizeof page), TW_WEIGHTS_DATA);
    memcpy(&header, page, sizeof header);
    const uint64_t source = header.source_id++;
    tw_weights_header_seal(&header);
    FILE *file = fopen(path, "r+b");
    ck_assert_uint_eq(fwrite(&header, sizeof header, 1, file), 1);
    fclose(file);
    Thalweg *thalweg = create(model);
    assert_works(thalweg, thalweg_weights(thalweg));
    ck_assert_uint_eq(tw_weights_source_id(thalweg_weights(thalweg)), source);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(the_directory_of_the_cache_is_made) {
    struct stat info;
    char path[256];
    snprintf(path, sizeof path, "%s/a/b", folder);
    Thalweg *thalweg = create_with((ThalwegOptions){.cache_directory = path}, model);
    assert_works(thalweg, thalweg_weights(thalweg));
    thalweg_destroy(thalweg);
    ck_assert_int_eq(count_files(path), 1);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0700);

    write_file(in_folder("file"), "", 0);
    snprintf(path, sizeof path, "%s/file/b", folder);
    thalweg = create_with((ThalwegOptions){.cache_directory = path}, model);
    ck_assert(!thalweg_weights(thalweg));
    ck_assert_ptr_nonnull(thalweg_diagnostic(thalweg, 0).hint);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(the_environment_says_where_the_cache_is) {
    char path[256];
    setenv("HOME", folder, 1);
    unsetenv("XDG_CACHE_HOME");
    Thalweg *thalweg = thalweg_create(NULL);
    assert_works(thalweg, thalweg_read_text(thalweg, "m", model, sizeof model - 1, NULL));
    assert_works(thalweg, thalweg_weights(thalweg));
    thalweg_destroy(thalweg);
    snprintf(path, sizeof path, "%s/.cache/thalweg", folder);
    ck_assert_int_eq(count_files(path), 1);

    setenv("XDG_CACHE_HOME", in_folder("cache"), 1);
    thalweg = thalweg_create(NULL);
    assert_works(thalweg, thalweg_read_text(thalweg, "m", model, sizeof model - 1, NULL));
    assert_works(thalweg, thalweg_weights(thalweg));
    thalweg_destroy(thalweg);
    ck_assert_int_eq(count_files(in_folder("cache/thalweg")), 1);

    unsetenv("HOME");
    setenv("XDG_CACHE_HOME", "not/a/full/path", 1);
    thalweg = thalweg_create(NULL);
    assert_works(thalweg, thalweg_read_text(thalweg, "m", model, sizeof model - 1, NULL));
    ck_assert(!thalweg_weights(thalweg));
    assert_message(thalweg, "XDG_CACHE_HOME");
    ck_assert_ptr_nonnull(thalweg_diagnostic(thalweg, 0).hint);
    thalweg_destroy(thalweg);
}
END_TEST

/* ---- stopping ---- */

/* Stops as soon as so much has been done. */
static bool is_patient(void *context, const char *what, double done) {
    const double *patience = context;
    ck_assert_ptr_nonnull(what);
    ck_assert(done >= 0 && done <= 1);
    return done < *patience;
}

START_TEST(work_that_is_stopped_leaves_no_file) {
    for (int i = 0; i < 2; i++) {
        double patience = i;
        const ThalwegOptions options = {.progress = is_patient, .progress_context = &patience};
        Thalweg *thalweg = create_with(options, model);
        ck_assert(!thalweg_weights(thalweg));
        assert_message(thalweg, "stopped");
        ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 1);
        ck_assert_int_eq(count_files(folder), 0);
        ck_assert(!thalweg_write_code(thalweg, THALWEG_LLVM, in_folder("small.ll")));
        ck_assert_int_eq(count_files(folder), 0);
        patience = 2;
        assert_works(thalweg, thalweg_weights(thalweg));
        assert_works(thalweg, thalweg_program(thalweg));
        thalweg_destroy(thalweg);
        char path[512];
        only_file(path, sizeof path);
        unlink(path);
    }
}
END_TEST

START_TEST(work_that_is_stopped_keeps_the_file_before_it) {
    char start[16];
    double patience = 0;
    const ThalwegOptions options = {.progress = is_patient, .progress_context = &patience};
    write_file(in_folder("kept"), "old", 3);
    Thalweg *thalweg = create_with(options, model);
    ck_assert(!thalweg_write_weights(thalweg, in_folder("kept")));
    thalweg_destroy(thalweg);
    ck_assert_uint_eq(read_start(in_folder("kept"), start, sizeof start), 3);
    ck_assert_int_eq(count_files(folder), 1);
}
END_TEST

static Suite *weights_cache_suite(void) {
    Suite *suite = suite_create("weights cache");
    TCase *cache = in_a_folder(suite, "cache");
    tcase_add_test(cache, weights_are_packed_once);
    tcase_add_test(cache, damaged_weights_are_packed_again);
    tcase_add_test(cache, checked_weights_are_not_checked_again_until_they_change);
    tcase_add_test(cache, files_that_change_are_not_remembered);
    tcase_add_test(cache, weights_of_another_source_are_packed_again);
    tcase_add_test(cache, the_directory_of_the_cache_is_made);
    tcase_add_test(cache, the_environment_says_where_the_cache_is);
    tcase_add_test(cache, work_that_is_stopped_leaves_no_file);
    tcase_add_test(cache, work_that_is_stopped_keeps_the_file_before_it);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(weights_cache_suite());
    srunner_run_all(runner, CK_ENV);
    const int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures != 0;
}
