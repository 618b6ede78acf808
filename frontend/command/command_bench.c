/* command_bench.c - `thalweg bench`: how fast, and how near to what this machine can do.
 *
 * A machine that is shared, or changes its clock, is not the same from one second to the next. So
 * its limits are measured before and after each measurement of a phase. A phase is held against the
 * best limit of the whole run, and, paired, each measurement against the better of the two beside
 * it. Then the same calls are made in timed code, which says what each kernel has of them.
 */
#include "frontend/command/command.h"

#include "frontend/command/interrupt.h"
#include "frontend/compiler/compiler.h"
#include "frontend/files/temporary.h"
#include "frontend/measure/bench_report.h"
#include "frontend/measure/clock.h"
#include "frontend/measure/measure.h"
#include "frontend/measure/memory_watch.h"
#include "frontend/measure/timed.h"
#include "frontend/measure/trace_file.h"

#include <stdlib.h>

/* Timed code is measured less often: a call has many kernels, and decode many calls. */
enum { MOST_TIMED_REPEATS = 5 };

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    ThalwegModel model;
    const TwProgram *program;
    TwSession *session;
    Measure *measure;
    int64_t prefill, decode;            /* tokens of one measurement */
    int32_t *tokens;                    /* [context], what stands at each position */
    double *prefill_rate, *decode_rate; /* [repeats], tokens a second */
    double *fraction;                   /* [repeats], of the limits beside */
    Limits *limits;                     /* [2 repeats + 1]: prefill i is measured behind limits 2i,
                                           decode i behind 2i + 1 */
    Timed *timed;
    KernelSamples *prefill_kernels, *decode_kernels; /* null: not measured */
    TraceFile trace;
    bool has_trace;
    Diag diag; /* of the trace; its arena also holds what is known of kernels */
    BenchResult result;
} Bench;

static const char *model_path(const Bench *bench) {
    return bench->arguments->operands[0];
}

/* ---- what is measured ---- */

static bool refuse_length(const Bench *bench, const char *what, int64_t tokens) {
    return command_fail(bench->progress, "%s of %lld tokens does not fit the context of %lld", what,
                        (long long)tokens, (long long)bench->model.context);
}

static bool choose_lengths(Bench *bench) {
    enum { USUAL_PREFILL = 512, USUAL_DECODE = 64 };
    const Arguments *arguments = bench->arguments;
    const int64_t context = bench->model.context, at = arguments->at, room = context - at;
    bench->prefill = arguments->prefill;
    if (bench->prefill < 0) bench->prefill = context < USUAL_PREFILL ? context : USUAL_PREFILL;
    bench->decode = arguments->decode;
    if (bench->decode < 0) bench->decode = room < USUAL_DECODE ? room : USUAL_DECODE;
    if (!bench->model.is_causal) bench->decode = 0; /* every token sees the ones that follow */
    if (bench->prefill > context) return refuse_length(bench, "a prefill", bench->prefill);
    if (at > context || (bench->model.is_causal && bench->decode > room))
        return refuse_length(bench, "decoding up to a sequence", at + bench->decode);
    return true;
}

static bool make_arrays(Bench *bench) {
    const size_t repeats = (size_t)bench->arguments->repeats;
    bench->tokens = calloc((size_t)bench->model.context, sizeof *bench->tokens);
    bench->prefill_rate = calloc(repeats, sizeof *bench->prefill_rate);
    bench->decode_rate = calloc(repeats, sizeof *bench->decode_rate);
    bench->fraction = calloc(repeats, sizeof *bench->fraction);
    bench->limits = calloc(2 * repeats + 1, sizeof *bench->limits);
    if (!bench->tokens || !bench->prefill_rate || !bench->decode_rate || !bench->fraction ||
        !bench->limits)
        return command_fail(bench->progress, "out of memory");
    /* A multiplicative sequence (Knuth): all over the vocabulary, and the same every time. */
    for (int64_t i = 0; i < bench->model.context; i++)
        bench->tokens[i] =
            (int32_t)((uint64_t)i * 2654435761U % (1ULL << 32) * (uint64_t)bench->model.vocab >>
                      32);
    return true;
}

