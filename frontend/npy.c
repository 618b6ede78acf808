#include "frontend/npy.h"

#include <errno.h>
#include <string.h>

/* The header has room for any shape, so that it can be written again when the rows are counted. */
enum { HEADER_BYTES = 128, PREFIX_BYTES = 10 };

static void write_header(const Npy *npy) {
    char header[HEADER_BYTES];
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = HEADER_BYTES - PREFIX_BYTES;
    header[9] = 0;
    char *text = header + PREFIX_BYTES;
    const int used = snprintf(text, HEADER_BYTES - PREFIX_BYTES,
                              "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                              (long long)npy->rows, (long long)npy->columns);
    text[used] = ' ';
    header[HEADER_BYTES - 1] = '\n';
    fwrite(header, 1, sizeof header, npy->file.stream);
}

bool npy_open(Npy *npy, const char *path, int64_t columns, Diag *diag) {
    *npy = (Npy){.columns = columns};
    if (!output_file_open(&npy->file, path, diag)) return false;
    write_header(npy);
    return true;
}

/* The format is little-endian; so is every machine that code is compiled for. */
void npy_append(Npy *npy, const float *row) {
    fwrite(row, sizeof *row, (size_t)npy->columns, npy->file.stream);
    npy->rows++;
}

bool npy_close(Npy *npy, bool is_complete, Diag *diag) {
    const bool is_at_start = fseek(npy->file.stream, 0, SEEK_SET) == 0;
    if (is_at_start) write_header(npy);
    if (!is_at_start && is_complete)
        diag_error(diag, (Loc){0}, "'%s' cannot be written: %s", npy->file.path, strerror(errno));
    return output_file_close(&npy->file, is_complete && is_at_start, diag);
}
