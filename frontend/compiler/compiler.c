/* compiler.c - the steps from a description to a module, each taken once and on demand.
 *
 *   description -> graph -> (target, passes) two phases -> plan -> module
 *
 * What becomes of modules: compiler_code.c, compiler_object.c.
 */
#include "frontend/compiler/compiler.h"

#include <stdlib.h>
#include <string.h>

/* ---- passes ---- */

PassOptions compiler_pass_options(const Thalweg *thalweg) {
    const ThalwegOptions *options = &thalweg->options;
    return (PassOptions){.machine = &thalweg->target->machine,
                         .tuning = &thalweg->tuning,
                         .only = options->passes,
                         .skip = options->skip_passes,
                         .print_after = options->print_after,
                         .exact = options->exact,
                         .dump = options->dump,
                         .statistics = options->statistics};
}

/* Keeps a line for each pass for `explain`. A pass that runs for each phase says for which. */
static void keep_statistics(Thalweg *thalweg, const char *lines, const char *phase) {
    FILE *out = thalweg->options.statistics;
    while (*lines) {
        const int length = (int)strcspn(lines, "\n");
        thalweg->statistics =
            arena_printf(thalweg->arena, "%s%.*s%s\n", thalweg->statistics, length, lines, phase);
        if (out) fprintf(out, "%.*s%s\n", length, lines, phase);
        lines += length + (lines[length] == '\n');
    }
}

/* Runs passes whose lines come to a stream of ours. */
static Graph *run_passes(Thalweg *thalweg, Graph *(*run)(Thalweg *, const PassOptions *),
                         const char *phase) {
    char *lines = NULL;
    size_t length = 0;
    PassOptions options = compiler_pass_options(thalweg);
    options.statistics = open_memstream(&lines, &length);
    if (!options.statistics) {
        diag_error(&thalweg->diag, (Loc){0}, "out of memory");
        return NULL;
    }
    Graph *graph = run(thalweg, &options);
    const bool is_kept = fclose(options.statistics) == 0;
    if (is_kept) keep_statistics(thalweg, lines, phase);
    free(lines);
    return graph;
}

static Graph *optimise(Thalweg *thalweg, const PassOptions *options) {
    Graph *graph = ir_graph_copy(thalweg->described, thalweg->arena);
    return pass_run(graph, PASS_MODEL, options) ? graph : NULL;
}

static Graph *make_prefill(Thalweg *thalweg, const PassOptions *options) {
    return pass_phase(thalweg->optimised, PHASE_PREFILL, options, thalweg->arena);
}

static Graph *make_decode(Thalweg *thalweg, const PassOptions *options) {
    return pass_phase(thalweg->optimised, PHASE_DECODE, options, thalweg->arena);
}

static Graph *make_batch(Thalweg *thalweg, const PassOptions *options) {
    return pass_phase(thalweg->optimised, PHASE_BATCH, options, thalweg->arena);
}

static Graph *make_few(Thalweg *thalweg, const PassOptions *options) {
    return pass_phase(thalweg->optimised, PHASE_FEW, options, thalweg->arena);
}

/* Where a chunk is few tokens already, the phase of batches is scheduled for these. */
static bool make_batches(Thalweg *thalweg) {
    thalweg->batches = run_passes(thalweg, make_batch, " (batch)");
    if (!thalweg->batches || thalweg->batches->chunk <= IR_FEW_ROWS) return thalweg->batches;
    thalweg->few = run_passes(thalweg, make_few, " (few)");
    return thalweg->few;
}

static bool make_phases(Thalweg *thalweg) {
    thalweg->statistics = "";
    if (!compiler_load_tuning(thalweg)) return false;
    thalweg->optimised = run_passes(thalweg, optimise, "");
    if (!thalweg->optimised) return false;
    thalweg->prefill = run_passes(thalweg, make_prefill, " (prefill)");
    if (!thalweg->prefill) return false;
    thalweg->decode = run_passes(thalweg, make_decode, " (decode)");
    return thalweg->decode && (!thalweg->options.batches || make_batches(thalweg));
}

