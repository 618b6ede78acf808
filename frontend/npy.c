#include "frontend/npy.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The header has room for any shape, so that it can be written again when the rows are counted. */
enum { HEADER_BYTES = 128, PREFIX_BYTES = 10 };

static void make_header(const Npy *npy, char header[HEADER_BYTES]) {
    memset(header, ' ', HEADER_BYTES);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = HEADER_BYTES - PREFIX_BYTES;
    header[9] = 0;
    char *text = header + PREFIX_BYTES;
    const int used = snprintf(text, HEADER_BYTES - PREFIX_BYTES,
                              "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                              (long long)npy->rows, (long long)npy->columns);
    text[used] = ' ';
    header[HEADER_BYTES - 1] = '\n';
}

bool npy_open(Npy *npy, const char *path, int64_t columns, Diag *diag) {
    *npy = (Npy){.columns = columns};
    if (!output_file_open(&npy->file, path, diag)) return false;
    char header[HEADER_BYTES];
    make_header(npy, header);
    fwrite(header, 1, sizeof header, npy->file.stream);
    return true;
}

/* The format is little-endian; so is every machine that code is compiled for. */
void npy_append(Npy *npy, const float *row) {
    fwrite(row, sizeof *row, (size_t)npy->columns, npy->file.stream);
    npy->rows++;
}

/* The header comes last, when it is known how many rows there are. */
static void write_header(Npy *npy) {
    char header[HEADER_BYTES];
    make_header(npy, header);
    if (fflush(npy->file.stream) != 0 || npy->file.error) return; /* the file knows why */
    const ssize_t written = pwrite(npy->file.descriptor, header, sizeof header, 0);
    if (written != HEADER_BYTES) npy->file.error = written < 0 ? errno : ENOSPC;
}

bool npy_close(Npy *npy, bool is_complete, Diag *diag) {
    if (is_complete) write_header(npy);
    return output_file_close(&npy->file, is_complete, diag);
}
