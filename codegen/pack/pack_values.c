/* pack_values.c - the algebra of weights, as ops.def defines it, in double precision. */
#include "codegen/pack/pack_values.h"

#include "ir/formats.h"
#include "ir/hash.h"
#include "ir/positions.h"

#include <stdlib.h>
#include <string.h>

static int64_t columns_of(const Node *node) {
    return node->type.rank > 1 ? node->type.dim[1] : 1;
}

/* Whether operand 1 is a vector that is kept. */
static bool keeps_vector(const Node *node) {
    return node->op == OP_scale_columns || node->op == OP_project_bias || node->op == OP_combine;
}

int64_t pack_widest(const Graph *graph, Ref constant) {
    const Node *node = ir_node(graph, constant);
    int64_t widest = columns_of(node);
    if (keeps_vector(node) && ir_node(graph, node->in[1])->type.dim[0] > widest)
        widest = ir_node(graph, node->in[1])->type.dim[0];
    for (int i = 0; i < IR_MAX_INPUTS; i++) {
        if (ir_ref_is_none(node->in[i])) continue;
        int64_t below = pack_widest(graph, node->in[i]);
        if (below > widest) widest = below;
    }
    return widest;
}

/* ---- vectors, kept ---- */

void pack_values_destroy(PackValues *values) {
    for (size_t i = 0; i < values->vector_capacity; i++) free(values->vector[i].value);
    free(values->vector);
    *values = (PackValues){0};
}

/* Where a name is, or belongs: the capacity is a power of two, and some of it free. */
static VectorValue *vector_of(const PackValues *values, const char *name) {
    size_t at = hash_text(name) & (values->vector_capacity - 1);
    while (values->vector[at].name && strcmp(values->vector[at].name, name) != 0)
        at = (at + 1) & (values->vector_capacity - 1);
    return &values->vector[at];
}

static const double *find_vector(const PackValues *values, const char *name) {
    return values->vector_capacity ? vector_of(values, name)->value : NULL;
}

static bool grow(PackValues *values) {
    PackValues larger = *values;
    larger.vector_capacity = values->vector_capacity ? values->vector_capacity * 2 : 32;
    larger.vector = calloc(larger.vector_capacity, sizeof *larger.vector);
    values->is_exhausted |= !larger.vector;
    if (!larger.vector) return false;
    for (size_t i = 0; i < values->vector_capacity; i++)
        if (values->vector[i].name) *vector_of(&larger, values->vector[i].name) = values->vector[i];
    free(values->vector);
    *values = larger;
    return true;
}

static bool keep_vector(PackValues *values, const char *name, double *value) {
    if (values->vector_count * 2 >= values->vector_capacity && !grow(values)) return false;
    *vector_of(values, name) = (VectorValue){name, value};
    values->vector_count++;
    return true;
}

/* The vector is as long as a row of the matrix it belongs to, for which the scratch has room. */
static bool prepare_vector(PackValues *values, const Graph *graph, Ref ref, PackScratch *scratch) {
    const Node *node = ir_node(graph, ref);
    if (find_vector(values, node->name)) return true;
    double *value = malloc((size_t)node->type.dim[0] * sizeof *value);
    values->is_exhausted |= !value;
    if (value && pack_rows(values, graph, ref, 0, node->type.dim[0], scratch, value) &&
        keep_vector(values, node->name, value))
        return true;
    free(value);
    return false;
}

bool pack_values_prepare(PackValues *values, const Graph *graph, Ref constant,
                         PackScratch *scratch) {
    const Node *node = ir_node(graph, constant);
    for (int i = 0; i < IR_MAX_INPUTS; i++)
        if (!ir_ref_is_none(node->in[i]) &&
            !pack_values_prepare(values, graph, node->in[i], scratch))
            return false;
    return !keeps_vector(node) || prepare_vector(values, graph, node->in[1], scratch);
}

/* ---- rows ---- */

typedef struct {
    const PackValues *values;
    const Graph *graph;
    const Node *node;
    int64_t first, count, columns;
    PackScratch *scratch;
    double *out;
} Rows;

static bool operand(const Rows *r, int index, double *out) {
    return pack_rows(r->values, r->graph, r->node->in[index], r->first, r->count, r->scratch, out);
}

static bool param_rows(const Rows *r) {
    const Weights *weights = r->values->weights;
    if (!weights->rows(weights, r->node->name, r->first, r->count, r->columns, r->scratch->raw))
        return false;
    for (int64_t i = 0; i < r->count * r->columns; i++) r->out[i] = (double)r->scratch->raw[i];
    return true;
}

static bool sinusoid_rows(const Rows *r) {
    for (int64_t i = 0; i < r->count * r->columns; i++)
        r->out[i] = positions_sinusoid(r->first + i / r->columns, i % r->columns, r->columns);
    return true;
}

static bool row_of(const Rows *r) {
    double *row = r->scratch->row;
    const Ref table = r->node->in[0];
    if (!pack_rows(r->values, r->graph, table, r->node->attr.from, 1, r->scratch, row))
        return false;
    memcpy(r->out, row + r->first, (size_t)r->count * sizeof *row);
    return true;
}

static bool position_scales(const Rows *r) {
    for (int64_t i = 0; i < r->count; i++)
        r->out[i] = positions_scale(&r->node->attr, r->first + i);
    return true;
}

static bool scaled_rows(const Rows *r) {
    if (!operand(r, 0, r->out)) return false;
    const double *gain = find_vector(r->values, ir_node(r->graph, r->node->in[1])->name);
    for (int64_t n = 0; n < r->count; n++)
        for (int64_t k = 0; k < r->columns; k++)
            r->out[n * r->columns + k] *= gain[k] + r->node->attr.offset;
    return true;
}

