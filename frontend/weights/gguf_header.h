/* gguf_header.h - from the bytes of one GGUF file to its pairs and tensors. */
#ifndef FRONTEND_GGUF_HEADER_H
#define FRONTEND_GGUF_HEADER_H

#include "frontend/weights/gguf.h"

typedef struct {
    uint8_t *bytes;        /* the header, to be freed; values point into it */
    GgufPair *pair;        /* sorted by key */
    StoredTensor *tensor;  /* in the order of their data */
    int pair_count, count; /* of pairs and of tensors */
} GgufHeader;

/* Keys, names, pairs and tensors in the arena. False: reported, and nothing to free. The header
 * goes into the hash. */
bool gguf_read_header(const StoredFile *file, Arena *arena, Diag *diag, GgufHeader *header,
                      uint64_t *hash);

/* Null: there is no such key. */
const GgufValue *gguf_find_pair(const GgufPair *pair, int count, const char *key);

/* Bytes of a value of such a type; 0: it has no fixed size. */
uint64_t gguf_type_bytes(GgufType type);

/* A number of 1 to 8 bytes, little-endian. */
static inline uint64_t gguf_number(const uint8_t *bytes, uint64_t count) {
    uint64_t number = 0;
    while (count--) number = number << 8 | bytes[count];
    return number;
}

#endif
