/* stored_file.h - a file of weights: opened once, read by place, never mapped.
 *
 * It may change meanwhile: data that are not there any more are an error of stored_file_read().
 */
#ifndef FRONTEND_STORED_FILE_H
#define FRONTEND_STORED_FILE_H

#include "ir/diag.h"

typedef struct {
    Loc loc;         /* the file as a place; in the arena of a Diag */
    uint64_t length; /* when it was opened */
    int64_t seconds; /* its time then */
    long nanoseconds;
    int descriptor;       /* -1: in memory */
    const uint8_t *bytes; /* of the caller, or null */
} StoredFile;

/* A regular file that is not empty; what asks for it is at `loc`. Size, place and times go into the
 * identity. False: reported; closing is fine. */
bool stored_file_open(StoredFile *file, const char *path, Loc loc, Diag *diag, uint64_t *identity);

/* The bytes of a file, which outlive it. */
StoredFile stored_file_of_memory(const char *name, const void *bytes, size_t length, Diag *diag);

void stored_file_close(const StoredFile *file);

/* Bytes from .. from + count - 1. Safe for threads. False: they are not there. */
bool stored_file_read(const StoredFile *file, uint64_t from, size_t count, void *out);

/* The same, in memory to be freed. Null: reported. */
char *stored_file_text(const StoredFile *file, uint64_t from, size_t count, Diag *diag);

/* Whether there is a regular file at the path that begins with the text. */
bool stored_file_begins(const char *path, const char *text);

/* Whether size and time are as they were when it was opened. */
bool stored_file_is_unchanged(const StoredFile *file);

/* ---- for messages ---- */

/* Reports that the file cannot be read any more. Returns false. */
bool stored_file_report_cut_off(const StoredFile *file, Diag *diag);

/* Reports that the file is something else where its first bytes say so: a pointer of Git LFS, a web
 * page, an archive, a checkpoint of another kind. False: they say nothing. */
bool stored_file_report_other(const StoredFile *file, const char *expected, Diag *diag);

/* A name from a file, without control characters, shortened. */
const char *stored_show_name(const char *name, Arena *arena);

/* "[2, 3]" */
const char *stored_show_shape(const int64_t *shape, int rank, Arena *arena);

#endif
