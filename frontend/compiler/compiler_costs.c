/* compiler_costs.c - what a call of the model costs, summed over its kernels. */
#include "frontend/compiler/compiler.h"

double compiler_cache_bytes(const Kernel *kernel, int64_t tokens, int64_t position) {
    const Node *root = ir_node(kernel->graph, kernel->root);
    if (root->op != OP_attend) return 0;
    int64_t seen = position + tokens;
    const int64_t window = root->attr.window ? root->attr.window + tokens - 1 : seen;
    if (seen > window) seen = window;
    const Node *keys = ir_node(kernel->graph, root->in[1]);
    const Node *values = ir_node(kernel->graph, root->in[2]);
    return 4 * (double)seen * (double)(keys->type.dim[1] + values->type.dim[1]);
}

bool compiler_costs(Thalweg *thalweg, int64_t tokens, int64_t position, ThalwegCosts *out) {
    if (!compiler_plan(thalweg)) return false;
    const int64_t context = thalweg->model->context;
    if (tokens < 1 || position < 0 || tokens > context || position > context - tokens)
        return diag_error(&thalweg->diag, (Loc){0},
                          "%lld tokens at position %lld do not fit the context of %lld",
                          (long long)tokens, (long long)position, (long long)context);
    const PhasePlan *phase = tokens == 1 ? &thalweg->plan->decode : &thalweg->plan->prefill;
    for (int i = 0; i < phase->count; i++) {
        const KernelCost cost = plan_cost(phase->kernel[i], tokens, position);
        out->weight_bytes += cost.weight_bytes;
        out->cache_bytes += compiler_cache_bytes(phase->kernel[i], tokens, position);
        out->operations += cost.operations;
        out->byte_operations += cost.byte_operations;
        out->pair_operations += cost.pair_operations;
    }
    return true;
}
