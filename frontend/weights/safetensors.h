/* safetensors.h - named tensors in safetensors files, checked before they are read.
 *
 * A file: 8 bytes, the header's length n, little-endian; n bytes of JSON, {"name": {"dtype": "F32",
 * "shape": [2, 3], "data_offsets": [0, 24]}, ...}; the values, row by row, without a hole. An index
 * (*.json) says which of several files beside it has which tensor.
 *
 * What opens has been checked whole: a tensor's data lies inside its file and is as long as its
 * type and shape say. Files may change meanwhile: nothing is mapped, a header is read once, and
 * data that are not there any more are an error of stored_tensor_read().
 */
#ifndef FRONTEND_SAFETENSORS_H
#define FRONTEND_SAFETENSORS_H

#include "frontend/weights/tensor_set.h"

enum { SAFETENSORS_MAX_HEADER = 100000000 /* bytes, of an index too */ };

/* Opens a file, or an index whose name ends in ".json". `loc` is the place that asks for it. Null:
 * reported. */
TensorSet *safetensors_open(const char *path, Loc loc, Diag *diag);

/* The same for the bytes of a file, which outlive the result. */
TensorSet *safetensors_parse(const char *name, const void *memory, size_t length, Diag *diag);

#endif
