/* test_library.c - thalweg.h as a program uses it: steps, errors, the cache, files, threads. */
#include "frontend/thalweg.h"
#include "runtime/weights_file.h"

#include <check.h>
#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODEL                                                                                      \
    "thalweg: 1\n"                                                                                 \
    "name: small\n"                                                                                \
    "vocab: 40\n"                                                                                  \
    "context: 16\n"                                                                                \
    "stream: {width: 24}\n"                                                                        \
    "defaults: {norm: {kind: rms, eps: 1e-5}}\n"                                                   \
    "blocks:\n"                                                                                    \
    "  - repeat: 3\n"                                                                              \
    "    branches:\n"                                                                              \
    "      - attention: {heads: 2, rope: {base: 10000}}\n"                                         \
    "      - mlp: {hidden: 40, activation: silu, gated: true}\n"                                   \
    "head: {norm: {kind: rms, eps: 1e-5}, tied: true}\n"

static const char model[] = MODEL "weights: {synthetic: 7}\n";
static const char other_seed[] = MODEL "weights: {synthetic: 8}\n";

enum { VOCAB = 40, TOKENS = 5 };
static const int32_t tokens[TOKENS] = {3, 1, 4, 1, 5};

/* ---- a folder of its own for each test ---- */

static char folder[64];

static void make_folder(void) {
    strcpy(folder, "/tmp/thalweg-library-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int count_files(const char *path) {
    DIR *directory = opendir(path);
    int count = 0;
    if (!directory) return 0;
    for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* The only file of the folder. */
static void only_file(char *path, size_t size) {
    DIR *directory = opendir(folder);
    int count = 0;
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, size, "%s/%s", folder, entry->d_name);
        count++;
    }
    closedir(directory);
    ck_assert_int_eq(count, 1);
}

static void write_file(const char *path, const char *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
}

static size_t read_start(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    const size_t count = fread(out, 1, size - 1, file);
    out[count] = '\0';
    fclose(file);
    return count;
}

/* ---- a Thalweg ---- */

static Thalweg *create_with(ThalwegOptions options, const char *text) {
    if (!options.cache_directory) options.cache_directory = folder;
    Thalweg *thalweg = thalweg_create(&options);
    ck_assert_ptr_nonnull(thalweg);
    if (!thalweg_read_text(thalweg, "small.yaml", text, strlen(text), NULL))
        thalweg_print_diagnostics(thalweg, stderr);
    return thalweg;
}

static Thalweg *create(const char *text) {
    return create_with((ThalwegOptions){0}, text);
}

static const char *first_message(const Thalweg *thalweg) {
    return thalweg_diagnostic_count(thalweg) ? thalweg_diagnostic(thalweg, 0).message : "";
}

#define assert_message(thalweg, text)                                                              \
    ck_assert_msg(strstr(first_message(thalweg), (text)) != NULL, "'%s' is not in '%s'", (text),   \
                  first_message(thalweg))

#define assert_works(thalweg, expression)                                                          \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            thalweg_print_diagnostics((thalweg), stderr);                                          \
            ck_abort_msg("%s", #expression);                                                       \
        }                                                                                          \
    } while (0)

/* Logits of the last token, by compiled code. */
static void run(Thalweg *thalweg, float *logits) {
    TwSession *session = NULL;
    assert_works(thalweg, thalweg_program(thalweg));
    assert_works(thalweg, thalweg_weights(thalweg));
    const TwSessionOptions options = {.threads = 1};
    ck_assert_int_eq(
        tw_session_create(thalweg_program(thalweg), thalweg_weights(thalweg), &options, &session),
        TW_OK);
    ck_assert_int_eq(tw_session_prefill(session, tokens, TOKENS), TW_OK);
    memcpy(logits, tw_session_logits(session, 0), VOCAB * sizeof *logits);
    tw_session_destroy(session);
}

