/* pass.h - passes rewrite a verified graph into a verified graph, in place.
 *
 * passes.def is the pipeline, in order. The first passes see both phases at once (T symbolic);
 * the last ones run once for each phase, on a graph that pass_phase() made.
 */
#ifndef PASSES_PASS_H
#define PASSES_PASS_H

#include "ir/ir.h"
#include "ir/machine.h"
#include "passes/tuning.h"

typedef struct {
    Arena *scratch; /* gone when the pass returns; the graph has its own arena */
    const Machine *machine;
    const Tuning *tuning; /* null: none */
    char summary[160];    /* what the pass did, for its line of statistics */
} PassContext;

/* False means: an error was reported to graph->diag. */
typedef bool PassFn(Graph *graph, PassContext *context);

#define PASS(name, text, scope, doc) PassFn pass_##name;
#include "passes/passes.def"
#undef PASS

typedef enum { PASS_MODEL, PASS_PHASE } PassScope;

typedef struct {
    const char *text; /* "fuse-write" */
    const char *doc;
    PassScope scope;
    PassFn *run;
} PassInfo;

extern const PassInfo pass_info[];
extern const int pass_count;

/* Names stand in lists "fuse-write,last-token"; "all" names every pass. */
typedef struct {
    const Machine *machine;  /* never null */
    const Tuning *tuning;    /* of the machine; null: schedules by rule */
    const char *only;        /* names to run, in the pipeline's order; null: all of them */
    const char *skip;        /* names to leave out; null: none */
    const char *print_after; /* names to dump the graph after; null: none */
    bool exact; /* keep the model's own order of operations: skips fold-norm and apply-edits */
    FILE *dump; /* where print_after goes; null: nowhere */
    FILE *statistics; /* a line for each pass: "fuse-write: 24 adds ..."; null: nowhere */
} PassOptions;

/* Checks that every name in a list (null: an empty one) is a pass or "all"; reports to diag with a
 * hint otherwise. */
bool pass_check_names(const char *names, Diag *diag);

/* Runs the passes of a scope that the options choose and verifies after each. False: reported to
 * graph->diag, and the graph is of no further use. */
bool pass_run(Graph *graph, PassScope scope, const PassOptions *options);

/* The same for passes of both scopes, on the graph as it is: for graphs that come as text. */
bool pass_run_all(Graph *graph, const PassOptions *options);

/* A copy of the model's graph for one phase, after its passes; null on error. */
Graph *pass_phase(const Graph *model, Phase phase, const PassOptions *options, Arena *arena);

#endif
