#include "frontend/model/yaml.h"
#include "tests/check.h"

#include <math.h>

typedef struct {
    Arena *arena;
    Diag diag;
    Source source;
    const YamlNode *root;
} Reading;

static Reading *read_bytes(const char *text, size_t length) {
    Arena *arena = arena_create();
    Reading *r = ARENA_NEW(arena, Reading);
    r->arena = arena;
    r->diag.arena = arena;
    r->source = (Source){"test.yaml", text, length};
    r->root = yaml_parse(arena, &r->diag, &r->source);
    return r;
}

static Reading *read_text(const char *text) {
    return read_bytes(text, strlen(text));
}

static void end(Reading *r) {
    arena_destroy(r->arena);
}

/* The place and message of the first error. */
static void expect_error(const Reading *r, int line, int column, const char *message) {
    ck_assert_int_ge(r->diag.errors, 1);
    const LineColumn found = diag_line_column(r->diag.first->loc);
    ck_assert_str_eq(r->diag.first->message, message);
    ck_assert_int_eq(found.line, line);
    ck_assert_int_eq(found.column, column);
}

static void expect_refused(const char *text, int line, int column, const char *message) {
    Reading *r = read_text(text);
    ck_assert_ptr_null(r->root);
    expect_error(r, line, column, message);
    end(r);
}

/* ---- the tree ---- */

START_TEST(mappings_and_sequences_keep_their_order_and_places) {
    Reading *r = read_text("a: 1\nb: [x, {c: 'y z'}]\n");
    ck_assert_ptr_nonnull(r->root);
    ck_assert_int_eq(r->root->kind, YAML_MAPPING);
    ck_assert_int_eq(r->root->count, 2);
    const YamlNode *a = r->root->first, *b = a->next;
    ck_assert_str_eq(a->key, "a");
    ck_assert_str_eq(a->text, "1");
    ck_assert_uint_eq(a->key_loc.offset, 0);
    ck_assert_uint_eq(a->loc.offset, 3);
    ck_assert_int_eq(b->kind, YAML_SEQUENCE);
    ck_assert_uint_eq(b->loc.offset, 8);
    const YamlNode *c = yaml_find(yaml_element(b, 1), "c");
    ck_assert_str_eq(c->text, "y z");
    ck_assert(c->is_quoted);
    ck_assert(!a->is_quoted);
    ck_assert_uint_eq(c->loc.offset, 16);
    ck_assert_str_eq(yaml_path(c, r->arena), "b[1].c");
    ck_assert_str_eq(yaml_path(r->root, r->arena), "");
    end(r);
}
END_TEST

START_TEST(what_is_not_there_is_not_found) {
    Reading *r = read_text("a: [1]\n");
    const YamlNode *a = yaml_find(r->root, "a");
    ck_assert_ptr_null(yaml_find(r->root, "b"));
    ck_assert_ptr_null(yaml_find(a, "b"));
    ck_assert_ptr_null(yaml_find(NULL, "b"));
    ck_assert_ptr_null(yaml_element(a, 1));
    ck_assert_ptr_null(yaml_element(r->root, 0));
    end(r);
}
END_TEST

START_TEST(places_count_bytes_not_characters) {
    Reading *r = read_text("\xc3\xa9: \xe6\x97\xa5\nb: x\n");
    const YamlNode *b = yaml_find(r->root, "b");
    ck_assert_uint_eq(b->key_loc.offset, 8);
    ck_assert_uint_eq(b->loc.offset, 11);
    end(r);
}
END_TEST

