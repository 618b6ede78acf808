/* test_sampler.c - draws follow the softmax, its limits, and the seed. */
#include "runtime/logits.h"
#include "runtime/runtime.h"
#include "tests/check.h"

#include <math.h>

static TwSampler *make(TwSampling sampling, int64_t vocab) {
    TwSampler *sampler = NULL;
    ck_assert_int_eq(tw_sampler_create(&sampling, vocab, &sampler), TW_OK);
    ck_assert_ptr_nonnull(sampler);
    return sampler;
}

static int32_t draw_once(TwSampling sampling, const float *logits, int64_t vocab) {
    TwSampler *sampler = make(sampling, vocab);
    int32_t token = tw_sampler_draw(sampler, logits);
    tw_sampler_destroy(sampler);
    return token;
}

/* How often each token comes in `draws` draws. */
static void tally(TwSampling sampling, const float *logits, int64_t vocab, int draws, int *times) {
    TwSampler *sampler = make(sampling, vocab);
    for (int64_t i = 0; i < vocab; i++) times[i] = 0;
    for (int i = 0; i < draws; i++) {
        int32_t token = tw_sampler_draw(sampler, logits);
        ck_assert_int_ge(token, 0);
        ck_assert_int_lt(token, vocab);
        times[token]++;
    }
    tw_sampler_destroy(sampler);
}

/* ---- greedy ---- */

START_TEST(greedy_takes_the_lowest_token_of_the_highest_logit) {
    static const float logits[] = {-1, 2, 0.5F, 2, 1.5F};
    ck_assert_int_eq(draw_once((TwSampling){.top_p = 1}, logits, 5), 1);
    ck_assert_int_eq(draw_once((TwSampling){0}, logits, 1), 0);
}
END_TEST

START_TEST(not_a_number_never_wins) {
    static const TwSampling samplings[] = {
        {.top_p = 1},
        {.temperature = 1, .top_p = 1},
        {.temperature = 1, .top_k = 2, .top_p = 1},
        {.temperature = 1, .top_p = 0.9F},
    };
    const float logits[] = {NAN, -INFINITY, NAN, -5, NAN};
    const float none[] = {NAN, NAN, NAN};
    for (size_t i = 0; i < sizeof samplings / sizeof samplings[0]; i++) {
        ck_assert_int_eq(draw_once(samplings[i], logits, 5), 3);
        ck_assert_int_eq(draw_once(samplings[i], none, 3), -1);
    }
}
END_TEST

START_TEST(infinite_logits_are_drawn_from) {
    const float high[] = {5, INFINITY, 7, INFINITY};
    const float low[] = {-INFINITY, -INFINITY};
    int times[4];
    tally((TwSampling){.temperature = 1, .top_p = 1}, high, 4, 1000, times);
    ck_assert_int_eq(times[0] + times[2], 0);
    ck_assert_int_gt(times[1], 400);
    ck_assert_int_gt(times[3], 400);
    tally((TwSampling){.temperature = 1, .top_p = 0.9F}, low, 2, 1000, times);
    ck_assert_int_gt(times[0], 400);
    ck_assert_int_gt(times[1], 400);
}
END_TEST

/* ---- the seed ---- */

/* The numbers come from another program, written after the description in sampler.c. */
START_TEST(draws_of_a_seed_are_fixed) {
    static const int32_t expected[] = {30, 4, 12, 4, 39, 27, 5, 28, 8, 20, 24, 39};
    enum { DRAWS = sizeof expected / sizeof expected[0] };
    float logits[50]; /* each of 0/16 to 49/16 */
    for (int i = 0; i < 50; i++) logits[i] = (float)(i * 37 % 50) / 16;
    TwSampler *sampler = make((TwSampling){.temperature = 0.8F, .top_p = 1, .seed = 2024}, 50);
    for (int i = 0; i < DRAWS; i++) ck_assert_int_eq(tw_sampler_draw(sampler, logits), expected[i]);
    tw_sampler_destroy(sampler);
}
END_TEST

