#include "frontend/measure/difference.h"

#include "tests/check.h"

#include <math.h>

static Difference compare(const float *logits, const float *reference, int rows, int columns) {
    Difference difference;
    difference_begin(&difference);
    for (int i = 0; i < rows; i++)
        difference_add(&difference, logits + i * columns, reference + i * columns, columns);
    return difference;
}

START_TEST(equal_rows_do_not_differ) {
    const float row[] = {1, 2, -3, 0, 5, 1};
    const Difference d = compare(row, row, 2, 3);
    ck_assert_double_eq(d.largest, 0);
    ck_assert_double_eq(d.divergence, 0);
    ck_assert_int_eq(d.agreeing, 2);
    ck_assert_int_eq(d.first_odd_choice, -1);
}
END_TEST

START_TEST(the_largest_difference_is_told_with_its_place) {
    const float logits[] = {1, 2, -3, 0, 5, 1.5F}, reference[] = {1, 2.25F, -3, 0, 5, 1};
    const Difference d = compare(logits, reference, 2, 3);
    ck_assert_double_eq(d.largest, 0.5);
    ck_assert_int_eq(d.largest_row, 1);
    ck_assert_int_eq(d.largest_column, 2);
    ck_assert_float_eq(d.largest_logit, 1.5F);
    ck_assert_float_eq(d.largest_reference, 1);
    ck_assert_double_eq(d.squares, 0.25 * 0.25 + 0.5 * 0.5);
    ck_assert_double_eq(difference_of_range(&d), 0.5 / (5 - -3));
}
END_TEST

/* p = (3/4, 1/4) and q = (1/2, 1/2): KL(p || q) = 3/4 log(3/2) + 1/4 log(1/2). */
START_TEST(the_divergence_is_that_of_the_softmax) {
    const float logits[] = {7, 7}, reference[] = {logf(3), 0};
    const Difference d = compare(logits, reference, 1, 2);
    ck_assert_double_eq_tol(d.divergence, 0.75 * log(1.5) + 0.25 * log(0.5), 1e-7);
}
END_TEST

START_TEST(logits_far_from_zero_have_a_divergence) {
    const float logits[] = {3000, 2000}, reference[] = {-2000, -3000};
    const Difference d = compare(logits, reference, 1, 2);
    ck_assert_double_eq(d.divergence, 0);
}
END_TEST

START_TEST(the_first_other_choice_is_told_and_by_how_much) {
    const float logits[] = {1, 0, 0, 3, 4, 0, 0, 9, 0}, reference[] = {1, 0, 0, 3, 1, 0, 9, 0, 0};
    const Difference d = compare(logits, reference, 3, 3);
    ck_assert_int_eq(d.agreeing, 1);
    ck_assert_int_eq(d.first_odd_choice, 1);
    ck_assert_int_eq(d.chosen, 1);
    ck_assert_int_eq(d.reference_chosen, 0);
    ck_assert_double_eq(d.behind, 2);
}
END_TEST

START_TEST(rows_that_are_no_numbers_are_counted_and_left_out) {
    const float logits[] = {NAN, 0, 1, 2, 3, 4}, reference[] = {0, 0, 1, INFINITY, 3, 4};
    const Difference d = compare(logits, reference, 3, 2);
    ck_assert_int_eq(d.rows, 3);
    ck_assert_int_eq(d.odd_rows, 2);
    ck_assert_int_eq(d.agreeing, 1);
    ck_assert_double_eq(d.largest, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("difference");
    TCase *tests = suite_case(suite, "difference", NULL, NULL);
    tcase_add_test(tests, equal_rows_do_not_differ);
    tcase_add_test(tests, the_largest_difference_is_told_with_its_place);
    tcase_add_test(tests, the_divergence_is_that_of_the_softmax);
    tcase_add_test(tests, logits_far_from_zero_have_a_divergence);
    tcase_add_test(tests, the_first_other_choice_is_told_and_by_how_much);
    tcase_add_test(tests, rows_that_are_no_numbers_are_counted_and_left_out);
    return suite_run(suite);
}
