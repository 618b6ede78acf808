/* safetensors_header.h - from the bytes of one safetensors file to its tensors. */
#ifndef FRONTEND_SAFETENSORS_HEADER_H
#define FRONTEND_SAFETENSORS_HEADER_H

#include "frontend/safetensors.h"

#include <jansson.h>

struct SafeFile {
    Loc loc; /* the file as a place; in the arena of a Diag */
    const uint8_t *bytes;
    uint64_t length;
    int descriptor; /* -1: bytes that belong to the caller */
};

/* Where data begins in a file whose header has been read. */
uint64_t safetensors_data_offset(const SafeFile *file);

/* Null: reported. The tensors are in the order of their data. */
SafeTensor *safetensors_read_header(const SafeFile *file, Arena *arena, Diag *diag, int *count);

/* Parses JSON from a stranger: an object without duplicate keys, of bounded depth and number of
 * values. Null: reported. The caller owns the object. */
json_t *safetensors_read_json(const char *text, size_t length, Loc loc, Diag *diag);

#endif
