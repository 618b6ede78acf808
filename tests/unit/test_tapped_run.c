/* test_tapped_run.c - what taps keep of texts of several chunks, and the logits beside it. */
#include "frontend/lens/tapped_run.h"
#include "tests/unit/library_fixture.h"

enum { LONG = 40, WIDTH = 24, LAYERS = 3 }; /* more than a chunk of the interpreter */

static const char long_model[] = "thalweg: 1\n"
                                 "name: long\n"
                                 "vocab: 40\n"
                                 "context: 1024\n"
                                 "stream: {width: 24}\n"
                                 "blocks:\n"
                                 "  - repeat: 3\n"
                                 "    branches:\n"
                                 "      - attention: {heads: 2, norm: rms, rope: true}\n"
                                 "      - mlp: {hidden: 40, norm: rms, activation: gelu_tanh}\n"
                                 "head: {norm: rms, tied: true}\n"
                                 "weights: {synthetic: 7}\n";

static Arena *arena;
static Diag diag;
static Thalweg *thalweg;
static Engine *engine;
static int32_t text[1024];

static void begin(void) {
    make_folder();
    arena = arena_create();
    diag = (Diag){.arena = arena};
    for (int i = 0; i < COUNT(text); i++) text[i] = (7 * i + i / 5) % VOCAB;
}

static void end(void) {
    engine_destroy(engine);
    thalweg_destroy(thalweg);
    engine = NULL;
    thalweg = NULL;
    arena_destroy(arena);
    remove_folder();
}

static void open_run(TappedRun *run, bool is_interpreted, int64_t room) {
    static const char *const taps[] = {"resid_post", "mlp_post1[neurons=3]"};
    TwStatus status;
    thalweg = create(long_model);
    assert_works(thalweg, thalweg_add_taps(thalweg, taps, COUNT(taps)));
    engine = engine_create(thalweg, &(EngineOptions){is_interpreted, true, 0}, &status);
    assert_works(thalweg, engine);
    assert_works(thalweg, tapped_run_open(run, thalweg, engine, room, &diag));
}

static void close_run(TappedRun *run) {
    tapped_run_close(run);
    engine_destroy(engine);
    thalweg_destroy(thalweg);
    engine = NULL;
    thalweg = NULL;
}

/* What is kept of the stream behind a layer, from a position on. */
static const float *stream_of(const TappedRun *run, int layer, int64_t position) {
    char point[40];
    snprintf(point, sizeof point, "blocks.%d.hook_resid_post", layer);
    return run->rows[tapped_run_find(run, point)] + position * WIDTH;
}

typedef struct {
    int64_t first, next, most;
    float row[LONG * VOCAB];
} Taken;

static bool take(void *context, int64_t position, const float *logits) {
    Taken *taken = context;
    if (taken->next == taken->first + taken->most) return false;
    ck_assert_int_eq(position, taken->next);
    memcpy(taken->row + (position - taken->first) * VOCAB, logits, VOCAB * sizeof *logits);
    taken->next++;
    return true;
}

START_TEST(a_tap_of_all_layers_has_an_array_for_each) {
    TappedRun run;
    open_run(&run, false, LONG);
    ck_assert_int_eq(run.taps, LAYERS + 1);
    ck_assert_int_eq(run.tap[tapped_run_find(&run, "blocks.2.hook_resid_post")].columns, WIDTH);
    ck_assert_int_eq(run.tap[tapped_run_find(&run, "blocks.1.mlp.hook_post")].columns, 1);
    ck_assert_int_eq(tapped_run_find(&run, "blocks.2.hook_resid_mid"), -1);
    tapped_run_close(&run);
}
END_TEST

START_TEST(code_and_interpreter_keep_the_same_in_several_chunks) {
    static float stream[LONG * WIDTH];
    static Taken native, interpreted;
    TappedRun run;
    native = interpreted = (Taken){.first = LONG - 35, .next = LONG - 35, .most = 35};
    open_run(&run, false, LONG);
    TappedText all = {text, LONG, 35, take, &native};
    ck_assert(tapped_run_feed(&run, &all, &diag));
    memcpy(stream, stream_of(&run, 1, 0), sizeof stream);
    close_run(&run);

    open_run(&run, true, LONG);
    all.context = &interpreted;
    ck_assert_int_lt(engine_chunk(engine), LONG);
    ck_assert(tapped_run_feed(&run, &all, &diag));
    ck_assert_int_eq(native.next, LONG);
    ck_assert_int_eq(interpreted.next, LONG);
    for (int i = 0; i < LONG * WIDTH; i++)
        ck_assert_float_eq_tol(stream[i], stream_of(&run, 1, 0)[i], 1e-4f);
    for (int i = 0; i < 35 * VOCAB; i++)
        ck_assert_float_eq_tol(native.row[i], interpreted.row[i], 1e-4f);
    close_run(&run);
}
END_TEST

