/* verify.c - what must hold between any two passes, and of graph text before anything uses it. */
#include "ir/formats.h"
#include "ir/hash.h"
#include "ir/shapes.h"
#include "ir/verify.h"

#include <inttypes.h>
#include <string.h>

static const Node *operand(const Check *c, int k) {
    return ir_node(c->graph, c->node->in[k]);
}

/* ---- operands ---- */

/* Whether operand k is of the weights. */
static bool takes_constant(Op op, int k) {
    switch (op) {
    case OP_add_positions:
    case OP_scale_positions: return k == 1;
    case OP_embed:
    case OP_norm:
    case OP_quantise:
    case OP_project:
    case OP_read: return k >= 1;
    case OP_norm_back:
    case OP_embed_back:
    case OP_write: return k == 2;
    case OP_edit:
    case OP_scale_by:
    case OP_project_back:
    case OP_add_positions_back:
    case OP_row_of_back: return k == 1;
    default: return ir_op_info[op].kind == KIND_CONSTANT;
    }
}

static bool verify_operand(const Check *c, int k) {
    const Ref ref = c->node->in[k];
    if (ir_ref_is_none(ref))
        return k >= c->info->least || verify_refuse(c, "operand %d is missing", k + 1);
    if (k >= c->info->most)
        return verify_refuse(c, "takes at most %d operands, found operand %d", c->info->most,
                             k + 1);
    if (ref.index >= c->index)
        return verify_refuse(c, "operand %d is not defined before its use", k + 1);
    if (operand(c, k)->op == OP_tap)
        return verify_refuse(c, "operand %d is a tap, whose value is the caller's", k + 1);
    if (operand(c, k)->op == OP_start && c->node->op != OP_begin)
        return verify_refuse(c, "operand %d lies in memory of the caller: only begin reads it",
                             k + 1);
    if (ir_is_constant(operand(c, k)) == takes_constant(c->node->op, k)) return true;
    return takes_constant(c->node->op, k)
               ? verify_refuse(c, "operand %d must be a constant, found one computed at run time",
                               k + 1)
               : verify_refuse(c, "operand %d must be computed at run time, found a constant",
                               k + 1);
}

/* Operands of `stack` stand side by side: none is left out between two. */
static bool verify_operands(const Check *c) {
    for (int k = 0; k < IR_MAX_INPUTS; k++)
        if (!verify_operand(c, k)) return false;
    for (int k = 1; k < IR_MAX_INPUTS && c->node->op == OP_stack; k++)
        if (ir_ref_is_none(c->node->in[k - 1]) && !ir_ref_is_none(c->node->in[k]))
            return verify_refuse(c, "operand %d is missing", k);
    return true;
}

/* ---- types ---- */

/* T and L at their most. */
static int64_t largest(const Graph *graph, int64_t dim) {
    return dim == IR_TOKENS || dim == IR_LOGIT_ROWS ? ir_most_rows(graph) : dim;
}

static bool verify_size(const Check *c) {
    const Type *type = &c->node->type;
    char text[SHAPE_TEXT];
    int64_t elements = 1;
    if (type->rank < 1 || type->rank > IR_MAX_RANK) return verify_refuse(c, "it has no type");
    for (int i = 0; i < type->rank; i++) {
        const int64_t dim = largest(c->graph, type->dim[i]);
        if (type->dim[i] < 0 && (i > 0 || ir_is_constant(c->node) || dim < 0))
            return verify_refuse(
                c, "only the rows of what is computed at run time are T or L, found %s",
                shape_text(*type, text));
        if (dim < 1 || dim >= INT64_C(1) << 40 || dim > IR_MAX_ELEMENTS / elements)
            return verify_refuse(
                c, "%s is too large: at most %" PRId64 " elements, 2^40 - 1 a dimension",
                shape_text(*type, text), IR_MAX_ELEMENTS);
        elements *= dim;
    }
    return true;
}