START_TEST(places_are_right_after_a_byte_order_mark_and_windows_line_ends) {
    Reading *r = read_text("\xef\xbb\xbf"
                           "a: 1\r\nb: x\r\n");
    ck_assert_ptr_nonnull(r->root);
    const YamlNode *b = yaml_find(r->root, "b");
    ck_assert_uint_eq(b->key_loc.offset, 9);
    ck_assert_uint_eq(b->loc.offset, 12);
    end(r);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(files_that_are_no_description_are_refused) {
    expect_refused("", 1, 1, "the file is empty");
    expect_refused("# only a comment\n", 1, 1, "the file is empty");
    expect_refused("a: 1\n--- \nb: 2\n", 2, 1, "a second document in the file");
    expect_refused("a: &x 1\n", 1, 4, "anchors and aliases are not supported");
    expect_refused("a: &x [1]\n", 1, 4, "anchors and aliases are not supported");
    expect_refused("a: *x\n", 1, 4, "anchors and aliases are not supported");
    expect_refused("a: !!int 1\n", 1, 4, "tags are not supported");
    expect_refused("a: ! {}\n", 1, 4, "tags are not supported");
    expect_refused("{a: 1}: 2\n", 1, 1, "a list or a mapping cannot be a key");
    expect_refused("[1]: 2\n", 1, 1, "a list or a mapping cannot be a key");
    expect_refused("a: \"\\0\"\n", 1, 4, "text with a zero byte inside");
    expect_refused("a: [1\n", 2, 1, "not valid YAML: did not find expected ',' or ']'");
    expect_refused("a: \x80\n", 1, 4, "not text in UTF-8: invalid leading UTF-8 octet");
    expect_refused("a: \x01\n", 1, 4, "not text in UTF-8: control characters are not allowed");
}
END_TEST

START_TEST(a_zero_byte_does_not_end_the_text) {
    Reading *r = read_bytes("a: 1\n\0b: 2\n", 11);
    ck_assert_ptr_null(r->root);
    expect_error(r, 2, 1, "not text in UTF-8: control characters are not allowed");
    end(r);
}
END_TEST

START_TEST(duplicate_keys_are_refused_with_both_places) {
    Reading *r = read_text("m:\n  b: 1\n  a: 2\n  b: 3\n  'a': 4\n");
    ck_assert_ptr_null(r->root);
    ck_assert_int_eq(r->diag.errors, 2);
    expect_error(r, 5, 3, "m.a: this key is given twice");
    const Diagnostic *note = r->diag.first->next;
    ck_assert_int_eq(note->severity, DIAG_NOTE);
    ck_assert_int_eq(diag_line_column(note->loc).line, 3);
    ck_assert_int_eq(diag_line_column(note->next->loc).line, 4);
    end(r);
}
END_TEST

START_TEST(the_deepest_nesting_is_64) {
    for (size_t depth = YAML_MAX_DEPTH; depth <= YAML_MAX_DEPTH + 1; depth++) {
        char text[2 * (YAML_MAX_DEPTH + 1) + 1] = {0};
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        Reading *r = read_text(text);
        ck_assert_int_eq(r->root != NULL, depth == YAML_MAX_DEPTH);
        if (!r->root) expect_error(r, 1, 65, "nested deeper than 64 levels");
        end(r);
    }
}
END_TEST

static char *repeated(const char *part, size_t count) {
    const size_t length = strlen(part);
    char *text = malloc(length * count + 1);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < count; i++) memcpy(text + i * length, part, length);
    text[length * count] = '\0';
    return text;
}

START_TEST(too_many_values_and_bytes_are_refused) {
    char *values = repeated("-\n", YAML_MAX_NODES);
    Reading *r = read_text(values);
    ck_assert_ptr_null(r->root);
    expect_error(r, YAML_MAX_NODES, 2, "more than 65536 values in one file");
    end(r);
    free(values);
    char *bytes = repeated("#", YAML_MAX_BYTES + 1);
    r = read_text(bytes);
    expect_error(r, 1, 1, "the file has more than 1048576 bytes, which are the most that are read");
    end(r);
    free(bytes);
}
END_TEST

/* ---- values ---- */

typedef struct {
    const char *text;
    int64_t value; /* of an integer; INT64_MIN: refused */
} Integer;

static const Integer integers[] = {
    {"0", 0},
    {"-0", 0},
    {"42", 42},
    {"-7", -7},
    {"1000000", 1000000},
    {"1000001", INT64_MIN},
    {"99999999999999999999", INT64_MIN},
    {"1e3", INT64_MIN},
    {"0x10", INT64_MIN},
    {"0o17", INT64_MIN},
    {"010", INT64_MIN},
    {"+5", INT64_MIN},
    {"1_000", INT64_MIN},
    {"1.0", INT64_MIN},
    {"'1'", INT64_MIN},
    {"", INT64_MIN},
    {"[]", INT64_MIN},
    {"true", INT64_MIN},
    {"1:30", INT64_MIN},
    {"--1", INT64_MIN},
};

