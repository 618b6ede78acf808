#include "ir/shapes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

const char *shape_text(Type type, char *text) {
    int length = snprintf(text, SHAPE_TEXT, "%s[", type.dtype == DTYPE_f32 ? "f32" : "i32");
    for (int i = 0; i < type.rank; i++) {
        const char *comma = i ? ", " : "";
        const size_t room = SHAPE_TEXT - (size_t)length;
        if (type.dim[i] == IR_TOKENS || type.dim[i] == IR_LOGIT_ROWS)
            length += snprintf(text + length, room, "%s%c", comma,
                               type.dim[i] == IR_TOKENS ? 'T' : 'L');
        else
            length += snprintf(text + length, room, "%s%" PRId64, comma, type.dim[i]);
    }
    snprintf(text + length, SHAPE_TEXT - (size_t)length, "]");
    return text;
}

/* ---- what rules ask ---- */

static Type type_of(const Graph *graph, const Node *node, int k) {
    return ir_node(graph, node->in[k])->type;
}

__attribute__((format(printf, 3, 4))) static bool refuse(const Graph *graph, const Node *node,
                                                         const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return diag_error(graph->diag, node->loc, "%s: %s", ir_op_info[node->op].name, text);
}

static bool misfit(const Graph *graph, const Node *node, int k, const char *expected) {
    char found[SHAPE_TEXT];
    return refuse(graph, node, "operand %d must be %s, not %s", k + 1, expected,
                  shape_text(type_of(graph, node, k), found));
}

static bool is_matrix(Type type) { return type.dtype == DTYPE_f32 && type.rank == 2; }

static bool is_vector_of(Type type, int64_t length) {
    return type.dtype == DTYPE_f32 && type.rank == 1 && type.dim[0] == length;
}

static bool check_matrix(const Graph *graph, const Node *node, int k) {
    return is_matrix(type_of(graph, node, k)) || misfit(graph, node, k, "a matrix of f32");
}

static bool check_vector(const Graph *graph, const Node *node, int k, int64_t length) {
    if (ir_ref_is_none(node->in[k]) || is_vector_of(type_of(graph, node, k), length)) return true;
    char expected[64];
    snprintf(expected, sizeof expected, "f32[%" PRId64 "]", length);
    return misfit(graph, node, k, expected);
}

static bool check_equal(const Graph *graph, const Node *node, int k) {
    char expected[SHAPE_TEXT];
    if (ir_type_equal(type_of(graph, node, k), type_of(graph, node, 0))) return true;
    return misfit(graph, node, k, shape_text(type_of(graph, node, 0), expected));
}

static bool check_position(const Graph *graph, const Node *node, int k) {
    return ir_node(graph, node->in[k])->op == OP_position ||
           misfit(graph, node, k, "the position of the first token");
}

/* Whether `heads` divides the columns of operand k, which it then leaves in *dim. */
static bool check_heads(const Graph *graph, const Node *node, int k, int64_t heads, int64_t *dim) {
    const int64_t columns = type_of(graph, node, k).dim[1];
    if (heads < 1 || columns % heads)
        return refuse(graph, node, "%" PRId64 " columns are not %" PRId64 " heads", columns, heads);
    *dim = columns / heads;
    return true;
}

/* ---- rules ---- */

bool shape_embed(const Graph *graph, const Node *node, Type *type) {
    if (ir_node(graph, node->in[0])->op != OP_tokens) return misfit(graph, node, 0, "the tokens");
    if (!check_matrix(graph, node, 1)) return false;
    *type = (Type){DTYPE_f32, 2, {type_of(graph, node, 0).dim[0], type_of(graph, node, 1).dim[1]}};
    return true;
}

