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

/* Prefill or decode: what one measurement does, and what is measured. */
typedef struct {
    bool is_decode;
    int64_t at, tokens;     /* how many from which position on; 0: not measured */
    int64_t chunk;          /* tokens of a call, at most */
    double *rate;           /* [repeats], tokens a second */
    KernelSamples *kernels; /* null: not measured */
} PhaseBench;

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    ThalwegModel model;
    TwSession *session;
    Measure *measure;
    PhaseBench prefill, decode;
    int32_t *tokens;  /* [context], what stands at each position */
    double *fraction; /* [repeats], of the limits beside */
    Limits *limits;   /* [2 repeats + 1]: prefill i is measured behind limits 2i, decode i behind
                         2i + 1 */
    Timed *timed;
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
    int64_t prefill = arguments->prefill, decode = arguments->decode;
    if (prefill < 0) prefill = context < USUAL_PREFILL ? context : USUAL_PREFILL;
    if (decode < 0) decode = room < USUAL_DECODE ? room : USUAL_DECODE;
    if (bench->model.takes_whole_sequences) decode = 0; /* nothing follows them */
    if (prefill > context) return refuse_length(bench, "a prefill", prefill);
    if (at > context || (!bench->model.takes_whole_sequences && decode > room))
        return refuse_length(bench, "decoding up to a sequence", at + decode);
    bench->prefill = (PhaseBench){.tokens = prefill};
    bench->decode = (PhaseBench){.is_decode = true, .at = at, .tokens = decode, .chunk = 1};
    return true;
}

static bool make_arrays(Bench *bench) {
    const size_t repeats = (size_t)bench->arguments->repeats;
    bench->tokens = calloc((size_t)bench->model.context, sizeof *bench->tokens);
    bench->prefill.rate = calloc(repeats, sizeof *bench->prefill.rate);
    bench->decode.rate = calloc(repeats, sizeof *bench->decode.rate);
    bench->fraction = calloc(repeats, sizeof *bench->fraction);
    bench->limits = calloc(2 * repeats + 1, sizeof *bench->limits);
    if (!bench->tokens || !bench->prefill.rate || !bench->decode.rate || !bench->fraction ||
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
        if (tw_session_rollback(session, position) != TW_OK) tw_session_reset(session);
        now = tw_session_position(session);
    }
    return now == position ||
           command_runs(bench->progress,
                        tw_session_prefill(session, bench->tokens + now, position - now));
}

static TwStatus run_phase(Bench *bench, const PhaseBench *phase) {
    const int32_t *tokens = bench->tokens + phase->at;
    if (!phase->is_decode) return tw_session_prefill(bench->session, tokens, phase->tokens);
    TwStatus status = TW_OK;
    for (int64_t i = 0; i < phase->tokens && status == TW_OK && !interrupt_signal(); i++)
        status = tw_session_step(bench->session, &tokens[i], 1, 1);
    return status;
}

