/* test_tune.c - experiments and the search, on a small model. Which schedule is faster is nowhere
 * asked. */
#include "frontend/compiler/compiler.h"
#include "frontend/tune/budget.h"
#include "frontend/tune/report.h"
#include "tests/unit/library_fixture.h"

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
    TuneCosts costs;
    ck_assert(experiment_reference(&subject, kernels, kernel_count, &logits, &costs));
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
    TuneCosts costs;
    ck_assert(experiment_reference(&subject, kernels, kernel_count, &logits, &costs));
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

START_TEST(a_search_leaves_time_for_the_comparison_behind_it) {
    TuneSearch search;
    const TuneOptions options = {.budget = 300, .compared = 1000};
    ck_assert(tune_search(&subject, kernels, kernel_count, &options, &search));
    ck_assert_int_eq(search.events, 0);
    for (int i = 0; i < kernel_count; i++)
        if (!kernels[i].is_call) ck_assert_double_gt(kernels[i].rule_seconds, 0);
}
END_TEST

static int busy_from; /* the look at the processors that finds them busy first; 0: none */

static bool is_busy(void *data) {
    (void)data;
    if (busy_from <= 1) return busy_from == 1;
    busy_from--;
    return false;
}

static bool stop_after_the_first(void *data, const TuneSearch *search) {
    (void)data, (void)search;
    return false;
}

/* The calls of a token, whose record says one thread, after a search that looks at threads. */
static TuneKernel search_threads(int first_busy_look, TuneSearch *search) {
    const TuneOptions options = {.budget = 300, .found = stop_after_the_first};
    subject.prefill_tokens = 0;
    subject.is_busy = is_busy;
    busy_from = first_busy_look;
    kernel_count = tune_kernels(&subject, &kernels);
    ck_assert(kernels[0].is_call && kernels[0].candidates == 1);
    kernels[0].best.threads = 1;
    ck_assert(tune_search(&subject, kernels, kernel_count, &options, search));
    return kernels[0];
}

START_TEST(fewer_threads_are_tried_where_nobody_else_wants_the_processors) {
    TuneSearch search;
    const TuneKernel call = search_threads(0, &search);
    ck_assert_int_eq(call.tried, 1);
    ck_assert(!search.was_busy);
    ck_assert_ptr_eq(search.event[0].kernel, &kernels[0]);
    ck_assert_int_eq(call.best.threads, search.event[0].verdict == TUNE_CHOSEN);
}
END_TEST

START_TEST(what_is_known_of_threads_stays_on_a_busy_machine) {
    for (int look = 1; look <= 2; look++) { /* before they are measured, and after */
        TuneSearch search;
        const TuneKernel call = search_threads(look, &search);
        ck_assert_int_eq(call.tried, 0);
        ck_assert_int_eq(call.best.threads, 1);
        ck_assert(search.was_busy);
        for (int i = 0; i < search.events; i++) ck_assert(!search.event[i].kernel->is_call);
    }
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

static const char *print_page(const TuneSearch *search, const double *limit) {
    const TuneReport report = {
        .model = "a<b", .cpu = "c", .tuned = &subject, .search = search, .limit = limit};
    FILE *out = text_begin();
    tune_report_page(&report, out);
    return text_end(out);
}

START_TEST(a_page_names_every_kernel) {
    const double limit[64] = {0};
    const TuneSearch search = search_for(0, false);
    const char *text = print_page(&search, limit);
    assert_says(text, "a&lt;b");
    ck_assert_int_eq(occurrences(text, "<h2>"), kernel_count);
    ck_assert_int_eq(occurrences(text, "<svg"), kernel_count - 2); /* calls were not measured */
    ck_assert_int_eq(occurrences(text, "Not measured this time: all 2 threads; 0 of 1 tried."), 2);
    ck_assert_int_eq(occurrences(text, ": ;"), 0);
}
END_TEST

/* Every number that stands behind that word. */
static void check_within(const char *text, const char *word, double least, double most) {
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        const double number = strtod(at + strlen(word), NULL);
        ck_assert_msg(number >= least && number <= most, "%s%g", word, number);
    }
}

START_TEST(all_that_a_page_draws_is_inside_of_its_plots) {
    static const double limits[] = {0, 1e-9, 1e-6, 1e-3, 1e3}; /* less and more than was measured */
    const TuneSearch measured = search_for(0, false);
    for (int i = 0; i < 5; i++) {
        TuneEvent events[5];
        double limit[64];
        for (int k = 0; k < kernel_count; k++) limit[k] = kernels[k].is_call ? 0 : limits[i];
        for (int e = 0; e < 5; e++)
            events[e] = (TuneEvent){.kernel = &kernels[e], .seconds = limits[4 - e], .ratio = 1};
        TuneSearch search = measured;
        search.event = events;
        search.events = 5;
        const char *text = print_page(&search, limit);
        ck_assert_int_eq(occurrences(text, "<circle"), 5);
        const int lines = occurrences(text, "class=\"limit\""),
                  words = occurrences(text, "Its roofline lies");
        ck_assert_int_eq(lines + words, limits[i] > 0 ? kernel_count - 2 : 0);
        ck_assert(limits[i] < 1e3 || !lines);
        ck_assert(limits[i] > 1e-9 || !words);
        check_within(text, " y1=\"", 20, 180);
        check_within(text, " cy=\"", 20, 180);
        check_within(text, " y=\"", 10, 195);
        check_within(text, " cx=\"", 110, 640);
        ck_assert_int_eq(occurrences(text, "nan") + occurrences(text, "inf"), 0);
    }
}
END_TEST

