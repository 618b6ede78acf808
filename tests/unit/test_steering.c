/* test_steering.c - the direction between two sets of states. */
#include "frontend/lens/steering.h"
#include "tests/check.h"

#include <math.h>
#include <string.h>

/* Far apart along the first column; along the second each pair is, by turns. */
static const float positive[] = {3, 5, 1, 1, -5, 1, 2, 5, 1, 2, -5, 1};
static const float negative[] = {-1, -5, 1, -1, 5, 1, -2, -5, 1, 0, 5, 1};
static const SteeringStates states = {positive, negative, 4, 4, 3};

START_TEST(the_means_are_apart_by_the_vector) {
    float vector[3];
    Steering found;
    ck_assert(steering_find(&states, STEERING_MEAN, vector, &found));
    ck_assert(vector[0] == 3 && vector[1] == 0 && vector[2] == 0);
    ck_assert(found.length == 3 && found.separated == 1);
}
END_TEST

/* D = (4 10 0)(2 -10 0)(4 10 0)(2 -10 0): D^T D has 40 and 40 in a row, 40 and 400 in the other. */
START_TEST(a_component_is_that_of_the_differences) {
    float vector[3];
    Steering found;
    ck_assert(steering_find(&states, STEERING_PCA, vector, &found));
    const double largest = 220 + sqrt(180 * 180 + 40 * 40);
    ck_assert(fabs((double)vector[1] / (double)vector[0] - (largest - 40) / 40) < 1e-5);
    ck_assert(vector[2] == 0 && vector[0] > 0);
    ck_assert(fabs(found.length - 3 / sqrt(1 + pow((largest - 40) / 40, 2))) < 1e-6);
    ck_assert(found.separated >= 0.5 && found.separated < 1);
}
END_TEST

START_TEST(sets_that_are_the_same_have_no_direction) {
    float vector[3];
    Steering found;
    const SteeringStates same = {positive, positive, 4, 4, 3};
    ck_assert(!steering_find(&same, STEERING_MEAN, vector, &found));
    ck_assert(!steering_find(&same, STEERING_PCA, vector, &found));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("steering");
    TCase *tests = tcase_create("steering");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, the_means_are_apart_by_the_vector);
    tcase_add_test(tests, a_component_is_that_of_the_differences);
    tcase_add_test(tests, sets_that_are_the_same_have_no_direction);
    return suite_run(suite);
}
