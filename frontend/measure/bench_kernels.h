/* bench_kernels.h - the calls of a phase, kernel by kernel: what each takes, and of what limit that
 * is.
 *
 * A kernel takes as long as the thread that is longest in it. What is left of a call is spent on
 * meeting: from the end of the last thread in a kernel to the begin of the next one.
 */
#ifndef FRONTEND_BENCH_KERNELS_H
#define FRONTEND_BENCH_KERNELS_H

#include "frontend/measure/timed.h"
#include "ir/arena.h"

/* A second, the best of all samples. 0: not measured. */
typedef struct Limits {
    double read, operations[ARITHMETIC_COUNT];
} Limits;

/* Kernels of the same work and shape, as equal layers have them. */
typedef struct KernelRow {
    const char *work, *shape;
    int count;                /* in a call */
    double seconds;           /* of one, the median over calls */
    double share;             /* of the sum over all kernels and barriers */
    double bytes, operations; /* a second */
    Arithmetic arithmetic;
    bool is_memory_bound; /* what binds it is reading, not calculating */
    double fraction;      /* of the limit that binds it */
} KernelRow;

typedef struct KernelTable {
    const char *phase;
    int64_t tokens; /* of a call; 0: not measured */
    int calls;
    KernelRow *row;
    int rows;
    int barriers;                          /* in a call */
    double barrier_seconds, barrier_share; /* as of a kernel */
    double seconds;                        /* the sum of all */
    double untimed_seconds;                /* of such a call in code that is not timed */
    double waiting; /* part of a call that a thread waits for others, the mean over the threads */
} KernelTable;

typedef struct KernelSamples KernelSamples;

/* For up to `calls` calls like this one, which is not counted itself. Owned by the arena. */
KernelSamples *bench_kernels_begin(const TimedCall *like, int64_t calls, Arena *arena);

/* Adds the last call; it has as many tokens as the first. */
void bench_kernels_add(KernelSamples *samples, const Timed *timed, const TimedCall *call);

/* At least one call was added. Texts are the Timed's; the rest is the arena's, and the samples are
 * sorted by it. */
KernelTable bench_kernels_table(KernelSamples *samples, const Limits *limits, Arena *arena);

#endif
