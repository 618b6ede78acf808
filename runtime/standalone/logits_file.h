/* logits_file.h - rows of logits as a NumPy file, which appears whole or not at all. */
#ifndef STANDALONE_LOGITS_FILE_H
#define STANDALONE_LOGITS_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
    FILE *stream;
    char target[PATH_MAX];
    char temporary[PATH_MAX]; /* becomes the target; empty: what is there is no plain file, but a
                               * device or a pipe that is written to */
    int64_t columns, left;    /* left: rows that are to come */
    int error;                /* the first, as errno has it; 0: none */
} LogitsFile;

/* Of [rows, columns] float32, as `thalweg run --logits` writes them. False: file->error says why
 * not, and there is nothing to close. */
bool logits_file_open(LogitsFile *file, const char *path, int64_t rows, int64_t columns);
void logits_file_append(LogitsFile *file, const float *row);

/* False: it is not there, since it could not be written (file->error), or not all rows have come.
 */
bool logits_file_close(LogitsFile *file);

#endif
