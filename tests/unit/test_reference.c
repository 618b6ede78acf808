#include "ir/ir.h"
#include "tests/check.h"

static const char *print(void) {
    FILE *out = text_begin();
    ir_print_reference(out);
    return text_end(out);
}

/* The line that starts with "| `name` |"; null: there is none. */
static const char *find_row(const char *text, const char *name) {
    char start[64];
    snprintf(start, sizeof start, "\n| `%s` | ", name);
    const char *row = strstr(text, start);
    return row ? row + 1 : NULL;
}

START_TEST(every_op_has_one_row) {
    const char *text = print();
    for (int op = 0; op < OP_COUNT; op++) {
        const char *row = find_row(text, ir_op_info[op].name);
        if (!row) ck_abort_msg("'%s' is missing", ir_op_info[op].name);
    }
}
END_TEST

START_TEST(every_attribute_appears) {
    static const char *const names[] = {
#define ATTR(name, kind, initial) #name,
#include "ir/attrs.def"
#undef ATTR
    };
    const char *text = print();
    const char *table = strstr(text, "## Attributes");
    ck_assert_ptr_nonnull(table);
    for (int a = 0; a < ATTR_COUNT; a++)
        if (!find_row(table, names[a])) ck_abort_msg("'%s' is missing", names[a]);
}
END_TEST

START_TEST(a_row_says_operands_attributes_and_meaning) {
    const char *text = print();
    assert_says(text, "| `project` | 2 to 3 | `format = f32` | x W^T + b, each "
                      "row of W rounded to a format |\n");
    assert_says(text,
                "| `embed` | 2 to 3 | `scale = 1`, `format = f32` | table[token] * scale + b, ");
    assert_says(text, "`style = half`");
    assert_says(text, "| `style` | `half`, `interleaved` | `half` | `rope`, `rope_back` |\n");
}
END_TEST

START_TEST(every_row_of_a_table_has_as_many_cells_as_its_heading) {
    const char *text = print();
    int cells = 0;
    for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        int found = 0;
        for (const char *c = line; c < end; c++) found += *c == '|' && (c == line || c[-1] != '\\');
        if (*line != '|') cells = 0;
        if (*line == '|' && cells == 0) cells = found;
        ck_assert_int_eq(*line == '|' ? found : 0, cells);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("reference");
    TCase *tests = suite_case(suite, "reference", NULL, NULL);
    tcase_add_test(tests, every_op_has_one_row);
    tcase_add_test(tests, every_attribute_appears);
    tcase_add_test(tests, a_row_says_operands_attributes_and_meaning);
    tcase_add_test(tests, every_row_of_a_table_has_as_many_cells_as_its_heading);
    return suite_run(suite);
}
