/* test_edits.c - what edits take from files, and what is said of them while a model runs. */
#include "tests/unit/library_fixture.h"

#include "frontend/files/array_file.h"
#include "ir/arena.h"

enum { WIDTH = 24, HEADS = 2 };

static ThalwegOptions editing(const char *const *edit, int count) {
    return (ThalwegOptions){.edits = edit, .edit_count = count};
}

/* Numbers that differ by `seed`; the same in a file. */
static void fill(float *values, int count, float seed) {
    for (int i = 0; i < count; i++) values[i] = sinf(seed + (float)i);
}

static const char *write_array(const char *name, const float *values, int64_t rows,
                               int64_t columns) {
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const NamedArray array = {"v", values, {rows, columns}, 2};
    ck_assert(array_file_write(path, &array, 1, &diag));
    arena_destroy(arena);
    return path;
}

static const char *edit_text(const char *format, const char *path) {
    static char text[512];
    snprintf(text, sizeof text, format, path);
    return text;
}

static Thalweg *edited(const char *text) {
    const char *const edit[] = {text};
    const ThalwegOptions options = editing(edit, 1);
    return create_with(options, model);
}

static TwSession *open_session(Thalweg *thalweg) {
    TwSession *session = NULL;
    const TwSessionOptions options = {.threads = 1};
    assert_works(thalweg, thalweg_program(thalweg) && thalweg_weights(thalweg));
    ck_assert_int_eq(
        tw_session_create(thalweg_program(thalweg), thalweg_weights(thalweg), &options, &session),
        TW_OK);
    return session;
}

static void prefill(TwSession *session, float *logits) {
    tw_session_reset(session);
    ck_assert_int_eq(tw_session_prefill(session, tokens, TOKENS), TW_OK);
    memcpy(logits, tw_session_logits(session, 0), VOCAB * sizeof *logits);
}

static bool is_same(const float *a, const float *b) {
    return memcmp(a, b, VOCAB * sizeof *a) == 0;
}

/* ---- files that do not fit ---- */

static const struct {
    const char *edit;
    int64_t rows, columns;
    float value;
    const char *message;
} misfits[] = {
    {"resid_pre1:add=%s", 1, 23, 1, "its operand has 23 columns, blocks.1.hook_resid_pre has 24"},
    {"z1[heads=1]:add=%s", 1, 13, 1, "its operand has 13 columns, blocks.1.attn.hook_z has 12"},
    {"resid_pre:add=%s", 2, 24, 1, "its file has 2 vectors for 3 layers"},
    {"resid_pre[layers=0-1]:add=%s", 4, 24, 1, "its file has 4 vectors for 2 layers"},
    {"resid_pre1:add=%s", 1, 24, 0, "all that it adds is 0: it has no effect"},
    {"resid_pre1:project_out=%s", 1, 24, 0, "its direction is 0: it has no effect"},
    {"resid_pre1:add=%s", 1, 24, NAN, "expected finite numbers, found nan in row 0, column 0"},
};
enum { MISFITS = sizeof misfits / sizeof *misfits };

START_TEST(an_operand_that_does_not_fit_is_refused) {
    float values[128];
    for (int i = 0; i < 128; i++) values[i] = misfits[_i].value;
    const char *path = write_array("v.npy", values, misfits[_i].rows, misfits[_i].columns);
    const char *const edit[] = {edit_text(misfits[_i].edit, path)};
    const ThalwegOptions options = editing(edit, 1);
    Thalweg *thalweg = thalweg_create(&options);
    ck_assert(!thalweg_read_text(thalweg, "small.yaml", model, strlen(model), NULL));
    assert_message(thalweg, misfits[_i].message);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(an_edit_that_a_later_one_overwrites_is_refused) {
    const char *const edits[] = {"z1[heads=1]:negate", "z:set=1"};
    const ThalwegOptions options = editing(edits, 2);
    Thalweg *thalweg = thalweg_create(&options);
    ck_assert(!thalweg_read_text(thalweg, "small.yaml", model, strlen(model), NULL));
    assert_message(thalweg, "it has no effect: 'z:set=1' sets all of it at blocks.1.attn.hook_z");
    thalweg_destroy(thalweg);
}
END_TEST

/* ---- operands ---- */

/* A vector of two layers is each layer's own; of a head that of each head. */
START_TEST(each_layer_and_head_takes_its_part_of_a_file) {
    float values[3 * WIDTH], whole[VOCAB], apart[VOCAB];
    fill(values, 3 * WIDTH, 1);
    Thalweg *thalweg =
        edited(edit_text("mlp_out:add=%s", write_array("all.npy", values, 3, WIDTH)));
    run(thalweg, whole);
    thalweg_destroy(thalweg);
    char text[3][300];
    const char *edits[3];
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.safetensors", i);
        snprintf(text[i], sizeof text[i], "mlp_out%d:add=%s:v", i,
                 write_array(name, values + i * WIDTH, 1, WIDTH));
        edits[i] = text[i];
    }
    thalweg = create_with(editing(edits, 3), model);
    run(thalweg, apart);
    ck_assert(is_same(whole, apart));
    assert_right(thalweg);
    thalweg_destroy(thalweg);

    for (int i = 0; i < WIDTH; i++) values[i] = values[i % (WIDTH / HEADS)];
    thalweg = edited(edit_text("z1:add=%s", write_array("heads.npy", values, 1, WIDTH)));
    run(thalweg, whole);
    thalweg_destroy(thalweg);
    thalweg = edited(edit_text("z1:add=%s", write_array("head.npy", values, 1, WIDTH / HEADS)));
    run(thalweg, apart);
    ck_assert(is_same(whole, apart));
    thalweg_destroy(thalweg);
}
END_TEST

