/* Normal forms and the other steps of normalisers, beside utf8proc. */
#include "frontend/text/normal_compile.h"
#include "frontend/text/unicode_later.h"
#include "runtime/text/form.h"
#include "runtime/text/normal.h"
#include "tests/check.h"
#include "tests/unit/arena_fixture.h"
#include "tests/unit/random_text.h"

#include <utf8proc.h>

/* Tables of one step alone. */
static TextTables tables;
static TextSection section[2];
static TextStep step;
static TextBuffer compiled, result;

static const char *texts[2];

static void make_step(TextNormalKind kind, const char *from, const char *text) {
    TextNormal normal = {.kind = kind, .where = "normalizer"};
    TextSectionKind section_kind = TEXT_SECTION_head;
    compiled.count = 0;
    texts[0] = from ? from : "";
    texts[1] = text ? text : "";
    normal.from = (TextString){texts[0], strlen(texts[0])};
    normal.text = (TextString){texts[1], strlen(texts[1])};
    ck_assert(normal_compile(&normal, (Loc){0}, &compiled, &section_kind, &diag));
    const char *both = arena_printf(arena, "%s%s", texts[0], texts[1]);
    const uint32_t from_bytes = (uint32_t)normal.from.count;
    section[1] = (TextSection){.kind = section_kind, .bytes = compiled.count};
    tables = (TextTables){.file = compiled.bytes,
                          .directory = section,
                          .section_count = 2,
                          .step_bytes = (const uint8_t *)both};
    step = (TextStep){.kind = kind,
                      .section = 1,
                      .from_bytes = from_bytes,
                      .text = from_bytes,
                      .text_bytes = (uint32_t)normal.text.count};
    ck_assert(tw_text_normal_check(&tables, &step));
}

static const char *run_bytes(const uint8_t *text, size_t bytes, unsigned where) {
    result.count = 0;
    tw_text_normal(&tables, &step, text, bytes, where, &result);
    ck_assert(!result.failed);
    tw_text_buffer_add(&result, "", 1);
    return (const char *)result.bytes;
}

static const char *run(const char *text) {
    return run_bytes((const uint8_t *)text, strlen(text), TEXT_BEGINS | TEXT_ENDS);
}

START_TEST(lower_case_of_each_character) {
    make_step(TEXT_NORMAL_lowercase, NULL, NULL);
    ck_assert_str_eq(run("ABC \u00C4\u0416\u1E9E x"), "abc \u00E4\u0436\u00DF x");
    ck_assert_str_eq(run("\u0130"), "i\u0307");
    ck_assert_str_eq(run(""), "");
}
END_TEST

START_TEST(marks_are_dropped) {
    make_step(TEXT_NORMAL_strip_accents, NULL, NULL);
    ck_assert_str_eq(run("e\u0301\u0903x"), "e\u0903x");
    make_step(TEXT_NORMAL_strip_combining, NULL, NULL);
    ck_assert_str_eq(run("e\u0301\u0903x"), "ex");
}
END_TEST

START_TEST(berts_text_is_clean) {
    make_step(TEXT_NORMAL_bert_clean, NULL, NULL);
    ck_assert_str_eq(run("a\tb\nc\rd\x01\x0B\u200B\uFFFD\u00AD\u2028\u3000z"), "a b c d  z");
    make_step(TEXT_NORMAL_bert_chinese, NULL, NULL);
    ck_assert_str_eq(run("a\u4E00\u4E01b\uAC00"), "a \u4E00  \u4E01 b\uAC00");
}
END_TEST

START_TEST(nmt_drops_and_makes_spaces) {
    make_step(TEXT_NORMAL_nmt, NULL, NULL);
    ck_assert_str_eq(run("a\x01\x7F"
                         "b\t\u200B\u2581\uFEFFz"),
                     "ab    z");
}
END_TEST

START_TEST(texts_are_replaced) {
    make_step(TEXT_NORMAL_replace, " ", "\u2581");
    ck_assert_str_eq(run(" a  b "), "\u2581a\u2581\u2581b\u2581");
    make_step(TEXT_NORMAL_replace, "aa", "");
    ck_assert_str_eq(run("aaaba"), "aba");
    make_step(TEXT_NORMAL_replace_pattern, "\\s+", " ");
    ck_assert_str_eq(run("a \t\n b  "), "a b ");
}
END_TEST

START_TEST(texts_are_put_before_and_behind_what_is_not_empty) {
    make_step(TEXT_NORMAL_prepend, NULL, "\u2581");
    ck_assert_str_eq(run("a"), "\u2581"
                               "a");
    ck_assert_str_eq(run(""), "");
    ck_assert_str_eq(run_bytes((const uint8_t *)"a", 1, TEXT_ENDS), "a");
    make_step(TEXT_NORMAL_append, NULL, "!");
    ck_assert_str_eq(run("a"), "a!");
    ck_assert_str_eq(run_bytes((const uint8_t *)"a", 1, TEXT_BEGINS), "a");
}
END_TEST

