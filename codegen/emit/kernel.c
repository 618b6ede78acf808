#include "codegen/emit/kernel.h"

#include "runtime/abi.h"

#include <assert.h>
#include <string.h>

/* ---- memory ---- */

/* A slice of a buffer whose parts lie side by side needs no copy. */
static bool is_view(const Graph *graph, const Node *node) {
    if (node->op == OP_last) return ir_last_is_view(graph, node);
    if (node->op != OP_slice) return false;
    const Placement whole = ir_node(graph, node->in[0])->place;
    return whole.stride && node->place.stride == whole.stride &&
           node->place.offset >= whole.offset && node->place.offset < whole.offset + whole.stride;
}

bool kernel_is_free(const Graph *graph, Ref ref) {
    const Node *node = ir_node(graph, ref);
    const OpKind kind = ir_op_info[node->op].kind;
    return kind == KIND_LEAF || kind == KIND_CONSTANT ||
           (ir_ref_is_none(node->root) && is_view(graph, node) &&
            !ir_ref_equal(ref, graph->result));
}

/* A cache is laid out for how it is read: keys are operand 1 of an attend, values operand 2. The
 * first reader tells, and is near: no cache is read as both. */
static SlotKind cache_kind(const Graph *graph, Ref append) {
    for (uint32_t i = append.index + 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        if (node->op != OP_attend) continue;
        if (ir_ref_equal(node->in[1], append)) return SLOT_KEYS;
        if (ir_ref_equal(node->in[2], append)) return SLOT_VALUES;
    }
    return SLOT_KEYS;
}

/* Whether a value lies where the last L of T rows do: `last` itself, and states made from it. */
static bool lies_in_last(const Graph *graph, Ref ref) {
    const Node *node = ir_node(graph, ref);
    if (node->type.dim[0] != IR_LOGIT_ROWS) return false;
    while (ir_op_info[node->op].kind == KIND_STREAM) node = ir_node(graph, node->in[0]);
    return ir_last_is_view(graph, node);
}

static Slot memory_slot(const Graph *graph, Ref ref) {
    const Node *node = ir_node(graph, ref);
    Slot slot = {SLOT_ARENA, FORM_VECTOR, ref, .stride = node->place.stride};
    slot.offset = node->place.offset;
    slot.ring = node->place.rows;
    slot.is_last = lies_in_last(graph, ref) && !ir_ref_equal(ref, graph->result);
    if (node->op == OP_tap) {
        slot.kind = node->type.rank == 3 ? SLOT_TAP_BUFFER : SLOT_TAP;
        slot.offset = node->attr.number;
    }
    if (node->op == OP_tokens) slot.kind = SLOT_TOKENS;
    if (node->op == OP_start) slot.kind = SLOT_START, slot.stride = node->type.dim[1];
    if (node->op == OP_append) slot.kind = cache_kind(graph, ref);
    if (ir_ref_equal(ref, graph->result)) slot.kind = SLOT_LOGITS;
    return slot;
}

static int find_slot(const Kernel *kernel, Ref ref, PackedForm form) {
    for (int i = 0; i < kernel->slot_count; i++)
        if (ir_ref_equal(kernel->slot[i].ref, ref) && kernel->slot[i].form == form) return i;
    return -1;
}

static void add_slot(Kernel *kernel, Slot slot) {
    assert(kernel->slot_count < MAX_SLOTS);
    kernel->slot[kernel->slot_count++] = slot;
}

static void add_memory(Kernel *kernel, Ref ref) {
    if (ir_ref_is_none(ref) || ir_node(kernel->graph, ref)->op == OP_position) return;
    if (find_slot(kernel, ref, FORM_VECTOR) < 0) add_slot(kernel, memory_slot(kernel->graph, ref));
}

static void add_packed(Kernel *kernel, Layout *layout, PackedForm form, WeightFormat format,
                       Ref ref, const PanelGroup *group, int group_count) {
    if (ir_ref_is_none(ref) || find_slot(kernel, ref, form) >= 0) return;
    int index = layout_add(layout, form, format, kernel->graph, ref, group, group_count);
    add_slot(kernel, (Slot){SLOT_WEIGHTS, form, ref, .offset = layout->tensor[index].offset,
                            .format = format});
}