static const char *const patched[] = {"embed",    "resid_pre", "q",          "k",
                                      "v",        "rot_q",     "rot_k",      "z",
                                      "attn_out", "resid_mid", "mlp_pre",    "mlp_pre_linear",
                                      "mlp_post", "mlp_out",   "resid_post", "logits"};
enum { PATCHED = sizeof patched / sizeof *patched };

/* In the same program: once off, once with what its own tap kept. */
START_TEST(a_run_that_is_patched_with_itself_is_the_same) {
    enum { MOST = 3, COLUMNS = 40 };
    float rows[MOST][1][TOKENS * COLUMNS], clean[VOCAB], logits[VOCAB];
    char text[64];
    int64_t edits, taps;
    snprintf(text, sizeof text, "%s:patch=?", patched[_i]);
    const char *const edit[] = {text}, *const tap[] = {patched[_i]};
    ThalwegOptions options = editing(edit, 1);
    options.taps = tap;
    options.tap_count = 1;
    Thalweg *thalweg = create_with(options, model);
    const ThalwegTap *kept = thalweg_taps(thalweg, &taps);
    ck_assert_ptr_nonnull(thalweg_edits(thalweg, &edits));
    ck_assert_int_eq(edits, taps);
    ck_assert_int_le(taps, MOST);
    TwSession *session = open_session(thalweg);
    for (int i = 0; i < (int)taps; i++) {
        ck_assert_int_le(kept[i].columns, COLUMNS);
        ck_assert_int_eq(tw_session_set_tap(session, i, rows[i][0], TOKENS), TW_OK);
    }
    prefill(session, clean);
    for (int i = 0; i < (int)taps; i++) {
        ck_assert_int_eq(tw_session_set_tap(session, i, NULL, 0), TW_OK);
        const TwEdit own = {rows[i][0], NULL, TOKENS, 1, 1};
        ck_assert_int_eq(tw_session_set_edit(session, i, &own), TW_OK);
    }
    prefill(session, logits);
    ck_assert(is_same(clean, logits));
    rows[taps - 1][0][(TOKENS - 1) * kept[taps - 1].columns] += 1; /* it is the patch that acts */
    prefill(session, logits);
    ck_assert(!is_same(clean, logits));
    tw_session_destroy(session);
    thalweg_destroy(thalweg);
}
END_TEST

/* ---- at run time ---- */

/* Off at first; then as the edit that says it all in its text. */
START_TEST(strength_and_operand_may_come_at_run_time) {
    float v[WIDTH], plain[VOCAB], fixed[VOCAB], logits[VOCAB];
    double exact[VOCAB];
    fill(v, WIDTH, 2);
    Thalweg *thalweg = create(model);
    run(thalweg, plain);
    thalweg_destroy(thalweg);
    thalweg = edited(edit_text("resid_pre1:add=%s,strength=3", write_array("v.npy", v, 1, WIDTH)));
    run(thalweg, fixed);
    thalweg_destroy(thalweg);
    ck_assert(!is_same(plain, fixed));

    thalweg = edited("resid_pre1:add=?");
    TwSession *session = open_session(thalweg);
    prefill(session, logits);
    ck_assert(is_same(plain, logits));
    const TwEdit edit = {v, NULL, 0, 3, 1};
    ck_assert_int_eq(tw_session_set_edit(session, 1, &edit), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_set_edit(session, -1, &edit), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_set_edit(session, 0, NULL), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_set_edit(session, 0, &edit), TW_OK);
    prefill(session, logits);
    ck_assert(is_same(fixed, logits));
    assert_works(thalweg, thalweg_set_interpreted_edit(thalweg, 0, &edit));
    assert_works(thalweg, thalweg_interpret(thalweg, tokens, TOKENS, 0, 1, exact));
    for (int i = 0; i < VOCAB; i++) ck_assert(fabs(exact[i] - (double)logits[i]) < 1e-4);
    tw_session_destroy(session);
    thalweg_destroy(thalweg);
}
END_TEST

