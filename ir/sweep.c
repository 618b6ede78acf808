/* sweep.c - drops what neither the result nor a tap needs, and puts the rest in order.
 *
 * The unit of the order is a kernel: a root with its members, or a node by itself. A unit comes
 * after everything its nodes read from outside; one that overwrites a state of the stream also
 * after everything else that reads the state. Units keep their order where these rules allow.
 */
#include "ir/ir.h"

#include <string.h>

typedef struct {
    uint32_t *at;
    size_t count, capacity;
    Arena *scratch;
} Stack;

typedef struct {
    Graph *graph;
    bool *is_live;
    uint32_t *member, *next_member; /* of a root: its first member; of a member: the next */
    uint32_t *first_user, *user;    /* users of node i: user[first_user[i] .. first_user[i+1]) */
    uint8_t *state;                 /* of a unit: 0 unseen, 1 begun, 2 done */
    uint32_t *place;                /* new index of a node; 0: not placed yet */
    Node *sorted;
    uint32_t count;
    Stack stack;
} Sweep;

static void push(Stack *stack, uint32_t value) {
    if (stack->count == stack->capacity) {
        const size_t capacity = stack->capacity ? stack->capacity * 2 : 256;
        uint32_t *grown = ARENA_ARRAY(stack->scratch, uint32_t, capacity);
        if (stack->count) memcpy(grown, stack->at, stack->count * sizeof *grown);
        stack->at = grown;
        stack->capacity = capacity;
    }
    stack->at[stack->count++] = value;
}

static const Node *node_at(const Sweep *s, uint32_t index) {
    return &s->graph->node[index];
}

static uint32_t unit_of(const Sweep *s, uint32_t index) {
    const uint32_t root = node_at(s, index)->root.index;
    return root ? root : index;
}

/* ---- what is needed ---- */

static void mark_live(Sweep *s, uint32_t index) {
    if (!index || s->is_live[index]) return;
    s->is_live[index] = true;
    push(&s->stack, index);
}

static void find_live(Sweep *s) {
    mark_live(s, s->graph->result.index);
    for (uint32_t i = 1; i < s->graph->count; i++)
        if (node_at(s, i)->op == OP_tap) mark_live(s, i);
    while (s->stack.count) {
        const Node *node = node_at(s, s->stack.at[--s->stack.count]);
        for (int k = 0; k < IR_MAX_INPUTS; k++) mark_live(s, node->in[k].index);
        mark_live(s, node->root.index);
    }
    for (uint32_t i = 1; i < s->graph->count; i++) s->graph->node[i].dead = !s->is_live[i];
}

static void list_members(Sweep *s) {
    for (uint32_t i = s->graph->count - 1; i > 0; i--) {
        const uint32_t root = node_at(s, i)->root.index;
        if (!s->is_live[i] || !root) continue;
        s->next_member[i] = s->member[root];
        s->member[root] = i;
    }
}

static void list_users(Sweep *s) {
    const uint32_t count = s->graph->count;
    for (uint32_t i = 1; i < count; i++)
        for (int k = 0; s->is_live[i] && k < IR_MAX_INPUTS; k++)
            s->first_user[node_at(s, i)->in[k].index + 1]++;
    for (uint32_t i = 0; i < count; i++) s->first_user[i + 1] += s->first_user[i];
    uint32_t *fill = ARENA_ARRAY(s->stack.scratch, uint32_t, count + 1);
    memcpy(fill, s->first_user, (count + 1) * sizeof *fill);
    for (uint32_t i = 1; i < count; i++)
        for (int k = 0; s->is_live[i] && k < IR_MAX_INPUTS; k++)
            s->user[fill[node_at(s, i)->in[k].index]++] = i;
}

/* ---- order ---- */

static void push_unit(Sweep *s, uint32_t index, uint32_t unit) {
    const uint32_t other = unit_of(s, index);
    if (other != unit && !s->state[other]) push(&s->stack, other);
}

