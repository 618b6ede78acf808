/* test_passes.c - choosing passes by name, running them, and the graphs of the two phases. */
#include "passes/pass.h"
#include "tests/machine.h"
#include "tests/unit/arena_fixture.h"

/* ---- graphs ---- */

/* A norm to fold, projections to merge, an activation and a write to fuse, a head to shorten. */
static const char model_text[] = "graph @model {context = 8, chunk = 8} {\n"
                                 "  @e = param : f32[9, 8]\n"
                                 "  @g = param : f32[8]\n"
                                 "  @gate = param : f32[12, 8]\n"
                                 "  @up = param : f32[12, 8]\n"
                                 "  @down = param : f32[8, 12]\n"
                                 "  %6 = tokens : i32[T]\n"
                                 "  %7 = embed %6, @e : f32[T, 8]\n"
                                 "  %8 = norm %7, @g {kind = rms, eps = 1e-05} : f32[T, 8]\n"
                                 "  %9 = project %8, @gate : f32[T, 12]\n"
                                 "  %10 = project %8, @up : f32[T, 12]\n"
                                 "  %11 = activate %9 {activation = silu} : f32[T, 12]\n"
                                 "  %12 = multiply %11, %10 : f32[T, 12]\n"
                                 "  %13 = project %12, @down : f32[T, 8]\n"
                                 "  %14 = write %7, %13 : f32[T, 8]\n"
                                 "  %15 = project %14, @e : f32[T, 9]\n"
                                 "  %16 = last %15 : f32[L, 9]\n"
                                 "  return %16\n"
                                 "}\n";

static int count_op(const Graph *graph, Op op) {
    int count = 0;
    for (uint32_t i = 1; i < graph->count; i++) count += graph->node[i].op == op;
    return count;
}

/* What runs of the passes write. */
typedef struct {
    const char *statistics, *dump;
} Written;

/* Runs passes of both scopes over the graph; `options` but for the machine and the files. */
static Written run_all(Graph *graph, PassOptions options) {
    char *text[2] = {NULL, NULL};
    size_t size[2] = {0, 0};
    options.machine = &machine;
    options.statistics = open_memstream(&text[0], &size[0]);
    options.dump = open_memstream(&text[1], &size[1]);
    ck_assert(options.statistics && options.dump);
    ck_assert(pass_run_all(graph, &options));
    fclose(options.statistics);
    fclose(options.dump);
    const Written written = {arena_printf(arena, "%s", text[0]),
                             arena_printf(arena, "%s", text[1])};
    free(text[0]);
    free(text[1]);
    return written;
}

/* ---- names ---- */

static void expect_error(const char *names, const char *message, const char *hint) {
    diag = (Diag){.arena = arena};
    ck_assert(!pass_check_names(names, &diag));
    assert_error(message, hint);
}

static const char all_passes[] =
    "the passes are apply-edits, canonicalise, fold-norm, merge-reads, fuse-attention, fuse-epilogue, "
    "fuse-write, last-token, quantise, fuse-prologue, place-buffers, schedule";

START_TEST(every_pass_has_a_name_of_its_own_and_says_what_it_does) {
    for (int i = 0; i < pass_count; i++) {
        ck_assert(pass_check_names(pass_info[i].text, &diag));
        ck_assert_uint_gt(strlen(pass_info[i].doc), 10);
        for (int k = 0; k < i; k++) ck_assert_str_ne(pass_info[i].text, pass_info[k].text);
    }
    ck_assert_int_eq(diag.errors, 0);
}
END_TEST

START_TEST(lists_of_known_names_are_accepted) {
    ck_assert(pass_check_names(NULL, &diag));
    ck_assert(pass_check_names("all", &diag));
    ck_assert(pass_check_names("schedule,canonicalise", &diag));
    ck_assert(pass_check_names("fold-norm,all,fold-norm", &diag));
    ck_assert_int_eq(diag.errors, 0);
}
END_TEST

START_TEST(an_unknown_name_is_reported_with_the_nearest_one) {
    expect_error("fuse-writes", "no pass is named 'fuse-writes'", "did you mean 'fuse-write'?");
    expect_error("merge-raeds", "no pass is named 'merge-raeds'", "did you mean 'merge-reads'?");
    expect_error("al", "no pass is named 'al'", "did you mean 'all'?");
    expect_error("schedule,Fold-norm", "no pass is named 'Fold-norm'", "did you mean 'fold-norm'?");
}
END_TEST

