/* compiler_model.c - the model of a Thalweg: a description and its graph, as read. */
#include "frontend/compiler/compiler.h"
#include "frontend/model/build_graph.h"

#include <string.h>

/* The type of all weights that no rule is about: from the options, or the description; else it
 * depends on the file. */
static bool choose_type(Thalweg *thalweg, Model *model) {
    static const char *const words[] = {"f32", "bf16", "q8", "q4", "stored"};
    static const ModelFORMAT types[] = {{FORMAT_f32, false},
                                        {FORMAT_bf16, false},
                                        {FORMAT_q8, false},
                                        {FORMAT_q4, false},
                                        {FORMAT_f32, true}};
    WeightsSpec *weights = &model->weights;
    const char *wanted = thalweg->options.weights_type;
    if (!wanted && !weights->type_loc.source && !weights->is_synthetic)
        weights->type.is_stored = checkpoint_is_gguf(
            &(CheckpointSpec){.directory = thalweg->directory, .file = weights->file});
    if (!wanted) return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i], wanted) != 0) continue;
        weights->type = types[i];
        if (!weights->is_synthetic || !types[i].is_stored) return true;
        return diag_error(&thalweg->diag, weights->loc, "synthetic weights are stored in no type");
    }
    diag_error(&thalweg->diag, (Loc){0}, "no type of weights is called '%.40s'", wanted);
    return diag_hint(&thalweg->diag, "the types are f32, bf16, q8, q4 and stored");
}

static bool describe(Thalweg *thalweg, Model *model) {
    Diag *diag = &thalweg->diag;
    Graph *whole, *graph = model_build_part(model, thalweg->arena, diag, &whole);
    if (!graph) return false;
    if (!ir_verify(graph) || !ir_verify(whole))
        return diag_error(diag, (Loc){0},
                          "the model became a graph that does not verify, "
                          "which is a bug of the compiler");
    thalweg->model = model;
    thalweg->described = graph;
    thalweg->whole = whole;
    if (compiler_take_stored_types(thalweg)) return true;
    thalweg->model = NULL;
    thalweg->described = thalweg->whole = NULL;
    return false;
}

bool compiler_read(Thalweg *thalweg, const Source *source, const char *directory) {
    Diag *diag = &thalweg->diag;
    const int64_t context = thalweg->options.context;
    if (!source) return false;
    thalweg->source = source;
    thalweg->directory = directory;
    Model *model = model_read(thalweg->arena, diag, source);
    if (!model || !model_check_lowered(model, diag)) return false;
    if (!choose_type(thalweg, model) || !compiler_add_instruments(thalweg, model) ||
        !compiler_read_operands(thalweg, model))
        return false;
    if (thalweg->options.without_skips && !model_drop_skips(model, diag)) return false;
    if (context && !model_set_context(model, context, diag)) return false;
    return describe(thalweg, model);
}

bool compiler_add_taps(Thalweg *thalweg, const char *const *taps, int64_t count) {
    if (thalweg->step[STEP_passes] != NOT_TAKEN || thalweg->interp)
        return diag_error(&thalweg->diag, (Loc){0}, "taps are added before a model is compiled");
    for (int64_t i = 0; i < count; i++)
        if (!instruments_add(thalweg->model->instruments, false, taps[i], (Loc){0}, &thalweg->diag))
            return false;
    return describe(thalweg, thalweg->model);
}

bool compiler_set_context(Thalweg *thalweg, int64_t context) {
    Model *model = thalweg->model;
    return model_set_context(model, context, &thalweg->diag) && describe(thalweg, model);
}

bool compiler_described(Thalweg *thalweg) {
    if (thalweg->described) return true;
    if (thalweg->has_input) return false;
    return diag_error(&thalweg->diag, (Loc){0}, "no model has been read");
}

/* ---- what there is to know of it ---- */

static bool is_causal(const Graph *graph) {
    for (uint32_t i = 1; i < graph->count; i++)
        if (graph->node[i].op == OP_scores && !graph->node[i].attr.causal) return false;
    return true;
}

static bool is_pooled(const Graph *graph) {
    for (uint32_t i = 1; i < graph->count; i++)
        if (graph->node[i].op == OP_pool) return true;
    return false;
}

static int64_t count_outputs(const Graph *graph) {
    return ir_ref_is_none(graph->result) ? 0 : ir_node(graph, graph->result)->type.dim[1];
}

static int64_t count_start_columns(const Graph *graph) {
    for (uint32_t i = 1; i < graph->count; i++)
        if (graph->node[i].op == OP_start) return graph->node[i].type.dim[1];
    return 0;
}

/* As plan.c finds it of any graph. */
static bool gives_logits(const Model *model, int64_t outputs) {
    return model->head.output == HEAD_logits && outputs == model->vocab;
}

ThalwegModel compiler_model(const Thalweg *thalweg) {
    const Model *model = thalweg->model;
    if (!model) return (ThalwegModel){0};
    const Graph *graph = thalweg->described;
    const bool causal = is_causal(graph), pooled = is_pooled(graph);
    const int64_t outputs = count_outputs(graph), start = count_start_columns(graph);
    return (ThalwegModel){.name = model->name,
                          .vocab = model->vocab,
                          .context = model->context,
                          .width = model->width,
                          .parameters = ir_count_parameters(graph),
                          .has_byte_tokens = model->tokenizer == TOKENIZER_bytes,
                          .has_tokenizer = model->tokenizer == TOKENIZER_file,
                          .is_causal = causal,
                          .outputs = outputs,
                          .start_columns = start,
                          .generates = causal && !pooled && !start && gives_logits(model, outputs),
                          .takes_whole_sequences = !causal || pooled,
                          .is_pooled = pooled,
                          .has_pooling = model->pooling.kind != POOLING_none,
                          .types = compiler_types_text(thalweg)};
}
