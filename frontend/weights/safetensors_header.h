/* safetensors_header.h - from the bytes of one safetensors file to its tensors. */
#ifndef FRONTEND_SAFETENSORS_HEADER_H
#define FRONTEND_SAFETENSORS_HEADER_H

#include "frontend/weights/safetensors.h"

#include <jansson.h>

/* Null: reported. The tensors are in the order of their data. The header goes into the hash. */
StoredTensor *safetensors_read_header(const StoredFile *file, Arena *arena, Diag *diag, int *count,
                                      uint64_t *hash);

/* Parses JSON from a stranger: an object without duplicate keys, of bounded depth and number of
 * values. Null: reported. The caller owns the object. */
json_t *safetensors_read_json(const char *text, size_t length, Loc loc, Diag *diag);

#endif
