/* safetensors.h - named tensors in safetensors files, checked before they are read.
 *
 * A file: 8 bytes, the header's length n, little-endian; n bytes of JSON, {"name": {"dtype": "F32",
 * "shape": [2, 3], "data_offsets": [0, 24]}, ...}; the values, row by row, without a hole. An index
 * (*.json) says which of several files beside it has which tensor.
 *
 * What opens has been checked whole: a tensor's data lies inside its file and is as long as its
 * type and shape say. Files may change meanwhile: nothing is mapped, a header is read once, and
 * data that are not there any more are an error of safetensors_read().
 */
#ifndef FRONTEND_SAFETENSORS_H
#define FRONTEND_SAFETENSORS_H

#include "ir/diag.h"

enum {
    SAFETENSORS_MAX_HEADER = 100000000, /* bytes, of an index too */
    SAFETENSORS_MAX_RANK = 8,
    SAFETENSORS_MAX_FILES = 4096
};

typedef enum {
#define SAFETENSORS_DTYPE(name, bits) SAFETENSORS_##name,
#include "frontend/weights/safetensors.def"
#undef SAFETENSORS_DTYPE
    SAFETENSORS_DTYPE_COUNT
} SafeDtype;

typedef struct SafeFile SafeFile;

typedef struct {
    const char *name;
    SafeDtype dtype;
    int rank; /* 0: one value */
    int64_t shape[SAFETENSORS_MAX_RANK];
    uint64_t begin, bytes; /* of its data in the file; little-endian */
    const SafeFile *file;
} SafeTensor;

typedef struct SafeTensors SafeTensors;

/* Opens a file, or an index whose name ends in ".json". `loc` is the place that asks for it. Null:
 * reported. */
SafeTensors *safetensors_open(const char *path, Loc loc, Diag *diag);

/* The same for the bytes of a file, which outlive the result. */
SafeTensors *safetensors_parse(const char *name, const void *memory, size_t length, Diag *diag);

void safetensors_close(SafeTensors *tensors); /* null is fine */

/* Null: there is none of this name. */
const SafeTensor *safetensors_find(const SafeTensors *tensors, const char *name);

/* All of them, sorted by name. */
const SafeTensor *safetensors_list(const SafeTensors *tensors, int *count);

/* A hash of the headers and of each file's size, place and time of change: what is made of the
 * tensors need not be made again while it is the same. */
uint64_t safetensors_identity(const SafeTensors *tensors);

/* Bytes from .. from + count - 1 of the tensor's data. Safe for threads. False: the file has been
 * cut off, or cannot be read. */
bool safetensors_read(const SafeTensor *tensor, uint64_t from, size_t count, void *out);

/* Whether size and time of every file are as they were when it was opened. */
bool safetensors_are_unchanged(const SafeTensors *tensors);

/* ---- for messages ---- */

/* The file or index, and the file of a tensor, as places: valid as long as the arena of the diag
 * that they were opened with. */
Loc safetensors_loc(const SafeTensors *tensors);
Loc safetensors_tensor_loc(const SafeTensor *tensor);

const char *safetensors_dtype_name(SafeDtype dtype);

/* A name from a file, without control characters, shortened. */
const char *safetensors_show(const char *name, Arena *arena);

/* "[2, 3]" */
const char *safetensors_show_shape(const int64_t *shape, int rank, Arena *arena);

#endif
