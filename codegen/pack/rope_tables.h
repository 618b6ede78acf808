/* rope_tables.h - tables of cos and sin for the ropes of a model.
 *
 * They depend on how long a sequence may be, as caches do, and not on weights. So they are no part
 * of the packed file: a session computes them when it is made (TwRotation of runtime/abi.h), and
 * one file serves every context.
 */
#ifndef CODEGEN_ROPE_TABLES_H
#define CODEGEN_ROPE_TABLES_H

#include "ir/ir.h"
#include "ir/machine.h"

typedef struct {
    const Node *rope; /* any of those that share the table */
    int64_t offset;   /* floats from the start of all tables */
} RopeTable;

typedef struct {
    RopeTable *table;
    int count, capacity;
    int64_t floats; /* of all tables */
} RopeTables;

/* Where the table for a `rope` op lies, in floats; added when no rope like it has one yet. */
int64_t rope_tables_add(RopeTables *tables, const Graph *graph, const Node *rope,
                        const Machine *machine, Arena *arena);

/* Floats of the cos table of one position; the sin table follows it. Style half: one for each pair;
 * interleaved: one for each element, sin negative at even elements. */
int64_t rope_table_columns(const Node *rope, const Machine *machine);

#endif
