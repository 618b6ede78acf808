/* test_weights_cache.c - packed weights: made once, made again when they are not right, in their
 * place, and never by halves. */
#include "frontend/compiler/thalweg.h"
#include "frontend/files/cache_folder.h"
#include "frontend/files/file_stamp.h"
#include "runtime/weights_file.h"
#include "tests/unit/library_fixture.h"

#include <fcntl.h>
#include <sched.h>
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
    assert_says(path, "/small-");
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
}
END_TEST

/* One warning, and logits that are right. */
static void assert_runs_with_a_warning(const char *cache, const char *text) {
    Thalweg *thalweg = create_with_code_cache((ThalwegOptions){.cache_directory = cache}, model);
    assert_right(thalweg);
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 1);
    ck_assert_int_eq(thalweg_diagnostic(thalweg, 0).severity, THALWEG_WARNING);
    ck_assert_ptr_nonnull(thalweg_diagnostic(thalweg, 0).hint);
    assert_message(thalweg, text);
    thalweg_destroy(thalweg);
}

/* A file has no room for files, not even for root. */
START_TEST(where_nothing_can_be_kept_it_runs_all_the_same) {
    char path[256];
    write_file(in_folder("file"), "", 0);
    snprintf(path, sizeof path, "%s/file/b", folder);
    setenv("TMPDIR", folder, 1);
    assert_runs_with_a_warning(path, "not kept");
    setenv("TMPDIR", "/no/such/folder", 1); /* in memory */
    assert_runs_with_a_warning(path, "not kept");
    ck_assert_int_eq(count_files(folder), 1);
}
END_TEST

START_TEST(where_others_can_write_nothing_is_used_or_kept) {
    char path[512];
    pack_and_check();
    only_file(path, sizeof path);
    change_byte(path, TW_WEIGHTS_DATA);
    const ino_t first = inode_of(path);
    ck_assert_int_eq(chmod(folder, 0777), 0);
    assert_runs_with_a_warning(folder, "others can write it");
    only_file(path, sizeof path);
    ck_assert_uint_eq(inode_of(path), first);
}
END_TEST

START_TEST(a_file_that_others_can_write_is_replaced) {
    char path[512];
    struct stat info;
    pack_and_check();
    only_file(path, sizeof path);
    const ino_t first = inode_of(path);
    ck_assert_int_eq(chmod(path, 0664), 0);
    Thalweg *thalweg = create(model);
    assert_right(thalweg);
    assert_message(thalweg, "others can write it");
    thalweg_destroy(thalweg);
    only_file(path, sizeof path);
    ck_assert_uint_ne(inode_of(path), first);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 07777, 0600);
}
END_TEST

/* ---- how much is kept ---- */

static void pack_at_most(int64_t bytes, const char *text) {
    Thalweg *thalweg =
        create_with((ThalwegOptions){.cache_directory = folder, .cache_bytes = bytes}, text);
    assert_works(thalweg, thalweg_weights(thalweg));
    thalweg_destroy(thalweg);
}

START_TEST(weights_beyond_the_size_go) {
    char path[512];
    pack_at_most(1, model);
    only_file(path, sizeof path);
    const ino_t first = inode_of(path);
    pack_at_most(1, other_seed);
    only_file(path, sizeof path);
    ck_assert_uint_ne(inode_of(path), first);
}
END_TEST

START_TEST(weights_that_a_process_works_with_stay) {
    Thalweg *worker = create(model);
    assert_works(worker, thalweg_weights(worker));
    pack_at_most(1, other_seed);
    ck_assert_int_eq(count_files(folder), 2);
    thalweg_destroy(worker);
    pack_at_most(1, MODEL "weights: {synthetic: 9}\n");
    ck_assert_int_eq(count_files(folder), 1);
}
END_TEST

