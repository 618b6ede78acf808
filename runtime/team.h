/* team.h - threads that do one piece of work together, again and again.
 *
 * A team is used by one thread at a time, which works along as thread 0; any number of teams may
 * run at once. Its threads come from the caller, or from a back end (team_backend.h).
 */
#ifndef RUNTIME_TEAM_H
#define RUNTIME_TEAM_H

#include "runtime/runtime.h"
#include "runtime/team_size.h"

typedef struct Team Team;

/* 1 to BARRIER_MAX_THREADS threads of the back end; null when memory is out. */
Team *tw_team_create(int threads);
void tw_team_destroy(Team *team);

/* The same in memory of the caller: tw_team_bytes(threads), 64-byte aligned. With `run` null the
 * threads are the back end's. */
size_t tw_team_bytes(int threads);
Team *tw_team_place(void *memory, int threads, TwRunTeam *run, void *context);
void tw_team_close(Team *team); /* of tw_team_place(); the memory is the caller's */

/* At least 1, and less than asked for where there are no more. */
int tw_team_threads(const Team *team);

/* Calls work(context, thread, threads) on every thread and returns when all have. `threads` can be
 * less than the team has, where the system grants no more; the work waits for the others by
 * tw_team_barrier(team, thread). */
void tw_team_run(Team *team, TwTask *work, void *context);

/* The same on as many threads as serve it at the moment, for `units` of work of a kind that is done
 * again and again; size is tw_team_size_of() the team's threads. Threads of the caller all run. */
void tw_team_run_adaptive(Team *team, TeamSize *size, int64_t units, TwTask *work, void *context);

#endif
