/* build_nodes.h - nodes of a model's graph, one function for each op that several parts use. */
#ifndef FRONTEND_BUILD_NODES_H
#define FRONTEND_BUILD_NODES_H

#include "frontend/model/instrument.h"
#include "frontend/model/model.h"
#include "ir/ir.h"

typedef struct {
    const Model *model;
    Graph *graph;
    Ref tokens, position, table; /* table: the embedding */
    int64_t layer;               /* under way, */
    int copy;                    /* and which of its attentions or mlps, from 1 on */
    Ref begin, before;           /* the state that is given, and the one it stands for; or none */
    bool has_failed;             /* reported */
} Build;

/* A node with default attributes and up to two operands, for the caller to complete and add. */
Node build_node(Op op, Loc loc, Ref first, Ref second);
Ref build_add(Build *build, Node node);

/* f32[rows, columns], or f32[rows] where columns is 0. The name is `stem` and `suffix`. */
Ref build_param(Build *build, Loc loc, const char *stem, const char *suffix, int64_t rows,
                int64_t columns);

/* x itself where the norm is none. Params: `stem`.gain and `stem`.bias, a value for each column of
 * one of the `groups` equal parts of a row. */
Ref build_norm(Build *build, Loc loc, Ref x, const Norm *norm, int64_t groups, const char *stem);

/* x W^T + b with params `stem`.weight [outputs, columns of x] and `stem`.bias. */
Ref build_project(Build *build, Loc loc, Ref x, int64_t outputs, bool has_bias, const char *stem);

/* Rows of a table of positions, which is as long as the model's own context, whatever the graph's:
 * the weights stay the same. */
int64_t build_positions(const Build *build);

Ref build_activate(Build *build, Loc loc, Ref x, Activation activation);

/* What a description says of rope as attributes of an OP_rope, for sequences of up to `context`
 * tokens in a model whose own is `own_context`. */
void build_rope(const Rope *rope, int64_t own_context, int64_t context, Attrs *attr);

/* A branch's projections out of the stream: q, k, v, or up and gate. */
typedef struct {
    Ref q, k, v, up, gate;
} Reads;

/* In two steps, for branches in parallel: all read the stream before one of them writes it. The
 * second gives what the branch makes of its reads, before norm_after. */
Reads build_attention_reads(Build *build, const Attention *attention, Ref x, const char *stem);
Ref build_attention_work(Build *build, const Attention *attention, const Reads *reads,
                         const char *stem);
Reads build_mlp_reads(Build *build, const Mlp *mlp, Ref x, const char *stem);
Ref build_mlp_work(Build *build, const Mlp *mlp, const Reads *reads, const char *stem);

/* ---- build_points.c ---- */

/* The value behind what stands at the point. `units` are the heads or neurons that its columns fall
 * into; 1 where they have no numbers. */
Ref build_point(Build *build, PointKind kind, Ref x, int64_t units);

/* Whether anything stands at the point of this value. */
bool build_is_wanted(const Build *build, PointKind kind, Ref x);

/* Whether an edit does. */
bool build_is_edited(const Build *build, PointKind kind, Ref x);

/* A point of `parts` values side by side, f32[T, columns] each, which nothing but taps sees. Those
 * that taps select are made. */
typedef Ref BuildPart(Build *build, const void *context, int64_t part);
void build_parts_point(Build *build, PointKind kind, int64_t parts, int64_t columns,
                       BuildPart *make, const void *context);

/* The points of what a norm makes of x, and divides it by, which nothing else sees. */
void build_norm_point(Build *build, PointKind kind, Loc loc, Ref x, const Norm *norm);

/* ---- build_instruments.c ---- */

/* The units that are selected: all of them as one range where nothing says otherwise. False:
 * reported. */
bool build_units(Build *build, const Instrument *instrument, const ModelPoint *point,
                 PointRanges *out);

/* Columns of range i; of all where there are no ranges. */
PointRange build_columns(const ModelPoint *point, const PointRanges *units, int i);

/* A node of columns first .. last - 1 of x. */
Node build_instrument(Op op, const Build *build, const Instrument *instrument,
                      const ModelPoint *point, Ref x, PointRange columns);

/* ---- build_edits.c ---- */

/* What all edits of the point make of its value, in their order. */
Ref build_edits(Build *build, const ModelPoint *point, Ref x);

/* Drops what nothing needs. False: an edit is among it, which is reported. */
bool build_sweep(Graph *graph);

/* ---- cut_graph.c ---- */

/* The state of the stream that the model goes on from: x, or at its start what is given. */
Ref build_start(Build *build, const ModelPoint *point, Ref x);

/* Whether the point is one of the part that is computed. */
bool build_is_in_part(const Build *build);

/* Makes of the graph that was built the part that is wanted, and gives the whole model, without
 * taps, whose weights it shares; the graph itself where all is wanted. Null: reported. */
Graph *build_cut(Build *build);

/* ---- choose_types.c ---- */

/* The formats that the description says, those of a file left at f32. */
void model_choose_types(Graph *graph, const WeightsSpec *weights);

#endif
