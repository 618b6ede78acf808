/* test_batch.c - several sequences in one session, on programs of plain C functions: one that takes
 * them one after the other, and one that has entries for batches.
 *
 * A row of logits is {sum over the sequence so far of (position + 1) * (token + 1), position}.
 */
#include "runtime/runtime.h"
#include "runtime/weights_file.h"
#include "tests/check.h"

#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { VOCAB = 10, CONTEXT = 20, CHUNK = 8, STRIDE = 16, LAYOUT = 5, WEIGHTS = 16, FEW = 3 };
enum { UNIT = 4, CACHE_FLOATS = 32 /* two pieces */, BEYOND = -1000 };

/* ---- the program ---- */

static int calls, batches, fews;

static void write_logits(float *logits, const float *cache, int64_t position) {
    logits[0] = 0;
    for (int64_t i = 0; i <= position; i++)
        logits[0] += (float)(i + 1) * cache[i % 2 * CACHE_FLOATS / 2 + i / 2];
    logits[1] = (float)position;
}

/* Even positions in the first piece, odd ones in the second. */
static void append(float *cache, int64_t position, int32_t token) {
    cache[position % 2 * CACHE_FLOATS / 2 + position / 2] = (float)(token + 1);
}

static void keep(const TwTapBuffer *taps, int64_t position, int32_t token) {
    if (taps[1].rows) taps[1].rows[position] = (float)token;
}

static void run_one(const TwFrame *frame, int64_t thread, int64_t threads) {
    (void)threads;
    if (thread) return;
    calls++;
    for (int64_t i = 0; i < frame->token_count; i++) {
        append(frame->caches, frame->position + i, frame->tokens[i]);
        keep(frame->taps, frame->position + i, frame->tokens[i]);
    }
    for (int64_t i = 0; i < frame->logit_rows; i++)
        write_logits(frame->logits + i * STRIDE, frame->caches,
                     frame->position + frame->token_count - frame->logit_rows + i);
}

static void run_rows(const TwFrame *frame) {
    for (int64_t s = 0; s < frame->segment_count; s++)
        for (int64_t r = frame->starts[s]; r < frame->starts[s + 1]; r++) {
            const TwRow *row = &frame->rows[r];
            ck_assert_int_eq(row->position - frame->rows[frame->starts[s]].position,
                             r - frame->starts[s]);
            append(frame->caches + row->caches, row->position, frame->tokens[r]);
            keep(frame->taps + row->taps, row->position, frame->tokens[r]);
        }
    ck_assert_int_eq(frame->starts[frame->segment_count], frame->token_count);
    for (int64_t i = 0; i < frame->logit_rows; i++) {
        const TwRow *row = &frame->rows[frame->wanted[i]];
        write_logits(frame->logits + i * STRIDE, frame->caches + row->caches, row->position);
    }
}

static void run_batch(const TwFrame *frame, int64_t thread, int64_t threads) {
    (void)threads;
    if (thread) return;
    batches++;
    run_rows(frame);
}

static void run_few(const TwFrame *frame, int64_t thread, int64_t threads) {
    (void)threads;
    if (thread) return;
    fews++;
    ck_assert_int_le(frame->token_count, FEW);
    run_rows(frame);
}

static const TwCache cache[] = {{0, 2, CACHE_FLOATS / 2, UNIT, UNIT / 2}};

static const TwProgram model = {
    .abi_version = TW_ABI_VERSION,
    .struct_bytes = sizeof(TwProgram),
    .name = "fake",
    .vocab = VOCAB,
    .context = CONTEXT,
    .chunk = CHUNK,
    .logits_stride = STRIDE,
    .cache_floats = CACHE_FLOATS,
    .layout_id = LAYOUT,
    .weight_bytes = WEIGHTS * sizeof(float),
    .prefill = run_one,
    .decode = run_one,
    .tap_count = 2,
};

