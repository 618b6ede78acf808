/* bench_report.h - what `thalweg bench` found, as text or JSON. */
#ifndef FRONTEND_BENCH_REPORT_H
#define FRONTEND_BENCH_REPORT_H

#include "frontend/measure/bench_kernels.h"
#include "frontend/measure/samples.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Rates are per second; a multiply-add is two operations. */
typedef struct PhaseResult {
    int64_t tokens; /* of one measurement; 0: not measured */
    int64_t position;
    Summary rate;             /* tokens */
    double bytes, operations; /* of weights and caches that are read; at the median rate */
    double fraction;          /* of the limit that binds this phase, the best of all samples */
    Summary paired;           /* the same for each measurement, of the limit measured beside it */
} PhaseResult;

typedef struct BenchResult {
    const char *model;
    int64_t parameters;
    int threads, repeats;
    PhaseResult prefill, decode;
    KernelTable prefill_kernels, decode_kernels; /* of timed code */
    Limits limits;                               /* the best of `samples` */
    int samples;
    Arithmetic arithmetic; /* most of a prefill is calculated in; its limit counts */
    int64_t buffer_bytes;  /* that were read */

    bool has_compile;
    double compile_seconds; /* from the file's name to running code, weights packed already */
    double pack_seconds;
    int64_t pack_memory; /* most memory of the process's own while packing, bytes; 0: not known */
} BenchResult;

void bench_print_text(const BenchResult *result, FILE *out);

/* False: memory is out. */
bool bench_print_json(const BenchResult *result, FILE *out);

#endif
