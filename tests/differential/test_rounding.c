/* test_rounding.c - random models in bf16, q8 and q4, held against themselves unrounded.
 *
 *   test_rounding [models [first seed]]
 *
 * Streams of trained models have a few columns that are hundreds of times the others, which the
 * gains of norms tame, and means that are many times the deviation. The weights here are made so.
 * Compiled code may be off the model in double precision, whose norms are where the description has
 * them, by what rounding its own matrices and rows costs, and not by what is done to them before.
 */
#include "frontend/compiler/thalweg.h"
#include "frontend/model/build_graph.h"
#include "frontend/model/model.h"
#include "frontend/weights/synthetic.h"
#include "tests/differential/random_model.h"
#include "tests/folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 11, MOST_LOGITS = TOKENS * 320 };

/* Beyond it nothing is left of the logits: what rounding does to them is chance. */
#define MOST_ERROR 0.5

static const char *const types[] = {"bf16", "q8", "q4"};

/* ---- weights ---- */

typedef struct {
    int64_t width;
    int64_t massive[2]; /* columns of the stream */
    double size, mean;  /* of these columns, and of all; in those of the others */
} Outliers;

static bool is_named(const char *param, const char *end) {
    const size_t length = strlen(param), tail = strlen(end);
    return length >= tail && strcmp(param + length - tail, end) == 0;
}

/* A row of the stream, or a gain of what reads it. */
static void put_outliers(const Outliers *o, const char *param, int64_t columns, float *row) {
    const bool is_gain = is_named(param, "norm.gain");
    if (columns != o->width || (!is_gain && strcmp(param, "embed.tokens") != 0)) return;
    const double deviation = 0.6 / sqrt((double)columns);
    for (int i = 0; i < 2; i++) row[o->massive[i]] *= (float)(is_gain ? 10 / o->size : o->size);
    for (int64_t c = 0; c < columns && !is_gain; c++) row[c] += (float)(o->mean * deviation);
}

typedef struct {
    const Graph *graph;
    const Outliers *outliers;
    uint64_t seed;
    FILE *file;
} Writing;

/* Rows and columns of a param; those of a vector are one row. */
static void sizes(const Node *param, int64_t *rows, int64_t *columns) {
    const bool is_matrix = param->type.rank > 1;
    *rows = is_matrix ? param->type.dim[0] : 1;
    *columns = param->type.dim[is_matrix];
}

static const char *header_of(const Graph *graph, Arena *arena) {
    const char *text = "{", *comma = "";
    long long at = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        int64_t rows, columns;
        if (node->op != OP_param) continue;
        sizes(node, &rows, &columns);
        const long long end = at + (long long)(rows * columns) * (long long)sizeof(float);
        const char *first =
            node->type.rank > 1 ? arena_printf(arena, "%lld,", (long long)rows) : "";
        text = arena_printf(arena,
                            "%s%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s%lld],"
                            "\"data_offsets\":[%lld,%lld]}",
                            text, comma, node->name, first, (long long)columns, at, end);
        comma = ",";
        at = end;
    }
    return arena_printf(arena, "%s}", text);
}

static bool write_param(const Writing *w, const Node *param) {
    const Weights made = synthetic_weights(&w->seed);
    int64_t rows, columns;
    sizes(param, &rows, &columns);
    float *row = calloc((size_t)columns, sizeof *row);
    bool ok = row != NULL;
    for (int64_t r = 0; ok && r < rows; r++) {
        ok = made.rows(&made, param->name, r, 1, columns, row);
        put_outliers(w->outliers, param->name, columns, row);
        ok = ok && fwrite(row, sizeof *row, (size_t)columns, w->file) == (size_t)columns;
    }
    free(row);
    return ok;
}

static bool write_weights(const Graph *graph, const Outliers *outliers, uint64_t seed,
                          const char *path, Arena *arena) {
    const Writing w = {graph, outliers, seed, fopen(path, "wb")};
    if (!w.file) return false;
    const char *header = header_of(graph, arena);
    const uint64_t length = strlen(header);
    bool ok = fwrite(&length, sizeof length, 1, w.file) == 1 && fputs(header, w.file) >= 0;
    for (uint32_t i = 1; ok && i < graph->count; i++)
        if (graph->node[i].op == OP_param) ok = write_param(&w, &graph->node[i]);
    return fclose(w.file) == 0 && ok;
}