static bool centred_rows(const Rows *r) {
    if (!operand(r, 0, r->out)) return false;
    for (int64_t n = 0; n < r->count; n++) {
        double *row = r->out + n * r->columns, sum = 0;
        for (int64_t k = 0; k < r->columns; k++) sum += row[k];
        for (int64_t k = 0; k < r->columns; k++) row[k] -= sum / (double)r->columns;
    }
    return true;
}

static bool filled_rows(const Rows *r) {
    for (int64_t i = 0; i < r->count * r->columns; i++) r->out[i] = r->node->attr.strength;
    return true;
}

static bool combined_rows(const Rows *r) {
    if (!operand(r, 0, r->out)) return false;
    const double *other = find_vector(r->values, ir_node(r->graph, r->node->in[1])->name);
    for (int64_t n = 0; n < r->count; n++) r->out[n] += r->node->attr.scale * other[r->first + n];
    return true;
}

/* Ranges are parts that stand one after the other. */
static bool selected_rows(const Rows *r) {
    const Reals *ranges = r->node->attr.ranges;
    int64_t start = 0;
    for (int64_t i = 0; i < ranges->count && start < r->first + r->count; i += 2) {
        const int64_t begin = (int64_t)ranges->at[i],
                      stop = start + (int64_t)ranges->at[i + 1] - begin;
        const int64_t from = r->first > start ? r->first : start;
        const int64_t to = r->first + r->count < stop ? r->first + r->count : stop;
        double *out = r->out + (from - r->first) * r->columns;
        if (from < to && begin < 0)
            memset(out, 0, (size_t)((to - from) * r->columns) * sizeof *out);
        else if (from < to && !pack_rows(r->values, r->graph, r->node->in[0], begin + from - start,
                                         to - from, r->scratch, out))
            return false;
        start = stop;
    }
    return true;
}

/* In place: no column moves to the right. */
static bool selected_columns(const Rows *r) {
    const Reals *ranges = r->node->attr.ranges;
    const int64_t depth = ir_node(r->graph, r->node->in[0])->type.dim[1];
    double *out = r->out;
    if (!operand(r, 0, r->out)) return false;
    for (int64_t n = 0; n < r->count; n++) {
        const double *row = r->out + n * depth;
        for (int64_t i = 0; i < ranges->count; i += 2)
            for (int64_t c = (int64_t)ranges->at[i]; c < (int64_t)ranges->at[i + 1]; c++)
                *out++ = c < 0 ? 0 : row[c];
    }
    return true;
}

/* Row n of a matrix as a format leaves it. */
static bool rounded_row(const Rows *r, Ref matrix, int64_t n, double *row) {
    const WeightFormat format = r->node->attr.format;
    if (!pack_rows(r->values, r->graph, matrix, n, 1, r->scratch, row)) return false;
    if (format != FORMAT_f32 && !weights_keep_row(r->values->weights, r->graph, matrix, n, format))
        format_round_row(format, row, ir_node(r->graph, matrix)->type.dim[1]);
    return true;
}

/* Row by row, so that the matrix needs no room. */
static bool bias_rows(const Rows *r) {
    if (ir_ref_is_none(r->node->in[2]))
        memset(r->out, 0, (size_t)r->count * sizeof *r->out);
    else if (!operand(r, 2, r->out))
        return false;
    const Node *matrix = ir_node(r->graph, r->node->in[0]);
    const double *bias = find_vector(r->values, ir_node(r->graph, r->node->in[1])->name);
    double *row = r->scratch->row;
    for (int64_t n = 0; n < r->count; n++) {
        if (!rounded_row(r, r->node->in[0], r->first + n, row)) return false;
        for (int64_t k = 0; k < matrix->type.dim[1]; k++) r->out[n] += row[k] * bias[k];
    }
    return true;
}

static bool stacked_rows(const Rows *r) {
    int64_t start = 0, end = r->first + r->count;
    for (int i = 0; i < IR_MAX_INPUTS && !ir_ref_is_none(r->node->in[i]); i++) {
        const int64_t stop = start + ir_node(r->graph, r->node->in[i])->type.dim[0];
        const int64_t from = r->first > start ? r->first : start, to = end < stop ? end : stop;
        if (from < to && !pack_rows(r->values, r->graph, r->node->in[i], from - start, to - from,
                                    r->scratch, r->out + (from - r->first) * r->columns))
            return false;
        start = stop;
    }
    return true;
}

bool pack_rows(const PackValues *values, const Graph *graph, Ref constant, int64_t first,
               int64_t count, PackScratch *scratch, double *out) {
    const Node *node = ir_node(graph, constant);
    const Rows r = {values, graph, node, first, count, columns_of(node), scratch, out};
    switch (node->op) {
    case OP_param: return param_rows(&r);
    case OP_sinusoid: return sinusoid_rows(&r);
    case OP_position_scales: return position_scales(&r);
    case OP_row_of: return row_of(&r);
    case OP_scale_columns: return scaled_rows(&r);
    case OP_centre_rows: return centred_rows(&r);
    case OP_project_bias: return bias_rows(&r);
    case OP_stack: return stacked_rows(&r);
    case OP_fill: return filled_rows(&r);
    case OP_combine: return combined_rows(&r);
    case OP_select_rows: return selected_rows(&r);
    case OP_select_columns: return selected_columns(&r);
    default: memset(out, 0, (size_t)(count * r.columns) * sizeof *out); return true; /* zeros */
    }
}
