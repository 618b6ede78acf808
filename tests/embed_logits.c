/* embed_logits.c - the calls of an object file without malloc and with threads of its own: writes
 * the logits of a text's tokens, as floats. Weights are inside of the object (--embed-weights).
 *
 *   embed_logits TEXT prefill|step
 */
#include "shakespeare.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 3 };

/* All that the library may allocate with; from `forbid` on it may not. */
static int is_forbidden;
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static void check(void) {
    if (!is_forbidden) return;
    static const char text[] = "memory was allocated\n";
    fwrite(text, 1, sizeof text - 1, stderr);
    abort();
}

void *malloc(size_t bytes) {
    check();
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    check();
    return __libc_calloc(count, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    check();
    return __libc_memalign(alignment, bytes);
}

/* ---- a team that lives as long as the program ---- */

typedef struct {
    pthread_barrier_t begin, end;
    shakespeare_task *share;
    void *task;
} Team;

typedef struct {
    Team *team;
    int64_t thread;
} Member;

static void *work(void *argument) {
    const Member *member = argument;
    for (;;) {
        pthread_barrier_wait(&member->team->begin);
        if (!member->team->share) return NULL;
        member->team->share(member->team->task, member->thread, THREADS);
        pthread_barrier_wait(&member->team->end);
    }
}

static void run_team(void *context, shakespeare_task *share, void *task, int64_t threads) {
    Team *team = context;
    if (threads != THREADS) abort();
    team->share = share;
    team->task = task;
    pthread_barrier_wait(&team->begin);
    share(task, 0, threads);
    pthread_barrier_wait(&team->end);
}

static void start_team(Team *team, Member *member) {
    pthread_t thread;
    pthread_barrier_init(&team->begin, NULL, THREADS);
    pthread_barrier_init(&team->end, NULL, THREADS);
    for (int i = 1; i < THREADS; i++) {
        member[i] = (Member){team, i};
        if (pthread_create(&thread, NULL, work, &member[i]) != 0) abort();
    }
}

/* They come back, so that nothing is left of them. */
static void end_team(Team *team) {
    team->share = NULL;
    pthread_barrier_wait(&team->begin);
}

static void need(int error) {
    if (!error) return;
    fprintf(stderr, "%s\n", shakespeare_error_text(error));
    exit(EXIT_FAILURE);
}

static void write_logits(const float *logits) {
    fwrite(logits, sizeof *logits, SHAKESPEARE_VOCAB, stdout);
}

static void run(shakespeare_session *session, const int32_t *tokens, int64_t count, int by_step) {
    if (!by_step) need(shakespeare_forward(session, tokens, count, count));
    for (int64_t i = 0; i < count; i++) {
        if (by_step) need(shakespeare_step(session, tokens[i]));
        write_logits(shakespeare_logits(session, by_step ? 0 : i));
    }
}

int main(int argc, char **argv) {
    static char output[1 << 16];
    static Team team;
    static Member member[THREADS];
    if (argc != 3) return 2;
    setvbuf(stdout, output, _IOFBF, sizeof output);
    int32_t tokens[SHAKESPEARE_CONTEXT];
    int64_t count = 0;
    for (const char *c = argv[1]; *c && count < SHAKESPEARE_CONTEXT; c++)
        tokens[count++] = (unsigned char)*c;
    start_team(&team, member);

    shakespeare_options options = {.struct_bytes = sizeof options,
                                   .threads = THREADS,
                                   .logit_rows = SHAKESPEARE_CHUNK,
                                   .run_team = run_team,
                                   .team_context = &team};
    static _Alignas(16) char model_memory[SHAKESPEARE_MODEL_BYTES];
    static char memory[SHAKESPEARE_SESSION_BYTES + (THREADS - 1) * SHAKESPEARE_THREAD_BYTES +
                       (SHAKESPEARE_CHUNK - 1) * SHAKESPEARE_VOCAB * 4];
    shakespeare_model *model;
    shakespeare_session *session;
    is_forbidden = 1;
    need(shakespeare_open_memory(NULL, 0, model_memory, &model));
    const size_t needed = shakespeare_session_bytes(model, &options);
    if (!needed || needed > sizeof memory - 1) return 3;
    memset(memory, 0xff, sizeof memory); /* whatever there was */
    options.memory = memory + 1;         /* of any alignment */
    options.memory_bytes = needed - 1;
    if (shakespeare_session_new(model, &options, &session) != SHAKESPEARE_NO_MEMORY) return 4;
    options.memory_bytes = needed;
    need(shakespeare_session_new(model, &options, &session));
    if (shakespeare_threads(session) != THREADS) return 5;
    run(session, tokens, count, strcmp(argv[2], "step") == 0);
    const int64_t all = shakespeare_snapshot(session);
    need(shakespeare_rollback(session, all / 2));
    shakespeare_reset(session);
    if (shakespeare_snapshot(session) != 0 || shakespeare_logits(session, 0)) return 6;
    shakespeare_session_free(session);
    shakespeare_close(model);
    end_team(&team);
    return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
