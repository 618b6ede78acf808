#include "frontend/compiler/thalweg.h"
#include "tests/check.h"

#include <string.h>

#define BEGIN                                                                                      \
    "thalweg: 1\nname: small\nvocab: 20\ncontext: 8\nstream: {width: 16}\n"                        \
    "weights: {synthetic: 7}\nhead: {norm: layer, tied: true}\nblocks:\n  - repeat: 2\n    "       \
    "branches:\n"
#define ATTENTION "attention: {heads: 2, norm: layer"
#define MLP       "mlp: {hidden: 24, activation: silu, norm: rms"

enum { TOKENS = 5, VOCAB = 20 };

static Thalweg *read_model(const char *text, bool without_skips) {
    Thalweg *thalweg = thalweg_create(&(ThalwegOptions){.without_skips = without_skips});
    thalweg_read_text(thalweg, "small.yaml", text, strlen(text), "");
    return thalweg;
}

static void interpret(const char *text, bool without_skips, double out[VOCAB]) {
    static const int32_t tokens[TOKENS] = {3, 1, 4, 1, 5};
    Thalweg *thalweg = read_model(text, without_skips);
    ck_assert(thalweg_interpret(thalweg, tokens, TOKENS, 0, 1, out));
    thalweg_destroy(thalweg);
}

static void check_same(const char *with, const char *without) {
    double a[VOCAB], b[VOCAB], c[VOCAB];
    bool differs = false;
    interpret(with, true, a);
    interpret(without, false, b);
    interpret(with, false, c);
    for (int i = 0; i < VOCAB; i++) {
        ck_assert(a[i] == b[i]);
        differs |= a[i] != c[i];
    }
    ck_assert(differs);
}

START_TEST(a_model_without_skips_is_the_one_that_is_described_without) {
    check_same(BEGIN "      - " ATTENTION "}\n      - " MLP "}\n",
               BEGIN "      - " ATTENTION ", skip: false}\n      - " MLP ", skip: false}\n");
}
END_TEST

START_TEST(scales_of_branches_stay) {
    check_same(BEGIN "      - " MLP ", write: {scale: 0.5, carry: 3}}\n",
               BEGIN "      - " MLP ", write: {scale: 0.5, skip: false}}\n");
}
END_TEST

START_TEST(of_branches_in_parallel_the_first_replaces_the_stream) {
    check_same(BEGIN "      - parallel:\n          - " ATTENTION "}\n          - " MLP "}\n",
               BEGIN "      - parallel:\n          - " ATTENTION ", skip: false}\n          - " MLP
                     "}\n");
}
END_TEST

START_TEST(a_gated_write_has_no_such_model) {
    Thalweg *thalweg = read_model(BEGIN "      - " MLP ", write: gated}\n", true);
    ck_assert_int_gt(thalweg_diagnostic_count(thalweg), 0);
    const ThalwegDiagnostic diagnostic = thalweg_diagnostic(thalweg, 0);
    ck_assert_ptr_nonnull(strstr(diagnostic.message, "gated write"));
    ck_assert_int_eq(diagnostic.line, 11);
    thalweg_destroy(thalweg);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("skips");
    TCase *all = suite_case(suite, "all", NULL, NULL);
    tcase_add_test(all, a_model_without_skips_is_the_one_that_is_described_without);
    tcase_add_test(all, scales_of_branches_stay);
    tcase_add_test(all, of_branches_in_parallel_the_first_replaces_the_stream);
    tcase_add_test(all, a_gated_write_has_no_such_model);
    return suite_run(suite);
}
