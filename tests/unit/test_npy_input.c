#include "frontend/files/npy_input.h"

#include "tests/unit/folder_fixture.h"

static char path[64];
static NpyInput npy;

static void make(void) {
    make_folder();
    snprintf(path, sizeof path, "%s/logits.npy", folder);
    npy = (NpyInput){0};
}

static void clean(void) {
    npy_input_close(&npy);
    drop_folder();
}

/* A file of version 1 with this dictionary, and what stands behind it. */
static void write_file(const char *dictionary, const void *data, size_t bytes) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    const size_t length = strlen(dictionary);
    fwrite("\x93NUMPY\x01\x00", 1, 8, file);
    fputc((int)(length & 255), file);
    fputc((int)(length >> 8), file);
    fwrite(dictionary, 1, length, file);
    fwrite(data, 1, bytes, file);
    ck_assert_int_eq(fclose(file), 0);
}

#define DICTIONARY(descr, shape)                                                                   \
    "{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }\n"

static const float numbers[] = {1, 2, 3, 4, 5, 6};

static void expect_rows(int64_t rows, int64_t columns) {
    float row[6];
    ck_assert(npy_input_open(&npy, path, &diag));
    ck_assert_int_eq(npy.rows, rows);
    ck_assert_int_eq(npy.columns, columns);
    for (int64_t i = 0; i < rows; i++) {
        ck_assert(npy_input_read(&npy, row, &diag));
        for (int64_t j = 0; j < columns; j++) ck_assert_float_eq(row[j], numbers[i * columns + j]);
    }
    ck_assert_ptr_null(diag.first);
}

static void expect_refused(const char *message) {
    ck_assert(!npy_input_open(&npy, path, &diag));
    ck_assert_ptr_nonnull(diag.first);
    assert_says(diag.first->message, message);
}

START_TEST(rows_of_float32_are_read) {
    write_file(DICTIONARY("<f4", "(2, 3)"), numbers, sizeof numbers);
    expect_rows(2, 3);
}
END_TEST

START_TEST(rows_of_float64_are_read) {
    double wide[6];
    for (int i = 0; i < 6; i++) wide[i] = numbers[i];
    write_file(DICTIONARY("<f8", "(3, 2)"), wide, sizeof wide);
    expect_rows(3, 2);
}
END_TEST

START_TEST(a_batch_of_one_is_left_out) {
    write_file(DICTIONARY("<f4", "(1, 2, 3)"), numbers, sizeof numbers);
    expect_rows(2, 3);
}
END_TEST

START_TEST(a_single_dimension_is_a_row) {
    write_file(DICTIONARY("<f4", "(6,)"), numbers, sizeof numbers);
    expect_rows(1, 6);
}
END_TEST

START_TEST(what_is_not_a_table_of_floats_is_refused) {
    static const struct {
        const char *dictionary, *message;
    } bad[] = {
        {DICTIONARY("<i8", "(2, 3)"), "its numbers are of type '<i8'"},
        {DICTIONARY(">f4", "(2, 3)"), "its numbers are of type '>f4'"},
        {DICTIONARY("<f4", "(2, 1, 3)"), "more dimensions"},
        {DICTIONARY("<f4", "(2, 4)"), "its shape is 2 x 4"},
        {DICTIONARY("<f4", "(4611686018427387904, 4611686018427387904)"), "its shape is 4611"},
        {DICTIONARY("<f4", "(99999999999999999999, 3)"), "its shape is"},
        {DICTIONARY("<f4", "(2, -3)"), "its shape cannot be read"},
        {DICTIONARY("<f4", "(0, 3)"), "it holds no numbers"},
        {DICTIONARY("<f4", "()"), "it holds no numbers"},
        {DICTIONARY("<f4", "(2, 3"), "its shape cannot be read"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", "that of Fortran"},
        {"{'descr': '<f4', 'fortran_order': False, }", "no shape"},
        {"{'fortran_order': False, 'shape': (2, 3), }", "of type"},
    };
    write_file(bad[_i].dictionary, numbers, sizeof numbers);
    expect_refused(bad[_i].message);
}
END_TEST
enum { BAD_HEADERS = 13 };

START_TEST(a_file_that_is_cut_off_within_its_header_is_refused) {
    write_file(DICTIONARY("<f4", "(2, 3)"), numbers, sizeof numbers);
    ck_assert_int_eq(truncate(path, 30), 0);
    expect_refused("cut off");
}
END_TEST

START_TEST(another_file_is_no_numpy_file) {
    FILE *file = fopen(path, "wb");
    fputs("version https://git-lfs", file);
    fclose(file);
    expect_refused("not a NumPy file");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("npy_input");
    TCase *tests = suite_case(suite, "rows", make, clean);
    tcase_add_test(tests, rows_of_float32_are_read);
    tcase_add_test(tests, rows_of_float64_are_read);
    tcase_add_test(tests, a_batch_of_one_is_left_out);
    tcase_add_test(tests, a_single_dimension_is_a_row);
    tcase_add_loop_test(tests, what_is_not_a_table_of_floats_is_refused, 0, BAD_HEADERS);
    tcase_add_test(tests, a_file_that_is_cut_off_within_its_header_is_refused);
    tcase_add_test(tests, another_file_is_no_numpy_file);
    return suite_run(suite);
}
