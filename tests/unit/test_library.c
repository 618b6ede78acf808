/* test_library.c - thalweg.h as a program uses it: steps, errors, files, threads. */
#include "frontend/compiler/thalweg.h"
#include "tests/unit/library_fixture.h"

#include <pthread.h>
#include <sys/stat.h>

/* ---- reading ---- */

START_TEST(a_description_is_read_from_text) {
    Thalweg *thalweg = create(model);
    const ThalwegModel read = thalweg_model(thalweg);
    ck_assert_str_eq(read.name, "small");
    ck_assert_int_eq(read.vocab, VOCAB);
    ck_assert_int_eq(read.context, 16);
    ck_assert_int_eq(read.width, 24);
    ck_assert_int_eq(read.parameters, 40 * 24 + 3 * (24 + 4 * 24 * 24 + 24 + 3 * 40 * 24) + 24);
    ck_assert(!read.has_byte_tokens);
    ck_assert(read.is_causal);
    assert_works(thalweg, thalweg_check_weights(thalweg));
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 0);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(a_description_is_read_from_a_file) {
    Thalweg *thalweg = thalweg_create(NULL);
    write_file(in_folder("small.yaml"), model, sizeof model - 1);
    assert_works(thalweg, thalweg_read_file(thalweg, in_folder("small.yaml")));
    ck_assert_str_eq(thalweg_model(thalweg).name, "small");
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(weights_are_looked_for_beside_the_file) {
    static const char text[] = MODEL "weights: {file: none.safetensors}\n";
    Thalweg *thalweg = thalweg_create(NULL);
    write_file(in_folder("small.yaml"), text, sizeof text - 1);
    assert_works(thalweg, thalweg_read_file(thalweg, in_folder("small.yaml")));
    ck_assert(!thalweg_check_weights(thalweg));
    ck_assert(!thalweg_weights(thalweg));
    bool is_named = false;
    for (int i = 0; i < thalweg_diagnostic_count(thalweg); i++) {
        const ThalwegDiagnostic d = thalweg_diagnostic(thalweg, i);
        is_named |= strstr(d.message, in_folder("none.safetensors")) != NULL ||
                    (d.file && strcmp(d.file, in_folder("none.safetensors")) == 0);
    }
    ck_assert(is_named);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(files_that_cannot_be_read_are_diagnostics) {
    Thalweg *thalweg = thalweg_create(NULL);
    ck_assert(!thalweg_read_file(thalweg, in_folder("none.yaml")));
    assert_message(thalweg, "No such file");
    ck_assert_str_eq(thalweg_diagnostic(thalweg, 0).file, in_folder("none.yaml"));
    ck_assert_int_eq(thalweg_diagnostic(thalweg, 0).line, 0);
    thalweg_destroy(thalweg);

    thalweg = thalweg_create(NULL);
    ck_assert(!thalweg_read_file(thalweg, folder));
    assert_message(thalweg, "the folder has no 'config.json'");
    ck_assert_ptr_nonnull(thalweg_diagnostic(thalweg, 0).hint);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(a_description_that_is_too_large_is_a_diagnostic) {
    enum { SIZE = 3 << 20 };
    char *text = malloc(SIZE);
    ck_assert_ptr_nonnull(text);
    memset(text, '#', SIZE);
    write_file(in_folder("large.yaml"), text, SIZE);
    Thalweg *thalweg = thalweg_create(NULL), *other = thalweg_create(NULL);
    ck_assert(!thalweg_read_file(thalweg, in_folder("large.yaml")));
    ck_assert(!thalweg_read_text(other, "large.yaml", text, SIZE, NULL));
    ck_assert_int_gt(thalweg_diagnostic_count(thalweg), 0);
    ck_assert_str_eq(first_message(thalweg), first_message(other));
    thalweg_destroy(thalweg);
    thalweg_destroy(other);
    free(text);
}
END_TEST

START_TEST(an_error_names_its_place) {
    static const char text[] = "thalweg: 1\nname: small\nvocabulary: 40\n";
    Thalweg *thalweg = thalweg_create(NULL);
    ck_assert(!thalweg_read_text(thalweg, "bad.yaml", text, sizeof text - 1, NULL));
    ck_assert_int_gt(thalweg_diagnostic_count(thalweg), 0);
    const ThalwegDiagnostic d = thalweg_diagnostic(thalweg, 0);
    ck_assert_int_eq(d.severity, THALWEG_ERROR);
    ck_assert_str_eq(d.file, "bad.yaml");
    ck_assert_int_gt(d.line, 0);
    ck_assert_int_gt(d.column, 0);
    ck_assert_str_eq(thalweg_diagnostic(thalweg, 1000).message, "");
    ck_assert_int_eq(thalweg_model(thalweg).vocab, 0);
    const int before = thalweg_diagnostic_count(thalweg);
    ck_assert(!thalweg_program(thalweg) && !thalweg_weights(thalweg));
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), before);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(one_model_for_each_thalweg) {
    Thalweg *thalweg = create(model);
    ck_assert(!thalweg_read_text(thalweg, "again.yaml", model, sizeof model - 1, NULL));
    assert_message(thalweg, "already");
    ck_assert_str_eq(thalweg_model(thalweg).name, "small");
    thalweg_destroy(thalweg);

    thalweg = thalweg_create(NULL);
    ck_assert(!thalweg_program(thalweg));
    assert_message(thalweg, "no model has been read");
    thalweg_destroy(thalweg);
    thalweg_destroy(NULL);
}
END_TEST

/* ---- compiling ---- */

START_TEST(compiled_code_computes_the_model) {
    Thalweg *thalweg = create(model);
    assert_right(thalweg);
    ck_assert_ptr_eq(thalweg_program(thalweg), thalweg_program(thalweg));
    ck_assert_ptr_eq(thalweg_weights(thalweg), thalweg_weights(thalweg));
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 0);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(code_for_another_machine_is_written_but_not_run) {
    Thalweg *thalweg = create_with((ThalwegOptions){.cpu = "neoverse-n1"}, model);
#ifndef __aarch64__
    ck_assert(!thalweg_program(thalweg));
    assert_message(thalweg, "cannot run");
#endif
    ck_assert(thalweg_write_code(thalweg, THALWEG_ASSEMBLY, in_folder("small.s")));
    thalweg_destroy(thalweg);

    thalweg = create_with((ThalwegOptions){.cpu = "pentium-mmxv"}, model);
    ck_assert(!thalweg_program(thalweg));
    ck_assert(!thalweg_program(thalweg));
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 1);
    assert_message(thalweg, "pentium-mmxv");
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(passes_that_code_needs_cannot_be_left_out) {
    static const char *const needed[] = {"place-buffers", "schedule", "place-buffers,schedule"};
    for (int i = 0; i < 3; i++) {
        Thalweg *thalweg = create_with((ThalwegOptions){.skip_passes = needed[i]}, model);
        ck_assert(!thalweg_program(thalweg));
        assert_message(thalweg, "there is no code without the pass");
        thalweg_destroy(thalweg);
    }
    Thalweg *thalweg = create_with((ThalwegOptions){.skip_passes = "fold-nrom"}, model);
    ck_assert(!thalweg_program(thalweg));
    assert_says(thalweg_diagnostic(thalweg, 0).hint, "fold-norm");
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(passes_say_what_they_did) {
    FILE *lines = text_begin();
    Thalweg *thalweg = create_with((ThalwegOptions){.statistics = lines}, model);
    assert_works(thalweg, thalweg_program(thalweg));
    thalweg_destroy(thalweg);
    const char *text = text_end(lines);
    assert_says(text, "fuse-write: ");
    assert_says(text, "(prefill)\n");
    assert_says(text, "(decode)\n");
}
END_TEST

START_TEST(the_interpreter_refuses_what_is_no_token) {
    const int32_t bad[] = {VOCAB};
    double out[VOCAB];
    Thalweg *thalweg = create(model);
    ck_assert(!thalweg_interpret(thalweg, bad, 1, 0, 1, out));
    ck_assert(!thalweg_interpret(thalweg, tokens, TOKENS, 14, 1, out));
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 2);
    ck_assert(thalweg_interpret(thalweg, tokens, TOKENS, 0, 1, out));
    thalweg_destroy(thalweg);
}
END_TEST

/* ---- files ---- */

START_TEST(code_weights_and_header_are_written) {
    char text[4096];
    Thalweg *thalweg = create(model);
    assert_works(thalweg, thalweg_write_code(thalweg, THALWEG_LLVM, in_folder("small.ll")));
    read_start(in_folder("small.ll"), text, sizeof text);
    assert_says(text, "target triple");
    assert_works(thalweg, thalweg_write_code(thalweg, THALWEG_OBJECT, in_folder("small.o")));
    read_start(in_folder("small.o"), text, sizeof text);
    ck_assert_int_eq(memcmp(text, "\177ELF", 4), 0);
    assert_works(thalweg, thalweg_write_header(thalweg, in_folder("small.h")));
    read_start(in_folder("small.h"), text, sizeof text);
    assert_says(text, "#define SMALL_VOCAB ");
    assert_works(thalweg, thalweg_write_weights(thalweg, in_folder("small.weights")));
    TwWeights *weights = NULL;
    assert_works(thalweg, thalweg_program(thalweg));
    ck_assert_int_eq(tw_weights_open(in_folder("small.weights"),
                                     thalweg_program(thalweg)->layout_id, true, &weights),
                     TW_OK);
    ck_assert_uint_eq(tw_weights_bytes(weights), thalweg_program(thalweg)->weight_bytes);
    tw_weights_close(weights);
    ck_assert_int_eq(count_files(folder), 4);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(what_cannot_be_written_is_a_diagnostic) {
    static const struct {
        const char *path, *message;
    } bad[] = {
        {"/dev/full", "No space left"}, {"/no/such/place", "No such file"}, {"/", "directory"}};
    for (int i = 0; i < 3; i++) {
        Thalweg *thalweg = create(model);
        ck_assert(!thalweg_write_code(thalweg, THALWEG_LLVM, bad[i].path));
        assert_message(thalweg, bad[i].message);
        assert_message(thalweg, bad[i].path);
        thalweg_destroy(thalweg);

        thalweg = create(model);
        ck_assert(!thalweg_write_header(thalweg, bad[i].path));
        assert_message(thalweg, bad[i].message);
        ck_assert(!thalweg_write_weights(thalweg, bad[i].path));
        thalweg_destroy(thalweg);
    }
    Thalweg *thalweg = create(model);
    FILE *full = fopen("/dev/full", "w");
    ck_assert_ptr_nonnull(full);
    setvbuf(full, NULL, _IONBF, 0);
    ck_assert(!thalweg_explain(thalweg, NULL, full));
    fclose(full);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(a_link_keeps_pointing_at_the_file) {
    struct stat info;
    char link[256], target[256];
    snprintf(link, sizeof link, "%s/link.h", folder);
    snprintf(target, sizeof target, "%s/target.h", folder);
    write_file(target, "old", 3);
    ck_assert_int_eq(symlink(target, link), 0);
    Thalweg *thalweg = create(model);
    assert_works(thalweg, thalweg_write_header(thalweg, link));
    thalweg_destroy(thalweg);
    ck_assert_int_eq(lstat(link, &info), 0);
    ck_assert(S_ISLNK(info.st_mode));
    ck_assert_int_eq(stat(target, &info), 0);
    ck_assert_int_gt(info.st_size, 3);
}
END_TEST

/* ---- text ---- */

START_TEST(explain_shows_passes_kernels_and_costs) {
    static const char *const expected[] = {"fuse-write",      "prefill: ", "decode: ",   "x 3",
                                           "attention.q,k,v", "append",    "weights MB", "arena"};
    Thalweg *thalweg = create(model);
    FILE *out = text_begin();
    assert_works(thalweg, thalweg_explain(thalweg, NULL, out));
    const char *text = text_end(out);
    for (int i = 0; i < COUNT(expected); i++) assert_says(text, expected[i]);
    ck_assert(!strstr(text, "graph @"));
    out = text_begin();
    assert_works(thalweg, thalweg_explain(thalweg, "", out));
    assert_says(text_end(out), "graph @small");
    thalweg_destroy(thalweg);
}
END_TEST

/* What explain shows for a part of the graphs; null: the part was refused. */
static const char *explain_part(const char *part) {
    Thalweg *thalweg = create(model);
    FILE *out = text_begin();
    const bool is_done = thalweg_explain(thalweg, part, out);
    const char *text = text_end(out);
    if (!is_done) assert_message(thalweg, "is no part of the graphs");
    thalweg_destroy(thalweg);
    if (is_done) return text;
    ck_assert_str_eq(text, "");
    return NULL;
}

START_TEST(explain_shows_a_phase_alone) {
    const char *text = explain_part("decode");
    ck_assert_int_eq(strncmp(text, "# decode\ngraph @small", 21), 0);
    ck_assert_int_eq(occurrences(text, "graph @"), 1);
}
END_TEST

START_TEST(explain_shows_a_layer_alone) {
    const char *text = explain_part("1");
    ck_assert_int_eq(occurrences(text, ", layer 1\n"), 4);
    ck_assert_int_eq(occurrences(text, "graph @"), 0);
    ck_assert_int_eq(occurrences(text, "blocks.0") + occurrences(text, "blocks.2"), 0);
    text = explain_part("described,1");
    ck_assert_int_eq(occurrences(text, " = scores "), 1);
    ck_assert_int_eq(occurrences(text, " = softmax "), 1);
    ck_assert_int_eq(occurrences(text, " = write "), 2);
}
END_TEST

START_TEST(parts_that_the_graphs_do_not_have_are_refused) {
    static const char *const bad[] = {"3", "-1", "decoded", ",decode", "99999999999", "1x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_ptr_null(explain_part(bad[i]));
}
END_TEST

static const char graph[] = "graph @twice {context = 4, chunk = 4} {\n"
                            "  @table = param : f32[8, 6]\n"
                            "  %2 = tokens : i32[T]\n"
                            "  %3 = embed %2, @table : f32[T, 6]\n"
                            "  %4 = scale %3 {scale = 2} : f32[T, 6]\n"
                            "  %5 = scale %3 {scale = 2} : f32[T, 6]\n"
                            "  %6 = multiply %4, %5 : f32[T, 6]\n"
                            "  return %6\n"
                            "}\n";

START_TEST(a_graph_goes_through_the_passes) {
    FILE *out = text_begin();
    const ThalwegOptions options = {.passes = "canonicalise"};
    Thalweg *thalweg = thalweg_create(&options);
    assert_works(thalweg, thalweg_optimise_text(thalweg, "g.ir", graph, sizeof graph - 1, out));
    ck_assert(!thalweg_optimise_text(thalweg, "bad.ir", "graph @x\n  nonsense", 19, out));
    const char *text = text_end(out);
    assert_says(text, "graph @twice");
    ck_assert(!strstr(text, "%6 = multiply"));
    ck_assert_str_eq(thalweg_diagnostic(thalweg, 0).file, "bad.ir");
    ck_assert_int_gt(thalweg_diagnostic(thalweg, 0).line, 0);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(there_are_lists_of_what_there_is) {
    FILE *out = text_begin();
    thalweg_print_cpus(out);
    thalweg_print_passes(out);
    thalweg_print_operations(out);
    const char *text = text_end(out);
    assert_says(text, "x86-64-v3");
    assert_says(text, "fold-norm");
    assert_says(text, "softmax");
}
END_TEST

/* ---- threads ---- */

typedef struct {
    const char *text;
    float logits[VOCAB];
} Job;

static void *compile_and_run(void *context) {
    Job *job = context;
    Thalweg *thalweg = create(job->text);
    run(thalweg, job->logits);
    thalweg_destroy(thalweg);
    return NULL;
}

START_TEST(threads_compile_at_once) {
    enum { JOBS = 4, ROUNDS = 3 };
    Job alone = {.text = model};
    compile_and_run(&alone);
    for (int round = 0; round < ROUNDS; round++) {
        Job job[JOBS];
        pthread_t thread[JOBS];
        char path[512];
        only_file(path, sizeof path);
        unlink(path); /* so that all of them pack the same file */
        for (int i = 0; i < JOBS; i++) {
            job[i].text = model;
            ck_assert_int_eq(pthread_create(&thread[i], NULL, compile_and_run, &job[i]), 0);
        }
        for (int i = 0; i < JOBS; i++) pthread_join(thread[i], NULL);
        for (int i = 0; i < JOBS; i++)
            ck_assert_int_eq(memcmp(job[i].logits, alone.logits, sizeof alone.logits), 0);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("library");
    TCase *reading = in_a_folder(suite, "reading");
    tcase_add_test(reading, a_description_is_read_from_text);
    tcase_add_test(reading, a_description_is_read_from_a_file);
    tcase_add_test(reading, weights_are_looked_for_beside_the_file);
    tcase_add_test(reading, files_that_cannot_be_read_are_diagnostics);
    tcase_add_test(reading, a_description_that_is_too_large_is_a_diagnostic);
    tcase_add_test(reading, an_error_names_its_place);
    tcase_add_test(reading, one_model_for_each_thalweg);
    TCase *compiling = in_a_folder(suite, "compiling");
    tcase_add_test(compiling, compiled_code_computes_the_model);
    tcase_add_test(compiling, code_for_another_machine_is_written_but_not_run);
    tcase_add_test(compiling, passes_that_code_needs_cannot_be_left_out);
    tcase_add_test(compiling, passes_say_what_they_did);
    tcase_add_test(compiling, the_interpreter_refuses_what_is_no_token);
    tcase_add_test(compiling, threads_compile_at_once);
    TCase *files = in_a_folder(suite, "files");
    tcase_add_test(files, code_weights_and_header_are_written);
    tcase_add_test(files, what_cannot_be_written_is_a_diagnostic);
    tcase_add_test(files, a_link_keeps_pointing_at_the_file);
    tcase_add_test(files, explain_shows_passes_kernels_and_costs);
    tcase_add_test(files, explain_shows_a_phase_alone);
    tcase_add_test(files, explain_shows_a_layer_alone);
    tcase_add_test(files, parts_that_the_graphs_do_not_have_are_refused);
    tcase_add_test(files, a_graph_goes_through_the_passes);
    tcase_add_test(files, there_are_lists_of_what_there_is);
    return suite_run(suite);
}