/* ---- one model ---- */

typedef struct {
    const char *folder;
    char what[256]; /* what went wrong */
} Run;

typedef struct {
    const char *text, *type, *cpu;
    int64_t vocab, outputs;
    int32_t token[TOKENS];
} Case;

static bool wrong(Run *run, const char *what) {
    snprintf(run->what, sizeof run->what, "%s", what);
    return false;
}

static Thalweg *open_model(const Run *run, Case *c, ThalwegOptions options) {
    options.cache_directory = run->folder;
    options.cpu = c->cpu;
    options.no_code_cache = true;
    Thalweg *thalweg = thalweg_create(&options);
    if (thalweg &&
        thalweg_read_text(thalweg, "random.yaml", c->text, strlen(c->text), run->folder)) {
        c->vocab = thalweg_model(thalweg).vocab;
        c->outputs = thalweg_model(thalweg).outputs;
        for (int i = 0; i < TOKENS; i++) c->token[i] = (int32_t)((i * 5 + i * i) % c->vocab);
        return thalweg;
    }
    thalweg_destroy(thalweg);
    return NULL;
}

static bool interpret(const Run *run, Case *c, ThalwegOptions options, double *logits) {
    Thalweg *thalweg = open_model(run, c, options);
    const bool ok = thalweg && thalweg_interpret(thalweg, c->token, TOKENS, 0, TOKENS, logits);
    thalweg_destroy(thalweg);
    return ok;
}

static bool execute(const Run *run, Case *c, ThalwegOptions options, double *logits) {
    Thalweg *thalweg = open_model(run, c, options);
    TwSession *session = NULL;
    const TwSessionOptions of_session = {.threads = 1, .logit_rows = TOKENS};
    bool ok = thalweg && thalweg_program(thalweg) && thalweg_weights(thalweg) &&
              tw_session_create(thalweg_program(thalweg), thalweg_weights(thalweg), &of_session,
                                &session) == TW_OK &&
              tw_session_step(session, c->token, TOKENS, TOKENS) == TW_OK;
    for (int row = 0; ok && row < TOKENS; row++)
        for (int64_t i = 0; i < c->outputs; i++)
            logits[row * c->outputs + i] = (double)tw_session_logits(session, row)[i];
    tw_session_destroy(session);
    thalweg_destroy(thalweg);
    return ok;
}

/* Root of the mean square of a - b over b's deviation; where a softcap leaves next to none, floats
 * cannot tell them apart. */
static double error_of(const double *a, const double *b, int64_t count) {
    double mean = 0, off = 0, variance = 0, square = 0;
    for (int64_t i = 0; i < count; i++) mean += b[i] / (double)count;
    for (int64_t i = 0; i < count; i++) {
        off += (a[i] - b[i]) * (a[i] - b[i]);
        variance += (b[i] - mean) * (b[i] - mean);
        square += b[i] * b[i];
    }
    return square > 0 ? sqrt(off) / (sqrt(variance) + 1e-4 * sqrt(square)) : 0;
}

static bool compare(Run *run, Case *c) {
    double exact[MOST_LOGITS], rounded[MOST_LOGITS], compiled[MOST_LOGITS];
    if (!interpret(run, c, (ThalwegOptions){.exact = true, .weights_type = "f32"}, exact) ||
        !interpret(run, c, (ThalwegOptions){.passes = "quantise", .weights_type = c->type},
                   rounded))
        return wrong(run, "the interpreter fails");
    if (!execute(run, c, (ThalwegOptions){.weights_type = c->type}, compiled))
        return wrong(run, "compiled code fails");
    const int64_t count = TOKENS * c->outputs;
    const double alone = error_of(rounded, exact, count), all = error_of(compiled, exact, count);
    if (alone > MOST_ERROR || all <= 1.5 * alone + 1e-3) return true;
    snprintf(run->what, sizeof run->what, "%s for %s is off by %.2g, rounding alone by %.2g",
             c->type, c->cpu ? c->cpu : "this processor", all, alone);
    return false;
}

