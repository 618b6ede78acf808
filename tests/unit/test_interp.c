/* test_interp.c - calls that follow each other, constants, and what a call may not be. */
#include "tests/unit/interp_model.h"

/* ---- calls ---- */

/* Tokens 0 .. 4 at once, and as 3 and 2: the same bits. */
START_TEST(a_call_continues_the_one_before) {
    const int32_t tokens[] = {3, 1, 4, 1, 5};
    double once[60], twice[60];
    Model *m = open_attend(_i ? ", window = 3" : "");
    ck_assert(interp_run(m->interp, tokens, 5, 0, 5, once));
    ck_assert(interp_run(m->interp, tokens, 3, 0, 3, twice));
    ck_assert(interp_run(m->interp, tokens + 3, 2, 3, 2, twice + 36));
    for (int i = 0; i < 60; i++) ck_assert(once[i] == twice[i]);
    close_model(m);
}
END_TEST

START_TEST(a_sequence_that_starts_again_does_not_see_the_last_one) {
    double first[24], again[24], all[96];
    Model *m = open_mix(_i ? ", causal = false" : "");
    run(m, 2, 0, first);
    run(m, 8, 0, all);
    run(m, 2, 0, again);
    for (int i = 0; i < 24; i++) ck_assert(first[i] == again[i]);
    close_model(m);
}
END_TEST

START_TEST(sequences_have_caches_of_their_own) {
    double alone[24], beside[24], other[96];
    Model *m = open_mix(_i ? ", causal = false" : "");
    run(m, 2, 0, alone);
    ck_assert(interp_choose(m->interp, 2));
    run(m, 8, 0, other);
    ck_assert(interp_choose(m->interp, 0));
    run(m, 1, 2, beside);
    ck_assert(interp_choose(m->interp, 1));
    run(m, 2, 0, alone);
    run(m, 1, 2, alone);
    for (int i = 0; i < 12; i++) ck_assert(alone[i] == beside[i]);
    close_model(m);
}
END_TEST

static const char *const whole_result = TWO_ROWS "  return %6\n";
static const char *const last_result = TWO_ROWS "  %7 = last %6 : f32[L, 4]\n  return %7\n";

START_TEST(the_last_rows_of_the_result_are_given) {
    Model *m = open_model(_i ? last_result : whole_result, two_rows);
    double out[8] = {0};
    ck_assert(interp_run(m->interp, counting, 2, 0, 1, out));
    expect(out, DOUBLES(0, 3, 0, 4, 0), 5);
    ck_assert(interp_run(m->interp, counting, 2, 0, 2, out));
    expect(out, DOUBLES(1, 3, 5, 7, 0, 3, 0, 4), 8);
    ck_assert(interp_run(m->interp, counting, 2, 0, 0, NULL));
    close_model(m);
}
END_TEST

/* ---- taps ---- */

typedef struct {
    int count;
    int64_t position[8];
    double first[8];
} Kept;

static void keep(void *context, const Node *tap, const Node *of, int64_t position,
                 const double *columns) {
    Kept *kept = context;
    ck_assert_int_eq(of->type.dim[1], 4);
    ck_assert_int_eq(tap->attr.number, 2);
    ck_assert_int_lt(kept->count, 8);
    kept->position[kept->count] = position;
    kept->first[kept->count++] = columns[0];
}

/* Rows 1 3 5 7 and 0 3 0 4, of which column 2 is set to 9 behind the tap of it. */
START_TEST(a_tap_hands_over_what_stands_before_the_edit) {
    Model *m = open_model(
        TWO_ROWS "  %7 = tap %6 {from = 2, to = 3, point = p, number = 2} : f32[T, 1] at 0 "
                 "stride 1\n"
                 "  %8 = edit %6 {from = 2, to = 3, point = p, edit = set, strength = 9} : "
                 "f32[T, 4]\n"
                 "  return %8\n",
        two_rows);
    Kept kept = {0};
    double out[8];
    run(m, 2, 0, out); /* nobody looks */
    expect(out, DOUBLES(1, 3, 9, 7, 0, 3, 9, 4), 8);
    interp_on_tap(m->interp, keep, &kept);
    run(m, 2, 0, out);
    run(m, 1, 2, out);
    ck_assert_int_eq(kept.count, 3);
    expect(kept.first, DOUBLES(5, 0, 5), 3);
    for (int i = 0; i < 3; i++) ck_assert_int_eq(kept.position[i], i);
    close_model(m);
}
END_TEST

/* ---- edits ---- */

#define OPERANDS                                                                                   \
    "  @v = param : f32[3]\n"                                                                      \
    "  @u = param : f32[4]\n"                                                                      \
    "  @none = zeros : f32[4]\n"                                                                   \
    "  @rows = param : f32[1, 3]\n"
static const Param operands[] = {{"x", (const float[]){1, 3, 5, 7, 0, 3, 0, 4}},
                                 {"v", (const float[]){1, 0, -1}},
                                 {"u", (const float[]){1, 0, 1, 1}},
                                 {"rows", (const float[]){10, 20, 30}},
                                 {0}};