/* ---- the model's speed ---- */

/* Brings a session to a position, with the caches filled up to it. */
static bool move_to(Bench *bench, TwSession *session, int64_t position) {
    int64_t now = tw_session_position(session);
    if (now > position) {
        if (!command_runs(bench->progress, tw_session_rollback(session, position))) return false;
        now = position;
    }
    return now == position ||
           command_runs(bench->progress,
                        tw_session_prefill(session, bench->tokens + now, position - now));
}

static bool measure_prefill(Bench *bench, double *rate) {
    if (!bench->prefill) return true;
    if (!move_to(bench, bench->session, 0)) return false;
    const double begin = clock_seconds();
    const TwStatus status = tw_session_prefill(bench->session, bench->tokens, bench->prefill);
    *rate = (double)bench->prefill / (clock_seconds() - begin);
    return command_runs(bench->progress, status);
}

static bool measure_decode(Bench *bench, double *rate) {
    const int64_t at = bench->arguments->at;
    if (!bench->decode) return true;
    if (!move_to(bench, bench->session, at)) return false;
    const double begin = clock_seconds();
    TwStatus status = TW_OK;
    for (int64_t i = 0; i < bench->decode && status == TW_OK && !interrupt_signal(); i++)
        status = tw_session_step(bench->session, &bench->tokens[at + i], 1, 1);
    *rate = (double)bench->decode / (clock_seconds() - begin);
    return command_runs(bench->progress, status);
}

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double sample_operations(Bench *bench, Arithmetic arithmetic) {
    double *best = &bench->result.limits.operations[arithmetic];
    const double operations = measure_operations(bench->measure, arithmetic);
    *best = larger(*best, operations);
    return operations;
}

static double sample_read(Bench *bench) {
    const double read = measure_read(bench->measure);
    bench->result.limits.read = larger(bench->result.limits.read, read);
    return read;
}

/* What limits a phase is measured right beside it: samples alternate between prefill and decode. */
static void measure_limits(Bench *bench, int sample) {
    Limits *limits = &bench->limits[sample];
    double *operations = &limits->operations[bench->result.arithmetic];
    if (sample % 2) *operations = sample_operations(bench, bench->result.arithmetic);
    limits->read = sample_read(bench);
    if (sample % 2 == 0) *operations = sample_operations(bench, bench->result.arithmetic);
    bench->result.samples++;
}

/* Costs of all calls that feed `count` tokens from a position on. */
static bool add_costs(Bench *bench, int64_t position, int64_t count, int64_t chunk,
                      ThalwegCosts *sum) {
    *sum = (ThalwegCosts){0};
    for (int64_t i = 0; i < count; i += chunk) {
        ThalwegCosts call;
        const int64_t tokens = count - i < chunk ? count - i : chunk;
        if (!thalweg_costs(bench->thalweg, tokens, position + i, &call)) return false;
        sum->weight_bytes += call.weight_bytes;
        sum->cache_bytes += call.cache_bytes;
        sum->operations += call.operations;
        sum->byte_operations += call.byte_operations;
        sum->pair_operations += call.pair_operations;
    }
    return true;
}

/* What most of a prefill is calculated in: its limit is the one that is measured beside it. */
static bool choose_arithmetic(Bench *bench) {
    ThalwegCosts costs;
    const int64_t tokens = bench->prefill ? bench->prefill : 1;
    if (!add_costs(bench, 0, tokens, bench->program->chunk, &costs)) return false;
    bench->result.arithmetic = ARITHMETIC_f32;
    if (costs.byte_operations > costs.operations / 2) bench->result.arithmetic = ARITHMETIC_int8;
    if (costs.pair_operations > costs.operations / 2) bench->result.arithmetic = ARITHMETIC_bf16;
    return true;
}