/* Processors that round rows and weights in their own ways, as far as this one can stand for them.
 */
static const char *choose_cpu(uint32_t number) {
#ifdef __x86_64__
    if (number == 1) return "x86-64";
    if (number == 2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
        __builtin_cpu_supports("fma"))
        return "x86-64-v3";
    if (number == 3 && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni"))
        return "cooperlake";
#endif
    (void)number;
    return NULL;
}

/* Choice `which` of a model: 0 <= choice < count. */
static uint32_t choose(uint64_t seed, uint64_t which, uint32_t count) {
    const uint64_t mixed = (seed * 16 + which) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)((mixed ^ mixed >> 29) >> 32) % count;
}

/* The model with its weights in a file. */
static const char *take_weights(Run *run, const char *text, Outliers outliers, uint64_t seed,
                                Arena *arena) {
    Diag diag = {.arena = arena};
    const Source source = {"random.yaml", text, strlen(text)};
    const Model *model = model_read(arena, &diag, &source);
    Graph *graph = model ? model_build_graph(model, arena, &diag) : NULL;
    if (!graph) return NULL;
    outliers.width = model->width;
    for (uint32_t i = 0; i < 2; i++) outliers.massive[i] = choose(seed, i, (uint32_t)model->width);
    const char *path = arena_printf(arena, "%s/random.safetensors", run->folder);
    if (!write_weights(graph, &outliers, seed, path, arena)) return NULL;
    const char *weights = strstr(text, "weights: {");
    if (!weights) return NULL;
    return arena_printf(arena, "%.*sweights: {file: random.safetensors}\n", (int)(weights - text),
                        text);
}

static bool passes(uint64_t seed, void *context) {
    Run *run = context;
    static const double size[] = {500, 1, 50}, mean[] = {0, 30, 3, 10};
    Tape tape;
    char text[MODEL_TEXT_MAX];
    tape_draw(&tape, seed);
    if (!random_model(&tape, text, sizeof text)) return wrong(run, "the model is too long");
    if (strstr(text, "pooling: ")) return true; /* one row says nothing of a spread */
    Arena *arena = arena_create();
    const Outliers outliers = {.size = size[choose(seed, 2, 3)], .mean = mean[choose(seed, 3, 4)]};
    Case c = {.text = take_weights(run, text, outliers, seed, arena),
              .type = types[choose(seed, 4, sizeof types / sizeof *types)],
              .cpu = choose_cpu(choose(seed, 5, 4))};
    const bool ok = c.text ? compare(run, &c) : wrong(run, "no weights can be made");
    arena_destroy(arena);
    if (!ok) printf("seed %llu: %s\n%s\n", (unsigned long long)seed, run->what, text);
    return ok;
}

/* Floats know such a mean to 6e-5 of the deviation: the logits must not. */
static bool keeps_digits_beside_a_mean(Run *run) {
    static const char text[] = "thalweg: 1\nname: mean\nvocab: 40\ncontext: 16\n"
                               "stream: {width: 768}\nblocks: []\n"
                               "head: {norm: layer, tied: false}\nweights: {synthetic: 1}\n";
    double exact[MOST_LOGITS], compiled[MOST_LOGITS], off = INFINITY;
    Arena *arena = arena_create();
    Case c = {.text = take_weights(run, text, (Outliers){.size = 1, .mean = 1000}, 1, arena)};
    if (c.text && interpret(run, &c, (ThalwegOptions){.exact = true}, exact) &&
        execute(run, &c, (ThalwegOptions){0}, compiled))
        off = error_of(compiled, exact, TOKENS * c.outputs);
    arena_destroy(arena);
    if (off > 1e-5) printf("a mean of 1000 deviations: off by %.2g\n", off);
    return off <= 1e-5;
}

int main(int count, char **argument) {
    char folder[FOLDER_PATH];
    if (!folder_make(folder)) return 2;
    Run run = {.folder = folder};
    const bool keeps_digits = keeps_digits_beside_a_mean(&run);
    const Tally tally = check_seeds(count, argument, 100, passes, &run);
    folder_remove(folder);
    return tally.failures || !keeps_digits;
}
