/* test_gguf.c - good files open and say what is in them, all others are refused with what is wrong.
 */
#include "frontend/weights/gguf.h"
#include "tests/unit/folder_fixture.h"
#include "tests/unit/gguf_image.h"

#include <math.h>

static Gguf *parse(const Image *image) {
    return gguf_parse("test.gguf", image->bytes, image->length, &diag);
}

static void expect_refusal(Image image, const char *message) {
    ck_assert_ptr_null(parse(&image));
    ck_assert_int_eq(diag.errors, 1);
    ck_assert_str_eq(diag.first->message, message);
    ck_assert_str_eq(diag.first->loc.source->name, "test.gguf");
    free(image.bytes);
    diag = (Diag){.arena = arena};
}

/* ---- metadata ---- */

/* A pair for each integer, float, flag and text; in no order of keys. */
static Image image_of_values(void) {
    Image image = gguf_start(3, 0, 8);
    gguf_put_key(&image, "z.u8", GGUF_u8);
    gguf_put_number(&image, 200, 1);
    gguf_put_key(&image, "a.i16", GGUF_i16);
    gguf_put_number(&image, (uint16_t)-300, 2);
    gguf_put_key(&image, "u64", GGUF_u64);
    gguf_put_number(&image, UINT64_MAX, 8);
    gguf_put_key(&image, "i64", GGUF_i64);
    gguf_put_number(&image, (uint64_t)-5, 8);
    gguf_put_key(&image, "f32", GGUF_f32);
    gguf_put(&image, &(float){0.5F}, 4);
    gguf_put_key(&image, "f64", GGUF_f64);
    gguf_put(&image, &(double){1e-300}, 8);
    gguf_put_key(&image, "flag", GGUF_bool);
    gguf_put_number(&image, 1, 1);
    gguf_put_key(&image, "text", GGUF_string);
    gguf_put_text(&image, "llama");
    return image;
}

START_TEST(values_of_all_types_are_found_by_key) {
    const Image image = image_of_values();
    Gguf *gguf = parse(&image);
    ck_assert_ptr_nonnull(gguf);
    int64_t integer;
    double real;
    bool flag;
    ck_assert(gguf_integer(gguf_find(gguf, "z.u8"), &integer));
    ck_assert_int_eq(integer, 200);
    ck_assert(gguf_integer(gguf_find(gguf, "a.i16"), &integer));
    ck_assert_int_eq(integer, -300);
    ck_assert(gguf_integer(gguf_find(gguf, "i64"), &integer));
    ck_assert_int_eq(integer, -5);
    ck_assert(gguf_real(gguf_find(gguf, "f32"), &real));
    ck_assert_double_eq(real, 0.5);
    ck_assert(gguf_real(gguf_find(gguf, "f64"), &real));
    ck_assert_double_eq(real, 1e-300);
    ck_assert(gguf_real(gguf_find(gguf, "z.u8"), &real));
    ck_assert_double_eq(real, 200);
    ck_assert(gguf_flag(gguf_find(gguf, "flag"), &flag));
    ck_assert(flag);
    ck_assert_str_eq(gguf_text(gguf_find(gguf, "text"), arena), "llama");
    ck_assert_ptr_null(gguf_find(gguf, "tex"));
    int count;
    ck_assert_str_eq(gguf_pairs(gguf, &count)[0].key, "a.i16");
    ck_assert_int_eq(count, 8);
    gguf_close(gguf);
    free(image.bytes);
}
END_TEST

START_TEST(a_value_of_another_type_is_not_taken_for_one) {
    const Image image = image_of_values();
    Gguf *gguf = parse(&image);
    int64_t integer;
    double real;
    bool flag;
    ck_assert(!gguf_integer(gguf_find(gguf, "u64"), &integer)); /* beyond an int64_t */
    ck_assert(!gguf_integer(gguf_find(gguf, "f32"), &integer));
    ck_assert(!gguf_integer(gguf_find(gguf, "flag"), &integer));
    ck_assert(!gguf_real(gguf_find(gguf, "text"), &real));
    ck_assert(!gguf_flag(gguf_find(gguf, "z.u8"), &flag));
    ck_assert_ptr_null(gguf_text(gguf_find(gguf, "z.u8"), arena));
    ck_assert_str_eq(gguf_show(gguf_find(gguf, "u64"), arena), "18446744073709551615");
    ck_assert_str_eq(gguf_show(gguf_find(gguf, "text"), arena), "\"llama\"");
    ck_assert_str_eq(gguf_type_name(gguf_find(gguf, "f64")->type), "f64");
    gguf_close(gguf);
    free(image.bytes);
}
END_TEST