/* ---- the budget, by a clock of its own ---- */

static const double usual_seconds[BUDGET_STEPS] = {
    [STEP_TRIAL] = 3, [STEP_AGAIN] = 1.25, [STEP_CALLS] = 2};
static uint32_t random_state;

static double random_factor(void) { /* from 0.5 to 1.5 */
    random_state = random_state * 1664525U + 1013904223U;
    return 0.5 + (double)(random_state >> 8) / (1 << 24);
}

/* Experiments, some with winners, until there is no time for one more. Returns the clock then, and
 * in *last how long the last one took. `spread` is 1 where steps differ in length, else 0. */
static double spend(Budget *budget, double spread, double *last) {
    double now = 0;
    *last = 0;
    while (budget_has_experiment(budget, now)) {
        *last = 0;
        for (BudgetStep step = STEP_TRIAL; step <= STEP_CALLS; step++) {
            const double seconds = usual_seconds[step] * (1 + spread * (random_factor() - 1));
            budget_note(budget, step, seconds);
            *last += seconds;
            if (spread > 0 && random_factor() < 0.8) break; /* no winners */
        }
        now += *last;
    }
    return now;
}

static Budget budget_of(double seconds) {
    Budget budget = {.end = seconds, .reserved = 4};
    for (BudgetStep step = 0; step < BUDGET_STEPS; step++)
        budget_guess(&budget, step, usual_seconds[step]);
    return budget;
}

START_TEST(a_budget_is_kept_and_used_where_steps_are_alike) {
    const double winners = 1.25 + 2, all = 3 + winners;
    for (double seconds = 4; seconds < 200; seconds += 0.75) {
        double last;
        Budget budget = budget_of(seconds);
        const double steps = spend(&budget, 0, &last), spent = steps + budget.reserved;
        ck_assert(spent <= seconds + (steps <= all ? winners : 0));
        ck_assert(spent > seconds - all);
    }
}
END_TEST

START_TEST(a_budget_is_exceeded_by_less_than_an_experiment) {
    for (uint32_t seed = 1; seed < 1000; seed++) {
        double last;
        random_state = seed;
        Budget budget = budget_of(100 * random_factor());
        const double spent = spend(&budget, 1, &last) + budget.reserved;
        ck_assert(last == 0 || spent < budget.end + last);
    }
}
END_TEST

START_TEST(the_longest_step_is_expected_again) {
    Budget budget = budget_of(100);
    budget_note(&budget, STEP_TRIAL, 1);
    ck_assert_double_eq(budget.expected[STEP_TRIAL], 1); /* not the guess */
    budget_note(&budget, STEP_TRIAL, 9);
    budget_note(&budget, STEP_TRIAL, 2);
    ck_assert_double_eq(budget.expected[STEP_TRIAL], 9);
    ck_assert(budget_has_experiment(&budget, 100 - 4 - (9 + 1.25 + 2)));
    ck_assert(!budget_has_experiment(&budget, 100 - 4 - (9 + 1 + 2)));
}
END_TEST

START_TEST(times_are_guessed_from_what_calls_take) {
    const TuneCosts decode_alone = {.compile = 1, .call = {[PHASE_DECODE] = 0.5}};
    ck_assert_double_eq(experiment_run_time(&decode_alone, 2, 5), 2 * (1 + 0.5 + 5 * 1.5));
    ck_assert_double_eq(experiment_compare_time(&decode_alone, 2, 1), 2 + 6 * 4 * 0.5);
    ck_assert_double_eq(experiment_compare_time(&decode_alone, 2, 30), 2 + 30 + 4 * 0.5);
    const TuneCosts fast = {.compile = 1, .call = {1e-6, 1e-6}};
    ck_assert(experiment_compare_time(&fast, 1, 3) > 7 &&
              experiment_compare_time(&fast, 1, 3) < 7.001);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tune");
    TCase *tests = suite_case(suite, "tune", setup, teardown);
    tcase_add_test(tests, equal_layers_are_one_kernel);
    tcase_add_test(tests, an_experiment_times_every_schedule_in_every_round);
    tcase_add_test(tests, a_schedule_that_computes_something_else_is_found);
    tcase_add_test(tests, whole_calls_are_compared_in_pairs);
    tcase_add_test(tests, calls_are_compared_by_threads);
    tcase_add_test(tests, a_search_tries_all_and_then_nothing);
    tcase_add_test(tests, a_search_leaves_time_for_the_comparison_behind_it);
    tcase_add_test(tests, fewer_threads_are_tried_where_nobody_else_wants_the_processors);
    tcase_add_test(tests, what_is_known_of_threads_stays_on_a_busy_machine);
    tcase_add_test(tests, a_stopped_search_forgets_what_was_under_way);
    tcase_add_test(tests, a_page_names_every_kernel);
    tcase_add_test(tests, all_that_a_page_draws_is_inside_of_its_plots);
    TCase *budget = suite_case(suite, "budget", NULL, NULL);
    tcase_add_test(budget, a_budget_is_kept_and_used_where_steps_are_alike);
    tcase_add_test(budget, a_budget_is_exceeded_by_less_than_an_experiment);
    tcase_add_test(budget, the_longest_step_is_expected_again);
    tcase_add_test(budget, times_are_guessed_from_what_calls_take);
    return suite_run(suite);
}
