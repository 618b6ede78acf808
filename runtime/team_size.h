/* team_size.h - how many of its threads a team runs with, where others want the processors too.
 *
 * A thread that waits for one that has no processor loses a time slice at each barrier. Where work
 * is divided evenly, a run in which thread 0 waits for more than half of the time would end as soon
 * with half of the threads. A team that finds itself there tries half, a quarter, ... one, and goes
 * on with what was fastest: work that cannot be divided makes threads wait, too. It doubles again
 * later. How long it is until the next attempt at either follows from what the last one took, so
 * that attempts that fail take at most a twentieth of the time. The numbers come from the caller;
 * nothing here looks at a clock.
 */
#ifndef RUNTIME_TEAM_SIZE_H
#define RUNTIME_TEAM_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* For runs that do the same kind of work. All times are in nanoseconds. */
typedef struct TeamSize {
    int most, now;               /* threads that there are, and that run */
    int fewest;                  /* that were ever gone on with */
    int64_t wall, waited, units; /* of the runs since the last decision */
    int disturbed;    /* windows on end in which thread 0 waited for more than half of the time */
    int before, best; /* threads before a trial of fewer, and the best in it; 0: no trial */
    double unit_before, unit_best; /* time for a unit of work */
    int64_t took;                  /* the trial's time */
    int64_t next_more;             /* on the caller's clock: when more threads are tried */
    int64_t next_fewer;            /* and, after a trial that was of no use, fewer */
    int64_t patience;              /* times what such a trial took */
} TeamSize;

TeamSize tw_team_size_of(int most);

/* Threads for a run that begins at `clock`, a time that never goes back. */
int tw_team_size_choose(TeamSize *size, int64_t clock);

/* Such a run ended at `clock`, `wall` later, and did so many units of work; thread 0 waited for
 * `waited` of that time. */
void tw_team_size_note(TeamSize *size, int64_t clock, int64_t wall, int64_t waited, int64_t units);

#endif
