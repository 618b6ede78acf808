/* team_openmp.c - a team on OpenMP: each run is one parallel region.
 *
 * The OpenMP runtime keeps the threads of a region for the next one of the same calling thread.
 * Between regions they spin, as OMP_WAIT_POLICY and, for libgomp, GOMP_SPINCOUNT say: by default
 * libgomp spins for some milliseconds when there are no more threads than processors, so a region
 * that follows soon starts in a microsecond or two, then sleeps. OMP_WAIT_POLICY=passive saves
 * those cycles and costs a wake-up (tens of microseconds) at each run. Inside of a region nothing
 * depends on these settings: the barrier is our own.
 */
#include "runtime/abi.h"
#include "runtime/barrier.h"
#include "runtime/team.h"

#include <omp.h>
#include <stdlib.h>

struct Team {
    int threads;
    Barrier *barrier;
};

Team *team_create(int threads) {
    Team *team = calloc(1, sizeof *team);
    if (!team) return NULL;
    team->threads = threads;
    team->barrier = barrier_create(threads);
    if (team->barrier) return team;
    free(team);
    return NULL;
}

void team_destroy(Team *team) {
    if (!team) return;
    barrier_destroy(team->barrier);
    free(team);
}

int team_threads(const Team *team) {
    return team->threads;
}

void team_run(Team *team, void (*work)(void *context, int64_t thread, int64_t threads),
              void *context) {
    if (team->threads == 1) {
        work(context, 0, 1);
        return;
    }
    int granted = team->threads;
#pragma omp parallel num_threads(team->threads)
    {
        int thread = omp_get_thread_num();
        int threads = omp_get_num_threads();
        if (thread == 0) granted = threads;
        barrier_join(team->barrier, thread, threads);
        work(context, thread, threads);
    }
    /* Inside of another region, or under OMP_DYNAMIC or OMP_THREAD_LIMIT, there are fewer: those
     * that were left out have not counted the phases. */
    if (granted < team->threads) barrier_reset(team->barrier);
}

void tw_team_barrier(void *team, int64_t thread) {
    if (team) barrier_wait(((Team *)team)->barrier, thread);
}