static TwProgram program_of(int kind) {
    TwProgram program = model;
    if (!kind) return program;
    program.batch = run_batch;
    program.few = kind == 2 ? run_few : NULL;
    program.few_rows = kind == 2 ? FEW : 0;
    program.cache = cache;
    program.cache_count = 1;
    return program;
}

enum { KINDS = 3 };

static TwWeights *weights;

static void setup(void) {
    char path[64];
    char image[TW_WEIGHTS_DATA + WEIGHTS * sizeof(float)] = {0};
    WeightsHeader header = {.layout_id = LAYOUT, .data_bytes = WEIGHTS * sizeof(float)};
    ck_assert(tw_weights_checksum(image + TW_WEIGHTS_DATA, WEIGHTS * sizeof(float),
                                  &header.data_checksum));
    tw_weights_header_seal(&header);
    memcpy(image, &header, sizeof header);
    int file = memfd_create("weights", MFD_CLOEXEC);
    ck_assert_int_eq(pwrite(file, image, sizeof image, 0), sizeof image);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    ck_assert_int_eq(tw_weights_open(path, LAYOUT, true, &weights), TW_OK);
    close(file);
}

static void teardown(void) {
    tw_weights_close(weights);
}

static TwSession *make(const TwProgram *program, int64_t sequences, int64_t logit_rows) {
    TwSession *session = NULL;
    TwSessionOptions options = {.struct_bytes = sizeof options,
                                .threads = 2,
                                .sequences = sequences,
                                .logit_rows = logit_rows};
    ck_assert_int_eq(tw_session_create(program, weights, &options, &session), TW_OK);
    return session;
}

/* Row `row` is what the model says after tokens[count]. */
static void check_row(const TwSession *session, int64_t row, const int32_t *tokens, int64_t count) {
    const float *logits = tw_session_logits(session, row);
    ck_assert_ptr_nonnull(logits);
    float sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (float)((i + 1) * (tokens[i] + 1));
    ck_assert_float_eq(logits[0], sum);
    ck_assert_float_eq(logits[1], (float)(count - 1));
}

static void check_position(TwSession *session, int64_t sequence, int64_t position) {
    ck_assert_int_eq(tw_session_choose(session, sequence), TW_OK);
    ck_assert_int_eq(tw_session_position(session), position);
}

static const int32_t text[] = {3, 1, 4, 1, 5, 9, 2, 6}, other[] = {2, 7, 1, 8, 2, 8, 1, 8};

/* ---- calls ---- */

START_TEST(a_batch_gives_each_sequence_what_it_gets_alone) {
    const TwProgram program = program_of(_i);
    TwSession *session = make(&program, 3, 4);
    const TwSegment prompts[] = {{2, 3, 1}, {0, 5, 3}};
    const int32_t tokens[] = {2, 7, 1, 3, 1, 4, 1, 5};
    ck_assert_int_eq(tw_session_step_batch(session, prompts, 2, tokens), TW_OK);
    check_row(session, 0, other, 3);
    for (int i = 0; i < 3; i++) check_row(session, 1 + i, text, 3 + i);
    ck_assert_ptr_null(tw_session_logits(session, 4));
    const TwSegment next[] = {{0, 1, 0}, {1, 1, 0}, {2, 1, 0}};
    const int32_t one_each[] = {9, 3, 8};
    ck_assert_int_eq(tw_session_step_batch(session, next, 3, one_each), TW_OK);
    check_row(session, 0, text, 6);
    check_row(session, 1, text, 1);
    check_row(session, 2, other, 4);
    check_position(session, 0, 6);
    check_position(session, 1, 1);
    check_position(session, 2, 4);
    tw_session_destroy(session);
}
END_TEST