/* Last needed first, so that the first operand is placed first. */
static void push_needs(Sweep *s, uint32_t index, uint32_t unit) {
    const Node *node = node_at(s, index);
    if (ir_op_info[node->op].kind == KIND_STREAM && node->in[0].index) {
        const uint32_t state = node->in[0].index;
        for (uint32_t u = s->first_user[state + 1]; u-- > s->first_user[state];)
            push_unit(s, s->user[u], unit);
    }
    for (int k = IR_MAX_INPUTS; k-- > 0;)
        if (node->in[k].index) push_unit(s, node->in[k].index, unit);
}

static bool is_ready(const Sweep *s, uint32_t index, uint32_t unit) {
    const Node *node = node_at(s, index);
    for (int k = 0; k < IR_MAX_INPUTS; k++) {
        const uint32_t operand = node->in[k].index;
        if (operand && unit_of(s, operand) == unit && !s->place[operand]) return false;
    }
    return true;
}

static void place(Sweep *s, uint32_t index) {
    s->place[index] = s->count;
    s->sorted[s->count++] = *node_at(s, index);
}

/* A root may read a member that prepares its operand: it comes first. */
static void place_unit(Sweep *s, uint32_t unit) {
    for (int k = 0; k < IR_MAX_INPUTS; k++) {
        const uint32_t operand = node_at(s, unit)->in[k].index;
        if (operand && unit_of(s, operand) == unit && !s->place[operand]) place(s, operand);
    }
    place(s, unit);
    for (bool is_more = true; is_more;) {
        is_more = false;
        for (uint32_t m = s->member[unit]; m; m = s->next_member[m]) {
            if (s->place[m] || !is_ready(s, m, unit)) continue;
            place(s, m);
            is_more = true;
        }
    }
}

static void visit(Sweep *s, uint32_t unit) {
    push(&s->stack, unit);
    while (s->stack.count) {
        const uint32_t top = s->stack.at[s->stack.count - 1];
        if (s->state[top] == 0) {
            s->state[top] = 1;
            for (uint32_t m = s->member[top]; m; m = s->next_member[m]) push_needs(s, m, top);
            push_needs(s, top, top);
            continue;
        }
        s->stack.count--;
        if (s->state[top] == 2) continue;
        s->state[top] = 2;
        place_unit(s, top);
    }
}

static void visit_all(Sweep *s, bool constants) {
    for (uint32_t i = 1; i < s->graph->count; i++)
        if (s->is_live[i] && ir_is_constant(node_at(s, i)) == constants && !s->state[unit_of(s, i)])
            visit(s, unit_of(s, i));
}

static void rename_all(Sweep *s) {
    Graph *graph = s->graph;
    for (uint32_t i = 1; i < s->count; i++) {
        Node *node = &s->sorted[i];
        for (int k = 0; k < IR_MAX_INPUTS; k++) node->in[k].index = s->place[node->in[k].index];
        node->root.index = s->place[node->root.index];
    }
    memcpy(graph->node, s->sorted, s->count * sizeof *graph->node);
    graph->count = s->count;
    graph->result.index = s->place[graph->result.index];
}

void ir_sweep(Graph *graph, Arena *scratch) {
    const size_t count = graph->count, edges = count * IR_MAX_INPUTS;
    Sweep s = {.graph = graph,
               .is_live = ARENA_ARRAY(scratch, bool, count),
               .member = ARENA_ARRAY(scratch, uint32_t, count),
               .next_member = ARENA_ARRAY(scratch, uint32_t, count),
               .first_user = ARENA_ARRAY(scratch, uint32_t, count + 1),
               .user = ARENA_ARRAY(scratch, uint32_t, edges),
               .state = ARENA_ARRAY(scratch, uint8_t, count),
               .place = ARENA_ARRAY(scratch, uint32_t, count),
               .sorted = ARENA_ARRAY(scratch, Node, count),
               .count = 1,
               .stack = {.scratch = scratch}};
    find_live(&s);
    list_members(&s);
    list_users(&s);
    visit_all(&s, true);
    visit_all(&s, false);
    rename_all(&s);
}