START_TEST(a_text_of_two_chunks_is_fed_as_one) {
    TappedRun run;
    open_run(&run, false, COUNT(text));
    ck_assert_int_lt(engine_chunk(engine), 700);
    ck_assert(tapped_run_feed(&run, &(TappedText){.tokens = text, .count = 700}, &diag));
    float last[WIDTH];
    memcpy(last, stream_of(&run, 2, 699), sizeof last);
    engine_reset(engine);
    for (int64_t at = 0; at < 700; at += 100) {
        TwStatus status;
        ck_assert(engine_step(engine, text + at, 100, 1, &status));
    }
    ck_assert_mem_eq(last, stream_of(&run, 2, 699), sizeof last);
    close_run(&run);
}
END_TEST

START_TEST(each_text_is_a_sequence_of_its_own) {
    TappedRun run;
    float first[WIDTH];
    open_run(&run, false, LONG);
    ck_assert(tapped_run_feed(&run, &(TappedText){.tokens = text, .count = 9}, &diag));
    memcpy(first, stream_of(&run, 2, 3), sizeof first);
    ck_assert(tapped_run_feed(&run, &(TappedText){.tokens = text + 5, .count = 20}, &diag));
    ck_assert_mem_ne(first, stream_of(&run, 2, 3), sizeof first);
    ck_assert(tapped_run_feed(&run, &(TappedText){.tokens = text, .count = 4}, &diag));
    ck_assert_mem_eq(first, stream_of(&run, 2, 3), sizeof first);
    close_run(&run);
}
END_TEST

START_TEST(who_has_seen_enough_of_the_logits_ends_the_text) {
    static Taken taken;
    TappedRun run;
    taken = (Taken){.first = 0, .most = 3};
    open_run(&run, true, LONG);
    ck_assert(!tapped_run_feed(&run, &(TappedText){text, LONG, LONG, take, &taken}, &diag));
    ck_assert_int_eq(taken.next, 3);
    ck_assert_int_eq(diag.errors, 0);
    close_run(&run);
}
END_TEST

START_TEST(a_run_after_another_has_the_taps) {
    TappedRun run, other;
    open_run(&run, true, 4);
    ck_assert(tapped_run_feed(&run, &(TappedText){.tokens = text, .count = 4}, &diag));
    tapped_run_close(&run);
    ck_assert(tapped_run_open(&other, thalweg, engine, 8, &diag));
    ck_assert(tapped_run_feed(&other, &(TappedText){.tokens = text, .count = 8}, &diag));
    ck_assert_float_ne(*stream_of(&other, 2, 7), 0);
    close_run(&other);
}
END_TEST

START_TEST(taps_come_before_the_code) {
    static const char *const late = "resid_post";
    thalweg = create(long_model);
    assert_works(thalweg, thalweg_program(thalweg));
    ck_assert(!thalweg_add_taps(thalweg, &late, 1));
    assert_message(thalweg, "taps are added before a model is compiled");
}
END_TEST

START_TEST(a_point_that_is_not_there_is_refused) {
    static const char *const wrong = "resid_post7";
    thalweg = create(long_model);
    ck_assert(!thalweg_add_taps(thalweg, &wrong, 1));
    assert_message(thalweg, "the model has layers 0 to 2, not 7");
}
END_TEST

START_TEST(points_are_listed_once_however_often_taps_are_added) {
    static const char *const taps[] = {"resid_post", "z"};
    int64_t before, after, count;
    thalweg = create(long_model);
    thalweg_points(thalweg, &before);
    assert_works(thalweg, thalweg_add_taps(thalweg, taps, 1));
    assert_works(thalweg, thalweg_add_taps(thalweg, taps + 1, 1));
    thalweg_points(thalweg, &after);
    ck_assert_int_eq(before, after);
    const ThalwegTap *all = thalweg_taps(thalweg, &count);
    ck_assert_int_eq(count, 2 * LAYERS);
    ck_assert_str_eq(all[0].point, "blocks.0.attn.hook_z");
    ck_assert_int_eq(all[0].instrument, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tapped_run");
    TCase *tests = suite_case(suite, "runs", begin, end);
    tcase_add_test(tests, a_tap_of_all_layers_has_an_array_for_each);
    tcase_add_test(tests, code_and_interpreter_keep_the_same_in_several_chunks);
    tcase_add_test(tests, a_text_of_two_chunks_is_fed_as_one);
    tcase_add_test(tests, each_text_is_a_sequence_of_its_own);
    tcase_add_test(tests, who_has_seen_enough_of_the_logits_ends_the_text);
    tcase_add_test(tests, a_run_after_another_has_the_taps);
    tcase_add_test(tests, taps_come_before_the_code);
    tcase_add_test(tests, a_point_that_is_not_there_is_refused);
    tcase_add_test(tests, points_are_listed_once_however_often_taps_are_added);
    return suite_run(suite);
}
