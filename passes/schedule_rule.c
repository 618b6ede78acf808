/* schedule_rule.c - register tiles and blocks by rule, from the shape of a kernel and the machine.
 *
 * A tile of R rows and V vectors of outputs keeps R V sums, V weights and an element of x in
 * registers: R V + V + 1 of them at most, but for one that is left free; of vectors that are
 * several registers many rows take a part at a time. Where there are 32, many rows take two panels
 * (V = 4) at a time: the same products need a quarter fewer instructions than with one, which shows
 * where a core is shared by two threads. One row takes several panels, so that sums do not wait for
 * one another. Rows that pass over a panel together are as many as fill half of the second cache:
 * panels come and go in the other half. Logits are mostly wanted of one row, and a tile computes
 * all of its rows: that of the head has few. Where a call has few rows, of several sequences, tiles
 * have as many that 8 or 16 of them are whole tiles.
 */
#include "passes/schedule_rule.h"

#include "ir/formats.h"

enum { VECTORS_OF_PANEL = 2, MOST_ROWS = 14, LAST_ROWS = 2, MOST_BLOCK = 512 };
enum { LINE_FLOATS = 16, MOST_DEPTH = 768, MOST_BYTES = 3072, BAND_FLOATS = 128 };

/* The rows of a tile of so many panels. */
static int64_t tile_rows(const Machine *machine, int64_t panels) {
    const int64_t vectors = panels * VECTORS_OF_PANEL;
    const int64_t rows = (machine->vector_registers - vectors - 2) / vectors;
    return rows < 2 ? 2 : rows < MOST_ROWS ? rows : MOST_ROWS; /* one row is a form of its own */
}

/* Rows of the tiles of a phase, of which there may be `most`. */
static int64_t choose_rows(const Graph *graph, int64_t most, bool is_last) {
    if (is_last && !graph->batch) return most > LAST_ROWS ? LAST_ROWS : most;
    if (!graph->batch || graph->batch > IR_FEW_ROWS) return most;
    int64_t rows = 2;
    while (2 * rows <= most) rows *= 2;
    return rows;
}

/* Slices of equal depth, of whole cache lines or blocks. The rows of a tile are read once for each
 * part of a vector, and are to stay in the first cache. */
static int64_t slice_depth(int64_t depth, WeightFormat format, const Machine *machine) {
    const int64_t unit = format == FORMAT_f32 ? LINE_FLOATS : FORMAT_BLOCK;
    const int64_t most = MOST_DEPTH / machine->vector_parts;
    const int64_t slices = (depth + most - 1) / most;
    return ((depth + slices - 1) / slices + unit - 1) / unit * unit;
}

/* One row leaves registers for several panels; weights in blocks need some for their scales. */
static int64_t panels_of_row(const Machine *machine, WeightFormat format) {
    const int64_t few = format == FORMAT_f32 ? 3 : 2;
    const int64_t panels = machine->vector_registers < 16   ? 1
                           : machine->vector_registers < 32 ? few
                                                            : 4;
    return (panels + machine->vector_parts - 1) / machine->vector_parts;
}

/* Products of bytes: each sum has a lane for the block under way, and one for all before it. */
static Schedule schedule_bytes(const Graph *graph, const Node *node, const Machine *machine) {
    const int64_t depth = ir_node(graph, node->in[1])->type.dim[1];
    if (node->type.dim[0] == 1)
        return (Schedule){.rows = 1, .panels = machine->vector_registers / 8, .block = 1};
    const bool is_last = node->type.dim[0] == IR_LOGIT_ROWS;
    const int64_t most =
        (machine->vector_registers - 2 * VECTORS_OF_PANEL - 4) / (2 * VECTORS_OF_PANEL);
    const int64_t rows = choose_rows(graph, most, is_last);
    const int64_t slices = (depth + MOST_BYTES - 1) / MOST_BYTES;
    const int64_t slice =
        ((depth + slices - 1) / slices + FORMAT_BLOCK - 1) / FORMAT_BLOCK * FORMAT_BLOCK;
    int64_t block = machine->l2_bytes / 2 / (format_value_words(FORMAT_q8, slice) * 4);
    if (block > MOST_BLOCK) block = MOST_BLOCK;
    return (Schedule){.rows = rows,
                      .panels = 1,
                      .block = block < rows ? rows : block / rows * rows,
                      .band = BAND_FLOATS / machine_panel(machine),
                      .depth = slice};
}

static Schedule schedule_projection(const Graph *graph, const Node *node, const Machine *machine) {
    const Node *x = ir_node(graph, node->in[0]);
    const bool has_many_registers = machine->vector_registers >= 32;
    int64_t depth = ir_node(graph, node->in[1])->type.dim[1];
    WeightFormat format = node->attr.format;
    if (x->op == OP_quantise && x->attr.format == FORMAT_q8)
        return schedule_bytes(graph, node, machine);
    if (x->op == OP_quantise) { /* pairs of bf16 are taken like floats */
        depth = format_value_words(FORMAT_bf16, depth);
        format = FORMAT_f32;
    }
    if (node->type.dim[0] == 1)
        return (Schedule){.rows = 1, .panels = panels_of_row(machine, format), .block = 1};
    const bool is_last = node->type.dim[0] == IR_LOGIT_ROWS;
    const bool is_few = graph->batch && graph->batch <= IR_FEW_ROWS;
    const bool has_two = (has_many_registers && !is_few) || (is_last && !graph->batch);
    const int64_t panels = has_two ? 2 : 1;
    const int64_t rows = choose_rows(graph, tile_rows(machine, panels), is_last);
    depth = slice_depth(depth, format, machine);
    int64_t block = machine->l2_bytes / 2 / (depth * (int64_t)sizeof(float));
    if (block > MOST_BLOCK) block = MOST_BLOCK;
    return (Schedule){.rows = rows,
                      .panels = panels,
                      .block = block < rows ? rows : block / rows * rows,
                      .band = BAND_FLOATS / machine_panel(machine),
                      .depth = depth};
}

/* One token: heads that share keys are the rows of a tile. */
static Schedule schedule_attention(const Node *node, const Machine *machine) {
    int64_t rows = tile_rows(machine, 1);
    const int64_t group = node->attr.heads / node->attr.kv_heads;
    if (node->type.dim[0] == 1)
        while (rows > group || group % rows) rows--;
    return (Schedule){.rows = rows, .keys = SCHEDULE_KEYS};
}

Schedule schedule_rule(const Graph *graph, const Node *node, const Machine *machine) {
    return node->op == OP_attend ? schedule_attention(node, machine)
                                 : schedule_projection(graph, node, machine);
}
