/* timed.h - a model in timed code: when each thread began and ended each kernel of a call.
 *
 * The code does what the model's own does, and looks at the clock twice for each kernel and thread.
 */
#ifndef FRONTEND_TIMED_H
#define FRONTEND_TIMED_H

#include "frontend/compiler/thalweg.h"
#include "frontend/measure/measure_chains.h"

typedef struct Timed Timed;

typedef struct TimedKernel {
    const char *work, *shape; /* in the words of `explain`; owned by the Timed */
    int64_t layer;            /* from 0; -1: of no layer */
    Arithmetic arithmetic;    /* of its products */
    double bytes,
        operations; /* of one call: weights, keys and values read; a multiply-add is two */
} TimedKernel;

typedef struct TimedCall {
    const char *phase; /* "prefill" or "decode" */
    int64_t tokens, position;
    const TimedKernel *kernel; /* in order; valid until the next call */
    int kernels;
    int barriers;
    int threads; /* that took part */
} TimedCall;

/* Compiles the model once more. The Thalweg outlives it. Null: *status says why, TW_OK if the
 * Thalweg has diagnostics of it. */
Timed *timed_create(Thalweg *thalweg, int threads, TwStatus *status);
void timed_destroy(Timed *timed);

/* The session that the calls go to, to move about in its sequence. */
TwSession *timed_session(Timed *timed);

/* Whether some kernel has products of that arithmetic. */
bool timed_uses(const Timed *timed, Arithmetic arithmetic);

/* tw_session_step() for one row of logits, and what it was. */
TwStatus timed_step(Timed *timed, const int32_t *tokens, int64_t count, TimedCall *call);

/* Of the last call, nanoseconds of the monotonic clock: when a thread began and ended a kernel.
 * From there to the next one it waited for the others. */
int64_t timed_begun(const Timed *timed, int thread, int kernel);
int64_t timed_ended(const Timed *timed, int thread, int kernel);

#endif
