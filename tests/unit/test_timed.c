/* test_timed.c - timed code: every thread's kernels and waits in order, what is made of them, and
 * the trace of them. How long anything takes is nowhere asked. */
#include "frontend/compiler/compiler.h"
#include "frontend/measure/bench_kernels.h"
#include "frontend/measure/timed.h"
#include "frontend/measure/trace_file.h"
#include "runtime/trace.h"
#include "tests/unit/library_fixture.h"

#include <jansson.h>

/* An embedding, three layers of five kernels, and the head. */
enum { KERNELS = 17, LAYERS = 3 };

static const int thread_counts[] = {1, 2, 3};
enum { THREAD_COUNTS = sizeof thread_counts / sizeof thread_counts[0] };

typedef struct {
    Thalweg *thalweg;
    Timed *timed;
} Subject;

static Subject open_subject(int threads) {
    Subject subject = {.thalweg = create(model)};
    TwStatus status;
    assert_works(subject.thalweg, thalweg_program(subject.thalweg));
    subject.timed = timed_create(subject.thalweg, threads, &status);
    assert_works(subject.thalweg, subject.timed);
    ck_assert_int_eq(status, TW_OK);
    return subject;
}

static void close_subject(Subject *subject) {
    timed_destroy(subject->timed);
    thalweg_destroy(subject->thalweg);
}

static TimedCall step(Subject *subject, const int32_t *ids, int64_t count) {
    TimedCall call;
    ck_assert_int_eq(timed_step(subject->timed, ids, count, &call), TW_OK);
    return call;
}

/* ---- marks ---- */

START_TEST(a_mark_is_kept_for_its_thread) {
    Trace *trace = tw_trace_create(2, 3);
    ck_assert_ptr_nonnull(trace);
    tw_trace_mark(trace, 1, 2);
    ck_assert_int_gt(tw_trace_time(trace, 1, 2), 0);
    ck_assert_int_eq(tw_trace_time(trace, 0, 2), 0);
    ck_assert_int_eq(tw_trace_time(trace, 1, 1), 0);
    tw_trace_clear(trace);
    ck_assert_int_eq(tw_trace_time(trace, 1, 2), 0);
    tw_trace_destroy(trace);
}
END_TEST

START_TEST(marks_without_room_are_not_kept) {
    Trace *trace = tw_trace_create(1, 1);
    tw_trace_mark(trace, 1, 0);
    tw_trace_mark(trace, 0, 1);
    tw_trace_mark(NULL, 0, 0);
    ck_assert_int_eq(tw_trace_time(trace, 0, 0), 0);
    tw_trace_destroy(trace);
    tw_trace_destroy(NULL);
}
END_TEST

START_TEST(traces_that_cannot_be_had_are_refused) {
    ck_assert_ptr_null(tw_trace_create(0, 1));
    ck_assert_ptr_null(tw_trace_create(1, 0));
    ck_assert_ptr_null(tw_trace_create(1, -1));
    ck_assert_ptr_null(tw_trace_create(256, INT64_MAX));
}
END_TEST

/* ---- calls ---- */

/* Begin and end of each kernel, one after the other. */
static void check_order(const Timed *timed, const TimedCall *call, int thread) {
    int64_t before = 1;
    for (int i = 0; i < call->kernels; i++) {
        ck_assert_int_ge(timed_begun(timed, thread, i), before);
        ck_assert_int_ge(timed_ended(timed, thread, i), timed_begun(timed, thread, i));
        before = timed_ended(timed, thread, i);
    }
}

/* Nobody begins a kernel before all have ended the one before. */
static void check_barriers(const Timed *timed, const TimedCall *call) {
    for (int i = 0; i + 1 < call->kernels; i++)
        for (int t = 0; t < call->threads; t++)
            for (int other = 0; other < call->threads; other++)
                ck_assert_int_ge(timed_begun(timed, t, i + 1), timed_ended(timed, other, i));
}

static void check_call(const Timed *timed, const TimedCall *call) {
    ck_assert_int_eq(call->kernels, KERNELS);
    for (int t = 0; t < call->threads; t++) check_order(timed, call, t);
    check_barriers(timed, call);
}

START_TEST(each_thread_does_each_kernel_in_order) {
    Subject subject = open_subject(thread_counts[_i]);
    TimedCall call = step(&subject, tokens, TOKENS);
    ck_assert_str_eq(call.phase, "prefill");
    ck_assert_int_eq(call.tokens, TOKENS);
    ck_assert_int_eq(call.position, 0);
    ck_assert_int_eq(call.threads, thread_counts[_i]);
    check_call(subject.timed, &call);

    call = step(&subject, tokens, 1);
    ck_assert_str_eq(call.phase, "decode");
    ck_assert_int_eq(call.tokens, 1);
    ck_assert_int_eq(call.position, TOKENS);
    ck_assert_int_eq(call.threads, thread_counts[_i]);
    check_call(subject.timed, &call);
    close_subject(&subject);
}
END_TEST

