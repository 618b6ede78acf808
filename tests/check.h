/* check.h - the library Check, and what each program of unit tests does with it. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* A case of the suite; setup and teardown, or null, stand around each of its tests. */
static inline TCase *suite_case(Suite *suite, const char *name, SFun setup, SFun teardown) {
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, setup, teardown);
    /* Check's own limit is 4 seconds, which a busy machine exceeds under ThreadSanitizer. */
    tcase_set_timeout(tests, 200);
    suite_add_tcase(suite, tests);
    return tests;
}

/* Runs the suite and frees it; returns what main() does. */
static inline int suite_run(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define assert_says(text, part)                                                                    \
    do {                                                                                           \
        const char *const said = (text), *const expected_part = (part);                            \
        ck_assert_msg(strstr(said, expected_part), "'%s' is not in: %s", expected_part, said);     \
    } while (0)

static inline int occurrences(const char *text, const char *part) {
    int count = 0;
    for (; (text = strstr(text, part)); text++) count++;
    return count;
}

/* ---- a file in memory ---- */

static char *text_bytes;
static size_t text_length;

static inline FILE *text_begin(void) {
    free(text_bytes);
    text_bytes = NULL;
    FILE *out = open_memstream(&text_bytes, &text_length);
    ck_assert_ptr_nonnull(out);
    return out;
}

/* What was written to it, until the next one. */
static inline const char *text_end(FILE *out) {
    ck_assert_int_eq(fclose(out), 0);
    return text_bytes;
}

#endif
