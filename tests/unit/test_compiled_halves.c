/* test_compiled_halves.c - what compiled code makes of the scales of blocks: each output has a
 * binary16 of its own as its scale, and a logit that is X times that. */
#include "frontend/compiler/compiler.h"
#include "runtime/weights.h"
#include "tests/unit/library_fixture.h"

enum { HALVES = 1 << 16, WIDTH = FORMAT_BLOCK, X = 127 /* is itself in bytes */ };

static const char halves[] = "thalweg: 1\nname: halves\nvocab: 65536\ncontext: 4\n"
                             "stream: {width: 32}\ndefaults: {norm: none}\nblocks: []\n"
                             "head: {tied: false}\nweights: {synthetic: 1, type: q8}\n";

#ifdef __x86_64__
static const char *const cpus[] = {"x86-64", "x86-64-v2", NULL};
#else
static const char *const cpus[] = {NULL};
#endif
enum { CPUS = sizeof cpus / sizeof *cpus };

static const PackedTensor *find_tensor(const Layout *layout, PackedForm form) {
    for (int i = 0; i < layout->count; i++)
        if (layout->tensor[i].form == form) return &layout->tensor[i];
    ck_abort_msg("no such tensor");
    return NULL;
}

/* Blocks of one block's depth: the scales of a panel, then bytes of 129, which stand for 1. */
static void fill_blocks(float *to, int64_t panel) {
    const int64_t words = layout_panel_words(FORMAT_q8, WIDTH, panel);
    memset(to, 129, (size_t)(HALVES / panel * words) * sizeof *to);
    for (int64_t half = 0; half < HALVES; half++) {
        const uint16_t bits = (uint16_t)half;
        char *scales = (char *)(to + half / panel * words);
        memcpy(scales + half % panel * 2, &bits, sizeof bits);
    }
}

static TwWeights make_weights(const Thalweg *thalweg) {
    const Layout *layout = thalweg->plan->layout;
    const TwProgram *program = thalweg->program;
    float *data = aligned_alloc(64, (program->weight_bytes + 63) / 64 * 64);
    ck_assert_ptr_nonnull(data);
    memset(data, 0, program->weight_bytes);
    data[find_tensor(layout, FORM_ROWS)->offset] = X; /* the row of token 0 is X, 0, 0, ... */
    fill_blocks(data + find_tensor(layout, FORM_PANELS)->offset, machine_panel(&layout->machine));
    return (TwWeights){
        .data = (const char *)data,
        .header = {.layout_id = program->layout_id, .data_bytes = program->weight_bytes}};
}

static void check_logits(const float *logits) {
    for (int64_t half = 0; half < HALVES; half++) {
        const float scale = format_from_f16((uint16_t)half);
        if (isfinite(scale))
            ck_assert_msg(logits[half] == X * scale, "%04x: %a", (unsigned)half,
                          (double)logits[half]);
        else
            ck_assert_msg(!isfinite(logits[half]), "%04x: %a", (unsigned)half,
                          (double)logits[half]);
    }
}

START_TEST(every_half_is_widened_exactly) {
    const int32_t zeros[2] = {0};
    const ThalwegOptions options = {.cpu = cpus[_i], .no_tuning = true};
    Thalweg *thalweg = create_with(options, halves);
    assert_works(thalweg, thalweg_program(thalweg));
    TwWeights weights = make_weights(thalweg);
    for (int64_t count = 1; count <= 2; count++) { /* decode, prefill */
        TwSession *session;
        ck_assert_int_eq(tw_session_create(thalweg->program, &weights, NULL, &session), TW_OK);
        ck_assert_int_eq(tw_session_prefill(session, zeros, count), TW_OK);
        check_logits(tw_session_logits(session, 0));
        tw_session_destroy(session);
    }
    free((char *)weights.data);
    thalweg_destroy(thalweg);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("compiled halves");
    TCase *tests = in_a_folder(suite, "compiled halves");
    tcase_add_loop_test(tests, every_half_is_widened_exactly, 0, CPUS);
    return suite_run(suite);
}