static bool measure_phase(Bench *bench, const PhaseBench *phase, double *rate) {
    if (!phase->tokens) return true;
    if (!move_to(bench, bench->session, phase->at)) return false;
    const double begin = clock_seconds();
    const TwStatus status = run_phase(bench, phase);
    *rate = (double)phase->tokens / (clock_seconds() - begin);
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

/* Costs of all calls that feed `count` tokens to a phase. */
static bool add_costs(Bench *bench, const PhaseBench *phase, int64_t count, ThalwegCosts *sum) {
    *sum = (ThalwegCosts){0};
    for (int64_t i = 0; i < count; i += phase->chunk) {
        ThalwegCosts call;
        const int64_t tokens = count - i < phase->chunk ? count - i : phase->chunk;
        if (!thalweg_costs(bench->thalweg, tokens, phase->at + i, &call)) return false;
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
    const int64_t tokens = bench->prefill.tokens ? bench->prefill.tokens : 1;
    if (!add_costs(bench, &bench->prefill, tokens, &costs)) return false;
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
    if (!measure_phase(bench, &bench->prefill, &first) ||
        !measure_phase(bench, &bench->decode, &first))
        return false;
    for (int i = 0; i < repeats; i++) {
        progress_show(bench->progress, "measuring", (double)i / repeats);
        if (interrupt_signal()) return false;
        measure_limits(bench, 2 * i);
        if (!measure_phase(bench, &bench->prefill, &bench->prefill.rate[i])) return false;
        measure_limits(bench, 2 * i + 1);
        if (!measure_phase(bench, &bench->decode, &bench->decode.rate[i])) return false;
    }
    measure_limits(bench, 2 * repeats);
    return !interrupt_signal();
}

/* ---- its kernels ---- */

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

/* The first time calls are not counted: they meet cold caches. A prefill's last call, if it has
 * less tokens than the others, is not like them and left out; one of a single token is decode. */
static bool time_phase(Bench *bench, PhaseBench *phase) {
    const bool is_first = !phase->kernels;
    const int64_t count = phase->tokens < phase->chunk ? phase->tokens : phase->chunk;
    TimedCall call;
    if (count < (phase->is_decode ? 1 : 2)) return true;
    if (!move_to(bench, timed_session(bench->timed), phase->at)) return false;
    const int64_t calls = phase->tokens / count;
    for (int64_t i = 0; i < calls; i++) {
        if (!timed_call(bench, count, &call)) return false;
        if (!is_first) bench_kernels_add(phase->kernels, bench->timed, &call);
    }
    if (is_first)
        phase->kernels =
            bench_kernels_begin(&call, calls * timed_repeats(bench), bench->diag.arena);
    return true;
}

static bool time_phases(Bench *bench) {
    return time_phase(bench, &bench->prefill) && time_phase(bench, &bench->decode);
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
    if (!time_phases(bench)) return false;
    const int repeats = timed_repeats(bench);
    for (int i = 0; i < repeats; i++) {
        progress_show(bench->progress, "measuring kernels", (double)i / repeats);
        sample_arithmetics(bench);
        if (!time_phases(bench)) return false;
    }
    return true;
}

static bool trace_calls(Bench *bench, const PhaseBench *phase, int64_t tokens) {
    TwSession *session = timed_session(bench->timed);
    if (!tokens) return true;
    if (!move_to(bench, session, phase->at)) return false;
    for (int64_t left; (left = phase->at + tokens - tw_session_position(session)) > 0;) {
        TimedCall call;
        if (!timed_call(bench, left < phase->chunk ? left : phase->chunk, &call)) return false;
        trace_file_append(&bench->trace, bench->timed, &call);
    }
    return true;
}

/* One prefill and one token. */
static bool trace_all(Bench *bench) {
    return !bench->has_trace || (trace_calls(bench, &bench->prefill, bench->prefill.tokens) &&
                                 trace_calls(bench, &bench->decode, bench->decode.tokens > 0));
}

/* ---- what follows from it ---- */

/* Of what binds a phase: bytes that are read, or operations. */
static double work_of(const PhaseBench *phase, const ThalwegCosts *costs) {
    return phase->is_decode ? costs->weight_bytes + costs->cache_bytes : costs->operations;
}

static double limit_of(const Bench *bench, const PhaseBench *phase, const Limits *limits) {
    return phase->is_decode ? limits->read : limits->operations[bench->result.arithmetic];
}

/* Each measurement, of the better of the limits beside it. */
static Summary paired_fractions(Bench *bench, const PhaseBench *phase, const ThalwegCosts *costs) {
    const int repeats = bench->result.repeats;
    for (int i = 0; i < repeats; i++) {
        const Limits *around = &bench->limits[2 * i + phase->is_decode];
        const double calls = phase->rate[i] / (double)phase->tokens;
        bench->fraction[i] =
            work_of(phase, costs) * calls /
            larger(limit_of(bench, phase, &around[0]), limit_of(bench, phase, &around[1]));
    }
    return samples_summary(bench->fraction, repeats);
}

static void set_kernels(Bench *bench, const PhaseBench *phase, double rate, KernelTable *table) {
    if (!phase->kernels) return;
    *table = bench_kernels_table(phase->kernels, &bench->result.limits, bench->diag.arena);
    table->untimed_seconds = (double)table->tokens / rate;
}

/* The rates lose their order. */
static bool summarise(Bench *bench, const PhaseBench *phase, PhaseResult *result,
                      KernelTable *table) {
    ThalwegCosts costs;
    if (!phase->tokens) return true;
    if (!add_costs(bench, phase, phase->tokens, &costs)) return false;
    result->tokens = phase->tokens;
    result->position = phase->at;
    result->paired = paired_fractions(bench, phase, &costs);
    result->rate = samples_summary(phase->rate, bench->result.repeats);
    const double calls = result->rate.median / (double)phase->tokens;
    result->bytes = (costs.weight_bytes + costs.cache_bytes) * calls;
    result->operations = costs.operations * calls;
    result->fraction =
        work_of(phase, &costs) * calls / limit_of(bench, phase, &bench->result.limits);
    set_kernels(bench, phase, result->rate.median, table);
    return true;
}

static bool summarise_all(Bench *bench) {
    BenchResult *result = &bench->result;
    return summarise(bench, &bench->prefill, &result->prefill, &result->prefill_kernels) &&
           summarise(bench, &bench->decode, &result->decode, &result->decode_kernels);
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
    const bool is_done = thalweg_read_file(second, model_path(bench)) &&
                         thalweg_choose_context(second, false) && thalweg_program(second) &&
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
    if (!command_read_model(bench->thalweg, model_path(bench), &(EngineOptions){0})) return false;
    bench->model = thalweg_model(bench->thalweg);
    if (!choose_lengths(bench) || !make_arrays(bench) || !open_trace(bench)) return false;
    if (is_compile_measured && !measure_packing(bench)) return false;
    const TwProgram *program = thalweg_program(bench->thalweg);
    const TwWeights *weights = program ? thalweg_weights(bench->thalweg) : NULL;
    if (weights) command_say_tuning(bench->thalweg, bench->progress, true);
    if (!weights || (is_compile_measured && !measure_compiling(bench))) return false;
    bench->prefill.chunk = program->chunk;
    const TwSessionOptions options = thalweg_session_options(bench->thalweg);
    if (!command_runs(bench->progress,
                      tw_session_create(program, weights, &options, &bench->session)))
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
                         summarise_all(bench) && print(bench);
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
    free(bench.prefill.rate);
    free(bench.decode.rate);
    free(bench.fraction);
    free(bench.limits);
    return command_end(bench.thalweg, &progress, is_done);
}
