#include "ir/shapes.h"

#include <inttypes.h>
#include <stdarg.h>

/* ---- text ---- */

const char *shape_text(Type type, char *text) {
    int length = snprintf(text, SHAPE_TEXT, "%s[", type.dtype == DTYPE_f32 ? "f32" : "i32");
    for (int i = 0; i < type.rank; i++) {
        const char *comma = i ? ", " : "";
        const size_t room = SHAPE_TEXT - (size_t)length;
        if (type.dim[i] == IR_TOKENS || type.dim[i] == IR_LOGIT_ROWS)
            length +=
                snprintf(text + length, room, "%s%c", comma, type.dim[i] == IR_TOKENS ? 'T' : 'L');
        else
            length += snprintf(text + length, room, "%s%" PRId64, comma, type.dim[i]);
    }
    snprintf(text + length, SHAPE_TEXT - (size_t)length, "]");
    return text;
}

bool shape_refuse(const Graph *graph, const Node *node, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return diag_error(graph->diag, node->loc, "%s: %s", ir_op_info[node->op].name, text);
}

/* ---- the graph ---- */

/* Floats of memory: in bytes, too, they are far from what an int64_t holds. */
static const int64_t most_floats = INT64_C(1) << 56;

bool shape_check_sizes(const Graph *graph) {
    const int64_t context = graph->context, chunk = graph->chunk;
    const int64_t arena = graph->arena_floats, cache = graph->cache_floats, batch = graph->batch;
    if (context < 1 || context > IR_MAX_CONTEXT)
        return diag_error(graph->diag, graph->loc, "graph: context must be 1 to %d, found %" PRId64,
                          IR_MAX_CONTEXT, context);
    if (chunk < 1 || chunk > context)
        return diag_error(graph->diag, graph->loc,
                          "graph: chunk must be 1 to the context, %" PRId64 ", found %" PRId64,
                          context, chunk);
    if (batch < 0 || batch > chunk)
        return diag_error(graph->diag, graph->loc,
                          "graph: batch must be 0 to the chunk, %" PRId64 ", found %" PRId64, chunk,
                          batch);
    if (arena < 0 || arena > most_floats || cache < 0 || cache > most_floats)
        return diag_error(graph->diag, graph->loc,
                          "graph: arena and cache must be 0 to %" PRId64 ", found %" PRId64
                          " and %" PRId64,
                          most_floats, arena, cache);
    return true;
}

/* ---- operands ---- */

static const Node *operand(const Graph *graph, const Node *node, int k) {
    return ir_node(graph, node->in[k]);
}

static Type type_of(const Graph *graph, const Node *node, int k) {
    return operand(graph, node, k)->type;
}

bool shape_misfit(const Graph *graph, const Node *node, int k, const char *expected) {
    char found[SHAPE_TEXT];
    return shape_refuse(graph, node, "operand %d must be %s, found %s", k + 1, expected,
                        shape_text(type_of(graph, node, k), found));
}

static bool is_matrix(Type type) {
    return type.dtype == DTYPE_f32 && type.rank == 2 && type.dim[1] >= 1;
}

static bool is_vector_of(Type type, int64_t length) {
    return type.dtype == DTYPE_f32 && type.rank == 1 && type.dim[0] == length;
}

static bool check_matrix(const Graph *graph, const Node *node, int k) {
    return is_matrix(type_of(graph, node, k)) || shape_misfit(graph, node, k, "f32[rows, columns]");
}

static bool check_columns(const Graph *graph, const Node *node, int k, int64_t columns) {
    char expected[64];
    if (type_of(graph, node, k).dim[1] == columns) return true;
    snprintf(expected, sizeof expected, "f32[rows, %" PRId64 "]", columns);
    return shape_misfit(graph, node, k, expected);
}

/* A vector operand that may be absent. */
static bool check_vector(const Graph *graph, const Node *node, int k, int64_t length) {
    char expected[64];
    if (ir_ref_is_none(node->in[k]) || is_vector_of(type_of(graph, node, k), length)) return true;
    snprintf(expected, sizeof expected, "f32[%" PRId64 "]", length);
    return shape_misfit(graph, node, k, expected);
}