START_TEST(entries_for_batches_are_called_where_there_are_some) {
    const TwProgram program = program_of(_i);
    TwSession *session = make(&program, 2, 2);
    const TwSegment few[] = {{0, 1, 1}, {1, 2, 1}}, more[] = {{0, 2, 1}, {1, 2, 1}};
    const TwSegment alone[] = {{1, 3, 1}};
    calls = batches = fews = 0;
    ck_assert_int_eq(tw_session_step_batch(session, few, 2, text), TW_OK);
    ck_assert_int_eq(tw_session_step_batch(session, more, 2, text), TW_OK);
    ck_assert_int_eq(tw_session_step_batch(session, alone, 1, text), TW_OK);
    ck_assert_int_eq(calls, _i ? 1 : 5);
    static const int expected[] = {0, 2, 1};
    ck_assert_int_eq(batches, expected[_i]);
    ck_assert_int_eq(fews, _i == 2);
    tw_session_destroy(session);
}
END_TEST

START_TEST(calls_of_one_sequence_are_of_the_one_that_is_chosen) {
    TwSession *session = make(&model, 2, 0);
    ck_assert_int_eq(tw_session_prefill(session, text, 4), TW_OK);
    ck_assert_int_eq(tw_session_choose(session, 1), TW_OK);
    ck_assert_int_eq(tw_session_position(session), 0);
    ck_assert_int_eq(tw_session_decode(session, 2), TW_OK);
    check_row(session, 0, other, 1);
    ck_assert_int_eq(tw_session_choose(session, 0), TW_OK);
    ck_assert_int_eq(tw_session_decode(session, 5), TW_OK);
    check_row(session, 0, text, 5);
    tw_session_reset(session);
    check_position(session, 0, 0);
    check_position(session, 1, 1);
    ck_assert_ptr_nonnull(tw_session_logits(session, 0)); /* of other sequences, too */
    ck_assert_int_eq(tw_session_choose(session, 2), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_choose(session, -1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_choose(NULL, 0), TW_BAD_ARGUMENT);
    tw_session_destroy(session);
}
END_TEST

START_TEST(each_sequence_has_taps_of_its_own) {
    const TwProgram program = program_of(_i);
    TwSession *session = make(&program, 2, 2);
    float rows[2][4] = {{0}};
    const TwSegment segments[] = {{1, 2, 1}, {0, 4, 1}};
    const int32_t tokens[] = {2, 7, 3, 1, 4, 1};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(tw_session_choose(session, i), TW_OK);
        ck_assert_int_eq(tw_session_set_tap(session, 1, rows[i], 4 - i), TW_OK);
    }
    ck_assert_int_eq(tw_session_step_batch(session, segments, 2, tokens), TW_OK);
    for (int i = 0; i < 4; i++) ck_assert_float_eq(rows[0][i], (float)text[i]);
    for (int i = 0; i < 2; i++) ck_assert_float_eq(rows[1][i], (float)other[i]);
    const TwSegment over[] = {{1, 2, 1}};
    ck_assert_int_eq(tw_session_step_batch(session, over, 1, tokens), TW_TAP_FULL);
    tw_session_destroy(session);
}
END_TEST

