/* frontend_golden.c - what becomes of a description: diagnostics, and the graph in text.
 *
 *   frontend_golden [--bless] NAME.yaml ...
 *
 * Each is compared with NAME.expected beside it. A graph also has to verify, and its text to parse
 * to the same text. --bless writes what is there now.
 */
#include "frontend/model/build_graph.h"
#include "frontend/model/model.h"
#include "tests/golden_file.h"

#include <stdlib.h>
#include <string.h>

static bool read_file(Arena *arena, const char *path, Source *source) {
    const char *slash = strrchr(path, '/');
    source->name = slash ? slash + 1 : path;
    source->text = golden_read(path, arena, &source->length);
    return source->text;
}

static const char *print_graph(const Graph *graph, Arena *arena) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) abort();
    ir_print(graph, out);
    fclose(out);
    const char *kept = arena_printf(arena, "%s", text);
    free(text);
    return kept;
}

static bool round_trips(const char *text, Arena *arena) {
    Diag diag = {.arena = arena};
    const Source source = {"printed", text, strlen(text)};
    const Graph *graph = ir_parse(arena, &diag, &source);
    return graph && strcmp(text, print_graph(graph, arena)) == 0;
}

/* Everything that a user would see of this description. */
static const char *describe(const Source *source, Arena *arena, const char **failure) {
    Diag diag = {.arena = arena};
    const Model *model = model_read(arena, &diag, source);
    const Graph *graph = NULL;
    if (model && model_check_lowered(model, &diag)) graph = model_build_graph(model, arena, &diag);
    if (graph && !ir_verify(graph)) *failure = "its graph does not verify";
    const char *text = graph ? print_graph(graph, arena) : "";
    if (graph && !*failure && !round_trips(text, arena)) *failure = "its graph does not round-trip";
    if (!graph && !diag.errors) *failure = "there is neither a graph nor an error";
    return arena_printf(arena, "%s%s", golden_messages(&diag, arena), text);
}

static bool run_file(const char *path, bool bless) {
    Arena *arena = arena_create();
    Source source = {0}, expected = {0};
    const char *failure = NULL, *found = "";
    const size_t stem = strlen(path) - (strlen(path) > 5 ? strlen(".yaml") : 0);
    const char *other = arena_printf(arena, "%.*s.expected", (int)stem, path);
    if (!read_file(arena, path, &source))
        failure = "it cannot be read";
    else
        found = describe(&source, arena, &failure);
    if (!failure && bless && !golden_write(other, found)) failure = "cannot be blessed";
    if (!failure && !read_file(arena, other, &expected)) failure = "there is no .expected file";
    if (!failure && strcmp(expected.text, found) != 0) failure = "differs from what is expected";
    if (failure) printf("FAIL %s: %s\n%s", path, failure, found);
    arena_destroy(arena);
    return !failure;
}

int main(int argc, char **argv) {
    const bool bless = argc > 1 && strcmp(argv[1], "--bless") == 0;
    int failed = 0;
    for (int i = 1 + bless; i < argc; i++) failed += !run_file(argv[i], bless);
    printf("%d of %d descriptions fail\n", failed, argc - 1 - bless);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
