#include "frontend/measure/timed.h"

#include "frontend/compiler/compiler.h"
#include "runtime/trace.h"

#include <stdlib.h>

typedef struct {
    const char *name;
    const PhasePlan *plan;
    TimedKernel *kernel;
} TimedPhase;

struct Timed {
    Arena *arena;
    Jit *jit;
    const TwProgram *program;
    TwSession *session;
    Trace *trace;
    TimedPhase prefill, decode;
    int decode_threads; /* as tuned; 0: all */
};

/* ---- making ---- */

static Arithmetic arithmetic_of(const Kernel *kernel) {
    const KernelCost cost = plan_cost(kernel, 1, 0);
    if (cost.byte_operations > 0) return ARITHMETIC_int8;
    return cost.pair_operations > 0 ? ARITHMETIC_bf16 : ARITHMETIC_f32;
}

static TimedPhase describe(const char *name, const PhasePlan *plan, Arena *arena) {
    TimedPhase phase = {.name = name, .plan = plan};
    phase.kernel = ARENA_ARRAY(arena, TimedKernel, (size_t)plan->count + 1);
    for (int i = 0; i < plan->count; i++)
        phase.kernel[i] = (TimedKernel){.work = compiler_kernel_work(plan->kernel[i], arena),
                                        .shape = compiler_kernel_shape(plan->kernel[i], arena),
                                        .layer = compiler_kernel_layer(plan->kernel[i]),
                                        .arithmetic = arithmetic_of(plan->kernel[i])};
    return phase;
}

static bool make_code(Timed *timed, Thalweg *thalweg) {
    Bytes object;
    return compiler_code(thalweg, true, &object) &&
           compiler_load(thalweg, object, &timed->jit, &timed->program);
}

static bool make_session(Timed *timed, const TwWeights *weights, int threads, TwStatus *status) {
    const TwSessionOptions options = {.threads = threads, .decode_threads = timed->decode_threads};
    const int prefill = timed->prefill.plan->count, decode = timed->decode.plan->count;
    *status = tw_session_create(timed->program, weights, &options, &timed->session);
    if (*status != TW_OK) return false;
    timed->trace = tw_trace_create(tw_session_threads(timed->session),
                                   2 * (int64_t)(prefill > decode ? prefill : decode));
    if (!timed->trace) *status = TW_NO_MEMORY;
    tw_session_set_trace(timed->session, timed->trace);
    return timed->trace != NULL;
}

Timed *timed_create(Thalweg *thalweg, int threads, TwStatus *status) {
    *status = TW_OK;
    const TwWeights *weights = compiler_program(thalweg) ? thalweg_weights(thalweg) : NULL;
    if (!weights) return NULL;
    Timed *timed = calloc(1, sizeof *timed);
    if (!timed) {
        *status = TW_NO_MEMORY;
        return NULL;
    }
    timed->arena = arena_create();
    timed->decode_threads = compiler_call_threads(thalweg, thalweg->decode);
    timed->prefill = describe("prefill", &thalweg->plan->prefill, timed->arena);
    timed->decode = describe("decode", &thalweg->plan->decode, timed->arena);
    if (make_code(timed, thalweg) && make_session(timed, weights, threads, status)) return timed;
    timed_destroy(timed);
    return NULL;
}

void timed_destroy(Timed *timed) {
    if (!timed) return;
    tw_session_destroy(timed->session);
    tw_trace_destroy(timed->trace);
    jit_destroy(timed->jit);
    arena_destroy(timed->arena);
    free(timed);
}

TwSession *timed_session(Timed *timed) {
    return timed->session;
}

static bool phase_uses(const TimedPhase *phase, Arithmetic arithmetic) {
    for (int i = 0; i < phase->plan->count; i++)
        if (phase->kernel[i].arithmetic == arithmetic) return true;
    return false;
}

bool timed_uses(const Timed *timed, Arithmetic arithmetic) {
    return phase_uses(&timed->prefill, arithmetic) || phase_uses(&timed->decode, arithmetic);
}

/* ---- calls ---- */

static void set_costs(TimedPhase *phase, int64_t tokens, int64_t position) {
    for (int i = 0; i < phase->plan->count; i++) {
        const Kernel *kernel = phase->plan->kernel[i];
        const KernelCost cost = plan_cost(kernel, tokens, position);
        phase->kernel[i].bytes = cost.weight_bytes + compiler_cache_bytes(kernel, tokens, position);
        phase->kernel[i].operations = cost.operations;
    }
}

/* The system may grant fewer threads than the team has. */
static int count_threads(const Timed *timed) {
    int threads = 0;
    while (threads < tw_session_threads(timed->session) && tw_trace_time(timed->trace, threads, 0))
        threads++;
    return threads;
}

TwStatus timed_step(Timed *timed, const int32_t *tokens, int64_t count, TimedCall *call) {
    const int64_t position = tw_session_position(timed->session);
    TimedPhase *phase = count == 1 ? &timed->decode : &timed->prefill;
    tw_trace_clear(timed->trace);
    const TwStatus status = tw_session_step(timed->session, tokens, count, 1);
    if (status != TW_OK) return status;
    set_costs(phase, count, position);
    const int threads = count_threads(timed);
    *call = (TimedCall){.phase = phase->name,
                        .tokens = count,
                        .position = position,
                        .kernel = phase->kernel,
                        .kernels = phase->plan->count,
                        .barriers = plan_barriers(phase->plan, threads),
                        .threads = threads};
    return TW_OK;
}

int64_t timed_begun(const Timed *timed, int thread, int kernel) {
    return tw_trace_time(timed->trace, thread, 2 * (int64_t)kernel);
}

int64_t timed_ended(const Timed *timed, int thread, int kernel) {
    return tw_trace_time(timed->trace, thread, 2 * (int64_t)kernel + 1);
}
