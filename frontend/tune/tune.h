/* tune.h - finds the schedules that are fastest on this machine.
 *
 *   kernels     what may be tuned in a model, and which schedules there are for it
 *   experiment  measures several schedules of all kernels at once, in the running model
 *   search      which to measure next, and which to believe
 *   budget      whether there is time for it
 *   report      what was found, as a table and as a page
 *
 * Nothing here reads files.
 */
#ifndef TUNE_TUNE_H
#define TUNE_TUNE_H

#include "codegen/emit/module.h"
#include "codegen/object/jit.h"
#include "passes/pass.h"
#include "runtime/runtime.h"

/* A model in both phases, placed and scheduled. */
typedef struct {
    const Graph *prefill, *decode;
    const Target *target;
    const TwWeights *weights;
    int threads;            /* that there are */
    int use_threads[2];     /* that calls of each Phase use; 0: all */
    const int32_t *tokens;  /* [context] */
    int64_t prefill_tokens; /* of a measured call, 2 or more; 0: no such calls */
    int64_t position;       /* where a measured token is decoded, below the context; -1: nowhere */
    bool (*is_stopped)(void *data); /* asked often; true: give up */
    bool (*is_busy)(void *data);    /* true: others want the processors; null: never */
    void *data;
    Arena *arena; /* for what outlives a call */
    Diag *diag;
} TuneModel;

/* All kernels of a model that have the same name, and so the same schedule. Whole calls of a phase
 * are one too, whose schedule is a number of threads. */
typedef struct {
    const char *name; /* tuning_kernel_name(), tuning_call_name() */
    Phase phase;
    bool is_call;
    int count;                         /* in a call */
    Schedule rule;                     /* what it has untuned */
    Schedule smallest;                 /* what a search from scratch begins with */
    Schedule best;                     /* what it has now */
    Schedule *candidate;               /* the most promising first */
    int candidates, tried;             /* the first so many have been measured */
    double share;                      /* of its phase's time, at the beginning */
    double rule_seconds, best_seconds; /* of one kernel */
} TuneKernel;

/* ---- kernels.c ---- */

/* What the graphs of a model have to choose. Owned by the model's arena; `best` is the schedule in
 * the graph. Returns how many. */
int tune_kernels(const TuneModel *model, TuneKernel **out);

/* ---- experiment.c ---- */

enum { TUNE_TRIALS = 4, TUNE_MOST_ROUNDS = 16 };

/* Schedules for a kernel, to be held against the first one. */
typedef struct {
    TuneKernel *kernel;
    Schedule schedule[TUNE_TRIALS];
    int count;
    double seconds[TUNE_TRIALS][TUNE_MOST_ROUNDS]; /* of one kernel, for each round */
    bool is_wrong[TUNE_TRIALS]; /* it computes something else: a bug, and out of the race */
} TuneTrial;

/* What the model computes, to hold others against: logits of a prefill, and of a token after it. */
typedef struct {
    float *prefill,
        *decode; /* [outputs], owned by the model's arena; null: that phase is not run */
} TuneLogits;

/* What it takes to measure a model. */
typedef struct {
    double compile; /* seconds, of one program */
    double call[2]; /* of a call of each Phase; 0: that phase is not run */
} TuneCosts;

/* Fills in what the model computes with all schedules by rule. False: stopped, or reported. */
bool experiment_reference(const TuneModel *model, const TuneKernel *kernels, int kernel_count,
                          TuneLogits *logits, TuneCosts *costs);

/* Measures `rounds` times. In one call equal layers have different schedules, and from one call to
 * the next they change places; so what disturbs the machine disturbs all alike, and weights come
 * from where they come from in use. Kernels without a trial have their best. Where the logits are
 * not these, schedules that are wrong are found, and nothing is measured. False: stopped, or
 * reported. */
bool experiment_run(const TuneModel *model, TuneKernel *kernels, int kernel_count,
                    TuneTrial *trials, int trial_count, int rounds, const TuneLogits *logits);

/* About how long that takes, with the longest trial of so many schedules. */
double experiment_run_time(const TuneCosts *costs, int schedules, int rounds);

/* Whole calls, with each kernel's `now` against its `then`, in turns. */
typedef struct {
    int pairs;
    double seconds, then_seconds; /* medians of a call */
    double ratio, low, high;      /* now / then: the median of pairs, and quartiles */
} TunePairs;

/* `seconds` bounds the time for each phase; `then` may be by other threads. False: stopped, or
 * reported. */
bool experiment_compare(const TuneModel *model, const TuneKernel *kernels, int kernel_count,
                        const Schedule *now, const Schedule *then, const int then_threads[2],
                        double seconds, TunePairs pairs[2 /* of each Phase */]);

/* About how long that takes for `programs` that are compiled. */
double experiment_compare_time(const TuneCosts *costs, int programs, double seconds);

/* The same for calls of a phase by `now` threads against `then`, all kernels with their best. */
bool experiment_compare_threads(const TuneModel *model, const TuneKernel *kernels, int kernel_count,
                                Phase phase, int now, int then, double seconds, TunePairs *pairs);

/* ---- search.c ---- */

typedef enum { TUNE_MEASURED, TUNE_CHOSEN, TUNE_REJECTED, TUNE_WRONG } TuneVerdict;

/* One schedule that was measured. */
typedef struct {
    const TuneKernel *kernel;
    Schedule schedule;
    double seconds, ratio; /* of one kernel; to the best before it */
    double at;             /* seconds since the search began */
    TuneVerdict verdict;
} TuneEvent;

typedef struct {
    TuneKernel *kernel;
    int kernels;
    TuneEvent *event;
    int events, event_capacity;
    double begun, budget; /* seconds of the clock */
    int rejected;         /* sets of winners that made whole calls slower */
    bool was_busy;        /* so numbers of threads that were not tried stayed as they were */
} TuneSearch;

typedef struct {
    double budget;   /* seconds */
    double compared; /* of the budget: for experiment_compare() with so many `seconds` behind it */
    bool from_scratch; /* begin at the smallest schedules */
    /* Called after each experiment, with all that is known then; false: stop. */
    bool (*found)(void *data, const TuneSearch *search);
    void *data;
} TuneOptions;

/* Tunes until the budget has no time for another experiment, all is tried, or the model is stopped,
 * which is no failure. A first look at the kernels is taken on any budget. Their `best` and `tried`
 * come in as what is known already. False: reported. */
bool tune_search(const TuneModel *model, TuneKernel *kernels, int count, const TuneOptions *options,
                 TuneSearch *search);

/* Seconds of the monotonic clock. */
double tune_clock(void);

#endif