START_TEST(an_unknown_name_that_is_near_to_none_is_reported_with_all) {
    expect_error("vectorise", "no pass is named 'vectorise'", all_passes);
    expect_error("fold-norm, schedule", "no pass is named ' schedule'", "did you mean 'schedule'?");
}
END_TEST

START_TEST(an_empty_name_is_reported) {
    expect_error("", "no pass is named ''", all_passes);
    expect_error("schedule,", "no pass is named ''", all_passes);
    expect_error("schedule,,all", "no pass is named ''", all_passes);
}
END_TEST

START_TEST(every_unknown_name_of_a_list_is_reported) {
    ck_assert(!pass_check_names("one,schedule,two", &diag));
    ck_assert_int_eq(diag.errors, 2);
    ck_assert_str_eq(diag.last->message, "no pass is named 'two'");
}
END_TEST

START_TEST(a_long_name_is_shown_in_part) {
    char name[1001];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const char *shown = arena_printf(arena, "no pass is named '%.64s'", name);
    expect_error(name, shown, all_passes);
}
END_TEST

START_TEST(unknown_names_in_any_option_stop_a_run_before_it_starts) {
    const PassOptions options[] = {{.machine = &machine, .only = "what"},
                                   {.machine = &machine, .skip = "what"},
                                   {.machine = &machine, .print_after = "what"}};
    for (int i = 0; i < 3; i++) {
        Graph *graph = parse_graph(model_text);
        diag.errors = 0;
        ck_assert(!pass_run_all(graph, &options[i]));
        ck_assert_int_eq(diag.errors, 1);
        ck_assert_str_eq(print_graph(graph), model_text);
        ck_assert_ptr_null(pass_phase(graph, PHASE_DECODE, &options[i], arena));
    }
}
END_TEST

/* ---- running ---- */

START_TEST(all_passes_run_in_the_order_of_the_pipeline) {
    Graph *graph = parse_graph(model_text);
    const Written written = run_all(graph, (PassOptions){0});
    const char *line = written.statistics;
    for (int i = 0; i < pass_count; i++) {
        const size_t length = strlen(pass_info[i].text);
        ck_assert_msg(strncmp(line, pass_info[i].text, length) == 0 && line[length] == ':',
                      "expected a line of %s, found %s", pass_info[i].text, line);
        line = strchr(line, '\n') + 1;
    }
    ck_assert_str_eq(line, "");
    ck_assert_str_eq(written.dump, "");
}
END_TEST

START_TEST(statistics_say_what_was_done) {
    const Written written = run_all(parse_graph(model_text), (PassOptions){0});
    ck_assert_str_eq(written.statistics,
                     "apply-edits: there are no edits\n"
                     "canonicalise: 0 equal nodes shared, 0 without effect and 0 unused dropped\n"
                     "fold-norm: 1 norms fold into the weights of 2 readers\n"
                     "merge-reads: 2 projections become 1\n"
                     "fuse-attention: 0 attentions keep their scores in registers\n"
                     "fuse-epilogue: 4 nodes join the 1 kernels before them\n"
                     "fuse-write: 1 of 1 adds vanish into the projections before them\n"
                     "last-token: the head computes the rows asked, not all tokens\n"
                     "quantise: the weights of 0 projections of 3 become smaller\n"
                     "fuse-prologue: 0 rows are normalised or rounded where they are multiplied\n"
                     "place-buffers: 2 values in 0.0 MB, caches of 0.0 MB\n"
                     "schedule: 3 projections and 0 attentions have their tiles\n");
}
END_TEST

START_TEST(only_some_passes_run_in_the_order_of_the_pipeline) {
    Graph *graph = parse_graph(model_text);
    const Written written = run_all(graph, (PassOptions){.only = "merge-reads,fold-norm"});
    ck_assert_str_eq(written.statistics, "fold-norm: 1 norms fold into the weights of 2 readers\n"
                                         "merge-reads: 2 projections become 1\n");
    ck_assert_int_eq(count_op(graph, OP_read), 1);
    ck_assert_int_eq(count_op(graph, OP_norm), 0);
}
END_TEST

