#include "frontend/measure/bench_kernels.h"

#include "frontend/measure/samples.h"

#include <string.h>

typedef struct {
    const TimedKernel *first; /* of the group */
    int count;
    double bytes, operations; /* of one kernel, summed over calls */
    double *seconds;          /* [calls], of all its kernels together */
} Group;

struct KernelSamples {
    const char *phase;
    int64_t tokens;
    int kernels, call_barriers;
    Group *group;
    int groups;
    int *group_of;              /* [kernels] */
    double *barriers, *waiting; /* [calls] */
    int calls, most_calls;
};

static double *make_samples(int calls, Arena *arena) {
    return ARENA_ARRAY(arena, double, (size_t)calls);
}

static int find_group(const KernelSamples *samples, const TimedKernel *kernel) {
    int i = 0;
    while (i < samples->groups && (strcmp(samples->group[i].first->work, kernel->work) != 0 ||
                                   strcmp(samples->group[i].first->shape, kernel->shape) != 0))
        i++;
    return i;
}

KernelSamples *bench_kernels_begin(const TimedCall *like, int64_t calls, Arena *arena) {
    enum { MOST_CALLS = 1 << 16 };
    KernelSamples *samples = ARENA_NEW(arena, KernelSamples);
    const size_t kernels = (size_t)like->kernels;
    *samples = (KernelSamples){.phase = like->phase,
                               .tokens = like->tokens,
                               .kernels = like->kernels,
                               .call_barriers = like->barriers,
                               .most_calls = (int)(calls < MOST_CALLS ? calls : MOST_CALLS)};
    samples->group = ARENA_ARRAY(arena, Group, kernels);
    samples->group_of = ARENA_ARRAY(arena, int, kernels);
    samples->barriers = make_samples(samples->most_calls, arena);
    samples->waiting = make_samples(samples->most_calls, arena);
    for (int i = 0; i < like->kernels; i++) {
        const int k = find_group(samples, &like->kernel[i]);
        Group *group = &samples->group[k];
        if (k == samples->groups) {
            *group = (Group){.first = &like->kernel[i]};
            group->seconds = make_samples(samples->most_calls, arena);
            samples->groups++;
        }
        group->count++;
        samples->group_of[i] = k;
    }
    return samples;
}

/* ---- a call ---- */

static double seconds_of(const Timed *timed, int thread, int kernel) {
    return 1e-9 * (double)(timed_ended(timed, thread, kernel) - timed_begun(timed, thread, kernel));
}

/* From the first thread's begin to the last one's end. */
static double whole_call(const Timed *timed, const TimedCall *call) {
    int64_t begun = INT64_MAX, ended = 0;
    for (int t = 0; t < call->threads; t++) {
        const int64_t first = timed_begun(timed, t, 0);
        const int64_t last = timed_ended(timed, t, call->kernels - 1);
        begun = first < begun ? first : begun;
        ended = last > ended ? last : ended;
    }
    return 1e-9 * (double)(ended - begun);
}

void bench_kernels_add(KernelSamples *samples, const Timed *timed, const TimedCall *call) {
    if (samples->calls == samples->most_calls) return;
    const int number = samples->calls++;
    const double whole = whole_call(timed, call);
    double working = 0, meeting = whole;
    for (int i = 0; i < call->kernels; i++) {
        Group *group = &samples->group[samples->group_of[i]];
        double longest = 0;
        for (int t = 0; t < call->threads; t++) {
            const double seconds = seconds_of(timed, t, i);
            longest = seconds > longest ? seconds : longest;
            working += seconds;
        }
        meeting -= longest;
        group->seconds[number] += longest;
        group->bytes += call->kernel[i].bytes / group->count;
        group->operations += call->kernel[i].operations / group->count;
    }
    samples->barriers[number] = meeting;
    samples->waiting[number] = 1 - working / (whole * call->threads);
}

/* ---- the table ---- */

static double median(double *values, int count) {
    return samples_summary(values, count).median;
}

static double divide(double a, double b) {
    return b > 0 ? a / b : 0;
}

/* What is multiplied in fewer bits can be widened and multiplied in f32, where that is faster. */
static double operation_limit(const Limits *limits, Arithmetic arithmetic) {
    const double f32 = limits->operations[ARITHMETIC_f32];
    const double own = limits->operations[arithmetic];
    return own > f32 ? own : f32;
}

static KernelRow make_row(Group *group, int calls, const Limits *limits) {
    const double bytes = group->bytes / calls, operations = group->operations / calls;
    const double reading = divide(bytes, limits->read);
    const double calculating =
        divide(operations, operation_limit(limits, group->first->arithmetic));
    KernelRow row = {.work = group->first->work,
                     .shape = group->first->shape,
                     .count = group->count,
                     .arithmetic = group->first->arithmetic,
                     .is_memory_bound = reading >= calculating};
    row.seconds = median(group->seconds, calls) / group->count;
    row.bytes = divide(bytes, row.seconds);
    row.operations = divide(operations, row.seconds);
    row.fraction = divide(row.is_memory_bound ? reading : calculating, row.seconds);
    return row;
}

KernelTable bench_kernels_table(KernelSamples *samples, const Limits *limits, Arena *arena) {
    const int calls = samples->calls;
    KernelTable table = {.phase = samples->phase,
                         .tokens = samples->tokens,
                         .calls = calls,
                         .rows = samples->groups,
                         .barriers = samples->call_barriers,
                         .waiting = median(samples->waiting, calls)};
    const double meeting = median(samples->barriers, calls);
    table.row = ARENA_ARRAY(arena, KernelRow, (size_t)table.rows);
    table.seconds = meeting;
    for (int i = 0; i < table.rows; i++) {
        table.row[i] = make_row(&samples->group[i], calls, limits);
        table.seconds += table.row[i].seconds * table.row[i].count;
    }
    for (int i = 0; i < table.rows; i++)
        table.row[i].share = divide(table.row[i].seconds * table.row[i].count, table.seconds);
    table.barrier_seconds = divide(meeting, table.barriers);
    table.barrier_share = divide(meeting, table.seconds);
    return table;
}
