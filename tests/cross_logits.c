/* cross_logits.c - a compiled model in an emulator against the interpreter on this machine.
 *
 *   cross_logits WEIGHTS LOGITS.npy BOUND TOKEN,TOKEN,...
 *
 * LOGITS.npy is what `thalweg run --engine interpreter --temperature 0 --logits` wrote: float32
 * [rows, vocab], first those of the tokens, then those of the text that follows. The tokens go in
 * as a prefill, then the interpreter's likeliest token one by one, also where rounding makes
 * another one likelier here. No logit may be off by more than BOUND. Writes the tokens that are
 * likeliest here as bytes. MODULE is the symbol of the compiled model.
 */
#include "runtime/runtime.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const TwModule MODULE;

enum { MOST_TOKENS = 4096 };

static void need(TwStatus status, const char *what) {
    if (status == TW_OK) return;
    fprintf(stderr, "%s: %s\n", what, tw_status_text(status));
    exit(EXIT_FAILURE);
}

static void refuse(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

/* The rows of a file of version 1.0, on a machine that has its byte order. */
static float *read_rows(const char *path, int64_t columns, int64_t *rows) {
    unsigned char start[10];
    FILE *file = fopen(path, "rb");
    if (!file || fread(start, 1, sizeof start, file) != sizeof start ||
        memcmp(start, "\x93NUMPY\x01\x00", 8) != 0)
        refuse("the logits are no .npy of version 1.0");
    const size_t length = start[8] + 256u * start[9];
    char *header = calloc(length + 1, 1);
    if (!header || fread(header, 1, length, file) != length || !strstr(header, "'<f4'"))
        refuse("the logits are no float32");
    const char *shape = strchr(header, '(');
    long long height = 0, width = 0;
    if (!shape || sscanf(shape, "(%lld, %lld)", &height, &width) != 2 || width != columns ||
        height < 1 || height > MOST_TOKENS)
        refuse("the logits have another shape");
    const size_t count = (size_t)(height * width);
    float *values = calloc(count, sizeof *values);
    if (!values || fread(values, sizeof *values, count, file) != count)
        refuse("logits are missing");
    free(header);
    fclose(file);
    *rows = height;
    return values;
}

static int64_t read_tokens(const char *text, int32_t *out) {
    int64_t count = 0;
    for (char *end; *text && count < MOST_TOKENS; text = end + (*end == ',')) {
        out[count++] = (int32_t)strtol(text, &end, 10);
        if (end == text) refuse("the tokens are no numbers");
    }
    return count;
}

/* NaN, too, is worse than any bound. */
static double largest(double worst, const float *expected, const float *got, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const double off = fabs((double)expected[i] - (double)got[i]);
        if (!(off <= worst)) worst = off;
    }
    return worst;
}

int main(int argc, char **argv) {
    static int32_t token[MOST_TOKENS];
    if (argc != 5) refuse("usage: cross_logits WEIGHTS LOGITS.npy BOUND TOKENS");
    int64_t rows;
    TwModel *model;
    need(tw_model_open(&MODULE, argv[1], &model), "weights");
    const int64_t vocab = tw_model_program(model)->vocab;
    float *expected = read_rows(argv[2], vocab, &rows);
    const int64_t count = read_tokens(argv[4], token);
    if (count > rows) refuse("there are more tokens than logits");

    TwSession *session;
    TwSampler *sampler;
    const TwSessionOptions options = {.threads = 2, .logit_rows = count};
    need(tw_model_session(model, &options, &session), "session");
    need(tw_sampler_create(&(TwSampling){.top_p = 1}, vocab, &sampler), "sampler");

    double worst = 0;
    need(tw_session_step(session, token, count, count), "prefill");
    for (int64_t row = 0; row < count; row++)
        worst = largest(worst, expected + row * vocab, tw_session_logits(session, row), vocab);
    for (int64_t row = count; row <= rows; row++) {
        const int64_t last = row == count ? count - 1 : 0;
        putchar(tw_sampler_draw(sampler, tw_session_logits(session, last)));
        if (row == rows) break;
        const int32_t next = tw_sampler_draw(sampler, expected + (row - 1) * vocab);
        need(tw_session_step(session, &next, 1, 1), "step");
        worst = largest(worst, expected + row * vocab, tw_session_logits(session, 0), vocab);
    }
    fprintf(stderr, "%s: %lld rows of logits, off by %.2g at most\n", MODULE.name, (long long)rows,
            worst);
    tw_sampler_destroy(sampler);
    tw_session_destroy(session);
    tw_model_close(model);
    free(expected);
    return worst <= atof(argv[3]) ? EXIT_SUCCESS : EXIT_FAILURE;
}