bool shape_positions(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_matrix(graph, node, 1)) return false;
    if (!check_position(graph, node, 2)) return false;
    *type = type_of(graph, node, 0);
    const Type table = type_of(graph, node, 1);
    const double offset = node->attr.offset;
    if (table.dim[1] != type->dim[1]) return misfit(graph, node, 1, "as wide as the stream");
    if (!(offset >= 0 && offset <= (double)table.dim[0]) || offset != (double)(int64_t)offset ||
        table.dim[0] - (int64_t)offset < graph->context)
        return refuse(graph, node, "a table of %" PRId64 " rows lacks some of %" PRId64
                      " positions from row %g on", table.dim[0], graph->context, offset);
    return true;
}

bool shape_norm(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    *type = type_of(graph, node, 0);
    const int64_t groups = node->attr.groups;
    if (groups < 1 || type->dim[1] % groups)
        return refuse(graph, node, "%" PRId64 " columns are not %" PRId64 " equal groups",
                      type->dim[1], groups);
    for (int k = 1; k <= 2; k++) {
        if (ir_ref_is_none(node->in[k])) continue;
        if (!is_vector_of(type_of(graph, node, k), type->dim[1]) &&
            !check_vector(graph, node, k, type->dim[1] / groups))
            return false;
    }
    return true;
}

bool shape_project(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_matrix(graph, node, 1)) return false;
    const Type x = type_of(graph, node, 0), weight = type_of(graph, node, 1);
    if (x.dim[1] != weight.dim[1]) {
        char expected[64];
        snprintf(expected, sizeof expected, "f32[..., %" PRId64 "]", x.dim[1]);
        return misfit(graph, node, 1, expected);
    }
    *type = (Type){DTYPE_f32, 2, {x.dim[0], weight.dim[0]}};
    return check_vector(graph, node, 2, weight.dim[0]);
}

bool shape_slice(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    *type = type_of(graph, node, 0);
    const int64_t from = node->attr.from, to = node->attr.to;
    if (from < 0 || from >= to || to > type->dim[1])
        return refuse(graph, node, "columns %" PRId64 " to %" PRId64 " are not within %" PRId64,
                      from, to, type->dim[1]);
    type->dim[1] = to - from;
    return true;
}

bool shape_same(const Graph *graph, const Node *node, Type *type) {
    *type = type_of(graph, node, 0);
    if (type->dtype != DTYPE_f32 || type->rank < 2) return misfit(graph, node, 0, "rows of f32");
    for (int k = 1; k < IR_MAX_INPUTS && !ir_ref_is_none(node->in[k]); k++)
        if (!check_equal(graph, node, k)) return false;
    return true;
}

bool shape_rope(const Graph *graph, const Node *node, Type *type) {
    int64_t dim = 0;
    if (!check_matrix(graph, node, 0) || !check_position(graph, node, 1)) return false;
    if (!check_heads(graph, node, 0, node->attr.heads, &dim)) return false;
    const int64_t dims = node->attr.dims;
    if (dims < 2 || dims % 2 || dims > dim)
        return refuse(graph, node, "dims must be even and at most %" PRId64 ", not %" PRId64, dim,
                      dims);
    *type = type_of(graph, node, 0);
    return true;
}

bool shape_append(const Graph *graph, const Node *node, Type *type) {
    int64_t dim = 0;
    if (!check_matrix(graph, node, 0) || !check_position(graph, node, 1)) return false;
    if (!check_heads(graph, node, 0, node->attr.heads, &dim)) return false;
    if (node->attr.context != graph->context)
        return refuse(graph, node, "context must be %" PRId64 ", that of the graph",
                      graph->context);
    if (!node->attr.cache) return refuse(graph, node, "the cache has no name");
    *type = (Type){DTYPE_f32, 2, {graph->context, type_of(graph, node, 0).dim[1]}};
    return true;
}

