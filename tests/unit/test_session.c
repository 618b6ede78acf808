/* test_session.c - sessions on a program of plain C functions: chunks, rollback, errors, threads.
 *
 * The program's logits depend on every token so far, on the position and on the weights, in whole
 * numbers that floats hold exactly, so any difference is a mistake.
 */
#include "runtime/runtime.h"
#include "runtime/trace.h"
#include "runtime/weights_file.h"
#include "tests/check.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { VOCAB = 10, CONTEXT = 16, CHUNK = 4, STRIDE = 16, LAYOUT = 5, WEIGHTS = 16, SCRATCH = 48 };
enum { PREFILLS = CONTEXT, DECODES, CACHE_FLOATS }; /* the caches count the calls, too */

static const int thread_counts[] = {1, 2, 3, 8};
enum { THREAD_COUNTS = sizeof thread_counts / sizeof thread_counts[0] };

/* What row `row` of the model is after tokens[count]. */
static float expected_logit(const int32_t *tokens, int64_t count, int64_t column) {
    int64_t sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (i + 1) * (tokens[i] + 1);
    return (float)(3 * sum + column);
}

static bool is_aligned(const void *pointer) {
    return (uintptr_t)pointer % 64 == 0;
}

/* Phase 1: the tokens go to the caches, and partial sums to the arena. Phase 2: logits from both.
 * Both are split over the threads, so that each reads what others wrote. */
static void run_model(const TwFrame *frame, int64_t thread, int64_t threads) {
    const float *weights = (const float *)(const void *)frame->weights;
    for (int64_t i = thread; i < frame->token_count; i += threads)
        frame->caches[frame->position + i] = (float)(frame->tokens[i] + 1);
    tw_team_barrier(frame->team, thread);

    int64_t first = frame->token_count - frame->logit_rows;
    for (int64_t row = thread; row < frame->logit_rows; row += threads) {
        float sum = 0;
        for (int64_t i = 0; i <= frame->position + first + row; i++)
            sum += (float)(i + 1) * frame->caches[i];
        frame->arena[row] = sum;
    }
    tw_team_barrier(frame->team, thread);

    for (int64_t column = thread; column < VOCAB; column += threads)
        for (int64_t row = 0; row < frame->logit_rows; row++)
            frame->logits[row * STRIDE + column] = weights[0] * frame->arena[row] + (float)column;
}

static void prefill(const TwFrame *frame, int64_t thread, int64_t threads) {
    if (thread == 0) frame->caches[PREFILLS]++;
    run_model(frame, thread, threads);
}

static void decode(const TwFrame *frame, int64_t thread, int64_t threads) {
    if (thread == 0) frame->caches[DECODES]++;
    run_model(frame, thread, threads);
}

/* Says in the logits what the frame was like. */
static void describe(const TwFrame *frame, int64_t thread, int64_t threads) {
    (void)threads;
    if (thread != 0) return;
    float zeros = 1;
    for (int i = 0; i < CACHE_FLOATS; i++)
        if (frame->caches[i] != 0) zeros = 0;
    frame->logits[0] = is_aligned(frame->weights) && is_aligned(frame->arena) &&
                       is_aligned(frame->caches) && is_aligned(frame->logits);
    frame->logits[1] = zeros;
    frame->logits[2] = (float)frame->token_count;
    frame->logits[3] = (float)frame->position;
    frame->logits[4] = (float)frame->logit_rows;
}

/* Says in the logits how often it was called before: [0] as prefill, [1] as decode. */
static void count_calls(const TwFrame *frame, int64_t thread, int64_t threads) {
    (void)threads;
    if (thread != 0) return;
    frame->caches[frame->token_count == 1 ? DECODES : PREFILLS]++;
    frame->logits[0] = frame->caches[PREFILLS];
    frame->logits[1] = frame->caches[DECODES];
}

