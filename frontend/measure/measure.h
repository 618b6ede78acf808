/* measure.h - what this machine can do: read memory, multiply and add.
 *
 * Both are measured by as many threads as the work that is held against them. A sample takes some
 * ten milliseconds; what disturbs one makes it smaller, never larger, so that the best is the
 * limit.
 */
#ifndef FRONTEND_MEASURE_H
#define FRONTEND_MEASURE_H

#include "frontend/measure/measure_chains.h"

#include <stddef.h>

typedef struct Measure Measure;

/* Has addresses for a buffer of several times the last cache, which takes memory when it is read for
 * the first time. Null: memory is out. */
Measure *measure_create(int threads);
void measure_destroy(Measure *measure);

/* Bytes of the buffer. */
size_t measure_bytes(const Measure *measure);

/* One sample of each: bytes read a second, and operations a second, of which a multiply-add is two.
 */
double measure_read(Measure *measure);
double measure_operations(Measure *measure, Arithmetic arithmetic);

/* What a thread gets of a processor's time beside whatever else runs, for some ten milliseconds:
 * the least of any of `threads` threads, 0 to 1. -1: memory is out. */
double measure_least_share(int threads);

#endif
