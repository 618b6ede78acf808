/* test_weights_file.c - packed weight files: good ones open, all others are refused. */
#include "runtime/runtime.h"
#include "runtime/team.h"
#include "runtime/weights_file.h"
#include "tests/check.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { DATA_BYTES = 192, FILE_BYTES = TW_WEIGHTS_DATA + DATA_BYTES };

/* A file in memory that a path leads to. */
static int file = -1;
static char path[64];

static WeightsHeader good_header(const char *data, uint64_t data_bytes) {
    WeightsHeader header = {.tensor_count = 3, .layout_id = 77, .source_id = 99};
    header.data_bytes = data_bytes;
    ck_assert(tw_weights_checksum(data, (uint64_t)data_bytes, &header.data_checksum));
    tw_weights_header_seal(&header);
    return header;
}

static void make_image(char image[FILE_BYTES]) {
    memset(image, 0, FILE_BYTES);
    for (int i = 0; i < DATA_BYTES; i++) image[TW_WEIGHTS_DATA + i] = (char)(i * 7 + 1);
    WeightsHeader header = good_header(image + TW_WEIGHTS_DATA, DATA_BYTES);
    memcpy(image, &header, sizeof header);
}

static void write_file(const void *bytes, size_t count) {
    ck_assert_int_eq(ftruncate(file, 0), 0);
    ck_assert_int_eq(pwrite(file, bytes, count, 0), (ssize_t)count);
}

/* Writes a good file but for the header, which is given and sealed. */
static void write_with_header(WeightsHeader header) {
    char image[FILE_BYTES];
    make_image(image);
    tw_weights_header_seal(&header);
    memcpy(image, &header, sizeof header);
    write_file(image, sizeof image);
}

static TwStatus open_status(uint64_t layout_id, bool verify) {
    TwWeights *weights = (TwWeights *)path; /* anything but null */
    TwStatus status = tw_weights_open(path, layout_id, verify, &weights);
    if (status != TW_OK) ck_assert_ptr_null(weights);
    tw_weights_close(weights);
    return status;
}

