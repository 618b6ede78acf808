/* trace_file.h - calls of a model in the JSON of Chrome's traces, which Perfetto shows.
 *
 * A JSON array of events: a row for each thread, on it each kernel and, named "wait", each time at
 * a barrier. The file appears whole or not at all.
 */
#ifndef FRONTEND_TRACE_FILE_H
#define FRONTEND_TRACE_FILE_H

#include "frontend/files/output_file.h"
#include "frontend/measure/timed.h"

typedef struct TraceFile {
    OutputFile file;
    int threads;    /* that have their names */
    int64_t origin; /* nanoseconds of the clock at the first event */
} TraceFile;

/* `name` is the model's. False: reported, and there is nothing to close. The struct stays where it
 * is until it is closed. */
bool trace_file_open(TraceFile *trace, const char *path, const char *name, Diag *diag);

/* Adds the Timed's last call, which came after those added before. */
void trace_file_append(TraceFile *trace, const Timed *timed, const TimedCall *call);

/* As output_file_close(). */
bool trace_file_close(TraceFile *trace, bool is_complete, Diag *diag);

#endif
