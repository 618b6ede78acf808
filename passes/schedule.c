/* schedule.c - choose register tiles and blocks for each kernel.
 *
 *   %7 = read %4, @up : f32[T, 3072] => %7 = read %4, @up : f32[T, 3072] with {rows = 14, ...}
 *
 * A tile of R rows and V vectors of outputs keeps R V sums, V weights and an element of x in
 * registers: R V + V + 1 of them at most, but for one that is left free. Many rows take one panel
 * (V = 2) at a time, so that each weight that is loaded serves as many rows as can be; one row
 * takes several, so that sums do not wait for one another. Rows that pass over a panel together are
 * as many as fill half of the second cache: panels come and go in the other half. Keeps: everything
 * else. The value of the graph does not depend on it.
 */
#include "passes/match.h"
#include "passes/pass.h"

enum { VECTORS_OF_PANEL = 2, MOST_ROWS = 14, MOST_BLOCK = 512, KEYS = 128 };

static int64_t tile_rows(const Machine *machine) {
    const int64_t rows = (machine->vector_registers - VECTORS_OF_PANEL - 2) / VECTORS_OF_PANEL;
    return rows < MOST_ROWS ? rows : MOST_ROWS;
}

static Schedule schedule_projection(const Graph *graph, const Node *node, const Machine *machine) {
    if (node->type.dim[0] == 1)
        return (Schedule){.rows = 1, .panels = machine->vector_registers >= 32 ? 4 : 3, .block = 1};
    const int64_t rows = tile_rows(machine), depth = ir_node(graph, node->in[1])->type.dim[1];
    int64_t block = machine->l2_bytes / 2 / (depth * (int64_t)sizeof(float));
    if (block > MOST_BLOCK) block = MOST_BLOCK;
    return (Schedule){
        .rows = rows, .panels = 1, .block = block < rows ? rows : block / rows * rows};
}

/* One token: heads that share keys are the rows of a tile. */
static Schedule schedule_attention(const Node *node, const Machine *machine) {
    int64_t rows = tile_rows(machine);
    const int64_t group = node->attr.heads / node->attr.kv_heads;
    if (node->type.dim[0] == 1)
        while (rows > group || group % rows) rows--;
    return (Schedule){.rows = rows, .keys = KEYS};
}

bool pass_schedule(Graph *graph, PassContext *context) {
    int scheduled = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        if (match_is_projection(node))
            node->schedule = schedule_projection(graph, node, context->machine);
        else if (node->op == OP_attend)
            node->schedule = schedule_attention(node, context->machine);
        else
            continue;
        scheduled++;
    }
    snprintf(context->summary, sizeof context->summary, "%d kernels in tiles of %lld rows",
             scheduled, (long long)tile_rows(context->machine));
    return true;
}
