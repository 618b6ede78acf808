/* pipeline.c - runs passes in the order of passes.def, with verification, dumps and statistics. */
#include "passes/pass.h"

#include "ir/spelling.h"

#include <string.h>

const PassInfo pass_info[] = {
#define PASS(name, text, scope, doc) {text, doc, PASS_##scope, pass_##name},
#include "passes/passes.def"
#undef PASS
};

const int pass_count = sizeof pass_info / sizeof *pass_info;

/* ---- names ---- */

/* The length of the name at the start of a list, up to its comma. */
static size_t name_length(const char *list) {
    return strcspn(list, ",");
}

static const char *next_name(const char *list) {
    list += name_length(list);
    return *list ? list + 1 : NULL;
}

static bool is_name(const char *text, size_t length, const char *name) {
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

static bool has_name(const char *list, const char *name) {
    for (; list; list = next_name(list)) {
        const size_t length = name_length(list);
        if (is_name(list, length, name) || is_name(list, length, "all")) return true;
    }
    return false;
}

enum { LONGEST_SHOWN = 64 };

static const char *const known_names[] = {
#define PASS(name, text, scope, doc) text,
#include "passes/passes.def"
#undef PASS
    "all"};

static const int known_count = sizeof known_names / sizeof *known_names;

static const char *all_names(Arena *arena) {
    const char *names = pass_info[0].text;
    for (int i = 1; i < pass_count; i++)
        names = arena_printf(arena, "%s, %s", names, pass_info[i].text);
    return names;
}

static bool is_known(const char *text, size_t length) {
    for (int i = 0; i < known_count; i++)
        if (is_name(text, length, known_names[i])) return true;
    return false;
}

static bool report_unknown(const char *text, size_t length, Diag *diag) {
    const int shown = length < LONGEST_SHOWN ? (int)length : LONGEST_SHOWN;
    const char *name = arena_printf(diag->arena, "%.*s", shown, text);
    const char *nearest = spelling_nearest(name, known_names, known_count);
    diag_error(diag, (Loc){0}, "no pass is named '%s'", name);
    if (nearest) return diag_hint(diag, "did you mean '%s'?", nearest);
    return diag_hint(diag, "the passes are %s", all_names(diag->arena));
}

bool pass_check_names(const char *names, Diag *diag) {
    bool ok = true;
    for (; names; names = next_name(names)) {
        const size_t length = name_length(names);
        if (!is_known(names, length)) ok = report_unknown(names, length, diag);
    }
    return ok;
}

/* ---- running ---- */

static bool is_chosen(const PassInfo *pass, const PassOptions *options) {
    if (options->only && !has_name(options->only, pass->text)) return false;
    if (options->exact && (pass->run == pass_fold_norm || pass->run == pass_apply_edits))
        return false;
    return !has_name(options->skip, pass->text);
}

static bool run(Graph *graph, const PassInfo *pass, const PassOptions *options) {
    PassContext context = {
        .scratch = arena_create(), .machine = options->machine, .tuning = options->tuning};
    const bool ok = pass->run(graph, &context);
    arena_destroy(context.scratch);
    if (!ok) return false;
    if (options->statistics) fprintf(options->statistics, "%s: %s\n", pass->text, context.summary);
    if (options->dump && has_name(options->print_after, pass->text)) ir_print(graph, options->dump);
    if (ir_verify(graph)) return true;
    diag_error(graph->diag, (Loc){0}, "pass '%s' made a graph that does not verify", pass->text);
    return diag_hint(graph->diag,
                     "this is a bug of the compiler; leave the pass out with skip '%s'",
                     pass->text);
}

static bool check_options(const PassOptions *options, Diag *diag) {
    bool ok = pass_check_names(options->only, diag);
    ok &= pass_check_names(options->skip, diag);
    ok &= pass_check_names(options->print_after, diag);
    return ok;
}

static bool run_scopes(Graph *graph, bool model, bool phase, const PassOptions *options) {
    if (!check_options(options, graph->diag)) return false;
    for (int i = 0; i < pass_count; i++) {
        const PassInfo *pass = &pass_info[i];
        if (!(pass->scope == PASS_MODEL ? model : phase)) continue;
        if (is_chosen(pass, options) && !run(graph, pass, options)) return false;
    }
    return true;
}

bool pass_run(Graph *graph, PassScope scope, const PassOptions *options) {
    return run_scopes(graph, scope == PASS_MODEL, scope == PASS_PHASE, options);
}

bool pass_run_all(Graph *graph, const PassOptions *options) {
    return run_scopes(graph, true, true, options);
}

static void make_decode(Graph *graph) {
    Arena *scratch = arena_create();
    ir_specialise(graph, 1, 1, scratch);
    arena_destroy(scratch);
}

Graph *pass_phase(const Graph *model, Phase phase, const PassOptions *options, Arena *arena) {
    Graph *graph = ir_graph_copy(model, arena);
    if (phase == PHASE_DECODE) make_decode(graph);
    if (phase == PHASE_BATCH) ir_make_batch(graph, graph->chunk);
    if (phase == PHASE_FEW)
        ir_make_batch(graph, graph->chunk < IR_FEW_ROWS ? graph->chunk : IR_FEW_ROWS);
    if (!ir_verify(graph) || !pass_run(graph, PASS_PHASE, options)) return NULL;
    return graph;
}
