/* npy_input.h - rows of numbers out of a NumPy file (.npy), one after the other.
 *
 * float32 and float64 are taken, little-endian, in C's order, of any number of dimensions: the last
 * one is the columns, and dimensions before the rows must be 1, as torch's batch is.
 */
#ifndef FRONTEND_NPY_INPUT_H
#define FRONTEND_NPY_INPUT_H

#include "ir/diag.h"

enum { NPY_MOST_RANK = 8 };

typedef struct NpyInput {
    FILE *stream;
    Loc loc; /* of the file, for messages */
    int64_t rows, columns;
    int64_t dim[NPY_MOST_RANK]; /* as the file has them */
    int rank;
    int64_t row;     /* of those, the next one */
    int width;       /* bytes of a number: 4 or 8 */
    double *scratch; /* a row; malloc */
} NpyInput;

/* Reads the header, and holds its shape against the size of the file. False: reported, and there is
 * nothing to close. */
bool npy_input_open(NpyInput *npy, const char *path, Diag *diag);

/* The same of any array: rows are those of all dimensions before the last. */
bool npy_input_open_array(NpyInput *npy, const char *path, Diag *diag);

/* The next row, columns numbers, of which there is one. False: it cannot be read; reported. */
bool npy_input_read(NpyInput *npy, float *row, Diag *diag);

void npy_input_close(NpyInput *npy);

#endif
