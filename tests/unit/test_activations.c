/* test_activations.c - where in a text a neuron is active: largest values, bins, and windows. */
#include "frontend/lens/activations.h"
#include "tests/unit/library_fixture.h"

enum { LONG = 23 };

static const char layered[] = "thalweg: 1\n"
                              "name: small\n"
                              "vocab: 40\n"
                              "context: 64\n"
                              "stream: {width: 24}\n"
                              "embed: {positions: learned}\n"
                              "blocks:\n"
                              "  - repeat: 2\n"
                              "    branches:\n"
                              "      - attention: {heads: 2, norm: layer}\n"
                              "      - mlp: {hidden: 40, norm: layer, activation: gelu_tanh}\n"
                              "head: {norm: layer, tied: true}\n"
                              "weights: {synthetic: 7}\n";

static Arena *arena;
static Diag diag;
static Thalweg *thalweg;
static Engine *engine;
static TappedRun tapped;
static int32_t text[LONG];

static void begin(void) {
    make_folder();
    arena = arena_create();
    diag = (Diag){.arena = arena};
    for (int i = 0; i < COUNT(text); i++) text[i] = (7 * i + i / 5) % VOCAB;
}

static void end(void) {
    tapped_run_close(&tapped);
    engine_destroy(engine);
    thalweg_destroy(thalweg);
    engine = NULL;
    thalweg = NULL;
    arena_destroy(arena);
    remove_folder();
}

/* ---- numbers as they are kept ---- */

static float values[] = {0.5f, -1, 3, 0.5f, 2, 3, -1, 1};
static int32_t predicted[] = {1, 2, 4, 1, 4, 4, 2, 3};
static const Activations given = {
    .count = COUNT(values), .value = values, .argmax = predicted, .least = -1, .most = 3};

START_TEST(the_largest_come_first_and_the_earlier_of_equals) {
    int64_t places[COUNT(values)];
    static const int64_t expected[] = {2, 5, 4, 7, 0, 3, 1, 6};
    for (int most = 0; most <= COUNT(values); most++) {
        ck_assert_int_eq(activations_top(&given, most, places), most);
        for (int i = 0; i < most; i++) ck_assert_int_eq(places[i], expected[i]);
    }
}
END_TEST

START_TEST(there_are_no_more_places_than_tokens) {
    int64_t places[100];
    ck_assert_int_eq(activations_top(&given, 100, places), COUNT(values));
    ck_assert_int_eq(places[COUNT(values) - 1], 6);
}
END_TEST

START_TEST(bins_of_equal_width_have_each_token_once) {
    ActivationBin bins[4]; /* from -1, 0, 1, 2 */
    ck_assert(activations_bins(&given, 4, 5, COUNT(bins), bins));
    static const int64_t counts[] = {2, 2, 1, 3}, hits[] = {0, 0, 0, 3};
    for (int i = 0; i < COUNT(bins); i++) {
        ck_assert_double_eq_tol(bins[i].from, i - 1, 1e-12);
        ck_assert_double_eq_tol(bins[i].to, i, 1e-12);
        ck_assert_int_eq(bins[i].count, counts[i]);
        ck_assert_int_eq(bins[i].hits, hits[i]);
    }
}
END_TEST

START_TEST(a_bin_says_what_is_most_often_the_argmax) {
    ActivationBin bin;
    ck_assert(activations_bins(&given, 0, 5, 1, &bin));
    ck_assert_int_eq(bin.count, COUNT(values));
    static const ActivationToken often[] = {{4, 3}, {1, 2}, {2, 2}, {3, 1}};
    for (int i = 0; i < COUNT(often); i++) {
        ck_assert_int_eq(bin.often[i].token, often[i].token);
        ck_assert_int_eq(bin.often[i].count, often[i].count);
    }
    ck_assert_int_eq(bin.often[4].count, 0);
}
END_TEST

START_TEST(values_that_are_all_equal_are_in_one_bin) {
    static float same[] = {2, 2, 2};
    const Activations equal = {
        .count = 3, .value = same, .argmax = predicted, .least = 2, .most = 2};
    ActivationBin bins[3];
    ck_assert(activations_bins(&equal, 2, 5, COUNT(bins), bins));
    ck_assert_int_eq(bins[0].count, 3);
    ck_assert_int_eq(bins[0].hits, 1);
    ck_assert_int_eq(bins[1].count + bins[2].count, 0);
}
END_TEST

START_TEST(the_token_is_the_one_predicted_where_the_neuron_is_active) {
    int32_t token;
    ck_assert(activations_token(&given, 5, &token));
    ck_assert_int_eq(token, 4);
}
END_TEST

START_TEST(where_the_text_goes_on_with_a_token_its_probability_is_summed_up) {
    static const int32_t words[] = {4, 4, 1, 4, 2, 4, 4, 4};
    static float probability[] = {0.5f, 9, 0.25f, 9, 1, 0, 0.25f, 9};
    Activations kept = given;
    kept.probability = probability;
    const ActivationsText said = {.tokens = words, .count = COUNT(words), .token = 4};
    const ActivationsNext next = activations_next(&kept, &said);
    ck_assert_int_eq(next.count, 5);
    ck_assert_int_eq(next.hits, 3);
    ck_assert_double_eq_tol(next.probability, 0.4, 1e-9);
    ActivationBin bin;
    ck_assert(activations_bins(&kept, 4, 5, 1, &bin));
    ck_assert_double_eq_tol(bin.probability, 29.0 / 8, 1e-9);
}
END_TEST

