#include "codegen/emit/kernel_shapes.h"

#include "ir/hash.h"

#include <string.h>

/* ---- equality ---- */

/* But for names, divisors and numbers of buffers, which code does not depend on: it finds what they
 * say through its slots. */
static bool same_attrs(const Node *a, const Node *b) {
#define DIFFER_REAL(name) (a->attr.name != b->attr.name)
#define DIFFER_INT(name)  (ATTR_##name != ATTR_number && a->attr.name != b->attr.name)
#define DIFFER_BOOL(name) (a->attr.name != b->attr.name)
#define DIFFER_NAME(name) false
#define DIFFER_REALS(name)                                                                         \
    (ATTR_##name != ATTR_divisors && !ir_reals_equal(a->attr.name, b->attr.name))
#define DIFFER_NormKind(name)     (a->attr.name != b->attr.name)
#define DIFFER_EditKind(name)     (a->attr.name != b->attr.name)
#define DIFFER_Activation(name)   (a->attr.name != b->attr.name)
#define DIFFER_PoolKind(name)     (a->attr.name != b->attr.name)
#define DIFFER_RopeStyle(name)    (a->attr.name != b->attr.name)
#define DIFFER_RopeScaling(name)  (a->attr.name != b->attr.name)
#define DIFFER_WeightFormat(name) (a->attr.name != b->attr.name)
#define ATTR(name, kind, initial)                                                                  \
    if (ir_op_info[a->op].attrs & IR_ATTR_BIT(name) && DIFFER_##kind(name)) return false;
#include "ir/attrs.def"
#undef ATTR
    return true;
}

static int position_of(const Kernel *kernel, Ref ref) {
    for (int i = 0; i < kernel->node_count; i++)
        if (ir_ref_equal(kernel->node[i], ref)) return i;
    return -1;
}

static int first_slot(const Kernel *kernel, Ref ref) {
    for (int i = 0; i < kernel->slot_count; i++)
        if (ir_ref_equal(kernel->slot[i].ref, ref)) return i;
    return -1;
}

/* Operands must be the same members, or come through the same slots. */
static bool same_operands(const Kernel *a, const Node *x, const Kernel *b, const Node *y) {
    for (int k = 0; k < ir_op_info[x->op].most; k++) {
        if (ir_ref_is_none(x->in[k]) != ir_ref_is_none(y->in[k])) return false;
        if (ir_ref_is_none(x->in[k])) continue;
        if (position_of(a, x->in[k]) != position_of(b, y->in[k])) return false;
        if (first_slot(a, x->in[k]) != first_slot(b, y->in[k])) return false;
        const Node *p = ir_node(a->graph, x->in[k]), *q = ir_node(b->graph, y->in[k]);
        if (!ir_type_equal(p->type, q->type)) return false;
    }
    return true;
}

static bool same_prologue(const Kernel *a, const Kernel *b) {
    if (ir_ref_is_none(a->prologue) || ir_ref_is_none(b->prologue))
        return ir_ref_equal(a->prologue, b->prologue);
    const Node *x = ir_node(a->graph, a->prologue), *y = ir_node(b->graph, b->prologue);
    return x->op == y->op && ir_type_equal(x->type, y->type) && same_attrs(x, y) &&
           same_operands(a, x, b, y);
}

bool kernel_is_same(const Kernel *a, const Kernel *b) {
    if (a->node_count != b->node_count || a->slot_count != b->slot_count ||
        a->group_count != b->group_count || a->own_heads != b->own_heads)
        return false;
    for (int i = 0; i < a->node_count; i++) {
        const Node *x = ir_node(a->graph, a->node[i]), *y = ir_node(b->graph, b->node[i]);
        if (x->op != y->op || !ir_type_equal(x->type, y->type) || !same_attrs(x, y) ||
            !ir_schedule_equal(x->schedule, y->schedule) || !same_operands(a, x, b, y))
            return false;
        if (x->op == OP_tap && x->place.offset != y->place.offset) return false;
    }
    if (!same_prologue(a, b)) return false;
    for (int i = 0; i < a->slot_count; i++) {
        const Slot *s = &a->slot[i], *t = &b->slot[i];
        if (s->kind != t->kind || s->form != t->form || s->stride != t->stride) return false;
        if (s->ring != t->ring) return false;
        if (position_of(a, s->ref) != position_of(b, t->ref)) return false;
    }
    for (int i = 0; i < a->group_count; i++) {
        const PanelGroup *p = &a->group[i].panels, *q = &b->group[i].panels;
        if (p->parts != q->parts || p->columns != q->columns || p->from[0] != q->from[0])
            return false;
    }
    return true;
}

/* ---- sets ---- */

KernelShapes kernel_shapes(Arena *arena) {
    return (KernelShapes){.arena = arena};
}

static uint64_t hash_type(uint64_t value, Type type) {
    for (int i = 0; i < type.rank; i++) value = hash_add(value, (uint64_t)type.dim[i]);
    return value;
}

/* Of what equal kernels have in common, as much as tells most others apart. */
static uint64_t hash(const Kernel *kernel) {
    uint64_t value = hash_begin;
    for (int i = 0; i < kernel->node_count; i++) {
        const Node *node = ir_node(kernel->graph, kernel->node[i]);
        const int64_t numbers[] = {(int64_t)node->op, (int64_t)node->attr.format, node->attr.window,
                                   node->schedule.rows, node->schedule.panels};
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
            value = hash_add(value, (uint64_t)numbers[k]);
        value = hash_type(value, node->type);
        for (int k = 0; k < ir_op_info[node->op].most; k++)
            if (!ir_ref_is_none(node->in[k]))
                value = hash_type(value, ir_node(kernel->graph, node->in[k])->type);
    }
    return hash_end(value);
}

/* The slot that holds the number of an equal kernel, or the free one where it belongs. */
static int *find(const KernelShapes *shapes, const Kernel *kernel) {
    const size_t mask = 2 * (size_t)shapes->capacity - 1;
    size_t at = hash(kernel) & mask;
    while (shapes->slot[at] >= 0 && !kernel_is_same(shapes->kernel[shapes->slot[at]], kernel))
        at = (at + 1) & mask;
    return &shapes->slot[at];
}

static void grow(KernelShapes *shapes) {
    shapes->capacity = shapes->capacity ? shapes->capacity * 2 : 32;
    const size_t capacity = (size_t)shapes->capacity;
    const Kernel **grown = ARENA_ARRAY(shapes->arena, const Kernel *, capacity);
    if (shapes->count) memcpy(grown, shapes->kernel, (size_t)shapes->count * sizeof *grown);
    shapes->kernel = grown;
    shapes->slot = ARENA_ARRAY(shapes->arena, int, 2 * capacity);
    for (size_t i = 0; i < 2 * capacity; i++) shapes->slot[i] = -1;
    for (int i = 0; i < shapes->count; i++) *find(shapes, grown[i]) = i;
}

int kernel_shapes_add(KernelShapes *shapes, const Kernel *kernel) {
    if (shapes->count == shapes->capacity) grow(shapes);
    int *slot = find(shapes, kernel);
    if (*slot < 0) {
        *slot = shapes->count;
        shapes->kernel[shapes->count++] = kernel;
    }
    return *slot;
}
