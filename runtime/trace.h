/* trace.h - when each thread of a team reached which place of a call of timed code.
 *
 * Timed code sets mark 2i when a thread begins kernel i and mark 2i + 1 when it has ended it: from
 * there to mark 2i + 2 the thread waits for the others. Each thread writes to memory of its own,
 * far from the others'. A trace is read between calls, by the thread that makes them.
 */
#ifndef RUNTIME_TRACE_H
#define RUNTIME_TRACE_H

#include "runtime/runtime.h"

typedef struct Trace Trace;

/* For threads 0 to `threads` - 1, each with marks 0 to `marks` - 1; marks beyond are not kept.
 * Null: memory is out, or a number is not positive. */
Trace *tw_trace_create(int threads, int64_t marks);
void tw_trace_destroy(Trace *trace);

/* Forgets all marks. */
void tw_trace_clear(Trace *trace);

/* Nanoseconds of the monotonic clock; 0: the thread has not set that mark. */
int64_t tw_trace_time(const Trace *trace, int64_t thread, int64_t mark);

/* ---- session.c ---- */

/* Calls of the session write to the trace, which outlives them; null: to none. Only programs of
 * timed code do so. */
void tw_session_set_trace(TwSession *session, Trace *trace);

/* Calls go to another program of the same model, whose code differs and nothing else: positions and
 * caches stay. The program outlives them. TW_BAD_ARGUMENT: it is not of the same sizes, but for the
 * scratch of threads, of which more is taken (TW_NO_MEMORY: there is none). */
TwStatus tw_session_set_program(TwSession *session, const TwProgram *program);

#endif