static bool measure_all(Bench *bench) {
    const int repeats = bench->result.repeats;
    double first;
    if (!choose_arithmetic(bench)) return false;
    /* The first calls meet cold caches, and threads that are not there yet. */
    if (!measure_prefill(bench, &first) || !measure_decode(bench, &first)) return false;
    for (int i = 0; i < repeats; i++) {
        progress_show(bench->progress, "measuring", (double)i / repeats);
        if (interrupt_signal()) return false;
        measure_limits(bench, 2 * i);
        if (!measure_prefill(bench, &bench->prefill_rate[i])) return false;
        measure_limits(bench, 2 * i + 1);
        if (!measure_decode(bench, &bench->decode_rate[i])) return false;
    }
    measure_limits(bench, 2 * repeats);
    return !interrupt_signal();
}

/* ---- its kernels ---- */

/* Tokens of a call of a prefill. */
static int64_t prefill_call(const Bench *bench) {
    const int64_t chunk = bench->program->chunk;
    return bench->prefill < chunk ? bench->prefill : chunk;
}

static int timed_repeats(const Bench *bench) {
    const int repeats = bench->result.repeats;
    return repeats < MOST_TIMED_REPEATS ? repeats : MOST_TIMED_REPEATS;
}

static bool timed_call(Bench *bench, int64_t count, TimedCall *call) {
    const int64_t now = tw_session_position(timed_session(bench->timed));
    return !interrupt_signal() &&
           command_runs(bench->progress,
                        timed_step(bench->timed, bench->tokens + now, count, call));
}

/* Calls of `count` tokens from a position on. The first time they are not counted: they meet cold
 * caches. */
static bool time_calls(Bench *bench, int64_t position, int64_t count, int64_t calls,
                       KernelSamples **samples) {
    const bool is_first = !*samples;
    TimedCall call;
    if (!move_to(bench, timed_session(bench->timed), position)) return false;
    for (int64_t i = 0; i < calls; i++) {
        if (!timed_call(bench, count, &call)) return false;
        if (!is_first) bench_kernels_add(*samples, bench->timed, &call);
    }
    if (is_first)
        *samples = bench_kernels_begin(&call, calls * timed_repeats(bench), bench->diag.arena);
    return true;
}

/* A prefill's last call, if it has less tokens than the others, is not like them and left out; one
 * of a single token is decode. */
static bool time_prefill(Bench *bench) {
    const int64_t count = prefill_call(bench);
    return count < 2 ||
           time_calls(bench, 0, count, bench->prefill / count, &bench->prefill_kernels);
}

static bool time_decode(Bench *bench) {
    return !bench->decode ||
           time_calls(bench, bench->arguments->at, 1, bench->decode, &bench->decode_kernels);
}

static void sample_arithmetics(Bench *bench) {
    for (int a = 0; a < ARITHMETIC_COUNT; a++)
        if (timed_uses(bench->timed, (Arithmetic)a)) sample_operations(bench, (Arithmetic)a);
    sample_read(bench);
    bench->result.samples++;
}

static bool time_all(Bench *bench) {
    TwStatus status;
    bench->timed = timed_create(bench->thalweg, bench->result.threads, &status);
    if (!bench->timed) {
        command_runs(bench->progress, status);
        return false;
    }
    if (!time_prefill(bench) || !time_decode(bench)) return false;
    const int repeats = timed_repeats(bench);
    for (int i = 0; i < repeats; i++) {
        progress_show(bench->progress, "measuring kernels", (double)i / repeats);
        sample_arithmetics(bench);
        if (!time_prefill(bench) || !time_decode(bench)) return false;
    }
    return true;
}

static bool trace_calls(Bench *bench, int64_t position, int64_t tokens) {
    TwSession *session = timed_session(bench->timed);
    if (!tokens) return true;
    if (!move_to(bench, session, position)) return false;
    for (int64_t left; (left = position + tokens - tw_session_position(session)) > 0;) {
        TimedCall call;
        const int64_t chunk = bench->program->chunk;
        if (!timed_call(bench, left < chunk ? left : chunk, &call)) return false;
        trace_file_append(&bench->trace, bench->timed, &call);
    }
    return true;
}

