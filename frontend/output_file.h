/* output_file.h - a file that appears under its name whole, or not at all.
 *
 * It is written under another name in the same directory and renamed when all of it is there. What
 * has no contents to keep, a device or a pipe, is written as it is.
 */
#ifndef FRONTEND_OUTPUT_FILE_H
#define FRONTEND_OUTPUT_FILE_H

#include "ir/diag.h"

#include <sys/types.h>

typedef struct {
    FILE *stream;          /* to be written, */
    int descriptor;        /* unless this is; open for reading, too, where `temporary` is set */
    int error;             /* errno of the first write of the stream that failed */
    const char *path;      /* as it was given, for messages */
    const char *target;    /* what is replaced: `path` behind all links */
    const char *temporary; /* null: a device or a pipe, written as it is */
} OutputFile;

/* False: reported, and there is nothing to close. The struct stays where it is until it is closed;
 * the path is copied into the diag's arena. */
bool output_file_open(OutputFile *file, const char *path, Diag *diag);

/* The same for a file that its owner alone may read and write, from its first byte on. It replaces
 * whatever has the name, a link too. */
bool output_file_open_private(OutputFile *file, const char *path, Diag *diag);

/* Ends the file: with `is_complete` it gets its name, otherwise it is removed, as it is when
 * anything could not be written (a full disk), which is reported. True: it is there. */
bool output_file_close(OutputFile *file, bool is_complete, Diag *diag);

/* Makes a directory, its parents first, as far as they are missing. False: reported. */
bool output_directory_make(const char *path, mode_t mode, Diag *diag);

#endif
