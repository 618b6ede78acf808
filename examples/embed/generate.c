/* generate.c - a compiled model in a C program: an object, a header, a file of weights. */
#include "shakespeare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The program ends with the model's own words for what went wrong: a wrong file of weights, no
 * memory, a text longer than the context. */
static void need(int error, const char *what) {
    if (!error) return;
    fprintf(stderr, "%s: %s\n", what, shakespeare_error_text(error));
    exit(EXIT_FAILURE);
}

static int32_t most_likely(const float *logits) {
    int32_t best = 0;
    for (int32_t token = 1; token < SHAKESPEARE_VOCAB; token++)
        if (logits[token] > logits[best]) best = token;
    return best;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s WEIGHTS PROMPT\n", argv[0]);
        return 2;
    }
    shakespeare_model *model;
    shakespeare_session *session;
    need(shakespeare_open(argv[1], &model), argv[1]);
    need(shakespeare_session_new(model, NULL, &session), "session");

    int32_t prompt[SHAKESPEARE_CONTEXT];
    const size_t length = strlen(argv[2]); /* this model's tokens are bytes */
    for (size_t i = 0; i < length && i < SHAKESPEARE_CONTEXT; i++) prompt[i] = (uint8_t)argv[2][i];
    need(shakespeare_prefill(session, prompt, (int64_t)length), "prompt");

    while (shakespeare_snapshot(session) < SHAKESPEARE_CONTEXT) {
        const int32_t token = most_likely(shakespeare_logits(session, 0));
        putchar(token);
        need(shakespeare_step(session, token), "step");
    }
    shakespeare_session_free(session);
    shakespeare_close(model);
    return EXIT_SUCCESS;
}
