/* team_pthread.c - a team on POSIX threads, for tools that do not understand an OpenMP runtime.
 *
 * The threads live as long as the team and wait at its barrier for the next run: all pass it once
 * before the work and once after it. Idle threads sleep there.
 */
#include "runtime/abi.h"
#include "runtime/barrier.h"
#include "runtime/team.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

typedef struct Worker {
    Team *team;
    int64_t thread;
    pthread_t handle;
} Worker;

struct Team {
    int threads;
    Barrier *barrier;
    pthread_mutex_t starting; /* held until it is known how many threads there are */
    void (*work)(void *context, int64_t thread, int64_t threads); /* null: the end */
    void *context;
    Worker worker[]; /* [threads]; the caller is worker 0 and has no handle */
};

static void *run_worker(void *argument) {
    Worker *worker = argument;
    Team *team = worker->team;
    pthread_mutex_lock(&team->starting);
    int threads = team->threads;
    pthread_mutex_unlock(&team->starting);

    barrier_join(team->barrier, worker->thread, threads);
    for (;;) {
        barrier_wait(team->barrier, worker->thread);
        if (!team->work) return NULL;
        team->work(team->context, worker->thread, threads);
        barrier_wait(team->barrier, worker->thread);
    }
}

/* As many as the system gives, with all signals blocked: those are the program's own affair. */
static void start_workers(Team *team, int threads) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&team->starting);
    for (team->threads = 1; team->threads < threads; team->threads++) {
        Worker *worker = &team->worker[team->threads];
        worker->team = team;
        worker->thread = team->threads;
        if (pthread_create(&worker->handle, NULL, run_worker, worker) != 0) break;
    }
    pthread_mutex_unlock(&team->starting);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

Team *team_create(int threads) {
    if (threads < 1 || threads > BARRIER_MAX_THREADS) return NULL;
    Team *team = calloc(1, sizeof *team + (size_t)threads * sizeof team->worker[0]);
    if (!team) return NULL;
    team->barrier = barrier_create(threads);
    if (!team->barrier || pthread_mutex_init(&team->starting, NULL) != 0) {
        barrier_destroy(team->barrier);
        free(team);
        return NULL;
    }
    start_workers(team, threads);
    barrier_join(team->barrier, 0, team->threads);
    return team;
}

void team_destroy(Team *team) {
    if (!team) return;
    team->work = NULL;
    barrier_wait(team->barrier, 0);
    for (int t = 1; t < team->threads; t++) pthread_join(team->worker[t].handle, NULL);
    pthread_mutex_destroy(&team->starting);
    barrier_destroy(team->barrier);
    free(team);
}

int team_threads(const Team *team) {
    return team->threads;
}

void team_run(Team *team, void (*work)(void *context, int64_t thread, int64_t threads),
              void *context) {
    team->work = work;
    team->context = context;
    barrier_wait(team->barrier, 0);
    work(context, 0, team->threads);
    barrier_wait(team->barrier, 0);
}

void tw_team_barrier(void *team, int64_t thread) {
    if (team) barrier_wait(((Team *)team)->barrier, thread);
}
