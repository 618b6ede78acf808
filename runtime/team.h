/* team.h - threads that do one piece of work together, again and again.
 *
 * team_openmp.c and team_pthread.c both make it; exactly one of them is built. A team is used by
 * one thread at a time, which works along as thread 0; any number of teams may run at once.
 */
#ifndef RUNTIME_TEAM_H
#define RUNTIME_TEAM_H

#include <stdint.h>

typedef struct Team Team;

/* 1 to BARRIER_MAX_THREADS threads; null when memory is out. */
Team *team_create(int threads);
void team_destroy(Team *team);
int team_threads(const Team *team);

/* Calls work(context, thread, threads) on every thread and returns when all have. `threads` can be
 * less than the team has, where the system grants no more; the work waits for the others by
 * tw_team_barrier(team, thread). */
void team_run(Team *team, void (*work)(void *context, int64_t thread, int64_t threads),
              void *context);

#endif
