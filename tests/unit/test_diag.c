/* test_diag.c - what is kept of diagnostics, and how they are shown. */
#include "ir/diag.h"
#include "tests/unit/arena_fixture.h"

/* What diag_print() writes, in the arena. */
static const char *printed(void) {
    FILE *out = text_begin();
    diag_print(&diag, out);
    return arena_printf(arena, "%s", text_end(out));
}

static Source source_of(const char *text) {
    return (Source){"file.ir", text, strlen(text)};
}

/* ---- places ---- */

START_TEST(lines_and_columns_count_from_one) {
    const Source source = source_of("ab\n\ncd");
    const struct {
        uint32_t offset;
        int line, column;
    } places[] = {{0, 1, 1}, {1, 1, 2}, {2, 1, 3}, {3, 2, 1}, {4, 3, 1}, {5, 3, 2}, {6, 3, 3}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const LineColumn found = diag_line_column((Loc){&source, places[i].offset});
        ck_assert_int_eq(found.line, places[i].line);
        ck_assert_int_eq(found.column, places[i].column);
    }
}
END_TEST

START_TEST(a_place_past_the_end_is_the_end) {
    const Source source = source_of("ab\ncd");
    const LineColumn found = diag_line_column((Loc){&source, 1000});
    ck_assert_int_eq(found.line, 2);
    ck_assert_int_eq(found.column, 3);
}
END_TEST

START_TEST(a_place_without_text_has_no_line) {
    const Source binary = {"x.weights", NULL, 0};
    ck_assert_int_eq(diag_line_column((Loc){0}).line, 0);
    ck_assert_int_eq(diag_line_column((Loc){&binary, 7}).column, 0);
}
END_TEST

/* ---- printing ---- */

START_TEST(an_error_is_shown_with_its_line_and_a_caret) {
    const Source source = source_of("one\n  two three\n");
    ck_assert(!diag_error(&diag, (Loc){&source, 10}, "bad '%s'", "three"));
    ck_assert(!diag_hint(&diag, "did you mean '%s'?", "four"));
    ck_assert_str_eq(printed(), "file.ir:2:7: error: bad 'three'\n"
                                "    two three\n"
                                "        ^\n"
                                "  hint: did you mean 'four'?\n");
}
END_TEST

START_TEST(notes_and_warnings_follow_in_order) {
    const Source source = source_of("x"), binary = {"x.weights", NULL, 0};
    diag_warning(&diag, (Loc){&source, 0}, "odd");
    diag_error(&diag, (Loc){0}, "lost");
    diag_note(&diag, (Loc){&binary, 3}, "here");
    ck_assert_int_eq(diag.errors, 1);
    ck_assert_str_eq(printed(), "file.ir:1:1: warning: odd\n"
                                "  x\n"
                                "  ^\n"
                                "error: lost\n"
                                "x.weights: note: here\n");
}
END_TEST

START_TEST(what_a_terminal_would_act_on_is_not_shown) {
    const Source source = source_of("\x1b[31m\tr\xc2\x9b\x7f\xff!\r\n");
    diag_error(&diag, (Loc){&source, 11}, "bad '\x1b[2J\xc3\xa9\xe0\x80\x80'");
    diag_hint(&diag, "not\nthis");
    ck_assert_str_eq(printed(), "file.ir:1:12: error: bad '?[2J\xc3\xa9?\?\?'\n"
                                "  ?[31m r?\?\?!\n"
                                "            ^\n"
                                "  hint: not?this\n");
}
END_TEST

START_TEST(the_caret_stands_below_the_character_meant) {
    const Source source = source_of("\xe2\x82\xac\xc3\xa9x");
    diag_error(&diag, (Loc){&source, 5}, "here");
    ck_assert_str_eq(printed(), "file.ir:1:6: error: here\n  \xe2\x82\xac\xc3\xa9x\n    ^\n");
}
END_TEST

START_TEST(a_long_line_is_shown_around_the_place) {
    char text[2000];
    memset(text, '-', sizeof text);
    text[1000] = 'X';
    const Source source = {"long.ir", text, sizeof text};
    diag_error(&diag, (Loc){&source, 1000}, "here");
    const char *line = strchr(printed(), '\n') + 1, *caret_line = strchr(line, '\n') + 1;
    ck_assert_int_lt(caret_line - line, 200);
    ck_assert_int_eq(line[strchr(caret_line, '^') - caret_line], 'X');
}
END_TEST

START_TEST(a_long_message_loses_its_end) {
    char text[5000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    diag_error(&diag, (Loc){0}, "%s", text);
    ck_assert_uint_lt(strlen(diag.first->message), 2000);
    ck_assert_uint_gt(strlen(diag.first->message), 500);
}
END_TEST

/* ---- how many are kept ---- */

START_TEST(errors_beyond_the_most_are_counted_only) {
    for (int i = 0; i < DIAG_MAX_ERRORS + 3; i++) {
        diag_error(&diag, (Loc){0}, "error %d", i);
        diag_note(&diag, (Loc){0}, "note %d", i);
        diag_hint(&diag, "hint %d", i);
    }
    ck_assert_int_eq(diag.errors, DIAG_MAX_ERRORS + 3);
    int kept = 0;
    for (const Diagnostic *d = diag.first; d; d = d->next) kept++;
    ck_assert_int_eq(kept, 2 * DIAG_MAX_ERRORS);
    ck_assert_str_eq(diag.last->message, "note 19");
    ck_assert_str_eq(diag.last->hint, "hint 19");
    assert_says(printed(), "and 3 more errors\n");
}
END_TEST

START_TEST(a_hint_without_a_diagnostic_is_dropped) {
    diag_hint(&diag, "nothing to do");
    ck_assert_ptr_null(diag.first);
    ck_assert_str_eq(printed(), "");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("diag");
    TCase *tests = suite_case(suite, "diag", make_arena, drop_arena);
    tcase_add_test(tests, lines_and_columns_count_from_one);
    tcase_add_test(tests, a_place_past_the_end_is_the_end);
    tcase_add_test(tests, a_place_without_text_has_no_line);
    tcase_add_test(tests, an_error_is_shown_with_its_line_and_a_caret);
    tcase_add_test(tests, notes_and_warnings_follow_in_order);
    tcase_add_test(tests, what_a_terminal_would_act_on_is_not_shown);
    tcase_add_test(tests, the_caret_stands_below_the_character_meant);
    tcase_add_test(tests, a_long_line_is_shown_around_the_place);
    tcase_add_test(tests, a_long_message_loses_its_end);
    tcase_add_test(tests, errors_beyond_the_most_are_counted_only);
    tcase_add_test(tests, a_hint_without_a_diagnostic_is_dropped);
    return suite_run(suite);
}
