/* team_openmp.c - threads of OpenMP, where the program is linked with it, and else none.
 *
 * The library asks for nothing: that the program links OpenMP (-fopenmp) is seen by its functions
 * being there. They are called as compilers call them for `#pragma omp parallel`, by the interface
 * that GCC's and LLVM's runtimes share, so that no compiler puts a strong reference here. Each run
 * is one parallel region.
 *
 * The OpenMP runtime keeps the threads of a region for the next one of the same calling thread.
 * Between regions they spin, as OMP_WAIT_POLICY and, for libgomp, GOMP_SPINCOUNT say: by default
 * libgomp spins for some milliseconds when there are no more threads than processors, so a region
 * that follows soon starts in a microsecond or two, then sleeps. OMP_WAIT_POLICY=passive saves
 * those cycles and costs a wake-up (tens of microseconds) at each run. Inside of a region nothing
 * depends on these settings: the barrier is our own. Inside of another region, or under OMP_DYNAMIC
 * or OMP_THREAD_LIMIT, there are fewer threads.
 *
 * An OpenMP runtime that cannot make a thread ends the process. So threads that it is going to make
 * are made here before, all at once, and end again; where that fails there are fewer.
 */
#include "runtime/team_backend.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

#pragma weak pthread_create
#pragma weak pthread_join

#define IF_LINKED __attribute__((weak, visibility("default")))
IF_LINKED void GOMP_parallel(void (*region)(void *), void *data, unsigned threads, unsigned flags);
IF_LINKED int omp_get_thread_num(void);
IF_LINKED int omp_get_num_threads(void);
IF_LINKED int omp_get_active_level(void);
IF_LINKED int omp_get_max_active_levels(void);

/* ---- can threads be made? ---- */

enum { MOST_PROBES = 255, MOST_LOOKS = 1000 };

typedef struct {
    pthread_t handle;
    pthread_mutex_t *made; /* held until all are */
    long id;
} Probe;

static void *wait_for_all(void *argument) {
    Probe *probe = argument;
#ifdef __linux__
    probe->id = syscall(SYS_gettid);
#endif
    pthread_mutex_lock(probe->made);
    pthread_mutex_unlock(probe->made);
    return NULL;
}

/* The kernel counts a thread for a moment longer than it runs. */
static void wait_for_end(const Probe *probe) {
    pthread_join(probe->handle, NULL);
#ifdef __linux__
    for (int i = 0; i < MOST_LOOKS && syscall(SYS_tgkill, getpid(), probe->id, 0) == 0; i++)
        sched_yield();
#endif
}

/* How many of `threads`, the calling one among them, there can be at once. Signals are the
 * program's own affair, and blocked. */
static int probe_threads(int threads) {
    Probe probe[MOST_PROBES];
    pthread_mutex_t made = PTHREAD_MUTEX_INITIALIZER;
    sigset_t all, before;
    int count = 0;
    if (!pthread_create || !pthread_join) return threads;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&made);
    for (; count < threads - 1 && count < MOST_PROBES; count++) {
        probe[count].made = &made;
        if (pthread_create(&probe[count].handle, NULL, wait_for_all, &probe[count]) != 0) break;
    }
    pthread_mutex_unlock(&made);
    for (int i = 0; i < count; i++) wait_for_end(&probe[i]);
    pthread_mutex_destroy(&made);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return count + 1;
}

/* Threads of this thread's last region, which the OpenMP runtime keeps for its next one. */
static _Thread_local int kept = 1;

static int threads_to_be_had(int threads) {
    return threads > kept ? probe_threads(threads) : threads;
}

/* In a region of somebody's, where another one would have no threads. */
static bool is_inside(void) {
    return omp_get_active_level && omp_get_max_active_levels &&
           omp_get_active_level() >= omp_get_max_active_levels();
}

/* ---- running ---- */

typedef struct {
    TwTask *share;
    void *task;
} Region;

static void run_region(void *data) {
    const Region *region = data;
    region->share(region->task, omp_get_thread_num(), omp_get_num_threads());
}

static void run_alone(void *context, TwTask *share, void *task, int64_t threads) {
    (void)context, (void)threads;
    share(task, 0, 1);
}

static void run_parallel(void *context, TwTask *share, void *task, int64_t threads) {
    const int count = is_inside() ? 1 : threads_to_be_had((int)threads);
    if (count == 1) {
        run_alone(context, share, task, 1);
        return;
    }
    Region region = {share, task};
    kept = count;
    GOMP_parallel(run_region, &region, (unsigned)count, 0);
}

TwRunTeam *tw_team_backend_open(int *threads, void **context) {
    *context = NULL;
    if (!GOMP_parallel || !omp_get_thread_num || !omp_get_num_threads) *threads = 1;
    if (!is_inside()) *threads = threads_to_be_had(*threads);
    return *threads > 1 ? run_parallel : run_alone;
}

void tw_team_backend_close(void *context) {
    (void)context;
}
