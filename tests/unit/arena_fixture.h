/* arena_fixture.h - an arena and diagnostics in it, new for each test; graphs of texts. */
#ifndef ARENA_FIXTURE_H
#define ARENA_FIXTURE_H

#include "ir/ir.h"
#include "tests/check.h"

static Arena *arena;
static Diag diag;

static inline void make_arena(void) {
    arena = arena_create();
    diag = (Diag){.arena = arena};
}

static inline void drop_arena(void) {
    arena_destroy(arena);
}

/* There is one error, and this is all it says; hint may be null. */
static inline void assert_error(const char *message, const char *hint) {
    ck_assert_int_eq(diag.errors, 1);
    ck_assert_str_eq(diag.first->message, message);
    ck_assert_pstr_eq(diag.first->hint, hint);
}

static inline Source *source_in_arena(const char *name, const char *text) {
    Source *source = ARENA_NEW(arena, Source);
    *source = (Source){name, text, strlen(text)};
    return source;
}

static inline Graph *parse_graph(const char *text) {
    Graph *graph = ir_parse(arena, &diag, source_in_arena("test.ir", text));
    if (graph && ir_verify(graph)) return graph;
    diag_print(&diag, stderr);
    ck_abort_msg("the graph of the test is not valid");
    return NULL;
}

static inline const char *print_graph(const Graph *graph) {
    FILE *out = text_begin();
    ir_print(graph, out);
    return arena_printf(arena, "%s", text_end(out));
}

#endif
