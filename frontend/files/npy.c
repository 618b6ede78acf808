#include "frontend/files/npy.h"

#include <string.h>

enum { HEADER_BYTES = 128, PREFIX_BYTES = 10 };

static void make_header(const int64_t *shape, int rank, char header[HEADER_BYTES]) {
    memset(header, ' ', HEADER_BYTES);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = HEADER_BYTES - PREFIX_BYTES;
    header[9] = 0;
    char *text = header + PREFIX_BYTES;
    int used = snprintf(text, HEADER_BYTES - PREFIX_BYTES,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < rank; i++)
        used += snprintf(text + used, (size_t)(HEADER_BYTES - PREFIX_BYTES - used), "%s%lld",
                         i ? ", " : "", (long long)shape[i]);
    used += snprintf(text + used, (size_t)(HEADER_BYTES - PREFIX_BYTES - used), "%s), }",
                     rank == 1 ? "," : "");
    text[used] = ' ';
    header[HEADER_BYTES - 1] = '\n';
}

bool npy_open_shape(Npy *npy, const char *path, const int64_t *shape, int rank, Diag *diag) {
    *npy = (Npy){.columns = shape[rank - 1]};
    if (!output_file_open(&npy->file, path, diag)) return false;
    char header[HEADER_BYTES];
    make_header(shape, rank, header);
    fwrite(header, 1, sizeof header, npy->file.stream);
    return true;
}

bool npy_open(Npy *npy, const char *path, int64_t rows, int64_t columns, Diag *diag) {
    return npy_open_shape(npy, path, (const int64_t[]){rows, columns}, 2, diag);
}

/* The format is little-endian; so is every machine that code is compiled for. */
bool npy_append(Npy *npy, const float *row) {
    fwrite(row, sizeof *row, (size_t)npy->columns, npy->file.stream);
    return !npy->file.error;
}

bool npy_close(Npy *npy, bool is_complete, Diag *diag) {
    return output_file_close(&npy->file, is_complete, diag);
}
