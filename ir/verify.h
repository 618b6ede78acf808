/* verify.h - the verifier's parts: what they share of a graph, and of the node under way. */
#ifndef IR_VERIFY_H
#define IR_VERIFY_H

#include "ir/ir.h"

typedef struct {
    const Graph *graph;
    Arena *scratch;
    bool *is_wrong;   /* nodes that were reported, and what uses them */
    uint32_t *writer; /* the node that overwrites each state of the stream; 0: none */
    uint32_t tokens, position, targets;
    uint32_t index; /* of the node under way */
    const Node *node;
    const OpInfo *info;
} Check;

/* Reports what is wrong with the node. Returns false. */
bool verify_refuse(const Check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether a text can be a name in a graph's text. */
bool verify_is_name(const char *name);

/* Whether the node's attributes have values that its op can work with. */
bool verify_attrs(const Check *c);

#endif
