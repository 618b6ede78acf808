/* compiler_memory.c - what a model takes when it runs, held against what this machine has left.
 *
 * All of it is known from the plan, before anything is compiled or packed.
 */
#include "codegen/pack/pack.h"
#include "frontend/compiler/compiler.h"
#include "frontend/compiler/machine_memory.h"

#include <inttypes.h>

/* Below this a context is not taken for want of memory. */
enum { LEAST_CONTEXT = 256 };

/* ---- of a session ---- */

static void no_entry(const TwFrame *frame, int64_t thread, int64_t threads) {
    (void)frame, (void)thread, (void)threads;
}

uint64_t compiler_session_bytes(const Plan *plan, const TwSessionOptions *options) {
    const TwProgram program = {.abi_version = TW_ABI_VERSION,
                               .struct_bytes = sizeof program,
                               .vocab = plan->vocab,
                               .context = plan->prefill.graph->context,
                               .chunk = plan->prefill.graph->chunk,
                               .logits_stride = plan->logits_stride,
                               .arena_floats = plan->arena_floats,
                               .cache_floats = plan->cache_floats,
                               .prefill = no_entry,
                               .decode = no_entry,
                               .scratch_floats = plan->scratch_floats,
                               .outputs = plan_outputs(plan),
                               .tap_count = plan->prefill.tap_count,
                               .edit_count = plan->prefill.edit_count,
                               .table_floats = plan->layout->rope.floats,
                               .start_columns = plan->prefill.start_columns};
    return tw_session_bytes(&program, options);
}

/* ---- the plan ---- */

static ThalwegMemory measure(const Thalweg *thalweg, bool has_all_logits) {
    const Plan *plan = thalweg->plan;
    const Graph *graph = plan->prefill.graph;
    const int64_t word = sizeof(float), threads = compiler_threads(thalweg);
    const int64_t rows = has_all_logits && !plan->is_pooled ? graph->chunk : 1;
    const MachineMemory machine = machine_memory("/proc/self", "");
    ThalwegMemory memory = {.context = graph->context,
                            .weights = (int64_t)layout_file_bytes(plan->layout),
                            .caches = plan->cache_floats * word,
                            .tables = plan->layout->rope.floats * word,
                            .arena = plan->arena_floats * word,
                            .scratch = plan->scratch_floats * word * threads,
                            .logits = plan->logits_stride * word * rows,
                            .packing = pack_memory(plan->layout) * threads,
                            .available = machine.bytes,
                            .limit = machine.limit};
    const int64_t session =
        memory.caches + memory.tables + memory.arena + memory.scratch + memory.logits;
    memory.all = memory.weights + (session > memory.packing ? session : memory.packing);
    return memory;
}

bool compiler_memory(Thalweg *thalweg, bool has_all_logits, ThalwegMemory *out) {
    if (!compiler_plan(thalweg)) return false;
    *out = measure(thalweg, has_all_logits);
    return true;
}

/* ---- a context that fits ---- */

/* What is there to be taken without being asked: others want some, too, and so do compiler and
 * threads. */
static bool fits_well(const ThalwegMemory *memory) {
    return memory->all <= memory->available - memory->available / 8;
}

/* Where caches would grow with each position. */
static double bytes_at(const ThalwegMemory *memory, int64_t context) {
    const double growing = (double)(memory->caches + memory->tables);
    return (double)memory->all - growing * (1 - (double)context / (double)memory->context);
}

/* As if the context had been described; what was said of it stands already. */
static bool change_context(Thalweg *thalweg, int64_t context) {
    const Diag before = thalweg->diag;
    thalweg->plan = NULL;
    thalweg->step[STEP_passes] = thalweg->step[STEP_plan] = NOT_TAKEN;
    if (!compiler_set_context(thalweg, context) || !compiler_plan(thalweg)) return false;
    thalweg->diag = before;
    if (before.last) before.last->next = NULL;
    return true;
}

/* Halves of the model's own context, so that what is compiled and kept is the same from day to
 * day. */
bool compiler_choose_context(Thalweg *thalweg, bool has_all_logits) {
    if (!compiler_plan(thalweg)) return false;
    const int64_t own = thalweg->model->context;
    if (thalweg->options.context || !thalweg->target->is_host) return true;
    if (thalweg->module || thalweg->program) return true;
    const ThalwegMemory whole = measure(thalweg, has_all_logits);
    if (fits_well(&whole)) return true;
    for (int64_t context = own / 2; context >= LEAST_CONTEXT; context /= 2) {
        if (bytes_at(&whole, context) > (double)whole.available) continue;
        if (!change_context(thalweg, context)) return false;
        const ThalwegMemory memory = measure(thalweg, has_all_logits);
        if (!fits_well(&memory)) continue;
        diag_note(
            &thalweg->diag, (Loc){0},
            "the context is %" PRId64 ", not the model's own %" PRId64 ", with which it would "
            "take %.1f GB: there are %.1f GB %s; --context says another",
            context, own, (double)whole.all * 1e-9, (double)whole.available * 1e-9, whole.limit);
        return true;
    }
    return own == thalweg->model->context || change_context(thalweg, own);
}

/* ---- what cannot be ---- */

/* The longest context that fits, in whole steps; 0: none. */
static int64_t longest_context(const ThalwegMemory *memory) {
    int64_t context = memory->context / LEAST_CONTEXT * LEAST_CONTEXT;
    if (context == memory->context) context -= LEAST_CONTEXT;
    const double least = bytes_at(memory, 0), room = (double)memory->available - least;
    const double growing = (double)memory->all - least;
    if (room <= 0 || growing <= 0) return 0;
    const double most = room / growing * (double)memory->context;
    if (most < (double)context) context = (int64_t)most / LEAST_CONTEXT * LEAST_CONTEXT;
    return context;
}

/* Whether there is something to be gained where weights are rounded to fewer bits. */
static bool has_wide_weights(const Thalweg *thalweg, const ThalwegMemory *memory) {
    const Graph *graph = thalweg->described;
    if (memory->weights < memory->all / 4) return false;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        if (node->op == OP_param && node->type.rank == 2 && node->attr.format != FORMAT_q4)
            return true;
    }
    return false;
}

static bool refuse(Thalweg *thalweg, const ThalwegMemory *memory) {
    const int64_t context = longest_context(memory);
    const int64_t rest = memory->all - memory->weights - memory->caches - memory->tables;
    diag_error(
        &thalweg->diag, (Loc){0},
        "'%s' takes %.2f GB, and there are %.2f GB %s: %.2f GB of packed weights, %.2f GB of "
        "caches and tables for a context of %" PRId64 ", and %.2f GB beside them",
        thalweg->model->name, (double)memory->all * 1e-9, (double)memory->available * 1e-9,
        memory->limit, (double)memory->weights * 1e-9,
        (double)(memory->caches + memory->tables) * 1e-9, memory->context, (double)rest * 1e-9);
    const bool is_wide = has_wide_weights(thalweg, memory);
    if (context)
        return diag_hint(&thalweg->diag, "`--context %" PRId64 "` fits%s", context,
                         is_wide ? "; or `--weights-type q4` takes less" : "");
    if (is_wide) return diag_hint(&thalweg->diag, "`--weights-type q4` takes less");
    return diag_hint(&thalweg->diag, "no context is short enough: it takes more memory");
}

bool compiler_check_memory(Thalweg *thalweg, bool has_all_logits) {
    if (!compiler_plan(thalweg)) return false;
    const ThalwegMemory memory = measure(thalweg, has_all_logits);
    return memory.all <= memory.available || refuse(thalweg, &memory);
}