/* ---- a text ---- */

static void measure(bool is_interpreted, int64_t window, int32_t first, Activations *out) {
    static const char *const tap = "L1N5";
    TwStatus status;
    thalweg = create(layered);
    assert_works(thalweg, thalweg_add_taps(thalweg, &tap, 1));
    engine = engine_create(thalweg, &(EngineOptions){is_interpreted, true, 0}, &status);
    assert_works(thalweg, engine);
    assert_works(thalweg, tapped_run_open(&tapped, thalweg, engine, window, &diag));
    const ActivationsText all = {text, LONG, window, first, 3};
    ck_assert(activations_measure(&tapped, &all, out, &diag));
}

static void close_model(void) {
    tapped_run_close(&tapped);
    engine_destroy(engine);
    thalweg_destroy(thalweg);
    engine = NULL;
    thalweg = NULL;
}

typedef struct {
    int32_t argmax[LONG + 1];
    double probability[LONG + 1];
} Fed;

static bool take(void *context, int64_t position, const float *logits) {
    Fed *fed = context;
    for (int32_t i = 1; i < VOCAB; i++)
        if (logits[i] > logits[fed->argmax[position]]) fed->argmax[position] = i;
    fed->probability[position] = exp(tw_logprob(logits, VOCAB, 3));
    return true;
}

/* Tokens [from, to) of the text behind `first`, as a sequence of their own. */
static void check_window(const Activations *found, int64_t from, int64_t to, int32_t first) {
    int32_t window[LONG + 1] = {first};
    const int64_t before = first >= 0, count = before + to - from;
    for (int64_t i = from; i < to; i++) window[before + i - from] = text[i];
    Fed fed = {{0}, {0}};
    ck_assert(tapped_run_feed(&tapped, &(TappedText){window, count, count, take, &fed}, &diag));
    for (int64_t i = before; i < count; i++) {
        ck_assert_float_eq(found->value[from + i - before], tapped.rows[0][i]);
        ck_assert_int_eq(found->argmax[from + i - before], fed.argmax[i]);
        ck_assert_double_eq_tol((double)found->probability[from + i - before], fed.probability[i],
                                1e-6);
    }
}

START_TEST(windows_follow_each_other_and_the_last_is_shorter) {
    Activations found;
    measure(false, 10, -1, &found);
    ck_assert_int_eq(found.windows, 3);
    check_window(&found, 0, 10, -1);
    check_window(&found, 10, 20, -1);
    check_window(&found, 20, LONG, -1);
    activations_close(&found);
}
END_TEST

START_TEST(a_token_stands_before_each_window_and_is_not_counted) {
    Activations found;
    measure(false, 10, 39, &found);
    ck_assert_int_eq(found.count, LONG);
    ck_assert_int_eq(found.windows, 3);
    check_window(&found, 0, 9, 39);
    check_window(&found, 9, 18, 39);
    check_window(&found, 18, LONG, 39);
    activations_close(&found);
}
END_TEST

START_TEST(code_and_interpreter_find_the_same) {
    Activations native, interpreted;
    measure(false, 16, 1, &native);
    close_model();
    measure(true, 16, 1, &interpreted);
    for (int i = 0; i < LONG; i++) {
        ck_assert_float_eq_tol(native.value[i], interpreted.value[i], 1e-4f);
        ck_assert_int_eq(native.argmax[i], interpreted.argmax[i]);
    }
    ck_assert_double_eq_tol(native.mean, interpreted.mean, 1e-5);
    ck_assert_double_eq_tol(native.deviation, interpreted.deviation, 1e-5);
    ck_assert_int_eq(native.positive, interpreted.positive);
    activations_close(&native);
    activations_close(&interpreted);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("activations");
    TCase *kept = suite_case(suite, "numbers", begin, end);
    tcase_add_test(kept, the_largest_come_first_and_the_earlier_of_equals);
    tcase_add_test(kept, there_are_no_more_places_than_tokens);
    tcase_add_test(kept, bins_of_equal_width_have_each_token_once);
    tcase_add_test(kept, a_bin_says_what_is_most_often_the_argmax);
    tcase_add_test(kept, values_that_are_all_equal_are_in_one_bin);
    tcase_add_test(kept, where_the_text_goes_on_with_a_token_its_probability_is_summed_up);
    tcase_add_test(kept, the_token_is_the_one_predicted_where_the_neuron_is_active);
    TCase *texts = suite_case(suite, "texts", begin, end);
    tcase_add_test(texts, windows_follow_each_other_and_the_last_is_shorter);
    tcase_add_test(texts, a_token_stands_before_each_window_and_is_not_counted);
    tcase_add_test(texts, code_and_interpreter_find_the_same);
    return suite_run(suite);
}
