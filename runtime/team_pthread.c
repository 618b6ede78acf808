/* team_pthread.c - POSIX threads, for tools that do not understand an OpenMP runtime.
 *
 * The threads live as long as the team and wait at a barrier for the next run: all pass it once
 * before the work and once after it. Idle threads sleep there.
 */
#include "runtime/barrier.h"
#include "runtime/team_backend.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

typedef struct Workers Workers;

typedef struct Worker {
    Workers *workers;
    int64_t thread;
    pthread_t handle;
} Worker;

struct Workers {
    int threads;           /* that were started */
    int64_t share_threads; /* the first of them, which run */
    Barrier *barrier;
    pthread_mutex_t starting; /* held until it is known how many threads there are */
    TwTask *share;            /* null: the end */
    void *task;
    Worker worker[]; /* [threads]; the caller is worker 0 and has no handle */
};

static void *run_worker(void *argument) {
    Worker *worker = argument;
    Workers *workers = worker->workers;
    pthread_mutex_lock(&workers->starting);
    const int threads = workers->threads;
    pthread_mutex_unlock(&workers->starting);

    tw_barrier_join(workers->barrier, worker->thread, threads);
    for (;;) {
        tw_barrier_wait(workers->barrier, worker->thread);
        if (!workers->share) return NULL;
        if (worker->thread < workers->share_threads)
            workers->share(workers->task, worker->thread, workers->share_threads);
        tw_barrier_wait(workers->barrier, worker->thread);
    }
}

/* As many as the system gives, with all signals blocked: those are the program's own affair. */
static void start_workers(Workers *workers, int threads) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&workers->starting);
    for (workers->threads = 1; workers->threads < threads; workers->threads++) {
        Worker *worker = &workers->worker[workers->threads];
        worker->workers = workers;
        worker->thread = workers->threads;
        if (pthread_create(&worker->handle, NULL, run_worker, worker) != 0) break;
    }
    pthread_mutex_unlock(&workers->starting);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void run_workers(void *context, TwTask *share, void *task, int64_t threads) {
    Workers *workers = context;
    workers->share_threads = threads < workers->threads ? threads : workers->threads;
    workers->share = share;
    workers->task = task;
    tw_barrier_wait(workers->barrier, 0);
    share(task, 0, workers->share_threads);
    tw_barrier_wait(workers->barrier, 0);
}

TwRunTeam *tw_team_backend_open(int *threads, void **context) {
    Workers *workers = calloc(1, sizeof *workers + (size_t)*threads * sizeof workers->worker[0]);
    if (!workers) return NULL;
    workers->barrier = tw_barrier_create(*threads);
    if (!workers->barrier || pthread_mutex_init(&workers->starting, NULL) != 0) {
        tw_barrier_destroy(workers->barrier);
        free(workers);
        return NULL;
    }
    start_workers(workers, *threads);
    tw_barrier_join(workers->barrier, 0, workers->threads);
    *threads = workers->threads;
    *context = workers;
    return run_workers;
}

void tw_team_backend_close(void *context) {
    Workers *workers = context;
    workers->share = NULL;
    tw_barrier_wait(workers->barrier, 0);
    for (int t = 1; t < workers->threads; t++) pthread_join(workers->worker[t].handle, NULL);
    pthread_mutex_destroy(&workers->starting);
    tw_barrier_destroy(workers->barrier);
    free(workers);
}
