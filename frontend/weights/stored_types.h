/* stored_types.h - the types of tensors in files, of every format of files. */
#ifndef FRONTEND_STORED_TYPES_H
#define FRONTEND_STORED_TYPES_H

#include "ir/formats.h"

typedef enum {
#define STORED_TYPE(name, safetensors, gguf, values, bytes, decoder, nearest) STORED_##name,
#include "frontend/weights/stored_types.def"
#undef STORED_TYPE
    STORED_TYPE_COUNT
} StoredType;

/* `count` blocks, of any alignment, to their values. */
typedef void StoredDecoder(const uint8_t *blocks, size_t count, float *out);

typedef struct {
    const char *name;
    bool is_in_safetensors;
    int gguf;              /* its number there; -1: none */
    int values, bytes;     /* of a block */
    StoredDecoder *decode; /* null: the type is not read */
    WeightFormat nearest;  /* our format for a matrix that is to stay as it is stored */
} StoredTypeInfo;

extern const StoredTypeInfo stored_type_info[STORED_TYPE_COUNT];

/* STORED_TYPE_COUNT: there is none. */
StoredType stored_type_of_word(const char *word);  /* of safetensors */
StoredType stored_type_of_number(uint32_t number); /* of GGUF */

/* Names of those that are read, of a format of files, as "F32, F16 or BF16". */
const char *stored_types_read(bool is_gguf, Arena *arena);

#endif