static const TwProgram model = {
    .abi_version = TW_ABI_VERSION,
    .struct_bytes = sizeof(TwProgram),
    .name = "fake",
    .vocab = VOCAB,
    .context = CONTEXT,
    .chunk = CHUNK,
    .logits_stride = STRIDE,
    .arena_floats = CHUNK,
    .cache_floats = CACHE_FLOATS,
    .layout_id = LAYOUT,
    .weight_bytes = WEIGHTS * sizeof(float),
    .prefill = prefill,
    .decode = decode,
};

static TwWeights *weights;

static void setup(void) {
    char path[64];
    char image[TW_WEIGHTS_DATA + WEIGHTS * sizeof(float)] = {0};
    const float scale = 3;
    memcpy(image + TW_WEIGHTS_DATA, &scale, sizeof scale);
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

static TwSession *make(const TwProgram *program, int threads, int64_t logit_rows) {
    TwSession *session = NULL;
    TwSessionOptions options = {.threads = threads, .logit_rows = logit_rows};
    ck_assert_int_eq(tw_session_create(program, weights, &options, &session), TW_OK);
    ck_assert_ptr_nonnull(session);
    return session;
}

static TwStatus create_status(const TwProgram *program, int threads, int64_t logit_rows) {
    TwSession *session = (TwSession *)&weights; /* anything but null */
    TwSessionOptions options = {.threads = threads, .logit_rows = logit_rows};
    TwStatus status = tw_session_create(program, weights, &options, &session);
    if (status != TW_OK) ck_assert_ptr_null(session);
    tw_session_destroy(session);
    return status;
}

/* Row `row` of the session is what the model says after tokens[count]. */
static void check_row(const TwSession *session, int64_t row, const int32_t *tokens, int64_t count) {
    const float *logits = tw_session_logits(session, row);
    ck_assert_ptr_nonnull(logits);
    ck_assert(is_aligned(logits));
    for (int64_t i = 0; i < VOCAB; i++)
        ck_assert_float_eq(logits[i], expected_logit(tokens, count, i));
}

static const int32_t text[CONTEXT] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};

START_TEST(steps_of_one_token_follow_the_model) {
    TwSession *session = make(&model, thread_counts[_i], 0);
    ck_assert_int_eq(tw_session_threads(session), thread_counts[_i]);
    for (int64_t i = 0; i < CONTEXT; i++) {
        ck_assert_int_eq(tw_session_step(session, text + i, 1, 0), TW_OK);
        check_row(session, 0, text, i + 1);
        ck_assert_int_eq(tw_session_position(session), i + 1);
    }
    tw_session_destroy(session);
}
END_TEST

START_TEST(single_tokens_may_have_a_team_of_their_own) {
    TwSession *session = NULL;
    TwSessionOptions options = {.threads = 3, .decode_threads = 1 + _i};
    ck_assert_int_eq(tw_session_create(&model, weights, &options, &session), TW_OK);
    ck_assert_int_eq(tw_session_threads(session), 1 + _i > 3 ? 1 + _i : 3);
    ck_assert_int_eq(tw_session_fewest_threads(session), tw_session_threads(session));
    ck_assert_int_eq(tw_session_prefill(session, text, 5), TW_OK);
    check_row(session, 0, text, 5);
    for (int64_t i = 5; i < CONTEXT; i++) {
        ck_assert_int_eq(tw_session_step(session, text + i, 1, 0), TW_OK);
        check_row(session, 0, text, i + 1);
    }
    tw_session_destroy(session);
    options.decode_threads = -1;
    ck_assert_int_eq(tw_session_create(&model, weights, &options, &session), TW_BAD_ARGUMENT);
    options.decode_threads = 257;
    ck_assert_int_eq(tw_session_create(&model, weights, &options, &session), TW_BAD_ARGUMENT);
}
END_TEST