START_TEST(arrays_are_gone_through_also_where_they_nest) {
    Image image = gguf_start(2, 0, 1);
    gguf_put_key(&image, "nested", GGUF_array);
    gguf_put_array(&image, GGUF_array, 2);
    gguf_put_array(&image, GGUF_string, 2);
    gguf_put_text(&image, "");
    gguf_put_text(&image, "two");
    gguf_put_array(&image, GGUF_i32, 3);
    for (int i = -1; i < 2; i++) gguf_put_number(&image, (uint32_t)i, 4);
    Gguf *gguf = parse(&image);
    ck_assert_ptr_nonnull(gguf);
    GgufValue inner, element;
    int64_t integer, sum = 0;
    GgufArray outer = gguf_elements(gguf_find(gguf, "nested"));
    ck_assert(gguf_next(&outer, &inner));
    GgufArray texts = gguf_elements(&inner);
    ck_assert(gguf_next(&texts, &element) && element.count == 0);
    ck_assert(gguf_next(&texts, &element));
    ck_assert_str_eq(gguf_text(&element, arena), "two");
    ck_assert(!gguf_next(&texts, &element));
    ck_assert(gguf_next(&outer, &inner));
    for (GgufArray array = gguf_elements(&inner); gguf_next(&array, &element);) {
        ck_assert(gguf_integer(&element, &integer));
        sum = 10 * sum + integer;
    }
    ck_assert_int_eq(sum, -99);
    ck_assert(!gguf_next(&outer, &inner));
    gguf_close(gguf);
    free(image.bytes);
}
END_TEST

/* ---- tensors ---- */

/* A matrix [2][3] and a vector [4] of F32, behind metadata and at an alignment. */
static Image image_of_tensors(uint32_t alignment, uint64_t second) {
    Image image = gguf_start(3, 2, 1);
    gguf_put_key(&image, "general.alignment", GGUF_u32);
    gguf_put_number(&image, alignment, 4);
    gguf_put_tensor(&image, "matrix", 2, 3, 0, 0);
    gguf_put_tensor(&image, "a.vector", 0, 4, 0, second);
    if (alignment) gguf_align(&image, alignment);
    for (int i = 0; i < 64; i++) gguf_put(&image, &(float){(float)i}, 4);
    return image;
}

START_TEST(shapes_are_outermost_first_and_offsets_count_from_aligned_data) {
    const Image image = image_of_tensors(64, 64);
    Gguf *gguf = parse(&image);
    ck_assert_ptr_nonnull(gguf);
    const StoredTensor *matrix = tensor_set_find(gguf_tensors(gguf), "matrix");
    const StoredTensor *vector = tensor_set_find(gguf_tensors(gguf), "a.vector");
    float value[4];
    ck_assert_int_eq(matrix->rank, 2);
    ck_assert_int_eq(matrix->shape[0], 2);
    ck_assert_int_eq(matrix->shape[1], 3);
    ck_assert_uint_eq(matrix->begin % 64, 0);
    ck_assert_uint_eq(matrix->bytes, 24);
    ck_assert(stored_tensor_read(matrix, 4, 4, value));
    ck_assert_float_eq(value[0], 1);
    ck_assert(stored_tensor_read(vector, 0, 16, value));
    ck_assert_float_eq(value[0], 16);
    gguf_close(gguf);
    free(image.bytes);
}
END_TEST

START_TEST(tensors_outlive_the_metadata) {
    const Image image = image_of_tensors(32, 32);
    TensorSet *tensors = gguf_take_tensors(parse(&image));
    ck_assert_ptr_nonnull(tensor_set_find(tensors, "a.vector"));
    ck_assert_uint_ne(tensor_set_identity(tensors), 0);
    tensor_set_close(tensors);
    free(image.bytes);
}
END_TEST

/* ---- broken files ---- */

static Image image_of_bytes(const void *bytes, size_t length) {
    Image image = {NULL, 0};
    gguf_put(&image, bytes, length);
    return image;
}

