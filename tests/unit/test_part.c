/* test_part.c - parts of a model: where they may begin, what they compute, what they refuse. */
#include "tests/unit/library_fixture.h"

enum { WIDTH = 24 };

static ThalwegOptions starting(const char *start) {
    return (ThalwegOptions){.start = start};
}

static TwSession *open_session(Thalweg *thalweg, int64_t sequences) {
    TwSession *session = NULL;
    const TwSessionOptions options = {.struct_bytes = sizeof options,
                                      .threads = 1,
                                      .sequences = sequences,
                                      .logit_rows = sequences ? sequences : 1};
    assert_works(thalweg, thalweg_program(thalweg));
    assert_works(thalweg, thalweg_weights(thalweg));
    ck_assert_int_eq(
        tw_session_create(thalweg_program(thalweg), thalweg_weights(thalweg), &options, &session),
        TW_OK);
    return session;
}

/* ---- where it begins ---- */

static const struct {
    const char *start, *message;
} bad_starts[] = {
    {"resid_pst1", "start 'resid_pst1': no point is called 'resid_pst1'"},
    {"resid_pre", "of which layer?"},
    {"resid_pre3", "layers 0 to 2, not 3"},
    {"z1", "a run begins with a state of the stream"},
    {"mlp_out1", "a run begins with a state of the stream"},
    {"resid_pre1[layers=1]", "expected nothing behind the point"},
    {"blocks.1.hook_resid_mid_2", "the model has no point 'hook_resid_mid_2' there"},
};
enum { BAD_STARTS = sizeof bad_starts / sizeof *bad_starts };

