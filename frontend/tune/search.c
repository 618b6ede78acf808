/* search.c - which schedules to measure next, and which to believe.
 *
 * Each experiment holds a few untried schedules of every kernel against the best so far. One wins
 * whose median is better by more than a margin, and that is better in most rounds: noise, which
 * hits all alike, seldom does both. Of many tried, some have luck: so winners win only if they do
 * so again, alone against the best. Then those of a phase have to show that whole calls are not
 * slower for them.
 *
 * Fewer threads win on any machine whose processors others want, and lose all they gained when
 * these are gone. So they are tried where nobody does, anew in each search, and win twice.
 */
#include "frontend/tune/budget.h"
#include "frontend/tune/tune.h"

#include <stdlib.h>

enum { FIRST_ROUNDS = 3, ROUNDS = 5, LEAST_WINS = 4 };
static const double margin = 0.985;      /* of the best's time */
static const double call_margin = 1;     /* of whole calls, that do not get slower */
static const double most_seconds = 1;    /* of whole calls of a phase */
static const double least_share = 0.005; /* of a phase, to be tried early */

typedef struct {
    TuneModel model;
    const TuneOptions *options;
    TuneSearch *search;
    TuneLogits logits;
    TuneTrial *trials; /* [kernels] */
    Budget budget;
    double compare_seconds; /* of whole calls of a phase: shorter than the comparison at the end */
} Search;

static double now_seconds(Search *s) {
    return tune_clock() - s->search->begun;
}

/* ---- time ---- */

static bool is_stopped(const Search *s) {
    return s->model.is_stopped && s->model.is_stopped(s->model.data);
}

static void guess_times(Search *s, const TuneCosts *costs) {
    Budget *budget = &s->budget;
    *budget = (Budget){.end = s->search->begun + s->options->budget};
    budget->reserved = experiment_compare_time(costs, 2, s->options->compared);
    budget_guess(budget, STEP_THREADS, experiment_compare_time(costs, 1, s->compare_seconds));
    budget_guess(budget, STEP_TRIAL, experiment_run_time(costs, TUNE_TRIALS, ROUNDS));
    budget_guess(budget, STEP_AGAIN, experiment_run_time(costs, 2, ROUNDS));
    budget_guess(budget, STEP_CALLS, experiment_compare_time(costs, 2, s->compare_seconds));
}

static void note(Search *s, BudgetStep step, double begun) {
    budget_note(&s->budget, step, tune_clock() - begun);
}

/* ---- events ---- */

static void add_event(Search *s, TuneEvent event) {
    TuneSearch *search = s->search;
    if (search->events == search->event_capacity) {
        const int capacity = search->event_capacity ? 2 * search->event_capacity : 256;
        TuneEvent *grown = ARENA_ARRAY(s->model.arena, TuneEvent, (size_t)capacity);
        for (int i = 0; i < search->events; i++) grown[i] = search->event[i];
        search->event = grown;
        search->event_capacity = capacity;
    }
    event.at = now_seconds(s);
    search->event[search->events++] = event;
}

