/* test_object_model.c - models as an object file exports them: which program is taken, where
 * weights and memory come from, what older and newer versions may hand in. */
#include "runtime/cpu.h"
#include "runtime/runtime.h"
#include "runtime/weights_file.h"
#include "tests/check.h"

#include <stdalign.h>

enum { VOCAB = 4, STRIDE = 16, LAYOUT = 9, FLOATS = 16, IMAGE = TW_WEIGHTS_DATA + FLOATS * 4 };
static const uint64_t no_processor_has = (uint64_t)1 << 63;

static alignas(64) char image[IMAGE + 64];

static void write_logits(const TwFrame *frame, int64_t thread, int64_t threads) {
    (void)threads;
    if (thread == 0) frame->logits[0] = ((const float *)(const void *)frame->weights)[0];
}

static const TwProgram plain = {.abi_version = TW_ABI_VERSION,
                                .struct_bytes = sizeof(TwProgram),
                                .name = "plain",
                                .vocab = VOCAB,
                                .context = 8,
                                .chunk = 8,
                                .logits_stride = STRIDE,
                                .layout_id = LAYOUT,
                                .weight_bytes = FLOATS * sizeof(float),
                                .prefill = write_logits,
                                .decode = write_logits};
static TwProgram special;
static const TwProgram *programs[] = {&special, &plain};

static TwModule module;

static void setup(void) {
    const float first = 7;
    memset(image, 0, sizeof image);
    memcpy(image + TW_WEIGHTS_DATA, &first, sizeof first);
    WeightsHeader header = {.layout_id = LAYOUT, .data_bytes = FLOATS * sizeof(float)};
    ck_assert(
        tw_weights_checksum(image + TW_WEIGHTS_DATA, header.data_bytes, &header.data_checksum));
    tw_weights_header_seal(&header);
    memcpy(image, &header, sizeof header);
    special = plain;
    special.needs = no_processor_has;
    module = (TwModule){.abi_version = TW_ABI_VERSION,
                        .struct_bytes = sizeof module,
                        .program = programs,
                        .program_count = 2,
                        .weights = image,
                        .weights_bytes = IMAGE};
}

static TwStatus open_memory(const void *weights, uint64_t bytes) {
    TwModel *model = (TwModel *)image;
    const TwStatus status = tw_model_open_memory(&module, weights, bytes, NULL, &model);
    ck_assert_int_eq(status == TW_OK, model != NULL);
    tw_model_close(model);
    return status;
}

START_TEST(the_first_program_that_the_processor_can_run_is_taken) {
    TwModel *model;
    ck_assert_int_eq(tw_model_open(&module, NULL, &model), TW_OK);
    ck_assert_ptr_eq(tw_model_program(model), &plain);
    tw_model_close(model);
    special.needs = 0;
    ck_assert_int_eq(tw_model_open(&module, NULL, &model), TW_OK);
    ck_assert_ptr_eq(tw_model_program(model), &special);
    tw_model_close(model);
}
END_TEST

START_TEST(where_no_program_runs_that_is_said) {
    module.program_count = 1;
    ck_assert_int_eq(open_memory(NULL, 0), TW_BAD_CPU);
    ck_assert(!tw_cpu_has(no_processor_has));
    ck_assert(tw_cpu_has(0));
}
END_TEST

START_TEST(a_session_of_weights_inside_runs) {
    TwModel *model;
    TwSession *session;
    ck_assert_int_eq(tw_model_open(&module, NULL, &model), TW_OK);
    ck_assert_int_eq(tw_model_session(model, NULL, &session), TW_OK);
    ck_assert_int_eq(tw_session_decode(session, 1), TW_OK);
    ck_assert_float_eq(tw_session_logits(session, 0)[0], 7);
    tw_session_reset(session);
    ck_assert_int_eq(tw_session_position(session), 0);
    tw_session_destroy(session);
    tw_model_close(model);
}
END_TEST

START_TEST(weights_in_memory_are_checked_before_they_are_read) {
    ck_assert_int_eq(open_memory(image, IMAGE), TW_OK);
    ck_assert_int_eq(open_memory(image, IMAGE - 1), TW_BAD_SIZE);
    ck_assert_int_eq(open_memory(image, TW_WEIGHTS_DATA - 1), TW_BAD_SIZE);
    ck_assert_int_eq(open_memory(image, 7), TW_NOT_WEIGHTS);
    ck_assert_int_eq(open_memory(image + 4, IMAGE), TW_BAD_ARGUMENT);
    special.layout_id = LAYOUT + 1;
    special.needs = 0;
    ck_assert_int_eq(open_memory(image, IMAGE), TW_WRONG_LAYOUT);
    special.layout_id = LAYOUT;
    special.weight_bytes = FLOATS * sizeof(float) + 1;
    ck_assert_int_eq(open_memory(image, IMAGE), TW_BAD_SIZE);
    module.weights = NULL;
    ck_assert_int_eq(open_memory(NULL, 0), TW_NO_WEIGHTS);
}
END_TEST

