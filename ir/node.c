#include "ir/ir.h"

#include <assert.h>
#include <string.h>

Node *ir_node(const Graph *graph, Ref ref) {
    assert(ref.index > 0 && ref.index < graph->count);
    return &graph->node[ref.index];
}

bool ir_ref_is_none(Ref ref) {
    return ref.index == 0;
}

bool ir_ref_equal(Ref a, Ref b) {
    return a.index == b.index;
}

bool ir_type_equal(Type a, Type b) {
    if (a.dtype != b.dtype || a.rank != b.rank) return false;
    for (int i = 0; i < a.rank; i++)
        if (a.dim[i] != b.dim[i]) return false;
    return true;
}

bool ir_schedule_equal(Schedule a, Schedule b) {
    bool is_equal = true;
#define SCHEDULE(name, text) is_equal &= a.name == b.name;
#include "ir/schedule.def"
#undef SCHEDULE
    return is_equal;
}

bool ir_reals_equal(const Reals *a, const Reals *b) {
    if (a == b) return true;
    if (!a || !b || a->count != b->count) return false;
    for (int64_t i = 0; i < a->count; i++)
        if (a->at[i] != b->at[i]) return false;
    return true;
}

bool ir_can_be_prologue(const Node *node) {
    return node->op == OP_quantise || (node->op == OP_norm && node->attr.groups == 1);
}

bool ir_reads_norm(const Graph *graph, const Node *projection) {
    const Node *x = ir_node(graph, projection->in[0]);
    return projection->attr.kind != NORM_none ||
           (ir_can_be_prologue(x) && x->attr.kind != NORM_none);
}

Ref ir_root(const Graph *graph, Ref ref) {
    const Ref root = ir_node(graph, ref)->root;
    return ir_ref_is_none(root) ? ref : root;
}

uint32_t *ir_count_uses(const Graph *graph, Arena *scratch) {
    uint32_t *uses = ARENA_ARRAY(scratch, uint32_t, graph->count);
    for (uint32_t i = 1; i < graph->count; i++)
        for (int k = 0; k < IR_MAX_INPUTS; k++)
            if (!ir_ref_is_none(graph->node[i].in[k])) uses[graph->node[i].in[k].index]++;
    if (!ir_ref_is_none(graph->result)) uses[graph->result.index]++;
    return uses;
}

bool ir_is_operand(const Node *node) {
    static const char stem[] = IR_OPERAND_STEM;
    return node->op == OP_param && strncmp(node->name, stem, sizeof stem - 1) == 0;
}

int64_t ir_count_parameters(const Graph *graph) {
    int64_t parameters = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        int64_t values = node->op == OP_param && !ir_is_operand(node);
        for (int k = 0; k < node->type.rank && values; k++) values *= node->type.dim[k];
        parameters += values;
    }
    return parameters;
}
