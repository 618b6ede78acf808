#include "frontend/tune/programs.h"

#include "codegen/emit/module_names.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const TuneModel *model;
    const TuneKernel *kernels;
    int kernel_count;
    ChooseSchedule *choose;
    void *data;
    Arena *arena;
} Making;

static int find_kernel(const Making *m, const char *name) {
    for (int i = 0; name && i < m->kernel_count; i++)
        if (strcmp(m->kernels[i].name, name) == 0) return i;
    return -1;
}

/* Sets the schedules of a graph, and says of each of its roots which kernel it is. */
static CallKernel *choose_schedules(const Making *m, Graph *graph, int program) {
    CallKernel *of = ARENA_ARRAY(m->arena, CallKernel, graph->count);
    int *instances = ARENA_ARRAY(m->arena, int, (size_t)m->kernel_count + 1);
    for (int i = 0; i < m->kernel_count; i++) instances[i] = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        of[i] = (CallKernel){.kernel = -1};
        if (!ir_ref_is_none(graph->node[i].root)) continue;
        CallKernel *kernel = &of[i];
        kernel->kernel = find_kernel(m, tuning_kernel_name(graph, (Ref){i}, m->arena));
        if (kernel->kernel < 0) continue;
        kernel->instance = instances[kernel->kernel]++;
        graph->node[i].schedule =
            m->choose(m->data, kernel->kernel, kernel->instance, program, &kernel->choice);
    }
    return of;
}

static CallKernels in_order(const Making *m, const PhasePlan *phase, const CallKernel *of) {
    CallKernels call = {.count = phase->count};
    call.kernel = ARENA_ARRAY(m->arena, CallKernel, (size_t)phase->count + 1);
    for (int i = 0; i < phase->count; i++) call.kernel[i] = of[phase->kernel[i]->root.index];
    return call;
}

static const Plan *make_plan(const Making *m, Programs *programs, int number) {
    Graph *prefill = ir_graph_copy(m->model->prefill, m->arena);
    Graph *decode = ir_graph_copy(m->model->decode, m->arena);
    const CallKernel *of_prefill = choose_schedules(m, prefill, number);
    const CallKernel *of_decode = choose_schedules(m, decode, number);
    const Graph *const graph[PHASES] = {prefill, decode};
    const Plan *plan = plan_create(graph, layout_create(&m->model->target->machine, m->arena));
    if (!plan) return NULL;
    programs->call[number][PHASE_PREFILL] = in_order(m, &plan->prefill, of_prefill);
    programs->call[number][PHASE_DECODE] = in_order(m, &plan->decode, of_decode);
    return plan;
}

static bool make(const Making *m, Programs *programs, bool is_timed) {
    ModulePart part[MOST_PROGRAMS];
    for (int i = 0; i < programs->count; i++) {
        part[i] = (ModulePart){make_plan(m, programs, i), m->model->target};
        if (!part[i].plan) return false;
    }
    Diag *diag = m->model->diag;
    const ModuleOptions options = {.is_timed = is_timed};
    programs->module = module_create(part, programs->count, &options, diag);
    Bytes object;
    if (!programs->module || !module_object(programs->module, m->arena, &object, diag))
        return false;
    programs->jit = jit_create(object, diag);
    if (!programs->jit) return false;
    for (int i = 0; i < programs->count; i++) {
        const char *symbol = module_symbol(part[i].plan->name, i, m->arena);
        programs->program[i] = jit_program(programs->jit, symbol, diag);
        if (!programs->program[i]) return false;
    }
    return true;
}

Programs *programs_create(const TuneModel *model, const TuneKernel *kernels, int kernel_count,
                          int count, bool is_timed, ChooseSchedule *choose, void *data) {
    Arena *arena = arena_create();
    Programs *programs = ARENA_NEW(arena, Programs);
    *programs = (Programs){.count = count, .arena = arena};
    const Making m = {model, kernels, kernel_count, choose, data, arena};
    if (make(&m, programs, is_timed)) return programs;
    programs_destroy(programs);
    return NULL;
}

void programs_destroy(Programs *programs) {
    if (!programs) return;
    jit_destroy(programs->jit);
    module_destroy(programs->module);
    arena_destroy(programs->arena);
}
