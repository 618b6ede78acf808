/* fuse_write.c - add a projection to the stream while computing it.
 *
 *   %8 = project %7, @down                %8 = project %7, @down
 *   %9 = scale %8 {scale = 0.5} in %8 =>  %9 = scale %8 {scale = 0.5} in %8
 *   %10 = write %4, %9                    %10 = write %4, %9 in %8
 *
 * Saves a store and two loads of [T, W] and a wait of all threads for each branch. The write then
 * happens where the projection stands, into the memory of the state before it. Legal when
 *   - the branch is the last value of a projection's kernel, used by nothing else, and that kernel
 *     is one chain of pointwise ops, and their taps: no slices, gate or head ops, whose columns lie
 *     elsewhere;
 *   - the state (and a gated write's gate) is made before the projection;
 *   - every other reader of the state stands before the projection, and the projection itself does
 *     not read it: its columns are overwritten while other threads still read theirs.
 * Taps of the next state join, too. Rounding: none. Needs: fuse-epilogue before. Keeps: the order
 * and all types.
 */
#include "passes/match.h"
#include "passes/pass.h"

/* Where the computation of a node stands in the order of kernels. */
static uint32_t kernel_of(const Graph *graph, Ref ref) {
    return ir_root(graph, ref).index;
}

/* Whether nothing reads a value but the next of its chain; adds its taps in the kernel to *length.
 */
static bool is_in_chain(const Users *users, Ref value, Ref root, uint32_t *length) {
    const Graph *graph = users->graph;
    uint32_t readers = graph->result.index == value.index;
    for (uint32_t k = users->first[value.index]; k < users->first[value.index + 1]; k++) {
        const Node *user = &graph->node[users->user[k]];
        const bool is_tap = user->op == OP_tap && ir_ref_equal(user->root, root);
        *length += is_tap;
        readers += !is_tap;
    }
    return readers == 1;
}

/* The root of the chain "projection, pointwise, ..." that ends in `branch`; none: it is no such. */
static Ref chain_root(const Users *users, const uint32_t *members, Ref branch) {
    const Graph *graph = users->graph;
    const Ref root = ir_root(graph, branch);
    uint32_t length = 0;
    for (Ref at = branch; !ir_ref_equal(at, root); at = ir_node(graph, at)->in[0], length++) {
        const Node *node = ir_node(graph, at);
        if (!match_is_pointwise(node) || !ir_ref_equal(node->root, root)) return (Ref){0};
        if (!is_in_chain(users, at, root, &length)) return (Ref){0};
    }
    const bool is_chain = match_is_projection(ir_node(graph, root)) &&
                          is_in_chain(users, root, root, &length) && members[root.index] == length;
    return is_chain ? root : (Ref){0};
}

static bool is_read_later(const Users *users, Ref state, uint32_t write, uint32_t kernel) {
    for (uint32_t k = users->first[state.index]; k < users->first[state.index + 1]; k++) {
        const uint32_t user = users->user[k];
        if (user != write && kernel_of(users->graph, (Ref){user}) >= kernel) return true;
    }
    return users->graph->result.index == state.index;
}

/* The kernel that a write can join; none: there is no such. */
static Ref kernel_to_join(const Users *users, const uint32_t *members, uint32_t index) {
    const Graph *graph = users->graph;
    const Node *write = &graph->node[index];
    if (write->op != OP_write && write->op != OP_write_gated) return (Ref){0};
    if (!ir_ref_is_none(write->root) || members[index]) return (Ref){0};
    const Ref root = chain_root(users, members, write->in[1]);
    if (ir_ref_is_none(root)) return root;
    if (kernel_of(graph, write->in[0]) >= root.index) return (Ref){0};
    const Ref third = write->in[2]; /* a scale or a gate */
    if (!ir_ref_is_none(third) && !ir_is_constant(ir_node(graph, third)) &&
        kernel_of(graph, third) >= root.index)
        return (Ref){0};
    return is_read_later(users, write->in[0], index, root.index) ? (Ref){0} : root;
}

/* A state stays in registers for few of its taps; the others read it from memory. */
static void join_taps(const Users *users, uint32_t write, Ref root) {
    enum { MAX_TAPS = 4 };
    int taps = 0;
    for (uint32_t k = users->first[write]; k < users->first[write + 1] && taps < MAX_TAPS; k++) {
        Node *user = ir_node(users->graph, (Ref){users->user[k]});
        if (user->op != OP_tap || !ir_ref_is_none(user->root)) continue;
        user->root = root;
        taps++;
    }
}

bool pass_fuse_write(Graph *graph, PassContext *context) {
    const Users users = match_users(graph, context->scratch);
    uint32_t *members = match_count_members(graph, context->scratch);
    int fused = 0, writes = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        writes += graph->node[i].op == OP_write || graph->node[i].op == OP_write_gated;
        const Ref root = kernel_to_join(&users, members, i);
        if (ir_ref_is_none(root)) continue;
        graph->node[i].root = root;
        members[root.index]++;
        join_taps(&users, i, root);
        fused++;
    }
    snprintf(context->summary, sizeof context->summary,
             "%d of %d adds vanish into the projections before them", fused, writes);
    return true;
}
