#include "codegen/emit/repeat.h"
#include "tests/check.h"

static bool is_same_letter(const void *text, int first, int second) {
    return ((const char *)text)[first] == ((const char *)text)[second];
}

/* Steps are letters. */
static void expect(const char *text, int first, int length, int times) {
    const Repeat repeat = repeat_find(is_same_letter, text, first, (int)strlen(text));
    ck_assert_msg(repeat.length == length && repeat.times == times,
                  "%s from %d: expected %d steps %d times, found %d steps %d times", text, first,
                  length, times, repeat.length, repeat.times);
}

START_TEST(equal_layers_repeat_between_what_differs) {
    expect("Erapgdrapgdrapgdh", 0, 1, 1);
    expect("Erapgdrapgdrapgdh", 1, 5, 3);
    expect("Erapgdrapgdrapgdh", 16, 1, 1);
}
END_TEST

START_TEST(layers_that_alternate_repeat_in_pairs) {
    expect("rwdrfdrwdrfdrwdh", 0, 6, 2);
}
END_TEST

START_TEST(a_repetition_in_another_is_not_taken_alone) {
    expect("aaabaaabaaab", 0, 4, 3);
    expect("aaab", 0, 1, 3);
}
END_TEST

START_TEST(the_shortest_of_those_that_cover_as_much) {
    expect("abababab", 0, 2, 4);
    expect("aaaa", 0, 1, 4);
}
END_TEST

START_TEST(half_a_turn_at_the_end_stays_outside) {
    expect("abcabcab", 0, 3, 2);
    expect("abcab", 0, 1, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("repeat");
    TCase *tests = suite_case(suite, "repeat", NULL, NULL);
    tcase_add_test(tests, equal_layers_repeat_between_what_differs);
    tcase_add_test(tests, layers_that_alternate_repeat_in_pairs);
    tcase_add_test(tests, a_repetition_in_another_is_not_taken_alone);
    tcase_add_test(tests, the_shortest_of_those_that_cover_as_much);
    tcase_add_test(tests, half_a_turn_at_the_end_stays_outside);
    return suite_run(suite);
}
