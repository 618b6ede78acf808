/* fuzz_yaml.c - what reads as a model, and is lowered, has a graph that verifies and whose text
 * parses back to itself; what does not has an error in it.
 */
#include "frontend/model/build_graph.h"
#include "frontend/model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* More layers are more of the same, and slow. */
enum { MOST_LAYERS = 8, MOST_BRANCHES = 64 };

static bool is_small(const Model *model) {
    int64_t branches = 0;
    for (int i = 0; i < model->block_count; i++)
        for (int g = 0; g < model->block[i].layer[0].count; g++)
            branches += model->block[i].repeat * model->block[i].layer[0].group[g].count;
    return model->layers <= MOST_LAYERS && branches <= MOST_BRANCHES;
}

static char *print_graph(const Graph *graph) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) abort();
    ir_print(graph, out);
    if (fclose(out)) abort();
    return text;
}

static void check_round_trip(const Graph *graph, Arena *arena) {
    Diag diag = {.arena = arena};
    char *text = print_graph(graph);
    const Source source = {"printed", text, strlen(text)};
    const Graph *parsed = ir_parse(arena, &diag, &source);
    if (!parsed) abort();
    char *again = print_graph(parsed);
    if (strcmp(text, again) != 0) abort();
    free(text);
    free(again);
}

static void print_diagnostics(const Diag *diag) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) abort();
    diag_print(diag, out);
    if (fclose(out)) abort();
    free(text);
}

static bool read_model(const Source *source, Arena *arena, Diag *diag) {
    const Model *model = model_read(arena, diag, source);
    if (!model || !model_check_lowered(model, diag)) return false;
    if (!is_small(model)) return true;
    const Graph *graph = model_build_graph(model, arena, diag);
    if (!graph) return false;
    if (!ir_verify(graph)) abort();
    check_round_trip(graph, arena);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = arena_create();
    char *text = ARENA_ARRAY(arena, char, size + 1);
    memcpy(text, data, size);
    const Source source = {"fuzz.yaml", text, size};
    Diag diag = {.arena = arena};
    const bool ok = read_model(&source, arena, &diag);
    if (ok == (diag.errors > 0)) abort();
    print_diagnostics(&diag);
    arena_destroy(arena);
    return 0;
}