START_TEST(timed_code_computes_the_same) {
    Subject subject = open_subject(1);
    float logits[VOCAB];
    run(subject.thalweg, logits);
    step(&subject, tokens, TOKENS);
    ck_assert_mem_eq(tw_session_logits(timed_session(subject.timed), 0), logits, sizeof logits);
    close_subject(&subject);
}
END_TEST

START_TEST(kernels_are_known_by_work_and_layer) {
    Subject subject = open_subject(1);
    const TimedCall call = step(&subject, tokens, 1);
    ck_assert_int_eq(call.kernel[0].layer, -1);
    for (int i = 0; i < KERNELS - 2; i++) ck_assert_int_eq(call.kernel[i + 1].layer, i / 5);
    ck_assert_int_eq(call.kernel[KERNELS - 1].layer, -1);
    ck_assert_str_eq(call.kernel[2].work, "attend");
    ck_assert(call.kernel[1].bytes > 0 && call.kernel[1].operations > 0);
    ThalwegCosts costs;
    double bytes = 0, operations = 0;
    for (int i = 0; i < KERNELS; i++) {
        bytes += call.kernel[i].bytes;
        operations += call.kernel[i].operations;
    }
    assert_works(subject.thalweg, thalweg_costs(subject.thalweg, 1, 0, &costs));
    ck_assert(fabs(bytes - costs.weight_bytes - costs.cache_bytes) < 0.5);
    ck_assert(fabs(operations - costs.operations) < 0.5);
    close_subject(&subject);
}
END_TEST

START_TEST(the_arithmetic_of_a_kernel_is_known) {
    static const char text[] = MODEL "weights: {synthetic: 7, type: q8}\n";
    Subject subject = {.thalweg = create(text)};
    TwStatus status;
    subject.timed = timed_create(subject.thalweg, 1, &status);
    assert_works(subject.thalweg, subject.timed);
    ck_assert(timed_uses(subject.timed, ARITHMETIC_f32)); /* attention */
    const TimedCall call = step(&subject, tokens, 1);
    for (int i = 0; i < call.kernels; i++)
        if (strcmp(call.kernel[i].work, "attend") == 0)
            ck_assert_int_eq(call.kernel[i].arithmetic, ARITHMETIC_f32);
    ck_assert(!timed_uses(subject.timed, ARITHMETIC_bf16));
    ck_assert_int_eq(timed_uses(subject.timed, ARITHMETIC_int8),
                     subject.thalweg->target->machine.has_byte_dot);
    close_subject(&subject);
}
END_TEST

START_TEST(calls_that_fail_are_answered) {
    Subject subject = open_subject(2);
    const int32_t wrong = VOCAB;
    TimedCall call;
    ck_assert_int_eq(timed_step(subject.timed, &wrong, 1, &call), TW_BAD_TOKEN);
    ck_assert_int_eq(tw_session_position(timed_session(subject.timed)), 0);
    close_subject(&subject);
}
END_TEST

START_TEST(object_files_are_not_timed) {
    Subject subject = open_subject(1);
    assert_works(subject.thalweg,
                 thalweg_write_code(subject.thalweg, THALWEG_LLVM, in_folder("small.ll")));
    char text[256];
    int barriers = 0;
    FILE *in = fopen(in_folder("small.ll"), "r");
    ck_assert_ptr_nonnull(in);
    while (fgets(text, sizeof text, in)) {
        barriers += strstr(text, "tw_team_barrier") != NULL;
        ck_assert_ptr_null(strstr(text, "tw_trace_mark"));
    }
    fclose(in);
    ck_assert_int_gt(barriers, 0);
    close_subject(&subject);
}
END_TEST

/* ---- tables ---- */

START_TEST(equal_layers_share_a_row) {
    Subject subject = open_subject(2);
    Arena *arena = arena_create();
    const Limits limits = {.read = 1e9, .operations = {[ARITHMETIC_f32] = 1e9}};
    TimedCall call = step(&subject, tokens, 1);
    KernelSamples *samples = bench_kernels_begin(&call, 2, arena);
    for (int i = 0; i < 3; i++) { /* one more than there is room for */
        call = step(&subject, tokens, 1);
        bench_kernels_add(samples, subject.timed, &call);
    }
    const KernelTable table = bench_kernels_table(samples, &limits, arena);
    ck_assert_str_eq(table.phase, "decode");
    ck_assert_int_eq(table.calls, 2);
    ck_assert_int_eq(table.rows, 7);
    ck_assert_int_eq(table.barriers, KERNELS - 1);
    double share = table.barrier_share;
    int count = 0;
    for (int i = 0; i < table.rows; i++) {
        const KernelRow *row = &table.row[i];
        ck_assert_int_eq(row->count, i == 0 || i == 6 ? 1 : LAYERS);
        ck_assert(row->seconds >= 0 && row->fraction >= 0);
        share += row->share;
        count += row->count;
    }
    ck_assert_int_eq(count, KERNELS);
    ck_assert(fabs(share - 1) < 1e-9);
    ck_assert(table.waiting >= 0 && table.waiting < 1);
    arena_destroy(arena);
    close_subject(&subject);
}
END_TEST

