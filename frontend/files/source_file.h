/* source_file.h - the text of a file, for diagnostics to point into. */
#ifndef FRONTEND_SOURCE_FILE_H
#define FRONTEND_SOURCE_FILE_H

#include "ir/diag.h"

/* A file's first `most` bytes, in the arena. Null: reported. */
const Source *source_file_read(const char *path, size_t most, Arena *arena, Diag *diag);

/* The directory of a path, "" for the current one. */
const char *source_file_directory(const char *path, Arena *arena);

#endif
