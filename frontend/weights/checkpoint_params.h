/* checkpoint_params.h - the params of a graph, and where each lies in a checkpoint. */
#ifndef FRONTEND_CHECKPOINT_PARAMS_H
#define FRONTEND_CHECKPOINT_PARAMS_H

#include "frontend/weights/tensor_set.h"
#include "frontend/weights/tensor_names.h"
#include "ir/ir.h"

/* Row r of the param is row (r / part) * chunk + start + r % part of the tensor; a column of it
 * where the tensor is transposed. A vector is a matrix of one column. */
typedef struct {
    const StoredTensor *tensor;
    int64_t part, chunk, start;
    int64_t total; /* rows of the tensor that several params share */
    bool is_transposed;
} ParamPlace;

typedef struct {
    const char *name;
    int64_t rows, columns;
    bool is_matrix;
    int64_t heads; /* of an attention's projection: those its rows are divided into; else 0 */
    ParamPlace place;
} Param;

typedef struct {
    Param *param; /* sorted by name */
    int count;
} ParamList;

/* In the arena, names included. */
ParamList params_collect(const Graph *graph, Arena *arena);

Param *params_find(const ParamList *params, const char *name); /* null: there is none */

/* Finds the tensor of every param. False: reported, all problems at once. */
bool params_place(ParamList *params, const NameTable *table, const TensorSet *tensors, Diag *diag);

#endif
