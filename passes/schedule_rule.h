/* schedule_rule.h - the schedule that a kernel has where nothing better is known. */
#ifndef PASSES_SCHEDULE_RULE_H
#define PASSES_SCHEDULE_RULE_H

#include "ir/ir.h"
#include "ir/machine.h"

/* Cached positions of a step of the online softmax, always. */
enum { SCHEDULE_KEYS = 128 };

/* Of a projection or an attend in the graph of a phase. */
Schedule schedule_rule(const Graph *graph, const Node *node, const Machine *machine);

#endif