static bool verify_declared(const Check *c) {
    const Type *type = &c->node->type;
    const int64_t rows = type->dim[0];
    const bool is_integers = type->dtype == DTYPE_i32 && type->rank == 1;
    char found[SHAPE_TEXT];
    shape_text(*type, found);
    switch (c->node->op) {
    case OP_tokens:
    case OP_targets:
        return (is_integers && (rows == IR_TOKENS || (rows >= 1 && rows <= c->graph->chunk))) ||
               verify_refuse(
                   c, "its type must be i32[T], or as many as the chunk at most, found %s", found);
    case OP_start:
        return (type->dtype == DTYPE_f32 && type->rank == 2) ||
               verify_refuse(c, "its type must be f32[T, columns], found %s", found);
    case OP_position:
        return (is_integers && rows == 1) ||
               verify_refuse(c, "its type must be i32[1], found %s", found);
    case OP_position_scales:
        return (type->dtype == DTYPE_f32 && type->rank == 1) ||
               verify_refuse(c, "its type must be f32[positions], found %s", found);
    case OP_sinusoid:
        return (type->dtype == DTYPE_f32 && type->rank == 2) ||
               verify_refuse(c, "its type must be f32[rows, columns], found %s", found);
    default:
        return (type->dtype == DTYPE_f32 && type->rank <= 2) ||
               verify_refuse(c, "its type must be f32[rows] or f32[rows, columns], found %s",
                             found);
    }
}

/* Bytes are multiplied with bytes, pairs with pairs; what is rounded is there for that alone. */
static bool verify_formats(const Check *c) {
    const WeightFormat format = c->node->attr.format;
    if (c->node->op == OP_quantise && format != FORMAT_q8 && format != FORMAT_bf16)
        return verify_refuse(c, "format must be q8 or bf16");
    if (format == FORMAT_f16 && c->node->op != OP_embed && c->node->op != OP_add_positions)
        return verify_refuse(c, "format f16 is for tables that are looked up");
    for (int k = 0; k < c->info->most; k++) {
        if (ir_ref_is_none(c->node->in[k]) || operand(c, k)->op != OP_quantise) continue;
        const bool is_bf16 = operand(c, k)->attr.format == FORMAT_bf16;
        if (c->node->op == OP_project && k == 0 &&
            (is_bf16 ? format == FORMAT_bf16 : format_has_blocks(format)))
            continue;
        return verify_refuse(
            c, "operand %d is made by 'quantise': only project with format %s reads it", k + 1,
            is_bf16 ? "bf16" : "q8 or q4");
    }
    return true;
}

static bool verify_type(const Check *c) {
    Type type = c->node->type;
    char expected[SHAPE_TEXT], found[SHAPE_TEXT];
    if (!verify_size(c)) return false;
    if (!c->info->infer) return verify_declared(c);
    if (!c->info->infer(c->graph, c->node, &type)) return false;
    return ir_type_equal(type, c->node->type) ||
           verify_refuse(c, "its operands make it %s, found %s", shape_text(type, expected),
                         shape_text(c->node->type, found));
}

/* Who knows positions sees a row for each token; so does who takes the last of them. */
static bool verify_rows(const Check *c) {
    switch (c->node->op) {
    case OP_add_positions:
    case OP_scale_positions:
    case OP_rope:
    case OP_append:
    case OP_scores:
    case OP_attend:
    case OP_pool:
    case OP_rope_back:
    case OP_attend_back_q:
    case OP_attend_back_k:
    case OP_attend_back_v:
    case OP_embed_back:
    case OP_add_positions_back:
    case OP_last: break;
    case OP_edit:
        if (c->node->attr.given || c->node->attr.edit == EDIT_patch) break;
        return true;
    case OP_tap: /* of what the weights have, a row for each of theirs */
        if (operand(c, 0)->type.dim[0] > 0 && c->targets) return true;
        break;
    default: return true;
    }
    char found[SHAPE_TEXT];
    if (c->tokens && operand(c, 0)->type.dim[0] == c->graph->node[c->tokens].type.dim[0])
        return true;
    return verify_refuse(c, "operand 1 must have a row for each token, found %s",
                         shape_text(operand(c, 0)->type, found));
}