static void add_rope_table(Kernel *kernel, Layout *layout, Ref rope) {
    if (find_slot(kernel, rope, FORM_ROWS) >= 0) return;
    const int64_t offset =
        rope_tables_add(&layout->rope, kernel->graph, ir_node(kernel->graph, rope),
                        &layout->machine, layout->arena);
    add_slot(kernel, (Slot){SLOT_TABLES, FORM_ROWS, rope, .offset = offset});
}

/* Where the operand is, and what else is said at run time. */
static void add_edit(Kernel *kernel, Ref ref) {
    const Node *edit = ir_node(kernel->graph, ref);
    if (ir_ref_is_none(edit->in[1]) && !edit->attr.given) return;
    const int64_t floats = sizeof(TwEdit) / sizeof(float);
    add_slot(kernel, (Slot){SLOT_EDIT, FORM_ROWS, ref, .offset = edit->attr.number * floats});
}

bool kernel_asks_rows(const Kernel *kernel) {
    return find_slot(kernel, (Ref){0}, FORM_VECTOR) >= 0;
}

bool kernel_has_slot(const Kernel *kernel, Ref ref, PackedForm form) {
    return find_slot(kernel, ref, form) >= 0;
}

int kernel_slot(const Kernel *kernel, Ref ref, PackedForm form) {
    const int slot = find_slot(kernel, ref, form);
    assert(slot >= 0);
    return slot;
}

/* ---- groups of a projection ---- */

static OutputGroup *group_of(Kernel *kernel, Ref value) {
    for (int i = 0; i < kernel->group_count; i++)
        if (ir_ref_equal(kernel->group[i].value, value)) return &kernel->group[i];
    return NULL;
}

static OutputGroup *add_group(Kernel *kernel, Ref value, int64_t from, int64_t columns) {
    OutputGroup *group = &kernel->group[kernel->group_count++];
    *group = (OutputGroup){.value = value};
    group->panels = (PanelGroup){.parts = 1, .from = {from}, .columns = columns};
    return group;
}

static bool push(Chain *chain, Ref ref) {
    if (chain->count == MAX_CHAIN) return false;
    chain->node[chain->count++] = ref;
    return true;
}

static bool join_gate(Kernel *kernel, const Node *multiply, Ref ref) {
    OutputGroup *a = group_of(kernel, multiply->in[0]), *b = group_of(kernel, multiply->in[1]);
    if (!a || !b || a == b || a->panels.parts == 2 || b->panels.parts == 2) return false;
    if (a->heads.count || b->heads.count || a->panels.columns != b->panels.columns) return false;
    a->panels.parts = 2;
    a->panels.from[1] = b->panels.from[0];
    a->part[1] = b->part[0];
    a->gate = a->value = ref;
    OutputGroup *end = &kernel->group[--kernel->group_count];
    memmove(b, b + 1, (size_t)(end - b) * sizeof *b);
    return true;
}

static bool add_pointwise(Kernel *kernel, Ref operand, Ref ref) {
    OutputGroup *group = group_of(kernel, operand);
    if (!group || group->heads.count) return false;
    bool is_gated = group->panels.parts == 2;
    bool is_write = ir_op_info[ir_node(kernel->graph, ref)->op].kind == KIND_STREAM;
    group->value = ref;
    return push(is_gated || is_write || group->after.count ? &group->after : &group->part[0], ref);
}

static bool add_head_op(Kernel *kernel, const Node *node, Ref ref) {
    OutputGroup *group = group_of(kernel, node->in[0]);
    if (!group) return false;
    int64_t heads = node->op == OP_norm ? node->attr.groups : node->attr.heads;
    int64_t head_dim = group->panels.columns / heads;
    if (group->head_dim && group->head_dim != head_dim) return false;
    if (!group->heads.count) group->memory = group->value;
    group->head_dim = head_dim;
    group->value = ref;
    return push(&group->heads, ref);
}

