#include "frontend/weights/stored_types.h"

#include <string.h>

const StoredTypeInfo stored_type_info[STORED_TYPE_COUNT] = {
#define STORED_TYPE(name, safetensors, gguf, values, bytes)                                        \
    {#name, safetensors, gguf, values, bytes},
#include "frontend/weights/stored_types.def"
#undef STORED_TYPE
};

StoredType stored_type_of_word(const char *word) {
    int type = 0;
    while (type < STORED_TYPE_COUNT && (!stored_type_info[type].is_in_safetensors ||
                                        strcmp(stored_type_info[type].name, word) != 0))
        type++;
    return (StoredType)type;
}

StoredType stored_type_of_number(uint32_t number) {
    int type = 0;
    while (type < STORED_TYPE_COUNT &&
           (stored_type_info[type].gguf < 0 || (uint32_t)stored_type_info[type].gguf != number))
        type++;
    return (StoredType)type;
}
