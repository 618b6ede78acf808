/* place_buffers.c - give every value a place in one arena, the stream a place for all its states.
 *
 *   %9 = project %8, @o : f32[T, 64]      =>   %9 = project %8, @o : f32[T, 64] at 0 stride 64
 *   %10 = write %4, %9 : f32[T, 64]            %10 = write %4, %9 : f32[T, 64] at 51200 stride 64
 *
 * A value lives from the kernel that makes it to the last kernel that reads it or anything that
 * lies in its place: a state made by writing to it, a slice that is a view, a head op in its
 * kernel; in a graph of one token a read's values live during the attention that follows, too, so
 * that threads need not meet between. Two values that live during the same kernel never overlap.
 * Rows are padded to whole panels, and to strides that do not meet in the same cache sets. An
 * append's place is in the caches, where those that are seen through a window alone are rings; the
 * result lies in memory of the caller, at 0 of its own; a tap brings its place along.
 * Needs: to run after all passes that fuse, on the graph of a phase. Keeps: the order of kernels;
 * their members move to them.
 */
#include "ir/formats.h"
#include "passes/match.h"
#include "passes/pass.h"
#include "passes/schedule_rule.h"

#include <string.h>

enum { ALIGNMENT = 16 /* floats: a cache line */, TILE_ROWS = 16 };

typedef struct {
    uint32_t owner; /* the node whose memory a node lies in, itself or another; 0: none */
    uint32_t death; /* of an owner: the last kernel that touches it */
} Life;

/* A live value in the arena, in order of place. */
typedef struct {
    int64_t from, to;
    uint32_t death;
} Block;

typedef struct {
    Graph *graph;
    const Users *users;
    int64_t panel;
    Life *life;
    Block *block;
    uint32_t block_count;
    int64_t most, widest; /* floats of the arena; the longest stride */
    uint32_t placed;
} Placing;

