/* compiler_input.c - texts that diagnostics point into, kept as long as the Thalweg. */
#include "frontend/compiler/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const Source *make_source(Arena *arena, const char *name, const char *text, size_t length) {
    Source *source = ARENA_NEW(arena, Source);
    *source = (Source){arena_printf(arena, "%s", name), text, length};
    return source;
}

const Source *compiler_copy_text(Thalweg *thalweg, const char *name, const char *text,
                                 size_t length, size_t most) {
    if (length > most) length = most;
    char *copy = ARENA_ARRAY(thalweg->arena, char, length + 1);
    if (length) memcpy(copy, text, length);
    return make_source(thalweg->arena, name, copy, length);
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

static const Source *report(Thalweg *thalweg, const char *path, int error) {
    const Loc loc = {make_source(thalweg->arena, path, NULL, 0), 0};
    diag_error(&thalweg->diag, loc, "the file cannot be read: %s", strerror(error));
    if (error == EISDIR) diag_hint(&thalweg->diag, "name the model's YAML file in the directory");
    return NULL;
}

const Source *compiler_read_file(Thalweg *thalweg, const char *path, size_t most) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return report(thalweg, path, errno);
    char *text = ARENA_ARRAY(thalweg->arena, char, most + 1);
    const ssize_t length = read_some(file, text, most);
    const int error = errno;
    close(file);
    if (length < 0) return report(thalweg, path, error);
    return make_source(thalweg->arena, path, text, (size_t)length);
}

const char *compiler_directory(Thalweg *thalweg, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return "";
    const int length = slash == path ? 1 : (int)(slash - path);
    return arena_printf(thalweg->arena, "%.*s", length, path);
}
