#include "frontend/files/array_file.h"
#include "frontend/weights/safetensors.h"
#include "frontend/weights/stored_file.h"
#include "tests/check.h"
#include "tests/folder.h"

#include <string.h>
#include <unistd.h>

static Diag diag;
static char folder[FOLDER_PATH], path[96];

static const float numbers[] = {1, -2, 0.5F, 4, 5, 6, 7, 8, 9};
static const NamedArray arrays[] = {{"best", numbers, {3}, 1},
                                    {"blocks.0.of_heads", numbers + 3, {1, 3, 2, 1}, 4}};

static void begin(void) {
    diag = (Diag){.arena = arena_create()};
    ck_assert(folder_make(folder));
}

static void end(void) {
    folder_remove(folder);
    arena_destroy(diag.arena);
}

static const char *in_folder(const char *name) {
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static size_t read_file(char *bytes, size_t room) {
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    const size_t length = fread(bytes, 1, room, file);
    fclose(file);
    return length;
}

START_TEST(safetensors_have_all_arrays_as_our_own_reader_reads_them) {
    ck_assert(array_file_write(in_folder("a.safetensors"), arrays, 2, &diag));
    TensorSet *set = safetensors_open(path, (Loc){0}, &diag);
    ck_assert_ptr_nonnull(set);
    for (int i = 0; i < 2; i++) {
        const StoredTensor *tensor = tensor_set_find(set, arrays[i].name);
        float found[6] = {0};
        const size_t bytes = i ? sizeof found : 3 * sizeof *found;
        ck_assert_ptr_nonnull(tensor);
        ck_assert_int_eq(tensor->rank, arrays[i].rank);
        for (int k = 0; k < tensor->rank; k++) ck_assert_int_eq(tensor->shape[k], arrays[i].shape[k]);
        ck_assert(stored_tensor_read(tensor, 0, bytes, found));
        ck_assert_mem_eq(found, arrays[i].values, bytes);
    }
    tensor_set_close(set);
}
END_TEST

START_TEST(npy_says_a_shape_of_one_number_as_numpy_does) {
    char bytes[256] = {0};
    ck_assert(array_file_write(in_folder("a.npy"), arrays, 1, &diag));
    ck_assert_uint_eq(read_file(bytes, sizeof bytes), 128 + 3 * sizeof(float));
    ck_assert_ptr_nonnull(strstr(bytes + 10, "'shape': (3,), "));
    ck_assert_mem_eq(bytes + 128, numbers, 3 * sizeof(float));
}
END_TEST

START_TEST(npy_has_four_dimensions) {
    char bytes[256] = {0};
    ck_assert(array_file_write(in_folder("a.npy"), arrays + 1, 1, &diag));
    ck_assert_uint_eq(read_file(bytes, sizeof bytes), 128 + 6 * sizeof(float));
    ck_assert_ptr_nonnull(strstr(bytes + 10, "'shape': (1, 3, 2, 1), "));
}
END_TEST

START_TEST(npy_refuses_several_arrays) {
    ck_assert(!array_file_write(in_folder("a.npy"), arrays, 2, &diag));
    ck_assert_int_eq(diag.errors, 1);
    ck_assert_ptr_nonnull(strstr(diag.first->hint, ".safetensors"));
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(another_ending_is_refused) {
    ck_assert(!array_file_check("a.txt", 1, &diag));
    ck_assert_ptr_nonnull(strstr(diag.first->message, "'a.txt'"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("array_file");
    TCase *all = suite_case(suite, "all", begin, end);
    tcase_add_test(all, safetensors_have_all_arrays_as_our_own_reader_reads_them);
    tcase_add_test(all, npy_says_a_shape_of_one_number_as_numpy_does);
    tcase_add_test(all, npy_has_four_dimensions);
    tcase_add_test(all, npy_refuses_several_arrays);
    tcase_add_test(all, another_ending_is_refused);
    return suite_run(suite);
}
