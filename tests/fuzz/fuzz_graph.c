/* fuzz_graph.c - whatever parses must verify, print, parse back to the same text, and stay a
 * verified graph when it is swept, made for one token, and put through every pass.
 *
 * Corpus: tests/fuzz/corpus/graph.
 */
#include "passes/pass.h"
#include "tests/machine.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process when the text does not come back. */
static void check_round_trip(const Graph *graph, Arena *arena) {
    char *once = NULL, *twice = NULL;
    size_t once_size = 0, twice_size = 0;
    Diag diag = {.arena = arena};
    FILE *out = open_memstream(&once, &once_size);
    ir_print(graph, out);
    fclose(out);
    const Source source = {"printed", once, once_size};
    const Graph *back = ir_parse(arena, &diag, &source);
    if (!back) {
        diag_print(&diag, stderr);
        abort();
    }
    out = open_memstream(&twice, &twice_size);
    ir_print(back, out);
    fclose(out);
    if (once_size != twice_size || memcmp(once, twice, once_size) != 0) abort();
    free(once);
    free(twice);
}

static void check(const Graph *graph, Arena *arena) {
    if (!ir_verify(graph)) {
        diag_print(graph->diag, stderr);
        abort();
    }
    check_round_trip(graph, arena);
}

static void check_changes(const Graph *graph, Arena *arena) {
    const PassOptions options = {.machine = &machine};
    Graph *swept = ir_graph_copy(graph, arena), *decode = ir_graph_copy(graph, arena);
    Graph *passed = ir_graph_copy(graph, arena);
    ir_sweep(swept, arena);
    check(swept, arena);
    ir_specialise(decode, 1, 1, arena);
    check(decode, arena);
    if (!pass_run_all(passed, &options)) {
        diag_print(passed->diag, stderr);
        abort();
    }
    check(passed, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    char *text = ARENA_ARRAY(arena, char, size + 1);
    if (size) memcpy(text, data, size);
    const Source source = {"fuzz", text, size};
    const Graph *graph = ir_parse(arena, &diag, &source);
    if (!graph && !diag.errors) abort();
    if (graph) {
        check(graph, arena);
        check_changes(graph, arena);
    } else {
        char *messages = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&messages, &length);
        diag_print(&diag, out);
        fclose(out);
        free(messages);
    }
    arena_destroy(arena);
    return 0;
}