/* A sequence has one row of tokens, or one of what is given in their place, and one position. */
static bool verify_single(Check *c) {
    const Op op = c->node->op;
    uint32_t *seen = op == OP_tokens || op == OP_start ? &c->tokens
                     : op == OP_position               ? &c->position
                     : op == OP_targets                ? &c->targets
                                                       : NULL;
    if (!seen) return true;
    if (!*seen) return *seen = c->index, true;
    verify_refuse(c, "there is one already");
    diag_note(c->graph->diag, c->graph->node[*seen].loc, "here");
    return false;
}

/* ---- kernels ---- */

static bool can_be_root(Op op) {
    return op == OP_project || op == OP_read || op == OP_embed || op == OP_attend;
}

static bool is_computed(const Node *node) {
    const OpKind kind = ir_op_info[node->op].kind;
    return kind == KIND_VALUE || kind == KIND_STREAM;
}

/* What a kernel does with its rows before it multiplies them: the one member before its root. */
static bool is_prologue(const Check *c) {
    const Ref root = c->node->root;
    if (!ir_can_be_prologue(c->node) || root.index <= c->index || root.index >= c->graph->count)
        return false;
    const Node *node = ir_node(c->graph, root);
    return node->op == OP_project && ir_ref_is_none(node->root) &&
           ir_ref_equal(node->in[0], (Ref){c->index});
}

/* The scores of an attend, which it makes on its way. */
static bool is_own_scores(const Check *c, const Node *attend) {
    const Node *scores = c->node;
    const Attrs *a = &scores->attr, *b = &attend->attr;
    return scores->op == OP_scores && attend->op == OP_attend &&
           ir_ref_equal(scores->in[0], attend->in[0]) &&
           ir_ref_equal(scores->in[1], attend->in[1]) &&
           ir_ref_equal(scores->in[2], attend->in[3]) && a->heads == b->heads &&
           a->kv_heads == b->kv_heads && a->scale == b->scale && a->softcap == b->softcap &&
           a->window == b->window && a->causal == b->causal && a->alibi == b->alibi;
}

/* A member comes after its root, and continues what is computed in the kernel. */
static bool verify_member(const Check *c) {
    const Ref root = c->node->root;
    if (ir_ref_is_none(root)) return true;
    if (is_prologue(c)) return true;
    if (root.index >= c->index)
        return verify_refuse(c, "the root of its kernel must come before it");
    if (!is_computed(c->node))
        return verify_refuse(c, "only what is computed at run time is part of a kernel");
    const Node *node = ir_node(c->graph, root);
    if (!ir_ref_is_none(node->root) || !can_be_root(node->op))
        return verify_refuse(
            c, "its kernel must start with project, read, embed or attend, found '%s'",
            ir_op_info[node->op].name);
    if (is_own_scores(c, node)) return true;
    for (int k = 0; k < c->info->most; k++)
        if (!ir_ref_is_none(c->node->in[k]) &&
            ir_ref_equal(ir_root(c->graph, c->node->in[k]), root))
            return true;
    return verify_refuse(c, "it uses no value of the kernel that it is computed in");
}

/* What is seen of a ring is there until the call ends. */
static bool verify_ring(const Check *c, int k) {
    const int64_t rows = operand(c, k)->place.rows, window = c->node->attr.window;
    const bool is_attend = c->node->op == OP_attend || c->node->root.index;
    const bool has_window = is_attend && c->node->attr.causal && window > 0;
    if (rows < 1 || (has_window && window <= rows && rows - window + 1 >= c->graph->chunk))
        return true;
    return verify_refuse(c, "operand %d is a ring, of which %" PRId64 " rows are too few", k + 1,
                         rows);
}

/* What a kernel reads is computed by itself and by kernels that start before it. */
static bool verify_kernel_order(const Check *c) {
    const uint32_t kernel = ir_root(c->graph, (Ref){c->index}).index;
    for (int k = 0; k < c->info->most; k++) {
        if (ir_ref_is_none(c->node->in[k]) || !is_computed(operand(c, k))) continue;
        if (!verify_ring(c, k)) return false;
        if (ir_root(c->graph, c->node->in[k]).index > kernel)
            return verify_refuse(c, "operand %d is computed after the kernel has started", k + 1);
    }
    return true;
}

