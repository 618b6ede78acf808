/* test_safetensors.c - good files open, all others are refused with what is wrong. */
#include "frontend/weights/safetensors.h"
#include "tests/unit/folder_fixture.h"
#include "tests/unit/safetensors_image.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static TensorSet *parse(const char *header, const void *data, size_t data_bytes) {
    const Image image = image_make(header, data, data_bytes);
    TensorSet *tensors = safetensors_parse("test.safetensors", image.bytes, image.length, &diag);
    if (!tensors) free(image.bytes); /* else the tensors are in it: the process ends soon */
    return tensors;
}

static const char *message(void) {
    ck_assert_ptr_nonnull(diag.first);
    return diag.first->message;
}

static void expect_refusal(const char *header, size_t data_bytes, const char *expected) {
    static const char data[64];
    ck_assert_ptr_null(parse(header, data, data_bytes));
    ck_assert_int_ge(diag.errors, 1);
    ck_assert_str_eq(message(), expected);
    ck_assert_str_eq(diag.first->loc.source->name, "test.safetensors");
    diag = (Diag){.arena = arena};
}

/* ---- good files ---- */

static void expect_data(const StoredTensor *tensor, const void *expected, size_t count) {
    char found[64];
    ck_assert_uint_le(count, sizeof found);
    ck_assert(stored_tensor_read(tensor, 0, count, found));
    ck_assert_mem_eq(found, expected, count);
}

START_TEST(tensors_are_found_by_name) {
    static const float data[] = {1, 2, 3, 4, 5, 6, 7};
    const Image image =
        image_make("{\"__metadata__\":{\"format\":\"pt\"},"
                   "\"one\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[24,28]},"
                   "\"matrix\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}   ",
                   data, sizeof data);
    TensorSet *tensors = safetensors_parse("t", image.bytes, image.length, &diag);
    ck_assert_ptr_nonnull(tensors);
    const StoredTensor *matrix = tensor_set_find(tensors, "matrix");
    ck_assert_ptr_nonnull(matrix);
    ck_assert_int_eq(matrix->type, STORED_F32);
    ck_assert_int_eq(matrix->rank, 2);
    ck_assert_int_eq(matrix->shape[0], 2);
    ck_assert_int_eq(matrix->shape[1], 3);
    ck_assert_uint_eq(matrix->bytes, 24);
    expect_data(matrix, data, 24);
    const StoredTensor *one = tensor_set_find(tensors, "one");
    ck_assert_int_eq(one->rank, 0);
    expect_data(one, data + 6, 4);
    ck_assert_ptr_null(tensor_set_find(tensors, "other"));
    ck_assert_ptr_null(tensor_set_find(tensors, "__metadata__"));
    int count;
    ck_assert_str_eq(tensor_set_list(tensors, &count)[1].name, "one");
    ck_assert_int_eq(count, 2);
    tensor_set_close(tensors);
    free(image.bytes);
}
END_TEST

START_TEST(empty_files_and_empty_tensors_are_good) {
    const Image image =
        image_make("{\"a\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[0,0]},"
                   "\"b\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1],\"more\":[{}]}}",
                   "x", 1);
    TensorSet *tensors = safetensors_parse("t", image.bytes, image.length, &diag);
    ck_assert_ptr_nonnull(tensors);
    ck_assert_uint_eq(tensor_set_find(tensors, "a")->bytes, 0);
    tensor_set_close(tensors);
    free(image.bytes);
    const Image empty = image_make("{}", NULL, 0);
    tensors = safetensors_parse("t", empty.bytes, empty.length, &diag);
    ck_assert_ptr_nonnull(tensors);
    tensor_set_close(tensors);
    free(empty.bytes);
}
END_TEST

