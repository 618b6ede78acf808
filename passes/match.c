#include "passes/match.h"

#include <string.h>

/* ---- uses ---- */

Users match_users(const Graph *graph, Arena *scratch) {
    Users users = {.graph = graph, .first = ARENA_ARRAY(scratch, uint32_t, graph->count + 2)};
    uint32_t *first = users.first; /* shifted by one while counting, and by two while summing */
    uint32_t total = 0;
    for (uint32_t i = 1; i < graph->count; i++)
        for (int k = 0; k < IR_MAX_INPUTS; k++)
            if (!ir_ref_is_none(graph->node[i].in[k]))
                first[graph->node[i].in[k].index + 1]++, total++;
    for (uint32_t i = 1; i <= graph->count; i++) first[i] += first[i - 1];
    users.user = ARENA_ARRAY(scratch, uint32_t, total + 1);
    uint32_t *next = ARENA_ARRAY(scratch, uint32_t, graph->count);
    memcpy(next, first, graph->count * sizeof *next);
    for (uint32_t i = 1; i < graph->count; i++)
        for (int k = 0; k < IR_MAX_INPUTS; k++)
            if (!ir_ref_is_none(graph->node[i].in[k]))
                users.user[next[graph->node[i].in[k].index]++] = i;
    users.overwriter = ARENA_ARRAY(scratch, uint32_t, graph->count);
    for (uint32_t i = 1; i < graph->count; i++)
        if (match_is_stream(&graph->node[i])) users.overwriter[graph->node[i].in[0].index] = i;
    return users;
}

uint32_t match_use_count(const Users *users, uint32_t index) {
    const uint32_t returns = users->graph->result.index == index;
    return users->first[index + 1] - users->first[index] + returns;
}

Ref match_single_user(const Users *users, Ref value) {
    const uint32_t first = users->first[value.index];
    if (match_use_count(users, value.index) != 1 || users->graph->result.index == value.index)
        return (Ref){0};
    return (Ref){users->user[first]};
}

Ref match_single_reader(const Users *users, Ref value) {
    Ref reader = {0};
    if (users->graph->result.index == value.index) return reader;
    for (uint32_t k = users->first[value.index]; k < users->first[value.index + 1]; k++) {
        if (users->graph->node[users->user[k]].op == OP_tap) continue;
        if (reader.index) return (Ref){0};
        reader.index = users->user[k];
    }
    return reader;
}

uint32_t match_overwriter(const Users *users, Ref value) {
    const uint32_t node = users->overwriter[value.index];
    return node ? ir_root(users->graph, (Ref){node}).index : users->graph->count;
}

bool match_is_replaceable_norm(const Users *users, uint32_t index, MatchReader *is_reader,
                               const void *context) {
    const Graph *graph = users->graph;
    const Node *norm = &graph->node[index];
    const uint32_t from = users->first[index], to = users->first[index + 1];
    if (norm->op != OP_norm || norm->attr.groups != 1 || !ir_ref_is_none(norm->root)) return false;
    if (from == to || graph->result.index == index) return false;
    const uint32_t overwriter = match_overwriter(users, norm->in[0]);
    for (uint32_t k = from; k < to; k++)
        if (users->user[k] > overwriter || !is_reader(context, users->user[k], (Ref){index}))
            return false;
    return true;
}

/* ---- kinds ---- */

bool match_is_stream(const Node *node) {
    return ir_op_info[node->op].kind == KIND_STREAM;
}

bool match_is_projection(const Node *node) {
    return node->op == OP_project || node->op == OP_read;
}

bool match_is_pointwise(const Node *node) {
    return node->op == OP_activate || node->op == OP_scale || node->op == OP_softcap ||
           node->op == OP_clip;
}

uint32_t *match_count_members(const Graph *graph, Arena *scratch) {
    uint32_t *members = ARENA_ARRAY(scratch, uint32_t, graph->count);
    for (uint32_t i = 1; i < graph->count; i++) members[graph->node[i].root.index]++;
    members[0] = 0;
    return members;
}

/* ---- formats ---- */

WeightFormat match_format(const Graph *graph, Ref matrix) {
    const Node *node = ir_node(graph, matrix);
    while (ir_is_constant(node) && !ir_ref_is_none(node->in[0])) node = ir_node(graph, node->in[0]);
    return node->op == OP_param ? node->attr.format : FORMAT_f32;
}

/* ---- parts ---- */

Parts match_parts(const Graph *graph, const Node *projection) {
    const Node *weight = ir_node(graph, projection->in[1]);
    Parts parts = {.count = 0};
    if (weight->op != OP_stack) {
        parts.count = 1;
        parts.from[1] = weight->type.dim[0];
        return parts;
    }
    for (int k = 0; k < IR_MAX_INPUTS && !ir_ref_is_none(weight->in[k]); k++) {
        const int64_t rows = ir_node(graph, weight->in[k])->type.dim[0];
        parts.from[k + 1] = parts.from[k] + rows;
        parts.count = k + 1;
    }
    return parts;
}

int match_part(const Parts *parts, const Node *slice) {
    for (int p = 0; p < parts->count; p++)
        if (slice->attr.from == parts->from[p] && slice->attr.to == parts->from[p + 1]) return p;
    return -1;
}

/* ---- changes ---- */

static void rename_one(Ref *ref, const Ref *to, uint32_t limit) {
    if (ref->index < limit && !ir_ref_is_none(to[ref->index])) *ref = to[ref->index];
}

void match_rename(Graph *graph, const Ref *to, uint32_t limit) {
    for (uint32_t i = 1; i < limit; i++) {
        Node *node = &graph->node[i];
        for (int k = 0; k < IR_MAX_INPUTS; k++) rename_one(&node->in[k], to, limit);
        rename_one(&node->root, to, limit);
    }
    rename_one(&graph->result, to, limit);
}

/* place[i] becomes the index of node i after the move. */
static uint32_t *new_places(const Graph *graph, const uint32_t *behind, uint32_t limit,
                            Arena *scratch) {
    uint32_t *place = ARENA_ARRAY(scratch, uint32_t, graph->count);
    uint32_t *first = ARENA_ARRAY(scratch, uint32_t, limit); /* lists of nodes behind each node */
    uint32_t *next = ARENA_ARRAY(scratch, uint32_t, graph->count);
    for (uint32_t i = graph->count - 1; i >= limit; i--) {
        next[i] = first[behind[i]];
        first[behind[i]] = i;
    }
    uint32_t kept = 0;
    for (uint32_t i = 1; i < limit; i++) {
        place[i] = ++kept;
        for (uint32_t k = first[i]; k; k = next[k]) place[k] = ++kept;
    }
    for (uint32_t k = first[0]; k; k = next[k]) place[k] = ++kept;
    return place;
}

void match_move(Graph *graph, const uint32_t *behind, uint32_t limit, Arena *scratch) {
    const uint32_t *place = new_places(graph, behind, limit, scratch);
    Node *old = ARENA_ARRAY(scratch, Node, graph->count);
    memcpy(old, graph->node, graph->count * sizeof *old);
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[place[i]];
        *node = old[i];
        for (int k = 0; k < IR_MAX_INPUTS; k++) node->in[k].index = place[node->in[k].index];
        node->root.index = place[node->root.index];
    }
    graph->result.index = place[graph->result.index];
}
