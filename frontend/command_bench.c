/* command_bench.c - `thalweg bench`: how fast, and how near to what this machine can do.
 *
 * A machine that is shared, or changes its clock, is not the same from one minute to the next. So
 * its limits are measured between the repeats, and a phase is compared with the best of them.
 */
#include "frontend/command.h"

#include "frontend/bench_report.h"
#include "frontend/clock.h"
#include "frontend/interrupt.h"
#include "frontend/measure.h"
#include "frontend/memory_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    if (!bench->tokens || !bench->prefill_rate || !bench->decode_rate)
        return command_fail(bench->progress, "out of memory");
    /* A multiplicative sequence (Knuth): all over the vocabulary, and the same every time. */
    for (int64_t i = 0; i < bench->model.context; i++)
        bench->tokens[i] =
            (int32_t)((uint64_t)i * 2654435761U % (1ULL << 32) * (uint64_t)bench->model.vocab >>
                      32);
    return true;
}

/* ---- the model's speed ---- */

/* Brings the session to a position, with the caches filled up to it. */
static bool move_to(Bench *bench, int64_t position) {
    int64_t now = tw_session_position(bench->session);
    if (now > position) {
        if (!command_runs(bench->progress, tw_session_rollback(bench->session, position)))
            return false;
        now = position;
    }
    return now == position ||
           command_runs(bench->progress,
                        tw_session_prefill(bench->session, bench->tokens + now, position - now));
}

static bool measure_prefill(Bench *bench, double *rate) {
    if (!bench->prefill) return true;
    if (!move_to(bench, 0)) return false;
    const double begin = clock_seconds();
    const TwStatus status = tw_session_prefill(bench->session, bench->tokens, bench->prefill);
    *rate = (double)bench->prefill / (clock_seconds() - begin);
    return command_runs(bench->progress, status);
}

static bool measure_decode(Bench *bench, double *rate) {
    const int64_t at = bench->arguments->at;
    if (!bench->decode) return true;
    if (!move_to(bench, at)) return false;
    const double begin = clock_seconds();
    TwStatus status = TW_OK;
    for (int64_t i = 0; i < bench->decode && status == TW_OK && !interrupt_signal(); i++)
        status = tw_session_step(bench->session, &bench->tokens[at + i], 1, 1);
    *rate = (double)bench->decode / (clock_seconds() - begin);
    return command_runs(bench->progress, status);
}

static void measure_limits(Bench *bench) {
    BenchResult *result = &bench->result;
    const double read = measure_read(bench->measure);
    const double operations = measure_operations(bench->measure);
    if (read > result->read_limit) result->read_limit = read;
    if (operations > result->operation_limit) result->operation_limit = operations;
    result->samples++;
}

static bool measure_all(Bench *bench) {
    const int repeats = bench->result.repeats;
    double first;
    /* The first calls meet cold caches, and threads that are not there yet. */
    if (!measure_prefill(bench, &first) || !measure_decode(bench, &first)) return false;
    for (int i = 0; i < repeats; i++) {
        progress_show(bench->progress, "measuring", (double)i / repeats);
        if (interrupt_signal()) return false;
        measure_limits(bench);
        if (!measure_prefill(bench, &bench->prefill_rate[i])) return false;
        measure_limits(bench);
        if (!measure_decode(bench, &bench->decode_rate[i])) return false;
    }
    measure_limits(bench);
    return !interrupt_signal();
}

/* ---- what follows from it ---- */

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
    }
    return true;
}

static void set_phase(PhaseResult *phase, int64_t tokens, const ThalwegCosts *costs, double *rates,
                      int count) {
    phase->tokens = tokens;
    phase->rate = samples_summary(rates, count);
    const double calls = phase->rate.median / (double)tokens;
    phase->bytes = (costs->weight_bytes + costs->cache_bytes) * calls;
    phase->operations = costs->operations * calls;
}

static bool summarise(Bench *bench) {
    BenchResult *result = &bench->result;
    ThalwegCosts costs;
    if (bench->prefill) {
        if (!add_costs(bench, 0, bench->prefill, bench->program->chunk, &costs)) return false;
        set_phase(&result->prefill, bench->prefill, &costs, bench->prefill_rate, result->repeats);
        result->prefill.fraction = result->prefill.operations / result->operation_limit;
    }
    if (bench->decode) {
        if (!add_costs(bench, bench->arguments->at, bench->decode, 1, &costs)) return false;
        set_phase(&result->decode, bench->decode, &costs, bench->decode_rate, result->repeats);
        result->decode.position = bench->arguments->at;
        result->decode.fraction = result->decode.bytes / result->read_limit;
    }
    return true;
}

/* ---- compiling and packing ---- */

/* Packs into a file of its own, so that it is done even where the cache has one. */
static bool measure_packing(Bench *bench) {
    char path[PATH_MAX];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/thalweg-XXXXXX", folder && *folder ? folder : P_tmpdir);
    const int file = mkstemp(path);
    if (file < 0)
        return command_fail(bench->progress, "'%s' cannot be written: %s", path, strerror(errno));
    close(file);
    MemoryWatch watch;
    memory_watch_begin(&watch);
    const double begin = clock_seconds();
    const bool is_packed = thalweg_write_weights(bench->thalweg, path);
    bench->result.pack_seconds = clock_seconds() - begin;
    bench->result.pack_memory = memory_watch_end(&watch);
    unlink(path);
    return is_packed;
}

/* A second Thalweg goes the whole way once more, the weights being in the cache by then. */
static bool measure_compiling(Bench *bench) {
    Thalweg *second = command_thalweg(bench->arguments, bench->progress);
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

static bool open_all(Bench *bench) {
    const bool is_compile_measured = bench->arguments->compile;
    if (!thalweg_read_file(bench->thalweg, model_path(bench))) return false;
    bench->model = thalweg_model(bench->thalweg);
    if (!choose_lengths(bench) || !make_arrays(bench)) return false;
    if (is_compile_measured && !measure_packing(bench)) return false;
    bench->program = thalweg_program(bench->thalweg);
    const TwWeights *weights = bench->program ? thalweg_weights(bench->thalweg) : NULL;
    if (!weights || (is_compile_measured && !measure_compiling(bench))) return false;
    const TwSessionOptions options = {.threads = (int)bench->arguments->threads};
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

static bool bench_all(Bench *bench) {
    if (!open_all(bench)) return false;
    BenchResult *result = &bench->result;
    result->model = bench->model.name;
    result->parameters = bench->model.parameters;
    result->threads = tw_session_threads(bench->session);
    result->repeats = (int)bench->arguments->repeats;
    result->buffer_bytes = (int64_t)measure_bytes(bench->measure);
    return measure_all(bench) && summarise(bench) && print(bench);
}

int command_bench(const Arguments *arguments) {
    Progress progress;
    Bench bench = {.arguments = arguments, .progress = &progress};
    bench.thalweg = command_thalweg(arguments, &progress);
    if (!bench.thalweg) return EXIT_FAILED;
    const bool is_done = bench_all(&bench);
    measure_destroy(bench.measure);
    tw_session_destroy(bench.session);
    free(bench.tokens);
    free(bench.prefill_rate);
    free(bench.decode_rate);
    return command_end(bench.thalweg, &progress, is_done);
}