START_TEST(programs_of_one_model_take_turns_in_a_session) {
    TwSession *session = make(&model, 2, 0);
    TwProgram twin = model, other = model;
    other.cache_floats++;
    for (int64_t i = 0; i < CONTEXT; i++) {
        ck_assert_int_eq(tw_session_set_program(session, i % 2 ? &twin : &model), TW_OK);
        ck_assert_int_eq(tw_session_set_program(session, &other), TW_BAD_ARGUMENT);
        ck_assert_int_eq(tw_session_step(session, text + i, 1, 0), TW_OK);
        check_row(session, 0, text, i + 1);
    }
    tw_session_destroy(session);
}
END_TEST

START_TEST(prefill_of_any_length_ends_like_single_steps) {
    TwSession *session = make(&model, thread_counts[_i], 0);
    for (int64_t count = 1; count <= CONTEXT; count++) {
        ck_assert_int_eq(tw_session_prefill(session, text, count), TW_OK);
        ck_assert_int_eq(tw_session_position(session), count);
        check_row(session, 0, text, count);
        ck_assert_ptr_null(tw_session_logits(session, 1));
        ck_assert_int_eq(tw_session_rollback(session, 0), TW_OK);
    }
    tw_session_destroy(session);
}
END_TEST

START_TEST(step_gives_the_rows_asked_for) {
    TwSession *session = make(&model, thread_counts[_i], CHUNK);
    ck_assert_int_eq(tw_session_step(session, text, 2, 1), TW_OK);
    for (int64_t rows = 1; rows <= CHUNK; rows++) {
        ck_assert_int_eq(tw_session_rollback(session, 2), TW_OK);
        ck_assert_int_eq(tw_session_step(session, text + 2, CHUNK, rows), TW_OK);
        for (int64_t row = 0; row < rows; row++)
            check_row(session, row, text, 2 + CHUNK - rows + row + 1);
        ck_assert_ptr_null(tw_session_logits(session, rows));
        ck_assert_ptr_null(tw_session_logits(session, -1));
    }
    tw_session_destroy(session);
}
END_TEST

START_TEST(one_token_runs_decode_and_more_run_prefill) {
    TwProgram program = model;
    program.prefill = program.decode = count_calls;
    TwSession *session = make(&program, 2, 0);
    ck_assert_int_eq(tw_session_prefill(session, text, 2 * CHUNK + 1), TW_OK);
    ck_assert_float_eq(tw_session_logits(session, 0)[0], 2);
    ck_assert_float_eq(tw_session_logits(session, 0)[1], 1);
    ck_assert_int_eq(tw_session_step(session, text, 1, 0), TW_OK);
    ck_assert_int_eq(tw_session_step(session, text, 2, 0), TW_OK);
    ck_assert_float_eq(tw_session_logits(session, 0)[0], 3);
    ck_assert_float_eq(tw_session_logits(session, 0)[1], 2);
    tw_session_destroy(session);
}
END_TEST

START_TEST(frame_is_aligned_and_its_caches_are_zero) {
    TwProgram program = model;
    program.prefill = program.decode = describe;
    program.arena_floats = _i == 0 ? 0 : (int64_t)1 << 20; /* in huge pages, where there are some */
    TwSession *session = make(&program, 2, 2);
    ck_assert_int_eq(tw_session_step(session, text, 3, 2), TW_OK);
    const float *logits = tw_session_logits(session, 0);
    ck_assert_float_eq(logits[0], 1);
    ck_assert_float_eq(logits[1], 1);
    ck_assert_float_eq(logits[2], 3);
    ck_assert_float_eq(logits[3], 0);
    ck_assert_float_eq(logits[4], 2);
    tw_session_destroy(session);
}
END_TEST