START_TEST(batches_that_cannot_be_change_nothing) {
    const TwProgram program = program_of(_i);
    TwSession *session = make(&program, 2, 2);
    const int32_t wrong[] = {3, 1, VOCAB, 1};
    const struct {
        TwSegment segment[2];
        int64_t count;
        const int32_t *tokens;
        TwStatus status;
    } batch[] = {
        {{{0, 2, 1}, {0, 2, 1}}, 2, text, TW_BAD_ARGUMENT},  /* one sequence twice */
        {{{0, 2, 1}, {2, 2, 1}}, 2, text, TW_BAD_ARGUMENT},  /* one that there is not */
        {{{0, 2, 1}, {-1, 2, 1}}, 2, text, TW_BAD_ARGUMENT}, /* nor this */
        {{{0, 2, 1}, {1, 0, 1}}, 2, text, TW_BAD_ARGUMENT},  /* no tokens */
        {{{0, 4, 1}, {1, 5, 1}}, 2, text, TW_BAD_ARGUMENT},  /* more than a chunk */
        {{{0, 4, 1}, {1, INT64_MAX, 1}}, 2, text, TW_BAD_ARGUMENT},
        {{{0, 2, 1}, {1, 2, 3}}, 2, text, TW_BAD_ARGUMENT}, /* more rows than tokens */
        {{{0, 2, 2}, {1, 2, 1}}, 2, text, TW_BAD_ARGUMENT}, /* more than there is room for */
        {{{0, 2, 1}, {1, 2, -1}}, 2, text, TW_BAD_ARGUMENT},
        {{{0, 2, 1}, {1, 2, 1}}, 0, text, TW_BAD_ARGUMENT},
        {{{0, 2, 1}, {1, 2, 1}}, 3, text, TW_BAD_ARGUMENT},
        {{{0, 2, 1}, {1, 2, 1}}, 2, NULL, TW_BAD_ARGUMENT},
        {{{0, 2, 1}, {1, 2, 1}}, 2, wrong, TW_BAD_TOKEN},
    };
    for (size_t i = 0; i < sizeof batch / sizeof *batch; i++)
        ck_assert_int_eq(
            tw_session_step_batch(session, batch[i].segment, batch[i].count, batch[i].tokens),
            batch[i].status);
    ck_assert_int_eq(tw_session_step_batch(session, NULL, 1, text), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step_batch(NULL, batch[0].segment, 1, text), TW_BAD_ARGUMENT);
    for (int i = 0; i < 2; i++) check_position(session, i, 0);
    for (int i = 0; i < 2; i++) ck_assert_int_eq(tw_session_prefill(session, text, 8), TW_OK);
    ck_assert_int_eq(tw_session_step_batch(session, batch[4].segment, 1, text), TW_OK);
    check_position(session, 1, 16);
    const TwSegment past[] = {{0, 1, 1}, {1, 5, 1}};
    ck_assert_int_eq(tw_session_step_batch(session, past, 2, text), TW_CONTEXT_FULL);
    check_position(session, 0, 4);
    tw_session_destroy(session);
}
END_TEST

/* ---- forks ---- */