/* Whether what runs is what the description says. */
static void assert_right(Thalweg *thalweg) {
    float logits[VOCAB];
    double expected[VOCAB];
    run(thalweg, logits);
    assert_works(thalweg, thalweg_interpret(thalweg, tokens, TOKENS, 0, 1, expected));
    for (int i = 0; i < VOCAB; i++) ck_assert(fabs(expected[i] - (double)logits[i]) < 1e-4);
}

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
    assert_message(thalweg, "Is a directory");
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
    ck_assert_ptr_nonnull(strstr(thalweg_diagnostic(thalweg, 0).hint, "fold-norm"));
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(passes_say_what_they_did) {
    char *text = NULL;
    size_t length = 0;
    FILE *lines = open_memstream(&text, &length);
    Thalweg *thalweg = create_with((ThalwegOptions){.statistics = lines}, model);
    assert_works(thalweg, thalweg_program(thalweg));
    thalweg_destroy(thalweg);
    fclose(lines);
    ck_assert_ptr_nonnull(strstr(text, "fuse-write: "));
    ck_assert_ptr_nonnull(strstr(text, "(prefill)\n"));
    ck_assert_ptr_nonnull(strstr(text, "(decode)\n"));
    free(text);
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

/* ---- the cache ---- */

static ino_t inode_of(const char *path) {
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    return info.st_ino;
}

static void change_byte(const char *path, long offset) {
    FILE *file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, offset, SEEK_SET), 0);
    const int byte = fgetc(file);
    ck_assert_int_eq(fseek(file, offset, SEEK_SET), 0);
    fputc(byte ^ 0x55, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void pack_and_check(void) {
    Thalweg *thalweg = create(model);
    assert_right(thalweg);
    thalweg_destroy(thalweg);
}

START_TEST(weights_are_packed_once) {
    char path[512];
    pack_and_check();
    only_file(path, sizeof path);
    const ino_t first = inode_of(path);
    ck_assert_ptr_nonnull(strstr(path, "/small-"));
    pack_and_check();
    only_file(path, sizeof path);
    ck_assert_uint_eq(inode_of(path), first);

    Thalweg *thalweg = create(other_seed);
    assert_right(thalweg);
    thalweg_destroy(thalweg);
    ck_assert_int_eq(count_files(folder), 2);
}
END_TEST

START_TEST(damaged_weights_are_packed_again) {
    static const long offsets[] = {0, 30, TW_WEIGHTS_DATA, TW_WEIGHTS_DATA + 5000};
    char path[512];
    for (int i = 0; i < 4; i++) {
        pack_and_check();
        only_file(path, sizeof path);
        change_byte(path, offsets[i]);
        pack_and_check();
    }
    ck_assert_int_eq(truncate(path, 5000), 0);
    pack_and_check();
    only_file(path, sizeof path);
}
END_TEST

START_TEST(weights_of_another_source_are_packed_again) {
    char path[512], page[TW_WEIGHTS_DATA + 1];
    WeightsHeader header;
    pack_and_check();
    only_file(path, sizeof path);
    ck_assert_uint_eq(read_start(path, page, sizeof page), TW_WEIGHTS_DATA);
    memcpy(&header, page, sizeof header);
    const uint64_t source = header.source_id++;
    weights_header_seal(&header);
    FILE *file = fopen(path, "r+b");
    ck_assert_uint_eq(fwrite(&header, sizeof header, 1, file), 1);
    fclose(file);
    Thalweg *thalweg = create(model);
    assert_works(thalweg, thalweg_weights(thalweg));
    ck_assert_uint_eq(tw_weights_source_id(thalweg_weights(thalweg)), source);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(the_directory_of_the_cache_is_made) {
    struct stat info;
    char path[256];
    snprintf(path, sizeof path, "%s/a/b", folder);
    Thalweg *thalweg = create_with((ThalwegOptions){.cache_directory = path}, model);
    assert_works(thalweg, thalweg_weights(thalweg));
    thalweg_destroy(thalweg);
    ck_assert_int_eq(count_files(path), 1);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0700);

    write_file(in_folder("file"), "", 0);
    snprintf(path, sizeof path, "%s/file/b", folder);
    thalweg = create_with((ThalwegOptions){.cache_directory = path}, model);
    ck_assert(!thalweg_weights(thalweg));
    ck_assert_ptr_nonnull(thalweg_diagnostic(thalweg, 0).hint);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(the_environment_says_where_the_cache_is) {
    char path[256];
    setenv("HOME", folder, 1);
    unsetenv("XDG_CACHE_HOME");
    Thalweg *thalweg = thalweg_create(NULL);
    assert_works(thalweg, thalweg_read_text(thalweg, "m", model, sizeof model - 1, NULL));
    assert_works(thalweg, thalweg_weights(thalweg));
    thalweg_destroy(thalweg);
    snprintf(path, sizeof path, "%s/.cache/thalweg", folder);
    ck_assert_int_eq(count_files(path), 1);

    setenv("XDG_CACHE_HOME", in_folder("cache"), 1);
    thalweg = thalweg_create(NULL);
    assert_works(thalweg, thalweg_read_text(thalweg, "m", model, sizeof model - 1, NULL));
    assert_works(thalweg, thalweg_weights(thalweg));
    thalweg_destroy(thalweg);
    ck_assert_int_eq(count_files(in_folder("cache/thalweg")), 1);

    unsetenv("HOME");
    setenv("XDG_CACHE_HOME", "not/a/full/path", 1);
    thalweg = thalweg_create(NULL);
    assert_works(thalweg, thalweg_read_text(thalweg, "m", model, sizeof model - 1, NULL));
    ck_assert(!thalweg_weights(thalweg));
    assert_message(thalweg, "XDG_CACHE_HOME");
    ck_assert_ptr_nonnull(thalweg_diagnostic(thalweg, 0).hint);
    thalweg_destroy(thalweg);
}
END_TEST

/* ---- stopping ---- */

/* Stops as soon as so much has been done. */
static bool is_patient(void *context, const char *what, double done) {
    const double *patience = context;
    ck_assert_ptr_nonnull(what);
    ck_assert(done >= 0 && done <= 1);
    return done < *patience;
}

START_TEST(work_that_is_stopped_leaves_no_file) {
    for (int i = 0; i < 2; i++) {
        double patience = i;
        const ThalwegOptions options = {.progress = is_patient, .progress_context = &patience};
        Thalweg *thalweg = create_with(options, model);
        ck_assert(!thalweg_weights(thalweg));
        assert_message(thalweg, "stopped");
        ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 1);
        ck_assert_int_eq(count_files(folder), 0);
        ck_assert(!thalweg_write_code(thalweg, THALWEG_LLVM, in_folder("small.ll")));
        ck_assert_int_eq(count_files(folder), 0);
        patience = 2;
        assert_works(thalweg, thalweg_weights(thalweg));
        assert_works(thalweg, thalweg_program(thalweg));
        thalweg_destroy(thalweg);
        char path[512];
        only_file(path, sizeof path);
        unlink(path);
    }
}
END_TEST

START_TEST(work_that_is_stopped_keeps_the_file_before_it) {
    char start[16];
    double patience = 0;
    const ThalwegOptions options = {.progress = is_patient, .progress_context = &patience};
    write_file(in_folder("kept"), "old", 3);
    Thalweg *thalweg = create_with(options, model);
    ck_assert(!thalweg_write_weights(thalweg, in_folder("kept")));
    thalweg_destroy(thalweg);
    ck_assert_uint_eq(read_start(in_folder("kept"), start, sizeof start), 3);
    ck_assert_int_eq(count_files(folder), 1);
}
END_TEST

/* ---- files ---- */

START_TEST(code_weights_and_header_are_written) {
    char text[4096];
    Thalweg *thalweg = create(model);
    assert_works(thalweg, thalweg_write_code(thalweg, THALWEG_LLVM, in_folder("small.ll")));
    read_start(in_folder("small.ll"), text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "target triple"));
    assert_works(thalweg, thalweg_write_code(thalweg, THALWEG_OBJECT, in_folder("small.o")));
    read_start(in_folder("small.o"), text, sizeof text);
    ck_assert_int_eq(memcmp(text, "\177ELF", 4), 0);
    assert_works(thalweg, thalweg_write_header(thalweg, in_folder("small.h")));
    read_start(in_folder("small.h"), text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "extern const TwProgram thalweg_small;"));
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
    ck_assert(!thalweg_explain(thalweg, false, full));
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
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    Thalweg *thalweg = create(model);
    assert_works(thalweg, thalweg_explain(thalweg, false, out));
    fflush(out);
    for (int i = 0; i < 8; i++)
        ck_assert_msg(strstr(text, expected[i]) != NULL, "'%s' is not in\n%s", expected[i], text);
    ck_assert(!strstr(text, "graph @"));
    assert_works(thalweg, thalweg_explain(thalweg, true, out));
    fclose(out);
    ck_assert_ptr_nonnull(strstr(text, "graph @small"));
    free(text);
    thalweg_destroy(thalweg);
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
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    const ThalwegOptions options = {.passes = "canonicalise"};
    Thalweg *thalweg = thalweg_create(&options);
    assert_works(thalweg, thalweg_optimise_text(thalweg, "g.ir", graph, sizeof graph - 1, out));
    ck_assert(!thalweg_optimise_text(thalweg, "bad.ir", "graph @x\n  nonsense", 19, out));
    fclose(out);
    ck_assert_ptr_nonnull(strstr(text, "graph @twice"));
    ck_assert(!strstr(text, "%6 = multiply"));
    ck_assert_str_eq(thalweg_diagnostic(thalweg, 0).file, "bad.ir");
    ck_assert_int_gt(thalweg_diagnostic(thalweg, 0).line, 0);
    free(text);
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(there_are_lists_of_what_there_is) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    thalweg_print_cpus(out);
    thalweg_print_passes(out);
    thalweg_print_operations(out);
    fclose(out);
    ck_assert_ptr_nonnull(strstr(text, "x86-64-v3"));
    ck_assert_ptr_nonnull(strstr(text, "fold-norm"));
    ck_assert_ptr_nonnull(strstr(text, "softmax"));
    free(text);
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

