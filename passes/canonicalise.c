/* canonicalise.c - share equal nodes, drop what has no effect.
 *
 *   %5 = norm %4, @gain {kind = rms}        %5 = norm %4, @gain {kind = rms}
 *   %6 = norm %4, @gain {kind = rms}   =>   %6 = project %5, @wq
 *   %7 = project %5, @wq                    %7 = project %5, @wk
 *   %8 = project %6, @wk
 *
 *   scale %x {scale = 1}, softcap %x {softcap = 0}, slice %x of all columns,
 *   norm %x {kind = none} without gain and bias   =>   %x
 *
 * Saves the computation of everything that is dropped. Legal when nobody would read a state of the
 * stream after it has been overwritten: what uses a dropped node uses the kept one from now on.
 * Never shared: appends, taps and stream operations (each changes memory), params, and what taps
 * alone read. Rounding: none. Needs: nothing; nodes that are part of a fused kernel are left alone.
 * Keeps: node order.
 */
#include "ir/hash.h"
#include "passes/match.h"
#include "passes/pass.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    Graph *graph;
    Users users;
    const uint32_t *members;
    uint32_t *last_read;  /* the last kernel of a user but the overwriter's; graph->count: result */
    uint32_t *overwriter; /* a kernel; graph->count: none */
    Ref *kept;            /* what stands for a dropped node */
    uint32_t *table;      /* nodes by hash, open addressing */
    uint32_t mask;
    int64_t shared, dropped;
} Canonical;

/* ---- equality ---- */

