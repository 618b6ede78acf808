#include "frontend/files/output_file.h"

#include <assert.h>
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
static int create_temporary(OutputFile *file, mode_t mode, Arena *arena) {
    enum { MOST_TRIES = 1000 };
    for (int i = 0; i < MOST_TRIES; i++) {
        file->temporary = arena_printf(arena, "%s.%ld-%d.part", file->target, (long)getpid(), i);
        const int opened = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
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

/* What has no contents to keep. A stream of this process is written as it is open: a socket could
 * not be opened again, and a pipe that nobody reads would wait for somebody. */
static int open_stream_of(const char *path) {
    int number = -1, length = 0;
    if (strcmp(path, "/dev/stdout") == 0) return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    if (sscanf(path, "/dev/fd/%9d%n", &number, &length) == 1 && !path[length])
        return fcntl(number, F_DUPFD_CLOEXEC, 0);
    return open(path, O_WRONLY | O_CLOEXEC);
}

static int open_descriptor(OutputFile *file, Arena *arena) {
    struct stat info;
    const bool is_there = stat(file->path, &info) == 0;
    if (is_there && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    if (is_there && !S_ISREG(info.st_mode)) return open_stream_of(file->path);
    file->target = find_target(file->path, arena);
    return create_temporary(file, 0666, arena);
}

/* A stream forgets why it could not write; this one tells. */
static ssize_t write_all(void *cookie, const char *bytes, size_t count) {
    OutputFile *file = cookie;
    size_t done = 0;
    while (done < count && !file->error) {
        const ssize_t written = write(file->descriptor, bytes + done, count - done);
        if (written >= 0)
            done += (size_t)written;
        else if (errno != EINTR)
            file->error = errno;
    }
    return file->error ? 0 : (ssize_t)count;
}

static bool open_stream(OutputFile *file, const char *path, Diag *diag) {
    if (file->descriptor < 0) return report(path, errno, diag);
    file->stream = fopencookie(file, "w", (cookie_io_functions_t){.write = write_all});
    if (file->stream) return true;
    close(file->descriptor);
    if (file->temporary) unlink(file->temporary);
    return report(path, ENOMEM, diag);
}

bool output_file_open(OutputFile *file, const char *path, Diag *diag) {
    *file = (OutputFile){.path = arena_printf(diag->arena, "%s", path)};
    file->descriptor = open_descriptor(file, diag->arena);
    return open_stream(file, path, diag);
}

bool output_file_open_new(OutputFile *file, const char *path, mode_t mode, Diag *diag) {
    *file = (OutputFile){.path = arena_printf(diag->arena, "%s", path)};
    file->target = file->path;
    file->descriptor = create_temporary(file, mode, diag->arena);
    return open_stream(file, path, diag);
}

/* Leaves it to the batch to rename the file. */
static void add_to_batch(OutputFile *file) {
    OutputBatch *batch = file->batch;
    assert(batch->count < OUTPUT_BATCH_FILES);
    batch->file[batch->count].path = file->path;
    batch->file[batch->count].temporary = file->temporary;
    batch->file[batch->count++].target = file->target;
}

bool output_file_close(OutputFile *file, bool is_complete, Diag *diag) {
    fclose(file->stream);
    if (close(file->descriptor) != 0 && !file->error) file->error = errno;
    if (is_complete && !file->error && file->temporary) {
        if (file->batch)
            add_to_batch(file);
        else if (rename(file->temporary, file->target) != 0)
            file->error = errno;
    }
    const bool is_there = is_complete && !file->error;
    if (file->temporary && !is_there) unlink(file->temporary);
    if (is_complete && file->error && file->error != EPIPE)
        return report(file->path, file->error, diag);
    return is_there;
}

bool output_batch_end(OutputBatch *batch, bool is_complete, Diag *diag) {
    for (int i = 0; i < batch->count; i++) {
        const char *temporary = batch->file[i].temporary;
        if (is_complete && rename(temporary, batch->file[i].target) == 0) continue;
        if (is_complete) is_complete = report(batch->file[i].path, errno, diag);
        unlink(temporary);
    }
    batch->count = 0;
    return is_complete;
}

/* One that is there already is fine, whoever made it. */
bool output_directory_make(const char *path, mode_t mode, Diag *diag) {
    char *part = arena_printf(diag->arena, "%s", path);
    for (char *end = part; *end;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        const char rest = *end;
        *end = '\0';
        if (mkdir(part, mode) != 0 && errno != EEXIST)
            return diag_error(diag, (Loc){0}, "the directory '%s' cannot be made: %s", part,
                              strerror(errno));
        *end = rest;
    }
    return true;
}