/* The same, of one of two lengths. */
static bool check_vector_of_either(const Graph *graph, const Node *node, int k, int64_t length,
                                   int64_t other) {
    char expected[96];
    if (ir_ref_is_none(node->in[k]) || is_vector_of(type_of(graph, node, k), other)) return true;
    if (is_vector_of(type_of(graph, node, k), length)) return true;
    if (length == other) return check_vector(graph, node, k, length);
    snprintf(expected, sizeof expected, "f32[%" PRId64 "] or f32[%" PRId64 "]", length, other);
    return shape_misfit(graph, node, k, expected);
}

static bool check_equal(const Graph *graph, const Node *node, int k) {
    char expected[SHAPE_TEXT];
    if (ir_type_equal(type_of(graph, node, k), type_of(graph, node, 0))) return true;
    return shape_misfit(graph, node, k, shape_text(type_of(graph, node, 0), expected));
}

static bool check_op(const Graph *graph, const Node *node, int k, Op op) {
    const Op found = operand(graph, node, k)->op;
    return found == op || shape_refuse(graph, node, "operand %d must be made by '%s', found '%s'",
                                       k + 1, ir_op_info[op].name, ir_op_info[found].name);
}

/* ---- heads ---- */

static bool check_heads(const Graph *graph, const Node *node, int64_t columns, int64_t heads) {
    if (heads >= 1 && columns % heads == 0) return true;
    return shape_refuse(graph, node, "%" PRId64 " columns cannot be split into %" PRId64 " heads",
                        columns, heads);
}

/* Heads of queries share heads of keys and values evenly. */
static bool check_sharing(const Graph *graph, const Node *node) {
    const int64_t heads = node->attr.heads, kv_heads = node->attr.kv_heads;
    if (heads >= 1 && kv_heads >= 1 && heads % kv_heads == 0) return true;
    return shape_refuse(graph, node,
                        "kv_heads must divide heads, found heads = %" PRId64
                        " and kv_heads = %" PRId64,
                        heads, kv_heads);
}

/* Operand k is a cache of as many heads as this op sees in it. */
static bool check_cache(const Graph *graph, const Node *node, int k) {
    if (!check_op(graph, node, k, OP_append) || !check_matrix(graph, node, k)) return false;
    const Node *append = operand(graph, node, k);
    if (append->attr.heads != node->attr.kv_heads)
        return shape_refuse(graph, node,
                            "operand %d must be a cache of kv_heads = %" PRId64
                            " heads, found %" PRId64,
                            k + 1, node->attr.kv_heads, append->attr.heads);
    return check_heads(graph, node, append->type.dim[1], node->attr.kv_heads);
}

static bool check_slopes(const Graph *graph, const Node *node) {
    const Reals *slopes = node->attr.slopes;
    return !slopes || slopes->count == node->attr.heads ||
           shape_refuse(graph, node,
                        "slopes must be one for each of %" PRId64 " heads, found %" PRId64,
                        node->attr.heads, slopes->count);
}

/* Queries in operand 0 and keys in operand 1 have heads of the same size. */
static bool check_queries(const Graph *graph, const Node *node) {
    if (!check_matrix(graph, node, 0) || !check_sharing(graph, node)) return false;
    if (!check_cache(graph, node, 1) || !check_slopes(graph, node)) return false;
    const int64_t columns = type_of(graph, node, 0).dim[1];
    if (!check_heads(graph, node, columns, node->attr.heads)) return false;
    const int64_t query = columns / node->attr.heads;
    const int64_t key = type_of(graph, node, 1).dim[1] / node->attr.kv_heads;
    return query == key || shape_refuse(graph, node,
                                        "heads of queries and keys must have the same size, found "
                                        "%" PRId64 " and %" PRId64,
                                        query, key);
}

/* A row for each token: all heads, each as wide as a head of the values in operand k. */
static bool mixed_type(const Graph *graph, const Node *node, int k, int64_t rows, Type *type) {
    const int64_t size = type_of(graph, node, k).dim[1] / node->attr.kv_heads;
    int64_t columns;
    if (__builtin_mul_overflow(node->attr.heads, size, &columns))
        return shape_refuse(graph, node, "%" PRId64 " heads of size %" PRId64 " are too large",
                            node->attr.heads, size);
    *type = (Type){DTYPE_f32, 2, {rows, columns}};
    return true;
}

