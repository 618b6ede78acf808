/* interp_model.h - a graph in text, its params, and calls of the interpreter: for tests. */
#ifndef TESTS_INTERP_MODEL_H
#define TESTS_INTERP_MODEL_H

#include "ir/interp.h"
#include "tests/check.h"

#include <math.h>

/* Params by name; one that is not listed has values made of a seed and its name. */
typedef struct {
    const char *name;
    const float *values;
} Param;

static inline bool test_rows(const Weights *weights, const char *name, int64_t first, int64_t count,
                             int64_t columns, float *out) {
    if (strcmp(name, "unreadable") == 0) return false;
    for (const Param *param = weights->context; param && param->name; param++) {
        if (strcmp(param->name, name) != 0) continue;
        memcpy(out, param->values + first * columns, (size_t)(count * columns) * sizeof *out);
        return true;
    }
    uint32_t state = 1;
    for (const char *c = name; *c; c++) state = state * 31 + (unsigned char)*c;
    for (int64_t i = 0; i < (first + count) * columns; i++) {
        state = state * 1664525u + 1013904223u;
        if (i >= first * columns) out[i - first * columns] = (float)(state >> 8) / (1 << 23) - 1;
    }
    return true;
}

typedef struct {
    Arena *arena;
    Diag diag;
    Source source;
    Weights weights;
    Graph *graph;
    Interp *interp;
} Model;

/* `body` stands between the graph's braces; context and chunk are 8. */
static inline Model *open_model(const char *body, const Param *params) {
    Arena *arena = arena_create();
    Model *m = ARENA_NEW(arena, Model);
    m->arena = arena;
    m->diag.arena = arena;
    m->source.name = "test.ir";
    m->source.text = arena_printf(arena, "graph @test {context = 8, chunk = 8} {\n%s}\n", body);
    m->source.length = strlen(m->source.text);
    m->weights = (Weights){.rows = test_rows, .context = params};
    m->graph = ir_parse(arena, &m->diag, &m->source);
    if (!m->graph || !ir_verify(m->graph)) {
        diag_print(&m->diag, stderr);
        ck_abort_msg("the graph of the test is not valid");
    }
    m->interp = interp_create(m->graph, &m->weights);
    ck_assert_ptr_nonnull(m->interp);
    return m;
}

static inline void close_model(Model *m) {
    interp_destroy(m->interp);
    arena_destroy(m->arena);
}

static const int32_t counting[] = {0, 1, 2, 3, 4, 5, 6, 7};

/* Tokens 0, 1, ... from `position` on: an embed gives the rows of its table in order. */
static inline void run(Model *m, int64_t count, int64_t position, double *out) {
    bool ok = interp_run(m->interp, counting, count, position, count, out);
    if (!ok) diag_print(&m->diag, stderr);
    ck_assert(ok);
}

static inline void expect(const double *found, const double *expected, int count) {
    for (int i = 0; i < count; i++)
        if (!(found[i] == expected[i] || fabs(found[i] - expected[i]) <= 1e-7))
            ck_abort_msg("element %d: expected %.12g, found %.12g", i, expected[i], found[i]);
}

/* The result of a graph for `count` tokens from position 0 on. */
static inline void check_graph(const char *body, const Param *params, int64_t count,
                               const double *expected, int size) {
    double out[64];
    ck_assert_int_le(size, 64);
    Model *m = open_model(body, params);
    run(m, count, 0, out);
    expect(out, expected, size);
    close_model(m);
}

/* The message of the only error. */
static inline void expect_error(const Model *m, const char *part) {
    ck_assert_int_eq(m->diag.errors, 1);
    assert_says(m->diag.first->message, part);
}

#define FLOATS(...)  ((const float[]){__VA_ARGS__})
#define DOUBLES(...) ((const double[]){__VA_ARGS__})
#define PARAMS(...)  ((const Param[]){__VA_ARGS__, {0}})

#define TWO_ROWS                                                                                   \
    "  @x = param : f32[2, 4]\n"                                                                   \
    "  @gain = param : f32[4]\n"                                                                   \
    "  @part = param : f32[2]\n"                                                                   \
    "  @bias = param : f32[4]\n"                                                                   \
    "  %5 = tokens : i32[T]\n"                                                                     \
    "  %6 = embed %5, @x : f32[T, 4]\n"

static const Param two_rows[] = {{"x", (const float[]){1, 3, 5, 7, 0, 3, 0, 4}},
                                 {"gain", (const float[]){1, 2, 3, 4}},
                                 {"part", (const float[]){10, 100}},
                                 {"bias", (const float[]){1, 0, 0, -1}},
                                 {0}};

/* 4 query heads of 3 dimensions share 2 key heads. */
#define QKV                                                                                        \
    "  @q = param : f32[8, 12]\n"                                                                  \
    "  @k = param : f32[8, 6]\n"                                                                   \
    "  @v = param : f32[8, 6]\n"                                                                   \
    "  %4 = tokens : i32[T]\n"                                                                     \
    "  %5 = position : i32[1]\n"                                                                   \
    "  %6 = embed %4, @q : f32[T, 12]\n"                                                           \
    "  %7 = embed %4, @k : f32[T, 6]\n"                                                            \
    "  %8 = embed %4, @v : f32[T, 6]\n"                                                            \
    "  %9 = append %7, %5 {cache = k, heads = 2, context = 8} : f32[8, 6]\n"                       \
    "  %10 = append %8, %5 {cache = v, heads = 2, context = 8} : f32[8, 6]\n"

static inline Model *open_attend(const char *attributes) {
    char text[2048];
    snprintf(text, sizeof text,
             "%s  %%11 = attend %%6, %%9, %%10, %%5 {heads = 4, kv_heads = 2%s} : f32[T, 12]\n"
             "  return %%11\n",
             QKV, attributes);
    return open_model(text, NULL);
}

static inline Model *open_mix(const char *attributes) {
    char text[2048];
    snprintf(text, sizeof text,
             "%s  %%11 = scores %%6, %%9, %%5 {heads = 4, kv_heads = 2%s} : f32[T, 4, 8]\n"
             "  %%12 = softmax %%11 : f32[T, 4, 8]\n"
             "  %%13 = mix %%12, %%10 {heads = 4, kv_heads = 2} : f32[T, 12]\n"
             "  return %%13\n",
             QKV, attributes);
    return open_model(text, NULL);
}

#endif
