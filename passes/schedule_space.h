/* schedule_space.h - the schedules that a kernel may have on a machine.
 *
 * All of a kernel's legal schedules compute the same bits. That is why the keys of a step of
 * attention are not among what may be chosen: the online softmax rounds at its steps.
 */
#ifndef PASSES_SCHEDULE_SPACE_H
#define PASSES_SCHEDULE_SPACE_H

#include "passes/schedule_rule.h"

/* Whether kernels can be made so: what a tile needs fits the registers, what is kept fits a stack.
 */
bool schedule_is_legal(const Graph *graph, const Node *node, const Machine *machine,
                       Schedule schedule);

/* The legal one that does least at once. */
Schedule schedule_smallest(const Graph *graph, const Node *node, const Machine *machine);

/* Legal ones worth a trial, those first that the cost model thinks fastest. Owned by the arena;
 * the same for the same node and machine. Returns how many. */
int schedule_candidates(const Graph *graph, const Node *node, const Machine *machine, Arena *arena,
                        Schedule **out);

#endif
