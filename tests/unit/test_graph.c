/* test_graph.c - making graphs, asking them, sweeping and specialising them. */
#include "ir/ir.h"
#include "tests/unit/arena_fixture.h"

/* ---- graphs of the tests ---- */

#define GRAPH "graph @t {context = 8, chunk = 8} {\n%s}\n"

/* `body` stands between the braces; context and chunk are 8. */
static Graph *parse(const char *body) {
    return parse_graph(arena_printf(arena, GRAPH, body));
}

static void expect_graph(const Graph *graph, const char *body) {
    ck_assert_str_eq(print_graph(graph), arena_printf(arena, GRAPH, body));
    ck_assert(ir_verify(graph));
}

static Ref add(Graph *graph, Op op, Ref a, Ref b) {
    return ir_node_add(graph, (Node){.op = op, .in = {a, b}, .attr = ir_attrs_default()});
}

static Ref add_param(Graph *graph, const char *name, int64_t rows, int64_t columns) {
    Node node = {.op = OP_param, .name = name, .attr = ir_attrs_default()};
    node.type = (Type){DTYPE_f32, columns ? 2 : 1, {rows, columns}};
    return ir_node_add(graph, node);
}

#define STREAM                                                                                     \
    "  @e = param : f32[9, 4]\n"                                                                   \
    "  @w = param : f32[4, 4]\n"                                                                   \
    "  %3 = tokens : i32[T]\n"                                                                     \
    "  %4 = embed %3, @e : f32[T, 4]\n"

/* ---- making and asking ---- */

START_TEST(types_are_inferred_as_nodes_are_added) {
    Graph *graph = ir_graph_create(arena, &diag, "made");
    graph->context = graph->chunk = 8;
    Node tokens = {.op = OP_tokens, .type = {DTYPE_i32, 1, {IR_TOKENS}}};
    const Ref t = ir_node_add(graph, tokens);
    const Ref table = add_param(graph, "e", 9, 4), weight = add_param(graph, "w", 6, 4);
    const Ref x = add(graph, OP_embed, t, table), y = add(graph, OP_project, x, weight);
    ck_assert(ir_type_equal(ir_node(graph, x)->type, (Type){DTYPE_f32, 2, {IR_TOKENS, 4}}));
    ck_assert(ir_type_equal(ir_node(graph, y)->type, (Type){DTYPE_f32, 2, {IR_TOKENS, 6}}));
    ck_assert(ir_is_constant(ir_node(graph, weight)));
    ck_assert(!ir_is_constant(ir_node(graph, y)));
    graph->result = y;
    ck_assert(ir_verify(graph));
    ck_assert_int_eq(diag.errors, 0);
}
END_TEST

START_TEST(a_node_that_does_not_fit_is_reported_and_has_no_type) {
    Graph *graph = parse(STREAM "  return %4\n");
    const Ref bad = add(graph, OP_project, graph->result, (Ref){1});
    ck_assert_int_eq(diag.errors, 0);
    const Ref worse = add(graph, OP_project, bad, (Ref){2});
    ck_assert_int_eq(diag.errors, 1);
    ck_assert_int_eq(ir_node(graph, worse)->type.rank, 0);
    ck_assert_str_eq(diag.first->message,
                     "project: operand 2 must be f32[rows, 9], found f32[4, 4]");
    ck_assert(!ir_verify(graph));
}
END_TEST

START_TEST(a_graph_grows_as_needed) {
    Graph *graph = parse(STREAM "  return %4\n");
    for (int i = 0; i < 1000; i++) graph->result = add(graph, OP_scale, graph->result, (Ref){0});
    ck_assert_uint_eq(graph->count, 1005);
    ck_assert(ir_verify(graph));
}
END_TEST

