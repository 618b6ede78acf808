/* tuning.h - schedules that were found by measuring, for the pass `schedule` to take.
 *
 * A kernel is known by a name that says what its schedule depends on: its phase, what it computes
 * and how large that is, but no names of weights. So equal layers share a schedule, as do equal
 * layers of other models.
 *
 *   decode read f32 768 -> 2304 + bias + append
 *   prefill project q8 768 -> 3072 + bias + gelu_tanh
 *   prefill attend 12/12 heads of 64
 */
#ifndef PASSES_TUNING_H
#define PASSES_TUNING_H

#include "ir/ir.h"
#include "ir/machine.h"

typedef struct {
    const char *kernel;
    Schedule schedule;
    const char *source; /* where it comes from, in a word or two, for people */
} Tuned;

/* Of two of a name the later one counts. */
typedef struct {
    const Tuned *tuned;
    int count;
} Tuning;

/* Null: nothing is known of that kernel. */
const Tuned *tuning_find(const Tuning *tuning, const char *kernel);

/* The name that the number of threads of a phase's calls goes by: "decode calls of gpt2-124m q8".
 */
const char *tuning_call_name(const Graph *graph, Arena *arena);

/* The name of the kernel of a root, in a graph of one phase; null: nothing is chosen in it. */
const char *tuning_kernel_name(const Graph *graph, Ref root, Arena *arena);

#endif
