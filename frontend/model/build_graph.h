/* build_graph.h - a description becomes a graph: the model in its own order of operations. */
#ifndef FRONTEND_BUILD_GRAPH_H
#define FRONTEND_BUILD_GRAPH_H

#include "frontend/model/model.h"
#include "ir/ir.h"

/* The graph of all T tokens whose last L rows of logits are its result. Each node's place is the
 * one in the description that asks for it. The model has passed model_check_lowered(). Null:
 * reported to diag, which the graph keeps, as it does the model's name. */
Graph *model_build_graph(const Model *model, Arena *arena, Diag *diag);

/* The same of a model of which a part is wanted: it begins with values at a point, or ends with its
 * taps. *whole: the graph of all of it without taps, which has the weights of the part among its
 * own; the graph itself where nothing is left out. */
Graph *model_build_part(const Model *model, Arena *arena, Diag *diag, Graph **whole);

/* Whether a type of the weights is what a file has. Until model_take_stored_types() it is f32. */
bool model_needs_stored_types(const WeightsSpec *weights);

/* The format nearest to what the file has for a param. */
typedef WeightFormat StoredFormat(const void *context, const char *param);

void model_take_stored_types(Graph *graph, const WeightsSpec *weights, StoredFormat *stored,
                             const void *context);

/* The format in which a file has every value of a param; f32 where that is none of ours. Tables are
 * looked up in it. */
void model_take_table_types(Graph *graph, StoredFormat *exact, const void *context);

#endif
