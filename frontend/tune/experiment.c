#include "frontend/tune/programs.h"
#include "runtime/nanoseconds.h"
#include "runtime/trace.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST_STEPS = 2, MOST_STEPS = 32, LEAST_PAIRS = 5 };
static const double step_seconds = 0.02; /* decoding in each turn of a program */

double tune_clock(void) {
    return 1e-9 * (double)tw_nanoseconds();
}

typedef struct {
    const TuneModel *model;
    TuneTrial *trials;
    int trial_count;
    int *trial_of; /* [kernels], of each kernel; -1: none */
    const TuneKernel *kernels;
    Programs *programs;
    TwSession *session;
    Trace *trace;
    const TuneLogits *logits;
} Experiment;

static bool is_stopped(const TuneModel *model) {
    return model->is_stopped && model->is_stopped(model->data);
}

static bool runs(const TuneModel *model, TwStatus status) {
    return status == TW_OK || diag_error(model->diag, (Loc){0}, "%s", tw_status_text(status));
}

/* ---- calls ---- */

/* Brings the session to a position, with caches filled up to it. */
static bool move_to(const TuneModel *model, TwSession *session, int64_t position) {
    const int64_t now = tw_session_position(session);
    if (now >= position) return runs(model, tw_session_rollback(session, position));
    return runs(model, tw_session_prefill(session, model->tokens + now, position - now));
}

static bool call_prefill(const TuneModel *model, TwSession *session) {
    return !is_stopped(model) && move_to(model, session, 0) &&
           runs(model, tw_session_step(session, model->tokens, model->prefill_tokens, 1));
}

static bool call_decode(const TuneModel *model, TwSession *session) {
    return !is_stopped(model) && move_to(model, session, model->position) &&
           runs(model, tw_session_step(session, model->tokens + model->position, 1, 1));
}

static TwSession *make_session(const TuneModel *model, const TwProgram *program) {
    const int prefill = model->use_threads[PHASE_PREFILL];
    const int decode = model->use_threads[PHASE_DECODE];
    const TwSessionOptions options = {.threads = prefill ? prefill : model->threads,
                                      .decode_threads = decode ? decode : model->threads};
    TwSession *session = NULL;
    runs(model, tw_session_create(program, model->weights, &options, &session));
    return session;
}

/* ---- is it right? ---- */

static size_t logits_bytes(const Programs *programs) {
    return (size_t)tw_program_outputs(programs->program[0]) * sizeof(float);
}

static bool same_logits(const Experiment *e, const float *expected) {
    return memcmp(expected, tw_session_logits(e->session, 0), logits_bytes(e->programs)) == 0;
}

/* What the session's program computes, against what is known. False: stopped, or reported. */
static bool check_program(const Experiment *e, bool *is_right) {
    const TuneModel *model = e->model;
    *is_right = true;
    if (model->prefill_tokens) {
        if (!call_prefill(model, e->session)) return false;
        *is_right &= same_logits(e, e->logits->prefill);
    }
    if (model->position >= 0) {
        if (!call_decode(model, e->session)) return false;
        *is_right &= same_logits(e, e->logits->decode);
    }
    return true;
}

static bool use_program(const Experiment *e, int number) {
    return runs(e->model, tw_session_set_program(e->session, e->programs->program[number]));
}

/* ---- programs ---- */

/* Instance j of a kernel has schedule j of its trial in program 0, j + 1 in program 1, ... */
static Schedule rotate(void *data, int kernel, int instance, int program, int *choice) {
    const Experiment *e = data;
    const int trial = e->trial_of[kernel];
    *choice = 0;
    if (trial < 0) return e->kernels[kernel].best;
    *choice = (instance + program) % e->trials[trial].count;
    return e->trials[trial].schedule[*choice];
}

typedef struct {
    const TuneKernel *kernels;
    int kernel;
    Schedule schedule;
} Single;

static Schedule single(void *data, int kernel, int instance, int program, int *choice) {
    const Single *s = data;
    (void)instance, (void)program;
    *choice = 0;
    return kernel == s->kernel ? s->schedule : s->kernels[kernel].best;
}

/* Puts each schedule of a trial into the model alone. */
static bool find_wrong(Experiment *e, int kernel_count, TuneTrial *trial) {
    Programs *all = e->programs;
    for (int c = 1; c < trial->count; c++) {
        Single only = {e->kernels, (int)(trial->kernel - e->kernels), trial->schedule[c]};
        bool is_right = false;
        e->programs = programs_create(e->model, e->kernels, kernel_count, 1, false, single, &only);
        bool ok = e->programs && use_program(e, 0) && check_program(e, &is_right);
        trial->is_wrong[c] = ok && !is_right;
        ok = ok && runs(e->model, tw_session_set_program(e->session, all->program[0]));
        programs_destroy(e->programs);
        e->programs = all;
        if (!ok) return false;
    }
    return true;
}

