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
#include "tests/golden_file.h"
#include "tests/machine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 3, MOST_ELEMENTS = 1 << 20 };

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

/* A call that a graph can be asked for. */
typedef struct {
    int64_t tokens, rows, columns;
    int64_t given; /* values in place of a token; 0: there are tokens */
} Call;

/* False: the graph is too large to be evaluated in a test. */
static bool choose_call(const Graph *graph, Call *call) {
    int64_t elements = 0;
    *call = (Call){.tokens = graph->chunk < TOKENS ? graph->chunk : TOKENS};
    for (uint32_t i = 1; i < graph->count; i++) {
        const Type *type = &graph->node[i].type;
        int64_t count = 1;
        for (int k = 0; k < type->rank; k++) count *= type->dim[k] > 0 ? type->dim[k] : TOKENS;
        elements += count;
        if (elements > MOST_ELEMENTS) return false;
        const bool is_start = graph->node[i].op == OP_start;
        if ((graph->node[i].op == OP_tokens || is_start) && type->dim[0] > 0)
            call->tokens = type->dim[0];
        if (is_start) call->given = type->dim[1];
        /* the made up tokens have to be in the vocabulary */
        if (graph->node[i].op == OP_embed && ir_node(graph, graph->node[i].in[1])->type.dim[0] < 3)
            return false;
    }
    if (ir_ref_is_none(graph->result)) return true;
    const Type result = ir_node(graph, graph->result)->type;
    call->columns = 1;
    call->rows = result.dim[0] > 0 ? result.dim[0] : call->tokens;
    for (int k = 1; k < result.rank; k++) call->columns *= result.dim[k];
    return call->rows <= call->tokens;
}

/* The result for some tokens in a buffer to be freed; null: it does not evaluate. */
static double *evaluate(const Graph *graph, const Call *call) {
    const Weights weights = {.rows = made_up_rows};
    int32_t *token = calloc((size_t)call->tokens, sizeof *token);
    double *value = calloc((size_t)(call->tokens * call->given) + 1, sizeof *value);
    double *out = calloc((size_t)(call->rows * call->columns) + 1, sizeof *out);
    Interp *interp = interp_create(graph, &weights);
    for (int64_t t = 0; token && t < call->tokens; t++) token[t] = (int32_t)(t * 2 % 3);
    for (int64_t i = 0; value && i < call->tokens * call->given; i++) value[i] = (double)(i % 5);
    bool is_done = interp && token && value && out;
    if (is_done && call->given)
        is_done = interp_run_values(interp, value, call->tokens, 0, call->rows, out);
    else if (is_done)
        is_done = interp_run(interp, token, call->tokens, 0, call->rows, out);
    interp_destroy(interp);
    free(value);
    free(token);
    if (is_done) return out;
    free(out);
    return NULL;
}

/* Rounded weights leave the first digits of the values; nothing else changes them. */
static double tolerance(const Graph *before, const Graph *after) {
    for (uint32_t i = 1; i < after->count; i++) {
        const Node *node = &after->node[i];
        if (node->op == OP_param || node->attr.format == FORMAT_f32) continue;
        if (i >= before->count || before->node[i].attr.format != node->attr.format) return 0.2;
    }
    return 1e-9;
}

static const char *compare_values(const Graph *before, const Graph *after) {
    Call call;
    const double most = tolerance(before, after);
    if (!choose_call(before, &call)) return NULL;
    double *x = evaluate(before, &call), *y = evaluate(after, &call);
    const char *failure = x && y ? NULL : "does not evaluate";
    for (int64_t i = 0; !failure && i < call.rows * call.columns; i++) {
        const bool is_same = x[i] == y[i] || (isnan(x[i]) && isnan(y[i]));
        if (!is_same && !(fabs(x[i] - y[i]) <= most * (1 + fabs(x[i]))))
            failure = "changed the values";
    }
    free(x);
    free(y);
    return failure;
}

/* ---- one file ---- */

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
    *input = golden_read(path, arena, &length);
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
