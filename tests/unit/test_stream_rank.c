#include "frontend/lens/eigenvalues.h"
#include "frontend/lens/stream_rank.h"
#include "tests/check.h"

#include <math.h>

enum { ROWS = 5, COLUMNS = 9 };

static double draw(unsigned *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return (double)(*seed >> 8) / (1 << 23) - 1;
}

START_TEST(rows_that_are_alike_have_rank_1_and_no_residual) {
    float x[ROWS * COLUMNS];
    StreamRank rank;
    for (int i = 0; i < ROWS * COLUMNS; i++) x[i] = (float)(i % COLUMNS - 3);
    ck_assert(stream_rank_find(x, ROWS, COLUMNS, &rank));
    ck_assert_double_eq_tol(rank.residual, 0, 1e-12);
    ck_assert_double_eq_tol(rank.effective, 1, 1e-5);
}
END_TEST

START_TEST(rows_at_right_angles_have_full_rank) {
    float x[ROWS * COLUMNS] = {0};
    StreamRank rank;
    for (int i = 0; i < ROWS; i++) x[i * COLUMNS + i] = -3;
    ck_assert(stream_rank_find(x, ROWS, COLUMNS, &rank));
    ck_assert_double_eq_tol(rank.residual, sqrt((ROWS - 1.0) / ROWS), 1e-12);
    ck_assert_double_eq_tol(rank.effective, ROWS, 1e-9);
}
END_TEST

START_TEST(the_rank_of_a_matrix_is_that_of_the_turned_one) {
    float x[ROWS * COLUMNS], turned[COLUMNS * ROWS];
    StreamRank rank, other;
    unsigned seed = 5;
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLUMNS; c++)
            x[r * COLUMNS + c] = turned[c * ROWS + r] = (float)draw(&seed);
    ck_assert(stream_rank_find(x, ROWS, COLUMNS, &rank));
    ck_assert(stream_rank_find(turned, COLUMNS, ROWS, &other));
    ck_assert_double_eq_tol(rank.effective, other.effective, 1e-12);
    ck_assert_double_ge(rank.effective, 1);
    ck_assert_double_le(rank.effective, ROWS);
}
END_TEST

START_TEST(one_row_has_no_residual_and_zeros_have_no_numbers) {
    const float x[] = {1, 2, 3}, zero[4] = {0};
    StreamRank rank;
    ck_assert(stream_rank_find(x, 1, 3, &rank));
    ck_assert(rank.residual == 0);
    ck_assert_double_eq_tol(rank.effective, 1, 1e-12);
    ck_assert(stream_rank_find(zero, 2, 2, &rank));
    ck_assert(isnan(rank.residual) && isnan(rank.effective));
}
END_TEST

/* Against the solver of other matrices, which says nothing of an order. */
START_TEST(symmetric_matrices_have_the_eigenvalues_of_all_matrices) {
    enum { N = 17 };
    double a[N * N], value[N];
    double complex any[N];
    unsigned seed = (unsigned)_i + 1;
    for (int r = 0; r < N; r++)
        for (int c = 0; c <= r; c++) a[r * N + c] = a[c * N + r] = draw(&seed);
    ck_assert(eigenvalues_of_symmetric(a, N, value));
    ck_assert(eigenvalues_find(a, N, any));
    for (int i = 0; i < N; i++) {
        double nearest = INFINITY;
        for (int k = 0; k < N; k++) nearest = fmin(nearest, cabs(any[k] - value[i]));
        ck_assert_double_le(nearest, 1e-12);
        if (i) ck_assert_double_le(value[i - 1], value[i]);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("stream_rank");
    TCase *all = suite_case(suite, "all", NULL, NULL);
    tcase_add_test(all, rows_that_are_alike_have_rank_1_and_no_residual);
    tcase_add_test(all, rows_at_right_angles_have_full_rank);
    tcase_add_test(all, the_rank_of_a_matrix_is_that_of_the_turned_one);
    tcase_add_test(all, one_row_has_no_residual_and_zeros_have_no_numbers);
    tcase_add_loop_test(all, symmetric_matrices_have_the_eigenvalues_of_all_matrices, 0, 10);
    return suite_run(suite);
}
