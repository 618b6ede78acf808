/* test_text.c - graphs as text: what is printed parses to the same, and nothing else gets through.
 */
#include "ir/ir.h"
#include "tests/unit/arena_fixture.h"

#include <float.h>

static Graph *parse_bytes(const char *text, size_t length) {
    Source *source = ARENA_NEW(arena, Source);
    char *bytes = malloc(length ? length : 1); /* for the sanitizer to see what is read behind it */
    memcpy(bytes, text, length);
    *source = (Source){"test.ir", bytes, length};
    Graph *graph = ir_parse(arena, &diag, source);
    ck_assert_int_eq(graph == NULL, diag.errors > 0);
    free(bytes); /* places into it are not looked at */
    return graph;
}

static Graph *parse(const char *text) {
    Graph *graph = parse_bytes(text, strlen(text));
    if (!graph) ck_abort_msg("%s", diag.first->message);
    return graph;
}

static void expect_round_trip(const char *text) {
    ck_assert_str_eq(print_graph(parse(text)), text);
}

/* The message of the first error. */
static void expect_refused(const char *text, const char *message) {
    diag = (Diag){.arena = arena};
    if (parse_bytes(text, strlen(text))) ck_abort_msg("expected: %s", message);
    assert_says(diag.first->message, message);
}

#define HEAD                                                                                       \
    "graph @t {context = 8, chunk = 4} {\n"                                                        \
    "  @e = param : f32[5, 4]\n"                                                                   \
    "  %2 = tokens : i32[T]\n"                                                                     \
    "  %3 = embed %2, @e : f32[T, 4]\n"

/* ---- round trips ---- */

static const char *const every_part =
    "graph @every-part_1.0 {context = 8, chunk = 4, arena = 4096, cache = 128} {\n"
    "  @e = param : f32[5, 4]\n"
    "  @w = param : f32[8, 4]\n"
    "  @w.wide = stack @w, @e : f32[13, 4]\n"
    "  @b = zeros : f32[4]\n"
    "  %5 = tokens : i32[T]\n"
    "  %6 = position : i32[1]\n"
    "  %7 = embed %5, @e : f32[T, 4] at 0 stride 32\n"
    "  %8 = norm %7, none, @b {kind = rms, eps = 1e-05} : f32[T, 4] at 128 stride 32\n"
    "  %9 = project %8, @w.wide : f32[T, 13] with {rows = 14, panels = 1, block = 126}\n"
    "  %10 = slice %9 {to = 4} in %9 : f32[T, 4] at 256 stride 32\n"
    "  %11 = append %10, %6 {cache = blocks.0.k, context = 8} : f32[8, 4] at 0 stride 4\n"
    "  %12 = append %10, %6 {cache = blocks.0.v, context = 8} : f32[8, 4] at 64 stride 4\n"
    "  %13 = attend %10, %11, %12, %6 {causal = false, alibi = true} : f32[T, 4] with {keys = "
    "128}\n"
    "  %14 = write %7, %13 {carry = 0} : f32[T, 4] at 0 stride 32\n"
    "  %15 = last %14 : f32[L, 4]\n"
    "  return %15\n"
    "}\n";

START_TEST(every_part_of_the_text_comes_back) {
    expect_round_trip(every_part);
}
END_TEST

START_TEST(a_printed_node_is_a_line_of_the_graph) {
    const Graph *graph = parse(every_part);
    FILE *out = text_begin();
    ir_print_node(graph, (Ref){3}, out);
    fputc('|', out);
    ir_print_node(graph, (Ref){10}, out);
    ck_assert_str_eq(text_end(out), "@w.wide = stack @w, @e : f32[13, 4]|"
                                    "%10 = slice %9 {to = 4} in %9 : f32[T, 4] at 256 stride 32");
}
END_TEST

START_TEST(numbers_are_the_shortest_that_come_back_the_same) {
    const double values[] = {1e-5,          0.1,          1.0 / 3, -2.5,   3,       1e300,
                             DBL_MIN,       DBL_TRUE_MIN, DBL_MAX, 0.125,  1e22,    12345678,
                             0x1p-1074 * 3, 0.1 + 0.2,    1e-7,    100000, 1234567, 5e-324};
    Graph *graph = parse(HEAD "  %4 = scale %3 {scale = 2} : f32[T, 4]\n  return %4\n}\n");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        ir_node(graph, graph->result)->attr.scale = values[i];
        const Graph *back = parse(print_graph(graph));
        ck_assert(ir_node(back, back->result)->attr.scale == values[i]);
    }
    ir_node(graph, graph->result)->attr.scale = 1e-5;
    assert_says(print_graph(graph), "{scale = 1e-05}");
    ir_node(graph, graph->result)->attr.scale = 0.1;
    assert_says(print_graph(graph), "{scale = 0.1}");
}
END_TEST

