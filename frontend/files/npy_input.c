#include "frontend/files/npy_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PREFIX_BYTES = 10, LONG_PREFIX_BYTES = 12, MOST_HEADER_BYTES = 1 << 16 };

static bool fail(NpyInput *npy, Diag *diag, const char *what) {
    diag_error(diag, npy->loc, "%s", what);
    return diag_hint(diag, "expected rows of float32 or float64, as numpy.save() writes them");
}

/* The text that stands behind 'key': in the header, a Python dictionary; null: it is not there. */
static const char *find_value(const char *header, const char *key) {
    const char *at = strstr(header, key);
    if (!at) return NULL;
    at += strlen(key);
    return at + strspn(at, " :");
}

static bool read_type(NpyInput *npy, const char *value, Diag *diag) {
    if (value && (strncmp(value, "'<f4'", 5) == 0 || strncmp(value, "'<f8'", 5) == 0)) {
        npy->width = value[3] - '0';
        return true;
    }
    const int length = value ? (int)strcspn(value, ",}") : 0;
    diag_error(diag, npy->loc, "its numbers are of type %.*s", length < 40 ? length : 40,
               value ? value : "");
    return diag_hint(diag, "expected float32 ('<f4') or float64 ('<f8')");
}

/* (n, m), (1, n, m), or (m,), which is one row. */
static bool read_shape(NpyInput *npy, const char *value, Diag *diag) {
    if (!value || *value != '(') return fail(npy, diag, "its header has no shape");
    npy->rows = npy->columns = 1;
    for (value++; *value != ')'; npy->rank++) {
        char *end;
        const long long size = strtoll(value, &end, 10);
        if (end == value || size < 0 || npy->rank == NPY_MOST_RANK ||
            __builtin_mul_overflow(npy->rows, npy->columns, &npy->rows))
            return fail(npy, diag, "its shape cannot be read");
        npy->columns = npy->dim[npy->rank] = size;
        value = end + strspn(end, ", ");
    }
    return (npy->rank && npy->rows && npy->columns) || fail(npy, diag, "it holds no numbers");
}

/* Those before the last two are 1. */
static bool check_rows(const NpyInput *npy, Diag *diag) {
    for (int i = 0; i < npy->rank - 2; i++) {
        if (npy->dim[i] == 1) continue;
        diag_error(diag, npy->loc, "it has more dimensions than rows and columns");
        return diag_hint(diag, "those before the last two must be 1");
    }
    return true;
}

static bool check_size(NpyInput *npy, int64_t begin, Diag *diag) {
    struct stat status;
    if (fstat(fileno(npy->stream), &status) != 0 || !S_ISREG(status.st_mode)) return true;
    const int64_t room = (status.st_size - begin) / npy->width;
    if (npy->columns <= room && npy->rows == room / npy->columns &&
        npy->rows * npy->columns * npy->width == status.st_size - begin)
        return true;
    diag_error(diag, npy->loc, "its shape is %lld x %lld, which is not what the file holds",
               (long long)npy->rows, (long long)npy->columns);
    return diag_hint(diag, "was it written to its end?");
}

static bool read_header(NpyInput *npy, Diag *diag) {
    unsigned char prefix[LONG_PREFIX_BYTES];
    if (fread(prefix, 1, PREFIX_BYTES, npy->stream) != PREFIX_BYTES ||
        memcmp(prefix, "\x93NUMPY", 6) != 0)
        return fail(npy, diag, "this is not a NumPy file");
    size_t length = prefix[8] | (size_t)prefix[9] << 8;
    const bool is_long = prefix[6] > 1;
    if (is_long) {
        if (fread(prefix + PREFIX_BYTES, 1, 2, npy->stream) != 2)
            return fail(npy, diag, "its header is cut off");
        length |= (size_t)prefix[10] << 16 | (size_t)prefix[11] << 24;
    }
    if (length > MOST_HEADER_BYTES) return fail(npy, diag, "its header is too long");
    char *header = calloc(length + 1, 1);
    if (!header) return diag_error(diag, npy->loc, "out of memory");
    bool is_right = fread(header, 1, length, npy->stream) == length;
    if (!is_right) fail(npy, diag, "its header is cut off");
    const char *order = find_value(header, "'fortran_order'");
    if (is_right && (!order || strncmp(order, "False", 5) != 0))
        is_right = fail(npy, diag, "its order is that of Fortran, or not said");
    is_right =
        is_right && read_type(npy, find_value(header, "'descr'"), diag) &&
        read_shape(npy, find_value(header, "'shape'"), diag) &&
        check_size(npy, (int64_t)length + (is_long ? LONG_PREFIX_BYTES : PREFIX_BYTES), diag);
    free(header);
    return is_right;
}

bool npy_input_open_array(NpyInput *npy, const char *path, Diag *diag) {
    Source *source = ARENA_NEW(diag->arena, Source);
    source->name = arena_printf(diag->arena, "%s", path);
    *npy = (NpyInput){.loc = {source, 0}};
    npy->stream = fopen(path, "rbe");
    if (!npy->stream) return diag_error(diag, npy->loc, "cannot be read: %s", strerror(errno));
    if (read_header(npy, diag)) {
        if ((uint64_t)npy->columns <= SIZE_MAX / sizeof *npy->scratch)
            npy->scratch = malloc((size_t)npy->columns * sizeof *npy->scratch);
        if (npy->scratch) return true;
        diag_error(diag, npy->loc, "out of memory");
    }
    npy_input_close(npy);
    return false;
}

bool npy_input_open(NpyInput *npy, const char *path, Diag *diag) {
    if (!npy_input_open_array(npy, path, diag)) return false;
    if (check_rows(npy, diag)) return true;
    npy_input_close(npy);
    return false;
}

/* Numbers are little-endian, as those of every machine that code is compiled for. */
bool npy_input_read(NpyInput *npy, float *row, Diag *diag) {
    const size_t columns = (size_t)npy->columns;
    void *into = npy->width == 4 ? (void *)row : npy->scratch;
    if (fread(into, (size_t)npy->width, columns, npy->stream) != columns)
        return diag_error(diag, npy->loc, "row %lld cannot be read: %s", (long long)npy->row,
                          ferror(npy->stream) ? strerror(errno) : "the file ends before");
    for (size_t i = 0; npy->width == 8 && i < columns; i++) row[i] = (float)npy->scratch[i];
    npy->row++;
    return true;
}

void npy_input_close(NpyInput *npy) {
    if (npy->stream) fclose(npy->stream);
    free(npy->scratch);
    npy->stream = NULL;
    npy->scratch = NULL;
}
