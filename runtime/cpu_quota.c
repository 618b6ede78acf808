/* cpu_quota.c - the limits of control groups.
 *
 *   version 2   cpu.max holds "max 100000" or "150000 100000", microseconds of a period
 *   version 1   cpu.cfs_quota_us, -1 for none, and cpu.cfs_period_us
 */
#include "runtime/cpu_quota.h"

#include "runtime/control_groups.h"

#include <limits.h>
#include <string.h>

enum { NUMBERS = 64 };

/* "150000" of "100000" is 2 processors. */
static int processors_of(const char *quota_text, const char *period_text) {
    const int64_t quota = tw_group_number(quota_text), period = tw_group_number(period_text);
    if (quota < 1 || period < 1) return INT_MAX;
    const int64_t count = quota / period + (quota % period != 0);
    return count < INT_MAX ? (int)count : INT_MAX;
}

static int limit_of(const char *folder, bool is_version_2) {
    char quota[NUMBERS], period[NUMBERS];
    if (is_version_2) {
        const bool is_read = tw_group_line(folder, "cpu.max", quota, sizeof quota);
        char *space = is_read ? strchr(quota, ' ') : NULL;
        if (!space) return INT_MAX;
        *space = 0;
        return processors_of(quota, space + 1);
    }
    if (!tw_group_line(folder, "cpu.cfs_quota_us", quota, sizeof quota) ||
        !tw_group_line(folder, "cpu.cfs_period_us", period, sizeof period))
        return INT_MAX;
    return processors_of(quota, period);
}

static void take_least(void *context, const char *folder, bool is_version_2) {
    int *least = context;
    const int limit = limit_of(folder, is_version_2);
    if (limit < *least) *least = limit;
}

int tw_cpu_quota(const char *self, const char *root) {
    int least = INT_MAX;
    tw_control_groups(self, root, "cpu", take_least, &least);
    return least;
}
