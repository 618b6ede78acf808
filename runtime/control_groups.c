/* control_groups.c - reads /proc/PID/mountinfo and /proc/PID/cgroup.
 *
 *   31 23 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw          version 2
 *   33 25 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct  version 1
 *
 *   0::/user.slice/job        the group is in .../user.slice/job
 *   4:cpu,cpuacct:/job
 *
 * In a container the mount's root may be a group itself, which then is left out of the path.
 */
#include "runtime/control_groups.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 1024, LINE = 2048 };

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
static bool find_group(const char *self, const char *controller, bool is_version_2,
                       char path[LINE]) {
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
                                : has_word(controllers + 1, controller);
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

typedef struct {
    const char *self, *root, *controller;
    TwVisitGroup *visit;
    void *context;
} Visiting;

/* A group and all above it, up to where the hierarchy is mounted. */
static void visit_up(const Visiting *v, const char *mount, const char *group, bool is_version_2) {
    char folder[PATH];
    const int top = snprintf(folder, sizeof folder, "%s%s", v->root, mount);
    const int length = snprintf(folder, sizeof folder, "%s%s%s", v->root, mount, group);
    if (top < 0 || length < 0 || length >= PATH) return;
    for (;;) {
        v->visit(v->context, folder, is_version_2);
        char *last = strrchr(folder + top, '/');
        if (!last) return;
        *last = 0;
    }
}

/* Of a line of mountinfo; nothing if it is of something else. */
static void visit_mount(const Visiting *v, const char *line) {
    char mount_root[PATH], mount[PATH], type[16], options[LINE], group[LINE];
    const char *end = strstr(line, " - ");
    if (!end || sscanf(line, "%*s %*s %*s %1023s %1023s", mount_root, mount) != 2) return;
    if (sscanf(end, " - %15s %*s %2047s", type, options) != 2) return;
    const bool is_version_2 = strcmp(type, "cgroup2") == 0;
    if (!is_version_2 && (strcmp(type, "cgroup") != 0 || !has_word(options, v->controller))) return;
    if (!find_group(v->self, v->controller, is_version_2, group)) return;
    visit_up(v, mount, below(group, mount_root), is_version_2);
}

void tw_control_groups(const char *self, const char *root, const char *controller,
                       TwVisitGroup *visit, void *context) {
    const Visiting v = {self, root, controller, visit, context};
    Lines lines;
    char line[LINE];
    if (!open_lines(&lines, self, "mountinfo")) return;
    while (next_line(&lines, line, sizeof line)) visit_mount(&v, line);
    close(lines.file);
}

/* ---- the files of a group ---- */

bool tw_group_line(const char *folder, const char *name, char *line, size_t size) {
    Lines lines;
    if (!open_lines(&lines, folder, name)) return false;
    const bool is_read = next_line(&lines, line, size);
    close(lines.file);
    return is_read;
}

int64_t tw_group_number(const char *text) {
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    return end == text || *end || errno || number < 0 ? -1 : number;
}

int64_t tw_group_entry(const char *folder, const char *name, const char *word) {
    const size_t length = strlen(word);
    Lines lines;
    char line[LINE];
    int64_t number = -1;
    if (!open_lines(&lines, folder, name)) return -1;
    while (number < 0 && next_line(&lines, line, sizeof line))
        if (strncmp(line, word, length) == 0 && line[length] == ' ')
            number = tw_group_number(line + length + 1);
    close(lines.file);
    return number;
}
