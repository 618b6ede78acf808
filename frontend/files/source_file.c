#include "frontend/files/source_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const Source *make_source(Arena *arena, const char *name, const char *text, size_t length) {
    Source *source = ARENA_NEW(arena, Source);
    *source = (Source){arena_printf(arena, "%s", name), text, length};
    return source;
}

/* Up to `most` bytes, from files whose length nobody knows beforehand, too; -1: errno. */
static ssize_t read_some(int file, char *buffer, size_t most) {
    size_t done = 0;
    while (done < most) {
        const ssize_t got = read(file, buffer + done, most - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

static const Source *report(const char *path, int error, Arena *arena, Diag *diag) {
    const Loc loc = {make_source(arena, path, NULL, 0), 0};
    diag_error(diag, loc, "the file cannot be read: %s", strerror(error));
    return NULL;
}

const Source *source_file_read(const char *path, size_t most, Arena *arena, Diag *diag) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return report(path, errno, arena, diag);
    char *text = ARENA_ARRAY(arena, char, most + 1);
    const ssize_t length = read_some(file, text, most);
    const int error = errno;
    close(file);
    if (length < 0) return report(path, error, arena, diag);
    return make_source(arena, path, text, (size_t)length);
}

const char *source_file_directory(const char *path, Arena *arena) {
    const char *slash = strrchr(path, '/');
    if (!slash) return "";
    const int length = slash == path ? 1 : (int)(slash - path);
    return arena_printf(arena, "%.*s", length, path);
}