START_TEST(modules_of_another_kind_are_refused) {
    module.abi_version++;
    ck_assert_int_eq(open_memory(NULL, 0), TW_BAD_ABI);
    module.abi_version--;
    module.struct_bytes += 8; /* a later version, that may mean something by it */
    ck_assert_int_eq(open_memory(NULL, 0), TW_BAD_ABI);
    module.struct_bytes = 8;
    ck_assert_int_eq(open_memory(NULL, 0), TW_BAD_ABI);
    TwModel *model;
    ck_assert_int_eq(tw_model_open(NULL, NULL, &model), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_model_open(&module, NULL, NULL), TW_BAD_ARGUMENT);
}
END_TEST

START_TEST(memory_of_the_caller_holds_model_and_session) {
    static alignas(16) char for_model[TW_MODEL_BYTES];
    static char for_session[1 << 16];
    TwModel *model;
    TwSession *session;
    ck_assert_int_eq(tw_model_open_memory(&module, NULL, 0, for_model, &model), TW_OK);
    ck_assert_ptr_eq(model, (TwModel *)for_model);
    TwSessionOptions options = {.struct_bytes = sizeof options,
                                .threads = 2,
                                .decode_threads = 1,
                                .memory = for_session + 3};
    const size_t bytes = tw_model_session_bytes(model, &options);
    ck_assert(bytes > 0 && bytes < sizeof for_session - 3);
    options.memory_bytes = bytes - 1;
    ck_assert_int_eq(tw_model_session(model, &options, &session), TW_NO_MEMORY);
    options.memory_bytes = bytes;
    memset(for_session, 0x55, sizeof for_session);
    ck_assert_int_eq(tw_model_session(model, &options, &session), TW_OK);
    ck_assert_int_eq(tw_session_decode(session, 1), TW_OK);
    ck_assert_float_eq(tw_session_logits(session, 0)[0], 7);
    ck_assert_float_eq(tw_session_logits(session, 0)[1], 0);
    tw_session_destroy(session);
    tw_model_close(model);
    for (int i = 0; i < 3; i++) ck_assert_int_eq(for_session[i], 0x55);
    for (size_t i = bytes + 3; i < sizeof for_session; i++) ck_assert_int_eq(for_session[i], 0x55);
}
END_TEST

START_TEST(options_of_another_version_are_refused) {
    TwModel *model;
    TwSession *session;
    TwSessionOptions options = {.struct_bytes = sizeof options + 8};
    ck_assert_int_eq(tw_model_open(&module, NULL, &model), TW_OK);
    ck_assert_int_eq(tw_model_session(model, &options, &session), TW_BAD_ABI);
    ck_assert_uint_eq(tw_model_session_bytes(model, &options), 0);
    options.struct_bytes = 4;
    ck_assert_int_eq(tw_model_session(model, &options, &session), TW_BAD_ABI);
    options.struct_bytes = 0; /* that of version 1.0 */
    ck_assert_int_eq(tw_model_session(model, &options, &session), TW_OK);
    tw_session_destroy(session);
    tw_model_close(model);
}
END_TEST

static int runs;

static void run_here(void *context, TwTask *share, void *task, int64_t threads) {
    ck_assert_ptr_eq(context, &runs);
    ck_assert_int_eq(threads, 3);
    runs++;
    share(task, 0, 1); /* there are no more */
}

START_TEST(a_team_of_the_caller_may_be_smaller_than_asked_for) {
    TwModel *model;
    TwSession *session;
    const TwSessionOptions options = {.threads = 3, .run_team = run_here, .team_context = &runs};
    ck_assert_int_eq(tw_model_open(&module, NULL, &model), TW_OK);
    ck_assert_int_eq(tw_model_session(model, &options, &session), TW_OK);
    for (int i = 0; i < 3; i++) ck_assert_int_eq(tw_session_decode(session, 1), TW_OK);
    ck_assert_int_eq(runs, 3);
    tw_session_destroy(session);
    tw_model_close(model);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("object_model");
    TCase *tests = suite_case(suite, "object_model", setup, NULL);
    tcase_add_test(tests, the_first_program_that_the_processor_can_run_is_taken);
    tcase_add_test(tests, where_no_program_runs_that_is_said);
    tcase_add_test(tests, a_session_of_weights_inside_runs);
    tcase_add_test(tests, weights_in_memory_are_checked_before_they_are_read);
    tcase_add_test(tests, modules_of_another_kind_are_refused);
    tcase_add_test(tests, memory_of_the_caller_holds_model_and_session);
    tcase_add_test(tests, options_of_another_version_are_refused);
    tcase_add_test(tests, a_team_of_the_caller_may_be_smaller_than_asked_for);
    return suite_run(suite);
}
