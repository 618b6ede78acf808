/* npy.h - rows of float32 to a NumPy file (.npy, version 1.0), which appears whole or not at all.
 *
 * NumPy Enhancement Proposal 1 describes the format.
 */
#ifndef FRONTEND_NPY_H
#define FRONTEND_NPY_H

#include "frontend/files/output_file.h"

typedef struct Npy {
    OutputFile file;
    int64_t columns;
} Npy;

/* For so many rows of `columns` numbers, which the header says before they come: so it can go down
 * a pipe. Stays where it is until npy_close(). False: reported, and there is nothing to close. */
bool npy_open(Npy *npy, const char *path, int64_t rows, int64_t columns, Diag *diag);

/* The same for an array of one to four dimensions, whose rows come in their order. */
bool npy_open_shape(Npy *npy, const char *path, const int64_t *shape, int rank, Diag *diag);

/* False: it cannot be written, which npy_close() reports. */
bool npy_append(Npy *npy, const float *row);

/* Ends the file; without `is_complete`, which says that all rows were appended, it leaves none.
 * True: it is there. */
bool npy_close(Npy *npy, bool is_complete, Diag *diag);

#endif
