/* processors.h - how many processors this process may run on. */
#ifndef RUNTIME_PROCESSORS_H
#define RUNTIME_PROCESSORS_H

/* At least 1. Respects the affinity mask, so that `taskset` and containers are heard. */
int tw_processors_available(void);

#endif
