/* cpu_quota.h - how much of the processors' time the system grants: the quota of control groups. */
#ifndef RUNTIME_CPU_QUOTA_H
#define RUNTIME_CPU_QUOTA_H

/* Processors, rounded up to whole ones; INT_MAX: no quota, or none that can be read. Looks at the
 * process's group of version 2 and that of version 1, and at all groups that these are in. `self`
 * is the folder of a process, as "/proc/self"; `root` goes before the mount points that its
 * mountinfo names. */
int tw_cpu_quota(const char *self, const char *root);

#endif