/* Queries against keys or values: heads of both have the same width, and share evenly. */
static bool check_heads_share(const Graph *graph, const Node *node, int64_t query_columns, int k) {
    const int64_t heads = node->attr.heads, kv_heads = node->attr.kv_heads;
    int64_t dim = 0;
    if (heads < 1 || kv_heads < 1 || heads % kv_heads || query_columns % heads)
        return refuse(graph, node, "%" PRId64 " columns are not %" PRId64 " heads that share %"
                      PRId64, query_columns, heads, kv_heads);
    if (!check_heads(graph, node, k, kv_heads, &dim)) return false;
    if (dim != query_columns / heads)
        return refuse(graph, node, "heads of %" PRId64 " and %" PRId64 " columns", dim,
                      query_columns / heads);
    return node->attr.window >= 0 || refuse(graph, node, "window must not be negative");
}

bool shape_scores(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_matrix(graph, node, 1)) return false;
    if (!check_position(graph, node, 2)) return false;
    const Type q = type_of(graph, node, 0), keys = type_of(graph, node, 1);
    *type = (Type){DTYPE_f32, 3, {q.dim[0], node->attr.heads, keys.dim[0]}};
    return check_heads_share(graph, node, q.dim[1], 1);
}

bool shape_mix(const Graph *graph, const Node *node, Type *type) {
    const Type p = type_of(graph, node, 0);
    if (p.dtype != DTYPE_f32 || p.rank != 3 || p.dim[1] != node->attr.heads)
        return misfit(graph, node, 0, "f32[T, heads, S]");
    if (!check_matrix(graph, node, 1)) return false;
    const Type values = type_of(graph, node, 1);
    int64_t dim = 0;
    if (values.dim[0] != p.dim[2]) return misfit(graph, node, 1, "a row for each position");
    if (!check_heads(graph, node, 1, node->attr.kv_heads, &dim)) return false;
    if (node->attr.heads < 1 || node->attr.heads % node->attr.kv_heads)
        return refuse(graph, node, "%" PRId64 " heads do not share %" PRId64, node->attr.heads,
                      node->attr.kv_heads);
    *type = (Type){DTYPE_f32, 2, {p.dim[0], node->attr.heads * dim}};
    return true;
}

bool shape_attend(const Graph *graph, const Node *node, Type *type) {
    for (int k = 0; k < 3; k++)
        if (!check_matrix(graph, node, k)) return false;
    if (!check_position(graph, node, 3)) return false;
    if (!ir_type_equal(type_of(graph, node, 1), type_of(graph, node, 2)))
        return misfit(graph, node, 2, "of the type of the keys");
    *type = type_of(graph, node, 0);
    return check_heads_share(graph, node, type->dim[1], 1);
}

bool shape_write(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0) || !check_equal(graph, node, 1)) return false;
    *type = type_of(graph, node, 0);
    if (node->op == OP_write_gated) return check_equal(graph, node, 2);
    return ir_ref_is_none(node->in[2]) || is_vector_of(type_of(graph, node, 2), 1) ||
           check_vector(graph, node, 2, type->dim[1]);
}

/* Of a number of rows that is known, some are declared. */
bool shape_last(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    *type = type_of(graph, node, 0);
    if (type->dim[0] == IR_TOKENS)
        type->dim[0] = IR_LOGIT_ROWS;
    else if (node->type.dim[0] > 0 && node->type.dim[0] < type->dim[0])
        type->dim[0] = node->type.dim[0];
    return true;
}

bool shape_columns(const Graph *graph, const Node *node, Type *type) {
    if (!check_matrix(graph, node, 0)) return false;
    *type = type_of(graph, node, 0);
    return node->op != OP_scale_columns || check_vector(graph, node, 1, type->dim[1]);
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
    if (type->dtype != DTYPE_f32 || type->rank > 2)
        return misfit(graph, node, 0, "a matrix or vector of f32");
    for (int k = 1; k < IR_MAX_INPUTS && !ir_ref_is_none(node->in[k]); k++) {
        const Type part = type_of(graph, node, k);
        if (part.dtype != DTYPE_f32 || part.rank != type->rank ||
            (part.rank == 2 && part.dim[1] != type->dim[1]))
            return misfit(graph, node, k, "as wide as operand 1");
        type->dim[0] += part.dim[0];
    }
    return true;
}
