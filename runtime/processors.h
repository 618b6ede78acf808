/* processors.h - how many processors this process may use. */
#ifndef RUNTIME_PROCESSORS_H
#define RUNTIME_PROCESSORS_H

/* At least 1. Respects the affinity mask (`taskset`, cpusets), the places of OpenMP, and the quota
 * of control groups, so that containers are heard. Reads files of /proc. */
int tw_processors_available(void);

#endif