/* ---- rules: into the stream and out of it ---- */

bool shape_embed(const Graph *graph, const Node *node, Type *type) {
    if (!check_op(graph, node, 0, OP_tokens) || !check_matrix(graph, node, 1)) return false;
    *type = (Type){DTYPE_f32, 2, {type_of(graph, node, 0).dim[0], type_of(graph, node, 1).dim[1]}};
    return check_vector(graph, node, 2, type->dim[1]);
}

bool shape_begin(const Graph *graph, const Node *node, Type *type) {
    *type = type_of(graph, node, 0);
    return check_op(graph, node, 0, OP_start);
}

/* The table has a row for every position that a sequence may reach. */
bool shape_positions(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_matrix(graph, node, 1)) return false;
    if (!check_op(graph, node, 2, OP_position)) return false;
    *type = type_of(graph, node, 0);
    if (!check_columns(graph, node, 1, type->dim[1])) return false;
    const int64_t rows = type_of(graph, node, 1).dim[0];
    const double offset = node->attr.offset;
    if (!(offset >= 0 && offset <= (double)IR_MAX_CONTEXT && offset == (double)(int64_t)offset))
        return shape_refuse(graph, node, "offset must be a row number, 0 to %d, found %g",
                            IR_MAX_CONTEXT, offset);
    if (rows >= graph->context && rows - graph->context >= (int64_t)offset) return true;
    return shape_refuse(
        graph, node, "operand 2 must have context + offset rows, %" PRId64 " + %g, found %" PRId64,
        graph->context, offset, rows);
}

bool shape_norm(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    *type = type_of(graph, node, 0);
    const int64_t columns = type->dim[1], groups = node->attr.groups;
    if (groups < 1 || columns % groups)
        return shape_refuse(graph, node,
                            "%" PRId64 " columns cannot be split into %" PRId64 " equal groups",
                            columns, groups);
    return check_vector_of_either(graph, node, 1, columns / groups, columns) &&
           check_vector_of_either(graph, node, 2, columns / groups, columns);
}

bool shape_row_size(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    *type = type_of(graph, node, 0);
    type->dim[1] = 1;
    return true;
}

bool shape_project(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_matrix(graph, node, 1)) return false;
    const Type x = type_of(graph, node, 0), weight = type_of(graph, node, 1);
    if (!check_columns(graph, node, 1, x.dim[1])) return false;
    *type = (Type){DTYPE_f32, 2, {x.dim[0], weight.dim[0]}};
    return check_vector(graph, node, 2, weight.dim[0]);
}

bool shape_write(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_equal(graph, node, 1)) return false;
    *type = type_of(graph, node, 0);
    if (node->op == OP_write_gated) return check_equal(graph, node, 2);
    return check_vector_of_either(graph, node, 2, 1, type->dim[1]);
}

bool shape_pool(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    *type = type_of(graph, node, 0);
    type->dim[0] = graph->batch ? IR_LOGIT_ROWS : 1; /* one of each sequence */
    return true;
}

/* Of a number of rows that is known, the node says how many are wanted. */
bool shape_last(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    *type = type_of(graph, node, 0);
    const int64_t wanted = node->type.dim[0];
    if (type->dim[0] == IR_TOKENS)
        type->dim[0] = IR_LOGIT_ROWS;
    else if (wanted >= 1 && wanted < type->dim[0])
        type->dim[0] = wanted;
    return true;
}

/* ---- rules: work ---- */

static bool check_range(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    *type = type_of(graph, node, 0);
    const int64_t from = node->attr.from, to = node->attr.to;
    return (from >= 0 && from < to && to <= type->dim[1]) ||
           shape_refuse(graph, node,
                        "0 <= from < to <= %" PRId64 " must hold, found from = %" PRId64
                        " and to = %" PRId64,
                        type->dim[1], from, to);
}