START_TEST(a_name_may_be_any_text) {
    const Image image =
        image_make("{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                   "\"a\\nb{\\\"[\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[1,2]}}",
                   "xy", 2);
    TensorSet *tensors = safetensors_parse("t", image.bytes, image.length, &diag);
    ck_assert_ptr_nonnull(tensors);
    ck_assert_ptr_nonnull(tensor_set_find(tensors, ""));
    ck_assert_ptr_nonnull(tensor_set_find(tensors, "a\nb{\"["));
    ck_assert_str_eq(stored_show_name("a\nb", arena), "a?b");
    tensor_set_close(tensors);
    free(image.bytes);
}
END_TEST

/* ---- broken headers ---- */

static const struct {
    const char *header;
    size_t data_bytes;
    const char *message;
} broken[] = {
    {"[]", 0, "not a safetensors file: expected a header that begins with '{'"},
    {" {}", 0, "not a safetensors file: expected a header that begins with '{'"},
    {"", 0, "not a safetensors file: expected a header that begins with '{'"},
    {"{}", 1, "expected 0 bytes of data, found 1: the header does not account for the rest"},
    {"{\"a\":1}", 0, "tensor 'a': expected a JSON object"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "'__metadata__': expected a text as 'a'"},
    {"{\"__metadata__\":[]}", 0, "'__metadata__': expected a JSON object"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "tensor 'a': expected a text as 'dtype'"},
    {"{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "tensor 'a': unknown dtype 'F99'"},
    {"{\"a\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "tensor 'a': unknown dtype 'f32'"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4,
     "tensor 'a': expected a list as 'shape'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4,
     "tensor 'a': expected whole numbers from 0 in 'shape'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4,
     "tensor 'a': expected whole numbers from 0 in 'shape'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
     "tensor 'a': expected at most 8 dimensions, found 9"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4,
     "tensor 'a': expected two whole numbers from 0 as 'data_offsets'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
     "tensor 'a': expected two whole numbers from 0 as 'data_offsets'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4,
     "tensor 'a': expected two whole numbers from 0 as 'data_offsets'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4,
     "tensor 'a': expected two whole numbers from 0 as 'data_offsets'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4,
     "tensor 'a': data_offsets [4, 0] end before they begin"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4,
     "expected 8 bytes of data, found 4: the file has been cut off"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
     "tensor 'a': expected 8 bytes for F32 of [2], found 4 between its data_offsets"},
    {"{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2,
     "tensor 'a': F4 of [3] is not a whole number of bytes"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
     "tensor 'a': U8 of [4294967296, 4294967296] is too large to count"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
     "tensor 'a': F32 of [4611686018427387904] is too large to count"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
     3, "tensor 'b': expected its data at offset 1, where the previous tensor ends, found it at 2"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
     3, "tensor 'b': expected its data at offset 2, where the previous tensor ends, found it at 1"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3,
     "tensor 'a': expected its data at offset 0, where the previous tensor ends, found it at 1"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 3,
     "expected 2 bytes of data, found 3: the header does not account for the rest"},
};

START_TEST(broken_headers_are_refused) {
    expect_refusal(broken[_i].header, broken[_i].data_bytes, broken[_i].message);
}
END_TEST

static void expect_json_refusal(const char *header) {
    ck_assert_ptr_null(parse(header, NULL, 0));
    ck_assert_int_eq(diag.errors, 1);
    ck_assert_int_eq(strncmp(message(), "JSON cannot be read at byte ", 28), 0);
    diag = (Diag){.arena = arena};
}

START_TEST(what_is_not_json_is_refused) {
    expect_json_refusal("{");
    expect_json_refusal("{\"a\"");
    expect_json_refusal("{} {}");
    expect_json_refusal("{\"a\":{},\"a\":{}}");
    expect_json_refusal("{\"__metadata__\":{},\"__metadata__\":{}}");
    expect_json_refusal("{\"\xff\":1}");
    expect_json_refusal("{\"a\":{\"shape\":[99999999999999999999]}}");
    expect_json_refusal("{\"a\\u0000b\":{}}");
}
END_TEST

START_TEST(json_is_bounded) {
    char deep[256] = "{\"a\":";
    memset(deep + 5, '[', 200);
    ck_assert_ptr_null(parse(deep, NULL, 0));
    ck_assert_str_eq(message(), "JSON is nested more than 32 deep at byte 36");

    diag = (Diag){.arena = arena};
    const size_t commas = (1 << 23) + 8;
    char *many = malloc(commas + 2);
    memset(many, ',', commas);
    many[0] = '{';
    many[commas] = '\0';
    ck_assert_ptr_null(parse(many, NULL, 0));
    ck_assert_str_eq(message(), "JSON has more than 8388608 values");
    free(many);
}
END_TEST

START_TEST(all_bad_tensors_are_reported) {
    ck_assert_ptr_null(parse("{\"a\":1,\"b\":2,\"c\":3}", NULL, 0));
    ck_assert_int_eq(diag.errors, 3);
}
END_TEST

/* ---- lengths ---- */

static void expect_stated_refusal(uint64_t stated, const char *header, const char *expected) {
    const Image image = image_stated(stated, header, NULL, 0);
    diag = (Diag){.arena = arena};
    ck_assert_ptr_null(safetensors_parse("t", image.bytes, image.length, &diag));
    ck_assert_str_eq(message(), expected);
    free(image.bytes);
}

START_TEST(the_length_of_the_header_is_checked) {
    expect_stated_refusal(3, "{}",
                          "expected a header of 3 bytes, found 2 in the file: it has been cut off");
    expect_stated_refusal(100000001, "{}",
                          "not a safetensors file: expected a header of at most 100000000 bytes, "
                          "found a length of 100000001");
    expect_stated_refusal(UINT64_MAX, "{}",
                          "not a safetensors file: expected a header of at most 100000000 bytes, "
                          "found a length of 18446744073709551615");
    expect_stated_refusal(UINT64_C(1) << 63, "{}",
                          "not a safetensors file: expected a header of at most 100000000 bytes, "
                          "found a length of 9223372036854775808");
}
END_TEST

START_TEST(short_files_are_refused) {
    for (size_t length = 0; length < 8; length++) {
        diag = (Diag){.arena = arena};
        ck_assert_ptr_null(safetensors_parse("t", "\2\0\0\0\0\0\0", length, &diag));
        ck_assert_int_eq(diag.errors, 1);
    }
    ck_assert_str_eq(message(), "not a safetensors file: expected at least 8 bytes, found 7");
}
END_TEST

START_TEST(every_truncation_of_a_good_file_is_refused) {
    const Image image =
        image_make("{\"a\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[0,6]}}", "abcdef", 6);
    for (size_t length = 0; length <= image.length; length++) {
        unsigned char *copy = malloc(length + 1); /* so that a sanitizer sees its end */
        memcpy(copy, image.bytes, length);
        unsigned char *exact = realloc(copy, length ? length : 1);
        diag = (Diag){.arena = arena};
        TensorSet *tensors = safetensors_parse("t", exact, length, &diag);
        ck_assert((tensors != NULL) == (length == image.length));
        ck_assert_int_eq(diag.errors, tensors == NULL);
        tensor_set_close(tensors);
        free(exact);
    }
    free(image.bytes);
}
END_TEST

/* ---- files ---- */

static const char *path_of(const char *name) {
    return arena_printf(arena, "%s/%s", folder, name);
}

static TensorSet *open_named(const char *name) {
    return safetensors_open(path_of(name), (Loc){0}, &diag);
}

#define U8_TENSOR(name, from, to, length)                                                          \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" length "],\"data_offsets\":[" from "," to "]}"

START_TEST(a_file_opens_and_knows_when_it_is_cut_off) {
    image_write(folder, "a.safetensors", "{" U8_TENSOR("x", "0", "3", "3") "}", "abc", 3);
    TensorSet *tensors = open_named("a.safetensors");
    ck_assert_ptr_nonnull(tensors);
    const StoredTensor *x = tensor_set_find(tensors, "x");
    expect_data(x, "abc", 3);
    ck_assert(tensor_set_is_unchanged(tensors));
    ck_assert_int_eq(truncate(path_of("a.safetensors"), 20), 0);
    ck_assert(!tensor_set_is_unchanged(tensors));
    char out[3];
    ck_assert(!stored_tensor_read(x, 0, 3, out));
    tensor_set_close(tensors);
}
END_TEST

static void *flip_header_length(void *context) {
    volatile uint64_t *length = context;
    const uint64_t right = *length;
    for (int i = 0; i < 200000; i++) {
        *length = 90000000;
        *length = right;
    }
    return NULL;
}

/* As somebody who writes to the mapped file does: what has been checked is what is used. */
START_TEST(a_header_that_changes_is_read_once) {
    image_write(folder, "a.safetensors", "{" U8_TENSOR("x", "0", "3", "3") "}", "abc", 3);
    const int file = open(path_of("a.safetensors"), O_RDWR);
    void *map = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, flip_header_length, map), 0);
    for (int i = 0; i < 300; i++) {
        Diag own = {.arena = arena};
        TensorSet *tensors = safetensors_open(path_of("a.safetensors"), (Loc){0}, &own);
        if (!tensors)
            assert_says(own.first->message, "expected a header of 90000000");
        else
            expect_data(tensor_set_find(tensors, "x"), "abc", 3);
        tensor_set_close(tensors);
    }
    pthread_join(thread, NULL);
    munmap(map, 8);
    close(file);
}
END_TEST

