/* test_examples.c - the trained examples: logits as torch computed them, and the text they write.
 *
 *   test_examples FOLDER ...
 *
 * A folder holds model.yaml and its weights, prompt.txt, logits.npy (float32 [tokens of the prompt,
 * vocab]) and greedy.txt, the bytes that follow when the likeliest is always taken.
 */
#include "frontend/compiler/thalweg.h"
#include "tests/folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX_BYTES = 1 << 20 };

typedef struct {
    unsigned char *bytes;
    size_t count;
} File;

static File read_file(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    File content = {calloc(FILE_MAX_BYTES, 1), 0};
    FILE *file = fopen(path, "rb");
    if (file && content.bytes) content.count = fread(content.bytes, 1, FILE_MAX_BYTES, file);
    if (file) fclose(file);
    if (!content.count) printf("%s cannot be read\n", path);
    return content;
}

/* The numbers of a version 1.0 file of this shape: after its header, at the end. Null: another. */
static const float *npy_rows(const File *npy, int64_t rows, int64_t columns) {
    char shape[64];
    const size_t bytes = (size_t)(rows * columns) * sizeof(float);
    snprintf(shape, sizeof shape, "(%lld, %lld)", (long long)rows, (long long)columns);
    if (npy->count < 10 + bytes || memcmp(npy->bytes, "\x93NUMPY\x01\x00", 8) != 0) return NULL;
    const size_t header = npy->bytes[8] + 256u * npy->bytes[9];
    if (npy->count != 10 + header + bytes) return NULL;
    if (!memmem(npy->bytes + 10, header, shape, strlen(shape))) return NULL;
    if (!memmem(npy->bytes + 10, header, "'<f4'", 5)) return NULL;
    return (const float *)(const void *)(npy->bytes + 10 + header);
}

static bool is_close(const char *what, const float *expected, const float *got, int64_t count) {
    double worst = 0;
    for (int64_t i = 0; i < count; i++) {
        const double off = fabs((double)expected[i] - (double)got[i]);
        if (!(off <= worst)) worst = off;
    }
    printf("  %s: off by %.2g at most\n", what, worst);
    return worst <= 1e-3;
}

typedef struct {
    Thalweg *thalweg;
    TwSession *session;
    int64_t vocab, count;
    int32_t *token;
    float *logits; /* [count, vocab] */
} Example;

static bool check_logits(Example *e, const float *expected) {
    bool ok = tw_session_step(e->session, e->token, e->count, e->count) == TW_OK;
    for (int64_t row = 0; ok && row < e->count; row++)
        memcpy(e->logits + row * e->vocab, tw_session_logits(e->session, row),
               (size_t)e->vocab * sizeof *e->logits);
    ok = ok && is_close("compiled", expected, e->logits, e->count * e->vocab);
    double *exact = calloc((size_t)(e->count * e->vocab), sizeof *exact);
    ok = ok && exact && thalweg_interpret(e->thalweg, e->token, e->count, 0, e->count, exact);
    for (int64_t i = 0; ok && i < e->count * e->vocab; i++) e->logits[i] = (float)exact[i];
    free(exact);
    return ok && is_close("interpreted", expected, e->logits, e->count * e->vocab);
}

static bool check_text(Example *e, const File *greedy) {
    TwSampler *sampler = NULL;
    const TwSampling sampling = {.temperature = 0, .top_p = 1};
    bool ok = tw_sampler_create(&sampling, e->vocab, &sampler) == TW_OK;
    ok = ok && tw_session_rollback(e->session, 0) == TW_OK &&
         tw_session_prefill(e->session, e->token, e->count) == TW_OK;
    size_t same = 0;
    while (ok && same < greedy->count) {
        const int32_t token = tw_sampler_draw(sampler, tw_session_logits(e->session, 0));
        if (token != greedy->bytes[same]) break;
        if (++same < greedy->count) ok = tw_session_step(e->session, &token, 1, 1) == TW_OK;
    }
    tw_sampler_destroy(sampler);
    printf("  text: %zu of %zu bytes as expected\n", same, greedy->count);
    return ok && same == greedy->count;
}

static bool run(Example *e, const File *prompt, const File *npy, const File *greedy) {
    e->vocab = thalweg_model(e->thalweg).vocab;
    e->count = (int64_t)prompt->count;
    e->token = calloc(prompt->count, sizeof *e->token);
    e->logits = calloc(prompt->count * (size_t)e->vocab, sizeof *e->logits);
    const float *expected = npy_rows(npy, e->count, e->vocab);
    if (!e->token || !e->logits || !expected) {
        printf("  logits.npy has not the shape of the prompt\n");
        return false;
    }
    for (size_t i = 0; i < prompt->count; i++) e->token[i] = prompt->bytes[i];
    const TwSessionOptions options = {.threads = 2, .logit_rows = e->count};
    if (tw_session_create(thalweg_program(e->thalweg), thalweg_weights(e->thalweg), &options,
                          &e->session) != TW_OK)
        return false;
    const bool is_right = check_logits(e, expected);
    return check_text(e, greedy) && is_right;
}

static bool check_example(const char *folder, const char *cache) {
    char path[4096];
    printf("%s\n", folder);
    snprintf(path, sizeof path, "%s/model.yaml", folder);
    const ThalwegOptions options = {.cache_directory = cache};
    Example e = {.thalweg = thalweg_create(&options)};
    File prompt = read_file(folder, "prompt.txt"), npy = read_file(folder, "logits.npy"),
         greedy = read_file(folder, "greedy.txt");
    bool ok = e.thalweg && prompt.count && npy.count && greedy.count;
    ok = ok && thalweg_read_file(e.thalweg, path) && thalweg_program(e.thalweg) &&
         thalweg_weights(e.thalweg);
    if (e.thalweg) thalweg_print_diagnostics(e.thalweg, stdout);
    ok = ok && run(&e, &prompt, &npy, &greedy);
    tw_session_destroy(e.session);
    thalweg_destroy(e.thalweg);
    free(e.token);
    free(e.logits);
    free(prompt.bytes);
    free(npy.bytes);
    free(greedy.bytes);
    return ok;
}

int main(int argc, char **argv) {
    char cache[FOLDER_PATH];
    if (!folder_make(cache)) return 2;
    bool ok = true;
    for (int i = 1; i < argc; i++) ok &= check_example(argv[i], cache);
    return !folder_remove(cache) || !ok;
}