const Graph *compiler_meaning(Thalweg *thalweg) {
    if (!compiler_described(thalweg)) return NULL;
    const Graph *described = thalweg->described;
    bool is_rounded = false;
    for (uint32_t i = 1; i < described->count; i++)
        is_rounded |=
            described->node[i].op == OP_param && described->node[i].attr.format != FORMAT_f32;
    if (!is_rounded) return described;
    if (!compiler_target(thalweg) || !compiler_take(thalweg, STEP_passes, make_phases)) return NULL;
    return thalweg->optimised;
}

/* ---- code ---- */

/* Emitters rely on what the last two passes decide; a caller may have left them out. */
static bool check_phase(const Graph *graph) {
    const char *missing = NULL;
    const Node *result = &graph->node[graph->result.index];
    if (graph->result.index && result->place.stride == 0) missing = "place-buffers";
    for (uint32_t i = 1; i < graph->count && !missing; i++) {
        const Node *node = &graph->node[i];
        const bool is_tiled = node->op == OP_project || node->op == OP_read;
        if (!ir_ref_is_none(node->root)) continue;
        if ((is_tiled && (node->schedule.rows == 0 || node->schedule.panels == 0)) ||
            (node->op == OP_attend && node->schedule.keys == 0))
            missing = "schedule";
    }
    if (!missing) return true;
    diag_error(graph->diag, (Loc){0}, "there is no code without the pass '%s'", missing);
    return diag_hint(graph->diag, "only graphs can do without it: see `thalweg opt`");
}

/* Puts all weights of the model into the layout, as its own plan has them: parts of a model use the
 * packed weights of the whole. */
static bool lay_out_whole(Thalweg *thalweg, Layout *layout) {
    PassOptions options = compiler_pass_options(thalweg);
    options.print_after = NULL;
    options.statistics = NULL;
    Graph *graph = ir_graph_copy(thalweg->whole, thalweg->arena);
    if (!pass_run(graph, PASS_MODEL, &options)) return false;
    const Graph *const phase[PHASES] = {pass_phase(graph, PHASE_PREFILL, &options, thalweg->arena),
                                        pass_phase(graph, PHASE_DECODE, &options, thalweg->arena)};
    return phase[PHASE_PREFILL] && phase[PHASE_DECODE] && check_phase(phase[PHASE_PREFILL]) &&
           check_phase(phase[PHASE_DECODE]) && plan_create(phase, layout);
}

static bool make_plan(Thalweg *thalweg) {
    const bool is_part = thalweg->whole != thalweg->described;
    const Graph *const graph[PHASES] = {thalweg->prefill, thalweg->decode, thalweg->batches,
                                        thalweg->few};
    for (int p = 0; p < PHASES; p++)
        if (graph[p] && !check_phase(graph[p])) return false;
    Layout *layout = layout_create(&thalweg->target->machine, thalweg->arena);
    if (is_part && !lay_out_whole(thalweg, layout)) return false;
    thalweg->plan = plan_create(graph, layout);
    return thalweg->plan != NULL;
}

bool compiler_plan(Thalweg *thalweg) {
    return compiler_described(thalweg) && compiler_target(thalweg) &&
           compiler_take(thalweg, STEP_passes, make_phases) &&
           compiler_take(thalweg, STEP_plan, make_plan);
}

/* What went wrong for one of several processors. */
static void take_diagnostics(Thalweg *thalweg, const Thalweg *other) {
    Diag *diag = &thalweg->diag;
    *(diag->last ? &diag->last->next : &diag->first) = other->diag.first;
    if (other->diag.last) diag->last = other->diag.last;
}

bool compiler_plan_all(Thalweg *thalweg) {
    if (!compiler_plan(thalweg)) return false;
    for (int i = 0; i < thalweg->others; i++) {
        if (compiler_plan(thalweg->other[i])) continue;
        take_diagnostics(thalweg, thalweg->other[i]);
        return false;
    }
    return true;
}

static bool make_module(Thalweg *thalweg) {
    const ModulePart part = {thalweg->plan, thalweg->target};
    thalweg->module = module_create(&part, 1, &(ModuleOptions){0}, &thalweg->diag);
    return thalweg->module != NULL;
}

bool compiler_module(Thalweg *thalweg) {
    if (!compiler_plan(thalweg)) return false;
    if (thalweg->module) return true;
    return compiler_progress(thalweg, "compiling", 0) &&
           compiler_take(thalweg, STEP_module, make_module);
}
