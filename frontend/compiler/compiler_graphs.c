/* compiler_graphs.c - the text of a model's graphs: whole, or what belongs to a layer. */
#include "codegen/emit/kernel_name.h"
#include "frontend/compiler/compiler.h"
#include "passes/gradient.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Those of the model's way to code, and one that is shown where it is named alone. */
enum { GRADIENT = 4, GRAPHS };
static const char *const graph_words[GRAPHS] = {"described", "optimised", "prefill", "decode",
                                                "gradient"};
static const char *const graph_titles[GRAPHS] = {"as described", "after the passes on the model",
                                                 "prefill", "decode",
                                                 "loss of a call's tokens, and its gradient"};

typedef struct {
    bool is_wanted[GRAPHS];
    int64_t layer; /* -1: whole graphs */
} Parts;

/* ---- layers ---- */

enum { NO_LAYER = -1, UNSAID = -2 };

/* Of a param or a cache; UNSAID without a name. */
static int64_t name_layer(const char *name) {
    if (!name) return UNSAID;
    const char *number = kernel_param_layer(name);
    return number ? strtoll(number, NULL, 10) : NO_LAYER;
}

/* What the names that stand in a node say. */
static int64_t node_layer(const Graph *graph, const Node *node) {
    int64_t layer = name_layer(node->name);
    if (layer == UNSAID && node->op == OP_append) layer = name_layer(node->attr.cache);
    if (layer == UNSAID) layer = name_layer(node->attr.point);
    for (int k = 0; k < ir_op_info[node->op].most && layer == UNSAID; k++)
        if (!ir_ref_is_none(node->in[k])) layer = name_layer(ir_node(graph, node->in[k])->name);
    return layer;
}

/* Does it prepare rows for the work that stands behind it? */
static bool is_preparation(const Node *node) {
    return node->op == OP_norm || node->op == OP_quantise;
}

/* The layer of each node. One without names belongs to what stands before it, which it goes on
 * with. */
static int64_t *find_layers(const Graph *graph, Arena *arena) {
    int64_t *layer = ARENA_ARRAY(arena, int64_t, graph->count + 1);
    layer[0] = layer[graph->count] = NO_LAYER;
    for (uint32_t i = 1; i < graph->count; i++) {
        layer[i] = node_layer(graph, &graph->node[i]);
        if (layer[i] == UNSAID && !is_preparation(&graph->node[i])) layer[i] = layer[i - 1];
    }
    for (uint32_t i = graph->count - 1; i > 0; i--)
        if (layer[i] == UNSAID) layer[i] = layer[i + 1];
    return layer;
}

static int64_t count_layers(const Graph *graph) {
    int64_t count = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const int64_t layer = node_layer(graph, &graph->node[i]);
        if (layer >= count) count = layer + 1;
    }
    return count;
}

/* ---- parts ---- */

/* Reads a word of the list, which is `length` long. */
static bool read_part(const Thalweg *thalweg, const char *word, size_t length, Parts *parts) {
    enum { MOST_DIGITS = 9 };
    for (int i = 0; i < GRAPHS; i++) {
        if (strlen(graph_words[i]) != length || memcmp(graph_words[i], word, length) != 0) continue;
        parts->is_wanted[i] = true;
        return true;
    }
    if (!length || length > MOST_DIGITS || strspn(word, "0123456789") != length) return false;
    parts->layer = strtoll(word, NULL, 10);
    return parts->layer < count_layers(thalweg->described);
}

static bool report_part(Thalweg *thalweg, const char *word, size_t length) {
    enum { SHOWN = 40 };
    const int64_t layers = count_layers(thalweg->described);
    diag_error(&thalweg->diag, (Loc){0}, "'%.*s' is no part of the graphs",
               (int)(length < SHOWN ? length : SHOWN), word);
    if (!layers)
        return diag_hint(&thalweg->diag,
                         "there are described, optimised, prefill, decode and gradient");
    return diag_hint(
        &thalweg->diag,
        "there are described, optimised, prefill, decode and gradient, and layers 0 to "
        "%" PRId64,
        layers - 1);
}

/* An empty list is one of all but the gradient, and so is a layer alone. */
static bool read_parts(Thalweg *thalweg, const char *text, Parts *parts) {
    *parts = (Parts){.layer = NO_LAYER};
    for (const char *word = text; *word; word += *word == ',') {
        const size_t length = strcspn(word, ",");
        if (!read_part(thalweg, word, length, parts)) return report_part(thalweg, word, length);
        word += length;
    }
    bool is_any = false;
    for (int i = 0; i < GRAPHS; i++) is_any |= parts->is_wanted[i];
    for (int i = 0; i < GRADIENT; i++) parts->is_wanted[i] |= !is_any;
    return true;
}

/* ---- printing ---- */

static void print_layer(const Graph *graph, int64_t wanted, FILE *out) {
    Arena *scratch = arena_create();
    const int64_t *layer = find_layers(graph, scratch);
    for (uint32_t i = 1; i < graph->count; i++) {
        if (layer[i] != wanted) continue;
        fputs("  ", out);
        ir_print_node(graph, (Ref){i}, out);
        fputc('\n', out);
    }
    arena_destroy(scratch);
}

bool compiler_print_graphs(Thalweg *thalweg, const char *text, FILE *out) {
    const Graph *graphs[GRAPHS] = {thalweg->described, thalweg->optimised, thalweg->prefill,
                                   thalweg->decode};
    Parts parts;
    if (!read_parts(thalweg, text, &parts)) return false;
    if (parts.is_wanted[GRADIENT]) {
        graphs[GRADIENT] = gradient_make(thalweg->described, thalweg->arena);
        if (!graphs[GRADIENT]) return false;
    }
    const char *before = *text ? "" : "\n"; /* behind the tables */
    for (int i = 0; i < GRAPHS; i++) {
        if (!parts.is_wanted[i]) continue;
        fprintf(out, "%s# %s", before, graph_titles[i]);
        if (parts.layer != NO_LAYER) fprintf(out, ", layer %" PRId64, parts.layer);
        fputc('\n', out);
        if (parts.layer != NO_LAYER)
            print_layer(graphs[i], parts.layer, out);
        else
            ir_print(graphs[i], out);
        before = "\n";
    }
    return true;
}
