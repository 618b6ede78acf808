/* safetensors_header.h - from the bytes of one safetensors file to its tensors. */
#ifndef FRONTEND_SAFETENSORS_HEADER_H
#define FRONTEND_SAFETENSORS_HEADER_H

#include "frontend/weights/safetensors.h"

#include <jansson.h>

struct SafeFile {
    Loc loc;         /* the file as a place; in the arena of a Diag */
    uint64_t length; /* when it was opened */
    int64_t seconds; /* its time then */
    long nanoseconds;
    int descriptor;       /* -1: in memory */
    const uint8_t *bytes; /* of the caller, or null */
};

/* Bytes from .. from + count - 1 of a file. False: they are not there. */
bool safetensors_read_bytes(const SafeFile *file, uint64_t from, size_t count, void *out);

/* The same, in memory to be freed. Null: reported. */
char *safetensors_read_text(const SafeFile *file, uint64_t from, size_t count, Diag *diag);

/* Null: reported. The tensors are in the order of their data. The header goes into the hash. */
SafeTensor *safetensors_read_header(const SafeFile *file, Arena *arena, Diag *diag, int *count,
                                    uint64_t *hash);

/* Parses JSON from a stranger: an object without duplicate keys, of bounded depth and number of
 * values. Null: reported. The caller owns the object. */
json_t *safetensors_read_json(const char *text, size_t length, Loc loc, Diag *diag);

#endif
