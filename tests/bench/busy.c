/* busy.c - tokens a second of one thread and of all, in turns: a program that embeds a model,
 * linked with OpenMP. MODULE is the object's, as shakespeare_module.
 *
 *   busy WEIGHTS THREADS ROUNDS
 */
#include "runtime/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

extern const TwModule MODULE;

enum { MOST_ROUNDS = 100 };

static void need(TwStatus status) {
    if (status == TW_OK) return;
    fprintf(stderr, "busy: %s\n", tw_status_text(status));
    exit(EXIT_FAILURE);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double tokens_per_second(TwSession *session, int64_t context) {
    const double begun = seconds(), turn = 1;
    int64_t count = 0;
    while (seconds() < begun + turn) {
        if (tw_session_position(session) == context) tw_session_reset(session);
        need(tw_session_decode(session, 1));
        count++;
    }
    return (double)count / (seconds() - begun);
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_size);
    return values[count / 2];
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    const int threads = atoi(argv[2]), rounds = atoi(argv[3]);
    double rate[2][MOST_ROUNDS], ratio[MOST_ROUNDS];
    if (rounds < 1 || rounds > MOST_ROUNDS) return 2;
    TwModel *model;
    TwSession *session[2];
    need(tw_model_open(&MODULE, argv[1], &model));
    for (int i = 0; i < 2; i++) {
        const TwSessionOptions options = {.struct_bytes = sizeof options,
                                          .threads = i ? threads : 1};
        need(tw_model_session(model, &options, &session[i]));
    }
    const int64_t context = tw_model_program(model)->context;
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < 2; i++) rate[i][r] = tokens_per_second(session[i], context);
        ratio[r] = rate[1][r] / rate[0][r];
    }
    printf("1 thread %.1f tokens/s, %d threads %.1f (at the fewest %d), ratio %.2f\n",
           median(rate[0], rounds), tw_session_threads(session[1]), median(rate[1], rounds),
           tw_session_fewest_threads(session[1]), median(ratio, rounds));
    for (int i = 0; i < 2; i++) tw_session_destroy(session[i]);
    tw_model_close(model);
    return EXIT_SUCCESS;
}
