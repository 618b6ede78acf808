/* array_file.h - arrays of float32 to a file that appears whole or not at all, by its ending:
 *
 *   .npy           one array, as NumPy's
 *   .safetensors   one or several, by their names
 */
#ifndef FRONTEND_ARRAY_FILE_H
#define FRONTEND_ARRAY_FILE_H

#include "frontend/files/output_file.h"

enum { ARRAY_MOST_RANK = 4 };

typedef struct NamedArray {
    const char *name; /* of letters, digits, '.', '_' and '-' */
    const float *values;
    int64_t shape[ARRAY_MOST_RANK];
    int rank; /* 1 to ARRAY_MOST_RANK */
} NamedArray;

/* Whether a file of that name holds one array alone, as a .npy does. */
bool array_file_has_one(const char *path);

/* Whether so many arrays can go to a file of that name. False: reported. To be asked before the
 * work that makes them. */
bool array_file_check(const char *path, int count, Diag *diag);

/* False: reported. */
bool array_file_write(const char *path, const NamedArray *arrays, int count, Diag *diag);

#endif
