#include "frontend/lens/eigenvalues.h"
#include "tests/check.h"

#include <math.h>
#include <stdlib.h>

enum { MOST = 40 };

static double draw(unsigned *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return (double)(*seed >> 8) / (1 << 23) - 1;
}

/* sum of the k-th powers of the eigenvalues, for k = 1, 2, ...: the trace of A^k. */
static void check_powers(const double *a, int n, const double complex *value, int powers) {
    double *power = calloc((size_t)(n * n), sizeof *power),
           *next = calloc((size_t)(n * n), sizeof *next);
    ck_assert(power && next);
    for (int i = 0; i < n; i++) power[i * n + i] = 1;
    for (int k = 1; k <= powers; k++) {
        double trace = 0, size = 0;
        double complex sum = 0;
        for (int r = 0; r < n; r++)
            for (int c = 0; c < n; c++) {
                next[r * n + c] = 0;
                for (int i = 0; i < n; i++) next[r * n + c] += power[r * n + i] * a[i * n + c];
            }
        for (int i = 0; i < n * n; i++) power[i] = next[i];
        for (int i = 0; i < n; i++) {
            trace += power[i * n + i];
            sum += cpow(value[i], k);
            size += pow(cabs(value[i]), k);
        }
        ck_assert_double_le(cabs(sum - trace), 1e-10 * (size + 1e-300));
    }
    free(power);
    free(next);
}

START_TEST(powers_of_the_eigenvalues_sum_to_traces_of_powers) {
    unsigned seed = (unsigned)_i + 1;
    const int n = 1 + _i % MOST;
    double a[MOST * MOST];
    double complex value[MOST];
    for (int i = 0; i < n * n; i++) a[i] = draw(&seed) * (_i % 3 == 2 ? 1e-9 : 1);
    ck_assert(eigenvalues_find(a, n, value));
    check_powers(a, n, value, 6);
}
END_TEST

START_TEST(a_rotation_has_those_of_its_angle) {
    const double a[] = {cos(0.3), -sin(0.3), 0, sin(0.3), cos(0.3), 0, 0, 0, -2};
    double complex value[3];
    double sizes = 0, reals = 0;
    ck_assert(eigenvalues_find(a, 3, value));
    for (int i = 0; i < 3; i++) {
        sizes += cabs(value[i]);
        reals += creal(value[i]);
    }
    ck_assert_double_eq_tol(sizes, 4, 1e-14);
    ck_assert_double_eq_tol(reals, 2 * cos(0.3) - 2, 1e-14);
}
END_TEST

/* A shift of all places comes back after n: its eigenvalues have length 1, and QR steps without a
 * shift would leave it as it is. */
START_TEST(a_permutation_has_roots_of_1) {
    enum { N = 12 };
    double a[N * N] = {0};
    double complex value[N];
    for (int i = 0; i < N; i++) a[i * N + (i + 1) % N] = 1;
    ck_assert(eigenvalues_find(a, N, value));
    for (int i = 0; i < N; i++) ck_assert_double_eq_tol(cabs(cpow(value[i], N) - 1), 0, 1e-10);
}
END_TEST

START_TEST(one_number_that_is_an_eigenvalue_several_times_is_found_so_often) {
    const double a[] = {3, 1, 0, 0, 3, 1, 0, 0, 3}, zero[16] = {0};
    double complex value[4];
    ck_assert(eigenvalues_find(a, 3, value));
    for (int i = 0; i < 3; i++) ck_assert_double_eq_tol(cabs(value[i] - 3), 0, 1e-4);
    ck_assert(eigenvalues_find(zero, 4, value));
    for (int i = 0; i < 4; i++) ck_assert(value[i] == 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("eigenvalues");
    TCase *all = suite_case(suite, "all", NULL, NULL);
    tcase_add_loop_test(all, powers_of_the_eigenvalues_sum_to_traces_of_powers, 0, 120);
    tcase_add_test(all, a_rotation_has_those_of_its_angle);
    tcase_add_test(all, a_permutation_has_roots_of_1);
    tcase_add_test(all, one_number_that_is_an_eigenvalue_several_times_is_found_so_often);
    return suite_run(suite);
}
