#include "frontend/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool report(const char *path, int error, Diag *diag) {
    diag_error(diag, (Loc){0}, "'%s' cannot be written: %s", path, strerror(error));
    if (error == ENOENT) return diag_hint(diag, "is there such a directory?");
    if (error == EISDIR) return diag_hint(diag, "name a file in the directory");
    return false;
}

/* Creates a file that nobody else has. Names tell processes apart, O_EXCL those that share a
 * number: two threads, or one that left a file behind. */
static int create_temporary(OutputFile *file, Arena *arena) {
    enum { MOST_TRIES = 1000 };
    for (int i = 0; i < MOST_TRIES; i++) {
        file->temporary =
            arena_printf(arena, "%s.%ld-%d.part", file->target, (long)getpid(), i);
        const int opened = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (opened >= 0 || errno != EEXIST) return opened;
    }
    return -1;
}

/* What the path leads to; the path itself where there is nothing yet. */
static const char *find_target(const char *path, Arena *arena) {
    char *resolved = realpath(path, NULL);
    const char *target = arena_printf(arena, "%s", resolved ? resolved : path);
    free(resolved);
    return target;
}

static int open_descriptor(OutputFile *file, Arena *arena) {
    struct stat info;
    const bool is_there = stat(file->path, &info) == 0;
    if (is_there && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    if (is_there && !S_ISREG(info.st_mode)) return open(file->path, O_WRONLY | O_CLOEXEC);
    file->target = find_target(file->path, arena);
    return create_temporary(file, arena);
}

bool output_file_open(OutputFile *file, const char *path, Diag *diag) {
    *file = (OutputFile){.path = arena_printf(diag->arena, "%s", path)};
    const int descriptor = open_descriptor(file, diag->arena);
    if (descriptor < 0) return report(path, errno, diag);
    file->stream = fdopen(descriptor, file->temporary ? "w+" : "w");
    if (file->stream) return true;
    const int error = errno;
    close(descriptor);
    if (file->temporary) unlink(file->temporary);
    return report(path, error, diag);
}

bool output_file_close(OutputFile *file, bool is_complete, Diag *diag) {
    errno = 0;
    const bool is_written = fflush(file->stream) == 0 && !ferror(file->stream);
    int error = is_written ? 0 : errno ? errno : EIO;
    if (fclose(file->stream) != 0 && !error) error = errno;
    if (is_complete && !error && file->temporary && rename(file->temporary, file->target) != 0)
        error = errno;
    if (file->temporary && (error || !is_complete)) unlink(file->temporary);
    if (is_complete && error) return report(file->path, error, diag);
    return is_complete;
}