START_TEST(different_seeds_draw_differently) {
    enum { VOCAB = 1000 };
    static const float logits[VOCAB];
    int32_t tokens[20];
    int equal = 0;
    for (int seed = 0; seed < 20; seed++) {
        TwSampling sampling = {.temperature = 1, .top_p = 1, .seed = (uint64_t)seed};
        tokens[seed] = draw_once(sampling, logits, VOCAB);
        for (int other = 0; other < seed; other++) equal += tokens[seed] == tokens[other];
    }
    ck_assert_int_le(equal, 3);
}
END_TEST

/* ---- frequencies ---- */

START_TEST(frequencies_follow_the_softmax_at_the_temperature) {
    enum { VOCAB = 6 };
    const int draws = 40000;
    static const float logits[VOCAB] = {0, 1, 2, -1, 0.5F, 1.5F};
    static const float temperatures[] = {0.5F, 1, 3};
    for (size_t t = 0; t < sizeof temperatures / sizeof temperatures[0]; t++) {
        double sum = 0;
        int times[VOCAB];
        for (int i = 0; i < VOCAB; i++) sum += exp((double)logits[i] / (double)temperatures[t]);
        tally((TwSampling){.temperature = temperatures[t], .top_p = 1, .seed = t}, logits, VOCAB,
              draws, times);
        for (int i = 0; i < VOCAB; i++) {
            double share = exp((double)logits[i] / (double)temperatures[t]) / sum;
            double deviation = sqrt(share * (1 - share) / draws);
            ck_assert_double_le(fabs((double)times[i] / draws - share), 5 * deviation);
        }
    }
}
END_TEST

START_TEST(tiny_temperature_is_greedy) {
    static const float logits[] = {1, 3, 2.999F};
    TwSampling sampling = {.temperature = 1e-30F, .top_p = 1};
    for (sampling.seed = 0; sampling.seed < 50; sampling.seed++)
        ck_assert_int_eq(draw_once(sampling, logits, 3), 1);
}
END_TEST

/* ---- limits ---- */

START_TEST(top_k_keeps_the_k_best_and_of_equals_the_lowest) {
    static const float logits[] = {1, 2, 1, 2, 1, 0};
    int times[6];
    tally((TwSampling){.temperature = 1, .top_k = 3, .top_p = 1}, logits, 6, 500, times);
    ck_assert_int_gt(times[0], 0);
    ck_assert_int_gt(times[1], 0);
    ck_assert_int_gt(times[3], 0);
    ck_assert_int_eq(times[2] + times[4] + times[5], 0);
    ck_assert_int_eq(draw_once((TwSampling){.temperature = 1, .top_k = 1}, logits, 6), 1);
}
END_TEST

START_TEST(top_k_of_the_whole_vocabulary_changes_nothing) {
    enum { VOCAB = 30 };
    float logits[VOCAB];
    for (int i = 0; i < VOCAB; i++) logits[i] = (float)(i * 11 % 30) / 8;
    for (uint64_t seed = 0; seed < 50; seed++) {
        TwSampling all = {.temperature = 1, .top_p = 1, .seed = seed};
        TwSampling same = all;
        same.top_k = seed % 2 ? VOCAB : INT64_MAX;
        ck_assert_int_eq(draw_once(same, logits, VOCAB), draw_once(all, logits, VOCAB));
    }
}
END_TEST

START_TEST(top_p_keeps_the_fewest_that_reach_it) {
    const float logits[] = {logf(0.05F), logf(0.5F), logf(0.15F), logf(0.3F)};
    int times[4];
    tally((TwSampling){.temperature = 1, .top_p = 0.7F}, logits, 4, 2000, times);
    ck_assert_int_eq(times[0] + times[2], 0);
    ck_assert_int_gt(times[1], 1100); /* 5/8 of 2000 */
    ck_assert_int_lt(times[1], 1400);
    ck_assert_int_eq(draw_once((TwSampling){.temperature = 1, .top_p = 0}, logits, 4), 1);
}
END_TEST

