#include "codegen/pack/layout.h"

#include "runtime/weights_file.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

Layout *layout_create(const Machine *machine, Arena *arena) {
    Layout *layout = ARENA_NEW(arena, Layout);
    *layout = (Layout){.arena = arena, .machine = *machine};
    return layout;
}

static bool same_groups(const PackedTensor *tensor, const PanelGroup *group, int count) {
    if (tensor->group_count != count) return false;
    for (int i = 0; i < count; i++) {
        const PanelGroup *a = &tensor->group[i], *b = &group[i];
        if (a->parts != b->parts || a->columns != b->columns || a->from[0] != b->from[0] ||
            (a->parts == 2 && a->from[1] != b->from[1]))
            return false;
    }
    return true;
}

/* Of what hash_constant() sees. */
static bool same_attrs(const Attrs *a, const Attrs *b) {
    return a->offset == b->offset && a->from == b->from && a->scale == b->scale &&
           a->original == b->original;
}

/* Whether two constants, maybe of different graphs, are made of the same params in the same way. */
static bool same_constant(const Graph *graph, const Node *a, const Graph *other, const Node *b) {
    if (a->op != b->op || strcmp(a->name, b->name) != 0 || !ir_type_equal(a->type, b->type) ||
        !same_attrs(&a->attr, &b->attr))
        return false;
    for (int k = 0; k < IR_MAX_INPUTS; k++) {
        if (ir_ref_is_none(a->in[k]) != ir_ref_is_none(b->in[k])) return false;
        if (!ir_ref_is_none(a->in[k]) &&
            !same_constant(graph, ir_node(graph, a->in[k]), other, ir_node(other, b->in[k])))
            return false;
    }
    return true;
}

static bool is_same(const PackedTensor *tensor, PackedForm form, WeightFormat format,
                    const Graph *graph, const Node *node, const PanelGroup *group,
                    int group_count) {
    const Node *other = ir_node(tensor->graph, tensor->constant);
    return tensor->form == form && tensor->format == format &&
           same_constant(graph, node, tensor->graph, other) &&
           same_groups(tensor, group, group_count);
}

static int64_t panel_count(const PanelGroup *group, int count) {
    int64_t panels = 0;
    for (int i = 0; i < count; i++) panels += group[i].panels;
    return panels;
}

int64_t layout_panel_words(WeightFormat format, int64_t depth, int64_t panel) {
    if (format == FORMAT_f32) return depth * panel;
    const int64_t blocks = (depth + FORMAT_BLOCK - 1) / FORMAT_BLOCK;
    const int64_t scales = format_has_blocks(format) ? panel / 2 : 0;
    return blocks * (FORMAT_BLOCK * format_bits(format) / 32 * panel + scales);
}

int64_t layout_row_scales(int64_t columns) {
    const int64_t blocks = round_up(columns, FORMAT_BLOCK) / FORMAT_BLOCK;
    return (blocks + 1) / 2;
}

int64_t layout_row_words(WeightFormat format, int64_t columns, int64_t panel) {
    if (!format_has_blocks(format)) return round_up(columns, panel) * format_bits(format) / 32;
    return layout_row_scales(columns) + round_up(columns, FORMAT_BLOCK) * format_bits(format) / 32;
}

static int64_t float_count(const Layout *layout, const PackedTensor *tensor) {
    const Node *node = ir_node(tensor->graph, tensor->constant);
    const int64_t panel = machine_panel(&layout->machine);
    const int64_t panels = panel_count(tensor->group, tensor->group_count);
    switch (tensor->form) {
    case FORM_PANELS: return panels * layout_panel_words(tensor->format, node->type.dim[1], panel);
    case FORM_PANEL_VECTOR: return panels * panel;
    case FORM_VECTOR: return round_up(node->type.dim[0], panel);
    case FORM_ROWS: break;
    }
    return node->type.dim[0] * layout_row_words(tensor->format, node->type.dim[1], panel);
}

/* Of what a tensor is made of; those that differ in other things only share a hash. */
static uint64_t hash_tensor(PackedForm form, const Node *node) {
    return XXH3_64bits_withSeed(node->name, strlen(node->name), form);
}

/* The first slot to look at; each is followed by the next one, the last by the first. */
static size_t first_slot(const Layout *layout, PackedForm form, const Node *node) {
    return hash_tensor(form, node) & (2 * (size_t)layout->capacity - 1);
}

static size_t next_slot(const Layout *layout, size_t slot) {
    return (slot + 1) & (2 * (size_t)layout->capacity - 1);
}

static void note_slot(Layout *layout, int index) {
    const PackedTensor *tensor = &layout->tensor[index];
    size_t slot = first_slot(layout, tensor->form, ir_node(tensor->graph, tensor->constant));
    while (layout->slot[slot] >= 0) slot = next_slot(layout, slot);
    layout->slot[slot] = index;
}

