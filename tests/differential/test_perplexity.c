/* test_perplexity.c - what rounding weights costs, on text that the model has not seen.
 *
 *   test_perplexity FOLDER
 *
 * The folder holds model.yaml and its weights, for tokens that are bytes, and held-out.txt.
 */
#include "frontend/compiler/thalweg.h"
#include "tests/folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 16 };

typedef struct {
    unsigned char bytes[MOST_BYTES];
    int64_t count;
} Text;

static bool read_text(const char *folder, Text *text) {
    char path[4096];
    snprintf(path, sizeof path, "%s/held-out.txt", folder);
    FILE *file = fopen(path, "rb");
    if (file) text->count = (int64_t)fread(text->bytes, 1, MOST_BYTES, file);
    if (file) fclose(file);
    if (text->count < 1000) printf("%s has less than 1000 bytes\n", path);
    return text->count >= 1000;
}

/* -log p of the token, by the logits of the one before it. */
static double surprise(const float *logits, int64_t vocab, int32_t token) {
    double most = (double)logits[0], sum = 0;
    for (int64_t i = 1; i < vocab; i++) most = fmax(most, (double)logits[i]);
    for (int64_t i = 0; i < vocab; i++) sum += exp((double)logits[i] - most);
    return log(sum) + most - (double)logits[token];
}

/* Nats a byte, over windows of the context that follow each other. */
static bool measure(Thalweg *thalweg, const Text *text, double *nats) {
    const ThalwegModel model = thalweg_model(thalweg);
    TwSession *session = NULL;
    const TwSessionOptions options = {.threads = 2, .logit_rows = model.context};
    if (tw_session_create(thalweg_program(thalweg), thalweg_weights(thalweg), &options, &session) !=
        TW_OK)
        return false;
    int32_t *token = calloc((size_t)model.context, sizeof *token);
    double sum = 0;
    int64_t counted = 0;
    bool ok = token != NULL;
    for (int64_t at = 0; ok && at + 1 < text->count; at += model.context) {
        const int64_t left = text->count - at;
        const int64_t count = left < model.context ? left : model.context;
        for (int64_t i = 0; i < count; i++) token[i] = text->bytes[at + i];
        ok = tw_session_rollback(session, 0) == TW_OK &&
             tw_session_step(session, token, count, count) == TW_OK;
        for (int64_t i = 1; ok && i < count; i++, counted++)
            sum += surprise(tw_session_logits(session, i - 1), model.vocab, token[i]);
    }
    *nats = sum / (double)counted;
    free(token);
    tw_session_destroy(session);
    return ok;
}

static bool measure_type(const char *folder, const char *cache, const char *type, const Text *text,
                         double *nats) {
    char path[4096];
    snprintf(path, sizeof path, "%s/model.yaml", folder);
    const ThalwegOptions options = {.cache_directory = cache, .weights_type = type};
    Thalweg *thalweg = thalweg_create(&options);
    const bool ok = thalweg && thalweg_read_file(thalweg, path) && thalweg_program(thalweg) &&
                    thalweg_weights(thalweg) && measure(thalweg, text, nats);
    if (thalweg) thalweg_print_diagnostics(thalweg, stdout);
    thalweg_destroy(thalweg);
    return ok;
}

static bool compare_types(const char *folder, const char *cache, const Text *text) {
    static const struct {
        const char *type;
        double most; /* perplexity, as a multiple of that of f32 */
    } types[] = {{"f32", 1}, {"bf16", 1.001}, {"q8", 1.005}, {"q4", 1.05}};
    double exact = 0;
    bool ok = true;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        double nats = 0;
        if (!measure_type(folder, cache, types[i].type, text, &nats)) return false;
        if (i == 0) exact = nats;
        const double ratio = exp(nats - exact);
        printf("%-4s %.5f nats a byte, %.5f of the perplexity of f32\n", types[i].type, nats,
               ratio);
        ok &= ratio <= types[i].most;
    }
    return ok;
}

int main(int argc, char **argv) {
    char cache[FOLDER_PATH];
    Text *text = calloc(1, sizeof *text);
    if (argc != 2 || !text || !folder_make(cache)) return 2;
    const bool ok = read_text(argv[1], text) && compare_types(argv[1], cache, text);
    free(text);
    return !folder_remove(cache) || !ok;
}