START_TEST(top_p_counts_what_top_k_left) {
    const float logits[] = {logf(0.4F), logf(0.3F), logf(0.2F), logf(0.1F)};
    int times[4];
    /* 0.4 of everything is under one half, but 4/7 of the best two is above it. */
    tally((TwSampling){.temperature = 1, .top_k = 2, .top_p = 0.5F}, logits, 4, 500, times);
    ck_assert_int_eq(times[0], 500);
}
END_TEST

/* ---- whole rows ---- */

START_TEST(weights_of_a_row_are_those_of_exp) {
    enum { COUNT = 203 }; /* whole blocks and a rest */
    float logits[COUNT], weight[COUNT];
    double block_sum[COUNT / LOGITS_BLOCK + 1], expected = 0;
    for (int i = 0; i < COUNT; i++) logits[i] = 5 - (float)(i * 91 % COUNT) / 3;
    logits[7] = NAN;
    ck_assert_float_eq(tw_logits_maximum(logits, COUNT), 5);
    const double sum = tw_logits_weights(logits, COUNT, 5, 0.8F, weight, block_sum);
    for (int i = 0; i < COUNT; i++) {
        const double exact = i == 7 ? 0 : exp(((double)logits[i] - 5) / 0.8);
        ck_assert_double_le(fabs((double)weight[i] - exact), 1e-5 * exact + 1e-37);
        expected += (double)weight[i];
    }
    ck_assert_double_eq_tol(sum, expected, 1e-12);
}
END_TEST

START_TEST(the_maximum_is_found_wherever_it_is) {
    float logits[70] = {0};
    for (int count = 1; count <= 70; count++)
        for (int i = 0; i < count; i++) {
            logits[i] = 1;
            ck_assert_float_eq(tw_logits_maximum(logits, count), 1);
            logits[i] = 0;
        }
    const float none[] = {NAN, -INFINITY};
    ck_assert(tw_logits_maximum(none, 2) == -INFINITY);
}
END_TEST

START_TEST(every_block_of_a_row_gets_its_share) {
    enum { VOCAB = 300 };
    const int draws = 60000;
    float logits[VOCAB];
    int times[VOCAB];
    double sum = 0;
    for (int i = 0; i < VOCAB; i++) logits[i] = (float)(i % 5) / 2;
    for (int i = 0; i < VOCAB; i++) sum += exp((double)logits[i]);
    tally((TwSampling){.temperature = 1, .top_p = 1, .seed = 5}, logits, VOCAB, draws, times);
    for (int i = 0; i < VOCAB; i++) {
        const double share = exp((double)logits[i]) / sum;
        ck_assert_double_le(fabs((double)times[i] / draws - share), 5 * sqrt(share / draws));
    }
}
END_TEST

/* ---- against a plain sampler that sorts everything ---- */

enum { MANY = 800 };
static float row[MANY];