START_TEST(white_space_is_stripped_at_both_ends) {
    make_step(TEXT_NORMAL_strip_left, NULL, NULL);
    ck_assert_str_eq(run(" \u3000\na b\u2003"), "a b\u2003");
    make_step(TEXT_NORMAL_strip_right, NULL, NULL);
    ck_assert_str_eq(run(" \u3000\na b\u2003\n"), " \u3000\na b");
    ck_assert_str_eq(run(" \u3000"), "");
}
END_TEST

START_TEST(a_bad_expression_is_reported) {
    const TextNormal normal = {
        .kind = TEXT_NORMAL_replace_pattern, .where = "normalizer", .from = {"(a", 2}};
    TextSectionKind kind;
    ck_assert(!normal_compile(&normal, (Loc){0}, &compiled, &kind, &diag));
    assert_says(diag.first->message, "normalizer: ");
}
END_TEST

/* Hugging Face's libraries stand still at different versions of Unicode. */
START_TEST(characters_count_as_of_the_version_that_models_knew) {
    make_step(TEXT_NORMAL_strip_accents, NULL, NULL);
    ck_assert_str_eq(run("a\u0301\u1734\u1885\u08D4z"), "a\u1885\u08D4z"); /* U+8D4: 9 */
    make_step(TEXT_NORMAL_strip_combining, NULL, NULL);
    ck_assert_str_eq(run("a\u08D4\u07FD\u1CF2z"), "a\u07FDz"); /* U+7FD: 11 */
    make_step(TEXT_NORMAL_bert_clean, NULL, NULL);
    ck_assert_str_eq(run("a\u061C\u08E2z"), "a\u08E2z"); /* U+8E2: 9 */
    make_step(TEXT_NORMAL_nfkc, NULL, NULL);
    ck_assert_str_eq(run("\u337B\u32FF"), "\u5E73\u6210\u32FF"); /* U+32FF: 12.1 */
    make_step(TEXT_NORMAL_lowercase, NULL, NULL);
    ck_assert_str_eq(run("\uA7CB\U00010D50"), "\u0264\U00010D70"); /* 16 */
}
END_TEST

/* ---- normal forms, beside utf8proc ---- */

static const struct {
    TextNormalKind kind;
    int options;
} forms[] = {
    {TEXT_NORMAL_nfc, UTF8PROC_STABLE | UTF8PROC_COMPOSE},
    {TEXT_NORMAL_nfd, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE},
    {TEXT_NORMAL_nfkc, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
    {TEXT_NORMAL_nfkd, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
};

static void compare(const uint8_t *text, size_t bytes, int options) {
    utf8proc_uint8_t *his = NULL;
    const utf8proc_ssize_t count =
        utf8proc_map(text, (utf8proc_ssize_t)bytes, &his, (utf8proc_option_t)options);
    const char *ours = run_bytes(text, bytes, TEXT_BEGINS | TEXT_ENDS);
    ck_assert_msg(count == (utf8proc_ssize_t)result.count - 1 && !memcmp(his, ours, (size_t)count),
                  "'%.*s': '%s', and utf8proc's '%.*s'", (int)bytes, text, ours, (int)count, his);
    free(his);
}

/* Of those with which nothing happens, some. */
START_TEST(each_character_has_its_form) {
    make_step(forms[_i].kind, NULL, NULL);
    for (uint32_t c = 1; c < 0x110000; c++) {
        const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)c);
        const bool is_quiet = property->decomp_seqindex == UINT16_MAX &&
                              !property->combining_class && property->comb_index == UINT16_MAX;
        if (c / 0x800 == 0x1B || (is_quiet && c % 64)) continue; /* surrogates */
        if (unicode_age(c) > UNICODE_FORMS) continue;
        uint8_t text[4];
        compare(text, put_character(text, c), forms[_i].options);
    }
}
END_TEST

/* Marks and letters that have much to do with each other. */
static uint32_t restless_character(void) {
    static const uint32_t some[] = {'a',    'e',    'o',     0x301,  0x300,  0x323,   0x327,
                                    0x31B,  0x345,  0x1161,  0x11A8, 0x1100, 0xAC00,  0xAC01,
                                    0x93C,  0x915,  0x958,   0x1E9B, 0x344,  0x212B,  0xC5,
                                    0x9BE,  0x9C7,  0x1D15E, 0xFB1D, 0x5B4,  0x3099,  0x304B,
                                    0xFF76, 0xFF9E, 0x2126,  0x1EA5, 0xE2,   0x110A5, 0x110BA};
    const uint32_t kind = random_below(3);
    if (kind == 0) return random_character();
    if (kind == 1) return 0x300 + random_below(0x50);
    return some[random_below(COUNT(some))];
}