/* Of rows 1 3 5 7 and 0 3 0 4. */
static const struct {
    const char *edit;
    double out[8];
} edits[] = {
    {", @v {from = 1, to = 4, edit = set, strength = 2", {1, 2, 0, -2, 0, 2, 0, -2}},
    {", @v {from = 1, to = 4, edit = add, strength = 2", {1, 5, 5, 5, 0, 5, 0, 2}},
    {", @v {from = 2, to = 4, edit = add, first = 1", {1, 3, 5, 6, 0, 3, 0, 3}},
    {", @v {from = 1, to = 4, edit = project_out", {1, 5, 5, 5, 0, 3.5, 0, 3.5}},
    {", @u {to = 4, edit = project_out, strength = 0.5, groups = 2", {0.5, 3, 2, 4, 0, 3, -1, 3}},
    {", @none {to = 4, edit = project_out", {1, 3, 5, 7, 0, 3, 0, 4}},
    {", @rows {to = 2, edit = patch, first = 1", {20, 30, 5, 7, 0, 3, 0, 4}},
    {" {to = 2, given = true, edit = set", {1, 3, 5, 7, 0, 3, 0, 4}},
};
enum { EDITS = sizeof edits / sizeof *edits };

static const char *edit_graph(const char *edit, char *text, size_t room) {
    snprintf(text, room, "%s  %%7 = edit %%6%s, point = p} : f32[T, 4]\n  return %%7\n",
             TWO_ROWS OPERANDS, edit);
    return text;
}

START_TEST(an_edit_changes_its_columns_by_its_operand) {
    char text[2048];
    check_graph(edit_graph(edits[_i].edit, text, sizeof text), operands, 2, edits[_i].out, 8);
}
END_TEST

/* At position 1 alone, with another strength and operand. */
static bool give(void *context, const Node *edit, int64_t position, GivenEdit *out) {
    ck_assert_int_eq(edit->attr.number, 5);
    *out = (GivenEdit){3, context};
    return position == 1;
}

START_TEST(what_is_given_of_an_edit_is_asked_for_each_position) {
    char text[2048];
    float operand[] = {1, 2, 4};
    double out[8];
    Model *m = open_model(edit_graph(" {to = 2, edit = add, first = 1, given = true, columns = 3, "
                                     "number = 5",
                                     text, sizeof text),
                          operands);
    interp_give_edits(m->interp, give, operand);
    run(m, 2, 0, out);
    expect(out, DOUBLES(1, 3, 5, 7, 6, 15, 0, 4), 8);
    interp_give_edits(m->interp, give, NULL); /* its operand is not there */
    run(m, 2, 0, out);
    expect(out, DOUBLES(1, 3, 5, 7, 0, 3, 0, 4), 8);
    close_model(m);
}
END_TEST

/* ---- constants ---- */

START_TEST(constants_can_be_asked_for) {
    Model *m =
        open_model("  @a = param : f32[1, 2]\n"
                   "  @b = param : f32[2, 2]\n"
                   "  @ab = stack @a, @b : f32[3, 2]\n"
                   "  @none = zeros : f32[2]\n"
                   "  @some = param : f32[1]\n"
                   "  @both = stack @none, @some : f32[3]\n"
                   "  @centred = centre_rows @ab : f32[3, 2]\n"
                   "  %8 = tokens : i32[T]\n"
                   "  %9 = embed %8, @centred : f32[T, 2]\n"
                   "  %10 = project %9, @ab, @both : f32[T, 3]\n"
                   "  return %10\n",
                   PARAMS({"a", FLOATS(1, 2)}, {"b", FLOATS(3, 4, 5, 7)}, {"some", FLOATS(9)}));
    expect(interp_constant(m->interp, (Ref){7}), DOUBLES(-.5, .5, -.5, .5, -1, 1), 6);
    expect(interp_constant(m->interp, (Ref){3}), DOUBLES(1, 2, 3, 4, 5, 7), 6);
    expect(interp_constant(m->interp, (Ref){6}), DOUBLES(0, 0, 9), 3);
    expect(interp_constant(m->interp, (Ref){2}), DOUBLES(3, 4, 5, 7), 4);
    double out[9];
    run(m, 3, 0, out);
    expect(out, DOUBLES(.5, .5, 1 + 9, .5, .5, 1 + 9, 1, 1, 2 + 9), 9);
    expect(interp_constant(m->interp, (Ref){1}), DOUBLES(1, 2), 2);
    ck_assert_int_eq(m->diag.errors, 0);
    ck_assert_ptr_null(interp_constant(m->interp, (Ref){9}));
    expect_error(m, "constant");
    close_model(m);
}
END_TEST

/* ---- what a call may not be ---- */

static void expect_refusal(const char *body, const int32_t *tokens, int64_t count, int64_t position,
                           int64_t wanted, const char *message) {
    double out[64];
    Model *m = open_model(body, two_rows);
    ck_assert(!interp_run(m->interp, tokens, count, position, wanted, out));
    expect_error(m, message);
    close_model(m);
}

