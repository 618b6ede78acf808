#include "passes/narrow.h"

#include "ir/positions.h"
#include "passes/select.h"

static bool has_one_user(const Narrowing *n, Ref value) {
    return match_use_count(n->users, value.index) == 1;
}

static int64_t count_columns(const Reals *columns) {
    int64_t count = 0;
    for (int64_t i = 0; i < columns->count; i += 2)
        count += (int64_t)columns->at[i + 1] - (int64_t)columns->at[i];
    return count;
}

/* Whether columns are whole units of so many each, none of them zero. */
static bool has_whole_units(const Reals *columns, int64_t unit) {
    for (int64_t i = 0; i < columns->count; i++)
        if (columns->at[i] < 0 || (int64_t)columns->at[i] % unit) return false;
    return true;
}

static int64_t width_of(const Narrowing *n, Ref value) {
    return ir_node(n->graph, value)->type.dim[1];
}

/* The type of a node whose operands or attributes have changed. */
static void infer(Narrowing *n, Ref ref) {
    Node *node = ir_node(n->graph, ref);
    ir_op_info[node->op].infer(n->graph, node, &node->type);
}

/* ---- columns ---- */

/* How many columns of a node belong together; 1 where any may leave. 0: none may. */
static int64_t unit_of(const Narrowing *n, Ref value) {
    const Node *node = ir_node(n->graph, value);
    const int64_t width = node->type.dim[1];
    switch (node->op) {
    case OP_project:
    case OP_activate:
    case OP_scale:
    case OP_softcap:
    case OP_clip:
    case OP_multiply: return 1;
    case OP_norm: return node->attr.groups > 1 ? width / node->attr.groups : 0;
    case OP_rope:
    case OP_scale_positions:
    case OP_append: return width / node->attr.heads;
    default: return 0;
    }
}

bool narrow_is_possible(const Narrowing *n, Ref value, const Reals *columns) {
    const Node *node = ir_node(n->graph, value);
    const int64_t unit = unit_of(n, value);
    if (select_is_all(columns, node->type.dim[1])) return true;
    if (!unit || !ir_ref_is_none(node->root) || !has_one_user(n, value)) return false;
    if (unit > 1 && !has_whole_units(columns, unit)) return false;
    if (node->op == OP_project) return true;
    return narrow_is_possible(n, node->in[0], columns) &&
           (node->op != OP_multiply || narrow_is_possible(n, node->in[1], columns));
}

static void select_rows(Narrowing *n, Ref value, int operand, const Reals *rows) {
    const Ref of = ir_node(n->graph, value)->in[operand];
    if (ir_ref_is_none(of)) return;
    const Ref made = select_constant(n->graph, n->names, OP_select_rows, of, rows, ".kept");
    ir_node(n->graph, value)->in[operand] = made;
}

void narrow_columns(Narrowing *n, Ref value, const Reals *columns) {
    const Node node = *ir_node(n->graph, value);
    const int64_t count = count_columns(columns), unit = unit_of(n, value);
    if (select_is_all(columns, node.type.dim[1])) return;
    if (node.op == OP_project) {
        select_rows(n, value, 1, columns);
        select_rows(n, value, 2, columns);
        infer(n, value);
        return;
    }
    narrow_columns(n, node.in[0], columns);
    if (node.op == OP_multiply) narrow_columns(n, node.in[1], columns);
    for (int k = 1; k < 3 && node.op == OP_norm; k++)
        if (!ir_ref_is_none(node.in[k]) && ir_node(n->graph, node.in[k])->type.dim[0] > unit)
            select_rows(n, value, k, columns);
    Node *narrowed = ir_node(n->graph, value);
    if (node.op == OP_norm) narrowed->attr.groups = count / unit;
    if (node.op == OP_rope || node.op == OP_scale_positions || node.op == OP_append)
        narrowed->attr.heads = count / unit;
    infer(n, value);
}

bool narrow_gives_zero(const Narrowing *n, Ref value) {
    const Node *node = ir_node(n->graph, value);
    switch (node->op) {
    case OP_project: return true;
    case OP_activate:
        return node->attr.activation != ACT_sigmoid && narrow_gives_zero(n, node->in[0]);
    case OP_scale:
    case OP_softcap:
    case OP_clip: return narrow_gives_zero(n, node->in[0]);
    case OP_multiply: return narrow_gives_zero(n, node->in[0]) || narrow_gives_zero(n, node->in[1]);
    default: return false;
    }
}

/* ---- attention ---- */

typedef struct {
    Ref scores, softmax;
} Weighing;

