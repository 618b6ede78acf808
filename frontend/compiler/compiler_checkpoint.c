/* compiler_checkpoint.c - where a model's values come from, and the types that they have there. */
#include "frontend/compiler/compiler.h"
#include "frontend/model/build_graph.h"
#include "frontend/weights/stored_values.h"

/* Names given in the description. */
static const NamePair *list_names(Thalweg *thalweg, const GivenName *name, int count) {
    NamePair *pair = ARENA_ARRAY(thalweg->arena, NamePair, (size_t)count + 1);
    for (int i = 0; i < count; i++) {
        const GivenName *given = &name[i];
        pair[i] = (NamePair){.param = given->param,
                             .tensor = given->tensor,
                             .file = given->file,
                             .has_rows = given->has_rows,
                             .is_transposed = given->is_transposed,
                             .first = given->first,
                             .end = given->end,
                             .loc = given->loc};
    }
    return pair;
}

static CheckpointSpec specify(Thalweg *thalweg) {
    const WeightsSpec *weights = &thalweg->model->weights;
    return (CheckpointSpec){.directory = thalweg->directory,
                            .file = weights->file,
                            .names = weights->names_table,
                            .prefix = weights->prefix,
                            .inline_names =
                                list_names(thalweg, weights->given, weights->given_count),
                            .inline_count = weights->given_count,
                            .beside = list_names(thalweg, weights->others, weights->other_count),
                            .beside_count = weights->other_count,
                            .synthetic = weights->is_synthetic,
                            .seed = (uint64_t)weights->synthetic,
                            .loc = weights->loc};
}

bool compiler_open_checkpoint(Thalweg *thalweg) {
    if (thalweg->checkpoint) return true;
    const CheckpointSpec spec = specify(thalweg);
    thalweg->checkpoint = checkpoint_open(thalweg->whole, &spec);
    return thalweg->checkpoint != NULL;
}

/* ---- types ---- */

static WeightFormat stored_format(const void *checkpoint, const char *param) {
    return checkpoint_type(checkpoint, param)->nearest;
}

static WeightFormat table_format(const void *checkpoint, const char *param) {
    return checkpoint_format(checkpoint, param);
}

bool compiler_take_stored_types(Thalweg *thalweg) {
    const WeightsSpec *weights = &thalweg->model->weights;
    const CheckpointSpec spec = specify(thalweg);
    const bool needs_types = model_needs_stored_types(weights);
    if (weights->is_synthetic || (!needs_types && !checkpoint_is_there(&spec))) return true;
    if (!compiler_open_checkpoint(thalweg)) return false;
    Graph *const graphs[] = {thalweg->described, thalweg->whole};
    for (int i = 0; i < (graphs[0] == graphs[1] ? 1 : 2); i++) {
        if (needs_types)
            model_take_stored_types(graphs[i], weights, stored_format, thalweg->checkpoint);
        model_take_table_types(graphs[i], table_format, thalweg->checkpoint);
    }
    return true;
}

/* The matrix that a product multiplies with; null: the node is no product. */
static const Node *matrix_of(const Graph *graph, const Node *node) {
    return node->op == OP_project ? ir_node(graph, node->in[1]) : NULL;
}

/* Matrices of one type in the file and one format of ours. Each is of one product. */
static int count_matrices(const Thalweg *thalweg, const StoredTypeInfo *type, WeightFormat format) {
    const Graph *graph = thalweg->described;
    int count = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *matrix = matrix_of(graph, &graph->node[i]);
        count += matrix && matrix->attr.format == format &&
                 checkpoint_type(thalweg->checkpoint, matrix->name) == type;
    }
    return count;
}

const char *compiler_types_text(const Thalweg *thalweg) {
    static const WeightFormat formats[] = {FORMAT_f32, FORMAT_bf16, FORMAT_q8, FORMAT_q4};
    const char *text = "";
    if (!thalweg->checkpoint) return text;
    bool is_told = model_needs_stored_types(&thalweg->model->weights);
    for (int i = 0; i < STORED_TYPE_COUNT; i++) {
        for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
            const StoredTypeInfo *type = &stored_type_info[i];
            const int count = count_matrices(thalweg, type, formats[k]);
            if (!count) continue;
            is_told |= !type->is_in_safetensors;
            const bool is_kept =
                formats[k] == FORMAT_f32 || stored_type_keeps((StoredType)i, formats[k]);
            text = arena_printf(thalweg->arena, "%s%s%d of %s as %s%s", text, *text ? ", " : "",
                                count, type->name, ir_enum_word("WeightFormat", (int)formats[k]),
                                is_kept ? "" : " (rounded)");
        }
    }
    return is_told ? text : "";
}