START_TEST(what_is_kept_is_listed_and_removed) {
    const ThalwegKept *kept;
    int count;
    int64_t removed;
    Thalweg *worker = create(model),
            *thalweg = thalweg_create(&(ThalwegOptions){.cache_directory = folder});
    assert_works(worker, thalweg_weights(worker));
    ck_assert(thalweg_list_kept(thalweg, &kept, &count));
    ck_assert_int_eq(count, 1);
    ck_assert_str_eq(kept->what, "weights");
    ck_assert_str_eq(kept->model, "small");
    ck_assert(kept->is_held && kept->bytes > 0);
    ck_assert(thalweg_trim_kept(thalweg, 0, &removed));
    ck_assert_int_eq(removed, 0);
    thalweg_destroy(worker);
    ck_assert(thalweg_trim_kept(thalweg, 0, &removed));
    ck_assert_int_gt(removed, 0);
    ck_assert(thalweg_list_kept(thalweg, &kept, &count));
    ck_assert_int_eq(count, 0);
    thalweg_destroy(thalweg);
}
END_TEST

/* Marked as used by a look at it that finds it unchanged. */
START_TEST(what_was_used_counts_as_new) {
    char path[512], beside[600];
    struct stat before, after;
    pack_and_check();
    only_file(path, sizeof path);
    settled_stamp(path);
    pack_and_check(); /* checks the contents, and remembers that */
    snprintf(beside, sizeof beside, "%s" FILE_STAMP_ENDING, path);
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    ck_assert_int_eq(utimensat(AT_FDCWD, beside, old, 0), 0);
    ck_assert_int_eq(stat(beside, &before), 0);
    pack_and_check();
    ck_assert_int_eq(stat(beside, &after), 0);
    ck_assert_int_gt(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
}
END_TEST

/* ---- versions of a checkpoint ---- */

static const char from_file[] =
    "thalweg: 1\nname: pairs\nvocab: 2\ncontext: 4\nstream: {width: 2}\n"
    "embed: {positions: none}\nhead: {norm: none, tied: true}\nblocks:\n"
    "  - branches: [{mlp: {hidden: 2, activation: silu, bias: false}}]\n"
    "weights: {file: %s}\n";

/* As training writes it again and again: first under another name. */
static void write_checkpoint(const char *name, float value) {
    static const char *const params[] = {"embed.tokens", "blocks.0.mlp.up.weight",
                                         "blocks.0.mlp.down.weight"};
    char path[256], bytes[512];
    int length = 8;
    for (int i = 0; i < 3; i++)
        length += sprintf(bytes + length,
                          "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[%d,%d]}",
                          i ? "," : "{", params[i], 16 * i, 16 * i + 16);
    bytes[length++] = '}';
    memcpy(bytes, &(uint64_t){(uint64_t)length - 8}, 8);
    for (int i = 0; i < 12; i++, length += 4) memcpy(bytes + length, &value, 4);
    strcpy(path, in_folder("new"));
    write_file(path, bytes, (size_t)length);
    ck_assert_int_eq(rename(path, in_folder(name)), 0);
}

static void pack_checkpoint(const char *name, const char *type, const char *cache) {
    char text[512];
    snprintf(text, sizeof text, from_file, name);
    Thalweg *thalweg = thalweg_create(
        &(ThalwegOptions){.cache_directory = cache, .no_code_cache = true, .weights_type = type});
    assert_works(thalweg, thalweg_read_text(thalweg, "m", text, strlen(text), folder));
    assert_works(thalweg, thalweg_weights(thalweg));
    thalweg_destroy(thalweg);
}

START_TEST(of_a_checkpoint_the_newest_version_is_kept) {
    char cache[256], other[512];
    strcpy(cache, in_folder("cache"));
    write_checkpoint("a", 1);
    write_checkpoint("b", 1);
    pack_checkpoint("b", "f32", cache);
    pack_checkpoint("a", "q8", cache);
    ck_assert_int_eq(count_files(cache), 2);
    for (int i = 0; i < 4; i++) {
        write_checkpoint("a", (float)i);
        pack_checkpoint("a", "f32", cache);
        ck_assert_int_eq(count_files(cache), 3);
    }
    /* What only looks like a version is a file of the user's. */
    DIR *directory = opendir(cache);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (is_counted(entry->d_name)) snprintf(other, sizeof other, "%s/%s", cache, entry->d_name);
    closedir(directory);
    char *source = strrchr(other, '-') + 1;
    memcpy(source, "0000000000000000", 16);
    write_file(other, "my own weights", 14);
    write_checkpoint("a", 9);
    write_checkpoint("b", 9);
    pack_checkpoint("a", "f32", cache);
    pack_checkpoint("b", "f32", cache);
    pack_checkpoint("a", "q8", cache);
    ck_assert_int_eq(count_files(cache), 4);
    ck_assert_int_eq(access(other, F_OK), 0);
}
END_TEST

/* As one that is killed leaves them; those of today may be written still. */
START_TEST(half_written_weights_go_after_a_day) {
    static const char id[] = "-0123456789abcdef-0123456789abcdef-0123456789abcdef.weights";
    struct timespec old;
    clock_gettime(CLOCK_REALTIME, &old);
    old.tv_sec -= 2 * 24 * 60 * 60;
    for (int i = 0; i < 4; i++) {
        char name[128];
        snprintf(name, sizeof name, "m%s%s.1%d-0.part", id, i < 2 ? "" : FILE_STAMP_ENDING, i);
        write_file(in_folder(name), TW_WEIGHTS_MAGIC "\0\0", i < 2 ? 10 : 0);
        if (i % 2)
            ck_assert_int_eq(utimensat(AT_FDCWD, in_folder(name), (struct timespec[]){old, old}, 0),
                             0);
    }
    pack_and_check();
    char left[128];
    snprintf(left, sizeof left, "m%s.10-0.part", id);
    ck_assert_int_eq(access(in_folder(left), F_OK), 0);
    ck_assert_int_eq(count_files(folder), 2); /* stamps are not counted */
    snprintf(left, sizeof left, "m%s" FILE_STAMP_ENDING ".12-0.part", id);
    ck_assert_int_eq(access(in_folder(left), F_OK), 0);
    snprintf(left, sizeof left, "m%s" FILE_STAMP_ENDING ".13-0.part", id);
    ck_assert_int_ne(access(in_folder(left), F_OK), 0);
}
END_TEST

/* What is being packed can be told from a file of somebody else before it has a header. */
static bool looks_at_half_written(void *context, const char *what, double done) {
    int *looks = context;
    char path[512], start[CACHE_MAGIC + 1];
    if (strcmp(what, "packing weights") != 0 || done >= 1) return true;
    only_file(path, sizeof path);
    assert_says(path, ".part");
    ck_assert_uint_eq(read_start(path, start, sizeof start), CACHE_MAGIC);
    ck_assert_mem_eq(start, TW_WEIGHTS_MAGIC, CACHE_MAGIC);
    ++*looks;
    return true;
}

START_TEST(half_written_weights_say_what_they_are) {
    int looks = 0;
    cpu_set_t one; /* it is the first thread that tells of progress */
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    Thalweg *thalweg = create_with(
        (ThalwegOptions){.progress = looks_at_half_written, .progress_context = &looks}, model);
    assert_works(thalweg, thalweg_weights(thalweg));
    thalweg_destroy(thalweg);
    ck_assert_int_gt(looks, 0);
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
    assert_right(thalweg);
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 1);
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

int main(void) {
    Suite *suite = suite_create("weights cache");
    TCase *cache = in_a_folder(suite, "cache");
    tcase_add_test(cache, weights_are_packed_once);
    tcase_add_test(cache, damaged_weights_are_packed_again);
    tcase_add_test(cache, checked_weights_are_not_checked_again_until_they_change);
    tcase_add_test(cache, files_that_change_are_not_remembered);
    tcase_add_test(cache, weights_of_another_source_are_packed_again);
    tcase_add_test(cache, the_directory_of_the_cache_is_made);
    tcase_add_test(cache, where_nothing_can_be_kept_it_runs_all_the_same);
    tcase_add_test(cache, where_others_can_write_nothing_is_used_or_kept);
    tcase_add_test(cache, a_file_that_others_can_write_is_replaced);
    tcase_add_test(cache, weights_beyond_the_size_go);
    tcase_add_test(cache, weights_that_a_process_works_with_stay);
    tcase_add_test(cache, what_is_kept_is_listed_and_removed);
    tcase_add_test(cache, what_was_used_counts_as_new);
    tcase_add_test(cache, of_a_checkpoint_the_newest_version_is_kept);
    tcase_add_test(cache, half_written_weights_go_after_a_day);
    tcase_add_test(cache, half_written_weights_say_what_they_are);
    tcase_add_test(cache, the_environment_says_where_the_cache_is);
    tcase_add_test(cache, work_that_is_stopped_leaves_no_file);
    tcase_add_test(cache, work_that_is_stopped_keeps_the_file_before_it);
    return suite_run(suite);
}