START_TEST(identity_changes_with_the_file) {
    uint64_t identity[3];
    for (int i = 0; i < 3; i++) {
        if (i != 1)
            image_write(folder, "a.safetensors",
                        i ? "{" U8_TENSOR("y", "0", "3", "3") "}"
                          : "{" U8_TENSOR("x", "0", "3", "3") "}",
                        "abc", 3);
        TensorSet *tensors = open_named("a.safetensors");
        identity[i] = tensor_set_identity(tensors);
        tensor_set_close(tensors);
    }
    ck_assert(identity[0] == identity[1]);
    ck_assert(identity[1] != identity[2]);
    const struct timespec times[] = {{1, 0}, {1, 0}};
    ck_assert_int_eq(utimensat(AT_FDCWD, path_of("a.safetensors"), times, 0), 0);
    TensorSet *tensors = open_named("a.safetensors");
    ck_assert(tensor_set_identity(tensors) != identity[2]);
    tensor_set_close(tensors);
}
END_TEST

/* As a folder unpacked from an archive whose files all have one time: the place is often the same,
 * too. */
START_TEST(identity_changes_with_data_of_the_same_size_and_time) {
    static const char header[] = "{" U8_TENSOR("x", "0", "3", "3") "}";
    const struct timespec times[] = {{1, 0}, {1, 0}};
    const char *path = path_of("a.safetensors");
    uint64_t identity[2];
    struct stat before = {0}, after;
    for (int i = 0; i < 2; i++) {
        do { /* a file system's clock may stand still for some milliseconds */
            image_write(folder, "a.safetensors", header, i ? "abd" : "abc", 3);
            ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
            ck_assert_int_eq(stat(path, &after), 0);
        } while (after.st_ctim.tv_sec == before.st_ctim.tv_sec &&
                 after.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
        before = after;
        TensorSet *tensors = open_named("a.safetensors");
        identity[i] = tensor_set_identity(tensors);
        tensor_set_close(tensors);
    }
    ck_assert(identity[0] != identity[1]);
}
END_TEST

START_TEST(what_is_no_file_is_refused) {
    ck_assert_ptr_null(open_named("a.safetensors"));
    ck_assert_str_eq(message(), arena_printf(arena,
                                             "cannot open weights '%s/a.safetensors': No such file "
                                             "or directory",
                                             folder));
    diag = (Diag){.arena = arena};
    ck_assert_ptr_null(safetensors_open(folder, (Loc){0}, &diag));
    ck_assert_str_eq(message(),
                     arena_printf(arena, "cannot open weights '%s': not a regular file", folder));
    diag = (Diag){.arena = arena};
    ck_assert_int_eq(mkfifo(path_of("a.safetensors"), 0600), 0);
    ck_assert_ptr_null(open_named("a.safetensors")); /* and does not wait for a writer */
    diag = (Diag){.arena = arena};
    image_write_bytes(folder, "b.safetensors", "", 0);
    ck_assert_ptr_null(open_named("b.safetensors"));
    ck_assert_str_eq(message(), "the file is empty");
}
END_TEST

START_TEST(common_slips_get_a_hint) {
    const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    image_write_bytes(folder, "a.safetensors", pointer, sizeof pointer - 1);
    ck_assert_ptr_null(open_named("a.safetensors"));
    ck_assert_str_eq(message(), "not a safetensors file but a pointer of Git LFS");
    diag = (Diag){.arena = arena};
    image_write_bytes(folder, "model.safetensors.index.json", "{}", 2);
    ck_assert_ptr_null(open_named("model.safetensors"));
    ck_assert_str_eq(diag.first->hint,
                     arena_printf(arena, "there is an index beside it: '%s.index.json'",
                                  path_of("model.safetensors")));
}
END_TEST

START_TEST(one_of_several_files_asks_for_their_index) {
    static const char part[] = "m-00002-of-00003.safetensors",
                      only[] = "m-00001-of-00001.safetensors";
    image_write(folder, part, "{" U8_TENSOR("x", "0", "1", "1") "}", "a", 1);
    ck_assert_ptr_null(open_named(part));
    ck_assert_str_eq(message(), arena_printf(arena, "'%s' is one of several files of a checkpoint",
                                             path_of(part)));
    ck_assert_str_eq(diag.first->hint,
                     arena_printf(arena, "fetch their index, too, and name it: '%s'",
                                  path_of("m.safetensors.index.json")));
    image_write(folder, only, "{" U8_TENSOR("x", "0", "1", "1") "}", "a", 1);
    TensorSet *tensors = open_named(only);
    ck_assert_ptr_nonnull(tensors);
    tensor_set_close(tensors);
    unlink(path_of(part));
    unlink(path_of(only));
}
END_TEST

/* ---- an index ---- */

static TensorSet *open_index_of(const char *index) {
    diag = (Diag){.arena = arena};
    image_write_bytes(folder, "index.json", index, strlen(index));
    return open_named("index.json");
}

START_TEST(an_index_joins_files) {
    image_write(folder, "a.safetensors",
                "{" U8_TENSOR("x", "0", "3", "3") "," U8_TENSOR("spare", "3", "4", "1") "}", "abcd",
                4);
    image_write(folder, "b.safetensors", "{" U8_TENSOR("y", "0", "2", "2") "}", "ef", 2);
    TensorSet *tensors =
        open_index_of("{\"metadata\":{\"total_size\":5.0},"
                      "\"weight_map\":{\"y\":\"b.safetensors\",\"x\":\"a.safetensors\"}}");
    ck_assert_ptr_nonnull(tensors);
    expect_data(tensor_set_find(tensors, "x"), "abc", 3);
    expect_data(tensor_set_find(tensors, "y"), "ef", 2);
    ck_assert_ptr_null(tensor_set_find(tensors, "spare"));
    const uint64_t identity = tensor_set_identity(tensors);
    tensor_set_close(tensors);
    tensors = open_index_of("{\"weight_map\":{\"y\":\"b.safetensors\"}}");
    ck_assert_ptr_nonnull(tensors);
    ck_assert(tensor_set_identity(tensors) != identity);
    tensor_set_close(tensors);
}
END_TEST

static const struct {
    const char *index, *message;
} broken_index[] = {
    {"[]", "expected a JSON object, found an array"},
    {"{}", "expected a JSON object as 'weight_map'"},
    {"{\"weight_map\":[]}", "expected a JSON object as 'weight_map'"},
    {"{\"weight_map\":{\"x\":1}}",
     "'weight_map': expected the name of a file beside the index for 'x', found no text"},
    {"{\"weight_map\":{\"x\":\"../a.safetensors\"}}",
     "'weight_map': expected the name of a file beside the index for 'x', found ../a.safetensors"},
    {"{\"weight_map\":{\"x\":\"/etc/passwd\"}}",
     "'weight_map': expected the name of a file beside the index for 'x', found /etc/passwd"},
    {"{\"weight_map\":{\"x\":\"..\"}}",
     "'weight_map': expected the name of a file beside the index for 'x', found .."},
    {"{\"weight_map\":{\"x\":\"\"}}",
     "'weight_map': expected the name of a file beside the index for 'x', found "},
};

START_TEST(broken_indexes_are_refused) {
    ck_assert_ptr_null(open_index_of(broken_index[_i].index));
    ck_assert_str_eq(message(), broken_index[_i].message);
}
END_TEST

START_TEST(an_index_must_fit_its_files) {
    ck_assert_ptr_null(open_index_of("{\"weight_map\":{\"x\":\"a.safetensors\"}}"));
    assert_says(message(), "a.safetensors': No such file");
    assert_says(diag.first->loc.source->name, "index.json");
    image_write(folder, "a.safetensors", "{" U8_TENSOR("x", "0", "1", "1") "}", "a", 1);
    ck_assert_ptr_null(
        open_index_of("{\"weight_map\":{\"x\":\"a.safetensors\",\"y\":\"a.safetensors\"}}"));
    ck_assert_str_eq(message(),
                     arena_printf(arena, "there is no tensor 'y', which '%s' says is here",
                                  path_of("index.json")));
    ck_assert_ptr_null(
        open_index_of("{\"weight_map\":{\"x\":\"a.safetensors\",\"x\":\"a.safetensors\"}}"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("safetensors");
    TCase *tests = suite_case(suite, "safetensors", make_folder, drop_folder);
    tcase_add_test(tests, tensors_are_found_by_name);
    tcase_add_test(tests, empty_files_and_empty_tensors_are_good);
    tcase_add_test(tests, a_name_may_be_any_text);
    tcase_add_loop_test(tests, broken_headers_are_refused, 0, COUNT(broken));
    tcase_add_test(tests, what_is_not_json_is_refused);
    tcase_add_test(tests, json_is_bounded);
    tcase_add_test(tests, all_bad_tensors_are_reported);
    tcase_add_test(tests, the_length_of_the_header_is_checked);
    tcase_add_test(tests, short_files_are_refused);
    tcase_add_test(tests, every_truncation_of_a_good_file_is_refused);
    tcase_add_test(tests, a_file_opens_and_knows_when_it_is_cut_off);
    tcase_add_test(tests, identity_changes_with_the_file);
    tcase_add_test(tests, identity_changes_with_data_of_the_same_size_and_time);
    tcase_add_test(tests, what_is_no_file_is_refused);
    tcase_add_test(tests, common_slips_get_a_hint);
    tcase_add_test(tests, one_of_several_files_asks_for_their_index);
    tcase_add_test(tests, a_header_that_changes_is_read_once);
    tcase_add_test(tests, an_index_joins_files);
    tcase_add_loop_test(tests, broken_indexes_are_refused, 0, COUNT(broken_index));
    tcase_add_test(tests, an_index_must_fit_its_files);
    return suite_run(suite);
}