/* One prefill and one token. */
static bool trace_all(Bench *bench) {
    return !bench->has_trace || (trace_calls(bench, 0, bench->prefill) &&
                                 trace_calls(bench, bench->arguments->at, bench->decode ? 1 : 0));
}

/* ---- what follows from it ---- */

/* `rates` lose their order. */
static void set_rate(PhaseResult *phase, int64_t tokens, const ThalwegCosts *costs, double *rates,
                     int count) {
    phase->tokens = tokens;
    phase->rate = samples_summary(rates, count);
    const double calls = phase->rate.median / (double)tokens;
    phase->bytes = (costs->weight_bytes + costs->cache_bytes) * calls;
    phase->operations = costs->operations * calls;
}

static void set_prefill(Bench *bench, const ThalwegCosts *costs) {
    BenchResult *result = &bench->result;
    PhaseResult *phase = &result->prefill;
    for (int i = 0; i < result->repeats; i++) {
        const Limits *around = &bench->limits[2 * i];
        const double calls = bench->prefill_rate[i] / (double)bench->prefill;
        bench->fraction[i] = costs->operations * calls /
                             larger(around[0].operations[result->arithmetic],
                                    around[1].operations[result->arithmetic]);
    }
    phase->paired = samples_summary(bench->fraction, result->repeats);
    set_rate(phase, bench->prefill, costs, bench->prefill_rate, result->repeats);
    phase->fraction = phase->operations / result->limits.operations[result->arithmetic];
}

static void set_decode(Bench *bench, const ThalwegCosts *costs) {
    BenchResult *result = &bench->result;
    PhaseResult *phase = &result->decode;
    for (int i = 0; i < result->repeats; i++) {
        const Limits *around = &bench->limits[2 * i + 1];
        const double calls = bench->decode_rate[i] / (double)bench->decode;
        bench->fraction[i] = (costs->weight_bytes + costs->cache_bytes) * calls /
                             larger(around[0].read, around[1].read);
    }
    phase->paired = samples_summary(bench->fraction, result->repeats);
    set_rate(phase, bench->decode, costs, bench->decode_rate, result->repeats);
    phase->position = bench->arguments->at;
    phase->fraction = phase->bytes / result->limits.read;
}

/* `rate`: tokens a second in code that is not timed. */
static void set_kernels(Bench *bench, KernelSamples *samples, double rate, KernelTable *table) {
    if (!samples) return;
    *table = bench_kernels_table(samples, &bench->result.limits, bench->diag.arena);
    table->untimed_seconds = (double)table->tokens / rate;
}

static bool summarise(Bench *bench) {
    BenchResult *result = &bench->result;
    ThalwegCosts costs;
    if (bench->prefill) {
        if (!add_costs(bench, 0, bench->prefill, bench->program->chunk, &costs)) return false;
        set_prefill(bench, &costs);
    }
    if (bench->decode) {
        if (!add_costs(bench, bench->arguments->at, bench->decode, 1, &costs)) return false;
        set_decode(bench, &costs);
    }
    set_kernels(bench, bench->prefill_kernels, result->prefill.rate.median,
                &result->prefill_kernels);
    set_kernels(bench, bench->decode_kernels, result->decode.rate.median, &result->decode_kernels);
    return true;
}

/* ---- compiling and packing ---- */

/* Packs into a file of its own, so that it is done even where the cache has one. */
static bool measure_packing(Bench *bench) {
    Thalweg *thalweg = bench->thalweg;
    TemporaryFolder folder;
    if (!temporary_make(&folder, &thalweg->diag)) return false;
    const char *path = arena_printf(thalweg->arena, "%s/weights", folder.path);
    MemoryWatch watch;
    memory_watch_begin(&watch);
    const double begin = clock_seconds();
    const bool is_packed = thalweg_write_weights(thalweg, path);
    bench->result.pack_seconds = clock_seconds() - begin;
    bench->result.pack_memory = memory_watch_end(&watch);
    temporary_remove(&folder);
    return is_packed;
}

/* A second Thalweg goes the whole way once more, the weights being in the cache by then, and the
 * code of no use. */