START_TEST(a_copy_is_a_graph_of_its_own) {
    Graph *graph = parse(STREAM "  %5 = scale %4 {scale = 2} : f32[T, 4]\n  return %5\n");
    Graph *copy = ir_graph_copy(graph, arena);
    ir_node(copy, (Ref){5})->attr.scale = 3;
    add(copy, OP_scale, copy->result, (Ref){0});
    expect_graph(graph, STREAM "  %5 = scale %4 {scale = 2} : f32[T, 4]\n  return %5\n");
    ck_assert_ptr_eq(copy->diag, graph->diag);
}
END_TEST

START_TEST(uses_are_operands_and_the_result) {
    Graph *graph = parse(STREAM "  %5 = multiply %4, %4 : f32[T, 4]\n  return %5\n");
    const uint32_t *uses = ir_count_uses(graph, arena);
    ck_assert_uint_eq(uses[1], 1);
    ck_assert_uint_eq(uses[2], 0);
    ck_assert_uint_eq(uses[4], 2);
    ck_assert_uint_eq(uses[5], 1);
}
END_TEST

START_TEST(replacing_changes_operands_roots_and_result) {
    Graph *graph = parse(STREAM "  %5 = project %4, @w : f32[T, 4]\n"
                                "  %6 = project %4, @w : f32[T, 4]\n"
                                "  %7 = scale %6 {scale = 2} in %6 : f32[T, 4]\n"
                                "  return %6\n");
    ir_replace_uses(graph, (Ref){6}, (Ref){5});
    ck_assert_uint_eq(ir_node(graph, (Ref){7})->in[0].index, 5);
    ck_assert_uint_eq(ir_node(graph, (Ref){7})->root.index, 5);
    ck_assert_uint_eq(graph->result.index, 5);
}
END_TEST

START_TEST(a_node_that_becomes_its_own_root_has_none) {
    Graph *graph = parse(STREAM "  %5 = project %4, @w : f32[T, 4]\n"
                                "  %6 = scale %5 {scale = 2} in %5 : f32[T, 4]\n"
                                "  return %6\n");
    ir_replace_uses(graph, (Ref){5}, (Ref){6});
    ck_assert(ir_ref_is_none(ir_node(graph, (Ref){6})->root));
    ck_assert_uint_eq(ir_root(graph, (Ref){6}).index, 6);
}
END_TEST

/* ---- sweep ---- */

START_TEST(sweeping_drops_what_the_result_does_not_need) {
    Graph *graph =
        parse("  @unused = param : f32[3]\n" STREAM "  %5 = scale %4 {scale = 2} : f32[T, 4]\n"
              "  %6 = scale %5 {scale = 2} : f32[T, 4]\n"
              "  return %5\n");
    ir_sweep(graph, arena);
    expect_graph(graph, "  @e = param : f32[9, 4]\n"
                        "  %2 = tokens : i32[T]\n"
                        "  %3 = embed %2, @e : f32[T, 4]\n"
                        "  %4 = scale %3 {scale = 2} : f32[T, 4]\n"
                        "  return %4\n");
}
END_TEST

START_TEST(a_graph_in_order_stays_as_it_is) {
    const char *body = STREAM "  %5 = scale %4 {scale = 2} : f32[T, 4]\n"
                              "  %6 = project %4, @w : f32[T, 4]\n"
                              "  %7 = multiply %6, %5 : f32[T, 4]\n"
                              "  %8 = write %4, %7 : f32[T, 4]\n"
                              "  return %8\n";
    Graph *graph = parse(body);
    ir_sweep(graph, arena);
    expect_graph(graph, body);
}
END_TEST

START_TEST(constants_come_first) {
    Graph *graph = parse("  %1 = tokens : i32[T]\n"
                         "  @e = param : f32[9, 4]\n"
                         "  %3 = embed %1, @e : f32[T, 4]\n"
                         "  @w = param : f32[4, 4]\n"
                         "  %5 = project %3, @w : f32[T, 4]\n"
                         "  return %5\n");
    ir_sweep(graph, arena);
    expect_graph(graph, STREAM "  %5 = project %4, @w : f32[T, 4]\n  return %5\n");
}
END_TEST