START_TEST(rollback_forgets_what_came_after) {
    static const int32_t other[] = {7, 7, 7};
    int32_t joined[] = {3, 1, 4, 1, 5, 7, 7, 7};
    TwSession *session = make(&model, 2, 0);
    ck_assert_int_eq(tw_session_prefill(session, text, 12), TW_OK);
    ck_assert_int_eq(tw_session_rollback(session, 5), TW_OK);
    ck_assert_int_eq(tw_session_position(session), 5);
    ck_assert_ptr_null(tw_session_logits(session, 0));
    ck_assert_int_eq(tw_session_prefill(session, other, 3), TW_OK);
    check_row(session, 0, joined, 8);

    ck_assert_int_eq(tw_session_rollback(session, 8), TW_OK);
    check_row(session, 0, joined, 8);
    ck_assert_int_eq(tw_session_rollback(session, 9), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_rollback(session, -1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_rollback(NULL, 0), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_position(session), 8);
    tw_session_destroy(session);
}
END_TEST

/* A program that keeps the latest 6 tokens, and sees through a window of 3 of them. */
START_TEST(windows_that_moved_on_cannot_be_gone_back_to) {
    TwProgram program = model;
    program.ring_rows = 6;
    program.ring_rollback = 4;
    TwSession *session = make(&program, 1, 0);
    ck_assert_int_eq(tw_session_prefill(session, text, 6), TW_OK);
    ck_assert_int_eq(tw_session_rollback(session, 1), TW_OK); /* nothing is lost yet */
    ck_assert_int_eq(tw_session_prefill(session, text + 1, 9), TW_OK);
    ck_assert_int_eq(tw_session_rollback(session, 5), TW_FORGOTTEN);
    check_row(session, 0, text, 10); /* as if nothing had been asked */
    ck_assert_int_eq(tw_session_rollback(session, 8), TW_OK);
    ck_assert_int_eq(tw_session_rollback(session, 5), TW_FORGOTTEN); /* ten were there */
    ck_assert_int_eq(tw_session_rollback(session, 6), TW_OK);
    ck_assert_int_eq(tw_session_position(session), 6);
    ck_assert_int_eq(tw_session_rollback(session, 0), TW_OK);
    ck_assert_int_eq(tw_session_prefill(session, text, 6), TW_OK);
    ck_assert_int_eq(tw_session_rollback(session, 1), TW_OK); /* it is a sequence anew */
    tw_session_destroy(session);

    program.ring_rollback = 0;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
    program.ring_rows = -1;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
}
END_TEST

/* ---- tables ---- */

enum { TABLE_COLUMNS = 4, TABLE = CONTEXT * 2 * TABLE_COLUMNS };

/* Its row is that of the position in the tables, of cos and sin. */
static void show_tables(const TwFrame *frame, int64_t thread, int64_t threads) {
    (void)threads;
    if (thread != 0) return;
    const float *row = frame->tables + TABLE + frame->position * 2 * TABLE_COLUMNS;
    memcpy(frame->logits, row, sizeof(float) * 2 * TABLE_COLUMNS);
}

static const double frequency[] = {1, 0.25};

static void check_table(int64_t is_interleaved, int position, const double expected[8]) {
    const TwRotation rotation[] = {{0, TABLE_COLUMNS, 1, 0, 1, frequency},
                                   {TABLE, TABLE_COLUMNS, 2, is_interleaved, 3, frequency}};
    TwProgram program = model;
    program.prefill = program.decode = show_tables;
    program.rotation = rotation;
    program.rotation_count = 2;
    program.table_floats = 2 * TABLE;
    TwSession *session = make(&program, 2, 0);
    for (int i = 0; i <= position; i++)
        ck_assert_int_eq(tw_session_decode(session, text[i]), TW_OK);
    for (int i = 0; i < 8; i++)
        ck_assert_float_eq(tw_session_logits(session, 0)[i], (float)expected[i]);
    tw_session_destroy(session);
}

START_TEST(tables_turn_pairs_by_their_position) {
    const double c = 3 * cos(5), s = 3 * sin(5), d = 3 * cos(1.25), t = 3 * sin(1.25);
    check_table(0, 5, (const double[]){c, d, 0, 0, s, t, 0, 0});
    check_table(1, 5, (const double[]){c, c, d, d, -s, s, -t, t});
    check_table(1, 0, (const double[]){3, 3, 3, 3, 0, 0, 0, 0});
}
END_TEST

START_TEST(tables_that_do_not_fit_are_refused) {
    const TwRotation right = {8, TABLE_COLUMNS, 2, 1, 1, frequency};
    TwProgram program = model;
    TwRotation wrong[7] = {right, right, right, right, right, right, right};
    wrong[0].offset = 9;
    wrong[1].offset = -1;
    wrong[2].columns = INT64_MAX;
    wrong[3].columns = 3; /* for two pairs of two */
    wrong[4].pairs = 0;
    wrong[5].frequency = NULL;
    wrong[6].columns = -4;
    program.table_floats = 8 + TABLE;
    program.rotation_count = 1;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        program.rotation = &wrong[i];
        ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
    }
    program.rotation = &right;
    program.table_floats = -1;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
    program.table_floats = 8 + TABLE;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_OK);
}
END_TEST