static bool measure_compiling(Bench *bench) {
    Arguments arguments = *bench->arguments;
    arguments.no_code_cache = true;
    arguments.perf = false; /* its files tell of the code that is measured */
    Thalweg *second = command_thalweg(&arguments, bench->progress);
    if (!second) return false;
    const double begin = clock_seconds();
    const bool is_done = thalweg_read_file(second, model_path(bench)) && thalweg_program(second) &&
                         thalweg_weights(second);
    bench->result.compile_seconds = clock_seconds() - begin;
    bench->result.has_compile = is_done;
    if (!is_done) thalweg_print_diagnostics(second, stderr);
    thalweg_destroy(second);
    return is_done;
}

/* ---- the whole ---- */

static bool open_trace(Bench *bench) {
    const char *path = bench->arguments->trace;
    if (!path) return true;
    bench->has_trace = trace_file_open(&bench->trace, path, bench->model.name, &bench->diag);
    return bench->has_trace;
}

static bool close_trace(Bench *bench, bool is_done) {
    if (bench->has_trace) is_done = trace_file_close(&bench->trace, is_done, &bench->diag);
    return is_done;
}

static bool open_all(Bench *bench) {
    const bool is_compile_measured = bench->arguments->compile;
    if (!thalweg_read_file(bench->thalweg, model_path(bench))) return false;
    bench->model = thalweg_model(bench->thalweg);
    if (!choose_lengths(bench) || !make_arrays(bench) || !open_trace(bench)) return false;
    if (is_compile_measured && !measure_packing(bench)) return false;
    bench->program = thalweg_program(bench->thalweg);
    const TwWeights *weights = bench->program ? thalweg_weights(bench->thalweg) : NULL;
    if (weights) command_say_tuning(bench->thalweg, bench->progress, true);
    if (!weights || (is_compile_measured && !measure_compiling(bench))) return false;
    const TwSessionOptions options = thalweg_session_options(bench->thalweg);
    if (!command_runs(bench->progress,
                      tw_session_create(bench->program, weights, &options, &bench->session)))
        return false;
    bench->measure = measure_create(tw_session_threads(bench->session));
    return bench->measure || command_fail(bench->progress, "out of memory");
}

static bool print(const Bench *bench) {
    progress_end(bench->progress);
    if (!bench->arguments->json) {
        bench_print_text(&bench->result, stdout);
        return true;
    }
    return bench_print_json(&bench->result, stdout) ||
           command_fail(bench->progress, "out of memory");
}

static void note_threads(const Bench *bench) {
    const int fewest = tw_session_fewest_threads(bench->session);
    if (fewest < bench->result.threads)
        fprintf(stderr,
                "note: some calls were made by %d of the threads: the processors are busy\n",
                fewest);
}

static bool bench_all(Bench *bench) {
    if (!open_all(bench)) return false;
    BenchResult *result = &bench->result;
    result->model = bench->model.name;
    result->parameters = bench->model.parameters;
    result->threads = tw_session_threads(bench->session);
    result->repeats = (int)bench->arguments->repeats;
    result->buffer_bytes = (int64_t)measure_bytes(bench->measure);
    const bool is_done = measure_all(bench) && time_all(bench) && trace_all(bench) &&
                         summarise(bench) && print(bench);
    if (is_done) note_threads(bench);
    return is_done;
}

int command_bench(const Arguments *arguments) {
    Progress progress;
    Bench bench = {.arguments = arguments, .progress = &progress};
    bench.thalweg = command_thalweg(arguments, &progress);
    if (!bench.thalweg) return EXIT_FAILED;
    bench.diag.arena = arena_create();
    const bool is_done = close_trace(&bench, bench_all(&bench));
    diag_print(&bench.diag, stderr);
    measure_destroy(bench.measure);
    timed_destroy(bench.timed);
    arena_destroy(bench.diag.arena);
    tw_session_destroy(bench.session);
    free(bench.tokens);
    free(bench.prefill_rate);
    free(bench.decode_rate);
    free(bench.fraction);
    free(bench.limits);
    return command_end(bench.thalweg, &progress, is_done);
}
