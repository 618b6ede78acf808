/* test_tune.c - experiments and the search, on a small model. Which schedule is faster is nowhere
 * asked. */
#include "frontend/compiler.h"
#include "tests/unit/library_fixture.h"
#include "tune/report.h"

static Thalweg *thalweg;
static TuneModel subject;
static TuneKernel *kernels;
static int kernel_count;
static int calls_left; /* until the search is stopped; negative: never */

static bool is_stopped(void *data) {
    (void)data;
    if (calls_left > 0) calls_left--;
    return calls_left == 0;
}

static void setup(void) {
    make_folder();
    thalweg = thalweg_create(&(ThalwegOptions){.cache_directory = folder, .no_tuning = true});
    ck_assert(thalweg_read_text(thalweg, "model.yaml", model, strlen(model), folder));
    ck_assert(compiler_plan(thalweg));
    ck_assert_ptr_nonnull(thalweg_weights(thalweg));
    calls_left = -1;
    subject = (TuneModel){.prefill = thalweg->prefill,
                          .decode = thalweg->decode,
                          .target = thalweg->target,
                          .weights = thalweg->weights,
                          .threads = 2,
                          .tokens = tokens,
                          .prefill_tokens = TOKENS,
                          .position = 3,
                          .is_stopped = is_stopped,
                          .arena = thalweg->arena,
                          .diag = &thalweg->diag};
    kernel_count = tune_kernels(&subject, &kernels);
}

static void teardown(void) {
    thalweg_destroy(thalweg);
    remove_folder();
}

static TuneTrial trial_of(TuneKernel *kernel, int count) {
    TuneTrial trial = {.kernel = kernel, .schedule = {kernel->best}, .count = count};
    for (int i = 1; i < count; i++) trial.schedule[i] = kernel->candidate[i];
    return trial;
}

START_TEST(equal_layers_are_one_kernel) {
    int calls = 0;
    ck_assert_int_eq(kernel_count, 2 * (1 + 6));
    for (int i = 0; i < kernel_count; i++) {
        ck_assert(kernels[i].count == 3 || kernels[i].count == 1);
        calls += kernels[i].is_call;
        ck_assert(ir_schedule_equal(kernels[i].rule, kernels[i].best));
        for (int k = 0; k < i; k++) ck_assert_str_ne(kernels[i].name, kernels[k].name);
    }
    ck_assert_int_eq(calls, 2);
}
END_TEST

START_TEST(an_experiment_times_every_schedule_in_every_round) {
    TuneTrial trials[] = {trial_of(&kernels[1], 4), trial_of(&kernels[kernel_count - 1], 2)};
    TuneLogits logits;
    ck_assert(experiment_reference(&subject, kernels, kernel_count, &logits));
    ck_assert(experiment_run(&subject, kernels, kernel_count, trials, 2, 3, &logits));
    for (int t = 0; t < 2; t++)
        for (int c = 0; c < trials[t].count; c++)
            for (int round = 0; round < 3; round++)
                ck_assert_double_gt(trials[t].seconds[c][round], 0);
}
END_TEST

START_TEST(a_schedule_that_computes_something_else_is_found) {
    TuneTrial trial = trial_of(&kernels[1], 3);
    TuneLogits logits;
    ck_assert(experiment_reference(&subject, kernels, kernel_count, &logits));
    ck_assert(experiment_run(&subject, kernels, kernel_count, &trial, 1, 1, &logits));
    ck_assert(!trial.is_wrong[1] && !trial.is_wrong[2]);
    logits.decode[VOCAB - 1] += 1;
    ck_assert(experiment_run(&subject, kernels, kernel_count, &trial, 1, 1, &logits));
    ck_assert(trial.is_wrong[1] && trial.is_wrong[2]);
}
END_TEST

START_TEST(whole_calls_are_compared_in_pairs) {
    const int one[2] = {1, 1};
    TunePairs pairs[2];
    Schedule now[64], then[64];
    for (int i = 0; i < kernel_count; i++) {
        now[i] = kernels[i].rule;
        then[i] = kernels[i].smallest;
    }
    ck_assert(experiment_compare(&subject, kernels, kernel_count, now, then, one, 0.1, pairs));
    for (int p = 0; p < 2; p++) {
        ck_assert_int_ge(pairs[p].pairs, 2);
        ck_assert_double_gt(pairs[p].seconds, 0);
        ck_assert(pairs[p].low <= pairs[p].ratio && pairs[p].ratio <= pairs[p].high);
    }
}
END_TEST

START_TEST(calls_are_compared_by_threads) {
    TunePairs pairs;
    ck_assert(experiment_compare_threads(&subject, kernels, kernel_count, PHASE_DECODE, 1, 0, 0.1,
                                         &pairs));
    ck_assert_int_ge(pairs.pairs, 2);
    ck_assert_double_gt(pairs.ratio, 0);
}
END_TEST

static TuneSearch search_for(double budget, bool from_scratch) {
    TuneSearch search;
    const TuneOptions options = {.budget = budget, .from_scratch = from_scratch};
    ck_assert(tune_search(&subject, kernels, kernel_count, &options, &search));
    return search;
}

START_TEST(a_search_tries_all_and_then_nothing) {
    subject.prefill_tokens = 0; /* decode alone has few schedules */
    kernel_count = tune_kernels(&subject, &kernels);
    const TuneSearch search = search_for(300, true);
    ck_assert_int_ge(search.events, kernel_count - 1);
    for (int i = 0; i < kernel_count; i++) {
        ck_assert_int_eq(kernels[i].tried, kernels[i].candidates);
        ck_assert_double_gt(kernels[i].best_seconds, 0);
    }
    ck_assert_int_eq(search_for(300, false).events, 0);
}
END_TEST

START_TEST(a_stopped_search_forgets_what_was_under_way) {
    for (calls_left = 1; calls_left < 60;) {
        const int stop_after = calls_left;
        search_for(300, true);
        for (int i = 0; i < kernel_count; i++) ck_assert_int_le(kernels[i].tried, 3);
        calls_left = stop_after * 3;
    }
}
END_TEST

START_TEST(a_page_names_every_kernel) {
    double limit[64] = {0};
    const TuneSearch search = search_for(0, false);
    const TuneReport report = {
        .model = "a<b", .cpu = "c", .tuned = &subject, .search = &search, .limit = limit};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    tune_report_page(&report, out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_ptr_nonnull(strstr(text, "a&lt;b"));
    int plots = 0;
    for (const char *at = text; (at = strstr(at, "<svg")); at++) plots++;
    ck_assert_int_eq(plots, kernel_count);
    free(text);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tune");
    TCase *tests = tcase_create("tune");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, equal_layers_are_one_kernel);
    tcase_add_test(tests, an_experiment_times_every_schedule_in_every_round);
    tcase_add_test(tests, a_schedule_that_computes_something_else_is_found);
    tcase_add_test(tests, whole_calls_are_compared_in_pairs);
    tcase_add_test(tests, calls_are_compared_by_threads);
    tcase_add_test(tests, a_search_tries_all_and_then_nothing);
    tcase_add_test(tests, a_stopped_search_forgets_what_was_under_way);
    tcase_add_test(tests, a_page_names_every_kernel);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
