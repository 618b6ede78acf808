/* team.c - see team.h. */
#include "runtime/team.h"

#include "runtime/barrier.h"
#include "runtime/nanoseconds.h"
#include "runtime/team_backend.h"

#include <stdlib.h>

struct Team {
    int threads, granted; /* asked for; of the last run */
    bool has_backend;     /* the threads are its */
    int64_t worked;       /* nanoseconds that thread 0 did not wait in the last run */
    TwRunTeam *run;
    void *run_context;
    Barrier *barrier;
    TwTask *work;
    void *context;
};

enum { LINE = 64 };

static size_t round_to_line(size_t bytes) {
    return (bytes + LINE - 1) / LINE * LINE;
}

size_t tw_team_bytes(int threads) {
    return round_to_line(sizeof(Team)) + tw_barrier_bytes(threads);
}

Team *tw_team_place(void *memory, int threads, TwRunTeam *run, void *context) {
    Team *team = memory;
    if (threads < 1 || threads > BARRIER_MAX_THREADS) return NULL;
    *team = (Team){.threads = threads, .run = run, .run_context = context};
    if (!run) {
        team->run = tw_team_backend_open(&team->threads, &team->run_context);
        team->has_backend = true;
    }
    if (!team->run) return NULL;
    team->barrier = tw_barrier_place((char *)memory + round_to_line(sizeof(Team)), team->threads);
    return team;
}

void tw_team_close(Team *team) {
    if (team && team->has_backend) tw_team_backend_close(team->run_context);
}

Team *tw_team_create(int threads) {
    if (threads < 1 || threads > BARRIER_MAX_THREADS) return NULL;
    void *memory = aligned_alloc(LINE, tw_team_bytes(threads));
    Team *team = memory ? tw_team_place(memory, threads, NULL, NULL) : NULL;
    if (!team) free(memory);
    return team;
}

void tw_team_destroy(Team *team) {
    tw_team_close(team);
    free(team);
}

int tw_team_threads(const Team *team) {
    return team->threads;
}

static void work_along(void *task, int64_t thread, int64_t threads) {
    Team *team = task;
    tw_barrier_join(team->barrier, thread, threads);
    if (thread != 0) {
        team->work(team->context, thread, threads);
        return;
    }
    team->granted = (int)threads;
    const int64_t begin = tw_nanoseconds();
    team->work(team->context, 0, threads);
    team->worked = tw_nanoseconds() - begin - tw_barrier_waited(team->barrier, 0);
}

static void run_with(Team *team, int threads, TwTask *work, void *context) {
    team->granted = threads;
    if (threads == 1) {
        tw_barrier_join(team->barrier, 0, 1);
        work(context, 0, 1);
    } else {
        team->work = work;
        team->context = context;
        team->run(team->run_context, work_along, team, threads);
        /* Threads that were left out have not counted the phases. */
        if (team->granted < team->threads) tw_barrier_reset(team->barrier);
    }
}

void tw_team_run(Team *team, TwTask *work, void *context) {
    run_with(team, team->threads, work, context);
}

/* What is no work of thread 0 is waiting: for the others, but also for the region to begin and to
 * end, for which the back end may need threads that do not run. */
void tw_team_run_adaptive(Team *team, TeamSize *size, int64_t units, TwTask *work, void *context) {
    if (team->threads == 1 || !team->has_backend) {
        tw_team_run(team, work, context);
        return;
    }
    const int64_t begin = tw_nanoseconds();
    const int threads = tw_team_size_choose(size, begin);
    run_with(team, threads, work, context);
    const int64_t end = tw_nanoseconds(), wall = end - begin;
    tw_team_size_note(size, end, wall, threads > 1 ? wall - team->worked : 0, units);
}

void tw_team_barrier(void *team, int64_t thread) {
    if (team) tw_barrier_wait(((Team *)team)->barrier, thread);
}