static void grow(Layout *layout) {
    layout->capacity = layout->capacity ? layout->capacity * 2 : 64;
    const size_t capacity = (size_t)layout->capacity;
    PackedTensor *grown = ARENA_ARRAY(layout->arena, PackedTensor, capacity);
    if (layout->count) memcpy(grown, layout->tensor, (size_t)layout->count * sizeof *grown);
    layout->tensor = grown;
    layout->slot = ARENA_ARRAY(layout->arena, int, 2 * capacity);
    for (size_t i = 0; i < 2 * capacity; i++) layout->slot[i] = -1;
    for (int i = 0; i < layout->count; i++) note_slot(layout, i);
}

int layout_add(Layout *layout, PackedForm form, WeightFormat format, const Graph *graph,
               Ref constant, const PanelGroup *group, int group_count) {
    const Node *node = ir_node(graph, constant);
    if (layout->count == layout->capacity) grow(layout);
    for (size_t slot = first_slot(layout, form, node); layout->slot[slot] >= 0;
         slot = next_slot(layout, slot)) {
        const int i = layout->slot[slot];
        if (is_same(&layout->tensor[i], form, format, graph, node, group, group_count)) return i;
    }
    PanelGroup *kept = NULL;
    if (group_count) {
        kept = ARENA_ARRAY(layout->arena, PanelGroup, (size_t)group_count);
        memcpy(kept, group, (size_t)group_count * sizeof *kept);
    }
    PackedTensor *tensor = &layout->tensor[layout->count];
    *tensor = (PackedTensor){form, format, graph, constant, kept, group_count, layout->floats, 0};
    tensor->floats = float_count(layout, tensor);
    layout->floats += round_up(tensor->floats, 16); /* 64 bytes */
    note_slot(layout, layout->count);
    return layout->count++;
}

/* ---- identity ---- */

/* Numbers that edits brought into constants. */
static void hash_edits(XXH3_state_t *state, const Node *node) {
    const Attrs *attr = &node->attr;
    if (node->op == OP_fill) XXH3_64bits_update(state, &attr->strength, sizeof attr->strength);
    if (node->op == OP_combine) XXH3_64bits_update(state, &attr->scale, sizeof attr->scale);
    if (node->op == OP_project_bias && attr->format != FORMAT_f32)
        XXH3_64bits_update(state, &attr->format, sizeof attr->format);
    if (attr->ranges)
        XXH3_64bits_update(state, attr->ranges->at,
                           (size_t)attr->ranges->count * sizeof *attr->ranges->at);
}

static void hash_constant(XXH3_state_t *state, const Graph *graph, Ref ref) {
    const Node *node = ir_node(graph, ref);
    const OpInfo *info = &ir_op_info[node->op];
    if (node->name) XXH3_64bits_update(state, node->name, strlen(node->name) + 1);
    XXH3_64bits_update(state, info->name, strlen(info->name) + 1);
    for (int i = 0; i < node->type.rank; i++)
        XXH3_64bits_update(state, &node->type.dim[i], sizeof node->type.dim[i]);
    XXH3_64bits_update(state, &node->attr.offset, sizeof node->attr.offset);
    if (node->op == OP_row_of) XXH3_64bits_update(state, &node->attr.from, sizeof node->attr.from);
    if (node->op == OP_position_scales) {
        XXH3_64bits_update(state, &node->attr.scale, sizeof node->attr.scale);
        XXH3_64bits_update(state, &node->attr.original, sizeof node->attr.original);
    }
    hash_edits(state, node);
    if (!ir_is_constant(node)) return;
    for (int k = 0; k < info->most; k++)
        if (!ir_ref_is_none(node->in[k])) hash_constant(state, graph, node->in[k]);
}

static void hash_groups(XXH3_state_t *state, const PackedTensor *tensor) {
    for (int i = 0; i < tensor->group_count; i++) {
        const PanelGroup *group = &tensor->group[i];
        const int64_t numbers[] = {group->parts, group->from[0],
                                   group->parts == 2 ? group->from[1] : 0, group->columns};
        XXH3_64bits_update(state, numbers, sizeof numbers);
    }
}

uint64_t layout_file_bytes(const Layout *layout) {
    return TW_WEIGHTS_DATA + (uint64_t)layout->floats * sizeof(float);
}

uint64_t layout_id(const Layout *layout) {
    XXH3_state_t *state = XXH3_createState();
    if (!state) return 0;
    XXH3_64bits_reset(state);
    const int64_t panel = machine_panel(&layout->machine);
    XXH3_64bits_update(state, &panel, sizeof panel);
    for (int i = 0; i < layout->count; i++) {
        const PackedTensor *tensor = &layout->tensor[i];
        const int64_t numbers[] = {(int64_t)tensor->form, (int64_t)tensor->format, tensor->offset,
                                   tensor->floats};
        XXH3_64bits_update(state, numbers, sizeof numbers);
        hash_constant(state, tensor->graph, tensor->constant);
        hash_groups(state, tensor);
    }
    uint64_t id = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return id;
}
