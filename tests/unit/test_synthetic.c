/* test_synthetic.c - made-up weights are the same everywhere and have the spread that they should.
 */
#include "frontend/weights/synthetic.h"
#include "tests/check.h"

#include <math.h>

static const uint64_t seed = 7;

static void fill(uint64_t from_seed, const char *param, int64_t first, int64_t count,
                 int64_t columns, float *out) {
    const Weights weights = synthetic_weights(&from_seed);
    ck_assert(weights.rows(&weights, param, first, count, columns, out));
}

START_TEST(values_are_fixed) {
    float out[4];
    fill(1, "blocks.0.mlp.up.weight", 5, 1, 4, out);
    const float expected[] = {-0.337679714F, -0.426892698F, 0.128654107F, 0.0943667591F};
    for (int i = 0; i < 4; i++) ck_assert_float_eq(out[i], expected[i]);
}
END_TEST

START_TEST(rows_do_not_depend_on_what_is_read_with_them) {
    enum { ROWS = 37, COLUMNS = 19 };
    float all[ROWS * COLUMNS], one[COLUMNS], some[5 * COLUMNS];
    fill(seed, "embed.tokens", 0, ROWS, COLUMNS, all);
    for (int i = 0; i < ROWS; i++) {
        fill(seed, "embed.tokens", i, 1, COLUMNS, one);
        ck_assert_mem_eq(one, all + i * COLUMNS, sizeof one);
    }
    fill(seed, "embed.tokens", 11, 5, COLUMNS, some);
    ck_assert_mem_eq(some, all + 11 * COLUMNS, sizeof some);
}
END_TEST

START_TEST(seeds_names_rows_and_columns_all_matter) {
    float base[64], other[64];
    fill(1, "a.weight", 0, 8, 8, base);
    fill(2, "a.weight", 0, 8, 8, other);
    ck_assert_mem_ne(base, other, sizeof base);
    fill(1, "b.weight", 0, 8, 8, other);
    ck_assert_mem_ne(base, other, sizeof base);
    for (int i = 0; i < 64; i++)
        for (int k = 0; k < i; k++) ck_assert_float_ne(base[i], base[k]);
}
END_TEST

typedef struct {
    double mean, deviation, least, most, neighbours; /* correlation of columns c and c + 1 */
} Moments;

static Moments measure(const char *param, int64_t rows, int64_t columns) {
    const int64_t count = rows * columns;
    float *value = malloc((size_t)count * sizeof *value);
    fill(seed, param, 0, rows, columns, value);
    Moments m = {0, 0, (double)value[0], (double)value[0], 0};
    for (int64_t i = 0; i < count; i++) {
        m.mean += (double)value[i] / (double)count;
        m.least = fmin(m.least, (double)value[i]);
        m.most = fmax(m.most, (double)value[i]);
    }
    for (int64_t i = 0; i < count; i++) {
        const double here = (double)value[i] - m.mean;
        m.deviation += here * here / (double)count;
        if (i) m.neighbours += here * ((double)value[i - 1] - m.mean) / (double)count;
    }
    m.neighbours /= m.deviation;
    m.deviation = sqrt(m.deviation);
    free(value);
    return m;
}

START_TEST(a_matrix_keeps_the_size_of_what_it_projects) {
    const Moments m = measure("blocks.0.mlp.up.weight", 400, 400);
    ck_assert_double_eq_tol(m.mean, 0, 2e-4);
    ck_assert_double_eq_tol(m.deviation, 0.6 / 20, 2e-4);
    ck_assert_double_eq_tol(m.neighbours, 0, 0.01);
    ck_assert_double_eq_tol(m.least, -m.most, 1e-5);
}
END_TEST

START_TEST(vectors_fit_their_purpose) {
    static const char *const gains[] = {"head.norm.gain", "blocks.1.attention.q_norm.gain",
                                        "blocks.1.mlp.norm_after.gain"};
    for (int i = 0; i < 3; i++) {
        const Moments gain = measure(gains[i], 1000, 1);
        ck_assert(gain.least >= 0.9 && gain.least < 0.91 && gain.most <= 1.1 && gain.most > 1.09);
    }
    const Moments bias = measure("blocks.1.mlp.up.bias", 1000, 1);
    ck_assert(bias.least >= -0.1 && bias.least < -0.09 && bias.most <= 0.1 && bias.most > 0.09);
    const Moments scale = measure("blocks.1.mlp.scale", 1000, 1);
    ck_assert(scale.least >= -0.25 && scale.most <= 0.25);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("synthetic");
    TCase *tests = suite_case(suite, "synthetic", NULL, NULL);
    tcase_add_test(tests, values_are_fixed);
    tcase_add_test(tests, rows_do_not_depend_on_what_is_read_with_them);
    tcase_add_test(tests, seeds_names_rows_and_columns_all_matter);
    tcase_add_test(tests, a_matrix_keeps_the_size_of_what_it_projects);
    tcase_add_test(tests, vectors_fit_their_purpose);
    return suite_run(suite);
}
