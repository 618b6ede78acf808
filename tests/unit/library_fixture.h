/* library_fixture.h - a small model, a folder for each test, and what is asked of both. */
#ifndef LIBRARY_FIXTURE_H
#define LIBRARY_FIXTURE_H

#include "frontend/compiler/thalweg.h"
#include "tests/check.h"
#include "tests/folder.h"

#include <dirent.h>
#include <math.h>
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

enum { VOCAB = 40, TOKENS = 5 };
static const int32_t tokens[TOKENS] = {3, 1, 4, 1, 5};

/* ---- a folder of its own for each test ---- */

static char folder[FOLDER_PATH];

static inline void make_folder(void) {
    ck_assert(folder_make(folder));
}

static inline void remove_folder(void) {
    ck_assert(folder_remove(folder));
}

static inline const char *in_folder(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* Not what the shell hides, nor stamps, which come to files that are some seconds old. */
static inline bool is_counted(const char *name) {
    return name[0] != '.' && !strstr(name, ".checked");
}

static inline int count_files(const char *path) {
    DIR *directory = opendir(path);
    int count = 0;
    if (!directory) return 0;
    for (struct dirent *entry; (entry = readdir(directory));) count += is_counted(entry->d_name);
    closedir(directory);
    return count;
}

/* The only file of the folder. */
static inline void only_file(char *path, size_t size) {
    DIR *directory = opendir(folder);
    int count = 0;
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (!is_counted(entry->d_name)) continue;
        snprintf(path, size, "%s/%s", folder, entry->d_name);
        count++;
    }
    closedir(directory);
    ck_assert_int_eq(count, 1);
}

static inline void write_file(const char *path, const char *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
}

static inline size_t read_start(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    const size_t count = fread(out, 1, size - 1, file);
    out[count] = '\0';
    fclose(file);
    return count;
}

/* ---- a Thalweg ---- */

static inline Thalweg *create_with_code_cache(ThalwegOptions options, const char *text) {
    if (!options.cache_directory) options.cache_directory = folder;
    Thalweg *thalweg = thalweg_create(&options);
    ck_assert_ptr_nonnull(thalweg);
    if (!thalweg_read_text(thalweg, "small.yaml", text, strlen(text), NULL))
        thalweg_print_diagnostics(thalweg, stderr);
    return thalweg;
}

/* Of code nothing is kept, so that files in the folder are those of the tests. */
static inline Thalweg *create_with(ThalwegOptions options, const char *text) {
    options.no_code_cache = true;
    return create_with_code_cache(options, text);
}

static inline Thalweg *create(const char *text) {
    return create_with((ThalwegOptions){0}, text);
}

static inline const char *first_message(const Thalweg *thalweg) {
    return thalweg_diagnostic_count(thalweg) ? thalweg_diagnostic(thalweg, 0).message : "";
}

#define assert_message(thalweg, text) assert_says(first_message(thalweg), text)

#define assert_works(thalweg, expression)                                                          \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            thalweg_print_diagnostics((thalweg), stderr);                                          \
            ck_abort_msg("%s", #expression);                                                       \
        }                                                                                          \
    } while (0)

/* Logits of the last token, by compiled code. */
static inline void run(Thalweg *thalweg, float *logits) {
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
static inline void assert_right(Thalweg *thalweg) {
    float logits[VOCAB];
    double expected[VOCAB];
    run(thalweg, logits);
    assert_works(thalweg, thalweg_interpret(thalweg, tokens, TOKENS, 0, 1, expected));
    for (int i = 0; i < VOCAB; i++) ck_assert(fabs(expected[i] - (double)logits[i]) < 1e-4);
}

static inline TCase *in_a_folder(Suite *suite, const char *name) {
    return suite_case(suite, name, make_folder, remove_folder);
}

#endif