START_TEST(calls_that_fail_change_nothing) {
    int32_t bad[CONTEXT + 1] = {0};
    TwSession *session = make(&model, 2, 2);
    ck_assert_ptr_null(tw_session_logits(session, 0));
    ck_assert_int_eq(tw_session_prefill(session, text, 6), TW_OK);

    bad[2 * CHUNK] = VOCAB; /* in the third chunk: the first two do not run either */
    ck_assert_int_eq(tw_session_prefill(session, bad, 2 * CHUNK + 1), TW_BAD_TOKEN);
    bad[2 * CHUNK] = -1;
    ck_assert_int_eq(tw_session_prefill(session, bad, 2 * CHUNK + 1), TW_BAD_TOKEN);
    ck_assert_int_eq(tw_session_step(session, bad + 2 * CHUNK, 1, 1), TW_BAD_TOKEN);
    bad[2 * CHUNK] = INT32_MIN;
    ck_assert_int_eq(tw_session_step(session, bad + 2 * CHUNK, 1, 1), TW_BAD_TOKEN);
    ck_assert_int_eq(tw_session_prefill(session, text, CONTEXT - 6 + 1), TW_CONTEXT_FULL);
    ck_assert_int_eq(tw_session_prefill(session, text, INT64_MAX), TW_CONTEXT_FULL);
    ck_assert_int_eq(tw_session_prefill(session, text, 0), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_prefill(session, text, -1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_prefill(session, NULL, 1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_prefill(NULL, text, 1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step(session, text, CHUNK + 1, 1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step(session, text, 0, 0), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step(session, text, INT64_MIN, 1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step(session, text, 1, 2), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step(session, text, 3, 3), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step(session, text, 3, -1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step(session, NULL, 1, 1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step(NULL, text, 1, 1), TW_BAD_ARGUMENT);

    ck_assert_int_eq(tw_session_position(session), 6);
    check_row(session, 0, text, 6);
    ck_assert_int_eq(tw_session_prefill(session, text + 6, CONTEXT - 6), TW_OK);
    check_row(session, 0, text, CONTEXT);
    ck_assert_int_eq(tw_session_step(session, text, 1, 1), TW_CONTEXT_FULL);
    tw_session_destroy(session);
}
END_TEST

static TwProgram with_sizes(int64_t arena_floats, int64_t cache_floats, int64_t logits_stride) {
    TwProgram program = model;
    program.arena_floats = arena_floats;
    program.cache_floats = cache_floats;
    program.logits_stride = logits_stride;
    return program;
}

START_TEST(sizes_that_cannot_be_had_are_refused) {
    static const int64_t huge[] = {INT64_MAX, INT64_MAX / 4, INT64_MAX / 4 + 1, INT64_MAX / 2};
    for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
        TwProgram program = with_sizes(huge[i], 1, STRIDE);
        ck_assert_int_eq(create_status(&program, 1, 0), TW_NO_MEMORY);
        program = with_sizes(1, huge[i], STRIDE);
        ck_assert_int_eq(create_status(&program, 1, 0), TW_NO_MEMORY);
        program = with_sizes(1, 1, huge[i]);
        ck_assert_int_eq(create_status(&program, 1, 2), TW_NO_MEMORY);
    }
    TwProgram program = with_sizes(-1, 1, STRIDE);
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
    program = with_sizes(1, -1, STRIDE);
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
    program = with_sizes(1, 1, VOCAB - 1);
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
    program = model;
    for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
        program.scratch_floats = huge[i] / SCRATCH * SCRATCH;
        ck_assert_int_eq(create_status(&program, 2, 0), TW_NO_MEMORY);
    }
    program.scratch_floats = -SCRATCH;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
    program.scratch_floats = SCRATCH + 1; /* threads would share lines of the cache */
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
}
END_TEST

START_TEST(programs_of_another_kind_are_refused) {
    TwProgram program = model;
    program.abi_version++;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ABI);
    program = model;
    program.struct_bytes = offsetof(TwProgram, decode); /* shorter than any */
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ABI);
    program = model;
    program.struct_bytes += 8; /* of a later version */
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ABI);
    program = model;
    program.layout_id++;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_WRONG_LAYOUT);
    program = model;
    program.weight_bytes++;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_SIZE);
    program = model;
    program.decode = NULL;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
    program = model;
    program.vocab = 0;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
    program = model;
    program.context = 0;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
    program = model;
    program.chunk = 0;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
}
END_TEST

