/* use.c - an object and a header that an earlier version wrote, with the runtime of today: every
 * call of version 1.0 works, and the logits are those that the interpreter gave then. */
#include "small-1.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const float expected[] = {
    -0.0928821F, 0.546467F,    0.0146102F, 0.844685F,  -0.565898F, -0.22266F,
    0.75948F,    -0.00128816F, -0.369884F, -0.104779F, 0.170727F,  0.681969F,
    0.358611F,   -0.649155F,   0.340747F,  -0.168857F, -0.880886F, -0.526242F,
    1.40035F,    -0.536442F,   -0.567301F, -0.55777F,  1.05738F,   -0.920433F,
};

static void need(int is_fine, const char *what) {
    if (is_fine) return;
    fprintf(stderr, "use: %s\n", what);
    exit(EXIT_FAILURE);
}

static void check_logits(const float *logits, const char *what) {
    need(logits != NULL, what);
    for (int i = 0; i < SMALL_VOCAB; i++) need(fabsf(logits[i] - expected[i]) < 1e-5F, what);
}

int main(void) {
    static const int32_t tokens[] = {3, 1, 4, 1, 5};
    static _Alignas(64) char memory[SMALL_SESSION_BYTES];
    small_options options = {.struct_bytes = sizeof options,
                             .threads = 1,
                             .memory = memory,
                             .memory_bytes = sizeof memory};
    small_model *model, *other;
    small_session *session, *placed;
    need(small_open(NULL, &model) == SMALL_OK, "open");
    need(small_open("missing", &other) == SMALL_CANNOT_OPEN && !other, "a file that is not there");
    need(small_open_memory(NULL, 0, NULL, &other) == SMALL_OK, "open_memory");
    need(small_session_new(model, NULL, &session) == SMALL_OK, "session_new");
    const size_t bytes = small_session_bytes(other, &options);
    need(bytes && bytes <= sizeof memory, "session_bytes");
    need(small_session_new(other, &options, &placed) == SMALL_OK, "a session in this memory");
    need(small_threads(placed) == 1, "threads");

    need(small_prefill(session, tokens, 5) == SMALL_OK, "prefill");
    check_logits(small_logits(session, 0), "logits of a prefill");
    for (int i = 0; i < 5; i++) need(small_step(placed, tokens[i]) == SMALL_OK, "step");
    check_logits(small_logits(placed, 0), "logits of steps");
    need(small_snapshot(placed) == 5 && small_rollback(placed, 3) == SMALL_OK, "rollback");
    need(small_forward(placed, tokens + 3, 2, 1) == SMALL_OK, "forward");
    check_logits(small_logits(placed, 0), "logits of a forward");
    need(small_step(session, SMALL_VOCAB) == SMALL_BAD_TOKEN, "a token that there is not");
    need(*small_error_text(SMALL_BAD_TOKEN), "error_text");
    small_reset(session);
    need(small_snapshot(session) == 0, "reset");
    small_session_free(session);
    small_session_free(placed);
    small_close(model);
    small_close(other);
    return EXIT_SUCCESS;
}
