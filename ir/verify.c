/* verify.c - what must hold between any two passes, and of graph text before anything uses it. */
#include "ir/ir.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const int64_t most_elements = (int64_t)1 << 40;

typedef struct {
    const Graph *graph;
    uint32_t index;
    const Node *node;
    const OpInfo *info;
} Check;

#define REFUSE(check, ...) diag_error((check)->graph->diag, (check)->node->loc, __VA_ARGS__)

/* ---- operands ---- */

/* Bit k: operand k is of the weights. Of constants, all operands are. */
static unsigned constant_operands(Op op) {
    switch (op) {
    case OP_embed:
    case OP_add_positions: return 1u << 1;
    case OP_norm:
    case OP_project:
    case OP_read: return 1u << 1 | 1u << 2;
    case OP_write: return 1u << 2;
    default: return ir_op_info[op].kind == KIND_CONSTANT ? ~0u : 0;
    }
}

static bool verify_operand(const Check *c, int k) {
    const Ref operand = c->node->in[k];
    if (k >= c->info->most)
        return ir_ref_is_none(operand) || REFUSE(c, "%s: too many operands", c->info->name);
    if (ir_ref_is_none(operand))
        return k >= c->info->least || REFUSE(c, "%s: operand %d is missing", c->info->name, k + 1);
    if (operand.index >= c->index)
        return REFUSE(c, "%s: operand %d is not defined before its use", c->info->name, k + 1);
    const bool wants = constant_operands(c->node->op) >> k & 1;
    if (ir_is_constant(ir_node(c->graph, operand)) == wants) return true;
    return REFUSE(c, "%s: operand %d must be %s", c->info->name, k + 1,
                  wants ? "a constant" : "computed at run time, not a constant");
}

/* Operands of `stack` stand side by side: none is left out between two. */
static bool verify_operands(const Check *c) {
    bool is_over = false;
    for (int k = 0; k < IR_MAX_INPUTS; k++) {
        if (!verify_operand(c, k)) return false;
        if (c->node->op != OP_stack) continue;
        if (is_over && !ir_ref_is_none(c->node->in[k]))
            return REFUSE(c, "stack: operand %d is missing", k);
        is_over |= ir_ref_is_none(c->node->in[k]);
    }
    return true;
}

/* ---- attributes and types ---- */

static bool verify_attrs(const Check *c) {
    const Attrs *attr = &c->node->attr;
    const double reals[] = {attr->offset, attr->scale,  attr->carry, attr->softcap, attr->eps,
                            attr->base,   attr->factor, attr->low,   attr->high};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (!isfinite(reals[i])) return REFUSE(c, "%s: an attribute is not finite", c->info->name);
    if (attr->softcap < 0 || attr->eps < 0)
        return REFUSE(c, "%s: softcap and eps must not be negative", c->info->name);
    if (c->node->op == OP_softcap && !(attr->softcap > 0))
        return REFUSE(c, "softcap: softcap must be positive");
    if (c->node->op == OP_rope && !(attr->base > 0 && attr->factor > 0))
        return REFUSE(c, "rope: base and factor must be positive");
    if (c->node->op == OP_rope && attr->scaling == SCALING_llama3 &&
        !(attr->low > 0 && attr->high > attr->low && attr->original > 0))
        return REFUSE(c, "rope: llama3 needs 0 < low < high and the original context");
    return true;
}

static bool verify_size(const Check *c) {
    const Type *type = &c->node->type;
    int64_t elements = 1;
    if (type->rank < 1 || type->rank > IR_MAX_RANK)
        return REFUSE(c, "%s: has no type", c->info->name);
    for (int i = 0; i < type->rank; i++) {
        const int64_t dim = type->dim[i];
        const bool is_symbol = dim == IR_TOKENS || dim == IR_LOGIT_ROWS;
        if (is_symbol && (i || ir_is_constant(c->node)))
            return REFUSE(c, "%s: T and L count rows at run time", c->info->name);
        const int64_t size = is_symbol ? c->graph->chunk : dim;
        if (size < 1 || size > most_elements / elements)
            return REFUSE(c, "%s: a value of this size is out of range", c->info->name);
        elements *= size;
    }
    return true;
}

static bool verify_declared(const Check *c) {
    const Type *type = &c->node->type;
    if (c->node->op == OP_tokens)
        return (type->dtype == DTYPE_i32 && type->rank == 1 && type->dim[0] != IR_LOGIT_ROWS) ||
               REFUSE(c, "tokens: must be i32[T]");
    if (c->node->op == OP_position)
        return (type->dtype == DTYPE_i32 && type->rank == 1 && type->dim[0] == 1) ||
               REFUSE(c, "position: must be i32[1]");
    if (c->node->op == OP_sinusoid && type->rank != 2)
        return REFUSE(c, "sinusoid: must be f32[S, W]");
    return (type->dtype == DTYPE_f32 && type->rank <= 2) ||
           REFUSE(c, "%s: must be f32 with one or two dimensions", c->info->name);
}

static bool verify_type(const Check *c) {
    Type type = c->node->type;
    if (!c->info->infer) return verify_size(c) && verify_declared(c);
    if (!c->info->infer(c->graph, c->node, &type)) return false;
    if (!ir_type_equal(type, c->node->type))
        return REFUSE(c, "%s: the declared type is not the one its operands give", c->info->name);
    return verify_size(c);
}

/* ---- kernels, memory ---- */

