#include "runtime/trace.h"

#include "runtime/nanoseconds.h"

#include <stdlib.h>
#include <string.h>

/* Processors fetch lines near to those that are used; a page apart no thread meets another's. */
enum { PAGE_BYTES = 4096 };

struct Trace {
    int64_t threads, marks;
    int64_t stride; /* of a thread, a multiple of a page */
    int64_t *time;  /* [threads][stride] */
};

Trace *tw_trace_create(int threads, int64_t marks) {
    const int64_t page = PAGE_BYTES / (int64_t)sizeof(int64_t);
    if (threads < 1 || marks < 1 || marks > PTRDIFF_MAX / PAGE_BYTES / threads) return NULL;
    Trace *trace = calloc(1, sizeof *trace);
    if (!trace) return NULL;
    trace->threads = threads;
    trace->marks = marks;
    trace->stride = (marks + page - 1) / page * page;
    const size_t bytes = (size_t)(threads * trace->stride) * sizeof *trace->time;
    trace->time = aligned_alloc(PAGE_BYTES, bytes);
    if (!trace->time) {
        free(trace);
        return NULL;
    }
    tw_trace_clear(trace);
    return trace;
}

void tw_trace_destroy(Trace *trace) {
    if (!trace) return;
    free(trace->time);
    free(trace);
}

void tw_trace_clear(Trace *trace) {
    memset(trace->time, 0, (size_t)(trace->threads * trace->stride) * sizeof *trace->time);
}

int64_t tw_trace_time(const Trace *trace, int64_t thread, int64_t mark) {
    return trace->time[thread * trace->stride + mark];
}

void tw_trace_mark(void *to, int64_t thread, int64_t mark) {
    Trace *trace = to;
    if (!trace || thread >= trace->threads || mark >= trace->marks) return;
    trace->time[thread * trace->stride + mark] = tw_nanoseconds();
}
