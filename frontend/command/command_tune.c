/* command_tune.c - `thalweg tune`: finds the fastest schedules on this machine. */
#include "frontend/command/command.h"

#include "frontend/command/interrupt.h"
#include "frontend/compiler/compiler.h"
#include "frontend/files/output_file.h"
#include "frontend/measure/measure.h"
#include "frontend/tune/report.h"
#include "runtime/processors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    double budget;    /* seconds of the whole command */
    double begun;     /* of the clock */
    double *limit;    /* [kernels], seconds of the roofline; 0: not known */
    const char *path; /* of the file of what was tuned */
    const char *lock_path;
    int lock; /* -1: not held */
    TuningFile file;
    TuneModel model;
    TuneKernel *kernels;
    int kernel_count;
    TuneSearch search;
    int shown; /* events that a line has been written for */
    TunePairs pairs[2];
    bool is_compared;
} Tune;

/* ---- arguments ---- */

static bool read_budget(Tune *tune) {
    const char *text = tune->arguments->budget;
    char *end;
    errno = 0;
    tune->budget = strtod(text, &end);
    const double unit = strcmp(end, "m") == 0 ? 60 : strcmp(end, "h") == 0 ? 3600 : 1;
    const bool is_unit = !*end || strcmp(end, "s") == 0 || unit > 1;
    tune->budget *= unit;
    if (end != text && is_unit && !errno && tune->budget >= 0 && tune->budget <= 1e6) return true;
    return command_fail(tune->progress, "'%.40s' is no budget; expected a time as 60s, 5m or 1h",
                        text);
}

/* ---- the file, and its lock ---- */

static bool refuse_path(Tune *tune, const char *why) {
    diag_error(&tune->thalweg->diag, (Loc){0}, "'%s' cannot be written: %s", tune->path, why);
    return diag_hint(&tune->thalweg->diag,
                     "name another file by --tuning, or another directory by --cache");
}