START_TEST(operands_added_at_the_end_move_before_their_users) {
    Graph *graph = parse(STREAM "  %5 = project %4, @w : f32[T, 4]\n  return %5\n");
    const Ref centred = ir_node_add(
        graph,
        (Node){.op = OP_centre_rows, .name = "w.centred", .in = {{2}}, .attr = ir_attrs_default()});
    const Ref scaled = add(graph, OP_scale, (Ref){4}, (Ref){0});
    ir_node(graph, (Ref){5})->in[0] = scaled;
    ir_node(graph, (Ref){5})->in[1] = centred;
    ir_sweep(graph, arena);
    expect_graph(graph, "  @e = param : f32[9, 4]\n"
                        "  @w = param : f32[4, 4]\n"
                        "  @w.centred = centre_rows @w : f32[4, 4]\n"
                        "  %4 = tokens : i32[T]\n"
                        "  %5 = embed %4, @e : f32[T, 4]\n"
                        "  %6 = scale %5 : f32[T, 4]\n"
                        "  %7 = project %6, @w.centred : f32[T, 4]\n"
                        "  return %7\n");
}
END_TEST

START_TEST(every_reader_of_a_state_comes_before_it_is_overwritten) {
    Graph *graph = parse(STREAM "  %5 = project %4, @w : f32[T, 4]\n"
                                "  %6 = write %4, %5 : f32[T, 4]\n"
                                "  %7 = scale %6 {scale = 2} : f32[T, 4]\n"
                                "  return %7\n");
    const Ref reader = add(graph, OP_scale, (Ref){4}, (Ref){0});
    graph->result = add(graph, OP_multiply, graph->result, reader);
    ir_sweep(graph, arena);
    expect_graph(graph, STREAM "  %5 = project %4, @w : f32[T, 4]\n"
                               "  %6 = scale %4 : f32[T, 4]\n"
                               "  %7 = write %4, %5 : f32[T, 4]\n"
                               "  %8 = scale %7 {scale = 2} : f32[T, 4]\n"
                               "  %9 = multiply %8, %6 : f32[T, 4]\n"
                               "  return %9\n");
}
END_TEST

START_TEST(members_of_a_kernel_stand_behind_its_root) {
    Graph *graph = parse(STREAM "  %5 = project %4, @w : f32[T, 4]\n"
                                "  %6 = scale %4 {scale = 5} : f32[T, 4]\n"
                                "  %7 = activate %5 in %5 : f32[T, 4]\n"
                                "  %8 = multiply %6, %7 : f32[T, 4]\n"
                                "  return %8\n");
    ir_sweep(graph, arena);
    expect_graph(graph, STREAM "  %5 = project %4, @w : f32[T, 4]\n"
                               "  %6 = activate %5 in %5 : f32[T, 4]\n"
                               "  %7 = scale %4 {scale = 5} : f32[T, 4]\n"
                               "  %8 = multiply %7, %6 : f32[T, 4]\n"
                               "  return %8\n");
}
END_TEST

START_TEST(a_kernel_comes_after_what_its_members_read) {
    Graph *graph = parse(STREAM "  %5 = project %4, @w : f32[T, 4]\n"
                                "  %6 = scale %4 {scale = 5} : f32[T, 4]\n"
                                "  %7 = write %6, %5 : f32[T, 4]\n"
                                "  return %7\n");
    ir_node(graph, (Ref){7})->root = (Ref){5};
    ir_sweep(graph, arena);
    expect_graph(graph, STREAM "  %5 = scale %4 {scale = 5} : f32[T, 4]\n"
                               "  %6 = project %4, @w : f32[T, 4]\n"
                               "  %7 = write %5, %6 in %6 : f32[T, 4]\n"
                               "  return %7\n");
}
END_TEST

START_TEST(a_deep_graph_needs_no_deep_stack) {
    Graph *graph = parse(STREAM "  return %4\n");
    for (int i = 0; i < 200000; i++) graph->result = add(graph, OP_scale, graph->result, (Ref){0});
    Arena *scratch = arena_create();
    ir_sweep(graph, scratch);
    arena_destroy(scratch);
    ck_assert_uint_eq(graph->count, 200004);
    ck_assert(ir_verify(graph));
}
END_TEST

