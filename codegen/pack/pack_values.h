/* pack_values.h - rows of constants, evaluated while weights stream by. */
#ifndef CODEGEN_PACK_VALUES_H
#define CODEGEN_PACK_VALUES_H

#include "ir/arena.h"
#include "ir/weights.h"

/* Vectors that many rows need (gains, biases), evaluated once before rows are asked for. */
typedef struct {
    const char *name; /* of the constant; null: none is here */
    double *value;
} VectorValue;

typedef struct {
    const Weights *weights;
    VectorValue *vector; /* by hash of their names, open addressing */
    size_t vector_count, vector_capacity;
    bool is_exhausted; /* there was no memory for one */
} PackValues;

/* What one thread works with: room for `floats` numbers each. */
typedef struct {
    float *raw;
    double *row;
} PackScratch;

void pack_values_destroy(PackValues *values);

/* Evaluates the vectors below a constant. Afterwards pack_rows() may be called by several threads.
 * False: weights cannot be read, or memory is out (is_exhausted). */
bool pack_values_prepare(PackValues *values, const Graph *graph, Ref constant,
                         PackScratch *scratch);

/* Rows first .. first + count - 1 of a constant to out[count * columns] (a vector has one column),
 * which has room for count * pack_widest() of them on the way, and so has the scratch; it holds one
 * row of doubles of any matrix below, too. */
bool pack_rows(const PackValues *values, const Graph *graph, Ref constant, int64_t first,
               int64_t count, PackScratch *scratch, double *out);

/* Columns of the widest matrix a constant is made of, or elements of the longest vector that is
 * kept for it; 1 for others. */
int64_t pack_widest(const Graph *graph, Ref constant);

#endif