/* ---- memory ---- */

/* Whether rows * stride, and the last row to its end only, fit into so many floats. */
static bool fits(int64_t rows, int64_t stride, int64_t columns, int64_t floats) {
    return columns <= floats && (rows == 1 || rows - 1 <= (floats - columns) / stride);
}

/* Bytes and scales need less room than floats. */
static int64_t floats_of_row(const Node *node) {
    return node->op == OP_quantise ? format_value_words(node->attr.format, node->type.dim[1])
                                   : node->type.dim[1];
}

/* A tap's place is its columns in a row of the caller's buffer. */
static bool verify_tap_placement(const Check *c) {
    const int64_t offset = c->node->place.offset, stride = c->node->place.stride;
    const int64_t columns = c->node->type.dim[1];
    if (offset >= 0 && stride <= IR_MAX_ELEMENTS && columns <= stride && offset <= stride - columns)
        return true;
    return verify_refuse(c,
                         "its place must be %" PRId64
                         " floats of a row of the caller's buffer, found at "
                         "%" PRId64 " stride %" PRId64,
                         columns, offset, stride);
}

/* The memory of a cache is laid out as attention reads it; that of the result is the caller's. */
static bool verify_placement(const Check *c) {
    const Graph *graph = c->graph;
    const Type *type = &c->node->type;
    const int64_t offset = c->node->place.offset, stride = c->node->place.stride;
    const int64_t ring = c->node->place.rows;
    if (c->node->op == OP_tap) return verify_tap_placement(c);
    if (ring < 0 || ring > graph->context || (ring && c->node->op != OP_append))
        return verify_refuse(c, "no ring of a cache has %" PRId64 " rows", ring);
    if (offset == 0 && stride == 0) return true;
    if (!is_computed(c->node)) return verify_refuse(c, "it has no place in memory");
    const bool is_cache = c->node->op == OP_append, is_result = graph->result.index == c->index;
    const int64_t columns = floats_of_row(c->node),
                  rows = ring ? ring : largest(graph, type->dim[0]);
    const int64_t floats = is_cache    ? graph->cache_floats
                           : is_result ? IR_MAX_ELEMENTS
                                       : graph->arena_floats;
    if (offset < 0 || offset > floats || stride < 0 || stride > IR_MAX_ELEMENTS)
        return verify_refuse(c, "its place is out of range: at %" PRId64 " stride %" PRId64, offset,
                             stride);
    if (type->rank != 2) return true; /* no kernel computes it */
    if (!is_cache && stride < columns)
        return verify_refuse(c, "stride must be %" PRId64 " or more, found %" PRId64, columns,
                             stride);
    if (is_result || fits(rows, is_cache ? columns : stride, columns, floats - offset)) return true;
    return verify_refuse(c, "%" PRId64 " rows at %" PRId64 " do not fit into %" PRId64 " floats",
                         rows, offset, floats);
}

static bool verify_schedule(const Check *c) {
    const Schedule *s = &c->node->schedule;
    const int64_t numbers[] = {
#define SCHEDULE(name, text) s->name,
#include "ir/schedule.def"
#undef SCHEDULE
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i] < 0 || numbers[i] > IR_MAX_CONTEXT)
            return verify_refuse(c, "numbers of a schedule must be 0 to %d, found %" PRId64,
                                 IR_MAX_CONTEXT, numbers[i]);
    if (s->rows > SCHEDULE_MOST_ROWS || s->panels > SCHEDULE_MOST_PANELS)
        return verify_refuse(c, "a tile has at most %d rows and %d panels", SCHEDULE_MOST_ROWS,
                             SCHEDULE_MOST_PANELS);
    return true;
}

/* ---- the stream is a line ---- */