/* Of whole heads, where they are in memory. */
static bool add_tap(Kernel *kernel, const Node *node, Ref ref) {
    OutputGroup *group = group_of(kernel, node->in[0]);
    if (!group) return false;
    const bool has_heads = group->heads.count > 0;
    if (has_heads && (node->attr.from % group->head_dim || node->attr.to % group->head_dim))
        return false;
    const bool is_after = group->panels.parts == 2 || group->after.count;
    return push(has_heads ? &group->heads : is_after ? &group->after : &group->part[0], ref);
}

static bool add_member(Kernel *kernel, Ref ref) {
    const Node *node = ir_node(kernel->graph, ref);
    switch (node->op) {
    case OP_slice:
        if (kernel->group_count == MAX_GROUPS) return false;
        add_group(kernel, ref, node->attr.from, node->attr.to - node->attr.from);
        return true;
    case OP_activate:
    case OP_scale:
    case OP_softcap:
    case OP_clip: return add_pointwise(kernel, node->in[0], ref);
    case OP_write:
    case OP_write_gated: return add_pointwise(kernel, node->in[1], ref);
    case OP_multiply: return join_gate(kernel, node, ref);
    case OP_tap: return add_tap(kernel, node, ref);
    case OP_norm:
    case OP_rope:
    case OP_scale_positions:
    case OP_append: return add_head_op(kernel, node, ref);
    default: return false;
    }
}

static int64_t greatest_common_divisor(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A stacked weight whose slices stay outside: its parts lie side by side, each padded to panels. */
static void split_by_stack(Kernel *kernel, const Node *weight) {
    int64_t from = 0;
    for (int i = 0; i < IR_MAX_INPUTS && !ir_ref_is_none(weight->in[i]); i++) {
        int64_t rows = ir_node(kernel->graph, weight->in[i])->type.dim[0];
        add_group(kernel, kernel->root, from, rows);
        from += rows;
    }
}

static void finish_groups(Kernel *kernel, const Machine *machine) {
    const int64_t panel = machine_panel(machine);
    for (int i = 0; i < kernel->group_count; i++) {
        OutputGroup *group = &kernel->group[i];
        const int64_t outputs = panel / group->panels.parts;
        group->panels.panels = round_up(group->panels.columns, outputs) / outputs;
        group->first_panel = kernel->panels;
        group->unit = 1;
        if (group->head_dim)
            group->unit = group->head_dim / greatest_common_divisor(group->head_dim, outputs);
        const Node *value = ir_node(kernel->graph, group->value);
        bool is_write = ir_op_info[value->op].kind == KIND_STREAM;
        if (!group->heads.count && !is_write) group->memory = group->value;
        kernel->panels += group->panels.panels;
    }
}

static bool no_kernel(const Kernel *kernel, Ref member) {
    const Node *node = ir_node(kernel->graph, member);
    const Node *root = ir_node(kernel->graph, kernel->root);
    return diag_error(kernel->graph->diag, node->loc, "no kernel computes '%s' inside '%s'",
                      ir_op_info[node->op].name, ir_op_info[root->op].name);
}

static bool form_groups(Kernel *kernel, const Machine *machine) {
    const Graph *graph = kernel->graph;
    const Node *weight = ir_node(graph, ir_node(graph, kernel->root)->in[1]);
    bool has_slices = false;
    for (int i = 1; i < kernel->node_count; i++)
        has_slices |= ir_node(graph, kernel->node[i])->op == OP_slice;
    if (!has_slices && kernel->node_count == 1 && weight->op == OP_stack)
        split_by_stack(kernel, weight);
    else if (!has_slices)
        add_group(kernel, kernel->root, 0, weight->type.dim[0]);
    for (int i = 1; i < kernel->node_count; i++)
        if (!add_member(kernel, kernel->node[i])) return no_kernel(kernel, kernel->node[i]);
    finish_groups(kernel, machine);
    return true;
}

/* ---- slots ---- */

static bool is_projection(const Node *node) {
    return node->op == OP_project || node->op == OP_read;
}

static bool has_slices(const Graph *graph, uint32_t root) {
    for (uint32_t i = root + 1; i < graph->count && graph->node[i].root.index == root; i++)
        if (graph->node[i].op == OP_slice) return true;
    return false;
}

/* Whether a product multiplies with the table as it is looked up, all of it together: a tied head.
 */
static bool has_product(const Graph *graph, const Node *lookup) {
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        if (is_projection(node) && ir_ref_equal(node->in[1], lookup->in[1]) &&
            node->attr.format == lookup->attr.format && !has_slices(graph, i))
            return true;
    }
    return false;
}

