/* test_instrument.c - taps and edits: how they are named, what they keep and change, what is
 * refused. */
#include "tests/unit/library_fixture.h"

static ThalwegOptions tapping(const char *const *taps, int count) {
    return (ThalwegOptions){.taps = taps, .tap_count = count};
}

static ThalwegOptions editing(const char *const *edits, int count) {
    return (ThalwegOptions){.edits = edits, .edit_count = count};
}

/* ---- names ---- */

static const struct {
    const char *tap, *point; /* the first that it stands at */
    int count;
    int64_t columns;
} taps[] = {
    {"resid_post", "blocks.0.hook_resid_post", 3, 24},
    {"resid_pre1", "blocks.1.hook_resid_pre", 1, 24},
    {"blocks.2.hook_mlp_out", "blocks.2.hook_mlp_out", 1, 24},
    {"blocks.1.attn.hook_z", "blocks.1.attn.hook_z", 1, 24},
    {"z[layers=1-2]", "blocks.1.attn.hook_z", 2, 24},
    {"z2[head=1]", "blocks.2.attn.hook_z", 1, 12},
    {"z2[heads=1,0]", "blocks.2.attn.hook_z", 1, 24},
    {"L2H1", "blocks.2.attn.hook_z", 1, 12},
    {"result1[head=1]", "blocks.1.attn.hook_result", 1, 24},
    {"ln1_scale2", "blocks.2.ln1.hook_scale", 1, 1},
    {"pattern", "blocks.0.attn.hook_pattern", 3, 2},
    {"attn_scores1[head=0]", "blocks.1.attn.hook_attn_scores", 1, 1},
    {"L0N39", "blocks.0.mlp.hook_post", 1, 1},
    {"post[layers=0,2,neurons=0-4,39]", "blocks.0.mlp.hook_post", 2, 6},
    {"mlp_pre_linear0", "blocks.0.mlp.hook_pre_linear", 1, 40},
    {"rot_k", "blocks.0.attn.hook_rot_k", 3, 24},
    {"ln2_norm1", "blocks.1.ln2.hook_normalized", 1, 24},
    {"hook_embed", "hook_embed", 1, 24},
    {"logits=file.npy", "logits", 1, 40},
    {"logits[tokens=28,3,7-8]", "logits", 1, 4},
};
enum { TAPS = sizeof taps / sizeof *taps };

START_TEST(a_point_has_a_full_name_and_short_ones) {
    int64_t count = 0;
    Thalweg *thalweg = create_with(tapping(&taps[_i].tap, 1), model);
    const ThalwegTap *tap = thalweg_taps(thalweg, &count);
    ck_assert_msg(tap, "%s: %s", taps[_i].tap, first_message(thalweg));
    ck_assert_int_eq(count, taps[_i].count);
    ck_assert_str_eq(tap[0].point, taps[_i].point);
    ck_assert_int_eq(tap[0].columns, taps[_i].columns);
    thalweg_destroy(thalweg);
}
END_TEST

static const struct {
    const char *text, *message;
} bad_taps[] = {
    {"resid_pst", "no point is called 'resid_pst'"},
    {"", "no point is called ''"},
    {"blocks.1.attn.hook_zz", "no point is called"},
    {"blocks.1.logits", "no point is called"},
    {"blocks..hook_z", "no point is called"},
    {"L1X3", "no point is called"},
    {"L+1H0", "no point is called"},
    {"L", "no point is called 'L'"},
    {"z3", "layers 0 to 2, not 3"},
    {"z[layers=1-3]", "layers 0 to 2, not 3"},
    {"z0[heads=2]", "has heads 0 to 1, not 2"},
    {"L0N40", "has neurons 0 to 39, not 40"},
    {"logits[token=40]", "has tokens 0 to 39, not 40"},
    {"z0[layers=1]", "the layer is said twice"},
    {"logits[layers=1]", "the point is of no layer"},
    {"z[neurons=1]", "selects nothing of it"},
    {"z[heads]", "selects nothing of it"},
    {"z[heads=]", "expected a number"},
    {"z[heads=1-0]", "is no range"},
    {"z[heads=0,0]", "selected twice"},
    {"z[heads=0,heads=1]", "stands twice"},
    {"z[heads=0", "expected ',' or ']'"},
    {"z[heads=99999999999]", "expected a number"},
    {"z0x", "no point is called"},
    {"z0:zero", "expected nothing behind the point"},
    {"gate_T", "the model has no point 'hook_gate_T'"},
    {"blocks.0.attn.hook_z_2", "the model has no point 'attn.hook_z_2'"},
};
enum { BAD_TAPS = sizeof bad_taps / sizeof *bad_taps };

