/* test_spelling.c - "did you mean": near words are found, far ones are not guessed. */
#include "ir/spelling.h"
#include "tests/check.h"

static const char *nearest(const char *word) {
    static const char *const words[] = {"hidden", "heads",   "kv_heads", "bias", "gated",
                                        "in",     "project", "activate", "x"};
    return spelling_nearest(word, words, sizeof words / sizeof *words);
}

START_TEST(a_letter_more_less_or_other_is_near) {
    ck_assert_str_eq(nearest("hiden"), "hidden");
    ck_assert_str_eq(nearest("activates"), "activate");
    ck_assert_str_eq(nearest("kv_head"), "kv_heads");
    ck_assert_str_eq(nearest("Bias"), "bias");
}
END_TEST

START_TEST(swapped_neighbours_count_once) {
    ck_assert_str_eq(nearest("haeds"), "heads");
    ck_assert_str_eq(nearest("projcet"), "project");
}
END_TEST

START_TEST(words_that_are_far_are_not_suggested) {
    ck_assert_ptr_null(nearest("window"));
    ck_assert_ptr_null(nearest("matmul"));
    ck_assert_ptr_null(nearest("projectprojectprojectprojectproject"));
    ck_assert_ptr_null(nearest("a_word_that_is_longer_than_any_of_the_keys"));
}
END_TEST

START_TEST(one_letter_is_near_to_nothing) {
    ck_assert_ptr_null(nearest("y"));
    ck_assert_ptr_null(nearest(""));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("spelling");
    TCase *tests = suite_case(suite, "spelling", NULL, NULL);
    tcase_add_test(tests, a_letter_more_less_or_other_is_near);
    tcase_add_test(tests, swapped_neighbours_count_once);
    tcase_add_test(tests, words_that_are_far_are_not_suggested);
    tcase_add_test(tests, one_letter_is_near_to_nothing);
    return suite_run(suite);
}