/* Columns `first` and after of the operand: a vector, or to patch with a row for each position. */
static bool check_edit_operand(const Graph *graph, const Node *node, int64_t columns) {
    const bool is_patch = node->attr.edit == EDIT_patch;
    const int64_t first = node->attr.first;
    int64_t there = node->attr.columns;
    if (!ir_ref_is_none(node->in[1])) {
        const Type operand = type_of(graph, node, 1);
        if (operand.dtype != DTYPE_f32 || operand.rank != 1 + is_patch)
            return shape_misfit(graph, node, 1, is_patch ? "f32[rows, columns]" : "f32[columns]");
        there = operand.dim[operand.rank - 1];
    } else if (!there) {
        return true;
    }
    return (first >= 0 && first <= there && columns <= there - first) ||
           shape_refuse(graph, node,
                        "its operand has %" PRId64 " columns: %" PRId64 " from %" PRId64
                        " on are not there",
                        there, columns, first);
}

bool shape_edit(const Graph *graph, const Node *node, Type *type) {
    if (!check_range(graph, node, type)) return false;
    const int64_t columns = node->attr.to - node->attr.from, groups = node->attr.groups;
    if (groups < 1 || columns % groups)
        return shape_refuse(graph, node,
                            "%" PRId64 " columns cannot be divided into %" PRId64 " equal parts",
                            columns, groups);
    return check_edit_operand(graph, node, columns);
}

bool shape_slice(const Graph *graph, const Node *node, Type *type) {
    if (!check_range(graph, node, type)) return false;
    type->dim[1] = node->attr.to - node->attr.from;
    return true;
}

/* Columns of rows, or heads of scores and their softmax. */
bool shape_tap(const Graph *graph, const Node *node, Type *type) {
    const Type of = type_of(graph, node, 0);
    const int64_t from = node->attr.from, to = node->attr.to;
    if (of.rank != 3) return shape_slice(graph, node, type);
    *type = (Type){DTYPE_f32, 3, {of.dim[0], to - from, of.dim[2]}};
    return (from >= 0 && from < to && to <= of.dim[1]) ||
           shape_refuse(graph, node,
                        "0 <= from < to <= %" PRId64 " heads must hold, found from = %" PRId64
                        " and to = %" PRId64,
                        of.dim[1], from, to);
}

bool shape_same(const Graph *graph, const Node *node, Type *type) {
    *type = type_of(graph, node, 0);
    if (type->dtype != DTYPE_f32 || type->rank < 2)
        return shape_misfit(graph, node, 0, "f32 with two or three dimensions");
    for (int k = 1; k < ir_op_info[node->op].most; k++)
        if (!check_equal(graph, node, k)) return false;
    return true;
}

bool shape_rope(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_op(graph, node, 1, OP_position)) return false;
    *type = type_of(graph, node, 0);
    if (!check_heads(graph, node, type->dim[1], node->attr.heads)) return false;
    const int64_t size = type->dim[1] / node->attr.heads, dims = node->attr.dims;
    const Reals *divisors = node->attr.divisors;
    if (dims < 2 || dims % 2 || dims > size)
        return shape_refuse(graph, node,
                            "dims must be even and 2 to the size of a head, %" PRId64
                            ", found %" PRId64,
                            size, dims);
    return !divisors || divisors->count == dims / 2 ||
           shape_refuse(graph, node,
                        "divisors must be one for each of %" PRId64 " pairs, found %" PRId64,
                        dims / 2, divisors->count);
}

bool shape_scale_positions(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_op(graph, node, 2, OP_position)) return false;
    *type = type_of(graph, node, 0);
    const Type scales = type_of(graph, node, 1);
    const bool is_enough = is_vector_of(scales, scales.dim[0]) && scales.dim[0] >= graph->context;
    return (is_enough || check_vector(graph, node, 1, graph->context)) &&
           check_heads(graph, node, type->dim[1], node->attr.heads);
}

bool shape_append(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_op(graph, node, 1, OP_position)) return false;
    const int64_t columns = type_of(graph, node, 0).dim[1];
    if (!check_heads(graph, node, columns, node->attr.heads)) return false;
    if (node->attr.context != graph->context)
        return shape_refuse(graph, node,
                            "context must be that of the graph, %" PRId64 ", found %" PRId64,
                            graph->context, node->attr.context);
    *type = (Type){DTYPE_f32, 2, {graph->context, columns}};
    return true;
}