static bool check_all(Experiment *e, int kernel_count, bool *is_right) {
    *is_right = true;
    for (int v = 0; v < e->programs->count; v++) {
        bool is_same = false;
        if (!use_program(e, v) || !check_program(e, &is_same)) return false;
        *is_right &= is_same;
    }
    bool is_found = *is_right;
    for (int i = 0; i < e->trial_count && !*is_right; i++) {
        if (!find_wrong(e, kernel_count, &e->trials[i])) return false;
        for (int c = 1; c < e->trials[i].count; c++) is_found |= e->trials[i].is_wrong[c];
    }
    return is_found || diag_error(e->model->diag, (Loc){0},
                                  "schedules that are right alone compute something else "
                                  "together, which is a bug of the compiler");
}

/* ---- measuring ---- */

static double kernel_seconds(const Experiment *e, int kernel) {
    int64_t longest = 0;
    for (int t = 0; t < tw_session_threads(e->session); t++) {
        const int64_t begun = tw_trace_time(e->trace, t, 2 * (int64_t)kernel);
        const int64_t ended = tw_trace_time(e->trace, t, 2 * (int64_t)kernel + 1);
        if (begun && ended - begun > longest) longest = ended - begun;
    }
    return 1e-9 * (double)longest;
}

/* Times of the kernels of a call, one behind the other. */
typedef struct {
    int *trial, *choice;
    double *seconds;
    int count, capacity;
} Samples;

static void add_sample(Samples *samples, int trial, int choice, double seconds) {
    if (samples->count == samples->capacity) return;
    const int i = samples->count++;
    samples->trial[i] = trial;
    samples->choice[i] = choice;
    samples->seconds[i] = seconds;
}

static void take_samples(const Experiment *e, int program, Phase phase, Samples *samples) {
    const CallKernels *call = &e->programs->call[program][phase];
    for (int i = 0; i < call->count; i++) {
        const CallKernel *kernel = &call->kernel[i];
        const int trial = kernel->kernel < 0 ? -1 : e->trial_of[kernel->kernel];
        if (trial >= 0) add_sample(samples, trial, kernel->choice, kernel_seconds(e, i));
    }
}