static void setup(void) {
    char image[FILE_BYTES];
    file = memfd_create("weights", MFD_CLOEXEC);
    ck_assert_int_ge(file, 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    make_image(image);
    write_file(image, sizeof image);
}

static void teardown(void) {
    close(file);
}

START_TEST(good_file_opens_with_its_data_and_ids) {
    char image[FILE_BYTES];
    make_image(image);
    TwWeights *weights = NULL;
    ck_assert_int_eq(tw_weights_open(path, 77, true, &weights), TW_OK);
    ck_assert_uint_eq(tw_weights_bytes(weights), DATA_BYTES);
    ck_assert_uint_eq(tw_weights_layout_id(weights), 77);
    ck_assert_uint_eq(tw_weights_source_id(weights), 99);
    ck_assert_uint_eq((uintptr_t)tw_weights_data(weights) % 64, 0);
    ck_assert_mem_eq(tw_weights_data(weights), image + TW_WEIGHTS_DATA, DATA_BYTES);
    tw_weights_close(weights);
}
END_TEST

START_TEST(file_without_data_opens) {
    char image[TW_WEIGHTS_DATA] = {0};
    WeightsHeader header = good_header("", 0);
    memcpy(image, &header, sizeof header);
    write_file(image, sizeof image);
    ck_assert_int_eq(open_status(77, true), TW_OK);
}
END_TEST

START_TEST(truncation_at_every_length_is_refused) {
    for (int length = FILE_BYTES - 1; length >= 0; length--) {
        ck_assert_int_eq(ftruncate(file, length), 0);
        TwStatus status = open_status(0, true);
        ck_assert_msg(status == (length < 8 ? TW_NOT_WEIGHTS : TW_BAD_SIZE), "%d bytes: %s", length,
                      tw_status_text(status));
    }
}
END_TEST

START_TEST(bytes_after_the_data_are_refused) {
    ck_assert_int_eq(ftruncate(file, FILE_BYTES + 1), 0);
    ck_assert_int_eq(open_status(0, false), TW_BAD_SIZE);
}
END_TEST

START_TEST(every_changed_header_byte_is_refused) {
    char image[FILE_BYTES];
    for (int i = 0; i < TW_WEIGHTS_DATA; i++) {
        make_image(image);
        image[i] = (char)(image[i] ^ 0x40);
        write_file(image, sizeof image);
        TwStatus status = open_status(0, false);
        ck_assert_msg(status != TW_OK, "byte %d", i);
    }
}
END_TEST

START_TEST(every_changed_data_byte_is_found_by_verifying) {
    char image[FILE_BYTES];
    for (int i = TW_WEIGHTS_DATA; i < FILE_BYTES; i++) {
        make_image(image);
        image[i] = (char)(image[i] ^ 1);
        write_file(image, sizeof image);
        ck_assert_int_eq(open_status(77, true), TW_BAD_CHECKSUM);
        ck_assert_int_eq(open_status(77, false), TW_OK);
    }
}
END_TEST

START_TEST(other_magic_is_not_weights) {
    char image[FILE_BYTES];
    make_image(image);
    memcpy(image, "GGUF", 4);
    write_file(image, sizeof image);
    ck_assert_int_eq(open_status(0, true), TW_NOT_WEIGHTS);
}
END_TEST

START_TEST(other_version_is_named) {
    char image[FILE_BYTES];
    make_image(image);
    image[offsetof(WeightsHeader, version)]++;
    write_file(image, sizeof image);
    ck_assert_int_eq(open_status(0, true), TW_BAD_VERSION);
}
END_TEST

START_TEST(sizes_that_do_not_fit_are_refused) {
    static const uint64_t sizes[] = {
        0,
        1,
        DATA_BYTES - 1,
        DATA_BYTES + 1,
        FILE_BYTES,
        INT64_MAX,
        1ULL << 63,
        UINT64_MAX,
        UINT64_MAX - FILE_BYTES,
        UINT64_MAX - TW_WEIGHTS_DATA,
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        WeightsHeader header = {.layout_id = 77, .data_bytes = sizes[i]};
        write_with_header(header);
        ck_assert_int_eq(open_status(0, true), TW_BAD_SIZE);
    }
}
END_TEST

START_TEST(sparse_file_of_huge_size_is_only_read_when_verified) {
    const uint64_t huge = (uint64_t)1 << 40;
    WeightsHeader header = {.layout_id = 77, .data_bytes = huge};
    write_with_header(header);
    if (ftruncate(file, (off_t)(TW_WEIGHTS_DATA + huge)) != 0) return; /* not on this system */
    TwStatus status = open_status(0, false);
    ck_assert(status == TW_OK || status == TW_NO_MEMORY);
}
END_TEST

START_TEST(other_layout_is_refused_unless_any_will_do) {
    ck_assert_int_eq(open_status(78, true), TW_WRONG_LAYOUT);
    ck_assert_int_eq(open_status(0, true), TW_OK);
}
END_TEST

START_TEST(what_is_no_regular_file_is_refused) {
    TwWeights *weights;
    ck_assert_int_eq(tw_weights_open("/", 0, true, &weights), TW_NOT_WEIGHTS);
    ck_assert_int_eq(tw_weights_open("/dev/null", 0, true, &weights), TW_NOT_WEIGHTS);
    ck_assert_int_eq(tw_weights_open("/dev/zero", 0, true, &weights), TW_NOT_WEIGHTS);

    char pipe_path[64];
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    snprintf(pipe_path, sizeof pipe_path, "/proc/self/fd/%d", ends[0]);
    ck_assert_int_eq(tw_weights_open(pipe_path, 0, true, &weights), TW_NOT_WEIGHTS);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(missing_file_and_missing_arguments_are_refused) {
    TwWeights *weights = (TwWeights *)path;
    ck_assert_int_eq(tw_weights_open("/nonexistent/file", 0, true, &weights), TW_CANNOT_OPEN);
    ck_assert_ptr_null(weights);
    ck_assert_int_eq(tw_weights_open(NULL, 0, true, &weights), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_weights_open(path, 0, true, NULL), TW_BAD_ARGUMENT);
    tw_weights_close(NULL);
}
END_TEST

START_TEST(every_status_has_a_text) {
    for (int i = 0; i < TW_STATUS_COUNT; i++)
        ck_assert_uint_gt(strlen(tw_status_text((TwStatus)i)), 0);
    ck_assert_str_eq(tw_status_text(TW_OK), "ok");
    ck_assert_str_eq(tw_status_text((TwStatus)-1), "unknown status");
    ck_assert_str_eq(tw_status_text(TW_STATUS_COUNT), "unknown status");
}
END_TEST

static void do_nothing(void *context, int64_t thread, int64_t threads) {
    (void)context, (void)thread, (void)threads;
}

/* The parent has had a team, whose threads the child has not. */
START_TEST(many_chunks_open_in_the_child_of_a_fork) {
    const uint64_t data_bytes = 2 * TW_WEIGHTS_CHUNK + 64;
    char *image = calloc(1, TW_WEIGHTS_DATA + data_bytes);
    const WeightsHeader header = good_header(image + TW_WEIGHTS_DATA, data_bytes);
    memcpy(image, &header, sizeof header);
    write_file(image, TW_WEIGHTS_DATA + data_bytes);
    free(image);
    Team *team = tw_team_create(3);
    tw_team_run(team, do_nothing, NULL);
    ck_assert_int_eq(open_status(0, true), TW_OK);
    int status = 0;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(30);
        _exit((int)open_status(0, true));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), TW_OK);
    tw_team_destroy(team);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("weights_file");
    TCase *tests = suite_case(suite, "weights_file", setup, teardown);
    tcase_add_test(tests, good_file_opens_with_its_data_and_ids);
    tcase_add_test(tests, file_without_data_opens);
    tcase_add_test(tests, truncation_at_every_length_is_refused);
    tcase_add_test(tests, bytes_after_the_data_are_refused);
    tcase_add_test(tests, every_changed_header_byte_is_refused);
    tcase_add_test(tests, every_changed_data_byte_is_found_by_verifying);
    tcase_add_test(tests, many_chunks_open_in_the_child_of_a_fork);
    tcase_add_test(tests, other_magic_is_not_weights);
    tcase_add_test(tests, other_version_is_named);
    tcase_add_test(tests, sizes_that_do_not_fit_are_refused);
    tcase_add_test(tests, sparse_file_of_huge_size_is_only_read_when_verified);
    tcase_add_test(tests, other_layout_is_refused_unless_any_will_do);
    tcase_add_test(tests, what_is_no_regular_file_is_refused);
    tcase_add_test(tests, missing_file_and_missing_arguments_are_refused);
    tcase_add_test(tests, every_status_has_a_text);
    return suite_run(suite);
}