static int by_rank(const void *left, const void *right) {
    int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    if (row[a] != row[b]) return row[a] > row[b] ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* Ranks the tokens; the first so many, which it returns, may be drawn. */
static int allowed_tokens(TwSampling sampling, int32_t *ranked) {
    for (int32_t i = 0; i < MANY; i++) ranked[i] = i;
    qsort(ranked, MANY, sizeof *ranked, by_rank);
    int count = sampling.top_k > 0 && sampling.top_k < MANY ? (int)sampling.top_k : MANY;
    double weight[MANY], sum = 0, kept = 0;
    for (int i = 0; i < count; i++) {
        weight[i] =
            exp(((double)row[ranked[i]] - (double)row[ranked[0]]) / (double)sampling.temperature);
        sum += weight[i];
    }
    int nucleus = 0;
    while (nucleus < count && kept < (double)sampling.top_p * sum) kept += weight[nucleus++];
    return nucleus;
}

START_TEST(draws_are_those_a_full_sort_allows) {
    static const int64_t ks[] = {0, 1, 2, 7, 40, 799};
    static const float ps[] = {1, 0.95F, 0.5F, 0.05F};
    static const float temperatures[] = {0.3F, 1, 2.5F};
    int32_t ranked[MANY];
    int times[MANY];
    uint64_t state = (uint64_t)_i;
    for (int i = 0; i < MANY; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        row[i] = (float)(state >> 54) / 64; /* with many equals */
    }
    for (int c = 0; c < 6 * 4 * 3; c++) {
        TwSampling sampling = {.top_k = ks[c % 6],
                               .top_p = ps[c / 6 % 4],
                               .temperature = temperatures[c / 24],
                               .seed = (uint64_t)c};
        int allowed = allowed_tokens(sampling, ranked);
        tally(sampling, row, MANY, 300, times);
        for (int i = allowed; i < MANY; i++) ck_assert_int_eq(times[ranked[i]], 0);
        if (allowed <= 7) ck_assert_int_gt(times[ranked[0]], 0);
    }
}
END_TEST

/* ---- arguments ---- */

static TwStatus create_status(TwSampling sampling, int64_t vocab) {
    TwSampler *sampler = (TwSampler *)row; /* anything but null */
    TwStatus status = tw_sampler_create(&sampling, vocab, &sampler);
    if (status != TW_OK) ck_assert_ptr_null(sampler);
    tw_sampler_destroy(sampler);
    return status;
}

START_TEST(arguments_out_of_range_are_refused) {
    static const float bad_p[] = {-0.1F, 1.1F, NAN};
    static const float bad_temperature[] = {-1, NAN, INFINITY};
    for (int i = 0; i < 3; i++) {
        TwSampling sampling = {.temperature = 1, .top_p = bad_p[i]};
        ck_assert_int_eq(create_status(sampling, 10), TW_BAD_ARGUMENT);
        sampling = (TwSampling){.temperature = bad_temperature[i], .top_p = 1};
        ck_assert_int_eq(create_status(sampling, 10), TW_BAD_ARGUMENT);
    }
    TwSampling sampling = {.temperature = 1, .top_k = -1, .top_p = 1};
    ck_assert_int_eq(create_status(sampling, 10), TW_BAD_ARGUMENT);
    sampling.top_k = 0;
    ck_assert_int_eq(create_status(sampling, 10), TW_OK);
    ck_assert_int_eq(create_status(sampling, 0), TW_BAD_ARGUMENT);
    ck_assert_int_eq(create_status(sampling, -1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(create_status(sampling, INT64_MAX), TW_BAD_ARGUMENT);
    TwSampler *sampler;
    ck_assert_int_eq(tw_sampler_create(NULL, 10, &sampler), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_sampler_create(&sampling, 10, NULL), TW_BAD_ARGUMENT);
    tw_sampler_destroy(NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sampler");
    TCase *tests = suite_case(suite, "sampler", NULL, NULL);
    tcase_add_test(tests, greedy_takes_the_lowest_token_of_the_highest_logit);
    tcase_add_test(tests, not_a_number_never_wins);
    tcase_add_test(tests, infinite_logits_are_drawn_from);
    tcase_add_test(tests, draws_of_a_seed_are_fixed);
    tcase_add_test(tests, different_seeds_draw_differently);
    tcase_add_test(tests, frequencies_follow_the_softmax_at_the_temperature);
    tcase_add_test(tests, tiny_temperature_is_greedy);
    tcase_add_test(tests, top_k_keeps_the_k_best_and_of_equals_the_lowest);
    tcase_add_test(tests, top_k_of_the_whole_vocabulary_changes_nothing);
    tcase_add_test(tests, top_p_keeps_the_fewest_that_reach_it);
    tcase_add_test(tests, top_p_counts_what_top_k_left);
    tcase_add_test(tests, weights_of_a_row_are_those_of_exp);
    tcase_add_test(tests, the_maximum_is_found_wherever_it_is);
    tcase_add_test(tests, every_block_of_a_row_gets_its_share);
    tcase_add_loop_test(tests, draws_are_those_a_full_sort_allows, 0, 2);
    tcase_add_test(tests, arguments_out_of_range_are_refused);
    return suite_run(suite);
}
