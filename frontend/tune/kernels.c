/* kernels.c - what may be tuned in a model. */
#include "frontend/tune/tune.h"
#include "passes/schedule_space.h"

#include <string.h>

static TuneKernel *find(TuneKernel *kernels, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(kernels[i].name, name) == 0) return &kernels[i];
    return NULL;
}

static void add_phase(const TuneModel *model, const Graph *graph, Phase phase, TuneKernel *kernels,
                      int *count) {
    const Machine *machine = &model->target->machine;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        const char *name = NULL;
        if (ir_ref_is_none(node->root)) name = tuning_kernel_name(graph, (Ref){i}, model->arena);
        if (!name) continue;
        TuneKernel *kernel = find(kernels, *count, name);
        if (!kernel) {
            kernel = &kernels[(*count)++];
            *kernel = (TuneKernel){.name = name, .phase = phase, .best = node->schedule};
            kernel->rule = schedule_rule(graph, node, machine);
            kernel->smallest = schedule_smallest(graph, node, machine);
            kernel->candidates =
                schedule_candidates(graph, node, machine, model->arena, &kernel->candidate);
        }
        kernel->count++;
    }
}

/* Half of the threads, a quarter, ... one. */
static void add_calls(const TuneModel *model, const Graph *graph, Phase phase, TuneKernel *kernels,
                      int *count) {
    TuneKernel *call = &kernels[*count];
    *call = (TuneKernel){.phase = phase, .is_call = true, .count = 1};
    call->name = tuning_call_name(graph, model->arena);
    call->candidate = ARENA_ARRAY(model->arena, Schedule, sizeof model->threads * 8);
    for (int threads = model->threads / 2; threads >= 1; threads /= 2)
        call->candidate[call->candidates++] = (Schedule){.threads = threads};
    *count += call->candidates > 0;
}

int tune_kernels(const TuneModel *model, TuneKernel **out) {
    const size_t most = (size_t)model->prefill->count + model->decode->count + 2;
    int count = 0;
    *out = ARENA_ARRAY(model->arena, TuneKernel, most);
    if (model->prefill_tokens) {
        add_calls(model, model->prefill, PHASE_PREFILL, *out, &count);
        add_phase(model, model->prefill, PHASE_PREFILL, *out, &count);
    }
    if (model->position >= 0) {
        add_calls(model, model->decode, PHASE_DECODE, *out, &count);
        add_phase(model, model->decode, PHASE_DECODE, *out, &count);
    }
    return count;
}
