/* test_code_names.c - what functions of compiled code are called, and the lines they come from. */
#include "tests/unit/library_fixture.h"

/* Each kind of kernel, weights that are stacked, and functions that would have equal names. */
static const char rich[] = "thalweg: 1\n"
                           "name: rich-1\n"
                           "vocab: 96\n"
                           "context: 32\n"
                           "stream: {width: 64}\n"
                           "embed: {positions: learned, norm: layer}\n"
                           "defaults:\n"
                           "  norm: {kind: layer}\n"
                           "blocks:\n"
                           "  - repeat: 2\n"
                           "    pattern: {window: [8, none]}\n"
                           "    branches:\n"
                           "      - parallel:\n"
                           "          - attention: {heads: 4, kv_heads: 2, qk_norm: rms}\n"
                           "          - mlp: {hidden: 128, activation: gelu}\n"
                           "        norm: layer\n"
                           "  - repeat: 1\n"
                           "    branches:\n"
                           "      - attention: {heads: 4}\n"
                           "        write: gated\n"
                           "      - mlp: {hidden: 64, activation: relu}\n"
                           "        norm: none\n"
                           "        norm_after: rms\n"
                           "head: {norm: rms, softcap: 30}\n"
                           "weights: {synthetic: 1}\n";

static const ThalwegOptions plain = {.cpu = "x86-64-v3", .no_tuning = true};

/* The module's LLVM text; to be freed. */
static char *code_of(const char *text, ThalwegOptions options) {
    Thalweg *thalweg = create_with(options, text);
    assert_works(thalweg, thalweg_write_code(thalweg, THALWEG_LLVM, in_folder("code.ll")));
    thalweg_destroy(thalweg);
    enum { MOST = 1 << 24 };
    char *code = malloc(MOST);
    ck_assert_ptr_nonnull(code);
    ck_assert_uint_lt(read_start(in_folder("code.ll"), code, MOST), MOST - 1);
    return code;
}

/* The line that the subprogram of a function says; -1: there is no such function, 0: no line. */
static int line_of(const char *code, const char *function) {
    char start[160];
    snprintf(start, sizeof start, "!DISubprogram(name: \"%s\",", function);
    const char *found = strstr(code, start);
    if (!found) return -1;
    ck_assert_ptr_null(strstr(found + 1, start));
    const char *end = strchr(found, '\n'), *line = strstr(found, " line: ");
    return end && line && line < end ? atoi(line + 7) : 0;
}

START_TEST(kernels_are_named_after_parts_of_the_model) {
    static const struct {
        const char *name;
        int line;
    } expected[] = {{"rich_1.prefill", 2},
                    {"rich_1.decode", 2},
                    {"rich_1.prefill.embed.64", 6},
                    {"rich_1.prefill.norm.64", 6},
                    {"rich_1.decode.read_qkv_up.64x256.f32", 14},
                    {"rich_1.decode.attend.4x2x16.window8", 14},
                    {"rich_1.decode.attend.4x2x16", 14},
                    {"rich_1.decode.project_o.64x64.f32", 14},
                    {"rich_1.prefill.project_down.128x64.f32", 15},
                    {"rich_1.decode.read_qkv_write_gate.64x256.f32", 19},
                    {"rich_1.decode.project_o.64x64.f32.2", 19},
                    {"rich_1.decode.project_up.64x64.f32", 21},
                    {"rich_1.decode.norm.64.2", 23},
                    {"rich_1.decode.write.64", 21},
                    {"rich_1.decode.read_head.64x96.f32", 24},
                    {"rich_1.decode.project_o.64x64.f32.3", -1}};
    char *code = code_of(rich, plain);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const int line = line_of(code, expected[i].name);
        ck_assert_msg(line == expected[i].line, "%s is of line %d, expected %d", expected[i].name,
                      line, expected[i].line);
    }
    free(code);
}
END_TEST

