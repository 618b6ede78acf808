/* compiler.c - the steps from a description to running code, each taken once and on demand.
 *
 *   description -> graph -> (target, passes) two phases -> plan -> module -> object -> code in
 *   memory; the object may be kept from before
 */
#include "frontend/compiler/compiler.h"

#include "frontend/model/build_graph.h"

#include <stdlib.h>
#include <string.h>

bool compiler_progress(Thalweg *thalweg, const char *what, double done) {
    const ThalwegOptions *options = &thalweg->options;
    if (!options->progress || options->progress(options->progress_context, what, done)) return true;
    return diag_error(&thalweg->diag, (Loc){0}, "%s was stopped", what);
}

static bool take(Thalweg *thalweg, Step step, bool (*make)(Thalweg *thalweg)) {
    StepState *state = &thalweg->step[step];
    if (*state == NOT_TAKEN) *state = make(thalweg) ? SUCCEEDED : FAILED;
    return *state == SUCCEEDED;
}

/* ---- description ---- */

static bool override_format(Thalweg *thalweg, Model *model) {
    static const char *const words[] = {"f32", "bf16", "q8", "q4"};
    static const WeightFormat formats[] = {FORMAT_f32, FORMAT_bf16, FORMAT_q8, FORMAT_q4};
    const char *wanted = thalweg->options.weights_type;
    if (!wanted) return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i], wanted) != 0) continue;
        model->weights.type = formats[i];
        return true;
    }
    diag_error(&thalweg->diag, (Loc){0}, "no type of weights is called '%.40s'", wanted);
    return diag_hint(&thalweg->diag, "the types are f32, bf16, q8 and q4");
}

bool compiler_read(Thalweg *thalweg, const Source *source, const char *directory) {
    Diag *diag = &thalweg->diag;
    if (!source) return false;
    thalweg->source = source;
    thalweg->directory = directory;
    Model *model = model_read(thalweg->arena, diag, source);
    if (!model || !model_check_lowered(model, diag)) return false;
    if (!override_format(thalweg, model)) return false;
    Graph *graph = model_build_graph(model, thalweg->arena, diag);
    if (!graph) return false;
    if (!ir_verify(graph))
        return diag_error(diag, (Loc){0},
                          "the model became a graph that does not verify, "
                          "which is a bug of the compiler");
    thalweg->model = model;
    thalweg->described = graph;
    return true;
}

bool compiler_described(Thalweg *thalweg) {
    if (thalweg->described) return true;
    if (thalweg->has_input) return false;
    return diag_error(&thalweg->diag, (Loc){0}, "no model has been read");
}

/* ---- passes ---- */

bool compiler_target(Thalweg *thalweg) {
    return take(thalweg, STEP_target, compiler_choose_targets);
}

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

static bool make_phases(Thalweg *thalweg) {
    thalweg->statistics = "";
    if (!compiler_load_tuning(thalweg)) return false;
    thalweg->optimised = run_passes(thalweg, optimise, "");
    if (!thalweg->optimised) return false;
    thalweg->prefill = run_passes(thalweg, make_prefill, " (prefill)");
    if (!thalweg->prefill) return false;
    thalweg->decode = run_passes(thalweg, make_decode, " (decode)");
    return thalweg->decode != NULL;
}

const Graph *compiler_meaning(Thalweg *thalweg) {
    if (!compiler_described(thalweg)) return NULL;
    const Graph *described = thalweg->described;
    bool is_rounded = false;
    for (uint32_t i = 1; i < described->count; i++)
        is_rounded |= described->node[i].attr.format != FORMAT_f32;
    if (!is_rounded) return described;
    if (!compiler_target(thalweg) || !take(thalweg, STEP_passes, make_phases)) return NULL;
    return thalweg->optimised;
}

/* ---- code ---- */

/* Emitters rely on what the last two passes decide; a caller may have left them out. */
static bool check_phase(const Graph *graph) {
    const char *missing = NULL;
    if (ir_node(graph, graph->result)->place.stride == 0) missing = "place-buffers";
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

static bool make_plan(Thalweg *thalweg) {
    if (!check_phase(thalweg->prefill) || !check_phase(thalweg->decode)) return false;
    thalweg->plan =
        plan_create(thalweg->prefill, thalweg->decode, &thalweg->target->machine, thalweg->arena);
    return thalweg->plan != NULL;
}

bool compiler_plan(Thalweg *thalweg) {
    return compiler_described(thalweg) && compiler_target(thalweg) &&
           take(thalweg, STEP_passes, make_phases) && take(thalweg, STEP_plan, make_plan);
}

static bool make_module(Thalweg *thalweg) {
    const ModulePart part = {thalweg->plan, thalweg->target};
    thalweg->module = module_create(&part, 1, &(ModuleOptions){0}, &thalweg->diag);
    return thalweg->module != NULL;
}

bool compiler_module(Thalweg *thalweg) {
    if (!compiler_plan(thalweg)) return false;
    if (thalweg->module) return true;
    return compiler_progress(thalweg, "compiling", 0) && take(thalweg, STEP_module, make_module);
}

static bool make_jit(Thalweg *thalweg) {
    return compiler_load(thalweg, thalweg->code, &thalweg->jit, &thalweg->program);
}

bool compiler_runs_here(Thalweg *thalweg) {
    if (!compiler_target(thalweg)) return false;
    if (thalweg->others)
        return diag_error(&thalweg->diag, (Loc){0},
                          "code for several processors is for objects, which `thalweg compile` "
                          "writes: name one to run it here");
    if (thalweg->target->is_host) return true;
    diag_error(&thalweg->diag, (Loc){0}, "this machine cannot run code made for '%s'",
               thalweg->target->cpu);
    return diag_hint(&thalweg->diag, "choose no processor to run here, or write an object file");
}

bool compiler_program(Thalweg *thalweg) {
    if (thalweg->program) return true;
    if (!compiler_described(thalweg) || !compiler_runs_here(thalweg) || !compiler_plan(thalweg) ||
        !compiler_progress(thalweg, "compiling", 0))
        return false;
    if (!thalweg->code.data && !compiler_code(thalweg, false, &thalweg->code)) return false;
    return take(thalweg, STEP_jit, make_jit) && compiler_progress(thalweg, "compiling", 1);
}
