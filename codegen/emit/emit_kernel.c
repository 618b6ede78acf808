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
