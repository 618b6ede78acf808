#include "frontend/measure/trace_file.h"

#include <errno.h>
#include <jansson.h>

/* One event; the array has one before it, which names the process. Takes the event over. */
static void write_event(TraceFile *trace, json_t *event, const char *before) {
    enum { DIGITS = 15 }; /* all of a time below ten days */
    char *text = event ? json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS)) : NULL;
    json_decref(event);
    if (text)
        fprintf(trace->file.stream, "%s%s", before, text);
    else if (!trace->file.error)
        trace->file.error = ENOMEM;
    free(text);
}

static json_t *name_event(const char *what, int thread, const char *name) {
    return json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", what, "ph", "M", "pid", 1, "tid",
                     thread, "args", "name", name);
}

bool trace_file_open(TraceFile *trace, const char *path, const char *name, Diag *diag) {
    *trace = (TraceFile){0};
    if (!output_file_open(&trace->file, path, diag)) return false;
    write_event(trace, name_event("process_name", 0, name), "[\n");
    return true;
}

static void name_threads(TraceFile *trace, int threads) {
    for (; trace->threads < threads; trace->threads++) {
        char name[32];
        snprintf(name, sizeof name, "thread %d", trace->threads);
        write_event(trace, name_event("thread_name", trace->threads, name), ",\n");
    }
}

/* Microseconds since the trace's first event, to the nearest eighth: such times and their
 * differences are exact as doubles, in JSON, and as whole nanoseconds. So to no viewer an event
 * seems to begin before the one before has ended. */
static double trace_time(const TraceFile *trace, int64_t nanoseconds) {
    enum { EIGHTH = 125 };
    return 0.125 * (double)((nanoseconds - trace->origin + EIGHTH / 2) / EIGHTH);
}

/* A complete event: from a time of the clock to another. */
static void write_span(TraceFile *trace, const char *name, const TimedCall *call, int thread,
                       int64_t begun, int64_t ended, json_t *arguments) {
    const double start = trace_time(trace, begun);
    const double length = trace_time(trace, ended) - start;
    write_event(trace,
                json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:f, s:o}", "name", name, "cat",
                          call->phase, "ph", "X", "pid", 1, "tid", thread, "ts", start, "dur",
                          length, "args", arguments),
                ",\n");
}

static json_t *kernel_arguments(const TimedKernel *kernel, int number) {
    json_t *layer = kernel->layer < 0 ? json_null() : json_integer((json_int_t)kernel->layer);
    return json_pack("{s:i, s:o, s:s, s:I, s:I}", "kernel", number, "layer", layer, "shape",
                     kernel->shape, "bytes", (json_int_t)kernel->bytes, "operations",
                     (json_int_t)kernel->operations);
}

static void write_thread(TraceFile *trace, const Timed *timed, const TimedCall *call, int thread) {
    for (int i = 0; i < call->kernels; i++) {
        const TimedKernel *kernel = &call->kernel[i];
        const int64_t ended = timed_ended(timed, thread, i);
        write_span(trace, kernel->work, call, thread, timed_begun(timed, thread, i), ended,
                   kernel_arguments(kernel, i + 1));
        if (i + 1 < call->kernels)
            write_span(trace, "wait", call, thread, ended, timed_begun(timed, thread, i + 1),
                       json_pack("{s:i}", "after kernel", i + 1));
    }
}

void trace_file_append(TraceFile *trace, const Timed *timed, const TimedCall *call) {
    for (int t = 0; t < call->threads && trace->threads == 0; t++) {
        const int64_t begun = timed_begun(timed, t, 0);
        if (t == 0 || begun < trace->origin) trace->origin = begun;
    }
    name_threads(trace, call->threads);
    for (int t = 0; t < call->threads; t++) write_thread(trace, timed, call, t);
}

bool trace_file_close(TraceFile *trace, bool is_complete, Diag *diag) {
    fputs("\n]\n", trace->file.stream);
    return output_file_close(&trace->file, is_complete, diag);
}
