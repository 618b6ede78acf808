#include "frontend/thalweg.h"

#include "frontend/compiler.h"
#include "frontend/output_file.h"

#include <stdlib.h>

/* A graph's text may come from a program; a description is written by hand. One byte more than is
 * allowed is kept, for the reader to see that it is too much. */
enum { GRAPH_MAX_BYTES = 1 << 28 };

Thalweg *thalweg_create(const ThalwegOptions *options) {
    Thalweg *thalweg = calloc(1, sizeof *thalweg);
    if (!thalweg) return NULL;
    if (options) thalweg->options = *options;
    thalweg->arena = arena_create();
    thalweg->diag.arena = thalweg->arena;
    return thalweg;
}

void thalweg_destroy(Thalweg *thalweg) {
    if (!thalweg) return;
    interp_destroy(thalweg->interp);
    tw_weights_close(thalweg->weights);
    checkpoint_close(thalweg->checkpoint);
    compiler_end_perf(thalweg);
    jit_destroy(thalweg->jit);
    module_destroy(thalweg->module);
    for (int i = 0; i < thalweg->others; i++) thalweg_destroy(thalweg->other[i]);
    target_destroy(thalweg->target);
    arena_destroy(thalweg->arena);
    free(thalweg);
}

/* ---- in ---- */

static bool begin_reading(Thalweg *thalweg) {
    const bool is_first = !thalweg->has_input;
    thalweg->has_input = true;
    return is_first ||
           diag_error(&thalweg->diag, (Loc){0}, "a model has been read already: this holds one");
}

bool thalweg_read_file(Thalweg *thalweg, const char *path) {
    if (!begin_reading(thalweg)) return false;
    const Source *source = compiler_read_file(thalweg, path, YAML_MAX_BYTES + 1);
    return compiler_read(thalweg, source, compiler_directory(thalweg, path));
}

bool thalweg_read_text(Thalweg *thalweg, const char *name, const char *text, size_t length,
                       const char *directory) {
    if (!begin_reading(thalweg)) return false;
    const Source *source = compiler_copy_text(thalweg, name, text, length, YAML_MAX_BYTES + 1);
    return compiler_read(thalweg, source, directory);
}

static int64_t count_parameters(const Graph *graph) {
    int64_t parameters = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        int64_t values = node->op == OP_param;
        for (int k = 0; k < node->type.rank && values; k++) values *= node->type.dim[k];
        parameters += values;
    }
    return parameters;
}

static bool is_causal(const Graph *graph) {
    for (uint32_t i = 1; i < graph->count; i++)
        if (graph->node[i].op == OP_scores && !graph->node[i].attr.causal) return false;
    return true;
}

ThalwegModel thalweg_model(const Thalweg *thalweg) {
    const Model *model = thalweg->model;
    if (!model) return (ThalwegModel){0};
    return (ThalwegModel){.name = model->name,
                          .vocab = model->vocab,
                          .context = model->context,
                          .width = model->width,
                          .parameters = count_parameters(thalweg->described),
                          .has_byte_tokens = model->tokenizer == TOKENIZER_bytes,
                          .is_causal = is_causal(thalweg->described)};
}

bool thalweg_check_weights(Thalweg *thalweg) {
    return compiler_checkpoint(thalweg);
}

/* ---- out ---- */

const TwProgram *thalweg_program(Thalweg *thalweg) {
    return compiler_program(thalweg) ? thalweg->program : NULL;
}

const TwWeights *thalweg_weights(Thalweg *thalweg) {
    return compiler_weights(thalweg) ? thalweg->weights : NULL;
}

const char *thalweg_tuning(Thalweg *thalweg) {
    return compiler_plan(thalweg) ? compiler_tuning_text(thalweg) : NULL;
}

TwSessionOptions thalweg_session_options(Thalweg *thalweg) {
    TwSessionOptions options = {0};
    if (!compiler_plan(thalweg)) return options;
    const int threads = thalweg->options.threads;
    const int prefill = compiler_call_threads(thalweg, thalweg->prefill);
    const int decode = compiler_call_threads(thalweg, thalweg->decode);
    options.threads = prefill ? prefill : threads;
    options.decode_threads = decode ? decode : prefill ? compiler_threads(thalweg) : 0;
    return options;
}

const char *thalweg_target(Thalweg *thalweg) {
    return compiler_plan_all(thalweg) ? compiler_target_names(thalweg) : NULL;
}

bool thalweg_make_directory(Thalweg *thalweg, const char *path) {
    return output_directory_make(compiler_directory(thalweg, path), 0777, &thalweg->diag);
}

void thalweg_begin_files(Thalweg *thalweg) {
    thalweg->batch = ARENA_NEW(thalweg->arena, OutputBatch);
}

