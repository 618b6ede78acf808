/* processors.c - see processors.h. */
#include "runtime/processors.h"

#include <limits.h>
#include <sched.h>
#include <unistd.h>

int tw_processors_available(void) {
    long count = 0;
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
#endif
    /* No mask: another system, or more processors than a cpu_set_t holds. */
    if (count < 1) count = sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1) return 1;
    return count < INT_MAX ? (int)count : INT_MAX;
}
