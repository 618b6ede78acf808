/* proc_fixture.h - files as the kernel shows them, in a folder that is new for each test: those of
 * a process in proc_root/self, hierarchies of control groups where its mountinfo says. */
#ifndef PROC_FIXTURE_H
#define PROC_FIXTURE_H

#include "tests/check.h"
#include "tests/folder.h"

#include <limits.h>
#include <sys/stat.h>

static char proc_root[FOLDER_PATH], proc_self[FOLDER_PATH + 8];

static inline void make_proc(void) {
    ck_assert(folder_make(proc_root));
    snprintf(proc_self, sizeof proc_self, "%s/self", proc_root);
}

static inline void drop_proc(void) {
    ck_assert(folder_remove(proc_root));
}

/* Makes proc_root/path, and the folders it is in. */
static inline void write_file(const char *path, const char *text) {
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%s/%s", proc_root, path);
    for (char *slash = full + strlen(proc_root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(full, 0700);
    }
    FILE *file = fopen(full, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

#endif
