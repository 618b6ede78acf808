/* file_stamp.h - remembers, in <path>.checked, that the contents of a file have been found right.
 *
 * A stamp is what the system knows of a file: its number, size and times. Whoever writes to the
 * file or replaces it changes them, so that a file with the stamp of one that was checked has its
 * contents. What damages a disk's blocks does not change them, and is not noticed.
 */
#ifndef FRONTEND_FILE_STAMP_H
#define FRONTEND_FILE_STAMP_H

#include "ir/diag.h"

#define FILE_STAMP_ENDING ".checked"
#define FILE_STAMP_MAGIC  "thalweg " /* 8 bytes */

typedef struct {
    char text[200];
    bool is_settled; /* the file has not changed for a while */
} FileStamp;

/* False: there is no such file. */
bool file_stamp_take(const char *path, FileStamp *out);

/* Whether the file was checked when it had this stamp. If so, the time of the file that remembers it
 * becomes now: it tells when the contents were used. */
bool file_stamp_is_kept(const char *path, const FileStamp *stamp, Arena *arena);

/* Remembers it of a file whose stamp was taken before it was checked. Where that cannot be written
 * it will be checked again. */
void file_stamp_keep(const char *path, const FileStamp *before, Arena *arena);

#endif