static double median_of(const double *values, int count) {
    double sorted[TUNE_MOST_ROUNDS];
    for (int i = 0; i < count; i++) {
        int j = i;
        for (; j > 0 && sorted[j - 1] > values[i]; j--) sorted[j] = sorted[j - 1];
        sorted[j] = values[i];
    }
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* ---- an experiment ---- */

/* What takes hardly any time comes when all else is done. */
static double share_to_try(const TuneSearch *search) {
    for (int i = 0; i < search->kernels; i++) {
        const TuneKernel *kernel = &search->kernel[i];
        if (!kernel->is_call && kernel->tried < kernel->candidates && kernel->share >= least_share)
            return least_share;
    }
    return 0;
}

static void fill_trial(TuneTrial *trial, TuneKernel *kernel) {
    *trial = (TuneTrial){.kernel = kernel, .schedule = {kernel->best}, .count = 1};
    while (trial->count < TUNE_TRIALS && kernel->tried < kernel->candidates) {
        const Schedule schedule = kernel->candidate[kernel->tried++];
        if (!ir_schedule_equal(schedule, kernel->best)) trial->schedule[trial->count++] = schedule;
    }
}

static int choose_trials(Search *s) {
    const double least = share_to_try(s->search);
    int count = 0;
    for (int i = 0; i < s->search->kernels; i++) {
        TuneKernel *kernel = &s->search->kernel[i];
        if (kernel->is_call || kernel->tried == kernel->candidates || kernel->share < least)
            continue;
        fill_trial(&s->trials[count], kernel);
        count += s->trials[count].count > 1;
    }
    return count;
}

/* Wrong ones leave the race, and the rest runs again. */
static bool drop_wrong(Search *s, int count) {
    bool is_dropped = false;
    for (int i = 0; i < count; i++) {
        TuneTrial *trial = &s->trials[i];
        int kept = 1;
        for (int c = 1; c < trial->count; c++) {
            if (!trial->is_wrong[c]) {
                trial->schedule[kept++] = trial->schedule[c];
                continue;
            }
            is_dropped = true;
            add_event(s, (TuneEvent){.kernel = trial->kernel,
                                     .schedule = trial->schedule[c],
                                     .verdict = TUNE_WRONG});
        }
        trial->count = kept;
        for (int c = 0; c < TUNE_TRIALS; c++) trial->is_wrong[c] = false;
    }
    return is_dropped;
}

/* ---- the first look ---- */

static void set_shares(TuneSearch *search) {
    double whole[2] = {0};
    for (int i = 0; i < search->kernels; i++) {
        const TuneKernel *kernel = &search->kernel[i];
        if (!kernel->is_call) whole[kernel->phase] += kernel->best_seconds * kernel->count;
    }
    for (int i = 0; i < search->kernels; i++) {
        TuneKernel *kernel = &search->kernel[i];
        const double all = whole[kernel->phase];
        kernel->share = 0;
        if (all > 0) kernel->share = kernel->best_seconds * kernel->count / all;
        if (kernel->is_call) kernel->share = 1;
    }
}

/* The rule's and the best so far, beside each other. That comes from a file, and may be wrong. */
static bool measure_best(Search *s) {
    TuneSearch *search = s->search;
    int count = 0;
    for (int i = 0; i < search->kernels; i++) {
        TuneKernel *kernel = &search->kernel[i];
        if (kernel->is_call) continue;
        s->trials[count] = (TuneTrial){.kernel = kernel, .schedule = {kernel->rule, kernel->best}};
        s->trials[count++].count = ir_schedule_equal(kernel->best, kernel->rule) ? 1 : 2;
    }
    do {
        if (!experiment_run(&s->model, search->kernel, search->kernels, s->trials, count,
                            FIRST_ROUNDS, &s->logits))
            return false;
    } while (drop_wrong(s, count));
    for (int i = 0; i < count; i++) {
        const TuneTrial *trial = &s->trials[i];
        TuneKernel *kernel = trial->kernel;
        kernel->best = trial->schedule[trial->count - 1];
        kernel->rule_seconds = median_of(trial->seconds[0], FIRST_ROUNDS);
        kernel->best_seconds = median_of(trial->seconds[trial->count - 1], FIRST_ROUNDS);
    }
    set_shares(search);
    return true;
}

/* Of its time that of the first schedule of a trial; whether it wins. */
static double ratio_to_first(const TuneTrial *trial, int c, bool *wins) {
    double ratio[ROUNDS];
    int better = 0;
    for (int r = 0; r < ROUNDS; r++) {
        ratio[r] = trial->seconds[c][r] / trial->seconds[0][r];
        better += ratio[r] < 1;
    }
    const double middle = median_of(ratio, ROUNDS);
    *wins = middle < margin && better >= LEAST_WINS;
    return middle;
}

/* The schedule of a trial that beats the first one by most, or 0. */
static int judge(Search *s, const TuneTrial *trial, double *ratio) {
    TuneKernel *kernel = trial->kernel;
    int winner = 0;
    *ratio = 1;
    for (int c = 1; c < trial->count; c++) {
        bool wins;
        const double middle = ratio_to_first(trial, c, &wins);
        const double seconds = middle * kernel->best_seconds;
        add_event(s, (TuneEvent){.kernel = kernel,
                                 .schedule = trial->schedule[c],
                                 .seconds = seconds,
                                 .ratio = middle,
                                 .verdict = TUNE_MEASURED});
        if (!wins || middle >= *ratio) continue;
        *ratio = middle;
        winner = c;
    }
    return winner;
}

/* Turns the trials into those of their winners alone. Returns how many there are. */
static int take_winners(Search *s, int count) {
    int winners = 0;
    for (int t = 0; t < count; t++) {
        double ratio;
        const int winner = judge(s, &s->trials[t], &ratio);
        if (!winner) continue;
        const TuneTrial trial = s->trials[t];
        s->trials[winners++] = (TuneTrial){.kernel = trial.kernel,
                                           .schedule = {trial.schedule[0], trial.schedule[winner]},
                                           .count = 2};
    }
    return winners;
}

/* ---- winners ---- */

typedef struct {
    Schedule *now, *then; /* [kernels] */
    double *ratio;        /* [kernels], of the winners; 0: none */
} Winners;

static void set_verdict(Search *s, const TuneKernel *kernel, Schedule schedule,
                        TuneVerdict verdict) {
    for (int i = s->search->events - 1; i >= 0; i--) {
        TuneEvent *event = &s->search->event[i];
        if (event->kernel != kernel || !ir_schedule_equal(event->schedule, schedule)) continue;
        event->verdict = verdict;
        return;
    }
}

static void keep_winners(Search *s, Phase phase, const Winners *winners, const TunePairs *pairs) {
    const bool is_kept = pairs->ratio <= call_margin;
    s->search->rejected += !is_kept;
    for (int i = 0; i < s->search->kernels; i++) {
        TuneKernel *kernel = &s->search->kernel[i];
        if (kernel->phase != phase || winners->ratio[i] == 0) continue;
        set_verdict(s, kernel, winners->now[i], is_kept ? TUNE_CHOSEN : TUNE_REJECTED);
        if (!is_kept) continue;
        kernel->best = winners->now[i];
        kernel->best_seconds *= winners->ratio[i];
    }
}

static bool confirm(Search *s, const Winners *winners, const bool has_winner[2]) {
    TunePairs pairs[2];
    TuneModel model = s->model;
    const double begun = tune_clock();
    if (!has_winner[PHASE_PREFILL]) model.prefill_tokens = 0;
    if (!has_winner[PHASE_DECODE]) model.position = -1;
    if (!experiment_compare(&model, s->search->kernel, s->search->kernels, winners->now,
                            winners->then, model.use_threads, s->compare_seconds, pairs))
        return false;
    note(s, STEP_CALLS, begun);
    for (int p = 0; p < 2; p++)
        if (has_winner[p]) keep_winners(s, (Phase)p, winners, &pairs[p]);
    return true;
}

/* Lets the winners of the trials race again. */
static bool decide(Search *s, int count, Arena *scratch) {
    TuneSearch *search = s->search;
    const size_t kernels = (size_t)search->kernels;
    Winners winners = {.now = ARENA_ARRAY(scratch, Schedule, kernels),
                       .then = ARENA_ARRAY(scratch, Schedule, kernels),
                       .ratio = ARENA_ARRAY(scratch, double, kernels)};
    bool has_winner[2] = {false, false};
    const int again = take_winners(s, count);
    if (!again) return true;
    const double begun = tune_clock();
    if (!experiment_run(&s->model, search->kernel, search->kernels, s->trials, again, ROUNDS,
                        &s->logits))
        return false;
    note(s, STEP_AGAIN, begun);
    for (size_t i = 0; i < kernels; i++) {
        winners.now[i] = winners.then[i] = search->kernel[i].best;
        winners.ratio[i] = 0;
    }
    for (int t = 0; t < again; t++) {
        const TuneTrial *trial = &s->trials[t];
        const size_t i = (size_t)(trial->kernel - search->kernel);
        bool wins;
        const double ratio = ratio_to_first(trial, 1, &wins);
        if (!wins) continue;
        winners.now[i] = trial->schedule[1];
        winners.ratio[i] = ratio;
        has_winner[trial->kernel->phase] = true;
    }
    return (!has_winner[0] && !has_winner[1]) || confirm(s, &winners, has_winner);
}

/* ---- the whole ---- */

static bool experiment(Search *s, int count) {
    TuneSearch *search = s->search;
    const double begun = tune_clock();
    do {
        if (!experiment_run(&s->model, search->kernel, search->kernels, s->trials, count, ROUNDS,
                            &s->logits))
            return false;
    } while (drop_wrong(s, count));
    note(s, STEP_TRIAL, begun);
    Arena *scratch = arena_create();
    const bool ok = decide(s, count, scratch);
    arena_destroy(scratch);
    return ok;
}

/* ---- threads ---- */

static bool is_busy(Search *s) {
    const TuneModel *model = &s->model;
    const bool busy = model->is_busy && model->is_busy(model->data);
    s->search->was_busy |= busy;
    return busy;
}

/* The first look comes in any case. */
static bool has_time_for_threads(Search *s, const TuneCosts *costs) {
    return budget_has(&s->budget, tune_clock(),
                      s->budget.expected[STEP_THREADS] +
                          experiment_run_time(costs, 2, FIRST_ROUNDS));
}

static bool race_threads(Search *s, const TuneKernel *call, int threads, TunePairs *pairs,
                         bool *wins) {
    const double begun = tune_clock();
    if (!experiment_compare_threads(&s->model, s->search->kernel, s->search->kernels, call->phase,
                                    threads, (int)call->best.threads, s->compare_seconds, pairs))
        return false;
    note(s, STEP_THREADS, begun);
    *wins = pairs->ratio < margin && pairs->high < 1;
    return true;
}

/* *counts: false if it was measured beside others, or a winner's second race found no time. */
static bool try_threads(Search *s, TuneKernel *call, const TuneCosts *costs, bool *counts) {
    const Schedule schedule = call->candidate[call->tried];
    const int threads = (int)schedule.threads;
    TunePairs pairs;
    bool is_better;
    if (!race_threads(s, call, threads, &pairs, &is_better)) return false;
    *counts = !is_better || has_time_for_threads(s, costs);
    if (*counts && is_better && !race_threads(s, call, threads, &pairs, &is_better)) return false;
    *counts = *counts && !is_busy(s);
    if (!*counts) return true;
    call->tried++;
    call->rule_seconds = call->best.threads ? call->rule_seconds : pairs.then_seconds;
    call->best_seconds = is_better ? pairs.seconds : pairs.then_seconds;
    if (is_better) call->best = schedule;
    add_event(s, (TuneEvent){.kernel = call,
                             .schedule = schedule,
                             .seconds = pairs.seconds,
                             .ratio = pairs.ratio,
                             .verdict = is_better ? TUNE_CHOSEN : TUNE_MEASURED});
    return true;
}

static bool has_threads_to_try(Search *s, const TuneKernel *call, const TuneCosts *costs) {
    return call->tried < call->candidates && !is_stopped(s) && has_time_for_threads(s, costs);
}

/* From all threads downwards. What was known before stays if not all can be tried. */
static bool tune_call(Search *s, TuneKernel *call, const TuneCosts *costs) {
    const TuneKernel known = *call;
    bool goes_on = has_threads_to_try(s, call, costs) && !is_busy(s), ok = true;
    if (goes_on) call->best = call->rule;
    while (ok && goes_on && has_threads_to_try(s, call, costs))
        ok = try_threads(s, call, costs, &goes_on);
    if (call->tried < call->candidates) *call = known;
    s->model.use_threads[call->phase] = (int)call->best.threads;
    return ok;
}

/* How many threads, before anything is measured with them. */
static bool tune_calls(Search *s, const TuneCosts *costs) {
    for (int i = 0; i < s->search->kernels; i++) {
        TuneKernel *call = &s->search->kernel[i];
        if (call->is_call && !tune_call(s, call, costs)) return false;
    }
    return true;
}

/* What was under way when it was stopped counts as not tried. */
static void forget_trials(Search *s, const int *tried) {
    for (int i = 0; i < s->search->kernels; i++) s->search->kernel[i].tried = tried[i];
}

static bool run(Search *s, int *tried) {
    TuneSearch *search = s->search;
    TuneCosts costs;
    if (!experiment_reference(&s->model, search->kernel, search->kernels, &s->logits, &costs))
        return false;
    guess_times(s, &costs);
    if (!tune_calls(s, &costs) || !measure_best(s)) return false;
    while (!is_stopped(s) && budget_has_experiment(&s->budget, tune_clock())) {
        for (int i = 0; i < search->kernels; i++) tried[i] = search->kernel[i].tried;
        const int count = choose_trials(s);
        if (!count) break;
        if (!experiment(s, count)) {
            forget_trials(s, tried);
            return false;
        }
        if (s->options->found && !s->options->found(s->options->data, search)) break;
    }
    return true;
}

bool tune_search(const TuneModel *model, TuneKernel *kernels, int count, const TuneOptions *options,
                 TuneSearch *search) {
    *search = (TuneSearch){
        .kernel = kernels, .kernels = count, .begun = tune_clock(), .budget = options->budget};
    Arena *scratch = arena_create();
    const double third = options->compared / 3;
    Search s = {.model = *model,
                .compare_seconds = third < most_seconds ? third : most_seconds,
                .options = options,
                .search = search,
                .trials = ARENA_ARRAY(scratch, TuneTrial, (size_t)count + 1)};
    if (options->from_scratch)
        for (int i = 0; i < count; i++) {
            kernels[i].best = kernels[i].smallest;
            kernels[i].tried = 0;
        }
    int *tried = ARENA_ARRAY(scratch, int, (size_t)count + 1);
    const bool ok = run(&s, tried);
    arena_destroy(scratch);
    return ok || is_stopped(&s);
}
