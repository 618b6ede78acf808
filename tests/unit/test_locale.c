/* test_locale.c - the library in a program whose locale writes numbers with a comma. */
#include "tests/unit/library_fixture.h"

#include <locale.h>

#define GRAPH(eps)                                                                                 \
    "graph @numbers {context = 8, chunk = 8} {\n"                                                  \
    "  @e = param : f32[5, 8]\n"                                                                   \
    "  @g = param : f32[8]\n"                                                                      \
    "  @w = param : f32[12, 8]\n"                                                                  \
    "  %4 = tokens : i32[T]\n"                                                                     \
    "  %5 = embed %4, @e : f32[T, 8]\n"                                                            \
    "  %6 = norm %5, @g {kind = rms, eps = " eps "} : f32[T, 8]\n"                                 \
    "  %7 = project %6, @w : f32[T, 12]\n"                                                         \
    "  return %7\n"                                                                                \
    "}\n"

static const char graph[] = GRAPH("0.125"), bad[] = GRAPH("-0.5");

/* A locale that has no more than a comma, made for the test. False: localedef is not to be had. */
static bool begin_comma(void) {
    static const char source[] = "LC_NUMERIC\n"
                                 "decimal_point \",\"\n"
                                 "thousands_sep \".\"\n"
                                 "grouping 3;3\n"
                                 "END LC_NUMERIC\n";
    char command[256];
    write_file(in_folder("comma.source"), source, sizeof source - 1);
    snprintf(command, sizeof command,
             "cd '%s' && localedef -c -i comma.source ./comma >/dev/null 2>&1", folder);
    (void)!system(command);
    setenv("LOCPATH", folder, 1);
    if (!setlocale(LC_NUMERIC, "comma")) {
        fprintf(stderr, "test_locale: no locale can be made here (localedef): nothing is tested\n");
        return false;
    }
    char number[8];
    snprintf(number, sizeof number, "%g", 1.5);
    ck_assert_str_eq(number, "1,5");
    return true;
}

typedef struct {
    char *graph, *explained;
    char header[8192];
} Texts;

/* What the library writes of numbers, of a model and of a graph's text. */
static Texts write_texts(void) {
    Texts texts = {0};
    size_t length = 0;
    Thalweg *thalweg = create(model);
    FILE *out = open_memstream(&texts.graph, &length);
    assert_works(thalweg, thalweg_optimise_text(thalweg, "graph.ir", graph, sizeof graph - 1, out));
    ck_assert_int_eq(fclose(out), 0);
    out = open_memstream(&texts.explained, &length);
    assert_works(thalweg, thalweg_explain(thalweg, "", out));
    ck_assert_int_eq(fclose(out), 0);
    assert_works(thalweg, thalweg_write_header(thalweg, in_folder("small.h")));
    read_start(in_folder("small.h"), texts.header, sizeof texts.header);
    thalweg_destroy(thalweg);
    return texts;
}

static void free_texts(Texts *texts) {
    free(texts->graph);
    free(texts->explained);
}

START_TEST(numbers_are_written_and_read_with_a_point) {
    Texts point = write_texts();
    assert_says(point.graph, "0.125");
    assert_says(point.explained, "1e-05");
    if (!begin_comma()) {
        free_texts(&point);
        return;
    }
    Texts comma = write_texts();
    ck_assert_str_eq(point.graph, comma.graph);
    ck_assert_str_eq(point.explained, comma.explained);
    ck_assert_str_eq(point.header, comma.header);
    free_texts(&point);
    free_texts(&comma);
    ck_assert_str_eq(localeconv()->decimal_point, ","); /* the program's own is as it was */
    Thalweg *thalweg = create(model);
    assert_right(thalweg);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(diagnostics_have_points) {
    if (!begin_comma()) return;
    Thalweg *thalweg = create(model);
    ck_assert(!thalweg_optimise_text(thalweg, "bad.ir", bad, sizeof bad - 1, stderr));
    assert_message(thalweg, "must not be negative, found -0.5");
    thalweg_destroy(thalweg);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("locale");
    TCase *tests = in_a_folder(suite, "locale");
    tcase_add_test(tests, numbers_are_written_and_read_with_a_point);
    tcase_add_test(tests, diagnostics_have_points);
    return suite_run(suite);
}
