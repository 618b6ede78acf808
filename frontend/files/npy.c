#include "frontend/files/npy.h"

#include <string.h>

enum { HEADER_BYTES = 128, PREFIX_BYTES = 10 };

static void make_header(int64_t rows, int64_t columns, char header[HEADER_BYTES]) {
    memset(header, ' ', HEADER_BYTES);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = HEADER_BYTES - PREFIX_BYTES;
    header[9] = 0;
    char *text = header + PREFIX_BYTES;
    const int used = snprintf(text, HEADER_BYTES - PREFIX_BYTES,
                              "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                              (long long)rows, (long long)columns);
    text[used] = ' ';
    header[HEADER_BYTES - 1] = '\n';
}

bool npy_open(Npy *npy, const char *path, int64_t rows, int64_t columns, Diag *diag) {
    *npy = (Npy){.columns = columns};
    if (!output_file_open(&npy->file, path, diag)) return false;
    char header[HEADER_BYTES];
    make_header(rows, columns, header);
    fwrite(header, 1, sizeof header, npy->file.stream);
    return true;
}

/* The format is little-endian; so is every machine that code is compiled for. */
bool npy_append(Npy *npy, const float *row) {
    fwrite(row, sizeof *row, (size_t)npy->columns, npy->file.stream);
    return !npy->file.error;
}

bool npy_close(Npy *npy, bool is_complete, Diag *diag) {
    return output_file_close(&npy->file, is_complete, diag);
}