static int64_t round_up(int64_t value, int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

static uint32_t kernel_of(const Placing *p, uint32_t index) {
    return ir_root(p->graph, (Ref){index}).index;
}

/* ---- who lies where ---- */

/* A slice of a stacked projection that is one of its parts. */
static bool is_part(const Placing *p, const Node *slice) {
    const Node *whole = ir_node(p->graph, slice->in[0]);
    if (!match_is_projection(whole) || !ir_ref_is_none(slice->root)) return false;
    if (ir_node(p->graph, whole->in[1])->op != OP_stack) return false;
    const Parts parts = match_parts(p->graph, whole);
    return match_part(&parts, slice) >= 0;
}

/* Members that find their operand in memory. */
static bool works_in_place(const Node *node) {
    return node->op == OP_norm || node->op == OP_rope || node->op == OP_scale_positions ||
           node->op == OP_append || node->op == OP_add_positions;
}

/* Whether the kernel that makes a value uses it up in registers. */
static bool is_in_registers(const Placing *p, uint32_t index) {
    const uint32_t kernel = kernel_of(p, index);
    for (uint32_t u = p->users->first[index]; u < p->users->first[index + 1]; u++) {
        const uint32_t user = p->users->user[u];
        const Node *node = &p->graph->node[user];
        if (kernel_of(p, user) == kernel && !works_in_place(node) && node->op != OP_tap)
            return true;
    }
    return false;
}

static uint32_t owner_of(const Placing *p, uint32_t index) {
    const Node *node = &p->graph->node[index];
    const OpKind kind = ir_op_info[node->op].kind;
    if (kind == KIND_LEAF || kind == KIND_CONSTANT) return 0;
    if (node->op == OP_append || node->op == OP_tap) return 0; /* caches, memory of the caller */
    if (node->type.rank == 3 && node->root.index) return 0;    /* an attend's scores, in scratch */
    const uint32_t operand = p->life[node->in[0].index].owner;
    if (kind == KIND_STREAM) return operand;
    if (index == p->graph->result.index) return index;
    if (ir_last_is_view(p->graph, node) || (node->op == OP_slice && is_part(p, node)))
        return operand;
    if (node->root.index && node->root.index < index && works_in_place(node)) return operand;
    return is_in_registers(p, index) ? 0 : index;
}

static void find_lives(Placing *p) {
    for (uint32_t i = 1; i < p->graph->count; i++) {
        const Node *node = &p->graph->node[i];
        const uint32_t kernel = kernel_of(p, i);
        p->life[i].owner = owner_of(p, i);
        p->life[i].death = kernel;
        const uint32_t owner = p->life[i].owner;
        if (owner && p->life[owner].death < kernel) p->life[owner].death = kernel;
        for (int k = 0; k < IR_MAX_INPUTS; k++) {
            const uint32_t read = p->life[node->in[k].index].owner;
            if (read && p->life[read].death < kernel) p->life[read].death = kernel;
        }
    }
}

/* A thread may attend to its own heads of one token while others still compute theirs: what the
 * kernel before attention touches lives on during attention. */
static void outlive_reads(Placing *p, Arena *scratch) {
    uint32_t *attend_of = ARENA_ARRAY(scratch, uint32_t, p->graph->count);
    memset(attend_of, 0, p->graph->count * sizeof *attend_of);
    for (uint32_t i = 1; i < p->graph->count; i++) {
        const Node *node = &p->graph->node[i];
        if (node->op == OP_attend && node->type.dim[0] == 1)
            attend_of[kernel_of(p, node->in[0].index)] = i;
    }
    for (uint32_t i = 1; i < p->graph->count; i++) {
        const uint32_t attend = attend_of[p->life[i].death];
        if (attend) p->life[i].death = attend;
    }
}

/* ---- strides ---- */

/* The parts of a stacked projection lie side by side, each from a whole panel on. */
static int64_t padded_columns(const Placing *p, const Node *node) {
    const bool is_split =
        match_is_projection(node) && ir_node(p->graph, node->in[1])->op == OP_stack;
    if (!is_split) return round_up(node->type.dim[1], p->panel);
    const Parts parts = match_parts(p->graph, node);
    int64_t columns = 0;
    for (int i = 0; i < parts.count; i++)
        columns += round_up(parts.from[i + 1] - parts.from[i], p->panel);
    return columns;
}

static int64_t stride_of(const Placing *p, uint32_t index) {
    const Node *node = &p->graph->node[index];
    const int64_t columns =
        node->op == OP_quantise
            ? round_up(format_value_words(node->attr.format, node->type.dim[1]), ALIGNMENT)
            : padded_columns(p, node);
    if (index == p->graph->result.index) return columns;
    return columns % (1024 / (int64_t)sizeof(float)) ? columns : columns + p->panel;
}

static int64_t part_offset(const Placing *p, const Node *slice) {
    const Parts parts = match_parts(p->graph, ir_node(p->graph, slice->in[0]));
    const int part = match_part(&parts, slice);
    int64_t offset = 0;
    for (int i = 0; i < part; i++) offset += round_up(parts.from[i + 1] - parts.from[i], p->panel);
    return offset;
}

/* ---- the arena ---- */

static void drop_dead(Placing *p, uint32_t kernel) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->block_count; i++)
        if (p->block[i].death >= kernel) p->block[kept++] = p->block[i];
    p->block_count = kept;
}

/* The lowest gap that is long enough. */
static int64_t allocate(Placing *p, int64_t floats, uint32_t death) {
    int64_t at = 0;
    uint32_t i = 0;
    for (; i < p->block_count && p->block[i].from - at < floats; i++) at = p->block[i].to;
    memmove(p->block + i + 1, p->block + i, (p->block_count - i) * sizeof *p->block);
    p->block[i] = (Block){at, at + floats, death};
    p->block_count++;
    if (at + floats > p->most) p->most = at + floats;
    return at;
}