/* ---- trace files ---- */

static double number(const json_t *event, const char *key) {
    const json_t *value = json_object_get(event, key);
    ck_assert_msg(json_is_number(value), "no number '%s'", key);
    return json_number_value(value);
}

/* Where an event begins and ends, as viewers reckon: in doubles, and in nanoseconds cut off. */
typedef struct {
    double begun, ended;
    int64_t begun_nanoseconds, ended_nanoseconds;
} Span;

static Span span_of(const json_t *event) {
    const double start = number(event, "ts"), length = number(event, "dur");
    ck_assert(start >= 0 && length >= 0);
    const int64_t nanoseconds = (int64_t)(start * 1000);
    return (Span){start, start + length, nanoseconds, nanoseconds + (int64_t)(length * 1000)};
}

/* Events of a thread in a phase are kernel, wait, kernel, ... kernel; each begins where the one
 * before ended. */
static void check_events(const json_t *events, int thread, const char *phase) {
    int count = 0;
    Span before = {0};
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        if (strcmp(json_string_value(json_object_get(event, "ph")), "X") != 0) continue;
        if ((int)number(event, "tid") != thread) continue;
        const Span span = span_of(event);
        ck_assert(span.begun >= before.ended);
        ck_assert_int_ge(span.begun_nanoseconds, before.ended_nanoseconds);
        const bool is_next = strcmp(json_string_value(json_object_get(event, "cat")), phase) == 0;
        if (is_next && count) ck_assert(span.begun == before.ended);
        before = span;
        if (!is_next) continue;
        const char *name = json_string_value(json_object_get(event, "name"));
        ck_assert_int_eq(strcmp(name, "wait") == 0, count % 2);
        count++;
    }
    ck_assert_int_eq(count, 2 * KERNELS - 1);
}

static int count_names(const json_t *events, const char *wanted) {
    int count = 0;
    for (size_t i = 0; i < json_array_size(events); i++)
        count += strcmp(json_string_value(json_object_get(json_array_get(events, i), "name")),
                        wanted) == 0;
    return count;
}

START_TEST(a_trace_has_a_row_for_each_thread) {
    const int threads = thread_counts[_i];
    Subject subject = open_subject(threads);
    Diag diag = {.arena = arena_create()};
    TraceFile trace;
    ck_assert(trace_file_open(&trace, in_folder("trace.json"), "small", &diag));
    TimedCall call = step(&subject, tokens, TOKENS);
    trace_file_append(&trace, subject.timed, &call);
    call = step(&subject, tokens, 1);
    trace_file_append(&trace, subject.timed, &call);
    ck_assert(trace_file_close(&trace, true, &diag));

    json_t *events = json_load_file(in_folder("trace.json"), 0, NULL);
    ck_assert(json_is_array(events));
    ck_assert_int_eq(count_names(events, "process_name"), 1);
    ck_assert_int_eq(count_names(events, "thread_name"), threads);
    for (int t = 0; t < threads; t++) {
        check_events(events, t, "prefill");
        check_events(events, t, "decode");
    }
    json_decref(events);
    arena_destroy(diag.arena);
    close_subject(&subject);
}
END_TEST

START_TEST(a_trace_that_is_not_complete_leaves_no_file) {
    Diag diag = {.arena = arena_create()};
    TraceFile trace;
    ck_assert(trace_file_open(&trace, in_folder("trace.json"), "small", &diag));
    ck_assert(!trace_file_close(&trace, false, &diag));
    ck_assert_int_eq(count_files(folder), 0);
    ck_assert(!trace_file_open(&trace, in_folder("none/trace.json"), "small", &diag));
    ck_assert_ptr_nonnull(diag.first);
    arena_destroy(diag.arena);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("timed");
    TCase *tests = in_a_folder(suite, "timed");
    tcase_add_test(tests, a_mark_is_kept_for_its_thread);
    tcase_add_test(tests, marks_without_room_are_not_kept);
    tcase_add_test(tests, traces_that_cannot_be_had_are_refused);
    tcase_add_loop_test(tests, each_thread_does_each_kernel_in_order, 0, THREAD_COUNTS);
    tcase_add_test(tests, timed_code_computes_the_same);
    tcase_add_test(tests, kernels_are_known_by_work_and_layer);
    tcase_add_test(tests, the_arithmetic_of_a_kernel_is_known);
    tcase_add_test(tests, calls_that_fail_are_answered);
    tcase_add_test(tests, object_files_are_not_timed);
    tcase_add_test(tests, equal_layers_share_a_row);
    tcase_add_loop_test(tests, a_trace_has_a_row_for_each_thread, 0, THREAD_COUNTS);
    tcase_add_test(tests, a_trace_that_is_not_complete_leaves_no_file);
    return suite_run(suite);
}
