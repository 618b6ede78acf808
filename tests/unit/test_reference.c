#include "ir/ir.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char *print(void) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(out);
    ir_print_reference(out);
    ck_assert_int_eq(fclose(out), 0);
    return text;
}

/* The line that starts with "| `name` |"; null: there is none. */
static const char *find_row(const char *text, const char *name) {
    char start[64];
    snprintf(start, sizeof start, "\n| `%s` | ", name);
    const char *row = strstr(text, start);
    return row ? row + 1 : NULL;
}

START_TEST(every_op_has_one_row) {
    char *text = print();
    for (int op = 0; op < OP_COUNT; op++) {
        const char *row = find_row(text, ir_op_info[op].name);
        if (!row) ck_abort_msg("'%s' is missing", ir_op_info[op].name);
    }
    free(text);
}
END_TEST

START_TEST(every_attribute_appears) {
    static const char *const names[] = {
#define ATTR(name, kind, initial) #name,
#include "ir/attrs.def"
#undef ATTR
    };
    char *text = print();
    const char *table = strstr(text, "## Attributes");
    ck_assert_ptr_nonnull(table);
    for (int a = 0; a < ATTR_COUNT; a++)
        if (!find_row(table, names[a])) ck_abort_msg("'%s' is missing", names[a]);
    free(text);
}
END_TEST

START_TEST(a_row_says_operands_attributes_and_meaning) {
    char *text = print();
    ck_assert_ptr_nonnull(strstr(text, "| `project` | 2 to 3 | `format = f32` | x W^T + b, each "
                                       "row of W rounded to a format |\n"));
    ck_assert_ptr_nonnull(strstr(text, "| `embed` | 2 | `scale = 1` | table[token] * scale |\n"));
    ck_assert_ptr_nonnull(strstr(text, "`style = half`"));
    ck_assert_ptr_nonnull(strstr(text, "| `style` | `half`, `interleaved` | `half` | `rope` |\n"));
    free(text);
}
END_TEST

START_TEST(every_row_of_a_table_has_as_many_cells_as_its_heading) {
    char *text = print();
    int cells = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        int found = 0;
        for (const char *c = line; c < end; c++) found += *c == '|' && (c == line || c[-1] != '\\');
        if (*line != '|') cells = 0;
        if (*line == '|' && cells == 0) cells = found;
        ck_assert_int_eq(*line == '|' ? found : 0, cells);
    }
    free(text);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("reference");
    TCase *tests = tcase_create("reference");
    tcase_add_test(tests, every_op_has_one_row);
    tcase_add_test(tests, every_attribute_appears);
    tcase_add_test(tests, a_row_says_operands_attributes_and_meaning);
    tcase_add_test(tests, every_row_of_a_table_has_as_many_cells_as_its_heading);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