START_TEST(attributes_that_are_the_default_are_not_printed) {
    const Graph *graph = parse(HEAD "  %4 = norm %3 {kind = l2, eps = 0, groups = 1} : f32[T, 4]\n"
                                    "  return %4\n}\n");
    assert_says(print_graph(graph), "%4 = norm %3 {kind = l2} : f32[T, 4]\n");
}
END_TEST

/* ---- what a writer is free to do ---- */

START_TEST(labels_are_renumbered_in_order) {
    const char *text = "graph @t {context = 8, chunk = 4} {\n"
                       "  @e = param : f32[5, 4]\n"
                       "  %900 = tokens : i32[T]\n"
                       "  %007 = embed %900, @e : f32[T, 4]\n"
                       "  %0 = scale %7 : f32[T, 4]\n"
                       "  return %0\n}\n";
    ck_assert_str_eq(print_graph(parse(text)),
                     HEAD "  %4 = scale %3 : f32[T, 4]\n  return %4\n}\n");
}
END_TEST

START_TEST(blanks_and_comments_do_not_matter) {
    const char *text = "# a comment\r\n\n"
                       "graph@t{chunk=4,context=8}{ # here\r\n"
                       "\t@e=param:f32[5,4]\n\n"
                       "# between\n"
                       "%2=tokens:i32[T]#behind\n"
                       "   %3   =   embed   %2  ,  @e   :   f32 [ T , 4 ]  \r\n"
                       "return%3\n"
                       "}\n\n# the end";
    ck_assert_str_eq(print_graph(parse(text)), HEAD "  return %3\n}\n");
}
END_TEST

/* ---- what is refused; tests/errors has the messages with their places ---- */

START_TEST(sizes_are_bounded) {
    expect_refused("graph @t {context = 0, chunk = 1} {\n", "context must be 1 to 16777216");
    expect_refused("graph @t {context = 16777217, chunk = 1} {\n", "found 16777217");
    expect_refused("graph @t {context = 8, chunk = 9} {\n", "chunk must be 1 to the context");
    expect_refused("graph @t {context = 8} {\n", "chunk must be 1 to the context");
    expect_refused("graph @t {context = 99999999999999999999, chunk = 1} {\n", "too large");
    expect_refused("graph @t {context = 8, chunk = 8, arena = -1} {\n", "arena and cache must be");
    expect_refused(HEAD "  @x = param : f32[1099511627776, 1]\n  return %3\n}\n", "2^40 - 1");
    expect_refused(HEAD "  @x = param : f32[0]\n  return %3\n}\n", "a dimension must be 1");
    expect_refused(HEAD "  @x = param : f32[-5]\n  return %3\n}\n", "a dimension must be 1");
    expect_refused(HEAD "  @x = param : f32[8388608, 8388609]\n  return %3\n}\n", "too large");
    expect_refused(HEAD "  @x = param : f32[1, 2, 3, 4]\n  return %3\n}\n", "more than 3");
    expect_refused(HEAD "  %4 = scale %3 {scale = 1e999} : f32[T, 4]\n  return %4\n}\n",
                   "too large");
}
END_TEST

START_TEST(the_largest_value_is_allowed) {
    parse(HEAD "  @x = param : f32[8388608, 8388608]\n  return %3\n}\n");
}
END_TEST

START_TEST(names_are_bounded) {
    char name[257];
    memset(name, 'n', 256);
    name[256] = '\0';
    expect_refused(arena_printf(arena, "%s  @%s = param : f32[4]\n  return %%3\n}\n", HEAD, name),
                   "a name of 256 characters: at most 255");
    diag = (Diag){.arena = arena};
    name[255] = '\0';
    parse(arena_printf(arena, "%s  @%s = param : f32[4]\n  return %%3\n}\n", HEAD, name));
}
END_TEST