static bool verify_root(const Check *c) {
    const Ref root = c->node->root;
    if (ir_ref_is_none(root)) return true;
    const OpKind kind = c->info->kind;
    if (root.index >= c->index || (kind != KIND_VALUE && kind != KIND_STREAM))
        return REFUSE(c, "%s: the root of its kernel must come before it", c->info->name);
    const Node *node = ir_node(c->graph, root);
    if (!ir_ref_is_none(node->root) || ir_op_info[node->op].kind != KIND_VALUE)
        return REFUSE(c, "%s: what it is computed in is not the root of a kernel", c->info->name);
    return true;
}

/* Everything a kernel reads is computed by kernels before it. */
static bool verify_kernel_order(const Check *c) {
    const uint32_t kernel = ir_root(c->graph, (Ref){c->index}).index;
    for (int k = 0; k < c->info->most; k++) {
        if (ir_ref_is_none(c->node->in[k])) continue;
        if (ir_root(c->graph, c->node->in[k]).index > kernel)
            return REFUSE(c, "%s: operand %d is computed after this kernel has begun",
                          c->info->name, k + 1);
    }
    return true;
}

static bool verify_placement(const Check *c) {
    const Placement place = c->node->place;
    const Schedule s = c->node->schedule;
    if (place.offset < 0 || place.stride < 0 || place.offset > most_elements ||
        place.stride > most_elements)
        return REFUSE(c, "%s: its place is out of range", c->info->name);
    if (s.rows < 0 || s.panels < 0 || s.block < 0 || s.keys < 0)
        return REFUSE(c, "%s: its schedule has a negative number", c->info->name);
    return true;
}

/* ---- the stream is a line ---- */

/* writer[i]: the op that overwrites state i, if there is one. */
static bool verify_stream(const Graph *graph, uint32_t *writer) {
    bool ok = true;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        if (ir_op_info[node->op].kind != KIND_STREAM) continue;
        if (writer[node->in[0].index])
            ok = diag_error(graph->diag, node->loc,
                            "%s: this state of the stream has been written to already",
                            ir_op_info[node->op].name);
        writer[node->in[0].index] = i;
    }
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        for (int k = 0; k < ir_op_info[node->op].most; k++) {
            const uint32_t over = writer[node->in[k].index];
            if (!over || (over == i && k == 0)) continue;
            if (ir_root(graph, (Ref){i}).index < ir_root(graph, (Ref){over}).index) continue;
            ok = diag_error(graph->diag, node->loc,
                            "%s: operand %d is a state of the stream that has been overwritten",
                            ir_op_info[node->op].name, k + 1);
            diag_note(graph->diag, graph->node[over].loc, "here");
        }
    }
    if (ok && writer[graph->result.index])
        return diag_error(graph->diag, graph->node[writer[graph->result.index]].loc,
                          "the result is overwritten");
    return ok;
}

/* ---- names ---- */

static uint64_t hash_name(const char *name) { /* FNV-1a */
    uint64_t hash = 14695981039346656037u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}

/* Constants by their own name, caches by that of the cache. */
static const char *name_of(const Node *node) {
    return node->op == OP_append ? node->attr.cache : node->name;
}

static bool verify_names(const Graph *graph, uint32_t *table, uint32_t mask) {
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        if (ir_is_constant(node) != (node->name != NULL))
            return diag_error(graph->diag, node->loc, "%s: constants have names, others have none",
                              ir_op_info[node->op].name);
        const char *name = name_of(node);
        if (!name) continue;
        uint32_t slot = (uint32_t)hash_name(name) & mask;
        for (; table[slot]; slot = (slot + 1) & mask) {
            const Node *other = &graph->node[table[slot]];
            if (ir_is_constant(other) != ir_is_constant(node)) continue;
            if (strcmp(name_of(other), name) != 0) continue;
            diag_error(graph->diag, node->loc, "'%.80s' is defined twice", name);
            diag_note(graph->diag, other->loc, "first here");
            return false;
        }
        table[slot] = i;
    }
    return true;
}

/* ---- the whole ---- */

static bool verify_node(const Graph *graph, uint32_t index) {
    const Node *node = &graph->node[index];
    const Check c = {graph, index, node, &ir_op_info[node->op]};
    return verify_operands(&c) && verify_attrs(&c) && verify_type(&c) && verify_root(&c) &&
           verify_kernel_order(&c) && verify_placement(&c);
}

static bool verify_graph(const Graph *graph) {
    const Loc nowhere = {0};
    if (graph->context < 1 || graph->context > IR_MAX_CONTEXT)
        return diag_error(graph->diag, nowhere, "graph @%s: context must be 1 to %d", graph->name,
                          IR_MAX_CONTEXT);
    if (graph->chunk < 1 || graph->chunk > graph->context)
        return diag_error(graph->diag, nowhere, "graph @%s: chunk must be 1 to the context",
                          graph->name);
    if (graph->arena_floats < 0 || graph->cache_floats < 0)
        return diag_error(graph->diag, nowhere, "graph @%s: memory must not be negative",
                          graph->name);
    if (ir_ref_is_none(graph->result) || graph->result.index >= graph->count)
        return diag_error(graph->diag, nowhere, "graph @%s returns nothing", graph->name);
    return true;
}

bool ir_verify(const Graph *graph) {
    if (!verify_graph(graph)) return false;
    bool ok = true;
    for (uint32_t i = 1; i < graph->count; i++) ok &= verify_node(graph, i);
    if (!ok) return false;
    Arena *scratch = arena_create();
    uint32_t mask = 63;
    while (mask < 2 * graph->count) mask = mask * 2 + 1;
    ok = verify_names(graph, ARENA_ARRAY(scratch, uint32_t, (size_t)mask + 1), mask) &&
         verify_stream(graph, ARENA_ARRAY(scratch, uint32_t, graph->count));
    arena_destroy(scratch);
    return ok;
}