/* The panels of such a product serve the look-up as well. */
static void add_table(Kernel *kernel, Layout *layout, const Node *lookup) {
    const Ref table = lookup->in[1];
    const int64_t rows = ir_node(kernel->graph, table)->type.dim[0];
    const int64_t panel = machine_panel(&layout->machine);
    const PanelGroup all = {
        .parts = 1, .from = {0}, .columns = rows, .panels = round_up(rows, panel) / panel};
    if (lookup->op == OP_embed && has_product(kernel->graph, lookup))
        add_packed(kernel, layout, FORM_PANELS, lookup->attr.format, table, &all, 1);
    else
        add_packed(kernel, layout, FORM_ROWS, lookup->attr.format, table, NULL, 0);
}

/* In a batch. */
static bool asks_rows(const Node *node) {
    switch (node->op) {
    case OP_add_positions:
    case OP_scale_positions:
    case OP_rope:
    case OP_append:
    case OP_attend:
    case OP_pool:
    case OP_tap:
    case OP_last: return true;
    case OP_edit: return node->attr.given || !ir_ref_is_none(node->in[1]);
    default: return false;
    }
}

static void add_frame(Kernel *kernel, const Node *node) {
    if (kernel->graph->batch && asks_rows(node) && !kernel_asks_rows(kernel))
        add_slot(kernel, (Slot){SLOT_FRAME, FORM_VECTOR, .ref = {0}});
}

/* Memory, constants and the result of an op that is not a projection. */
static void add_op_slots(Kernel *kernel, Layout *layout, Ref ref) {
    const Node *node = ir_node(kernel->graph, ref);
    const bool has_table = node->op == OP_embed || node->op == OP_add_positions;
    for (int i = 0; i < ir_op_info[node->op].most; i++) {
        if (ir_ref_is_none(node->in[i])) continue;
        const Node *operand = ir_node(kernel->graph, node->in[i]);
        bool is_inside = ir_ref_equal(ir_root(kernel->graph, node->in[i]), kernel->root);
        if (node->op == OP_edit && i == 1) continue; /* add_edit() */
        if (ir_is_constant(operand) && has_table && i == 1)
            add_table(kernel, layout, node);
        else if (ir_is_constant(operand))
            add_packed(kernel, layout, FORM_VECTOR, FORMAT_f32, node->in[i], NULL, 0);
        else if (!is_inside)
            add_memory(kernel, node->in[i]);
    }
    if (node->op == OP_rope) add_rope_table(kernel, layout, ref);
    if (node->op == OP_edit) add_edit(kernel, ref);
    if (node->op == OP_append || node->op == OP_tap) add_memory(kernel, ref);
    add_frame(kernel, node);
}

static void add_projection_slots(Kernel *kernel, Layout *layout) {
    const Node *root = ir_node(kernel->graph, kernel->root);
    PanelGroup panels[MAX_GROUPS];
    for (int i = 0; i < kernel->group_count; i++) panels[i] = kernel->group[i].panels;
    add_packed(kernel, layout, FORM_PANELS, root->attr.format, root->in[1], panels,
               kernel->group_count);
    add_packed(kernel, layout, FORM_PANEL_VECTOR, FORMAT_f32, root->in[2], panels,
               kernel->group_count);
    if (ir_ref_is_none(kernel->prologue))
        add_memory(kernel, root->in[0]);
    else
        add_op_slots(kernel, layout, kernel->prologue);
    for (int i = 0; i < kernel->group_count; i++) add_memory(kernel, kernel->group[i].memory);
    for (int i = 1; i < kernel->node_count; i++) add_op_slots(kernel, layout, kernel->node[i]);
}