START_TEST(a_point_that_is_not_there_is_refused) {
    Thalweg *thalweg =
        thalweg_create(&(ThalwegOptions){.taps = &bad_taps[_i].text, .tap_count = 1});
    ck_assert(!thalweg_read_text(thalweg, "small.yaml", model, strlen(model), NULL));
    assert_message(thalweg, bad_taps[_i].message);
    thalweg_destroy(thalweg);
}
END_TEST

static const struct {
    const char *text, *message;
} bad_edits[] = {
    {"z0", "expected an operation behind ':'"},
    {"z0:ablate", "no operation is called 'ablate'"},
    {"z0:scale", "'scale' needs a number"},
    {"z0:zero=1", "'zero' takes no value"},
    {"z0:scale=1", "it has no effect"},
    {"z0:scale=x", "expected a number"},
    {"z0:set", "'set' needs a file of numbers"},
    {"z0:set=inf", "expected a number"},
    {"z0:set=1e39", "expected a number"},
    {"ln1_norm0:zero", "the point is for taps alone"},
    {"pattern0:zero", "the point is for taps alone"},
    {"z0:add=", "expected a file behind '='"},
    {"z0:add=1", "'1' is no file of numbers that is known"},
    {"z0:add=?,strength=x", "expected a number"},
    {"z0:add=v.npy,strength=0", "with a strength of 0 it has no effect"},
    {"z0:add=v.npy", "cannot be read"},
    {"z0[positions=0]:add", "'add' needs a file of numbers"},
    {"z0[positions=-0]:zero", "the last position is -1"},
    {"z0[positions=5-2]:zero", "is no range"},
    {"post0[neurons=1,3]:project_out=?", "a direction takes neurons side by side"},
};
enum { BAD_EDITS = sizeof bad_edits / sizeof *bad_edits };

