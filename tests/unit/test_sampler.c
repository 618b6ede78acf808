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

static TwSampler *make_from(TwSamplerOptions options, int64_t vocab) {
    TwSampler *sampler = NULL;
    options.struct_bytes = sizeof options;
    ck_assert_int_eq(tw_sampler_create_from(&options, vocab, &sampler), TW_OK);
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
static void tally_of(TwSampler *sampler, const float *logits, int64_t vocab, int draws,
                     int *times) {
    for (int64_t i = 0; i < vocab; i++) times[i] = 0;
    for (int i = 0; i < draws; i++) {
        int32_t token = tw_sampler_draw(sampler, logits);
        ck_assert_int_ge(token, 0);
        ck_assert_int_lt(token, vocab);
        times[token]++;
    }
    tw_sampler_destroy(sampler);
}

static void tally(TwSampling sampling, const float *logits, int64_t vocab, int draws, int *times) {
    tally_of(make(sampling, vocab), logits, vocab, draws, times);
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

START_TEST(min_p_keeps_what_is_not_much_less_likely_than_the_best) {
    const float logits[] = {logf(0.05F), logf(0.5F), logf(0.15F), logf(0.3F)};
    const int draws = 4000;
    int times[4];
    const TwSamplerOptions options = {.temperature = 1, .min_p = 0.25F};
    tally_of(make_from(options, 4), logits, 4, draws, times);
    ck_assert_int_eq(times[0], 0); /* 0.05 is a tenth of 0.5 */
    static const double shares[] = {0, 0.5 / 0.95, 0.15 / 0.95, 0.3 / 0.95};
    for (int i = 1; i < 4; i++) {
        const double deviation = sqrt(shares[i] * (1 - shares[i]) / draws);
        ck_assert_double_le(fabs((double)times[i] / draws - shares[i]), 5 * deviation);
    }
}
END_TEST

START_TEST(later_options_that_are_off_change_no_draw) {
    enum { VOCAB = 300 };
    float logits[VOCAB];
    for (int i = 0; i < VOCAB; i++) logits[i] = (float)(i * 37 % 101) / 16;
    for (uint64_t seed = 0; seed < 60; seed++) {
        const TwSampling old = {.temperature = 0.7F,
                                .top_k = seed % 3 ? 0 : 20,
                                .top_p = seed % 2 ? 1 : 0.8F,
                                .seed = seed};
        const TwSamplerOptions options = {.temperature = old.temperature,
                                          .top_k = old.top_k,
                                          .top_p = old.top_p,
                                          .seed = seed,
                                          .repeat_penalty = 1,
                                          .repeat_window = 64};
        TwSampler *one = make(old, VOCAB), *other = make_from(options, VOCAB);
        for (int i = 0; i < 20; i++) {
            const int32_t token = tw_sampler_draw(one, logits);
            ck_assert_int_eq(tw_sampler_draw(other, logits), token);
            ck_assert_int_eq(tw_sampler_accept(other, &token, 1), TW_OK);
        }
        tw_sampler_destroy(one);
        tw_sampler_destroy(other);
    }
}
END_TEST

/* ---- biases and penalties ---- */

START_TEST(a_bias_is_added_and_may_forbid) {
    static const float logits[] = {3, 1, 2, 0};
    const TwLogitBias biases[] = {{0, -INFINITY}, {1, 0.5F}, {1, 1}};
    TwSampler *sampler = make_from((TwSamplerOptions){.biases = biases, .bias_count = 3}, 4);
    ck_assert_int_eq(tw_sampler_draw(sampler, logits), 1); /* 2.5 is above 2 */
    tw_sampler_destroy(sampler);
    int times[4];
    const TwSamplerOptions warm = {.temperature = 100, .biases = biases, .bias_count = 1};
    tally_of(make_from(warm, 4), logits, 4, 500, times);
    ck_assert_int_eq(times[0], 0);
}
END_TEST

START_TEST(a_repeat_penalty_divides_above_zero_and_multiplies_below) {
    TwSamplerOptions options = {.repeat_penalty = 2};
    const int32_t first = 0;
    const float above[] = {4, 1.9F}, even[] = {4, 2.1F}, below[] = {-1, -1.9F},
                under[] = {-1, -2.1F};
    TwSampler *sampler = make_from(options, 2);
    ck_assert_int_eq(tw_sampler_draw(sampler, even), 0); /* nothing was accepted */
    ck_assert_int_eq(tw_sampler_accept(sampler, &first, 1), TW_OK);
    ck_assert_int_eq(tw_sampler_draw(sampler, above), 0);
    ck_assert_int_eq(tw_sampler_draw(sampler, even), 1);
    ck_assert_int_eq(tw_sampler_draw(sampler, below), 1);
    ck_assert_int_eq(tw_sampler_draw(sampler, under), 0);
    ck_assert_int_eq(tw_sampler_accept(sampler, &first, 1), TW_OK); /* once more changes nothing */
    ck_assert_int_eq(tw_sampler_draw(sampler, above), 0);
    tw_sampler_destroy(sampler);
}
END_TEST

/* The highest of the row as the reference changes it, which counts the tokens of the window anew.
 */
static int32_t expect_penalised(const TwSamplerOptions *options, const float *logits, int64_t vocab,
                                const int32_t *accepted, int64_t count) {
    const int64_t window = options->repeat_window;
    const int64_t from = window && count > window ? count - window : 0;
    int32_t best = -1;
    float highest = -INFINITY;
    for (int32_t token = 0; token < vocab; token++) {
        float logit = logits[token];
        int times = 0;
        for (int64_t i = 0; i < options->bias_count; i++)
            if (options->biases[i].token == token) logit += options->biases[i].bias;
        for (int64_t i = from; i < count; i++) times += accepted[i] == token;
        if (times) {
            logit = logit > 0 ? logit / options->repeat_penalty : logit * options->repeat_penalty;
            logit -= (float)times * options->frequency_penalty + options->presence_penalty;
        }
        if (logit > highest) {
            highest = logit;
            best = token;
        }
    }
    return best;
}

START_TEST(penalties_are_those_of_a_plain_count_of_the_window) {
    enum { VOCAB = 40, STEPS = 300 };
    static const int64_t windows[] = {0, 1, 7, 64, 1000};
    const TwLogitBias biases[] = {{3, 0.75F}, {5, -2}};
    int32_t accepted[STEPS];
    float logits[VOCAB];
    uint64_t state = (uint64_t)_i + 1;
    const TwSamplerOptions options = {.repeat_penalty = 1.3F,
                                      .frequency_penalty = 0.125F,
                                      .presence_penalty = 0.5F,
                                      .repeat_window = windows[_i],
                                      .biases = biases,
                                      .bias_count = 2};
    TwSampler *sampler = make_from(options, VOCAB);
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < VOCAB; i++) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            logits[i] = (float)(state >> 52) / 1024 - 2; /* -2 to 2 */
        }
        accepted[step] = tw_sampler_draw(sampler, logits);
        ck_assert_int_eq(accepted[step], expect_penalised(&options, logits, VOCAB, accepted, step));
        ck_assert_int_eq(tw_sampler_accept(sampler, &accepted[step], 1), TW_OK);
    }
    tw_sampler_destroy(sampler);
}
END_TEST

