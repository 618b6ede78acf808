/* names.h - unique names for the constants that passes derive from others. */
#ifndef PASSES_NAMES_H
#define PASSES_NAMES_H

#include "ir/ir.h"

typedef struct {
    Graph *graph;
    Arena *scratch;
    const char **slot; /* open addressing; `capacity` is a power of two */
    uint32_t count, capacity;
} Names;

Names names_create(Graph *graph, Arena *scratch); /* holds the names of the graph's constants */

/* "stem" and "suffix" in one; with ".2", ".3", ... behind where that is taken. In the graph's
 * arena. */
const char *names_make(Names *names, const char *stem, const char *suffix);

/* The stem of a weight's bias: "blocks.0.mlp.up.bias" of "blocks.0.mlp.up.weight" and of
 * "blocks.0.mlp.up.weight.gained". In the scratch arena. */
const char *names_of_bias(const Names *names, const char *weight);

#endif