static bool collect_nodes(Kernel *kernel) {
    const Graph *graph = kernel->graph;
    kernel->node[kernel->node_count++] = kernel->root;
    const Ref first = ir_node(graph, kernel->root)->in[0];
    if (first.index < kernel->root.index && ir_ref_equal(ir_node(graph, first)->root, kernel->root))
        kernel->prologue = first;
    for (uint32_t i = kernel->root.index + 1; i < graph->count; i++) {
        if (!ir_ref_equal(graph->node[i].root, kernel->root)) break;
        if (kernel->node_count == MAX_KERNEL_NODES)
            return diag_error(graph->diag, graph->node[i].loc, "too many nodes in one kernel");
        kernel->node[kernel->node_count++] = (Ref){i};
    }
    return true;
}

/* The one op that joins a look-up; of an attend its scores, their softmax and what taps keep of
 * them. */
static bool is_member(const Kernel *kernel, Ref member) {
    const Node *node = ir_node(kernel->graph, member), *root = ir_node(kernel->graph, kernel->root);
    const Op operand = ir_node(kernel->graph, node->in[0])->op;
    if (root->op == OP_attend)
        return node->op == OP_scores || (node->op == OP_softmax && operand == OP_scores) ||
               (node->op == OP_tap && (operand == OP_scores || operand == OP_softmax));
    return root->op == OP_embed && node->op == OP_add_positions &&
           ir_ref_equal(node->in[0], kernel->root);
}

static bool check_root(const Graph *graph, const Node *root) {
    if (root->op == OP_scores || root->op == OP_softmax || root->op == OP_mix) {
        diag_error(graph->diag, root->loc, "'%s' has no kernel of its own",
                   ir_op_info[root->op].name);
        return diag_hint(graph->diag,
                         "attention is compiled as a whole: do not skip fuse-attention");
    }
    if (root->op != OP_attend ||
        ir_type_equal(ir_node(graph, root->in[1])->type, ir_node(graph, root->in[2])->type))
        return true;
    return diag_error(graph->diag, root->loc,
                      "no kernel attends with heads of values that are not as "
                      "wide as those of keys");
}

static bool form(Kernel *kernel, Layout *layout) {
    const Node *root = ir_node(kernel->graph, kernel->root);
    if (!check_root(kernel->graph, root) || !collect_nodes(kernel)) return false;
    if (is_projection(root)) {
        if (!form_groups(kernel, &layout->machine)) return false;
        add_projection_slots(kernel, layout);
        return true;
    }
    for (int i = 0; i < kernel->node_count; i++) {
        if (i && !is_member(kernel, kernel->node[i])) return no_kernel(kernel, kernel->node[i]);
        add_op_slots(kernel, layout, kernel->node[i]);
    }
    add_memory(kernel, kernel->root);
    return true;
}

static void *keep(const void *from, int count, size_t size, Arena *arena) {
    void *kept = arena_alloc(arena, (size_t)count, size);
    if (count) memcpy(kept, from, (size_t)count * size);
    return kept;
}

/* There may be very many, and few need as much room as one may. */
Kernel *kernel_form(const Graph *graph, Ref root, Layout *layout, Arena *arena) {
    Ref node[MAX_KERNEL_NODES];
    OutputGroup group[MAX_GROUPS];
    Slot slot[MAX_SLOTS];
    Kernel *kernel = ARENA_NEW(arena, Kernel);
    *kernel = (Kernel){.graph = graph, .root = root, .node = node, .group = group, .slot = slot};
    if (!form(kernel, layout)) return NULL;
    kernel->node = keep(node, kernel->node_count, sizeof *node, arena);
    kernel->group = keep(group, kernel->group_count, sizeof *group, arena);
    kernel->slot = keep(slot, kernel->slot_count, sizeof *slot, arena);
    return kernel;
}