bool shape_scores(const Graph *graph, const Node *node, Type *type) {
    if (!check_queries(graph, node) || !check_op(graph, node, 2, OP_position)) return false;
    const int64_t rows = type_of(graph, node, 0).dim[0];
    *type = (Type){DTYPE_f32, 3, {rows, node->attr.heads, graph->context}};
    return true;
}

bool shape_mix(const Graph *graph, const Node *node, Type *type) {
    char expected[64];
    if (!check_sharing(graph, node) || !check_cache(graph, node, 1)) return false;
    const Type weights = type_of(graph, node, 0);
    if (weights.dtype == DTYPE_f32 && weights.rank == 3 && weights.dim[1] == node->attr.heads &&
        weights.dim[2] == graph->context)
        return mixed_type(graph, node, 1, weights.dim[0], type);
    snprintf(expected, sizeof expected, "f32[tokens, %" PRId64 ", %" PRId64 "]", node->attr.heads,
             graph->context);
    return shape_misfit(graph, node, 0, expected);
}

bool shape_attend(const Graph *graph, const Node *node, Type *type) {
    if (!check_queries(graph, node) || !check_cache(graph, node, 2)) return false;
    if (!check_op(graph, node, 3, OP_position)) return false;
    return mixed_type(graph, node, 2, type_of(graph, node, 0).dim[0], type);
}

/* ---- rules: gradients ---- */

/* A row for each target. */
static bool check_targets(const Graph *graph, const Node *node) {
    if (!check_matrix(graph, node, 0) || !check_op(graph, node, 1, OP_targets)) return false;
    const int64_t rows = type_of(graph, node, 0).dim[0];
    return rows == type_of(graph, node, 1).dim[0] || shape_misfit(graph, node, 1, "i32[rows of x]");
}

bool shape_loss(const Graph *graph, const Node *node, Type *type) {
    if (!check_targets(graph, node)) return false;
    *type = (Type){DTYPE_f32, 2, {type_of(graph, node, 0).dim[0], 1}};
    return true;
}

bool shape_loss_back(const Graph *graph, const Node *node, Type *type) {
    if (!check_targets(graph, node)) return false;
    *type = type_of(graph, node, 0);
    return true;
}

bool shape_scale_by(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    *type = type_of(graph, node, 0);
    return check_vector_of_either(graph, node, 1, 1, type->dim[1]);
}

bool shape_sum_rows(const Graph *graph, const Node *node, Type *type) {
    if (!shape_norm(graph, node, type)) return false;
    *type = (Type){DTYPE_f32, 2, {1, type->dim[1] / node->attr.groups}};
    return true;
}

static bool check_rows(const Graph *graph, const Node *node, int k) {
    if (!check_matrix(graph, node, 0) || !check_matrix(graph, node, k)) return false;
    return type_of(graph, node, 0).dim[0] == type_of(graph, node, k).dim[0] ||
           shape_misfit(graph, node, k, "as many rows as the first");
}

bool shape_outer(const Graph *graph, const Node *node, Type *type) {
    if (!check_rows(graph, node, 1)) return false;
    *type = (Type){DTYPE_f32, 2, {type_of(graph, node, 0).dim[1], type_of(graph, node, 1).dim[1]}};
    return true;
}

bool shape_project_back(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_matrix(graph, node, 1)) return false;
    const Type d = type_of(graph, node, 0), weight = type_of(graph, node, 1);
    *type = (Type){DTYPE_f32, 2, {d.dim[0], weight.dim[1]}};
    return check_columns(graph, node, 0, weight.dim[0]);
}

bool shape_norm_back(const Graph *graph, const Node *node, Type *type) {
    Node norm = *node;
    norm.in[1] = node->in[2];
    norm.in[2] = (Ref){0};
    return shape_norm(graph, &norm, type) && check_equal(graph, node, 1);
}

bool shape_slice_back(const Graph *graph, const Node *node, Type *type) {
    if (!check_rows(graph, node, 1)) return false;
    Node slice = *node;
    slice.in[0] = node->in[1];
    if (!shape_slice(graph, &slice, type) || !check_columns(graph, node, 0, type->dim[1]))
        return false;
    *type = type_of(graph, node, 1);
    return true;
}