static bool same_name(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_attrs(const Node *a, const Node *b) {
#define SAME_REAL(x, y)         ((x) == (y))
#define SAME_INT(x, y)          ((x) == (y))
#define SAME_BOOL(x, y)         ((x) == (y))
#define SAME_NAME(x, y)         same_name((x), (y))
#define SAME_REALS(x, y)        ir_reals_equal((x), (y))
#define SAME_NormKind(x, y)     ((x) == (y))
#define SAME_EditKind(x, y)     ((x) == (y))
#define SAME_Activation(x, y)   ((x) == (y))
#define SAME_PoolKind(x, y)     ((x) == (y))
#define SAME_RopeStyle(x, y)    ((x) == (y))
#define SAME_RopeScaling(x, y)  ((x) == (y))
#define SAME_WeightFormat(x, y) ((x) == (y))
#define ATTR(name, kind, initial)                                                                  \
    if (!SAME_##kind(a->attr.name, b->attr.name)) return false;
#include "ir/attrs.def"
#undef ATTR
    return true;
}

static bool is_equal(const Node *a, const Node *b) {
    if (a->op != b->op || !ir_type_equal(a->type, b->type)) return false;
    for (int k = 0; k < IR_MAX_INPUTS; k++)
        if (!ir_ref_equal(a->in[k], b->in[k])) return false;
    return same_attrs(a, b);
}

static uint64_t hash(const Node *node) {
    uint64_t value = hash_add(hash_begin, (uint64_t)node->op);
    for (int k = 0; k < IR_MAX_INPUTS; k++) value = hash_add(value, node->in[k].index);
    value = hash_add(value, (uint64_t)node->attr.from);
    return hash_end(hash_add(value, (uint64_t)node->type.dim[0]));
}

/* ---- predicates ---- */

static bool is_in_kernel(const Canonical *c, uint32_t index) {
    return !ir_ref_is_none(c->graph->node[index].root) || c->members[index] > 0;
}

/* A tap sees what the model computes without it: what is made for taps alone stays theirs, so that
 * its equal is folded and fused as if they were not there. */
static bool is_for_taps(const Canonical *c, uint32_t index) {
    const uint32_t from = c->users.first[index], to = c->users.first[index + 1];
    for (uint32_t k = from; k < to; k++)
        if (c->graph->node[c->users.user[k]].op != OP_tap) return false;
    return from < to && c->graph->result.index != index;
}

static bool is_shareable(const Canonical *c, uint32_t index) {
    const Node *node = &c->graph->node[index];
    return node->op != OP_param && node->op != OP_append && node->op != OP_tap &&
           !match_is_stream(node) && !is_in_kernel(c, index) && !is_for_taps(c, index);
}

static bool has_no_effect(const Graph *graph, const Node *node) {
    switch (node->op) {
    case OP_scale: return node->attr.scale == 1;
    case OP_softcap: return node->attr.softcap == 0;
    case OP_slice: return ir_type_equal(node->type, ir_node(graph, node->in[0])->type);
    case OP_norm:
        return node->attr.kind == NORM_none && ir_ref_is_none(node->in[1]) &&
               ir_ref_is_none(node->in[2]);
    default: return false;
    }
}

/* Whether `kept` may also serve who reads `dropped`: all reads before the one that overwrites. */
static bool can_serve(const Canonical *c, uint32_t kept, uint32_t dropped) {
    const uint32_t none = c->graph->count;
    const uint32_t a = c->overwriter[kept], b = c->overwriter[dropped];
    if (a == none && b == none) return true;
    if (a != none && b != none) return false;
    const uint32_t read_a = c->last_read[kept], read_b = c->last_read[dropped];
    return (read_a > read_b ? read_a : read_b) < (a < b ? a : b);
}

/* ---- rewrite ---- */

static void replace(Canonical *c, uint32_t dropped, Ref kept) {
    const uint32_t k = kept.index;
    c->kept[dropped] = kept;
    if (c->last_read[dropped] > c->last_read[k]) c->last_read[k] = c->last_read[dropped];
    if (c->overwriter[dropped] < c->overwriter[k]) c->overwriter[k] = c->overwriter[dropped];
    c->graph->node[dropped].dead = true;
}

/* The slot of the table that holds an equal node, or the empty one where it belongs. */
static uint32_t *find_equal(Canonical *c, const Node *node) {
    uint32_t i = (uint32_t)hash(node) & c->mask;
    while (c->table[i] && !is_equal(&c->graph->node[c->table[i]], node)) i = (i + 1) & c->mask;
    return &c->table[i];
}

static void visit(Canonical *c, uint32_t index) {
    Node *node = &c->graph->node[index];
    for (int k = 0; k < IR_MAX_INPUTS; k++)
        if (c->kept[node->in[k].index].index) node->in[k] = c->kept[node->in[k].index];
    if (has_no_effect(c->graph, node) && !is_in_kernel(c, index) &&
        can_serve(c, node->in[0].index, index)) {
        replace(c, index, node->in[0]);
        c->dropped++;
        return;
    }
    if (!is_shareable(c, index)) return;
    uint32_t *slot = find_equal(c, node);
    if (*slot && can_serve(c, *slot, index)) {
        replace(c, index, (Ref){*slot});
        c->shared++;
    } else if (!*slot) {
        *slot = index;
    }
}

static uint32_t last_read(const Users *users, uint32_t index, uint32_t overwriter) {
    uint32_t last = 0;
    for (uint32_t k = users->first[index]; k < users->first[index + 1]; k++) {
        const uint32_t kernel = ir_root(users->graph, (Ref){users->user[k]}).index;
        if (kernel != overwriter && kernel > last) last = kernel;
    }
    return last;
}

static Canonical start(Graph *graph, Arena *scratch) {
    Canonical c = {.graph = graph, .users = match_users(graph, scratch), .mask = 63};
    while (c.mask < 2 * graph->count) c.mask = 2 * c.mask + 1;
    c.table = ARENA_ARRAY(scratch, uint32_t, (size_t)c.mask + 1);
    c.members = match_count_members(graph, scratch);
    c.kept = ARENA_ARRAY(scratch, Ref, graph->count);
    c.last_read = ARENA_ARRAY(scratch, uint32_t, graph->count);
    c.overwriter = ARENA_ARRAY(scratch, uint32_t, graph->count);
    for (uint32_t i = 1; i < graph->count; i++) {
        c.overwriter[i] = match_overwriter(&c.users, (Ref){i});
        c.last_read[i] = last_read(&c.users, i, c.overwriter[i]);
    }
    c.last_read[graph->result.index] = graph->count;
    return c;
}

bool pass_canonicalise(Graph *graph, PassContext *context) {
    Canonical c = start(graph, context->scratch);
    for (uint32_t i = 1; i < graph->count; i++) visit(&c, i);
    if (c.kept[graph->result.index].index) graph->result = c.kept[graph->result.index];

    const uint32_t before = graph->count;
    ir_sweep(graph, context->scratch);
    const int64_t unused = (int64_t)before - (int64_t)graph->count - c.shared - c.dropped;
    snprintf(context->summary, sizeof context->summary,
             "%" PRId64 " equal nodes shared, %" PRId64 " without effect and %" PRId64
             " unused dropped",
             c.shared, c.dropped, unused);
    return true;
}
