/* golden_file.h - files of text that are compared with what is found. */
#ifndef TESTS_GOLDEN_FILE_H
#define TESTS_GOLDEN_FILE_H

#include "ir/diag.h"

#include <stdlib.h>

/* A file's bytes with a zero behind them; null: it cannot be read. */
static inline char *golden_read(const char *path, Arena *arena, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    rewind(file);
    char *text = ARENA_ARRAY(arena, char, (size_t)size + 1);
    *length = fread(text, 1, (size_t)size, file);
    fclose(file);
    return *length == (size_t)size ? text : NULL;
}

static inline bool golden_write(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    if (!file) return false;
    const bool is_written = fputs(text, file) >= 0;
    return fclose(file) == 0 && is_written;
}

/* As a user sees them. */
static inline const char *golden_messages(const Diag *diag, Arena *arena) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) abort();
    diag_print(diag, out);
    fclose(out);
    const char *kept = arena_printf(arena, "%s", text);
    free(text);
    return kept;
}

#endif
