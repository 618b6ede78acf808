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

/* Each field of the options has its say, in memory of the caller. */
static void draw(shakespeare_model *model) {
    static char memory[1 << 16];
    static float logits[SHAKESPEARE_VOCAB];
    const shakespeare_logit_bias biases[] = {{1, -100}, {2, 1}};
    const int32_t twice[] = {2, 2};
    shakespeare_sampler_options options = {.struct_bytes = sizeof options,
                                           .temperature = 0.5F,
                                           .top_p = 0.999F,
                                           .top_k = 200,
                                           .seed = 7,
                                           .min_p = 0.5F,
                                           .repeat_penalty = 1.25F,
                                           .frequency_penalty = 1,
                                           .presence_penalty = 0.5F,
                                           .repeat_window = 2,
                                           .biases = biases,
                                           .bias_count = 2,
                                           .memory = memory + 1,
                                           .memory_bytes = sizeof memory - 1};
    shakespeare_sampler *sampler;
    logits[1] = 50;
    logits[2] = 9;
    logits[3] = 6;
    need(shakespeare_sampler_new(model, &options, &sampler));
    if (shakespeare_sampler_draw(sampler, logits) != 2) abort();
    need(shakespeare_sampler_accept(sampler, twice, 2));         /* 10 / 1.25 - 2.5 is 5.5 */
    if (shakespeare_sampler_draw(sampler, logits) != 3) abort(); /* exp(-0.5 / 0.5) is below 0.5 */
    need(shakespeare_sampler_accept(sampler, (const int32_t[]){5, 6}, 2));
    if (shakespeare_sampler_draw(sampler, logits) != 2) abort();
    if (shakespeare_sampler_draw(sampler, NULL) != -1) abort();
    shakespeare_sampler_free(sampler);
    options.memory_bytes = shakespeare_sampler_bytes(model, &options) - 1;
    if (shakespeare_sampler_new(model, &options, &sampler) != SHAKESPEARE_NO_MEMORY) abort();
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
    draw(model);
    shakespeare_close(model);
    end_team(&team);
    return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
