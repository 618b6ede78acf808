/* golden.c - graphs as text: input, a line "----", what is expected of it.
 *
 *   golden [--bless] FILE.ir ...
 *
 * A first line "# pass: NAME,NAME" runs passes, for a machine with AVX-512. What comes out, a graph
 * or diagnostics, must be the expected text; a graph must also print and parse to the same text,
 * and compute what the input computes. --bless writes what comes out.
 */
#include "ir/interp.h"
#include "passes/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 3, MOST_CONTEXT = 4096 };

static const Machine machine = {16, 32, 48 << 10, 2 << 20};

/* ---- values: the same before and after ---- */

static bool made_up_rows(const Weights *weights, const char *param, int64_t first, int64_t count,
                         int64_t columns, float *out) {
    uint32_t seed = 2166136261u;
    (void)weights;
    for (; *param; param++) seed = (seed ^ (unsigned char)*param) * 16777619u;
    for (int64_t i = 0; i < count * columns; i++) {
        uint32_t h = (seed ^ (uint32_t)(first * columns + i)) * 2654435761u;
        h = (h ^ h >> 15) * 2246822519u;
        out[i] = (float)(h >> 8) / (float)(1 << 23) - 1;
    }
    return true;
}

/* Logits of some tokens in a buffer to be freed; null where the graph is not one of tokens. */
static double *evaluate(const Graph *graph, int64_t tokens) {
    const Weights weights = {made_up_rows, NULL};
    const int32_t token[TOKENS] = {2, 0, 1};
    const Type type = ir_node(graph, graph->result)->type;
    Interp *interp = interp_create(graph, &weights);
    double *out = calloc((size_t)(tokens * type.dim[1]), sizeof *out);
    bool is_done = interp && out && interp_run(interp, token, tokens, 0, tokens, out);
    interp_destroy(interp);
    if (is_done) return out;
    free(out);
    return NULL;
}

static const char *compare_values(const Graph *before, const Graph *after) {
    const Type type = ir_node(before, before->result)->type;
    if (type.rank != 2 || before->chunk < TOKENS || before->context > MOST_CONTEXT) return NULL;
    const int64_t tokens = type.dim[0] > 0 ? type.dim[0] : TOKENS;
    if (tokens > TOKENS) return NULL;
    double *x = evaluate(before, tokens), *y = evaluate(after, tokens);
    const char *failure = x && y ? NULL : "does not evaluate";
    for (int64_t i = 0; !failure && i < tokens * type.dim[1]; i++)
        if (!(fabs(x[i] - y[i]) <= 1e-9 * (1 + fabs(x[i])))) failure = "changed the values";
    free(x);
    free(y);
    return failure;
}

/* ---- one file ---- */

static char *read_file(Arena *arena, const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    rewind(file);
    char *text = ARENA_ARRAY(arena, char, (size_t)size + 1);
    *length = fread(text, 1, (size_t)size, file);
    fclose(file);
    return text;
}

static const char *round_trip(Arena *arena, const char *text) {
    char *again = NULL;
    size_t size = 0;
    Diag diag = {.arena = arena};
    const Source source = {"printed", text, strlen(text)};
    const Graph *graph = ir_parse(arena, &diag, &source);
    if (!graph) return "its text does not parse";
    FILE *out = open_memstream(&again, &size);
    if (!out) abort();
    ir_print(graph, out);
    fclose(out);
    const char *failure = strcmp(text, again) == 0 ? NULL : "its text does not round-trip";
    free(again);
    return failure;
}

/* What a user sees of the graph goes to `out`; a property that fails is returned. */
static const char *process(Arena *arena, const Source *source, const char *passes, FILE *out) {
    Diag diag = {.arena = arena};
    Graph *graph = ir_parse(arena, &diag, source);
    const Graph *original = graph ? ir_graph_copy(graph, arena) : NULL;
    const PassOptions options = {.machine = &machine, .only = passes};
    bool ok = graph && (!passes || pass_run_all(graph, &options));
    diag_print(&diag, out);
    if (!ok) return diag.errors ? NULL : "fails without an error";
    ir_print(graph, out);
    return compare_values(original, graph);
}

static bool write_file(const char *path, const char *input, const char *output) {
    FILE *file = fopen(path, "wb");
    if (!file) return false;
    const bool is_written = fprintf(file, "%s----\n%s", input, output) >= 0;
    return fclose(file) == 0 && is_written;
}

static const char *check(Arena *arena, const char *path, char **output, char **input,
                         const char **expected) {
    size_t length = 0, size = 0;
    *input = read_file(arena, path, &length);
    char *split = *input ? strstr(*input, "\n----\n") : NULL;
    if (!split) return "no file, or no line ----";
    *expected = split + 6;
    split[1] = '\0';
    char passes[256] = "";
    sscanf(*input, "# pass: %255s", passes);
    const char *slash = strrchr(path, '/');
    const Source source = {slash ? slash + 1 : path, *input, strlen(*input)};
    FILE *out = open_memstream(output, &size);
    if (!out) abort();
    const char *failure = process(arena, &source, *passes ? passes : NULL, out);
    fclose(out);
    if (!failure && strncmp(*output, "graph", 5) == 0) failure = round_trip(arena, *output);
    return failure;
}

static bool run_file(const char *path, bool bless) {
    Arena *arena = arena_create();
    char *input = NULL, *output = NULL;
    const char *expected = "";
    const char *failure = check(arena, path, &output, &input, &expected);
    if (!failure && strcmp(expected, output) != 0) {
        failure = "differs from what is expected";
        if (bless) failure = write_file(path, input, output) ? NULL : "cannot be written";
    }
    printf("%s %s%s%s\n", failure ? "FAIL" : "ok  ", path, failure ? ": " : "",
           failure ? failure : "");
    if (failure && output) fputs(output, stdout);
    free(output);
    arena_destroy(arena);
    return !failure;
}

int main(int argc, char **argv) {
    const bool bless = argc > 1 && strcmp(argv[1], "--bless") == 0;
    bool ok = true;
    for (int i = 1 + bless; i < argc; i++) ok &= run_file(argv[i], bless);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