bool thalweg_end_files(Thalweg *thalweg, bool is_complete) {
    OutputBatch *batch = thalweg->batch;
    thalweg->batch = NULL;
    return batch ? output_batch_end(batch, is_complete, &thalweg->diag) : is_complete;
}

bool thalweg_write_weights(Thalweg *thalweg, const char *path) {
    return compiler_write_weights(thalweg, path);
}

bool thalweg_write_code(Thalweg *thalweg, ThalwegEmit form, const char *path) {
    if (form == THALWEG_ARCHIVE || form == THALWEG_SHARED || form == THALWEG_PROGRAM)
        return compiler_link(thalweg, form, path);
    return compiler_write_module(thalweg, form, path, false);
}

bool thalweg_write_header(Thalweg *thalweg, const char *path) {
    return compiler_write_header(thalweg, path);
}

bool thalweg_interpret(Thalweg *thalweg, const int32_t *tokens, int64_t count, int64_t position,
                       int64_t rows, double *out) {
    if (!compiler_checkpoint(thalweg)) return false;
    if (!thalweg->interp) {
        const Graph *graph = compiler_meaning(thalweg);
        if (!graph) return false;
        thalweg->interp = interp_create(graph, checkpoint_weights(thalweg->checkpoint));
    }
    return thalweg->interp && interp_run(thalweg->interp, tokens, count, position, rows, out);
}

static bool check_stream(Thalweg *thalweg, FILE *out) {
    return !ferror(out) || diag_error(&thalweg->diag, (Loc){0}, "the output could not be written");
}

bool thalweg_explain(Thalweg *thalweg, bool graphs, FILE *out) {
    if (!compiler_plan(thalweg)) return false;
    compiler_explain(thalweg, graphs, out);
    return check_stream(thalweg, out);
}

bool thalweg_size(Thalweg *thalweg, FILE *out) {
    return compiler_print_size(thalweg, out) && check_stream(thalweg, out);
}

bool thalweg_print_target(Thalweg *thalweg, FILE *out) {
    if (!compiler_target(thalweg)) return false;
    target_print(thalweg->target, out);
    for (int i = 0; i < thalweg->others; i++) {
        fputc('\n', out);
        target_print(thalweg->other[i]->target, out);
    }
    return check_stream(thalweg, out);
}

bool thalweg_optimise_text(Thalweg *thalweg, const char *name, const char *text, size_t length,
                           FILE *out) {
    if (length > GRAPH_MAX_BYTES)
        return diag_error(&thalweg->diag, (Loc){0}, "'%s' is too long: at most %d bytes", name,
                          GRAPH_MAX_BYTES);
    if (!compiler_target(thalweg)) return false;
    const Source *source = compiler_copy_text(thalweg, name, text, length, length);
    Graph *graph = ir_parse(thalweg->arena, &thalweg->diag, source);
    if (!graph || !ir_verify(graph)) return false;
    const PassOptions options = compiler_pass_options(thalweg);
    if (!pass_run_all(graph, &options)) return false;
    ir_print(graph, out);
    return check_stream(thalweg, out);
}

/* ---- what there is to know ---- */

void thalweg_print_cpus(FILE *out) {
    target_print_cpus(out);
}

void thalweg_print_passes(FILE *out) {
    for (int i = 0; i < pass_count; i++)
        fprintf(out, "  %-15s %s\n", pass_info[i].text, pass_info[i].doc);
}

void thalweg_print_operations(FILE *out) {
    ir_print_reference(out);
}

/* ---- diagnostics ---- */

int thalweg_diagnostic_count(const Thalweg *thalweg) {
    int count = 0;
    for (const Diagnostic *d = thalweg->diag.first; d; d = d->next) count++;
    return count;
}

ThalwegDiagnostic thalweg_diagnostic(const Thalweg *thalweg, int index) {
    static const ThalwegSeverity severity[] = {
        [DIAG_ERROR] = THALWEG_ERROR, [DIAG_WARNING] = THALWEG_WARNING, [DIAG_NOTE] = THALWEG_NOTE};
    const Diagnostic *d = thalweg->diag.first;
    while (d && index-- > 0) d = d->next;
    if (!d) return (ThalwegDiagnostic){.message = ""};
    const LineColumn place = diag_line_column(d->loc);
    return (ThalwegDiagnostic){.severity = severity[d->severity],
                               .file = d->loc.source ? d->loc.source->name : NULL,
                               .line = place.line,
                               .column = place.column,
                               .message = d->message,
                               .hint = d->hint};
}

void thalweg_print_diagnostics(const Thalweg *thalweg, FILE *out) {
    diag_print(&thalweg->diag, out);
}
