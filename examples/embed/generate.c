/* generate.c - a C program around a compiled model: an object, a header, a file of weights.
 *
 *   mkdir -p build/embed
 *   build/release/thalweg compile examples/shakespeare/model.yaml -o build/embed
 *   cc -I. -Ibuild/embed examples/embed/generate.c build/embed/shakespeare.o \
 *      build/release/libthalweg-runtime.a -fopenmp -lm -o build/embed/generate
 *   build/embed/generate build/embed/shakespeare.weights 'ROMEO:'
 *
 * The program stops with the model's own words for what went wrong: a wrong file of weights, no
 * memory, a text longer than the context.
 */
#include "runtime/runtime.h"
#include "shakespeare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(TwStatus status, const char *what) {
    if (status == TW_OK) return;
    fprintf(stderr, "%s: %s\n", what, tw_status_text(status));
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv) {
    const TwProgram *program = &thalweg_shakespeare;
    if (argc != 3) {
        fprintf(stderr, "usage: %s WEIGHTS PROMPT\n", argv[0]);
        return 2;
    }
    TwWeights *weights;
    TwSession *session;
    TwSampler *sampler;
    need(tw_weights_open(argv[1], program->layout_id, true, &weights), argv[1]);
    need(tw_session_create(program, weights, NULL, &session), "session");
    need(tw_sampler_create(&(TwSampling){.top_p = 1}, program->vocab, &sampler), "sampler");

    const size_t length = strlen(argv[2]);
    int32_t *prompt = calloc(length + 1, sizeof *prompt); /* this model's tokens are bytes */
    if (!prompt) return EXIT_FAILURE;
    for (size_t i = 0; i < length; i++) prompt[i] = (unsigned char)argv[2][i];
    need(tw_session_prefill(session, prompt, (int64_t)length), "prompt");

    while (tw_session_position(session) < program->context) {
        const int32_t token = tw_sampler_draw(sampler, tw_session_logits(session, 0));
        putchar(token);
        need(tw_session_step(session, &token, 1, 1), "step");
    }
    free(prompt);
    tw_sampler_destroy(sampler);
    tw_session_destroy(session);
    tw_weights_close(weights);
    return EXIT_SUCCESS;
}