static bool find_writers(const Check *c) {
    const Graph *graph = c->graph;
    bool ok = true;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        const OpInfo *info = &ir_op_info[node->op];
        if (info->kind != KIND_STREAM) continue;
        uint32_t *writer = &c->writer[node->in[0].index];
        if (*writer) {
            ok = diag_error(graph->diag, node->loc,
                            "%s: operand 1, a state of the stream, is overwritten already",
                            info->name);
            diag_note(graph->diag, graph->node[*writer].loc, "here");
        }
        *writer = i;
    }
    return ok;
}

/* Whether a state is overwritten by the kernel of node i, or before it starts. */
static bool is_gone(const Check *c, Ref state, uint32_t i) {
    const uint32_t writer = c->writer[state.index];
    return writer && ir_root(c->graph, (Ref){i}).index >= ir_root(c->graph, (Ref){writer}).index;
}

static bool verify_stream(const Check *c) {
    const Graph *graph = c->graph;
    bool ok = find_writers(c);
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        for (int k = 0; k < ir_op_info[node->op].most; k++) {
            const Ref state = node->in[k];
            const uint32_t writer = c->writer[state.index];
            if ((writer == i && k == 0) || ir_ref_is_none(state) || !is_gone(c, state, i)) continue;
            ok = diag_error(graph->diag, node->loc,
                            "%s: operand %d is a state of the stream that has been overwritten",
                            ir_op_info[node->op].name, k + 1);
            diag_note(graph->diag, graph->node[writer].loc, "here");
        }
    }
    const uint32_t writer = c->writer[graph->result.index];
    if (writer)
        return diag_error(graph->diag, graph->node[writer].loc,
                          "%s: operand 1, the result of the graph, must not be overwritten",
                          ir_op_info[graph->node[writer].op].name);
    return ok;
}

/* ---- caches ---- */

typedef enum { READ_NOT = 0, READ_AS_KEYS = 1, READ_AS_VALUES = 2 } CacheUse;

/* How operand k is read, if it is a cache. */
static CacheUse cache_use(Op op, int k) {
    if ((op == OP_scores || op == OP_attend) && k == 1) return READ_AS_KEYS;
    const bool is_back = op == OP_attend_back_q || op == OP_attend_back_k || op == OP_attend_back_v;
    if (is_back && k == 2) return READ_AS_KEYS;
    if (is_back && k == 3) return READ_AS_VALUES;
    if ((op == OP_mix && k == 1) || (op == OP_attend && k == 2)) return READ_AS_VALUES;
    return READ_NOT;
}

/* Keys and values lie in memory each in their own way: a cache holds one of them. */
static bool verify_caches(Check *c) {
    uint8_t *use = ARENA_ARRAY(c->scratch, uint8_t, c->graph->count);
    for (c->index = 1; c->index < c->graph->count; c->index++) {
        c->node = &c->graph->node[c->index];
        c->info = &ir_op_info[c->node->op];
        for (int k = 0; k < c->info->most; k++) {
            const Ref ref = c->node->in[k];
            if (ir_ref_is_none(ref) || operand(c, k)->op != OP_append) continue;
            const CacheUse wanted = cache_use(c->node->op, k);
            if (wanted == READ_NOT)
                return verify_refuse(c, "operand %d is a cache: only attention reads it", k + 1);
            use[ref.index] |= (uint8_t)wanted;
            if (use[ref.index] != (uint8_t)wanted)
                return verify_refuse(c, "operand %d is a cache of both keys and values", k + 1);
        }
    }
    return true;
}

/* ---- names ---- */

/* Constants go by their own name, appends by that of their cache. */
static const char *name_of(const Node *node) {
    return node->op == OP_append ? node->attr.cache : node->name;
}

static bool verify_unique(const Graph *graph, uint32_t index, uint32_t *table, uint32_t mask) {
    const Node *node = &graph->node[index];
    const char *name = name_of(node);
    uint32_t slot = (uint32_t)hash_text(name) & mask;
    for (; table[slot]; slot = (slot + 1) & mask) {
        const Node *other = &graph->node[table[slot]];
        if ((other->op == OP_append) != (node->op == OP_append)) continue;
        if (strcmp(name_of(other), name) != 0) continue;
        diag_error(graph->diag, node->loc, "%s: the name '%.80s' is taken",
                   ir_op_info[node->op].name, name);
        diag_note(graph->diag, other->loc, "here");
        return false;
    }
    table[slot] = index;
    return true;
}