START_TEST(what_is_no_gguf_file_is_called_what_it_is) {
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
    static const char page[] = "<!DOCTYPE html><html><head></head></html>";
    expect_refusal(image_of_bytes(pointer, sizeof pointer - 1),
                   "not a GGUF file but a pointer of Git LFS");
    expect_refusal(image_of_bytes(page, sizeof page - 1), "not a GGUF file but a web page");
    expect_refusal(image_of_bytes("ggjt\3\0\0\0", 8),
                   "not a GGUF file but a GGML file of before GGUF");
    expect_refusal(image_of_bytes("PK\3\4....", 8),
                   "not a GGUF file but a zip archive, as torch.save() makes them");
    expect_refusal(image_of_bytes("GG", 2), "not a GGUF file: expected it to begin with 'GGUF'");
    expect_refusal(image_of_bytes("GGUF\3\0", 6), "header: expected 4 bytes, found 2 at byte 4");
}
END_TEST

START_TEST(other_versions_and_byte_orders_are_refused_by_name) {
    expect_refusal(gguf_start(1, 0, 0), "expected version 2 or 3 of GGUF, found 1");
    expect_refusal(gguf_start(4, 0, 0), "expected version 2 or 3 of GGUF, found 4");
    expect_refusal(gguf_start(3u << 24, 0, 0), "a big-endian GGUF file");
}
END_TEST

START_TEST(counts_and_lengths_are_held_against_the_file) {
    expect_refusal(gguf_start(3, UINT64_MAX, 0),
                   "the file has 24 bytes and says that it holds 18446744073709551615 tensors");
    expect_refusal(gguf_start(3, 0, 1),
                   "the file has 24 bytes and says that it holds 1 pairs of metadata");
    Image image = gguf_start(3, 0, 1);
    gguf_put_number(&image, UINT64_MAX, 8);
    gguf_put(&image, "abcdefgh", 8);
    expect_refusal(
        image, "metadata: expected a name of 1 to 65535 bytes, found 18446744073709551615 at byte "
               "32");
    image = gguf_start(3, 0, 1);
    gguf_put_key(&image, "k", GGUF_string);
    gguf_put_number(&image, UINT64_MAX - 3, 8);
    expect_refusal(image, "metadata 'k': expected 18446744073709551612 bytes, found 0 at byte 45");
    image = gguf_start(3, 0, 1);
    gguf_put_key(&image, "k", GGUF_array);
    gguf_put_array(&image, GGUF_f64, UINT64_MAX / 4);
    expect_refusal(image,
                   "metadata 'k': an array of 4611686018427387903 elements is too long at byte 49");
}
END_TEST

START_TEST(broken_values_are_refused) {
    Image image = gguf_start(3, 0, 1);
    gguf_put_key(&image, "k", 13);
    gguf_put_number(&image, 0, 8);
    expect_refusal(image, "metadata 'k': found a value of the unknown type 13 at byte 37");
    image = gguf_start(3, 0, 1);
    gguf_put_key(&image, "k", GGUF_bool);
    gguf_put_number(&image, 2, 1);
    expect_refusal(image, "metadata 'k': expected 0 or 1 as a bool, found 2 at byte 37");
    image = gguf_start(3, 0, 1);
    gguf_put_key(&image, "k", GGUF_array);
    for (int i = 0; i < 9; i++) gguf_put_array(&image, GGUF_array, 1);
    expect_refusal(image, "metadata 'k': arrays are nested more than 8 deep at byte 133");
    image = gguf_start(3, 0, 2);
    for (int i = 0; i < 2; i++) {
        gguf_put_key(&image, "twice", GGUF_u32);
        gguf_put_number(&image, 1, 4);
    }
    expect_refusal(image, "metadata: 'twice' is there twice");
    image = gguf_start(3, 0, 1);
    gguf_put_number(&image, 3, 8);
    gguf_put(&image, "a\0b\4\0\0\0....", 11);
    expect_refusal(image, "metadata: found a name with a zero byte at byte 32");
}
END_TEST

typedef struct {
    uint64_t rows, columns;
    uint32_t type;
    uint64_t offset;
    const char *message;
} BrokenTensor;

