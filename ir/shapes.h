/* shapes.h - the rules that give a node its type: shape_<rule>(), named in ops.def.
 *
 * Each checks the types of the operands and the attributes that bear on them, and reports to
 * graph->diag what does not fit. Every operand that an op needs must be there.
 */
#ifndef IR_SHAPES_H
#define IR_SHAPES_H

#include "ir/ir.h"

typedef bool ShapeRule(const Graph *graph, const Node *node, Type *type);

ShapeRule shape_embed, shape_begin, shape_positions, shape_norm, shape_project, shape_slice,
    shape_edit, shape_tap, shape_row_size, shape_same, shape_rope, shape_pool, shape_row_of,
    shape_scale_positions, shape_append, shape_scores, shape_mix, shape_attend, shape_write,
    shape_last, shape_columns, shape_matvec, shape_stack, shape_loss, shape_loss_back,
    shape_scale_by, shape_sum_rows, shape_outer, shape_project_back, shape_norm_back,
    shape_slice_back, shape_attend_back, shape_attend_back_k, shape_attend_back_v, shape_embed_back,
    shape_positions_back, shape_pool_back, shape_row_back;

ShapeRule shape_combine, shape_select_rows, shape_select_columns; /* shapes_select.c */

/* Report what does not fit: of the node, or of its operand k. Return false. */
bool shape_refuse(const Graph *graph, const Node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool shape_misfit(const Graph *graph, const Node *node, int k, const char *expected);

/* Whether context, chunk and the sizes of memory are in range: the rules rely on it. */
bool shape_check_sizes(const Graph *graph);

/* A type as text, "f32[T, 768]", in a buffer of SHAPE_TEXT bytes; returns the buffer. */
enum { SHAPE_TEXT = 96 };
const char *shape_text(Type type, char *text);

#endif