/* What follows in memory is not the program's. */
START_TEST(fields_that_an_earlier_program_lacks_are_zero) {
    TwProgram program = model;
    program.scratch_floats = INT64_MAX;
    program.takes_whole_sequences = 1;
    program.struct_bytes = offsetof(TwProgram, scratch_floats);
    ck_assert_uint_eq(tw_session_bytes(&program, NULL), tw_session_bytes(&model, NULL));
    TwSession *session;
    ck_assert_int_eq(tw_session_create(&program, weights, NULL, &session), TW_OK);
    ck_assert_int_eq(tw_session_prefill(session, text, 3), TW_OK);
    ck_assert_int_eq(tw_session_decode(session, text[3]), TW_OK);
    check_row(session, 0, text, 4);
    tw_session_destroy(session);
}
END_TEST

START_TEST(a_model_that_is_not_causal_takes_whole_sequences) {
    TwProgram program = model;
    program.takes_whole_sequences = 1;
    program.chunk = CONTEXT;
    TwSession *session;
    ck_assert_int_eq(tw_session_create(&program, weights, NULL, &session), TW_OK);
    ck_assert_int_eq(tw_session_prefill(session, text, 4), TW_OK);
    ck_assert_int_eq(tw_session_decode(session, text[4]), TW_NOT_CAUSAL);
    ck_assert_int_eq(tw_session_prefill(session, text + 4, 2), TW_NOT_CAUSAL);
    ck_assert_int_eq(tw_session_step(session, text + 4, 2, 1), TW_NOT_CAUSAL);
    check_row(session, 0, text, 4); /* as if nothing had been asked */
    ck_assert_int_eq(tw_session_position(session), 4);
    ck_assert_int_eq(tw_session_rollback(session, 2), TW_OK);
    ck_assert_int_eq(tw_session_decode(session, text[2]), TW_NOT_CAUSAL);
    tw_session_reset(session);
    ck_assert_int_eq(tw_session_decode(session, text[0]), TW_OK); /* a sequence of one token */
    check_row(session, 0, text, 1);
    tw_session_destroy(session);
}
END_TEST