static TCase *in_a_folder(Suite *suite, const char *name) {
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    return tests;
}

static Suite *library_suite(void) {
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
    TCase *cache = in_a_folder(suite, "cache");
    tcase_add_test(cache, weights_are_packed_once);
    tcase_add_test(cache, damaged_weights_are_packed_again);
    tcase_add_test(cache, weights_of_another_source_are_packed_again);
    tcase_add_test(cache, the_directory_of_the_cache_is_made);
    tcase_add_test(cache, the_environment_says_where_the_cache_is);
    tcase_add_test(cache, work_that_is_stopped_leaves_no_file);
    tcase_add_test(cache, work_that_is_stopped_keeps_the_file_before_it);
    TCase *files = in_a_folder(suite, "files");
    tcase_add_test(files, code_weights_and_header_are_written);
    tcase_add_test(files, what_cannot_be_written_is_a_diagnostic);
    tcase_add_test(files, a_link_keeps_pointing_at_the_file);
    tcase_add_test(files, explain_shows_passes_kernels_and_costs);
    tcase_add_test(files, a_graph_goes_through_the_passes);
    tcase_add_test(files, there_are_lists_of_what_there_is);
    return suite;
}

int main(void) {
    SRunner *runner = srunner_create(library_suite());
    srunner_run_all(runner, CK_ENV);
    const int failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures != 0;
}