START_TEST(an_edit_that_cannot_act_is_refused) {
    Thalweg *thalweg =
        thalweg_create(&(ThalwegOptions){.edits = &bad_edits[_i].text, .edit_count = 1});
    ck_assert(!thalweg_read_text(thalweg, "small.yaml", model, strlen(model), NULL));
    assert_message(thalweg, bad_edits[_i].message);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(a_parallel_block_has_no_middle) {
    static const char text[] =
        "thalweg: 1\nname: m\nvocab: 9\ncontext: 8\nstream: {width: 8}\n"
        "blocks:\n  - branches:\n      - norm: rms\n        parallel:\n"
        "          - attention: {heads: 2}\n          - mlp: {hidden: 8, activation: relu}\n"
        "head: {tied: true}\nweights: {synthetic: 1}\n"
        "instrument: {taps: [resid_mid]}\n";
    Thalweg *thalweg = thalweg_create(NULL);
    ck_assert(!thalweg_read_text(thalweg, "m.yaml", text, strlen(text), NULL));
    assert_message(thalweg, "the model has no point 'hook_resid_mid'");
    ck_assert_int_eq(thalweg_diagnostic(thalweg, 0).line, 14);
    thalweg_destroy(thalweg);
}
END_TEST

/* 5000 layers, of which each of four taps wants all. */
START_TEST(taps_beyond_counting_are_refused) {
    static const char text[] = "thalweg: 1\nname: m\nvocab: 9\ncontext: 8\nstream: {width: 8}\n"
                               "blocks:\n  - repeat: 5000\n    branches:\n"
                               "      - mlp: {hidden: 8, activation: relu}\n"
                               "head: {tied: true}\nweights: {synthetic: 1}\n";
    const char *const many[] = {"resid_pre", "resid_post", "mlp_out", "mlp_post"};
    const ThalwegOptions options = tapping(many, 4);
    Thalweg *thalweg = thalweg_create(&options);
    ck_assert(!thalweg_read_text(thalweg, "m.yaml", text, strlen(text), NULL));
    assert_message(thalweg, "taps and edits select too much: at most 16384 buffers");
    thalweg_destroy(thalweg);
}
END_TEST

/* ---- what they keep ---- */

enum { WIDTH = 24, MOST = 8 };
typedef float Rows[TOKENS][WIDTH];

/* The rows of up to MOST taps as wide as the stream. */
static int keep(Thalweg *thalweg, Rows *rows) {
    TwSession *session = NULL;
    int64_t count;
    const TwSessionOptions options = {.threads = 1};
    assert_works(thalweg, thalweg_program(thalweg) && thalweg_weights(thalweg));
    ck_assert_ptr_nonnull(thalweg_taps(thalweg, &count));
    ck_assert_int_le(count, MOST);
    ck_assert_int_eq(
        tw_session_create(thalweg_program(thalweg), thalweg_weights(thalweg), &options, &session),
        TW_OK);
    for (int i = 0; i < (int)count; i++)
        ck_assert_int_eq(tw_session_set_tap(session, i, rows[i][0], TOKENS), TW_OK);
    ck_assert_int_eq(tw_session_prefill(session, tokens, TOKENS), TW_OK);
    tw_session_destroy(session);
    return (int)count;
}

START_TEST(parts_sum_to_the_last_state) {
    const char *const parts[] = {"embed", "attn_out", "mlp_out", "resid_post2"};
    Rows rows[MOST];
    Thalweg *thalweg = create_with(tapping(parts, 4), model);
    const int count = keep(thalweg, rows); /* in the order of the model */
    ck_assert_int_eq(count, 8);
    for (int t = 0; t < TOKENS; t++)
        for (int c = 0; c < WIDTH; c++) {
            double sum = 0;
            for (int i = 0; i < count - 1; i++) sum += (double)rows[i][t][c];
            ck_assert(fabs(sum - (double)rows[count - 1][t][c]) < 1e-5);
        }
    thalweg_destroy(thalweg);
}
END_TEST

/* Of a description with positions and a bias behind the heads. */
static const char learned[] =
    "thalweg: 1\nname: small\nvocab: 40\ncontext: 16\nstream: {width: 24}\n"
    "embed: {positions: learned}\nblocks:\n  - branches:\n"
    "      - attention: {heads: 2, norm: layer, bias: true}\n"
    "      - mlp: {hidden: 40, norm: layer, activation: gelu}\n"
    "head: {norm: layer, tied: true}\nweights: {synthetic: 7}\n";

START_TEST(heads_and_the_bias_sum_to_what_attention_writes) {
    const char *const parts[] = {"result0[head=0]", "result0[head=1]", "attn_out0"};
    Rows rows[MOST];
    Thalweg *thalweg = create_with(tapping(parts, 3), learned);
    double furthest = 0;
    ck_assert_int_eq(keep(thalweg, rows), 3);
    for (int c = 0; c < WIDTH; c++) {
        double bias[TOKENS];
        for (int t = 0; t < TOKENS; t++) {
            bias[t] = (double)rows[2][t][c] - (double)rows[0][t][c] - (double)rows[1][t][c];
            ck_assert(fabs(bias[t] - bias[0]) < 1e-5);
        }
        furthest = fmax(furthest, fabs(bias[0]));
    }
    ck_assert(furthest > 1e-3);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(tokens_and_positions_sum_to_the_first_state) {
    const char *const parts[] = {"embed", "pos_embed", "resid_pre0"};
    Rows rows[MOST];
    Thalweg *thalweg = create_with(tapping(parts, 3), learned);
    ck_assert_int_eq(keep(thalweg, rows), 3);
    for (int t = 0; t < TOKENS; t++)
        for (int c = 0; c < WIDTH; c++) ck_assert(rows[0][t][c] + rows[1][t][c] == rows[2][t][c]);
    thalweg_destroy(thalweg);
}
END_TEST

/* x - mean, divided by the scale, is what the norm makes. */
START_TEST(a_norm_divides_by_its_scale) {
    const char *const parts[] = {"ln2_norm0", "resid_mid0"}, *const scale[] = {"ln2_scale0"};
    Rows rows[MOST], scales[1];
    Thalweg *thalweg = create_with(tapping(parts, 2), learned);
    ck_assert_int_eq(keep(thalweg, rows), 2); /* the state first */
    thalweg_destroy(thalweg);
    thalweg = create_with(tapping(scale, 1), learned);
    ck_assert_int_eq(keep(thalweg, scales), 1);
    for (int t = 0; t < TOKENS; t++) {
        double mean = 0;
        for (int c = 0; c < WIDTH; c++) mean += (double)rows[0][t][c] / WIDTH;
        for (int c = 0; c < WIDTH; c++)
            ck_assert(fabs(((double)rows[0][t][c] - mean) / (double)scales[0][0][t] -
                           (double)rows[1][t][c]) < 1e-5);
    }
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(an_edit_acts_before_the_taps_of_its_point) {
    const char *const taps_of[] = {"attn_out1", "resid_pre1", "resid_mid1"};
    const char *const edits[] = {"attn_out1:scale=3", "attn_out1:negate"};
    ThalwegOptions options = tapping(taps_of, 3);
    Rows plain[MOST], edited[MOST];
    Thalweg *thalweg = create_with(options, model);
    ck_assert_int_eq(keep(thalweg, plain), 3);
    thalweg_destroy(thalweg);
    options.edits = edits;
    options.edit_count = 2;
    thalweg = create_with(options, model);
    ck_assert_int_eq(keep(thalweg, edited), 3);
    for (int t = 0; t < TOKENS; t++)
        for (int c = 0; c < WIDTH; c++) {
            ck_assert(edited[0][t][c] == plain[0][t][c]); /* resid_pre */
            ck_assert(edited[1][t][c] == -3 * plain[1][t][c]);
            ck_assert(edited[2][t][c] == edited[0][t][c] + edited[1][t][c]);
        }
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(without_branches_the_embedding_alone_is_left) {
    const char *const edits[] = {"attn_out:zero", "mlp_out:zero"};
    static const char none[] =
        "thalweg: 1\nname: small\nvocab: 40\ncontext: 16\nstream: {width: 24}\nblocks: []\n"
        "head: {norm: {kind: rms, eps: 1e-5}, tied: true}\nweights: {synthetic: 7}\n";
    float without[VOCAB], zeroed[VOCAB];
    Thalweg *empty = create(none), *edited = create_with(editing(edits, 2), model);
    run(empty, without);
    run(edited, zeroed);
    ck_assert_mem_eq(without, zeroed, sizeof without);
    assert_right(edited);
    thalweg_destroy(empty);
    thalweg_destroy(edited);
}
END_TEST

/* ---- buffers ---- */

START_TEST(a_buffer_has_room_for_every_token_of_a_call) {
    const char *const tap[] = {"resid_post1"};
    Rows rows = {{0}};
    TwSession *session = NULL;
    Thalweg *thalweg = create_with(tapping(tap, 1), model);
    const TwSessionOptions options = {.threads = 1};
    assert_works(thalweg, thalweg_program(thalweg) && thalweg_weights(thalweg));
    ck_assert_int_eq(
        tw_session_create(thalweg_program(thalweg), thalweg_weights(thalweg), &options, &session),
        TW_OK);
    ck_assert_int_eq(tw_session_set_tap(session, 1, rows[0], 4), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_set_tap(session, -1, rows[0], 4), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_set_tap(session, 0, rows[0], 0), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_set_tap(session, 0, rows[0], 4), TW_OK);
    ck_assert_int_eq(tw_session_prefill(session, tokens, TOKENS), TW_TAP_FULL);
    ck_assert_int_eq(tw_session_position(session), 0);
    ck_assert_int_eq(tw_session_prefill(session, tokens, 4), TW_OK);
    ck_assert_int_eq(tw_session_decode(session, 1), TW_TAP_FULL);
    ck_assert(rows[3][0] != 0 && rows[4][0] == 0);
    ck_assert_int_eq(tw_session_rollback(session, 3), TW_OK);
    ck_assert_int_eq(tw_session_decode(session, 1), TW_OK);
    ck_assert_int_eq(tw_session_set_tap(session, 0, NULL, 0), TW_OK);
    ck_assert_int_eq(tw_session_decode(session, 1), TW_OK);
    ck_assert(rows[4][0] == 0);
    tw_session_destroy(session);
    thalweg_destroy(thalweg);
}
END_TEST

/* ---- the suite ---- */

int main(void) {
    Suite *suite = suite_create("instrument");
    TCase *tests = in_a_folder(suite, "instruments");
    tcase_add_loop_test(tests, a_point_has_a_full_name_and_short_ones, 0, TAPS);
    tcase_add_loop_test(tests, a_point_that_is_not_there_is_refused, 0, BAD_TAPS);
    tcase_add_loop_test(tests, an_edit_that_cannot_act_is_refused, 0, BAD_EDITS);
    tcase_add_test(tests, a_parallel_block_has_no_middle);
    tcase_add_test(tests, taps_beyond_counting_are_refused);
    tcase_add_test(tests, parts_sum_to_the_last_state);
    tcase_add_test(tests, heads_and_the_bias_sum_to_what_attention_writes);
    tcase_add_test(tests, tokens_and_positions_sum_to_the_first_state);
    tcase_add_test(tests, a_norm_divides_by_its_scale);
    tcase_add_test(tests, an_edit_acts_before_the_taps_of_its_point);
    tcase_add_test(tests, without_branches_the_embedding_alone_is_left);
    tcase_add_test(tests, a_buffer_has_room_for_every_token_of_a_call);
    return suite_run(suite);
}
