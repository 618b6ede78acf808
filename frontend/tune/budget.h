/* budget.h - whether there is time for what comes next.
 *
 * What cannot end in time is not begun. How long a step takes is guessed at first, and then the
 * longest of its kind so far. Times are those of any clock, in seconds.
 */
#ifndef TUNE_BUDGET_H
#define TUNE_BUDGET_H

#include <stdbool.h>

typedef enum {
    STEP_THREADS, /* calls by fewer threads, against all */
    STEP_TRIAL,   /* schedules of all kernels, against the best so far */
    STEP_AGAIN,   /* winners once more */
    STEP_CALLS,   /* whole calls with winners, against those without */
    BUDGET_STEPS
} BudgetStep;

typedef struct {
    double end;      /* of the clock */
    double reserved; /* for what is done after all steps */
    double expected[BUDGET_STEPS];
    bool is_known[BUDGET_STEPS]; /* whether one has been done */
} Budget;

void budget_guess(Budget *budget, BudgetStep step, double seconds);

/* A step took so long. */
void budget_note(Budget *budget, BudgetStep step, double seconds);

/* Whether so many seconds from now on leave what is reserved. */
bool budget_has(const Budget *budget, double now, double seconds);

/* Whether there is time for an experiment, which may find winners. The first one is begun even if
 * these might take it beyond the end: a short budget shall not go by unused. */
bool budget_has_experiment(const Budget *budget, double now);

#endif
