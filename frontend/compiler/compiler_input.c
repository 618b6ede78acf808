/* compiler_input.c - texts that diagnostics point into, kept as long as the Thalweg. */
#include "frontend/compiler/compiler.h"

#include "frontend/files/source_file.h"

#include <string.h>

const Source *compiler_copy_text(Thalweg *thalweg, const char *name, const char *text,
                                 size_t length, size_t most) {
    if (length > most) length = most;
    char *copy = ARENA_ARRAY(thalweg->arena, char, length + 1);
    if (length) memcpy(copy, text, length);
    Source *source = ARENA_NEW(thalweg->arena, Source);
    *source = (Source){arena_printf(thalweg->arena, "%s", name), copy, length};
    return source;
}

const Source *compiler_read_file(Thalweg *thalweg, const char *path, size_t most) {
    return source_file_read(path, most, thalweg->arena, &thalweg->diag);
}

const char *compiler_directory(Thalweg *thalweg, const char *path) {
    return source_file_directory(path, thalweg->arena);
}
