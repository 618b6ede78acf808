/* team_size.h - how many of its threads a team runs with, where others want the processors too.
 *
 * A thread that waits for one that has no processor loses a time slice at each barrier. Work is
 * divided evenly, so a run in which thread 0 waits for more than half of the time would end as soon
 * with half of the threads. A team that finds itself there halves itself, and doubles again later:
 * when so much time has gone by that a failure costs a twentieth of it. The numbers come from the
 * caller; nothing here looks at a clock.
 */
#ifndef RUNTIME_TEAM_SIZE_H
#define RUNTIME_TEAM_SIZE_H

#include <stdint.h>

typedef struct TeamSize {
    int most, now;        /* threads that there are, and that run */
    int64_t wall, waited; /* nanoseconds of the runs since the last decision */
    int64_t next_try;     /* on the caller's clock: when more threads are tried */
} TeamSize;

TeamSize tw_team_size_of(int most);

/* Threads for a run that begins at `clock`, a time in nanoseconds that never goes back. */
int tw_team_size_choose(TeamSize *size, int64_t clock);

/* Such a run ended at `clock`, `wall` nanoseconds later; thread 0 waited for `waited` of these. */
void tw_team_size_note(TeamSize *size, int64_t clock, int64_t wall, int64_t waited);

#endif