START_TEST(random_texts_have_their_form) {
    make_step(forms[_i].kind, NULL, NULL);
    random_state = 5;
    for (int turn = 0; turn < 10000; turn++) {
        uint8_t text[400];
        size_t bytes = 0;
        for (uint32_t i = random_below(20); i; i--)
            bytes += put_character(text + bytes, restless_character());
        compare(text, bytes, forms[_i].options);
    }
}
END_TEST

/* As long as utf8proc can wait for, whose time is quadratic. */
START_TEST(rows_of_marks_are_put_in_order) {
    enum { MARKS = 1000 };
    make_step(TEXT_NORMAL_nfc, NULL, NULL);
    uint8_t text[4 + 2 * MARKS];
    size_t bytes = put_character(text, 'a');
    for (int i = 0; i < MARKS; i++)
        bytes += put_character(text + bytes, 0x300 + random_below(0x30));
    compare(text, bytes, forms[0].options);
}
END_TEST

START_TEST(a_long_row_of_marks_takes_no_time) {
    enum { MARKS = 1000000 };
    make_step(TEXT_NORMAL_nfd, NULL, NULL);
    uint8_t *text = malloc(2 * MARKS);
    for (size_t i = 0; i < MARKS; i++) put_character(text + 2 * i, i % 2 ? 0x301 : 0x323);
    const char *formed = run_bytes(text, 2 * MARKS, 0);
    ck_assert_uint_eq(result.count - 1, 2 * MARKS);
    for (size_t i = 0; i < MARKS; i++)
        ck_assert(!memcmp(formed + 2 * i, i < MARKS / 2 ? "\u0323" : "\u0301", 2));
    free(text);
}
END_TEST

START_TEST(any_bytes_are_formed_without_harm) {
    make_step(forms[_i].kind, NULL, NULL);
    for (int turn = 0; turn < 5000; turn++) {
        const size_t bytes = random_below(30);
        uint8_t *text = malloc(bytes + 1);
        for (size_t i = 0; i < bytes; i++) text[i] = (uint8_t)(0x60 + random_below(160));
        run_bytes(text, bytes, 0);
        free(text);
    }
}
END_TEST

START_TEST(damaged_forms_are_refused_or_harmless) {
    make_step(forms[_i].kind, NULL, NULL);
    const uint8_t text[] = "abc\u00C5e\u0301\uAC00\u1100\u1161\u11A8\uFB01 x\u0323\u0301";
    uint8_t *copy = malloc(compiled.count);
    ck_assert(!tw_text_form_check(compiled.bytes, compiled.count - 1));
    for (int turn = 0; turn < 2000; turn++) {
        memcpy(copy, compiled.bytes, compiled.count);
        const uint32_t within = random_below(2) ? 32 : (uint32_t)compiled.count;
        for (int i = 0; i < 2; i++) copy[random_below(within)] = (uint8_t)random_below(256);
        result.count = 0;
        if (tw_text_form_check(copy, compiled.count))
            tw_text_form(copy, text, sizeof text, &result);
    }
    free(copy);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("normal");
    TCase *tests = suite_case(suite, "normal", make_arena, drop_arena);
    tcase_add_test(tests, lower_case_of_each_character);
    tcase_add_test(tests, marks_are_dropped);
    tcase_add_test(tests, berts_text_is_clean);
    tcase_add_test(tests, nmt_drops_and_makes_spaces);
    tcase_add_test(tests, texts_are_replaced);
    tcase_add_test(tests, texts_are_put_before_and_behind_what_is_not_empty);
    tcase_add_test(tests, white_space_is_stripped_at_both_ends);
    tcase_add_test(tests, a_bad_expression_is_reported);
    tcase_add_test(tests, characters_count_as_of_the_version_that_models_knew);
    tcase_add_loop_test(tests, each_character_has_its_form, 0, COUNT(forms));
    tcase_add_loop_test(tests, random_texts_have_their_form, 0, COUNT(forms));
    tcase_add_test(tests, rows_of_marks_are_put_in_order);
    tcase_add_test(tests, a_long_row_of_marks_takes_no_time);
    tcase_add_loop_test(tests, any_bytes_are_formed_without_harm, 0, COUNT(forms));
    tcase_add_loop_test(tests, damaged_forms_are_refused_or_harmless, 0, COUNT(forms));
    return suite_run(suite);
}
