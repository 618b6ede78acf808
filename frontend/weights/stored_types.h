/* stored_types.h - the types of tensors in files, of every format of files. */
#ifndef FRONTEND_STORED_TYPES_H
#define FRONTEND_STORED_TYPES_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
#define STORED_TYPE(name, safetensors, gguf, values, bytes) STORED_##name,
#include "frontend/weights/stored_types.def"
#undef STORED_TYPE
    STORED_TYPE_COUNT
} StoredType;

typedef struct {
    const char *name;
    bool is_in_safetensors;
    int gguf;          /* its number there; -1: none */
    int values, bytes; /* of a block */
} StoredTypeInfo;

extern const StoredTypeInfo stored_type_info[STORED_TYPE_COUNT];

/* STORED_TYPE_COUNT: there is none. */
StoredType stored_type_of_word(const char *word);  /* of safetensors */
StoredType stored_type_of_number(uint32_t number); /* of GGUF */

#endif
