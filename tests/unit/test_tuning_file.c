/* test_tuning_file.c - the record of what was tuned: read, kept, put together, written. */
#include "frontend/compiler/tuning_file.h"
#include "tests/unit/arena_fixture.h"

#define HEAD "thalweg-tuning: 1\nrecords:\n"
#define RECORD(kernel, cpu, schedule, tried, version)                                              \
    "  - kernel: \"" kernel "\"\n"                                                                 \
    "    cpu: \"" cpu "\"\n"                                                                       \
    "    features: \"16 floats\"\n"                                                                \
    "    caches: {l1: 32768, l2: 1048576}\n"                                                       \
    "    threads: 2\n"                                                                             \
    "    schedule: " schedule "\n"                                                                 \
    "    tried: " tried "\n"                                                                       \
    "    candidates: 64\n"                                                                         \
    "    nanoseconds: {tuned: 900, rule: 1000}\n"                                                  \
    "    versions: {thalweg: \"" version "\", llvm: \"22.1.0\"}\n"

static const char two[] = HEAD RECORD("b", "zen5", "{rows: 6, panels: 2}", "3", "0.1.0")
    RECORD("a", "zen5", "{rows: 1}", "4", "0.1.0");

static const Source *source_of(const char *text) {
    Source *source = ARENA_NEW(arena, Source);
    *source = (Source){"tuning.yaml", text, strlen(text)};
    return source;
}

static TuningFile parse(const char *text) {
    TuningFile file = {.arena = arena};
    if (!tuning_file_parse(&file, source_of(text), &diag)) diag_print(&diag, stderr);
    ck_assert_int_eq(diag.errors, 0);
    return file;
}

static const char *print(TuningFile *file) {
    FILE *out = text_begin();
    tuning_file_print(file, out);
    return arena_printf(arena, "%s", text_end(out));
}

START_TEST(a_file_is_sorted_and_the_same_after_each_save) {
    TuningFile file = parse(two);
    ck_assert_int_eq(file.count, 2);
    const char *once = print(&file);
    TuningFile again = parse(once);
    ck_assert_str_eq(print(&again), once);
    ck_assert(strstr(once, "kernel: \"a\"") < strstr(once, "kernel: \"b\""));
    ck_assert_int_eq(file.record[1].schedule.panels, 2);
    ck_assert_int_eq(file.record[1].machine.l2_bytes, 1048576);
}
END_TEST

START_TEST(an_empty_file_is_written_and_read) {
    TuningFile file = {.arena = arena};
    TuningFile read = parse(print(&file));
    ck_assert_int_eq(read.count, 0);
}
END_TEST

START_TEST(of_two_records_of_a_kernel_the_better_one_stays) {
    static const char more[] = HEAD RECORD("a", "zen5", "{rows: 2}", "9", "0.1.0");
    static const char later[] = HEAD RECORD("a", "zen5", "{rows: 3}", "1", "0.10.0");
    static const char other[] = HEAD RECORD("a", "zen4", "{rows: 4}", "1", "0.1.0");
    TuningFile file = parse(two);
    ck_assert(tuning_file_parse(&file, source_of(more), &diag));
    ck_assert(tuning_file_parse(&file, source_of(two), &diag));
    const TuningMachine zen5 = {"zen5", "16 floats", 32768, 1048576, 2};
    ck_assert_int_eq(tuning_file_find(&file, "a", &zen5)->schedule.rows, 2);
    ck_assert(tuning_file_parse(&file, source_of(later), &diag));
    ck_assert_int_eq(tuning_file_find(&file, "a", &zen5)->schedule.rows, 3);
    ck_assert(tuning_file_parse(&file, source_of(other), &diag));
    ck_assert_int_eq(file.count, 3);
    tuning_file_remove(&file, "a", &zen5);
    ck_assert_ptr_null(tuning_file_find(&file, "a", &zen5));
    ck_assert_int_eq(file.count, 2);
}
END_TEST

START_TEST(versions_are_compared_number_by_number) {
    ck_assert_int_lt(tuning_compare_versions("0.9", "0.10.1"), 0);
    ck_assert_int_gt(tuning_compare_versions("1.0.0", "0.99.99"), 0);
    ck_assert_int_eq(tuning_compare_versions("0.1.0", "0.1"), 0);
    ck_assert_int_eq(tuning_compare_versions("0.1.0-beta", "0.1.0"), 0);
    ck_assert_int_eq(tuning_compare_versions("", "x"), 0);
}
END_TEST

/* Whatever is cut off, what stands before the last record is read. */
START_TEST(a_torn_file_loses_its_last_record_at_most) {
    TuningFile whole = parse(two);
    char *text = arena_printf(arena, "%s", print(&whole));
    const size_t second = (size_t)(strstr(text, "  - kernel: \"b\"") - text);
    for (size_t length = strlen(text); length > second; length--) {
        text[length] = '\0';
        TuningFile file = {.arena = arena};
        Diag torn = {.arena = arena};
        ck_assert(tuning_file_parse(&file, source_of(text), &torn));
        ck_assert_int_ge(file.count, 1);
        ck_assert_str_eq(file.record[0].kernel, "a");
        if (file.count == 2) ck_assert_int_eq(file.record[1].schedule.panels, 2);
    }
}
END_TEST

static const struct {
    const char *text, *message;
} refused[] = {
    {"", "empty"},
    {"records: []\n", "thalweg-tuning"},
    {"thalweg-tuning: 2\nrecords: []\n", "not known"},
    {"thalweg-tuning: 1\n", "records"},
    {"thalweg-tuning: 1\nrecords: {}\n", "list"},
    {"thalweg-tuning: 1\nrecords: [1]\n", "mapping"},
    {"thalweg-tuning: 1\nrecords: [{kernel: a}]\n", "nanoseconds"},
    {"thalweg-tuning: 1\nrecords: [", ""},
    {HEAD RECORD("a", "zen5", "{rows: -1}", "1", "1") RECORD("b", "zen5", "{rows: 1}", "1", "1"),
     "schedule.rows"},
    {HEAD RECORD("a", "zen5", "{colour: 1}", "1", "1") RECORD("b", "zen5", "{rows: 1}", "1", "1"),
     "schedule.colour"},
    {HEAD RECORD("a", "zen5", "{rows: 1}", "9999999999999", "1")
         RECORD("b", "zen5", "{rows: 1}", "1", "1"),
     "tried"},
    {HEAD RECORD("a\\u0007", "zen5", "{rows: 1}", "1", "1")
         RECORD("b", "zen5", "{rows: 1}", "1", "1"),
     "kernel"},
};

START_TEST(what_is_no_record_is_refused_by_name) {
    TuningFile file = {.arena = arena};
    ck_assert(!tuning_file_parse(&file, source_of(refused[_i].text), &diag));
    ck_assert_int_ge(diag.errors, 1);
    ck_assert_int_eq(file.count, 0);
    assert_says(diag.first->message, refused[_i].message);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tuning file");
    TCase *tests = suite_case(suite, "tuning file", make_arena, drop_arena);
    tcase_add_test(tests, a_file_is_sorted_and_the_same_after_each_save);
    tcase_add_test(tests, an_empty_file_is_written_and_read);
    tcase_add_test(tests, of_two_records_of_a_kernel_the_better_one_stays);
    tcase_add_test(tests, versions_are_compared_number_by_number);
    tcase_add_test(tests, a_torn_file_loses_its_last_record_at_most);
    tcase_add_loop_test(tests, what_is_no_record_is_refused_by_name, 0, COUNT(refused));
    return suite_run(suite);
}