static void place_owner(Placing *p, uint32_t index) {
    Node *node = &p->graph->node[index];
    const int64_t rows = node->type.dim[0] > 0 ? node->type.dim[0] : ir_most_rows(p->graph);
    node->place = (Placement){.stride = stride_of(p, index)};
    if (index == p->graph->result.index) return;
    if (node->place.stride > p->widest) p->widest = node->place.stride;
    drop_dead(p, kernel_of(p, index));
    node->place.offset =
        allocate(p, round_up(rows * node->place.stride, ALIGNMENT), p->life[index].death);
    p->placed++;
}

static bool is_value_cache(const Placing *p, uint32_t append) {
    for (uint32_t u = p->users->first[append]; u < p->users->first[append + 1]; u++) {
        const Node *user = &p->graph->node[p->users->user[u]];
        if (user->op == OP_attend && user->in[2].index == append) return true;
    }
    return false;
}

/* The rows of a ring that holds what a call and the windows before it see, in whole steps of the
 * softmax; 0: all positions are kept. The last chunk of tokens can so always be taken back. */
static int64_t ring_rows(const Placing *p, uint32_t append) {
    int64_t window = 0;
    for (uint32_t u = p->users->first[append]; u < p->users->first[append + 1]; u++) {
        const Node *user = &p->graph->node[p->users->user[u]];
        const bool is_attend = user->op == OP_attend || user->root.index; /* or scores inside one */
        if (!is_attend || !user->attr.causal || !user->attr.window) return 0;
        if (user->attr.window > window) window = user->attr.window;
    }
    if (!window) return 0;
    const int64_t rows = round_up(window - 1 + p->graph->chunk, SCHEDULE_KEYS);
    return rows < p->graph->context ? rows : 0;
}

/* Keys: a panel of positions for each column; values: a panel of columns for each position. */
static void place_cache(Placing *p, uint32_t index) {
    Node *node = &p->graph->node[index];
    const int64_t ring = ring_rows(p, index);
    const int64_t heads = node->attr.heads, rows = ring ? ring : node->attr.context;
    const int64_t dim = node->type.dim[1] / heads;
    const int64_t floats = is_value_cache(p, index) ? heads * rows * round_up(dim, p->panel)
                                                    : heads * round_up(rows, p->panel) * dim;
    node->place = (Placement){p->graph->cache_floats, node->type.dim[1], ring};
    p->graph->cache_floats += round_up(floats, ALIGNMENT);
}

static void place_node(Placing *p, uint32_t index) {
    Node *node = &p->graph->node[index];
    const uint32_t owner = p->life[index].owner;
    if (node->op == OP_tap) return;
    node->place = (Placement){0};
    if (node->op == OP_append) place_cache(p, index);
    if (!owner) return;
    if (owner == index) {
        place_owner(p, index);
        return;
    }
    node->place = ir_node(p->graph, node->in[0])->place;
    if (node->op == OP_slice) node->place.offset += part_offset(p, node);
}

bool pass_place_buffers(Graph *graph, PassContext *context) {
    ir_sweep(graph, context->scratch); /* lives are of kernels: members stand behind their root */
    const Users users = match_users(graph, context->scratch);
    Placing p = {.graph = graph, .users = &users, .panel = machine_panel(context->machine)};
    p.life = ARENA_ARRAY(context->scratch, Life, graph->count);
    p.block = ARENA_ARRAY(context->scratch, Block, graph->count);
    graph->cache_floats = 0;
    find_lives(&p);
    outlive_reads(&p, context->scratch);
    for (uint32_t i = 1; i < graph->count; i++) place_node(&p, i);
    /* A tile of rows may read past the last one. */
    graph->arena_floats = p.most + TILE_ROWS * p.widest;
    snprintf(context->summary, sizeof context->summary, "%u values in %.1f MB, caches of %.1f MB",
             p.placed, (double)graph->arena_floats * 4e-6, (double)graph->cache_floats * 4e-6);
    return true;
}