/* The operands behind the first are those of attend. */
static bool check_attend(const Graph *graph, const Node *node, Type *mixed) {
    Node attend = *node;
    for (int k = 0; k < 4; k++) attend.in[k] = node->in[k + 1];
    if (!shape_attend(graph, &attend, mixed)) return false;
    char expected[SHAPE_TEXT];
    return ir_type_equal(type_of(graph, node, 0), *mixed) ||
           shape_misfit(graph, node, 0, shape_text(*mixed, expected));
}

bool shape_attend_back(const Graph *graph, const Node *node, Type *type) {
    if (!check_attend(graph, node, type)) return false;
    *type = type_of(graph, node, 1);
    return true;
}

static bool cache_rows(const Graph *graph, const Node *node, int k, Type *type) {
    if (!check_attend(graph, node, type)) return false;
    *type = (Type){DTYPE_f32, 2, {type->dim[0], type_of(graph, node, k).dim[1]}};
    return true;
}

bool shape_attend_back_k(const Graph *graph, const Node *node, Type *type) {
    return cache_rows(graph, node, 2, type);
}

bool shape_attend_back_v(const Graph *graph, const Node *node, Type *type) {
    return cache_rows(graph, node, 3, type);
}

bool shape_embed_back(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_matrix(graph, node, 2)) return false;
    if (!check_op(graph, node, 1, OP_tokens)) return false;
    *type = type_of(graph, node, 2);
    return check_columns(graph, node, 0, type->dim[1]);
}

bool shape_positions_back(const Graph *graph, const Node *node, Type *type) {
    if (!shape_positions(graph, node, type)) return false;
    *type = type_of(graph, node, 1);
    return true;
}

bool shape_pool_back(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_matrix(graph, node, 1)) return false;
    *type = type_of(graph, node, 1);
    return type_of(graph, node, 0).dim[0] == 1 ? check_columns(graph, node, 0, type->dim[1])
                                               : shape_misfit(graph, node, 0, "f32[1, columns]");
}

/* The gradient of a vector is a row. */
bool shape_row_back(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_matrix(graph, node, 1)) return false;
    Node row = *node;
    row.in[0] = node->in[1];
    if (!shape_row_of(graph, &row, type)) return false;
    *type = type_of(graph, node, 1);
    return type_of(graph, node, 0).dim[0] == 1 ? check_columns(graph, node, 0, type->dim[1])
                                               : shape_misfit(graph, node, 0, "f32[1, columns]");
}

/* ---- rules: weights ---- */

bool shape_row_of(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    const Type table = type_of(graph, node, 0);
    *type = (Type){DTYPE_f32, 1, {table.dim[1]}};
    return (node->attr.from >= 0 && node->attr.from < table.dim[0]) ||
           shape_refuse(graph, node,
                        "from must be a row of the table, 0 to %" PRId64 ", found %" PRId64,
                        table.dim[0] - 1, node->attr.from);
}

bool shape_columns(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    *type = type_of(graph, node, 0);
    return check_vector(graph, node, 1, type->dim[1]);
}

bool shape_matvec(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    const Type matrix = type_of(graph, node, 0);
    *type = (Type){DTYPE_f32, 1, {matrix.dim[0]}};
    return check_vector(graph, node, 1, matrix.dim[1]) &&
           check_vector(graph, node, 2, matrix.dim[0]);
}

bool shape_stack(const Graph *graph, const Node *node, Type *type) {
    *type = type_of(graph, node, 0);
    if (type->dtype != DTYPE_f32 || type->rank < 1 || type->rank > 2)
        return shape_misfit(graph, node, 0, "f32 with one or two dimensions");
    for (int k = 1; k < IR_MAX_INPUTS && !ir_ref_is_none(node->in[k]); k++) {
        const Type part = type_of(graph, node, k);
        if (part.dtype != DTYPE_f32 || part.rank != type->rank)
            return shape_misfit(graph, node, k,
                                type->rank == 1 ? "f32[rows]" : "f32[rows, columns]");
        if (part.rank == 2 && !check_columns(graph, node, k, type->dim[1])) return false;
        type->dim[0] += part.dim[0];
    }
    return true;
}