START_TEST(calls_that_do_not_fit_are_refused) {
    expect_refusal(whole_result, (const int32_t[]){0, 2}, 2, 0, 1, "token 2 at index 1");
    expect_refusal(whole_result, (const int32_t[]){-1}, 1, 0, 1, "token -1 at index 0");
    expect_refusal(whole_result, counting, 0, 0, 0, "0 tokens in a call: expected 1 to 8");
    expect_refusal(whole_result, counting, 9, 0, 1, "9 tokens in a call");
    expect_refusal(whole_result, counting, 2, 7, 1, "past the end of the context of 8");
    expect_refusal(whole_result, counting, 2, INT64_MAX, 1, "past the end of the context of 8");
    expect_refusal(whole_result, counting, 2, -1, 1, "position -1");
    expect_refusal(whole_result, counting, 2, 0, 3, "3 rows of the result are wanted of 2");
}
END_TEST

START_TEST(a_specialised_graph_takes_its_own_sizes_only) {
    double out[8];
    Model *m = open_model(last_result, two_rows);
    ir_specialise(m->graph, 2, 1, m->arena);
    interp_destroy(m->interp);
    m->interp = interp_create(m->graph, &m->weights);
    ck_assert(interp_run(m->interp, counting, 2, 0, 1, out));
    expect(out, DOUBLES(0, 3, 0, 4), 4);
    ck_assert(!interp_run(m->interp, counting, 1, 0, 1, out));
    expect_error(m, "made for 2 tokens in a call, found 1");
    ck_assert(!interp_run(m->interp, counting, 2, 0, 2, out));
    ck_assert_int_eq(m->diag.errors, 2);
    assert_says(m->diag.last->message, "has 1 rows, 2 are wanted");
    close_model(m);
}
END_TEST

START_TEST(a_refused_call_leaves_the_interpreter_usable) {
    double out[4];
    Model *m = open_model(whole_result, two_rows);
    ck_assert(!interp_run(m->interp, (const int32_t[]){5}, 1, 0, 1, out));
    ck_assert(interp_run(m->interp, counting, 1, 0, 1, out));
    expect(out, DOUBLES(1, 3, 5, 7), 4);
    close_model(m);
}
END_TEST

START_TEST(weights_that_cannot_be_read_are_reported) {
    double out[2];
    Model *m = open_model("  @unreadable = param : f32[2, 2]\n"
                          "  %2 = tokens : i32[T]\n"
                          "  %3 = embed %2, @unreadable : f32[T, 2]\n"
                          "  return %3\n",
                          NULL);
    ck_assert(!interp_run(m->interp, counting, 1, 0, 1, out));
    expect_error(m, "'unreadable' cannot be read");
    ck_assert(!interp_run(m->interp, counting, 1, 0, 1, out));
    ck_assert_ptr_null(interp_constant(m->interp, (Ref){1}));
    ck_assert_int_eq(m->diag.errors, 3);
    close_model(m);
}
END_TEST

START_TEST(values_beyond_any_memory_are_reported) {
    double out[1];
    Model *m = open_model("  @huge = param : f32[2, 2]\n"
                          "  %2 = tokens : i32[T]\n"
                          "  %3 = embed %2, @huge : f32[T, 2]\n"
                          "  return %3\n",
                          NULL);
    m->graph->node[1].type.dim[0] = m->graph->node[1].type.dim[1] = INT64_MAX / 2;
    ck_assert(!interp_run(m->interp, counting, 1, 0, 1, out));
    expect_error(m, "out of memory: the value of 'huge'");
    close_model(m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("interp");
    TCase *tests = suite_case(suite, "interp", NULL, NULL);
    tcase_add_loop_test(tests, the_last_rows_of_the_result_are_given, 0, 2);
    tcase_add_test(tests, a_tap_hands_over_what_stands_before_the_edit);
    tcase_add_loop_test(tests, an_edit_changes_its_columns_by_its_operand, 0, EDITS);
    tcase_add_test(tests, what_is_given_of_an_edit_is_asked_for_each_position);
    tcase_add_test(tests, constants_can_be_asked_for);
    tcase_add_loop_test(tests, a_call_continues_the_one_before, 0, 2);
    tcase_add_loop_test(tests, a_sequence_that_starts_again_does_not_see_the_last_one, 0, 2);
    tcase_add_loop_test(tests, sequences_have_caches_of_their_own, 0, 2);
    tcase_add_test(tests, calls_that_do_not_fit_are_refused);
    tcase_add_test(tests, a_specialised_graph_takes_its_own_sizes_only);
    tcase_add_test(tests, a_refused_call_leaves_the_interpreter_usable);
    tcase_add_test(tests, weights_that_cannot_be_read_are_reported);
    tcase_add_test(tests, values_beyond_any_memory_are_reported);
    return suite_run(suite);
}
