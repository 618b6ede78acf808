/* compiler_model.c - the model of a Thalweg: a description and its graph, as read. */
#include "frontend/compiler/compiler.h"
#include "frontend/model/build_graph.h"

#include <string.h>

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

/* ---- what there is to know of it ---- */

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

ThalwegModel compiler_model(const Thalweg *thalweg) {
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