START_TEST(a_program_says_what_its_rows_are) {
    TwProgram program = model;
    ck_assert_int_eq(tw_program_outputs(&program), VOCAB);
    ck_assert(tw_program_generates(&program));
    program.takes_whole_sequences = 1;
    ck_assert(!tw_program_generates(&program));
    program = model;
    program.outputs = 3;
    ck_assert_int_eq(tw_program_outputs(&program), 3);
    ck_assert(!tw_program_generates(&program));
    program.struct_bytes = offsetof(TwProgram, outputs); /* of an earlier version */
    ck_assert_int_eq(tw_program_outputs(&program), VOCAB);
    ck_assert(tw_program_generates(&program));
    program = model;
    program.outputs = STRIDE + 1;
    ck_assert_int_eq(create_status(&program, 1, 0), TW_BAD_ARGUMENT);
    program.outputs = -1; /* there are no rows */
    ck_assert_int_eq(create_status(&program, 1, 0), TW_OK);
    ck_assert_int_eq(tw_program_outputs(&program), 0);
    ck_assert(!tw_program_generates(&program));
}
END_TEST

START_TEST(a_model_that_pools_gives_one_row) {
    TwProgram program = model;
    program.takes_whole_sequences = program.is_pooled = 1;
    program.chunk = CONTEXT;
    program.outputs = VOCAB;
    TwSession *session;
    const TwSessionOptions options = {.logit_rows = 2};
    ck_assert_int_eq(tw_session_create(&program, weights, &options, &session), TW_OK);
    ck_assert_int_eq(tw_session_step(session, text, 4, 2), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_step(session, text, 4, 1), TW_OK);
    ck_assert_ptr_nonnull(tw_session_logits(session, 0));
    ck_assert_ptr_null(tw_session_logits(session, 1));
    tw_session_destroy(session);
}
END_TEST

/* Each thread fills its own and finds it again after the others have filled theirs. */
static void fill_scratch(const TwFrame *frame, int64_t thread, int64_t threads) {
    float *own = frame->scratch + thread * SCRATCH;
    float wrong = !is_aligned(own);
    for (int i = 0; i < SCRATCH; i++) own[i] = (float)(thread + 1);
    tw_team_barrier(frame->team, thread);
    for (int i = 0; i < SCRATCH; i++) wrong += own[i] != (float)(thread + 1);
    frame->arena[thread] = wrong;
    tw_team_barrier(frame->team, thread);
    if (thread) return;
    frame->logits[0] = 0;
    for (int64_t i = 0; i < threads; i++) frame->logits[0] += frame->arena[i];
}

START_TEST(each_thread_has_scratch_of_its_own) {
    enum { MOST_THREADS = 8 };
    TwProgram program = model;
    program.scratch_floats = SCRATCH;
    program.arena_floats = MOST_THREADS;
    program.prefill = program.decode = fill_scratch;
    const int counts[][3] = {{1, 1, 1}, {2, 0, 2}, {1, 3, 3}, {MOST_THREADS, 2, MOST_THREADS}};
    const TwSessionOptions options = {.threads = counts[_i][0], .decode_threads = counts[_i][1]};
    TwProgram smaller = program;
    smaller.scratch_floats = 0;
    ck_assert_uint_eq(tw_session_bytes(&program, &options) - tw_session_bytes(&smaller, &options),
                      (size_t)counts[_i][2] * SCRATCH * sizeof(float));
    for (int is_grown = 0; is_grown < 2; is_grown++) {
        TwSession *session;
        ck_assert_int_eq(
            tw_session_create(is_grown ? &smaller : &program, weights, &options, &session), TW_OK);
        ck_assert_int_eq(tw_session_set_program(session, &program), TW_OK);
        ck_assert_int_eq(tw_session_prefill(session, text, 3), TW_OK);
        ck_assert(tw_session_logits(session, 0)[0] == 0);
        ck_assert_int_eq(tw_session_decode(session, text[3]), TW_OK);
        ck_assert(tw_session_logits(session, 0)[0] == 0);
        tw_session_destroy(session);
    }
}
END_TEST