START_TEST(integers_are_decimal_and_in_range) {
    const Integer *test = &integers[_i];
    char text[64];
    snprintf(text, sizeof text, "k: %s\n", test->text);
    Reading *r = read_text(text);
    int64_t value = 77;
    const bool ok = yaml_read_integer(yaml_find(r->root, "k"), &r->diag, -10, 1000000, &value);
    ck_assert_int_eq(ok, test->value != INT64_MIN);
    ck_assert_int_eq(value, ok ? test->value : 77);
    ck_assert_int_eq(r->diag.errors, !ok);
    end(r);
}
END_TEST

typedef struct {
    const char *text;
    double value; /* NAN: refused */
} Real;

static const Real reals[] = {
    {"1e-5", 1e-5}, {"10000", 10000}, {"-.5", -0.5},  {"+2.", 2},    {"3E+2", 300},
    {"010", 10},    {"1e400", NAN},   {".inf", NAN},  {".nan", NAN}, {"nan", NAN},
    {"inf", NAN},   {"0x1p3", NAN},   {"1e", NAN},    {"e5", NAN},   {".", NAN},
    {"1,5", NAN},   {"1_0", NAN},     {"'1.5'", NAN}, {"{}", NAN},   {"1e999999", NAN},
    {"~", NAN},     {"2e6", NAN},     {"1e-999", 0},  {"0.1", 0.1},  {"--1", NAN},
};

START_TEST(reals_are_finite_and_in_range) {
    const Real *test = &reals[_i];
    char text[64];
    snprintf(text, sizeof text, "k: %s\n", test->text);
    Reading *r = read_text(text);
    double value = 77;
    const bool ok = yaml_read_real(yaml_find(r->root, "k"), &r->diag, -1e6, 1e6, &value);
    ck_assert_int_eq(ok, !isnan(test->value));
    ck_assert_double_eq(value, ok ? test->value : 77);
    end(r);
}
END_TEST

static Reading *read_value(const char *value) {
    char text[64];
    snprintf(text, sizeof text, "k: %s\n", value);
    return read_text(text);
}

START_TEST(booleans_have_all_of_yamls_spellings) {
    static const char *const words[] = {"false", "False", "FALSE", "no",   "No",   "NO",
                                        "off",   "Off",   "OFF",   "true", "True", "TRUE",
                                        "yes",   "Yes",   "YES",   "on",   "On",   "ON"};
    const size_t count = sizeof words / sizeof *words;
    for (size_t i = 0; i < count; i++) {
        Reading *r = read_value(words[i]);
        bool value = i < count / 2;
        ck_assert(yaml_read_bool(yaml_find(r->root, "k"), &r->diag, &value));
        ck_assert_int_eq(value, i >= count / 2);
        end(r);
    }
}
END_TEST

START_TEST(what_is_no_boolean_is_refused) {
    static const char *const others[] = {"1",  "'true'", "\"yes\"", "~", "[]",    "tRUE", "TRue",
                                         "yE", "yess",   "y",       "n", "trueX", "T",    ""};
    bool value = false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        Reading *r = read_value(others[i]);
        ck_assert(!yaml_read_bool(yaml_find(r->root, "k"), &r->diag, &value));
        end(r);
    }
}
END_TEST

START_TEST(null_has_all_of_yamls_spellings) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    static const char *const others[] = {"''",   "'~'", "\"null\"", "nULL",
                                         "none", "nil", "[]",       "{}"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        Reading *r = read_value(words[i]);
        const char *text;
        ck_assert(yaml_is_null(yaml_find(r->root, "k")));
        ck_assert(!yaml_read_text(yaml_find(r->root, "k"), &r->diag, &text));
        end(r);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        Reading *r = read_value(others[i]);
        ck_assert(!yaml_is_null(yaml_find(r->root, "k")));
        end(r);
    }
}
END_TEST

START_TEST(words_that_are_not_offered_are_read) {
    static const char *const words[] = {"relu", "silu", "mish"};
    Reading *r = read_text("known: mish\nnear: mich\n");
    int index = -1;
    ck_assert(yaml_read_word(yaml_find(r->root, "known"), &r->diag, words, 3, 2, &index));
    ck_assert_int_eq(index, 2);
    ck_assert(!yaml_read_word(yaml_find(r->root, "near"), &r->diag, words, 3, 2, &index));
    ck_assert_str_eq(r->diag.first->message, "near: expected relu or silu, found 'mich'");
    ck_assert_ptr_null(r->diag.first->hint);
    end(r);
}
END_TEST

