/* gradient_rules.h - the vector-Jacobian product of each op, as nodes. */
#ifndef PASSES_GRADIENT_RULES_H
#define PASSES_GRADIENT_RULES_H

#include "ir/ir.h"

typedef struct {
    Graph *graph;
    Ref *gradient;   /* by node of the model: the sum of what its users gave; none: nothing yet */
    bool *is_active; /* by node of the model: a param decides on it */
    uint32_t count;  /* of nodes of the model */
} Gradient;

/* Gives the operands of node `index` what d, the gradient of its value, makes of them. */
typedef void GradientRule(Gradient *g, uint32_t index, Ref d);

/* Null: the op has none. Streams that overwrite what they read have been rewritten before. */
extern GradientRule *const gradient_rule[OP_COUNT];

/* A node of `op` with the attributes and the place in the description of node `index`. */
Node gradient_node(const Gradient *g, Op op, uint32_t index, Ref a, Ref b);

/* Adds it, and then what it makes to the gradient of a value that a param decides on. */
void gradient_give(Gradient *g, Ref value, Node node);

#endif