/* The lock's file is removed while it is held: who got hold of a removed one tries again. */
static bool take_lock(Tune *tune) {
    for (;;) {
        struct stat held, there;
        tune->lock = open(tune->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (tune->lock < 0) return refuse_path(tune, strerror(errno));
        if (flock(tune->lock, LOCK_EX | LOCK_NB) != 0) {
            close(tune->lock);
            tune->lock = -1;
            return command_fail(tune->progress,
                                "'%s' is being tuned by another process; wait for it, or name "
                                "another file by --tuning",
                                tune->path);
        }
        if (fstat(tune->lock, &held) == 0 && stat(tune->lock_path, &there) == 0 &&
            held.st_ino == there.st_ino && held.st_dev == there.st_dev)
            return true;
        close(tune->lock);
    }
}

static void leave_lock(Tune *tune) {
    if (tune->lock < 0) return;
    unlink(tune->lock_path);
    close(tune->lock);
}

static bool write_file(Thalweg *thalweg, const char *path, TuningFile *file) {
    OutputFile output;
    if (!output_file_open(&output, path, &thalweg->diag)) return false;
    tuning_file_print(file, output.stream);
    return output_file_close(&output, true, &thalweg->diag);
}

/* A file that is not there yet is made at once: what cannot be written is better known before. */
static bool open_file(Tune *tune) {
    Thalweg *thalweg = tune->thalweg;
    tune->path = compiler_tuning_path(thalweg);
    if (!tune->path) return false;
    Diag diag = {.arena = thalweg->arena};
    if (!tune->arguments->tuning &&
        !compiler_make_cache(compiler_directory(thalweg, tune->path), &diag))
        return refuse_path(tune, diag.first->message);
    tune->lock_path = arena_printf(thalweg->arena, "%s.lock", tune->path);
    tune->file = (TuningFile){.arena = thalweg->arena};
    if (!take_lock(tune)) return false;
    if (access(tune->path, F_OK) != 0 && !write_file(thalweg, tune->path, &tune->file))
        return false;
    return compiler_read_tuning(thalweg, tune->path, &tune->file);
}

static bool save(Tune *tune) {
    const TuningMachine machine = compiler_tuning_machine(tune->thalweg);
    const char *llvm = target_llvm_version(tune->thalweg->arena);
    for (int i = 0; i < tune->kernel_count; i++) {
        const TuneKernel *kernel = &tune->kernels[i];
        const TuningRecord record = {.kernel = kernel->name,
                                     .machine = machine,
                                     .schedule = kernel->best,
                                     .tried = kernel->tried,
                                     .candidates = kernel->candidates,
                                     .nanoseconds = 1e9 * kernel->best_seconds,
                                     .rule_nanoseconds = 1e9 * kernel->rule_seconds,
                                     .thalweg = THALWEG_VERSION,
                                     .llvm = llvm};
        if (kernel->tried) tuning_file_put(&tune->file, &record);
    }
    return write_file(tune->thalweg, tune->path, &tune->file);
}

static void forget(Tune *tune) {
    const TuningMachine machine = compiler_tuning_machine(tune->thalweg);
    for (int i = 0; i < tune->kernel_count; i++)
        tuning_file_remove(&tune->file, tune->kernels[i].name, &machine);
}

/* What this version has tried before is not tried again, but for numbers of threads: a look at
 * them is short, and what was found beside other programs must not stay for good. */
static void recall(Tune *tune) {
    const TuningMachine machine = compiler_tuning_machine(tune->thalweg);
    const char *llvm = target_llvm_version(tune->thalweg->arena);
    for (int i = 0; i < tune->kernel_count; i++) {
        TuneKernel *kernel = &tune->kernels[i];
        const TuningRecord *record = tuning_file_find(&tune->file, kernel->name, &machine);
        if (record && kernel->is_call && record->schedule.threads <= machine.threads)
            kernel->best.threads = record->schedule.threads;
        if (!record || kernel->is_call || strcmp(record->thalweg, THALWEG_VERSION) != 0 ||
            strcmp(record->llvm, llvm) != 0 || record->candidates != kernel->candidates ||
            record->tried > kernel->candidates)
            continue;
        kernel->tried = (int)record->tried;
    }
}

/* ---- the model ---- */

static bool is_stopped(void *data) {
    (void)data;
    return interrupt_signal() != 0;
}

/* One of the threads has to leave a part of its processor to others. */
static bool is_busy(void *data) {
    const Tune *tune = data;
    const double quiet = 0.9;
    return measure_least_share(tune->model.threads) < quiet;
}

/* As many tokens as take some tenth of a second, by a guess at the machine. */
static bool choose_prefill(Tune *tune, int64_t *tokens) {
    const double operations_per_second = 1e11 * tune->model.threads, wanted_seconds = 0.25;
    const Graph *prefill = tune->thalweg->prefill;
    *tokens = prefill->chunk < 512 ? prefill->chunk : 512;
    while (*tokens > 128) {
        ThalwegCosts costs;
        if (!thalweg_costs(tune->thalweg, *tokens, 0, &costs)) return false;
        if (costs.operations - 0.7 * costs.byte_operations < wanted_seconds * operations_per_second)
            break;
        *tokens /= 2;
    }
    if (*tokens < 2) *tokens = 0;
    return true;
}

static bool make_model(Tune *tune) {
    enum { USUAL_POSITION = 64 };
    Thalweg *thalweg = tune->thalweg;
    if (!command_read_model(thalweg, tune->arguments->operands[0], &(EngineOptions){0}) ||
        !compiler_runs_here(thalweg) || !compiler_plan(thalweg))
        return false;
    const TwWeights *weights = thalweg_weights(thalweg);
    if (!weights) return false;
    const ThalwegModel known = thalweg_model(thalweg);
    int32_t *tokens = ARENA_ARRAY(thalweg->arena, int32_t, (size_t)known.context);
    for (int64_t i = 0; i < known.context; i++)
        tokens[i] =
            (int32_t)((uint64_t)i * 2654435761U % (1ULL << 32) * (uint64_t)known.vocab >> 32);
    tune->model =
        (TuneModel){.prefill = thalweg->prefill,
                    .decode = thalweg->decode,
                    .target = thalweg->target,
                    .weights = weights,
                    .threads = (int)compiler_tuning_machine(thalweg).threads,
                    .tokens = tokens,
                    .position = USUAL_POSITION < known.context ? USUAL_POSITION : known.context - 1,
                    .is_stopped = is_stopped,
                    .is_busy = is_busy,
                    .data = tune,
                    .arena = thalweg->arena,
                    .diag = &thalweg->diag};
    if (known.takes_whole_sequences) tune->model.position = -1;
    return choose_prefill(tune, &tune->model.prefill_tokens);
}

/* ---- what is seen meanwhile ---- */

static const char *seconds_text(double seconds, Arena *arena) {
    if (seconds < 100) return arena_printf(arena, "%.0f s", seconds > 0 ? seconds : 0);
    return arena_printf(arena, "%.0f min", seconds / 60);
}

/* A line for each schedule that was chosen, where no line can be drawn again and again. */
static void show_events(Tune *tune, const TuneSearch *search) {
    for (; tune->shown < search->events; tune->shown++) {
        const TuneEvent *event = &search->event[tune->shown];
        const char *schedule = tune_schedule_text(event->schedule, tune->thalweg->arena);
        if (event->verdict == TUNE_WRONG)
            command_fail(tune->progress,
                         "%s computes something else with %s: a bug of the compiler, and not used",
                         event->kernel->name, schedule);
        if (event->verdict == TUNE_CHOSEN && !tune->progress->is_terminal)
            fprintf(stderr, "%5.1f s: %s, %.3f of its time with %s\n", event->at,
                    event->kernel->name, event->ratio, schedule);
    }
}

static bool show_and_save(void *data, const TuneSearch *search) {
    Tune *tune = data;
    Arena *arena = arena_create();
    const double spent = tune_clock() - search->begun;
    int tried = 0, all = 0;
    for (int i = 0; i < search->kernels; i++) {
        tried += search->kernel[i].tried;
        all += search->kernel[i].candidates;
    }
    show_events(tune, search);
    const TuneEvent *last = search->events ? &search->event[search->events - 1] : NULL;
    progress_show(
        tune->progress,
        arena_printf(arena, "%s, %s: %.3f; %d of %d tried, %s left", last ? last->kernel->name : "",
                     last ? tune_schedule_text(last->schedule, arena) : "", last ? last->ratio : 1,
                     tried, all, seconds_text(search->budget - spent, arena)),
        spent / search->budget);
    arena_destroy(arena);
    return save(tune);
}

/* ---- after the search ---- */

/* Seconds of whole calls of each phase: a part of the budget. */
static double compared_seconds(const Tune *tune) {
    const double most = 3, share = 0.05;
    return tune->budget * share < most ? tune->budget * share : most;
}

static bool compare(Tune *tune) {
    const size_t count = (size_t)tune->kernel_count;
    Schedule *now = ARENA_ARRAY(tune->thalweg->arena, Schedule, count + 1);
    Schedule *then = ARENA_ARRAY(tune->thalweg->arena, Schedule, count + 1);
    bool is_changed = false;
    for (size_t i = 0; i < count; i++) {
        now[i] = tune->kernels[i].best;
        then[i] = tune->kernels[i].rule;
        is_changed |= !ir_schedule_equal(now[i], then[i]);
    }
    if (!is_changed || interrupt_signal()) return true;
    const int all_threads[2] = {0, 0};
    for (size_t i = 0; i < count; i++)
        if (tune->kernels[i].is_call)
            tune->model.use_threads[tune->kernels[i].phase] = (int)tune->kernels[i].best.threads;
    progress_show(tune->progress, "comparing whole calls", 1);
    tune->is_compared = experiment_compare(&tune->model, tune->kernels, tune->kernel_count, now,
                                           then, all_threads, compared_seconds(tune), tune->pairs);
    return tune->is_compared || interrupt_signal();
}

/* A phase that is slower for all that was tuned in it, however that came, goes without. */
static bool keep_what_helps(Tune *tune) {
    bool is_changed = false;
    for (int i = 0; tune->is_compared && i < tune->kernel_count; i++) {
        TuneKernel *kernel = &tune->kernels[i];
        if (tune->pairs[kernel->phase].ratio <= 1) continue;
        is_changed |= !ir_schedule_equal(kernel->best, kernel->rule);
        kernel->best = kernel->rule;
        kernel->best_seconds = kernel->rule_seconds;
    }
    return !is_changed || save(tune);
}

static double roofline(const Kernel *kernel, int64_t tokens, int64_t position, double read,
                       const double *operations) {
    const KernelCost cost = plan_cost(kernel, tokens, position);
    const double bytes = cost.weight_bytes + compiler_cache_bytes(kernel, tokens, position);
    const Arithmetic arithmetic = cost.byte_operations > 0   ? ARITHMETIC_int8
                                  : cost.pair_operations > 0 ? ARITHMETIC_bf16
                                                             : ARITHMETIC_f32;
    const double reading = bytes / read, calculating = cost.operations / operations[arithmetic];
    return reading > calculating ? reading : calculating;
}

static void set_limits(const Tune *tune, const PhasePlan *phase, int64_t tokens, int64_t position,
                       double read, const double *operations, double *limit) {
    for (int i = 0; i < phase->count; i++) {
        const Kernel *kernel = phase->kernel[i];
        const char *name = tuning_kernel_name(kernel->graph, kernel->root, tune->thalweg->arena);
        for (int k = 0; name && k < tune->kernel_count; k++)
            if (strcmp(tune->kernels[k].name, name) == 0)
                limit[k] = roofline(kernel, tokens, position, read, operations);
    }
}

static bool find_limits(const Tune *tune, double *limit) {
    enum { SAMPLES = 3 };
    Measure *measure = measure_create(tune->model.threads);
    if (!measure) return command_fail(tune->progress, "out of memory");
    double read = 0, operations[ARITHMETIC_COUNT] = {0};
    for (int i = 0; i < SAMPLES; i++) {
        const double bytes = measure_read(measure);
        read = bytes > read ? bytes : read;
        for (int a = 0; a < ARITHMETIC_COUNT; a++) {
            const double rate = measure_operations(measure, (Arithmetic)a);
            operations[a] = rate > operations[a] ? rate : operations[a];
        }
    }
    measure_destroy(measure);
    const Plan *plan = tune->thalweg->plan;
    set_limits(tune, &plan->prefill, tune->model.prefill_tokens, 0, read, operations, limit);
    set_limits(tune, &plan->decode, 1, tune->model.position, read, operations, limit);
    return true;
}

static bool write_page(Tune *tune, const TuneReport *report) {
    OutputFile output;
    if (!output_file_open(&output, tune->arguments->report, &tune->thalweg->diag)) return false;
    tune_report_page(report, output.stream);
    return output_file_close(&output, true, &tune->thalweg->diag);
}

static bool report(Tune *tune) {
    const TuneReport what = {.model = thalweg_model(tune->thalweg).name,
                             .cpu = tune->thalweg->target->cpu,
                             .tuned = &tune->model,
                             .search = &tune->search,
                             .pairs = tune->is_compared ? tune->pairs : NULL,
                             .limit = tune->limit};
    const char *page = tune->arguments->report;
    if (page && !write_page(tune, &what)) return false;
    progress_end(tune->progress);
    int left = 0;
    for (int i = 0; i < tune->kernel_count; i++)
        if (!tune->kernels[i].is_call) left += tune->kernels[i].candidates - tune->kernels[i].tried;
    tune_report_table(&what, stdout);
    if (tune->search.was_busy) printf("the processors are busy: fewer threads were not tried\n");
    printf("%d schedules measured, %d left to try; kept in '%s'\n", tune->search.events, left,
           tune->path);
    return true;
}

static bool tune_model(Tune *tune) {
    if (!open_file(tune) || !make_model(tune)) return false;
    tune->kernel_count = tune_kernels(&tune->model, &tune->kernels);
    if (tune->arguments->from_scratch)
        forget(tune);
    else
        recall(tune);
    tune->limit = ARENA_ARRAY(tune->thalweg->arena, double, (size_t)tune->kernel_count + 1);
    memset(tune->limit, 0, (size_t)tune->kernel_count * sizeof *tune->limit);
    if (tune->arguments->report && !find_limits(tune, tune->limit)) return false;
    const TuneOptions options = {.budget = tune->budget - (tune_clock() - tune->begun),
                                 .compared = compared_seconds(tune),
                                 .from_scratch = tune->arguments->from_scratch,
                                 .found = show_and_save,
                                 .data = tune};
    return tune_search(&tune->model, tune->kernels, tune->kernel_count, &options, &tune->search) &&
           save(tune) && compare(tune) && keep_what_helps(tune) && report(tune);
}

/* ---- merging ---- */

static bool merge(Tune *tune) {
    Thalweg *thalweg = tune->thalweg;
    TuningFile file = {.arena = thalweg->arena};
    for (int i = 0; i < tune->arguments->operand_count; i++) {
        if (!compiler_read_tuning(thalweg, tune->arguments->operands[i], &file)) return false;
    }
    if (tune->arguments->tuning) return write_file(thalweg, tune->arguments->tuning, &file);
    tuning_file_print(&file, stdout);
    return true;
}

int command_tune(const Arguments *arguments) {
    Progress progress;
    if (!arguments->merge && arguments->operand_count > 1)
        return command_misused(COMMAND_tune, "one model at a time; --merge takes several files");
    Tune tune = {.arguments = arguments, .progress = &progress, .lock = -1, .begun = tune_clock()};
    tune.thalweg = command_thalweg(arguments, &progress);
    if (!tune.thalweg) return EXIT_FAILED;
    const bool is_done =
        read_budget(&tune) && (arguments->merge ? merge(&tune) : tune_model(&tune));
    leave_lock(&tune);
    return command_end(tune.thalweg, &progress, is_done && !interrupt_signal());
}