/* A program's turn: the first call of each phase meets cold code and is not counted. */
static bool take_turn(const Experiment *e, int program, Samples *samples) {
    const TuneModel *model = e->model;
    if (!use_program(e, program)) return false;
    if (model->position >= 0) {
        const double begun = tune_clock();
        for (int i = 0; i < MOST_STEPS; i++) {
            tw_trace_clear(e->trace);
            if (!call_decode(model, e->session)) return false;
            if (i) take_samples(e, program, PHASE_DECODE, samples);
            if (i >= LEAST_STEPS && tune_clock() - begun > step_seconds) break;
        }
    }
    if (!model->prefill_tokens) return true;
    tw_trace_clear(e->trace);
    if (!call_prefill(model, e->session)) return false;
    take_samples(e, program, PHASE_PREFILL, samples);
    return true;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    if (!count) return 0;
    qsort(values, (size_t)count, sizeof *values, by_size);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void sum_up(const Experiment *e, const Samples *samples, int round, double *scratch) {
    for (int t = 0; t < e->trial_count; t++)
        for (int c = 0; c < e->trials[t].count; c++) {
            int count = 0;
            for (int i = 0; i < samples->count; i++)
                if (samples->trial[i] == t && samples->choice[i] == c)
                    scratch[count++] = samples->seconds[i];
            e->trials[t].seconds[c][round] = median(scratch, count);
        }
}

static bool measure(const Experiment *e, int rounds) {
    const int kernels = e->programs->call[0][PHASE_PREFILL].count +
                        MOST_STEPS * e->programs->call[0][PHASE_DECODE].count;
    const size_t capacity = (size_t)kernels * (size_t)e->programs->count;
    Arena *scratch = arena_create();
    Samples samples = {.trial = ARENA_ARRAY(scratch, int, capacity),
                       .choice = ARENA_ARRAY(scratch, int, capacity),
                       .seconds = ARENA_ARRAY(scratch, double, capacity),
                       .capacity = (int)capacity};
    double *sorted = ARENA_ARRAY(scratch, double, capacity);
    bool ok = true;
    for (int round = 0; round < rounds && ok; round++) {
        samples.count = 0;
        for (int v = 0; v < e->programs->count && ok; v++) ok = take_turn(e, v, &samples);
        if (ok) sum_up(e, &samples, round, sorted);
    }
    arena_destroy(scratch);
    return ok;
}

static bool prepare(Experiment *e, int kernel_count) {
    int count = 1;
    for (int i = 0; i < e->trial_count; i++)
        if (e->trials[i].count > count) count = e->trials[i].count;
    e->programs = programs_create(e->model, e->kernels, kernel_count, count, true, rotate, e);
    if (!e->programs) return false;
    const int prefill = e->programs->call[0][PHASE_PREFILL].count;
    const int decode = e->programs->call[0][PHASE_DECODE].count;
    e->session = make_session(e->model, e->programs->program[0]);
    if (!e->session) return false;
    e->trace = tw_trace_create(tw_session_threads(e->session),
                               2 * (int64_t)(prefill > decode ? prefill : decode));
    if (!e->trace) return runs(e->model, TW_NO_MEMORY);
    tw_session_set_trace(e->session, e->trace);
    return true;
}

bool experiment_run(const TuneModel *model, TuneKernel *kernels, int kernel_count,
                    TuneTrial *trials, int trial_count, int rounds, const TuneLogits *logits) {
    Arena *scratch = arena_create();
    Experiment e = {.model = model,
                    .trials = trials,
                    .trial_count = trial_count,
                    .kernels = kernels,
                    .logits = logits};
    e.trial_of = ARENA_ARRAY(scratch, int, (size_t)kernel_count + 1);
    for (int i = 0; i < kernel_count; i++) e.trial_of[i] = -1;
    for (int i = 0; i < trial_count; i++) e.trial_of[trials[i].kernel - kernels] = i;
    bool is_right = false;
    const bool ok = prepare(&e, kernel_count) && check_all(&e, kernel_count, &is_right) &&
                    (!is_right || measure(&e, rounds));
    tw_session_destroy(e.session);
    tw_trace_destroy(e.trace);
    programs_destroy(e.programs);
    arena_destroy(scratch);
    return ok;
}

double experiment_run_time(const TuneCosts *costs, int schedules, int rounds) {
    const double check = costs->call[PHASE_PREFILL] + costs->call[PHASE_DECODE];
    const double steps = (LEAST_STEPS + 1) * costs->call[PHASE_DECODE];
    const double turn =
        costs->call[PHASE_PREFILL] + (steps > 0 && steps < step_seconds ? step_seconds : steps);
    return schedules * (costs->compile + check + rounds * turn);
}

/* ---- the reference ---- */

static bool time_call(const TuneModel *model, TwSession *session, Phase phase, double *seconds) {
    const double begun = tune_clock();
    if (phase == PHASE_PREFILL) {
        if (!call_prefill(model, session)) return false;
    } else {
        for (int i = 0; i < LEAST_STEPS; i++)
            if (!call_decode(model, session)) return false;
    }
    *seconds = (tune_clock() - begun) / (phase == PHASE_PREFILL ? 1 : LEAST_STEPS);
    return true;
}

static Schedule by_rule(void *data, int kernel, int instance, int program, int *choice) {
    (void)instance, (void)program;
    *choice = 0;
    return (*(const TuneKernel *const *)data)[kernel].rule;
}

static float *copy_logits(const TuneModel *model, const TwSession *session, int64_t outputs) {
    float *copy = ARENA_ARRAY(model->arena, float, (size_t)outputs);
    memcpy(copy, tw_session_logits(session, 0), (size_t)outputs * sizeof *copy);
    return copy;
}

bool experiment_reference(const TuneModel *model, const TuneKernel *kernels, int kernel_count,
                          TuneLogits *logits, TuneCosts *costs) {
    *logits = (TuneLogits){NULL, NULL};
    const double begun = tune_clock();
    Programs *programs = programs_create(model, kernels, kernel_count, 1, false, by_rule, &kernels);
    if (!programs) return false;
    *costs = (TuneCosts){.compile = tune_clock() - begun};
    const int64_t outputs = tw_program_outputs(programs->program[0]);
    TwSession *session = make_session(model, programs->program[0]);
    bool ok = session != NULL;
    if (ok && model->prefill_tokens && (ok = call_prefill(model, session)))
        logits->prefill = copy_logits(model, session, outputs);
    if (ok && model->position >= 0 && (ok = call_decode(model, session)))
        logits->decode = copy_logits(model, session, outputs);
    if (ok && logits->prefill)
        ok = time_call(model, session, PHASE_PREFILL, &costs->call[PHASE_PREFILL]);
    if (ok && logits->decode)
        ok = time_call(model, session, PHASE_DECODE, &costs->call[PHASE_DECODE]);
    tw_session_destroy(session);
    programs_destroy(programs);
    return ok;
}

/* ---- whole calls ---- */

typedef struct {
    const Schedule *schedule[2]; /* [kernels] now, and then */
} Sides;

static Schedule side(void *data, int kernel, int instance, int program, int *choice) {
    const Sides *sides = data;
    (void)instance;
    *choice = 0;
    return sides->schedule[program][kernel];
}

/* What is called: a program in a session. */
typedef struct {
    TwSession *session;
    const TwProgram *program;
} Side;

/* Each side once, who begins taking turns; the first pair is not counted. What is clear is not
 * measured on. */
static bool time_pairs(const TuneModel *model, const Side sides[2], Phase phase, double budget,
                       TunePairs *out) {
    enum { MOST_PAIRS = 200 };
    const double clear = 1.25;
    double ratio[MOST_PAIRS], seconds[2][MOST_PAIRS];
    const double begun = tune_clock();
    int pairs = 0;
    for (int i = -1; i < MOST_PAIRS; i++) {
        double pair[2] = {0};
        if (pairs >= LEAST_PAIRS && tune_clock() - begun > budget) break;
        if (pairs == 2 && ratio[0] > clear && ratio[1] > clear) break;
        for (int k = 0; k < 2; k++) {
            const int p = (i + 1 + k) % 2;
            if (!runs(model, tw_session_set_program(sides[p].session, sides[p].program)) ||
                !time_call(model, sides[p].session, phase, &pair[p]))
                return false;
        }
        if (i < 0) continue;
        for (int p = 0; p < 2; p++) seconds[p][pairs] = pair[p];
        ratio[pairs++] = pair[0] / pair[1];
    }
    *out = (TunePairs){.pairs = pairs, .ratio = median(ratio, pairs)};
    out->low = ratio[pairs / 4];
    out->high = ratio[(3 * pairs) / 4];
    out->seconds = median(seconds[0], pairs);
    out->then_seconds = median(seconds[1], pairs);
    return true;
}

static TuneModel with_threads(const TuneModel *model, const int threads[2]) {
    TuneModel other = *model;
    for (int p = 0; p < 2; p++) other.use_threads[p] = threads[p];
    return other;
}

bool experiment_compare(const TuneModel *model, const TuneKernel *kernels, int kernel_count,
                        const Schedule *now, const Schedule *then, const int then_threads[2],
                        double seconds, TunePairs pairs[2]) {
    Sides sides = {{now, then}};
    const TuneModel then_model = with_threads(model, then_threads);
    Programs *programs = programs_create(model, kernels, kernel_count, 2, false, side, &sides);
    if (!programs) return false;
    const Side both[] = {{make_session(model, programs->program[0]), programs->program[0]},
                         {make_session(&then_model, programs->program[1]), programs->program[1]}};
    bool ok = both[0].session && both[1].session;
    pairs[PHASE_PREFILL] = pairs[PHASE_DECODE] = (TunePairs){.ratio = 1, .low = 1, .high = 1};
    if (ok && model->prefill_tokens)
        ok = time_pairs(model, both, PHASE_PREFILL, seconds, &pairs[PHASE_PREFILL]);
    if (ok && model->position >= 0)
        ok = time_pairs(model, both, PHASE_DECODE, seconds, &pairs[PHASE_DECODE]);
    for (int i = 0; i < 2; i++) tw_session_destroy(both[i].session);
    programs_destroy(programs);
    return ok;
}

/* Time runs out behind the last pair. */
double experiment_compare_time(const TuneCosts *costs, int programs, double seconds) {
    double time = programs * costs->compile;
    for (int p = 0; p < 2; p++) {
        const double pair = 2 * costs->call[p] * (p == PHASE_DECODE ? LEAST_STEPS : 1);
        const double least = (LEAST_PAIRS + 1) * pair;
        if (pair > 0) time += seconds + pair > least ? seconds + pair : least;
    }
    return time;
}

bool experiment_compare_threads(const TuneModel *model, const TuneKernel *kernels, int kernel_count,
                                Phase phase, int now, int then, double seconds, TunePairs *pairs) {
    int threads[2][2];
    for (int p = 0; p < 2; p++) threads[0][p] = threads[1][p] = model->use_threads[p];
    threads[0][phase] = now;
    threads[1][phase] = then;
    const TuneModel with_now = with_threads(model, threads[0]);
    const TuneModel with_then = with_threads(model, threads[1]);
    Single none = {kernels, -1, {0}};
    Programs *programs = programs_create(model, kernels, kernel_count, 1, false, single, &none);
    if (!programs) return false;
    const TwProgram *program = programs->program[0];
    const Side both[] = {{make_session(&with_now, program), program},
                         {make_session(&with_then, program), program}};
    const bool ok =
        both[0].session && both[1].session && time_pairs(model, both, phase, seconds, pairs);
    for (int i = 0; i < 2; i++) tw_session_destroy(both[i].session);
    programs_destroy(programs);
    return ok;
}