START_TEST(errors_say_path_expected_and_found) {
    Reading *r = read_text("a:\n  - b: no\n");
    int64_t value = 0;
    const YamlNode *b = yaml_find(yaml_element(yaml_find(r->root, "a"), 0), "b");
    ck_assert(!yaml_read_integer(b, &r->diag, 1, 9, &value));
    expect_error(r, 2, 8, "a[0].b: expected an integer from 1 to 9, found 'no'");
    end(r);
}
END_TEST

START_TEST(words_are_suggested_where_one_is_near) {
    static const char *const words[] = {"relu", "gelu_tanh", "silu"};
    Reading *r = read_text("near: gelu_tanj\nfar: tanh\nlist: [relu]\n");
    int index = -1;
    ck_assert(!yaml_read_word(yaml_find(r->root, "near"), &r->diag, words, 3, 3, &index));
    expect_error(r, 1, 7, "near: expected relu, gelu_tanh or silu, found 'gelu_tanj'");
    ck_assert_str_eq(r->diag.first->hint, "did you mean 'gelu_tanh'?");
    ck_assert(!yaml_read_word(yaml_find(r->root, "far"), &r->diag, words, 3, 3, &index));
    ck_assert_ptr_null(r->diag.last->hint);
    ck_assert(!yaml_read_word(yaml_find(r->root, "list"), &r->diag, words, 3, 3, &index));
    ck_assert_str_eq(r->diag.last->message,
                     "list: expected relu, gelu_tanh or silu, found a list of 1");
    ck_assert_int_eq(index, -1);
    end(r);
}
END_TEST

START_TEST(shown_text_is_short_and_without_control_characters) {
    Arena *arena = arena_create();
    ck_assert_str_eq(yaml_show("plain", arena), "plain");
    ck_assert_str_eq(yaml_show("", arena), "");
    ck_assert_str_eq(yaml_show("a\033[1m\177\xc2\x9b"
                               "b",
                               arena),
                     "a?[1m??b");
    ck_assert_str_eq(yaml_show("0123456789012345678901234567890123456789", arena),
                     "0123456789012345678901234567890123456789");
    ck_assert_str_eq(yaml_show("01234567890123456789012345678901234567890", arena),
                     "0123456789012345678901234567890123456789...");
    ck_assert_str_eq(yaml_show("012345678901234567890123456789012345678\xc3\xa9", arena),
                     "012345678901234567890123456789012345678...");
    arena_destroy(arena);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("yaml");
    TCase *tests = suite_case(suite, "yaml", NULL, NULL);
    tcase_add_test(tests, mappings_and_sequences_keep_their_order_and_places);
    tcase_add_test(tests, what_is_not_there_is_not_found);
    tcase_add_test(tests, places_count_bytes_not_characters);
    tcase_add_test(tests, places_are_right_after_a_byte_order_mark_and_windows_line_ends);
    tcase_add_test(tests, files_that_are_no_description_are_refused);
    tcase_add_test(tests, a_zero_byte_does_not_end_the_text);
    tcase_add_test(tests, duplicate_keys_are_refused_with_both_places);
    tcase_add_test(tests, the_deepest_nesting_is_64);
    tcase_add_test(tests, too_many_values_and_bytes_are_refused);
    tcase_add_loop_test(tests, integers_are_decimal_and_in_range, 0, COUNT(integers));
    tcase_add_loop_test(tests, reals_are_finite_and_in_range, 0, COUNT(reals));
    tcase_add_test(tests, booleans_have_all_of_yamls_spellings);
    tcase_add_test(tests, what_is_no_boolean_is_refused);
    tcase_add_test(tests, null_has_all_of_yamls_spellings);
    tcase_add_test(tests, words_that_are_not_offered_are_read);
    tcase_add_test(tests, errors_say_path_expected_and_found);
    tcase_add_test(tests, words_are_suggested_where_one_is_near);
    tcase_add_test(tests, shown_text_is_short_and_without_control_characters);
    return suite_run(suite);
}