static const BrokenTensor broken_tensors[] = {
    {2, 3, 99, 0, "tensor 't': found the unknown type 99 at byte 57"},
    {2, 33, 8, 0, "tensor 't': rows of 33 values are no whole blocks of 32 of Q8_0"},
    {1ull << 40, 1ull << 40, 0, 0,
     "tensor 't': F32 of [1099511627776, 1099511627776] is too large to count"},
    {2, 1ull << 63, 0, 0, "tensor 't': a dimension of 9223372036854775808 is too large at byte 45"},
    {2, 3, 0, 4, "tensor 't': expected an offset that is a multiple of 32, found 4"},
    {2, 3, 0, 64,
     "tensor 't': expected 24 bytes from byte 64 of the data, found 32 bytes of data in the file"},
    {2, 3, 0, UINT64_MAX - 31,
     "tensor 't': expected 24 bytes from byte 18446744073709551584 of the data, found 32 bytes of "
     "data in the file"},
    {8, 2, 0, 0,
     "tensor 't': expected 64 bytes from byte 0 of the data, found 32 bytes of data in the file"},
};

START_TEST(broken_tensors_are_refused) {
    const BrokenTensor *b = &broken_tensors[_i];
    Image image = gguf_start(3, 1, 0);
    gguf_put_tensor(&image, "t", b->rows, b->columns, b->type, b->offset);
    gguf_align(&image, 32);
    for (int i = 0; i < 32; i++) gguf_put(&image, "x", 1);
    expect_refusal(image, b->message);
}
END_TEST

START_TEST(tensors_that_share_bytes_or_names_are_refused) {
    expect_refusal(image_of_tensors(8, 16),
                   "tensor 'a.vector': its data begin inside those of 'matrix'");
    Image image = gguf_start(3, 2, 0);
    for (unsigned i = 0; i < 2; i++) gguf_put_tensor(&image, "t", 0, 8, 0, 32 * i);
    gguf_align(&image, 32);
    for (int i = 0; i < 64; i++) gguf_put(&image, "x", 1);
    expect_refusal(image, "tensor 't': it is there twice");
    expect_refusal(image_of_tensors(0, 32),
                   "metadata 'general.alignment': expected a power of two, found 0");
    expect_refusal(image_of_tensors(24, 24),
                   "metadata 'general.alignment': expected a power of two, found 24");
}
END_TEST

START_TEST(a_file_that_is_cut_off_anywhere_is_refused) {
    const Image image = image_of_tensors(32, 32);
    const size_t needed = image.length - 64 * 4 + 32 + 16; /* the vector's last byte */
    for (size_t length = 1; length < needed; length++) {
        uint8_t *cut = malloc(length); /* so that reading beyond is found */
        ck_assert_ptr_nonnull(cut);
        memcpy(cut, image.bytes, length);
        ck_assert_ptr_null(gguf_parse("cut", cut, length, &diag));
        free(cut);
    }
    Gguf *gguf = gguf_parse("whole", image.bytes, needed, &diag);
    ck_assert_ptr_nonnull(gguf);
    gguf_close(gguf);
    free(image.bytes);
}
END_TEST

/* ---- split models ---- */

static const char *part_path(int number, int count) {
    return arena_printf(arena, "%s/m-%05d-of-%05d.gguf", folder, number, count);
}

/* Part `number` of two, from 0, with a vector [8] of its own name. */
static void write_part(int number, uint16_t stated, const char *name, int32_t tensors) {
    Image image = gguf_start(3, 1, 3);
    gguf_put_key(&image, "split.no", GGUF_u16);
    gguf_put_number(&image, stated, 2);
    gguf_put_key(&image, "split.count", GGUF_u16);
    gguf_put_number(&image, 2, 2);
    gguf_put_key(&image, "split.tensors.count", GGUF_i32);
    gguf_put_number(&image, (uint32_t)tensors, 4);
    gguf_put_tensor(&image, name, 0, 8, 0, 0);
    gguf_align(&image, 32);
    for (int i = 0; i < 8; i++) gguf_put(&image, &(float){(float)(10 * number + i)}, 4);
    const char *path = part_path(number + 1, 2);
    image_write_bytes(folder, path + strlen(folder) + 1, image.bytes, image.length);
    free(image.bytes);
}

START_TEST(a_split_model_opens_by_its_first_file) {
    write_part(0, 0, "b", 2);
    write_part(1, 1, "a", 2);
    Gguf *gguf = gguf_open(part_path(1, 2), (Loc){0}, &diag);
    ck_assert_ptr_nonnull(gguf);
    float value;
    ck_assert(stored_tensor_read(tensor_set_find(gguf_tensors(gguf), "a"), 4, 4, &value));
    ck_assert_float_eq(value, 11);
    ck_assert(stored_tensor_read(tensor_set_find(gguf_tensors(gguf), "b"), 4, 4, &value));
    ck_assert_float_eq(value, 1);
    gguf_close(gguf);
}
END_TEST

