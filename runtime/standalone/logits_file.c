#include "runtime/standalone/logits_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(LogitsFile *file, int error) {
    if (!file->error) file->error = error;
    return false;
}

/* A file beside the target that nobody else has. */
static int create_temporary(LogitsFile *file) {
    enum { MOST_TRIES = 1000, MOST_ENDING = 40 };
    if (strlen(file->target) + MOST_ENDING > sizeof file->temporary) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (int i = 0; i < MOST_TRIES; i++) {
        char *end = stpcpy(file->temporary, file->target);
        snprintf(end, MOST_ENDING, ".%ld-%d.part", (long)getpid(), i);
        const int opened = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (opened >= 0 || errno != EEXIST) return opened;
    }
    return -1;
}

static int open_descriptor(LogitsFile *file, const char *path) {
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) return open(path, O_WRONLY | O_CLOEXEC);
    if (!realpath(path, file->target)) {
        if (errno != ENOENT) return -1;
        if (snprintf(file->target, sizeof file->target, "%s", path) >= PATH_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
    }
    return create_temporary(file);
}

static void write_bytes(LogitsFile *file, const void *bytes, size_t count) {
    if (fwrite(bytes, 1, count, file->stream) != count) fail(file, errno);
}

static void write_header(LogitsFile *file) {
    enum { HEADER_BYTES = 128, PREFIX_BYTES = 10 };
    char header[HEADER_BYTES] = "\x93NUMPY\x01";
    header[PREFIX_BYTES - 2] = HEADER_BYTES - PREFIX_BYTES;
    const int used =
        PREFIX_BYTES + snprintf(header + PREFIX_BYTES, HEADER_BYTES - PREFIX_BYTES,
                                "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                                (long long)file->left, (long long)file->columns);
    memset(header + used, ' ', (size_t)(HEADER_BYTES - used));
    header[HEADER_BYTES - 1] = '\n';
    write_bytes(file, header, sizeof header);
}

bool logits_file_open(LogitsFile *file, const char *path, int64_t rows, int64_t columns) {
    *file = (LogitsFile){.columns = columns, .left = rows};
    const int descriptor = open_descriptor(file, path);
    if (descriptor < 0) return fail(file, errno);
    file->stream = fdopen(descriptor, "w");
    if (!file->stream) {
        fail(file, errno);
        close(descriptor);
        if (*file->temporary) unlink(file->temporary);
        return false;
    }
    write_header(file);
    return true;
}

void logits_file_append(LogitsFile *file, const float *row) {
    write_bytes(file, row, (size_t)file->columns * sizeof *row);
    file->left--;
}

bool logits_file_close(LogitsFile *file) {
    if (fclose(file->stream) != 0) fail(file, errno);
    bool is_there = file->left == 0 && !file->error;
    if (is_there && *file->temporary && rename(file->temporary, file->target) != 0)
        is_there = fail(file, errno);
    if (*file->temporary && !is_there) unlink(file->temporary);
    return is_there;
}
