/* plan.h - the kernels of all phases of a model, and the layout of the weights they read. */
#ifndef CODEGEN_PLAN_H
#define CODEGEN_PLAN_H

#include "codegen/emit/kernel.h"
#include "runtime/abi.h"

typedef struct {
    const Graph *graph; /* placed and scheduled; null: the plan has no such phase */
    Kernel **kernel;    /* in order; the team meets between two of them */
    int count;
    int64_t tap_count;     /* buffers of the caller's that its taps fill */
    int64_t edit_count;    /* numbers of edits of which something is said at run time */
    int64_t start_columns; /* of the values that it takes in place of tokens; 0: it takes those */
} PhasePlan;

typedef struct {
    const char *name;
    PhasePlan prefill, decode, batch, few;
    Layout *layout;
    int64_t vocab;     /* tokens that it takes; 1 where it takes none and gives no logits */
    int64_t outputs;   /* columns of its result: rows of logits, or of other things; 0:
                        * there is none but what taps keep */
    bool gives_logits; /* a row is one of logits, a column for each token */
    bool takes_whole_sequences; /* the model is not causal, or pools */
    bool is_pooled;             /* a call has one row, whatever it brings */
    int64_t logits_stride, arena_floats, cache_floats;
    int64_t scratch_floats; /* of each thread */
    /* Of caches that are rings, 0 where none is: the least rows of one; and how many tokens a
     * sequence that has filled one can take back, so that all windows are there still. */
    int64_t ring_rows, ring_rollback;
    TwCache *cache; /* [cache_count], of plans with batches */
    int64_t cache_count;
} Plan;

/* As TwProgram.outputs says it. */
int64_t plan_outputs(const Plan *plan);
const PhasePlan *plan_phase(const Plan *plan, Phase phase);

/* Whether tokens can be drawn from rows and fed one by one. */
bool plan_draws(const Plan *plan);

/* Whether objects have the call of object_calls.def: a sequence that is taken whole has no step,
 * where no tokens are drawn there is no sampler, without taps there are none to be set, and what
 * begins with values takes no tokens. */
bool plan_has_call(const Plan *plan, bool has_tokenizer, const char *name);

/* Graphs of the phases, of which batch and few may be null. They outlive the plan, which adds what
 * they read to the layout. Null: reported to their diag. */
Plan *plan_create(const Graph *const graph[PHASES], Layout *layout);

/* How often so many threads meet in a call. */
int plan_barriers(const PhasePlan *phase, int64_t threads);

/* What one call with `tokens` tokens costs in a kernel: bytes of weights and floating-point
 * operations; attention is counted for `position` cached positions. */
typedef struct {
    double weight_bytes, operations;
    double byte_operations, pair_operations; /* of these: products of bytes, and of bf16 */
} KernelCost;
KernelCost plan_cost(const Kernel *kernel, int64_t tokens, int64_t position);

#endif
