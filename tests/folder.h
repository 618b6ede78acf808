/* folder.h - a folder that a test makes, fills and removes. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <dirent.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLDER_PATH = 32 };

/* Writes the path of an empty folder; false where none can be made. */
static inline bool folder_make(char path[FOLDER_PATH]) {
    strcpy(path, "/tmp/thalweg-test-XXXXXX");
    return mkdtemp(path) != NULL;
}

static inline int folder_remove_entry(const char *path, const struct stat *info, int type,
                                      struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

/* With all that is in it; links are removed, not followed. */
static inline bool folder_remove(const char *path) {
    return nftw(path, folder_remove_entry, 8, FTW_DEPTH | FTW_PHYS) == 0;
}

/* Removes the files in it. */
static inline void folder_empty(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) return;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.') unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
}

#endif