static void expect_closed(int number, const char *message) {
    ck_assert_ptr_null(gguf_open(part_path(number, 2), (Loc){0}, &diag));
    ck_assert_int_eq(diag.errors, 1);
    assert_says(diag.first->message, message);
    diag = (Diag){.arena = arena};
}

START_TEST(parts_that_are_missing_or_do_not_fit_are_refused) {
    write_part(0, 0, "b", 2);
    expect_closed(1, "m-00002-of-00002.gguf': No such file or directory");
    write_part(1, 0, "a", 2);
    expect_closed(1, "expected file 2 of 2, found file 1 of 2");
    write_part(1, 1, "b", 2);
    expect_closed(1, "tensor 'b': it is there twice");
    write_part(1, 1, "a", 3);
    expect_closed(2, "file 2 of a model that is split into 2");
    write_part(0, 0, "b", 3);
    expect_closed(1, "expected 3 tensors in 2 files, found 2");
}
END_TEST

/* ---- blocks ---- */

/* Two floats are the same, or neighbours. */
static bool is_near(float a, float b) {
    return a == b || nextafterf(a, b) == b;
}

START_TEST(blocks_of_every_type_have_the_values_that_ggml_finds) {
    Gguf *gguf = gguf_open(THALWEG_SOURCE_DIR "/tests/weights/blocks.gguf", (Loc){0}, &diag);
    ck_assert_ptr_nonnull(gguf);
    int types = 0;
    for (int i = 0; i < STORED_TYPE_COUNT; i++) {
        const StoredTypeInfo *type = &stored_type_info[i];
        if (!type->decode || i == STORED_F32) continue;
        const StoredTensor *blocks = tensor_set_find(gguf_tensors(gguf), type->name);
        const StoredTensor *expected =
            tensor_set_find(gguf_tensors(gguf), arena_printf(arena, "%s.f32", type->name));
        ck_assert_ptr_nonnull(blocks);
        ck_assert_int_eq(blocks->type, i);
        enum { VALUES = 512 };
        uint8_t bytes[2 * VALUES];
        float want[VALUES], got[VALUES];
        ck_assert_uint_le(blocks->bytes, sizeof bytes);
        ck_assert(stored_tensor_read(blocks, 0, (size_t)blocks->bytes, bytes));
        ck_assert(stored_tensor_read(expected, 0, sizeof want, want));
        type->decode(bytes, (size_t)(VALUES / type->values), got);
        for (int k = 0; k < VALUES; k++)
            ck_assert_msg(is_near(got[k], want[k]), "%s, value %d: %a, expected %a", type->name, k,
                          (double)got[k], (double)want[k]);
        types++;
    }
    ck_assert_int_eq(types, 15);
    gguf_close(gguf);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gguf");
    TCase *files = suite_case(suite, "files", make_arena, drop_arena);
    tcase_add_test(files, values_of_all_types_are_found_by_key);
    tcase_add_test(files, a_value_of_another_type_is_not_taken_for_one);
    tcase_add_test(files, arrays_are_gone_through_also_where_they_nest);
    tcase_add_test(files, shapes_are_outermost_first_and_offsets_count_from_aligned_data);
    tcase_add_test(files, tensors_outlive_the_metadata);
    tcase_add_test(files, what_is_no_gguf_file_is_called_what_it_is);
    tcase_add_test(files, other_versions_and_byte_orders_are_refused_by_name);
    tcase_add_test(files, counts_and_lengths_are_held_against_the_file);
    tcase_add_test(files, broken_values_are_refused);
    tcase_add_loop_test(files, broken_tensors_are_refused, 0, COUNT(broken_tensors));
    tcase_add_test(files, tensors_that_share_bytes_or_names_are_refused);
    tcase_add_test(files, a_file_that_is_cut_off_anywhere_is_refused);
    tcase_add_test(files, blocks_of_every_type_have_the_values_that_ggml_finds);
    TCase *parts = suite_case(suite, "split models", make_folder, drop_folder);
    tcase_add_test(parts, a_split_model_opens_by_its_first_file);
    tcase_add_test(parts, parts_that_are_missing_or_do_not_fit_are_refused);
    return suite_run(suite);
}