/* ---- specialise ---- */

START_TEST(specialising_binds_rows) {
    Graph *graph = parse(STREAM "  %5 = last %4 : f32[L, 4]\n"
                                "  %6 = project %5, @w : f32[L, 4]\n"
                                "  return %6\n");
    ir_specialise(graph, 5, 2, arena);
    expect_graph(graph, "  @e = param : f32[9, 4]\n"
                        "  @w = param : f32[4, 4]\n"
                        "  %3 = tokens : i32[5]\n"
                        "  %4 = embed %3, @e : f32[5, 4]\n"
                        "  %5 = last %4 : f32[2, 4]\n"
                        "  %6 = project %5, @w : f32[2, 4]\n"
                        "  return %6\n");
}
END_TEST

START_TEST(the_last_of_all_rows_are_all_rows) {
    Graph *graph = parse(STREAM "  %5 = last %4 : f32[L, 4]\n"
                                "  %6 = project %5, @w : f32[L, 4]\n"
                                "  return %6\n");
    ir_specialise(graph, 1, 1, arena);
    expect_graph(graph, "  @e = param : f32[9, 4]\n"
                        "  @w = param : f32[4, 4]\n"
                        "  %3 = tokens : i32[1]\n"
                        "  %4 = embed %3, @e : f32[1, 4]\n"
                        "  %5 = project %4, @w : f32[1, 4]\n"
                        "  return %5\n");
}
END_TEST

START_TEST(a_state_that_is_returned_is_copied) {
    Graph *graph = parse(STREAM "  %5 = project %4, @w : f32[T, 4]\n"
                                "  %6 = write %4, %5 : f32[T, 4]\n"
                                "  %7 = last %6 : f32[L, 4]\n  return %7\n");
    ir_specialise(graph, 1, 1, arena);
    ck_assert_int_eq(ir_node(graph, graph->result)->op, OP_last);
}
END_TEST

START_TEST(a_result_that_is_last_becomes_its_operand) {
    Graph *graph = parse(STREAM "  %5 = last %4 : f32[L, 4]\n  return %5\n");
    ir_specialise(graph, 1, 1, arena);
    ck_assert_int_eq(ir_node(graph, graph->result)->op, OP_embed);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("graph");
    TCase *tests = suite_case(suite, "graph", make_arena, drop_arena);
    tcase_add_test(tests, types_are_inferred_as_nodes_are_added);
    tcase_add_test(tests, a_node_that_does_not_fit_is_reported_and_has_no_type);
    tcase_add_test(tests, a_graph_grows_as_needed);
    tcase_add_test(tests, a_copy_is_a_graph_of_its_own);
    tcase_add_test(tests, uses_are_operands_and_the_result);
    tcase_add_test(tests, replacing_changes_operands_roots_and_result);
    tcase_add_test(tests, a_node_that_becomes_its_own_root_has_none);
    tcase_add_test(tests, sweeping_drops_what_the_result_does_not_need);
    tcase_add_test(tests, a_graph_in_order_stays_as_it_is);
    tcase_add_test(tests, constants_come_first);
    tcase_add_test(tests, operands_added_at_the_end_move_before_their_users);
    tcase_add_test(tests, every_reader_of_a_state_comes_before_it_is_overwritten);
    tcase_add_test(tests, members_of_a_kernel_stand_behind_its_root);
    tcase_add_test(tests, a_kernel_comes_after_what_its_members_read);
    tcase_add_test(tests, a_deep_graph_needs_no_deep_stack);
    tcase_add_test(tests, specialising_binds_rows);
    tcase_add_test(tests, the_last_of_all_rows_are_all_rows);
    tcase_add_test(tests, a_state_that_is_returned_is_copied);
    tcase_add_test(tests, a_result_that_is_last_becomes_its_operand);
    return suite_run(suite);
}
