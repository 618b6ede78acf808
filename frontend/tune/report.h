/* report.h - what a search found, for people: a table, and a page. */
#ifndef TUNE_REPORT_H
#define TUNE_REPORT_H

#include "frontend/tune/tune.h"

typedef struct {
    const char *model, *cpu;
    const TuneModel *tuned;
    const TuneSearch *search;
    const TunePairs *pairs; /* of each phase, tuned against untuned; null: not compared */
    const double *limit;    /* [kernels], seconds of the roofline; 0: not known */
} TuneReport;

void tune_report_table(const TuneReport *report, FILE *out);

/* One page of HTML without anything beside it: the search of each kernel, candidates against time,
 * with its roofline and what was chosen. */
void tune_report_page(const TuneReport *report, FILE *out);

/* "rows 6, panels 2, block 510" */
const char *tune_schedule_text(Schedule schedule, Arena *arena);

#endif
