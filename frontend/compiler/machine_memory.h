/* machine_memory.h - how much memory a process can still have. */
#ifndef FRONTEND_MACHINE_MEMORY_H
#define FRONTEND_MACHINE_MEMORY_H

#include <stdint.h>

typedef struct {
    int64_t bytes;     /* INT64_MAX: nothing says how much */
    const char *limit; /* what says so, as in "there are 2 GB in this machine" */
} MachineMemory;

/* The least of what the machine has left (MemAvailable), what the control groups of a process leave
 * it, and what its address space may still grow by (RLIMIT_AS). Pages of files that can be dropped
 * count as free. `self` is the folder of this process, as "/proc/self", which lies beside meminfo;
 * `root` goes before the mount points that its mountinfo names. */
MachineMemory machine_memory(const char *self, const char *root);

#endif