static Weighing weighing_of(const Narrowing *n, Ref mix) {
    Weighing w = {.softmax = ir_node(n->graph, mix)->in[0]};
    if (ir_node(n->graph, w.softmax)->op == OP_softmax)
        w.scores = ir_node(n->graph, w.softmax)->in[0];
    return w;
}

/* Columns of a value of all heads; of keys and values: of the groups whose heads stay. */
static const Reals *columns_of(const Narrowing *n, Ref value, const StayingHeads *heads,
                               int64_t groups) {
    const int64_t unit = width_of(n, value) / groups, shared = heads->heads / groups;
    Selection list = {0};
    for (int64_t g = 0; g < groups; g++) {
        bool stays = false;
        for (int64_t h = g * shared; h < (g + 1) * shared; h++) stays |= heads->stays[h];
        if (stays) select_add(&list, g * unit, (g + 1) * unit, n->graph->arena);
    }
    return select_end(&list, n->graph->arena);
}

bool narrow_attention_is_possible(const Narrowing *n, Ref mix, const StayingHeads *heads) {
    const Weighing w = weighing_of(n, mix);
    if (ir_ref_is_none(w.scores) || ir_node(n->graph, w.scores)->op != OP_scores) return false;
    const Node *scores = ir_node(n->graph, w.scores), *mixed = ir_node(n->graph, mix);
    if (!has_one_user(n, mix) || !has_one_user(n, w.softmax) || !has_one_user(n, w.scores))
        return false;
    const int64_t groups = mixed->attr.kv_heads;
    return scores->attr.heads == mixed->attr.heads && scores->attr.kv_heads == groups &&
           narrow_is_possible(n, scores->in[0],
                              columns_of(n, scores->in[0], heads, heads->heads)) &&
           narrow_is_possible(n, scores->in[1], columns_of(n, scores->in[1], heads, groups)) &&
           narrow_is_possible(n, mixed->in[1], columns_of(n, mixed->in[1], heads, groups));
}

/* Each head that stays keeps its slope. */
static const Reals *slopes_of(const Narrowing *n, const Attrs *attr, const StayingHeads *heads) {
    Arena *arena = n->graph->arena;
    Reals *slopes = ARENA_NEW(arena, Reals);
    *slopes = (Reals){.at = ARENA_ARRAY(arena, double, (size_t)heads->heads)};
    for (int64_t h = 0; h < heads->heads; h++)
        if (heads->stays[h]) slopes->at[slopes->count++] = positions_slope(attr, h);
    return slopes;
}

void narrow_attention(Narrowing *n, Ref mix, const StayingHeads *heads) {
    const Weighing w = weighing_of(n, mix);
    const Ref q = ir_node(n->graph, w.scores)->in[0], k = ir_node(n->graph, w.scores)->in[1];
    const Ref v = ir_node(n->graph, mix)->in[1];
    const int64_t groups = ir_node(n->graph, mix)->attr.kv_heads;
    int64_t kept = 0;
    narrow_columns(n, q, columns_of(n, q, heads, heads->heads));
    const Reals *keys = columns_of(n, k, heads, groups);
    narrow_columns(n, v, columns_of(n, v, heads, groups));
    narrow_columns(n, k, keys);
    for (int64_t h = 0; h < heads->heads; h++) kept += heads->stays[h];
    const int64_t kept_groups = ir_node(n->graph, k)->attr.heads;

    Node *scores = ir_node(n->graph, w.scores), *mixed = ir_node(n->graph, mix);
    if (scores->attr.alibi) scores->attr.slopes = slopes_of(n, &scores->attr, heads);
    scores->attr.heads = mixed->attr.heads = kept;
    scores->attr.kv_heads = mixed->attr.kv_heads = kept_groups;
    infer(n, w.scores);
    infer(n, w.softmax);
    infer(n, mix);
}

void narrow_fill_groups(const Node *mix, bool *stays) {
    const int64_t heads = mix->attr.heads, groups = mix->attr.kv_heads, shared = heads / groups;
    int64_t most = 0;
    for (int64_t g = 0; g < groups; g++) {
        int64_t count = 0;
        for (int64_t i = 0; i < shared; i++) count += stays[g * shared + i];
        if (count > most) most = count;
    }
    if (!most) stays[0] = true;
    for (int64_t g = 0; g < groups; g++) {
        int64_t count = 0;
        for (int64_t i = 0; i < shared; i++) count += stays[g * shared + i];
        for (int64_t i = 0; i < shared && count && count < most; i++) {
            count += !stays[g * shared + i];
            stays[g * shared + i] = true;
        }
    }
}
