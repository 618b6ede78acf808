#include "codegen/emit/emit_kernel.h"

KernelEmit emit_kernel_begin(Emit *e, const Kernel *kernel, const char *name) {
    const Node *root = ir_node(kernel->graph, kernel->root);
    VType types[FIRST_SLOT_ARGUMENT + MAX_SLOTS];
    for (int i = 0; i < SCRATCH_ARGUMENT; i++) types[i] = e->i64;
    for (int i = SCRATCH_ARGUMENT; i < FIRST_SLOT_ARGUMENT + kernel->slot_count; i++)
        types[i] = e->pointer;
    emit_function_begin(e, name, e->none, types, FIRST_SLOT_ARGUMENT + kernel->slot_count,
                        root->loc);
    KernelEmit k = {.e = e,
                    .kernel = kernel,
                    .thread = emit_argument(e, 0, "thread"),
                    .threads = emit_argument(e, 1, "threads"),
                    .rows = emit_argument(e, 2, "rows"),
                    .tokens = emit_argument(e, 3, "tokens"),
                    .position = emit_argument(e, 4, "position"),
                    .scratch = emit_argument(e, SCRATCH_ARGUMENT, "scratch")};
    emit_argument_is_private(e, SCRATCH_ARGUMENT);
    if (!kernel_asks_rows(kernel)) return k;
    k.frame = emit_slot(&k, (Ref){0}, FORM_VECTOR);
    k.row_table = emit_load_field(e, e->pointer, k.frame, (int64_t)offsetof(TwFrame, rows), "rows");
    return k;
}

Value emit_slot(KernelEmit *k, Ref ref, PackedForm form) {
    int slot = kernel_slot(k->kernel, ref, form);
    return LLVMGetParam(k->e->function, (unsigned)(FIRST_SLOT_ARGUMENT + slot));
}

int64_t emit_slot_stride(const KernelEmit *k, Ref ref) {
    return k->kernel->slot[kernel_slot(k->kernel, ref, FORM_VECTOR)].stride;
}

static int64_t ring_of(const KernelEmit *k, Ref append) {
    return k->kernel->slot[kernel_slot(k->kernel, append, FORM_VECTOR)].ring;
}

int64_t emit_cache_rows(const KernelEmit *k, Ref append) {
    const int64_t ring = ring_of(k, append);
    return ring ? ring : kernel_node(k, append)->attr.context;
}

Value emit_cache_row(const KernelEmit *k, Ref append, Value position) {
    const int64_t ring = ring_of(k, append);
    return ring ? emit_rem(k->e, position, emit_int(k->e, ring)) : position;
}

/* ---- rows of a batch ---- */

Value emit_row_at(KernelEmit *k, Value row) {
    enum { ROW_FLOATS = sizeof(TwRow) / sizeof(float) };
    return emit_at(k->e, k->row_table, emit_mul(k->e, row, emit_int(k->e, ROW_FLOATS)));
}

Value emit_row_field(KernelEmit *k, Value row, int64_t byte_offset) {
    return emit_load_field(k->e, k->e->i64, emit_row_at(k, row), byte_offset, "row");
}

Value emit_position(KernelEmit *k, Value row) {
    return k->frame ? EMIT_ROW(k, row, position) : emit_add(k->e, k->position, row);
}

Value emit_cache(KernelEmit *k, Ref append, Value row) {
    Value cache = emit_slot(k, append, FORM_VECTOR);
    return k->frame ? emit_at(k->e, cache, EMIT_ROW(k, row, caches)) : cache;
}
