/* processors.c - see processors.h. */
#include "runtime/processors.h"

#include "runtime/cpu_quota.h"

#include <limits.h>
#include <sched.h>
#include <unistd.h>

#define IF_LINKED __attribute__((weak, visibility("default")))
IF_LINKED int omp_get_num_places(void);
IF_LINKED int omp_get_num_procs(void);

static long count_in_mask(void) {
    long count = 0;
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
#endif
    /* No mask: another system, or more processors than a cpu_set_t holds. */
    return count < 1 ? sysconf(_SC_NPROCESSORS_ONLN) : count;
}

/* Where OpenMP has places (OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY) it binds the first thread
 * to one of them before main(), and knows what the process has. */
static long count_in_places(void) {
    if (!omp_get_num_places || !omp_get_num_procs) return 0;
    return omp_get_num_places() > 0 ? omp_get_num_procs() : 0;
}

int tw_processors_available(void) {
    const long in_mask = count_in_mask(), in_places = count_in_places();
    const long count = in_places > in_mask ? in_places : in_mask;
    const int quota = tw_cpu_quota("/proc/self", "");
    if (count < 1) return 1;
    return count < quota ? (int)count : quota;
}