START_TEST(names_do_not_depend_on_how_weights_are_multiplied) {
    static const char *const cpus[] = {"x86-64", "x86-64-v3", "icelake-server", "neoverse-n1"};
    for (int i = 0; i < 4; i++) {
        ThalwegOptions options = plain;
        options.weights_type = "q8";
        options.cpu = cpus[i];
        char *code = code_of(model, options);
        ck_assert_int_eq(line_of(code, "small.decode.read_qkv.24x72.q8"), 10);
        ck_assert_int_eq(line_of(code, "small.decode.project_o.24x24.q8"), 10);
        ck_assert_int_eq(line_of(code, "small.prefill.read_gate_up.24x80.q8"), 11);
        ck_assert_int_eq(line_of(code, "small.prefill.project_down.40x24.q8"), 11);
        free(code);
    }
}
END_TEST

/* Whatever the passes made of the graph. What is shared by kernels has no line, and says so. */
START_TEST(each_function_has_a_line) {
    static const char start[] = "!DISubprogram(name: \"rich_1.";
    static const char *const types[] = {"f32", "bf16", "q8", "q4"};
    for (int i = 0; i < 4; i++) {
        ThalwegOptions options = plain;
        options.weights_type = types[i];
        char *code = code_of(rich, options);
        int functions = 0;
        for (char *at = code; (at = strstr(at, start)); at++, functions++) {
            const char *of = at + sizeof start - 1, *end = strchr(at, '\n');
            const bool is_own = strncmp(of, "prefill", 7) == 0 || strncmp(of, "decode", 6) == 0;
            const char *line = strstr(at, " line: ");
            ck_assert_msg((line && line < end) == is_own, "%.*s", (int)(end - at), at);
        }
        ck_assert_int_ge(functions, 40);
        free(code);
    }
}
END_TEST

/* Line 14 is that of the first attention, 15 of the mlp beside it, in two layers each. */
START_TEST(an_entry_calls_from_the_lines_of_branches) {
    char *code = code_of(rich, plain);
    char scope[64];
    const char *found = strstr(code, "define internal void @rich_1.decode(");
    ck_assert_ptr_nonnull(found);
    const char *mark = strstr(found, "!dbg !");
    snprintf(scope, sizeof scope, "scope: !%d)", atoi(mark + 6));
    static const int lines[] = {6, 14, 15, 19, 21, 23, 24};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char place[64];
        bool is_there = false;
        snprintf(place, sizeof place, "!DILocation(line: %d,", lines[i]);
        for (const char *at = code; !is_there && (at = strstr(at, place)); at++) {
            const char *end = strchr(at, '\n'), *in = strstr(at, scope);
            is_there = in && in < end;
        }
        ck_assert_msg(is_there, "no call from line %d", lines[i]);
    }
    free(code);
}
END_TEST

START_TEST(sizes_are_said_without_a_file) {
    FILE *out = text_begin();
    Thalweg *thalweg = create_with(plain, model);
    assert_works(thalweg, thalweg_size(thalweg, out));
    const char *text = text_end(out);
    assert_says(text, "  small.decode.attend.2x2x12 ");
    assert_says(text, "\nobject file\n");
    ck_assert_int_eq(count_files(folder), 0);
    thalweg_destroy(thalweg);

    thalweg = thalweg_create(NULL);
    ck_assert(!thalweg_size(thalweg, stderr));
    assert_message(thalweg, "no model");
    thalweg_destroy(thalweg);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("code names");
    TCase *tests = in_a_folder(suite, "code names");
    tcase_add_test(tests, kernels_are_named_after_parts_of_the_model);
    tcase_add_test(tests, names_do_not_depend_on_how_weights_are_multiplied);
    tcase_add_test(tests, each_function_has_a_line);
    tcase_add_test(tests, an_entry_calls_from_the_lines_of_branches);
    tcase_add_test(tests, sizes_are_said_without_a_file);
    return suite_run(suite);
}
