/* team_backend.h - where a team's threads come from. team_openmp.c and team_pthread.c both make it;
 * exactly one of them is built. */
#ifndef RUNTIME_TEAM_BACKEND_H
#define RUNTIME_TEAM_BACKEND_H

#include "runtime/runtime.h"

/* What runs a team of so many threads; *threads becomes less where there are no more. Null: memory
 * is out. */
TwRunTeam *tw_team_backend_open(int *threads, void **context);
void tw_team_backend_close(void *context);

#endif
