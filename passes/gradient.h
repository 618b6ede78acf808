/* gradient.h - reverse mode: a graph that computes a loss and how it changes with each param.
 *
 * The gradient of a graph is a graph of the same ops and those of the last section of ops.def, and
 * is printed, verified and interpreted like any other. Each param that is no constant of the
 * architecture gets a tap with its name as `point`, whose rows are those of the param; a vector has
 * one row.
 */
#ifndef PASSES_GRADIENT_H
#define PASSES_GRADIENT_H

#include "ir/ir.h"

/* Of a model's graph as it is described, whose result are logits or classes. The new graph returns
 * the loss of each row, cross_entropy of it and the targets; taps keep the gradient of their sum.
 * The calls it is for begin sequences: what caches hold from earlier calls has no gradient. Null:
 * reported to graph->diag: an op has no gradient, or what is returned has no such loss. */
Graph *gradient_make(const Graph *model, Arena *arena);

#endif