START_TEST(a_line_that_is_wrong_does_not_hide_the_next) {
    const char *text = HEAD "  %4 = scal %3 : f32[T, 4]\n"
                            "  %5 = scale %4 : f32[T, 4]\n"
                            "  %6 = scale %9 : f32[T, 4]\n"
                            "  %7 = multiply %5, %6 : f32[T, 4]\n"
                            "  %8 = softmax %3, %3 : f32[T, 4]\n"
                            "  return %7\n}\n";
    ck_assert_ptr_null(parse_bytes(text, strlen(text)));
    ck_assert_int_eq(diag.errors, 3);
    ck_assert_str_eq(diag.first->message, "unknown operation 'scal'");
    ck_assert_str_eq(diag.first->hint, "did you mean 'scale'?");
    ck_assert_str_eq(diag.first->next->message, "'%9' is not defined");
    ck_assert_str_eq(diag.last->message, "'softmax' takes 1 operand, found more");
}
END_TEST

START_TEST(any_number_of_errors_is_counted) {
    const size_t lines = 5000, head = strlen(HEAD);
    char *text = ARENA_ARRAY(arena, char, head + lines * 2 + 1);
    memcpy(text, HEAD, head);
    for (size_t i = 0; i < lines; i++) memcpy(text + head + 2 * i, "?\n", 2);
    ck_assert_ptr_null(parse_bytes(text, head + lines * 2));
    ck_assert_int_eq(diag.errors, 5001);
}
END_TEST

/* ---- any bytes ---- */

START_TEST(a_text_that_ends_anywhere_is_refused) {
    const size_t length = strlen(every_part);
    for (size_t end = 0; end + 2 < length; end++) { /* the last brace needs no line end */
        diag = (Diag){.arena = arena};
        ck_assert_ptr_null(parse_bytes(every_part, end));
        ck_assert_int_gt(diag.errors, 0);
    }
}
END_TEST

START_TEST(a_byte_that_changes_is_noticed_or_harmless) {
    static const char bytes[] = {'\0', '9', '-', '%', '@', '\n', ' ', 'T', '{', '\x80', '#', '='};
    const size_t length = strlen(every_part);
    char *text = malloc(length);
    for (size_t at = 0; at < length; at++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            memcpy(text, every_part, length);
            text[at] = bytes[i];
            Arena *outer = arena;
            arena = arena_create();
            diag = (Diag){.arena = arena};
            const Graph *graph = parse_bytes(text, length);
            if (graph) expect_round_trip(print_graph(graph));
            arena_destroy(arena);
            arena = outer;
        }
    }
    free(text);
}
END_TEST

START_TEST(a_large_graph_is_read) {
    enum { NODES = 100000, LINE = 64 };
    char *text = malloc(NODES * LINE);
    size_t length = (size_t)sprintf(text, "%s", HEAD);
    for (int i = 4; i < NODES; i++)
        length += (size_t)sprintf(text + length, "  %%%d = scale %%%d : f32[T, 4]\n", i, i - 1);
    length += (size_t)sprintf(text + length, "  return %%%d\n}\n", NODES - 1);
    const Graph *graph = parse_bytes(text, length);
    ck_assert_ptr_nonnull(graph);
    ck_assert_uint_eq(graph->count, NODES);
    ck_assert_str_eq(print_graph(graph), arena_printf(arena, "%.*s", (int)length, text));
    free(text);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("text");
    TCase *tests = suite_case(suite, "text", make_arena, drop_arena);
    tcase_add_test(tests, every_part_of_the_text_comes_back);
    tcase_add_test(tests, a_printed_node_is_a_line_of_the_graph);
    tcase_add_test(tests, numbers_are_the_shortest_that_come_back_the_same);
    tcase_add_test(tests, attributes_that_are_the_default_are_not_printed);
    tcase_add_test(tests, labels_are_renumbered_in_order);
    tcase_add_test(tests, blanks_and_comments_do_not_matter);
    tcase_add_test(tests, sizes_are_bounded);
    tcase_add_test(tests, the_largest_value_is_allowed);
    tcase_add_test(tests, names_are_bounded);
    tcase_add_test(tests, a_line_that_is_wrong_does_not_hide_the_next);
    tcase_add_test(tests, any_number_of_errors_is_counted);
    tcase_add_test(tests, a_text_that_ends_anywhere_is_refused);
    tcase_add_test(tests, a_byte_that_changes_is_noticed_or_harmless);
    tcase_add_test(tests, a_large_graph_is_read);
    return suite_run(suite);
}