START_TEST(passes_are_left_out) {
    Graph *graph = parse_graph(model_text);
    const Written written = run_all(graph, (PassOptions){.skip = "fuse-write,merge-reads"});
    ck_assert_int_eq(occurrences(written.statistics, "\n"), pass_count - 2);
    ck_assert_int_eq(occurrences(written.statistics, "fuse-write:"), 0);
    ck_assert_int_eq(count_op(graph, OP_read), 2);
    ck_assert_int_eq(count_op(graph, OP_stack), 0);
}
END_TEST

START_TEST(what_is_left_out_does_not_run_though_it_is_asked_for) {
    Graph *graph = parse_graph(model_text);
    const PassOptions options = {.only = "fold-norm,schedule", .skip = "fold-norm,schedule"};
    ck_assert_str_eq(run_all(graph, options).statistics, "");
    ck_assert_str_eq(run_all(graph, (PassOptions){.skip = "all"}).statistics, "");
    ck_assert_str_eq(print_graph(graph), model_text);
}
END_TEST

START_TEST(exact_keeps_the_norm) {
    Graph *graph = parse_graph(model_text);
    const Written written = run_all(graph, (PassOptions){.exact = true});
    ck_assert_int_eq(occurrences(written.statistics, "fold-norm:"), 0);
    ck_assert_int_eq(occurrences(written.statistics, "\n"), pass_count - 2);
    ck_assert_int_eq(count_op(graph, OP_norm), 1);
    ck_assert_int_eq(count_op(graph, OP_read), 0);
    const PassOptions options = {.exact = true, .only = "fold-norm"};
    ck_assert_str_eq(run_all(parse_graph(model_text), options).statistics, "");
}
END_TEST

START_TEST(the_graph_is_printed_after_the_passes_that_are_named) {
    Graph *graph = parse_graph(model_text);
    Written written = run_all(graph, (PassOptions){.print_after = "fold-norm"});
    ck_assert_int_eq(occurrences(written.dump, "graph @model"), 1);
    ck_assert_int_eq(occurrences(written.dump, " = read "), 2);
    graph = parse_graph(model_text);
    written = run_all(graph, (PassOptions){.print_after = "all"});
    ck_assert_int_eq(occurrences(written.dump, "graph @model"), pass_count);
    assert_says(written.dump, print_graph(graph));
    written =
        run_all(parse_graph(model_text), (PassOptions){.print_after = "fold-norm", .skip = "all"});
    ck_assert_str_eq(written.dump, "");
}
END_TEST

START_TEST(neither_statistics_nor_dumps_need_a_file) {
    const PassOptions options = {.machine = &machine, .print_after = "all"};
    ck_assert(pass_run_all(parse_graph(model_text), &options));
}
END_TEST

START_TEST(a_scope_runs_its_own_passes_alone) {
    const PassOptions options = {.machine = &machine};
    Graph *graph = parse_graph(model_text);
    ck_assert(pass_run(graph, PASS_MODEL, &options));
    ck_assert_int_eq(count_op(graph, OP_read), 1);
    ck_assert_int_eq(graph->arena_floats, 0);
    graph = parse_graph(model_text);
    ck_assert(pass_run(graph, PASS_PHASE, &options));
    ck_assert_int_eq(count_op(graph, OP_read), 0);
    ck_assert_int_gt(graph->arena_floats, 0);
}
END_TEST

START_TEST(a_second_run_changes_nothing) {
    Graph *graph = parse_graph(model_text);
    run_all(graph, (PassOptions){0});
    const char *once = print_graph(graph);
    run_all(graph, (PassOptions){0});
    ck_assert_str_eq(print_graph(graph), once);
}
END_TEST

/* ---- phases ---- */

static bool has_symbolic_rows(const Graph *graph) {
    for (uint32_t i = 1; i < graph->count; i++)
        for (int k = 0; k < graph->node[i].type.rank; k++)
            if (graph->node[i].type.dim[k] < 0) return true;
    return false;
}

static Graph *model_after_passes(void) {
    const PassOptions options = {.machine = &machine};
    Graph *graph = parse_graph(model_text);
    ck_assert(pass_run(graph, PASS_MODEL, &options));
    return graph;
}