/* The packed weights that are kept serve another vector, too. */
START_TEST(other_values_need_no_other_weights) {
    float v[WIDTH], logits[2][VOCAB];
    char cache[FOLDER_PATH + 8];
    int files = 0;
    snprintf(cache, sizeof cache, "%s/cache", folder);
    for (int i = 0; i < 2; i++) {
        fill(v, WIDTH, (float)i);
        const char *const edit[] = {
            edit_text("resid_pre1:add=%s,strength=2?", write_array("v.npy", v, 1, WIDTH))};
        ThalwegOptions options = editing(edit, 1);
        options.cache_directory = cache;
        Thalweg *thalweg = create_with(options, model);
        run(thalweg, logits[i]);
        thalweg_destroy(thalweg);
        if (i) ck_assert_int_eq(count_files(cache), files);
        files = count_files(cache);
    }
    ck_assert(!is_same(logits[0], logits[1]));
}
END_TEST

/* ---- positions ---- */

START_TEST(an_edit_acts_at_its_positions_alone) {
    float rows[2][TOKENS][WIDTH];
    const char *const edit[] = {"resid_pre1[positions=1,-1]:zero"}, *const tap[] = {"resid_pre1"};
    for (int i = 0; i < 2; i++) {
        ThalwegOptions options = editing(edit, i);
        options.taps = tap;
        options.tap_count = 1;
        Thalweg *thalweg = create_with(options, model);
        TwSession *session = open_session(thalweg);
        TwEdit placed;
        const ThalwegPrompt prompt = {TOKENS, TOKENS};
        if (i) {
            assert_works(thalweg, thalweg_edit_at_first(thalweg, 0, prompt, &placed));
            ck_assert_int_eq(tw_session_set_edit(session, 0, &placed), TW_OK);
        }
        ck_assert_int_eq(tw_session_set_tap(session, 0, rows[i][0], TOKENS), TW_OK);
        for (int t = 0; t < TOKENS; t++)
            ck_assert_int_eq(tw_session_decode(session, tokens[t]), TW_OK);
        tw_session_destroy(session);
        thalweg_destroy(thalweg);
    }
    for (int t = 0; t < TOKENS; t++)
        for (int c = 0; c < WIDTH; c++)
            ck_assert(rows[1][t][c] == (t == 1 || t == TOKENS - 1 ? 0 : rows[0][t][c]));
}
END_TEST

static const struct {
    const char *edit, *message;
} never[] = {
    {"resid_pre1[positions=5]:zero", "position 5 never occurs"},
    {"resid_pre1[positions=0,-6]:zero", "position -6 never occurs"},
    {"resid_pre1[positions=3--4]:zero", "positions 3--4 never occur"},
};
enum { NEVER = sizeof never / sizeof *never };

START_TEST(positions_that_never_occur_are_an_error) {
    Thalweg *thalweg = edited(never[_i].edit);
    TwEdit placed;
    const ThalwegPrompt prompt = {TOKENS, TOKENS};
    ck_assert(!thalweg_edit_at_first(thalweg, 0, prompt, &placed));
    assert_message(thalweg, never[_i].message);
    thalweg_destroy(thalweg);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("edits");
    TCase *tests = in_a_folder(suite, "edits");
    tcase_add_loop_test(tests, an_operand_that_does_not_fit_is_refused, 0, MISFITS);
    tcase_add_test(tests, an_edit_that_a_later_one_overwrites_is_refused);
    tcase_add_test(tests, each_layer_and_head_takes_its_part_of_a_file);
    tcase_add_loop_test(tests, a_run_that_is_patched_with_itself_is_the_same, 0, PATCHED);
    tcase_add_test(tests, strength_and_operand_may_come_at_run_time);
    tcase_add_test(tests, other_values_need_no_other_weights);
    tcase_add_test(tests, an_edit_acts_at_its_positions_alone);
    tcase_add_loop_test(tests, positions_that_never_occur_are_an_error, 0, NEVER);
    return suite_run(suite);
}
