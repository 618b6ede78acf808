/* output_file.h - a file that appears under its name whole, or not at all.
 *
 * It is written under another name in the same directory and renamed when all of it is there. What
 * has no contents to keep, a device or a pipe, is written as it is.
 */
#ifndef FRONTEND_OUTPUT_FILE_H
#define FRONTEND_OUTPUT_FILE_H

#include "ir/diag.h"

#include <sys/types.h>

/* Files that get their names together, when all of them are whole. All zero: none yet. */
enum { OUTPUT_BATCH_FILES = 4 };
typedef struct OutputBatch {
    struct {
        const char *path, *temporary, *target; /* as of an OutputFile */
    } file[OUTPUT_BATCH_FILES];
    int count;
} OutputBatch;

typedef struct {
    FILE *stream;          /* to be written, */
    int descriptor;        /* unless this is; open for reading, too, where `temporary` is set */
    int error;             /* errno of the first write of the stream that failed */
    const char *path;      /* as it was given, for messages */
    const char *target;    /* what is replaced: `path` behind all links */
    const char *temporary; /* null: a device or a pipe, written as it is */
    OutputBatch *batch;    /* may be set until it is closed; null: it is a file by itself */
} OutputFile;

/* False: reported, and there is nothing to close. The struct stays where it is until it is closed;
 * the path is copied into the diag's arena. */
bool output_file_open(OutputFile *file, const char *path, Diag *diag);

/* The same for a file of the cache, which has this mode from its first byte on. It replaces
 * whatever has the name, a link too. */
bool output_file_open_new(OutputFile *file, const char *path, mode_t mode, Diag *diag);

/* Ends the file: with `is_complete` it gets its name, otherwise it is removed, as it is when
 * anything could not be written (a full disk), which is reported, except that nobody reads a pipe
 * any more: `error` is EPIPE. True: it is there, or will be when its batch ends. */
bool output_file_close(OutputFile *file, bool is_complete, Diag *diag);

/* Gives the files of a batch their names, or without `is_complete` removes them all. True: they are
 * there. */
bool output_batch_end(OutputBatch *batch, bool is_complete, Diag *diag);

/* Makes a directory, its parents first, as far as they are missing. False: reported. */
bool output_directory_make(const char *path, mode_t mode, Diag *diag);

#endif
