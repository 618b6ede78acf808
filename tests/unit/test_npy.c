#include "frontend/files/npy.h"
#include "tests/check.h"
#include "tests/folder.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { HEADER = 128 };

/* A folder of the test's own, and a file in it. */
typedef struct {
    char folder[FOLDER_PATH], path[80];
    Diag diag;
} Place;

static void begin(Place *place) {
    *place = (Place){.diag.arena = arena_create()};
    ck_assert(folder_make(place->folder));
    snprintf(place->path, sizeof place->path, "%s/a.npy", place->folder);
}

static void end(Place *place) {
    unlink(place->path);
    ck_assert_int_eq(rmdir(place->folder), 0); /* nothing else is in it */
    arena_destroy(place->diag.arena);
}

static int count_files(const Place *place) {
    int count = 0;
    DIR *folder = opendir(place->folder);
    while (folder && readdir(folder)) count++;
    closedir(folder);
    return count - 2; /* itself and its parent */
}

static size_t read_file(const Place *place, char *bytes, size_t room) {
    FILE *file = fopen(place->path, "rb");
    ck_assert_ptr_nonnull(file);
    const size_t length = fread(bytes, 1, room, file);
    fclose(file);
    return length;
}

START_TEST(rows_follow_a_header_that_tells_their_number) {
    const float rows[2][3] = {{1, 2, 3}, {4, 5, -6.5F}};
    char bytes[256], shape[HEADER];
    float found[2][3];
    Place place;
    Npy npy;
    begin(&place);
    ck_assert(npy_open(&npy, place.path, 2, 3, &place.diag));
    npy_append(&npy, rows[0]);
    npy_append(&npy, rows[1]);
    ck_assert_int_ne(access(place.path, F_OK), 0);
    ck_assert(npy_close(&npy, true, &place.diag));
    ck_assert_int_eq(place.diag.errors, 0);

    ck_assert_uint_eq(read_file(&place, bytes, sizeof bytes), HEADER + sizeof rows);
    ck_assert_mem_eq(bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(shape, bytes + 10, HEADER - 10);
    shape[HEADER - 11] = 0;
    ck_assert_int_eq(bytes[HEADER - 1], '\n');
    assert_says(shape, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
    memcpy(found, bytes + HEADER, sizeof found);
    ck_assert_mem_eq(found, rows, sizeof rows);
    ck_assert_int_eq(count_files(&place), 1);
    end(&place);
}
END_TEST

/* What is read from a pipe cannot be written again when the rows have been counted. */
START_TEST(a_pipe_gets_the_same_bytes_as_a_file) {
    const float rows[2][3] = {{1, 2, 3}, {4, 5, -6.5F}};
    char in_file[256], in_pipe[256], path[32];
    Place place;
    Npy npy;
    int ends[2];
    begin(&place);
    ck_assert_int_eq(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    const char *const paths[] = {place.path, path};
    for (int i = 0; i < 2; i++) {
        ck_assert(npy_open(&npy, paths[i], 2, 3, &place.diag));
        ck_assert(npy_append(&npy, rows[0]) && npy_append(&npy, rows[1]));
        ck_assert(npy_close(&npy, true, &place.diag));
    }
    const size_t length = read_file(&place, in_file, sizeof in_file);
    ck_assert_int_eq(read(ends[0], in_pipe, sizeof in_pipe), (ssize_t)length);
    ck_assert_mem_eq(in_pipe, in_file, length);
    close(ends[0]);
    close(ends[1]);
    end(&place);
}
END_TEST

/* Who reads from a pipe may stop when enough was read. */
START_TEST(a_pipe_that_nobody_reads_is_no_fault) {
    const float row[4096] = {0};
    char path[32];
    Place place;
    Npy npy;
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    begin(&place);
    ck_assert_int_eq(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    ck_assert(npy_open(&npy, path, 9, 4096, &place.diag));
    close(ends[0]);
    for (int i = 0; i < 9; i++) npy_append(&npy, row);
    ck_assert(!npy_close(&npy, true, &place.diag));
    ck_assert_int_eq(npy.file.error, EPIPE);
    ck_assert_int_eq(place.diag.errors, 0);
    close(ends[1]);
    end(&place);
}
END_TEST

START_TEST(a_file_without_rows_is_a_file) {
    char bytes[256];
    Place place;
    Npy npy;
    begin(&place);
    ck_assert(npy_open(&npy, place.path, 0, 50257, &place.diag));
    ck_assert(npy_close(&npy, true, &place.diag));
    ck_assert_uint_eq(read_file(&place, bytes, sizeof bytes), HEADER);
    ck_assert_ptr_nonnull(memmem(bytes, HEADER, "(0, 50257)", 10));
    end(&place);
}
END_TEST

START_TEST(what_is_not_complete_leaves_nothing) {
    const float row[1] = {1};
    Place place;
    Npy npy;
    begin(&place);
    ck_assert(npy_open(&npy, place.path, 1, 1, &place.diag));
    npy_append(&npy, row);
    ck_assert(!npy_close(&npy, false, &place.diag));
    ck_assert_int_eq(count_files(&place), 0);
    ck_assert_int_eq(place.diag.errors, 0);
    end(&place);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_reported) {
    Place place;
    Npy npy;
    begin(&place);
    ck_assert(!npy_open(&npy, "/no/such/folder/a.npy", 1, 1, &place.diag));
    ck_assert_int_eq(place.diag.errors, 1);
    end(&place);
}
END_TEST

START_TEST(a_full_disk_is_reported_once_and_as_what_it_is) {
    const float row[4096] = {0};
    Place place;
    Npy npy;
    begin(&place);
    ck_assert(npy_open(&npy, "/dev/full", 100, 4096, &place.diag));
    for (int i = 0; i < 100 && npy_append(&npy, row); i++) ck_assert_int_lt(i, 50);
    ck_assert(!npy_close(&npy, true, &place.diag));
    ck_assert_int_eq(place.diag.errors, 1);
    assert_says(place.diag.first->message, strerror(ENOSPC));
    end(&place);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("npy");
    TCase *all = suite_case(suite, "all", NULL, NULL);
    tcase_add_test(all, rows_follow_a_header_that_tells_their_number);
    tcase_add_test(all, a_pipe_gets_the_same_bytes_as_a_file);
    tcase_add_test(all, a_pipe_that_nobody_reads_is_no_fault);
    tcase_add_test(all, a_file_without_rows_is_a_file);
    tcase_add_test(all, what_is_not_complete_leaves_nothing);
    tcase_add_test(all, a_folder_that_is_not_there_is_reported);
    tcase_add_test(all, a_full_disk_is_reported_once_and_as_what_it_is);
    return suite_run(suite);
}