static bool verify_names(const Check *c) {
    const Graph *graph = c->graph;
    uint32_t mask = 63;
    bool ok = true;
    while (mask < 2 * graph->count) mask = 2 * mask + 1;
    uint32_t *table = ARENA_ARRAY(c->scratch, uint32_t, (size_t)mask + 1);
    for (uint32_t i = 1; i < graph->count; i++)
        if (name_of(&graph->node[i])) ok &= verify_unique(graph, i, table, mask);
    return ok;
}

static bool verify_name(const Check *c) {
    const char *name = c->node->name;
    if (!ir_is_constant(c->node)) return !name || verify_refuse(c, "only a constant has a name");
    if (verify_is_name(name)) return true;
    return verify_refuse(
        c, "a constant needs a name of letters, digits, '.', '_' and '-', found '%.80s'",
        name ? name : "");
}

/* ---- the whole ---- */

static bool uses_wrong(const Check *c) {
    for (int k = 0; k < c->info->most; k++)
        if (c->node->in[k].index < c->index && c->is_wrong[c->node->in[k].index]) return true;
    return false;
}

static bool verify_node(Check *c, uint32_t index) {
    c->index = index;
    c->node = &c->graph->node[index];
    c->info = &ir_op_info[c->node->op];
    if (uses_wrong(c)) return false;
    return verify_operands(c) && verify_name(c) && verify_attrs(c) && verify_type(c) &&
           verify_formats(c) && verify_single(c) && verify_rows(c) && verify_member(c) &&
           verify_kernel_order(c) && verify_placement(c) && verify_schedule(c);
}

static bool has_tap(const Graph *graph) {
    for (uint32_t i = 1; i < graph->count; i++)
        if (graph->node[i].op == OP_tap) return true;
    return false;
}

static bool verify_graph(const Graph *graph) {
    if (!shape_check_sizes(graph)) return false;
    if (!verify_is_name(graph->name))
        return diag_error(graph->diag, graph->loc,
                          "graph: its name must be of letters, digits, '.', '_' and '-'");
    if (graph->count - 1 > IR_MAX_NODES)
        return diag_error(graph->diag, graph->loc, "graph: %" PRIu32 " nodes: at most %d",
                          graph->count - 1, IR_MAX_NODES);
    if (graph->result.index >= graph->count || (ir_ref_is_none(graph->result) && !has_tap(graph)))
        return diag_error(graph->diag, graph->loc, "graph: it returns nothing");
    if (ir_ref_is_none(graph->result)) return true;
    const Node *result = ir_node(graph, graph->result);
    if (result->op == OP_tap)
        return diag_error(graph->diag, result->loc,
                          "tap: its value is the caller's: it cannot be the "
                          "result of the graph");
    if (result->op == OP_append)
        return diag_error(graph->diag, result->loc,
                          "append: its value is a cache: only attention reads it");
    return true;
}

static bool verify_nodes(Check *c) {
    bool ok = true;
    for (uint32_t i = 1; i < c->graph->count; i++) {
        c->is_wrong[i] = !verify_node(c, i);
        ok &= !c->is_wrong[i];
    }
    return ok;
}

bool ir_verify(const Graph *graph) {
    if (!verify_graph(graph)) return false;
    Arena *scratch = arena_create();
    Check check = {.graph = graph,
                   .scratch = scratch,
                   .is_wrong = ARENA_ARRAY(scratch, bool, graph->count),
                   .writer = ARENA_ARRAY(scratch, uint32_t, graph->count)};
    const bool ok = verify_nodes(&check) && verify_names(&check) && verify_stream(&check) &&
                    verify_caches(&check);
    arena_destroy(scratch);
    return ok;
}
