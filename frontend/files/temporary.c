#include "frontend/files/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "thalweg-"
#define RANDOM "XXXXXX"
static const char lock_name[] = ".thalweg-lock", mark[] = "a temporary folder of thalweg\n";

/* ---- removing ---- */

/* Files alone, and the one with the lock last: until then the folder can be told to be ours. */
static void remove_folder(int parent, const char *name, int folder) {
    DIR *directory = fdopendir(dup(folder));
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strcmp(entry->d_name, lock_name) != 0) unlinkat(folder, entry->d_name, 0);
    if (directory) closedir(directory);
    unlinkat(folder, lock_name, 0);
    unlinkat(parent, name, AT_REMOVEDIR);
}

static bool is_own(int file, mode_t type) {
    struct stat info;
    return fstat(file, &info) == 0 && (info.st_mode & S_IFMT) == type && info.st_uid == geteuid();
}

/* Whether the folder has our mark, and its process has ended. */
static bool is_left_over(int folder) {
    char text[sizeof mark];
    const int lock = openat(folder, lock_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    const bool is_ours = lock >= 0 && is_own(lock, S_IFREG) &&
                         read(lock, text, sizeof text) == sizeof mark - 1 &&
                         memcmp(text, mark, sizeof mark - 1) == 0;
    const bool is_free = is_ours && flock(lock, LOCK_EX | LOCK_NB) == 0;
    if (lock >= 0) close(lock);
    return is_free;
}

static void remove_left_over(const char *path) {
    DIR *directory = opendir(path);
    if (!directory) return;
    const int parent = dirfd(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        const char *name = entry->d_name;
        if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || strlen(name) != strlen(PREFIX RANDOM))
            continue;
        const int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder < 0) continue;
        if (is_own(folder, S_IFDIR) && is_left_over(folder)) remove_folder(parent, name, folder);
        close(folder);
    }
    closedir(directory);
}

/* ---- making ---- */

/* The mark comes after the lock: who sees it sees the lock. -1: errno. */
static int make_lock(const char *path) {
    const int lock = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (lock < 0) return -1;
    const size_t length = sizeof mark - 1;
    errno = ENOSPC;
    if (flock(lock, LOCK_EX) == 0 && write(lock, mark, length) == (ssize_t)length) return lock;
    const int error = errno;
    unlink(path);
    close(lock);
    errno = error;
    return -1;
}

bool temporary_make(TemporaryFolder *folder, Diag *diag) {
    const char *set = getenv("TMPDIR"), *parent = set && *set ? set : "/tmp";
    *folder = (TemporaryFolder){.lock = -1};
    remove_left_over(parent);
    char *path = arena_printf(diag->arena, "%s/" PREFIX RANDOM, parent);
    const bool is_made = mkdtemp(path) != NULL;
    if (is_made) folder->lock = make_lock(arena_printf(diag->arena, "%s/%s", path, lock_name));
    if (folder->lock >= 0) {
        folder->path = path;
        return true;
    }
    const int error = errno;
    if (is_made) rmdir(path);
    diag_error(diag, (Loc){0}, "a folder in '%s' cannot be made: %s", parent, strerror(error));
    return diag_hint(diag, "set TMPDIR to a folder that can be written");
}

void temporary_remove(TemporaryFolder *folder) {
    if (!folder->path) return;
    const int opened = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened >= 0) remove_folder(AT_FDCWD, folder->path, opened);
    if (opened >= 0) close(opened);
    close(folder->lock);
    *folder = (TemporaryFolder){.lock = -1};
}