START_TEST(forks_share_a_prefix_and_go_on_by_themselves) {
    const TwProgram program = program_of(_i);
    TwSession *session = make(&program, 3, 3);
    ck_assert_int_eq(tw_session_prefill(session, text, 8), TW_OK);
    ck_assert_int_eq(tw_session_fork(session, 0, 1, 5), TW_OK);
    ck_assert_int_eq(tw_session_fork(session, 0, 2, 0), TW_OK);
    const TwSegment segments[] = {{0, 1, 1}, {1, 1, 1}, {2, 1, 1}};
    const int32_t tokens[] = {7, 8, 3};
    ck_assert_int_eq(tw_session_step_batch(session, segments, 3, tokens), TW_OK);
    check_row(session, 0, (int32_t[]){3, 1, 4, 1, 5, 9, 2, 6, 7}, 9);
    check_row(session, 1, (int32_t[]){3, 1, 4, 1, 5, 8}, 6);
    check_row(session, 2, text, 1);
    ck_assert_int_eq(tw_session_fork(session, 1, 1, 2), TW_OK); /* as a rollback */
    check_position(session, 1, 2);
    ck_assert_int_eq(tw_session_fork(session, 1, 0, 3), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_fork(session, 1, 3, 1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_fork(session, -1, 0, 0), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_fork(session, 0, 1, -1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_fork(NULL, 0, 1, 0), TW_BAD_ARGUMENT);
    tw_session_destroy(session);
}
END_TEST

/* A program that keeps the latest 12 tokens, and sees through a window of 3 of them. */
START_TEST(what_a_window_has_left_behind_cannot_be_forked) {
    TwProgram program = program_of(_i);
    program.ring_rows = 12;
    program.ring_rollback = 10;
    TwSession *session = make(&program, 2, 0);
    ck_assert_int_eq(tw_session_prefill(session, text, 8), TW_OK);
    ck_assert_int_eq(tw_session_prefill(session, text, 8), TW_OK);
    ck_assert_int_eq(tw_session_fork(session, 0, 1, 4), TW_FORGOTTEN);
    check_position(session, 1, 0);
    ck_assert_int_eq(tw_session_fork(session, 0, 1, 8), TW_OK);
    ck_assert_int_eq(tw_session_choose(session, 1), TW_OK);
    ck_assert_int_eq(tw_session_rollback(session, 5), TW_FORGOTTEN); /* sixteen were there */
    ck_assert_int_eq(tw_session_rollback(session, 7), TW_OK);
    ck_assert_int_eq(tw_session_fork(session, 0, 1, 0), TW_OK);
    ck_assert_int_eq(tw_session_prefill(session, text, 5), TW_OK);
    ck_assert_int_eq(tw_session_rollback(session, 1), TW_OK); /* it is a sequence anew */
    tw_session_destroy(session);
}
END_TEST

/* ---- options ---- */

START_TEST(sequences_find_room_in_memory_of_the_caller) {
    static _Alignas(64) char memory[1 << 14];
    const TwProgram program = program_of(_i);
    TwSessionOptions options = {.struct_bytes = sizeof options,
                                .threads = 1,
                                .sequences = 5,
                                .logit_rows = 5,
                                .memory = memory};
    options.memory_bytes = tw_session_bytes(&program, &options);
    ck_assert_uint_ge(options.memory_bytes, 5 * CACHE_FLOATS * sizeof(float));
    ck_assert_uint_le(options.memory_bytes, sizeof memory);
    memset(memory, 0x55, sizeof memory);
    TwSession *session;
    ck_assert_int_eq(tw_session_create(&program, weights, &options, &session), TW_OK);
    TwSegment segments[5];
    for (int i = 0; i < 5; i++) segments[i] = (TwSegment){4 - i, 1, 1};
    ck_assert_int_eq(tw_session_step_batch(session, segments, 5, text), TW_OK);
    for (int i = 0; i < 5; i++) check_row(session, i, text + i, 1);
    tw_session_destroy(session);
    for (size_t i = options.memory_bytes; i < sizeof memory; i++) ck_assert_int_eq(memory[i], 0x55);
}
END_TEST

START_TEST(numbers_of_sequences_that_cannot_be_are_refused) {
    TwSession *session;
    TwSessionOptions options = {.struct_bytes = sizeof options, .sequences = -1};
    ck_assert_int_eq(tw_session_create(&model, weights, &options, &session), TW_BAD_ARGUMENT);
    options.sequences = (int64_t)1 << 40;
    ck_assert_int_eq(tw_session_create(&model, weights, &options, &session), TW_BAD_ARGUMENT);
    TwProgram large = model;
    large.cache_floats = INT64_MAX / 64;
    options.sequences = INT32_MAX;
    ck_assert_int_eq(tw_session_create(&large, weights, &options, &session), TW_NO_MEMORY);
    ck_assert_uint_eq(tw_session_bytes(&large, &options), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("batch");
    TCase *tests = suite_case(suite, "batch", setup, teardown);
    tcase_add_loop_test(tests, a_batch_gives_each_sequence_what_it_gets_alone, 0, KINDS);
    tcase_add_loop_test(tests, entries_for_batches_are_called_where_there_are_some, 0, KINDS);
    tcase_add_test(tests, calls_of_one_sequence_are_of_the_one_that_is_chosen);
    tcase_add_loop_test(tests, each_sequence_has_taps_of_its_own, 0, KINDS);
    tcase_add_loop_test(tests, batches_that_cannot_be_change_nothing, 0, KINDS);
    tcase_add_loop_test(tests, forks_share_a_prefix_and_go_on_by_themselves, 0, KINDS);
    tcase_add_loop_test(tests, what_a_window_has_left_behind_cannot_be_forked, 0, KINDS);
    tcase_add_loop_test(tests, sequences_find_room_in_memory_of_the_caller, 0, KINDS);
    tcase_add_test(tests, numbers_of_sequences_that_cannot_be_are_refused);
    return suite_run(suite);
}
