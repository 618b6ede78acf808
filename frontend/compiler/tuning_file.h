/* tuning_file.h - the record of what was tuned: one YAML file, sorted, the same after each save.
 *
 *   thalweg-tuning: 1
 *   records:
 *     - kernel: decode project q8 768 -> 3072 + bias + gelu_tanh
 *       cpu: emeraldrapids
 *       ...
 *
 * A record is known by what its schedule depends on: kernel, processor and threads. Files may come
 * from strangers: sizes and numbers are checked here, whether a schedule is possible by the pass
 * that takes it.
 */
#ifndef FRONTEND_TUNING_FILE_H
#define FRONTEND_TUNING_FILE_H

#include "ir/diag.h"
#include "ir/ir.h"

/* What a schedule was measured on. */
typedef struct {
    const char *cpu;            /* as LLVM names it: maker and model */
    const char *features;       /* what kernels use of it, in words */
    int64_t l1_bytes, l2_bytes; /* data caches of a core */
    int64_t threads;
} TuningMachine;

typedef struct {
    const char *kernel; /* tuning_kernel_name() */
    TuningMachine machine;
    Schedule schedule;
    int64_t tried, candidates;            /* so many of them have been measured */
    double nanoseconds, rule_nanoseconds; /* of one kernel, tuned and untuned */
    const char *thalweg, *llvm;           /* versions that measured it */
} TuningRecord;

typedef struct {
    Arena *arena; /* owns the texts */
    TuningRecord *record;
    int count, capacity;
} TuningFile;

enum { TUNING_FILE_MOST_BYTES = 1 << 20, TUNING_FILE_MOST_RECORDS = 2000 };

/* Adds the records of a text to `file`. One that was torn off at the end is left out with a
 * warning. False: reported. */
bool tuning_file_parse(TuningFile *file, const Source *source, Diag *diag);

/* Adds a record, or replaces the one of the same kernel, processor and threads, if that is not
 * better: of a later version, or of the same and with more tried. */
void tuning_file_put(TuningFile *file, const TuningRecord *record);

/* Forgets the record of a kernel, if there is one. */
void tuning_file_remove(TuningFile *file, const char *kernel, const TuningMachine *machine);

/* Null: there is none. */
const TuningRecord *tuning_file_find(const TuningFile *file, const char *kernel,
                                     const TuningMachine *machine);

bool tuning_machine_equal(const TuningMachine *a, const TuningMachine *b);

/* "0.10.1" is later than "0.9": below, equal or above 0 as in strcmp(). */
int tuning_compare_versions(const char *a, const char *b);

/* All records, sorted. Errors of the stream are the caller's to look for. */
void tuning_file_print(TuningFile *file, FILE *out);

#endif