START_TEST(options_out_of_range_are_refused) {
    ck_assert_int_eq(create_status(&model, -1, 0), TW_BAD_ARGUMENT);
    ck_assert_int_eq(create_status(&model, 257, 0), TW_BAD_ARGUMENT);
    ck_assert_int_eq(create_status(&model, 1, -1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(create_status(&model, 1, CHUNK + 1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(create_status(NULL, 1, 0), TW_BAD_ARGUMENT);
    TwSession *session;
    ck_assert_int_eq(tw_session_create(&model, NULL, NULL, &session), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_session_create(&model, weights, NULL, NULL), TW_BAD_ARGUMENT);
    tw_session_destroy(NULL);
}
END_TEST

START_TEST(without_options_the_machine_decides) {
    TwSession *session;
    ck_assert_int_eq(tw_session_create(&model, weights, NULL, &session), TW_OK);
    ck_assert_int_ge(tw_session_threads(session), 1);
    ck_assert_int_le(tw_session_threads(session), 256);
    ck_assert_int_eq(tw_session_prefill(session, text, CONTEXT), TW_OK);
    check_row(session, 0, text, CONTEXT);
    tw_session_destroy(session);
}
END_TEST

/* No assertions: this runs beside the thread of the test. */
static void *generate(void *wrong) {
    TwSession *session;
    TwSessionOptions options = {.threads = 2};
    if (tw_session_create(&model, weights, &options, &session) != TW_OK) {
        atomic_fetch_add((atomic_int *)wrong, 1);
        return NULL;
    }
    for (int run = 0; run < 30; run++) {
        tw_session_prefill(session, text, 5);
        for (int64_t i = 5; i < CONTEXT; i++) {
            TwStatus status = tw_session_step(session, text + i, 1, 1);
            if (status != TW_OK ||
                tw_session_logits(session, 0)[3] != expected_logit(text, i + 1, 3))
                atomic_fetch_add((atomic_int *)wrong, 1);
        }
        tw_session_rollback(session, 0);
    }
    tw_session_destroy(session);
    return NULL;
}

START_TEST(two_sessions_of_two_threads_run_at_once) {
    atomic_int wrong = 0;
    pthread_t other;
    ck_assert_int_eq(pthread_create(&other, NULL, generate, &wrong), 0);
    generate(&wrong);
    pthread_join(other, NULL);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("session");
    TCase *tests = suite_case(suite, "session", setup, teardown);
    tcase_add_loop_test(tests, steps_of_one_token_follow_the_model, 0, THREAD_COUNTS);
    tcase_add_loop_test(tests, single_tokens_may_have_a_team_of_their_own, 0, 4);
    tcase_add_test(tests, programs_of_one_model_take_turns_in_a_session);
    tcase_add_loop_test(tests, prefill_of_any_length_ends_like_single_steps, 0, THREAD_COUNTS);
    tcase_add_loop_test(tests, step_gives_the_rows_asked_for, 0, THREAD_COUNTS);
    tcase_add_test(tests, one_token_runs_decode_and_more_run_prefill);
    tcase_add_loop_test(tests, frame_is_aligned_and_its_caches_are_zero, 0, 2);
    tcase_add_test(tests, rollback_forgets_what_came_after);
    tcase_add_test(tests, windows_that_moved_on_cannot_be_gone_back_to);
    tcase_add_test(tests, tables_turn_pairs_by_their_position);
    tcase_add_test(tests, tables_that_do_not_fit_are_refused);
    tcase_add_test(tests, calls_that_fail_change_nothing);
    tcase_add_test(tests, sizes_that_cannot_be_had_are_refused);
    tcase_add_test(tests, programs_of_another_kind_are_refused);
    tcase_add_test(tests, fields_that_an_earlier_program_lacks_are_zero);
    tcase_add_test(tests, a_model_that_is_not_causal_takes_whole_sequences);
    tcase_add_test(tests, a_program_says_what_its_rows_are);
    tcase_add_test(tests, a_model_that_pools_gives_one_row);
    tcase_add_loop_test(tests, each_thread_has_scratch_of_its_own, 0, 4);
    tcase_add_test(tests, options_out_of_range_are_refused);
    tcase_add_test(tests, without_options_the_machine_decides);
    tcase_add_test(tests, two_sessions_of_two_threads_run_at_once);
    return suite_run(suite);
}