/* ---- log-probabilities ---- */

START_TEST(logprobs_are_logarithms_of_the_softmax_best_first) {
    enum { VOCAB = 203, MOST = 9 };
    float logits[VOCAB];
    double sum = 0;
    TwLogprob top[MOST];
    for (int i = 0; i < VOCAB; i++) logits[i] = (float)(i * 91 % VOCAB / 3) / 4; /* thrice each */
    for (int i = 0; i < VOCAB; i++) sum += exp((double)logits[i]);
    ck_assert_int_eq(tw_top_logprobs(logits, VOCAB, MOST, top), MOST);
    for (int i = 0; i < VOCAB; i++)
        ck_assert_double_eq_tol(tw_logprob(logits, VOCAB, i), (double)logits[i] - log(sum), 1e-6);
    for (int i = 0; i < MOST; i++) {
        ck_assert_double_eq(top[i].logprob, tw_logprob(logits, VOCAB, top[i].token));
        int better = 0;
        for (int j = 0; j < VOCAB; j++)
            better += logits[j] > logits[top[i].token] ||
                      (logits[j] == logits[top[i].token] && j < top[i].token);
        ck_assert_int_eq(better, i);
    }
}
END_TEST

START_TEST(logprobs_of_odd_rows_are_what_draws_do) {
    const float odd[] = {1, INFINITY, NAN, INFINITY}, none[] = {NAN, NAN};
    TwLogprob top[4];
    ck_assert_int_eq(tw_top_logprobs(odd, 4, 4, top), 3);
    ck_assert_int_eq(top[0].token, 1);
    ck_assert_double_eq_tol(top[0].logprob, log(0.5), 1e-9);
    ck_assert_int_eq(top[1].token, 3);
    ck_assert(top[2].logprob == -INFINITY);
    ck_assert_int_eq(tw_top_logprobs(none, 2, 4, top), 0);
    ck_assert(isnan(tw_logprob(odd, 4, 2)));
    ck_assert(isnan(tw_logprob(odd, 4, 4)));
    ck_assert(isnan(tw_logprob(odd, 4, -1)));
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
static int allowed_tokens(TwSamplerOptions options, int32_t *ranked) {
    for (int32_t i = 0; i < MANY; i++) ranked[i] = i;
    qsort(ranked, MANY, sizeof *ranked, by_rank);
    int count = options.top_k > 0 && options.top_k < MANY ? (int)options.top_k : MANY;
    double weight[MANY], sum = 0, kept = 0;
    for (int i = 0; i < count; i++) {
        weight[i] =
            exp(((double)row[ranked[i]] - (double)row[ranked[0]]) / (double)options.temperature);
        sum += weight[i];
    }
    int nucleus = 0;
    while (nucleus < count && kept < (double)options.top_p * sum) kept += weight[nucleus++];
    while (nucleus && weight[nucleus - 1] < (double)options.min_p) nucleus--;
    return nucleus;
}

START_TEST(draws_are_those_a_full_sort_allows) {
    static const int64_t ks[] = {0, 1, 2, 7, 40, 799};
    static const float ps[] = {1, 0.95F, 0.5F, 0.05F};
    static const float temperatures[] = {0.3F, 1, 2.5F};
    static const float shares[] = {0, 0.001F, 0.3F, 1};
    int32_t ranked[MANY];
    int times[MANY];
    uint64_t state = (uint64_t)_i;
    for (int i = 0; i < MANY; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        row[i] = (float)(state >> 54) / 64; /* with many equals */
    }
    for (int c = 0; c < 6 * 4 * 3 * 4; c++) {
        TwSamplerOptions options = {.top_k = ks[c % 6],
                                    .top_p = ps[c / 6 % 4],
                                    .temperature = temperatures[c / 24 % 3],
                                    .min_p = shares[c / 72],
                                    .seed = (uint64_t)c};
        int allowed = allowed_tokens(options, ranked);
        tally_of(make_from(options, MANY), row, MANY, 300, times);
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

static TwStatus options_status(TwSamplerOptions options) {
    TwSampler *sampler = (TwSampler *)row; /* anything but null */
    TwStatus status = tw_sampler_create_from(&options, 10, &sampler);
    ck_assert_int_eq(status == TW_OK, tw_sampler_bytes(&options, 10) > 0);
    if (status != TW_OK) ck_assert_ptr_null(sampler);
    tw_sampler_destroy(sampler);
    return status;
}

START_TEST(options_out_of_range_are_refused) {
    const TwLogitBias outside = {.token = 10}, no_number = {.bias = NAN};
    const struct {
        TwSamplerOptions options;
        TwStatus status;
    } cases[] = {
        {{0}, TW_OK},
        {{.struct_bytes = 8}, TW_BAD_ABI},
        {{.struct_bytes = sizeof(TwSamplerOptions) + 8}, TW_BAD_ABI},
        {{.min_p = 1.5F}, TW_BAD_ARGUMENT},
        {{.min_p = NAN}, TW_BAD_ARGUMENT},
        {{.repeat_penalty = -1}, TW_BAD_ARGUMENT},
        {{.repeat_penalty = INFINITY}, TW_BAD_ARGUMENT},
        {{.frequency_penalty = NAN}, TW_BAD_ARGUMENT},
        {{.presence_penalty = INFINITY}, TW_BAD_ARGUMENT},
        {{.repeat_window = -1}, TW_BAD_ARGUMENT},
        {{.repeat_window = INT64_MAX}, TW_BAD_ARGUMENT},
        {{.bias_count = -1}, TW_BAD_ARGUMENT},
        {{.bias_count = 1}, TW_BAD_ARGUMENT},
        {{.biases = &outside, .bias_count = 1}, TW_BAD_TOKEN},
        {{.biases = &no_number, .bias_count = 1}, TW_BAD_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(options_status(cases[i].options) == cases[i].status, "case %zu", i);
}
END_TEST

START_TEST(tokens_that_are_none_are_not_accepted) {
    const int32_t tokens[] = {1, 10};
    const float logits[10] = {1, 2};
    TwSampler *sampler = make_from((TwSamplerOptions){.repeat_penalty = 1e9F}, 10);
    ck_assert_int_eq(tw_sampler_accept(sampler, tokens, 2), TW_BAD_TOKEN);
    ck_assert_int_eq(tw_sampler_draw(sampler, logits), 1); /* nor those before it */
    ck_assert_int_eq(tw_sampler_accept(NULL, tokens, 1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_sampler_accept(sampler, NULL, 1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_sampler_accept(sampler, NULL, 0), TW_OK);
    ck_assert_int_eq(tw_sampler_draw(sampler, NULL), -1);
    ck_assert_int_eq(tw_sampler_draw(NULL, logits), -1);
    tw_sampler_destroy(sampler);
}
END_TEST

START_TEST(all_it_needs_may_be_memory_of_the_caller) {
    enum { VOCAB = 100 };
    const TwLogitBias bias = {7, 1};
    float logits[VOCAB] = {0};
    TwSamplerOptions options = {.temperature = 1,
                                .repeat_penalty = 1.1F,
                                .repeat_window = 9,
                                .biases = &bias,
                                .bias_count = 1};
    TwSampler *own = make_from(options, VOCAB), *placed = NULL;
    const size_t bytes = tw_sampler_bytes(&options, VOCAB);
    char *memory = malloc(bytes + 1); /* checked by AddressSanitizer */
    memset(memory, 0xa5, bytes + 1);
    options.memory = memory + 1;
    options.memory_bytes = bytes - 1;
    ck_assert_int_eq(tw_sampler_create_from(&options, VOCAB, &placed), TW_NO_MEMORY);
    options.memory_bytes = bytes;
    ck_assert_int_eq(tw_sampler_create_from(&options, VOCAB, &placed), TW_OK);
    for (int i = 0; i < 200; i++) {
        const int32_t token = tw_sampler_draw(own, logits);
        ck_assert_int_eq(tw_sampler_draw(placed, logits), token);
        ck_assert_int_eq(tw_sampler_accept(own, &token, 1), TW_OK);
        ck_assert_int_eq(tw_sampler_accept(placed, &token, 1), TW_OK);
    }
    tw_sampler_destroy(placed);
    free(memory);
    tw_sampler_destroy(own);
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
    tcase_add_test(tests, min_p_keeps_what_is_not_much_less_likely_than_the_best);
    tcase_add_test(tests, later_options_that_are_off_change_no_draw);
    tcase_add_test(tests, a_bias_is_added_and_may_forbid);
    tcase_add_test(tests, a_repeat_penalty_divides_above_zero_and_multiplies_below);
    tcase_add_loop_test(tests, penalties_are_those_of_a_plain_count_of_the_window, 0, 5);
    tcase_add_test(tests, logprobs_are_logarithms_of_the_softmax_best_first);
    tcase_add_test(tests, logprobs_of_odd_rows_are_what_draws_do);
    tcase_add_test(tests, weights_of_a_row_are_those_of_exp);
    tcase_add_test(tests, the_maximum_is_found_wherever_it_is);
    tcase_add_test(tests, every_block_of_a_row_gets_its_share);
    tcase_add_loop_test(tests, draws_are_those_a_full_sort_allows, 0, 2);
    tcase_add_test(tests, arguments_out_of_range_are_refused);
    tcase_add_test(tests, options_out_of_range_are_refused);
    tcase_add_test(tests, tokens_that_are_none_are_not_accepted);
    tcase_add_test(tests, all_it_needs_may_be_memory_of_the_caller);
    return suite_run(suite);
}
