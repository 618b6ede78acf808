/* machine_memory.c - reads /proc/meminfo, the limits of control groups, and those of the process.
 *
 *   version 2   memory.max, "max" for none, memory.current; in memory.stat inactive_file and
 *               active_file, the pages of files
 *   version 1   memory.limit_in_bytes, memory.usage_in_bytes; in memory.stat the same with "total_"
 */
#include "frontend/compiler/machine_memory.h"

#include "runtime/control_groups.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void take(MachineMemory *least, int64_t bytes, const char *limit) {
    if (bytes < least->bytes) *least = (MachineMemory){bytes > 0 ? bytes : 0, limit};
}

/* ---- the machine ---- */

static void take_machine(MachineMemory *least, const char *self) {
    char path[1024], line[128];
    int64_t kilobytes;
    const int length = snprintf(path, sizeof path, "%s/../meminfo", self);
    FILE *file = length > 0 && length < (int)sizeof path ? fopen(path, "re") : NULL;
    if (!file) return;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %" SCNd64 " kB", &kilobytes) == 1 && kilobytes >= 0 &&
            kilobytes <= INT64_MAX / 1024)
            take(least, kilobytes * 1024, "in this machine");
    fclose(file);
}

/* ---- control groups ---- */

/* The files of a version. */
typedef struct {
    const char *most, *used, *inactive, *active;
} GroupFiles;

static const GroupFiles version_1 = {"memory.limit_in_bytes", "memory.usage_in_bytes",
                                     "total_inactive_file", "total_active_file"};
static const GroupFiles version_2 = {"memory.max", "memory.current", "inactive_file",
                                     "active_file"};

/* -1: it is not there, or no number. */
static int64_t read_number(const char *folder, const char *name) {
    char line[64];
    return tw_group_line(folder, name, line, sizeof line) ? tw_group_number(line) : -1;
}

static int64_t pages_of(const char *folder, const char *word) {
    const int64_t bytes = tw_group_entry(folder, "memory.stat", word);
    return bytes > 0 ? bytes : 0;
}

static void take_group(void *context, const char *folder, bool is_version_2) {
    const GroupFiles *files = is_version_2 ? &version_2 : &version_1;
    const int64_t most = read_number(folder, files->most), used = read_number(folder, files->used);
    if (most < 0 || used < 0) return;
    int64_t dropped = pages_of(folder, files->inactive) + pages_of(folder, files->active);
    if (dropped > used) dropped = used;
    take(context, most - (used - dropped), "in its control group");
}

/* ---- the process ---- */

static void take_address_space(MachineMemory *least, const char *self) {
    struct rlimit limit;
    char path[1024];
    int64_t pages;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur > INT64_MAX) return;
    const int length = snprintf(path, sizeof path, "%s/statm", self);
    FILE *file = length > 0 && length < (int)sizeof path ? fopen(path, "re") : NULL;
    if (!file) return;
    if (fscanf(file, "%" SCNd64, &pages) == 1 && pages >= 0 && pages <= INT64_MAX >> 20)
        take(least, (int64_t)limit.rlim_cur - pages * sysconf(_SC_PAGESIZE),
             "below the limit of addresses (ulimit -v)");
    fclose(file);
}

MachineMemory machine_memory(const char *self, const char *root) {
    MachineMemory least = {INT64_MAX, "in this machine"};
    take_machine(&least, self);
    tw_control_groups(self, root, "memory", take_group, &least);
    take_address_space(&least, self);
    return least;
}