START_TEST(a_run_begins_at_a_state_of_the_stream) {
    Thalweg *thalweg = create_with(starting(bad_starts[_i].start), model);
    ck_assert_int_eq(thalweg_model(thalweg).vocab, 0);
    assert_message(thalweg, bad_starts[_i].message);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(nothing_before_the_start_is_computed) {
    char *text = NULL;
    size_t length = 0;
    Thalweg *thalweg = create_with(starting("resid_mid1"), model);
    FILE *out = open_memstream(&text, &length);
    ck_assert(thalweg_explain(thalweg, "prefill", out));
    fclose(out);
    ck_assert_ptr_nonnull(strstr(text, "start {point = blocks.1.hook_resid_mid} : f32[T, 24]"));
    ck_assert_ptr_nonnull(strstr(text, "@blocks.1.mlp.up.weight"));
    ck_assert_ptr_null(strstr(text, "blocks.0."));
    ck_assert_ptr_null(strstr(text, "blocks.1.attention"));
    ck_assert_int_eq(thalweg_model(thalweg).start_columns, WIDTH);
    ck_assert(!thalweg_model(thalweg).generates);
    free(text);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(instruments_before_the_start_are_refused) {
    const char *const taps[] = {"resid_post", "resid_pre1"};
    ThalwegOptions options = starting("resid_mid1");
    options.taps = taps;
    options.tap_count = 2;
    Thalweg *thalweg = create_with(options, model);
    assert_message(thalweg, "tap 'resid_pre1': blocks.1.hook_resid_pre is before the start");
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(taps_of_all_layers_are_those_of_the_part) {
    const char *const taps[] = {"resid_post"};
    int64_t count = 0;
    ThalwegOptions options = starting("resid_mid1");
    options.taps = taps;
    options.tap_count = 1;
    Thalweg *thalweg = create_with(options, model);
    const ThalwegTap *tap = thalweg_taps(thalweg, &count);
    ck_assert_int_eq(count, 2);
    ck_assert_str_eq(tap[0].point, "blocks.1.hook_resid_post");
    thalweg_destroy(thalweg);
}
END_TEST

/* ---- where it ends ---- */

START_TEST(taps_alone_have_no_rows) {
    const char *const taps[] = {"resid_post1"};
    float rows[TOKENS][WIDTH] = {{0}};
    Thalweg *thalweg =
        create_with((ThalwegOptions){.taps = taps, .tap_count = 1, .taps_alone = true}, model);
    TwSession *session = open_session(thalweg, 0);
    ck_assert_int_eq(tw_session_set_tap(session, 0, rows[0], TOKENS), TW_OK);
    ck_assert_int_eq(tw_session_step(session, tokens, TOKENS, 1), TW_OK);
    ck_assert_ptr_null(tw_session_logits(session, 0));
    ck_assert(rows[TOKENS - 1][WIDTH - 1] != 0);
    ck_assert_int_eq(thalweg_model(thalweg).outputs, 0);
    ck_assert_int_eq(tw_program_outputs(thalweg_program(thalweg)), 0);
    ck_assert(!tw_program_generates(thalweg_program(thalweg)));
    tw_session_destroy(session);
    thalweg_destroy(thalweg);
}
END_TEST

/* What makes scores is an attention as a whole. */
START_TEST(patterns_alone_are_those_of_the_model) {
    enum { FLOATS = TOKENS * 2 * TOKENS };
    const char *const taps[] = {"pattern2"};
    float whole[FLOATS], alone[FLOATS];
    double exact[FLOATS];
    for (int k = 0; k < 2; k++) {
        int64_t count = 0;
        float *rows = k ? alone : whole;
        Thalweg *thalweg = create_with(
            (ThalwegOptions){.taps = taps, .tap_count = 1, .taps_alone = k == 1}, model);
        TwSession *session = open_session(thalweg, 0);
        ck_assert_ptr_nonnull(thalweg_taps(thalweg, &count));
        ck_assert_int_eq(count, 1);
        ck_assert_int_eq(tw_session_set_tap(session, 0, rows, TOKENS), TW_OK);
        ck_assert_int_eq(tw_session_step(session, tokens, TOKENS, 1), TW_OK);
        tw_session_destroy(session);
        assert_works(thalweg, thalweg_set_interpreted_tap(thalweg, 0, exact, TOKENS));
        assert_works(thalweg, k == 0 || thalweg_interpret(thalweg, tokens, TOKENS, 0, 0, NULL));
        thalweg_destroy(thalweg);
    }
    ck_assert_mem_eq(whole, alone, sizeof whole);
    for (int i = 0; i < FLOATS; i++) ck_assert_double_eq_tol(exact[i], (double)alone[i], 1e-5);
}
END_TEST

START_TEST(an_edit_that_no_tap_sees_is_refused) {
    const char *const taps[] = {"resid_post1"}, *const edits[] = {"z:negate", "mlp_out2:zero"};
    Thalweg *thalweg = create_with(
        (ThalwegOptions){
            .taps = taps, .tap_count = 1, .edits = edits, .edit_count = 2, .taps_alone = true},
        model);
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 1);
    assert_message(thalweg, "edit 'mlp_out2:zero': no tap sees what it does");
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(without_taps_nothing_is_left) {
    Thalweg *thalweg = create_with((ThalwegOptions){.taps_alone = true}, model);
    assert_message(thalweg, "nothing but what taps keep is wanted, and there are none");
    thalweg_destroy(thalweg);
}
END_TEST

/* ---- what they share, and take ---- */

START_TEST(parts_use_the_packed_weights_of_the_whole) {
    const char *const taps[] = {"resid_post0"};
    const ThalwegOptions options[] = {
        {0}, {.start = "resid_pre2"}, {.taps = taps, .tap_count = 1, .taps_alone = true}};
    for (int i = 0; i < 3; i++) {
        Thalweg *thalweg = create_with(options[i], model);
        assert_works(thalweg, thalweg_weights(thalweg));
        thalweg_destroy(thalweg);
    }
    ck_assert_int_eq(count_files(folder), 1);
}
END_TEST

START_TEST(what_begins_with_values_takes_no_tokens) {
    const float values[TOKENS * WIDTH] = {1};
    const TwSegment segment = {.sequence = 0, .count = 1};
    Thalweg *thalweg = create_with(starting("resid_pre1"), model), *whole = create(model);
    TwSession *session = open_session(thalweg, 0), *other = open_session(whole, 0);
    ck_assert_int_eq(tw_session_step(session, tokens, 1, 1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_prefill(session, tokens, TOKENS), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_decode(session, 1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step_batch(session, &segment, 1, tokens), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step_values(session, &segment, 1, NULL), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step_values(other, &segment, 1, values), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_position(session), 0);
    tw_session_destroy(session);
    tw_session_destroy(other);
    thalweg_destroy(thalweg);
    thalweg_destroy(whole);
}
END_TEST

/* Rows of several sequences at once are those of each alone. */
START_TEST(values_come_in_batches_too) {
    float values[TOKENS * WIDTH], alone[VOCAB];
    for (int i = 0; i < TOKENS * WIDTH; i++) values[i] = (float)(i * 7 % 11) / 8;
    Thalweg *thalweg = create_with(starting("resid_pre1"), model);
    TwSession *session = open_session(thalweg, 2);
    const TwSegment segment[] = {{.sequence = 1, .count = 2}, {.sequence = 0, .count = 3}};
    ck_assert_int_eq(tw_session_step_values(session, segment, 2, values), TW_OK);
    TwSession *single = open_session(thalweg, 0);
    const float *second = values + 2 * WIDTH;
    ck_assert_int_eq(tw_session_step_values(single, &segment[1], 1, second), TW_OK);
    memcpy(alone, tw_session_logits(single, 0), sizeof alone);
    ck_assert_mem_eq(tw_session_logits(session, 1), alone, sizeof alone);
    tw_session_destroy(single);
    tw_session_destroy(session);
    thalweg_destroy(thalweg);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("part");
    TCase *tests = in_a_folder(suite, "parts");
    tcase_add_loop_test(tests, a_run_begins_at_a_state_of_the_stream, 0, BAD_STARTS);
    tcase_add_test(tests, nothing_before_the_start_is_computed);
    tcase_add_test(tests, instruments_before_the_start_are_refused);
    tcase_add_test(tests, taps_of_all_layers_are_those_of_the_part);
    tcase_add_test(tests, taps_alone_have_no_rows);
    tcase_add_test(tests, patterns_alone_are_those_of_the_model);
    tcase_add_test(tests, an_edit_that_no_tap_sees_is_refused);
    tcase_add_test(tests, without_taps_nothing_is_left);
    tcase_add_test(tests, parts_use_the_packed_weights_of_the_whole);
    tcase_add_test(tests, what_begins_with_values_takes_no_tokens);
    tcase_add_test(tests, values_come_in_batches_too);
    return suite_run(suite);
}
