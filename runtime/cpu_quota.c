/* cpu_quota.c - reads /proc/PID/mountinfo, /proc/PID/cgroup, and the limits of the groups named.
 *
 *   31 23 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw          version 2
 *   33 25 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct  version 1
 *
 *   0::/user.slice/job        the group is in .../user.slice/job, cpu.max holds "max 100000" or
 *                             "150000 100000", microseconds of a period
 *   4:cpu,cpuacct:/job        cpu.cfs_quota_us, -1 for none, and cpu.cfs_period_us
 *
 * In a container the mount's root may be a group itself, which then is left out of the path. Files
 * that are not there, or say something else, set no limit. Nothing is allocated.
 */
#include "runtime/cpu_quota.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 1024, LINE = 2048, NUMBERS = 64 };

/* ---- lines of a file ---- */

typedef struct {
    int file;
    size_t at, end;
    char buffer[512];
} Lines;

static bool open_lines(Lines *lines, const char *folder, const char *name) {
    char path[PATH];
    const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    lines->at = lines->end = 0;
    lines->file = length > 0 && length < PATH ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    return lines->file >= 0;
}

static int next_byte(Lines *lines) {
    while (lines->at == lines->end) {
        const ssize_t got = read(lines->file, lines->buffer, sizeof lines->buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return -1;
        lines->at = 0;
        lines->end = (size_t)got;
    }
    return (unsigned char)lines->buffer[lines->at++];
}

/* The next line, whose end is cut off where it is long. False: there is none. */
static bool next_line(Lines *lines, char *line, size_t size) {
    size_t length = 0;
    int byte = next_byte(lines);
    if (byte < 0) return false;
    for (; byte >= 0 && byte != '\n'; byte = next_byte(lines))
        if (length < size - 1) line[length++] = (char)byte;
    line[length] = 0;
    return true;
}

/* ---- the limit of a group ---- */

/* A whole positive number, or 0. */
static long long number_of(const char *text) {
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    return end == text || *end || errno || number < 0 ? 0 : number;
}

/* "150000" of "100000" is 2 processors. */
static int processors_of(const char *quota_text, const char *period_text) {
    const long long quota = number_of(quota_text), period = number_of(period_text);
    if (!quota || !period) return INT_MAX;
    const long long count = quota / period + (quota % period != 0);
    return count < INT_MAX ? (int)count : INT_MAX;
}

static bool read_first(const char *folder, const char *name, char line[NUMBERS]) {
    Lines lines;
    if (!open_lines(&lines, folder, name)) return false;
    const bool is_read = next_line(&lines, line, NUMBERS);
    close(lines.file);
    return is_read;
}

static int limit_of(const char *folder, bool is_version_2) {
    char quota[NUMBERS], period[NUMBERS];
    if (is_version_2) {
        char *space = read_first(folder, "cpu.max", quota) ? strchr(quota, ' ') : NULL;
        if (!space) return INT_MAX;
        *space = 0;
        return processors_of(quota, space + 1);
    }
    if (!read_first(folder, "cpu.cfs_quota_us", quota) ||
        !read_first(folder, "cpu.cfs_period_us", period))
        return INT_MAX;
    return processors_of(quota, period);
}

/* ---- the groups ---- */

/* Is the word one of "rw,cpu,cpuacct"? */
static bool has_word(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, length) == 0 && (!at[length] || at[length] == ',')) return true;
    }
    return false;
}

/* The group's path in its hierarchy, "" for the topmost. */
static bool find_group(const char *self, bool is_version_2, char path[LINE]) {
    Lines lines;
    char line[LINE];
    bool is_found = false;
    if (!open_lines(&lines, self, "cgroup")) return false;
    while (!is_found && next_line(&lines, line, sizeof line)) {
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = 0;
        is_found = is_version_2 ? strncmp(line, "0:", 2) == 0 && !controllers[1]
                                : has_word(controllers + 1, "cpu");
        if (is_found) strcpy(path, strcmp(group, "/") == 0 ? "" : group);
    }
    close(lines.file);
    return is_found;
}

/* What is left of a group's path below the root of a mount. Above it nothing is to be seen. */
static const char *below(const char *group, const char *mount_root) {
    const size_t length = strcmp(mount_root, "/") == 0 ? 0 : strlen(mount_root);
    const bool is_below = strncmp(group, mount_root, length) == 0 &&
                          (!group[length] || group[length] == '/') && !strstr(group, "/..");
    return is_below ? group + length : "";
}

/* The least of a group and all above it. */
static int least_limit(const char *root, const char *mount, const char *group, bool is_version_2) {
    char folder[PATH];
    int least = INT_MAX;
    const int top = snprintf(folder, sizeof folder, "%s%s", root, mount);
    const int length = snprintf(folder, sizeof folder, "%s%s%s", root, mount, group);
    if (top < 0 || length < 0 || length >= PATH) return INT_MAX;
    for (;;) {
        const int limit = limit_of(folder, is_version_2);
        if (limit < least) least = limit;
        char *last = strrchr(folder + top, '/');
        if (!last) return least;
        *last = 0;
    }
}

/* Of a line of mountinfo; INT_MAX if it is of something else. */
static int limit_of_mount(const char *self, const char *root, const char *line) {
    char mount_root[PATH], mount[PATH], type[16], options[LINE], group[LINE];
    const char *end = strstr(line, " - ");
    if (!end || sscanf(line, "%*s %*s %*s %1023s %1023s", mount_root, mount) != 2) return INT_MAX;
    if (sscanf(end, " - %15s %*s %2047s", type, options) != 2) return INT_MAX;
    const bool is_version_2 = strcmp(type, "cgroup2") == 0;
    if (!is_version_2 && (strcmp(type, "cgroup") != 0 || !has_word(options, "cpu"))) return INT_MAX;
    if (!find_group(self, is_version_2, group)) return INT_MAX;
    return least_limit(root, mount, below(group, mount_root), is_version_2);
}

int tw_cpu_quota(const char *self, const char *root) {
    Lines lines;
    char line[LINE];
    int least = INT_MAX;
    if (!open_lines(&lines, self, "mountinfo")) return INT_MAX;
    while (next_line(&lines, line, sizeof line)) {
        const int limit = limit_of_mount(self, root, line);
        if (limit < least) least = limit;
    }
    close(lines.file);
    return least;
}
