#include "codegen/emit/scratch.h"

enum { LINE_FLOATS = 16 };

/* Where an array of so many floats begins, behind those before it. */
static int64_t take(int64_t *floats, int64_t count) {
    const int64_t at = *floats;
    *floats += round_up(count, LINE_FLOATS);
    return at;
}

/* Of a result: most that a call can have. */
static int64_t most_rows(const Kernel *kernel) {
    const int64_t rows = ir_node(kernel->graph, kernel->root)->type.dim[0];
    return rows < 0 ? ir_most_rows(kernel->graph) : rows;
}

/* Tiles of many rows read floats or pairs of bf16 as they lie, and bytes where products are of
 * bytes; all else is unpacked for them, a slice of the depth at a time. */
static int64_t unpacked_stride(const Kernel *kernel, int64_t panel) {
    const Node *root = ir_node(kernel->graph, kernel->root);
    const Node *x = ir_node(kernel->graph, root->in[0]);
    const bool is_rounded = x->op == OP_quantise;
    const WeightFormat read = is_rounded ? x->attr.format : FORMAT_f32;
    const int64_t depth = ir_node(kernel->graph, root->in[1])->type.dim[1];
    const int64_t slice = root->schedule.depth ? root->schedule.depth : depth;
    if (root->schedule.rows == 1 || root->attr.format == read) return 0;
    return layout_panel_words(read, round_up(slice, FORMAT_BLOCK), panel);
}

ProjectionScratch scratch_of_projection(const Kernel *kernel, const Machine *machine) {
    const Node *root = ir_node(kernel->graph, kernel->root);
    const Node *x = ir_node(kernel->graph, root->in[0]);
    const Schedule schedule = root->schedule;
    const int64_t panel = machine_panel(machine);
    const bool has_prologue = !ir_ref_is_none(kernel->prologue);
    ProjectionScratch s = {.unpacked_stride = unpacked_stride(kernel, panel)};
    s.sums_stride = (schedule.band ? schedule.band : schedule.panels) * panel;
    const int64_t depth = ir_node(kernel->graph, root->in[1])->type.dim[1];
    const int64_t row = x->op == OP_quantise ? format_value_words(x->attr.format, depth) : depth;
    s.row = take(&s.floats, has_prologue ? row : 0);
    s.scales = take(&s.floats, root->op == OP_read ? most_rows(kernel) : 0);
    s.sums = take(&s.floats, schedule.block * s.sums_stride);
    s.unpacked = take(&s.floats, schedule.panels * s.unpacked_stride);
    return s;
}

AttentionScratch scratch_of_attention(const Kernel *kernel, const Machine *machine) {
    const Node *root = ir_node(kernel->graph, kernel->root);
    const int64_t rows = root->schedule.rows;
    const int64_t head_dim = root->type.dim[1] / root->attr.heads;
    AttentionScratch s = {0};
    s.scores = take(&s.floats, rows * root->schedule.keys);
    s.sums = take(&s.floats, rows * round_up(head_dim, machine_panel(machine)));
    s.largest = take(&s.floats, rows);
    s.total = take(&s.floats, rows);
    return s;
}

int64_t scratch_floats(const Kernel *kernel, const Machine *machine) {
    switch (ir_node(kernel->graph, kernel->root)->op) {
    case OP_project:
    case OP_read: return scratch_of_projection(kernel, machine).floats;
    case OP_attend: return scratch_of_attention(kernel, machine).floats;
    default: return 0;
    }
}