START_TEST(decode_is_of_one_token) {
    const PassOptions options = {.machine = &machine};
    const Graph *graph = pass_phase(model_after_passes(), PHASE_DECODE, &options, arena);
    ck_assert_ptr_nonnull(graph);
    ck_assert(ir_verify(graph));
    ck_assert(!has_symbolic_rows(graph));
    ck_assert_int_eq(count_op(graph, OP_last), 0);
    ck_assert_int_eq(ir_node(graph, graph->result)->type.dim[0], 1);
    ck_assert_int_eq(ir_node(graph, graph->result)->schedule.rows, 1);
}
END_TEST

START_TEST(prefill_is_of_any_number_of_tokens) {
    const PassOptions options = {.machine = &machine};
    const Graph *graph = pass_phase(model_after_passes(), PHASE_PREFILL, &options, arena);
    ck_assert_ptr_nonnull(graph);
    ck_assert(ir_verify(graph));
    ck_assert_int_eq(count_op(graph, OP_last), 1);
    ck_assert_int_eq(ir_node(graph, graph->result)->type.dim[0], IR_LOGIT_ROWS);
    ck_assert_int_gt(ir_node(graph, graph->result)->schedule.rows, 1);
}
END_TEST

START_TEST(the_graph_of_the_model_stays_as_it_is) {
    const PassOptions options = {.machine = &machine};
    const Graph *model = model_after_passes();
    const char *before = print_graph(model);
    ck_assert_ptr_nonnull(pass_phase(model, PHASE_DECODE, &options, arena));
    ck_assert_ptr_nonnull(pass_phase(model, PHASE_PREFILL, &options, arena));
    ck_assert_str_eq(print_graph(model), before);
}
END_TEST

START_TEST(a_phase_is_made_without_any_pass) {
    const PassOptions options = {.machine = &machine, .skip = "all"};
    const Graph *graph = pass_phase(parse_graph(model_text), PHASE_DECODE, &options, arena);
    ck_assert_ptr_nonnull(graph);
    ck_assert(!has_symbolic_rows(graph));
    ck_assert_int_eq(graph->arena_floats, 0);
}
END_TEST

START_TEST(a_graph_that_does_not_verify_has_no_phases) {
    const PassOptions options = {.machine = &machine};
    Graph *model = parse_graph(model_text);
    ir_node(model, model->result)->type.dim[1] = 3;
    ck_assert_ptr_null(pass_phase(model, PHASE_PREFILL, &options, arena));
    ck_assert_int_ge(diag.errors, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("passes");
    TCase *tests = suite_case(suite, "passes", make_arena, drop_arena);
    tcase_add_test(tests, every_pass_has_a_name_of_its_own_and_says_what_it_does);
    tcase_add_test(tests, lists_of_known_names_are_accepted);
    tcase_add_test(tests, an_unknown_name_is_reported_with_the_nearest_one);
    tcase_add_test(tests, an_unknown_name_that_is_near_to_none_is_reported_with_all);
    tcase_add_test(tests, an_empty_name_is_reported);
    tcase_add_test(tests, every_unknown_name_of_a_list_is_reported);
    tcase_add_test(tests, a_long_name_is_shown_in_part);
    tcase_add_test(tests, unknown_names_in_any_option_stop_a_run_before_it_starts);
    tcase_add_test(tests, all_passes_run_in_the_order_of_the_pipeline);
    tcase_add_test(tests, statistics_say_what_was_done);
    tcase_add_test(tests, only_some_passes_run_in_the_order_of_the_pipeline);
    tcase_add_test(tests, passes_are_left_out);
    tcase_add_test(tests, what_is_left_out_does_not_run_though_it_is_asked_for);
    tcase_add_test(tests, exact_keeps_the_norm);
    tcase_add_test(tests, the_graph_is_printed_after_the_passes_that_are_named);
    tcase_add_test(tests, neither_statistics_nor_dumps_need_a_file);
    tcase_add_test(tests, a_scope_runs_its_own_passes_alone);
    tcase_add_test(tests, a_second_run_changes_nothing);
    tcase_add_test(tests, decode_is_of_one_token);
    tcase_add_test(tests, prefill_is_of_any_number_of_tokens);
    tcase_add_test(tests, the_graph_of_the_model_stays_as_it_is);
    tcase_add_test(tests, a_phase_is_made_without_any_pass);
    tcase_add_test(tests, a_graph_that_does_not_verify_has_no_phases);
    return suite_run(suite);
}
