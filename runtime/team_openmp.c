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
 */
#include "runtime/team_backend.h"

#define IF_LINKED __attribute__((weak, visibility("default")))
IF_LINKED void GOMP_parallel(void (*region)(void *), void *data, unsigned threads, unsigned flags);
IF_LINKED int omp_get_thread_num(void);
IF_LINKED int omp_get_num_threads(void);

typedef struct {
    TwTask *share;
    void *task;
} Region;

static void run_region(void *data) {
    const Region *region = data;
    region->share(region->task, omp_get_thread_num(), omp_get_num_threads());
}

static void run_parallel(void *context, TwTask *share, void *task, int64_t threads) {
    (void)context;
    Region region = {share, task};
    GOMP_parallel(run_region, &region, (unsigned)threads, 0);
}

static void run_alone(void *context, TwTask *share, void *task, int64_t threads) {
    (void)context, (void)threads;
    share(task, 0, 1);
}

TwRunTeam *tw_team_backend_open(int *threads, void **context) {
    *context = NULL;
    if (GOMP_parallel && omp_get_thread_num && omp_get_num_threads) return run_parallel;
    *threads = 1;
    return run_alone;
}

void tw_team_backend_close(void *context) {
    (void)context;
}
