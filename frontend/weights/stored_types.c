#include "frontend/weights/stored_types.h"

#include "frontend/weights/stored_blocks.h"

#include <string.h>

#define decode_none NULL
const StoredTypeInfo stored_type_info[STORED_TYPE_COUNT] = {
#define STORED_TYPE(name, safetensors, gguf, values, bytes, decoder, nearest)                      \
    {#name, safetensors, gguf, values, bytes, decode_##decoder, FORMAT_##nearest},
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

static bool is_listed(int type, bool is_gguf) {
    const StoredTypeInfo *info = &stored_type_info[type];
    return info->decode && (is_gguf ? info->gguf >= 0 : info->is_in_safetensors);
}

const char *stored_types_read(bool is_gguf, Arena *arena) {
    int left = 0;
    for (int i = 0; i < STORED_TYPE_COUNT; i++) left += is_listed(i, is_gguf);
    const char *text = "";
    for (int i = 0; i < STORED_TYPE_COUNT; i++) {
        if (!is_listed(i, is_gguf)) continue;
        left--;
        text = arena_printf(arena, "%s%s%s", text, stored_type_info[i].name,
                            left > 1    ? ", "
                            : left == 1 ? " or "
                                        : "");
    }
    return text;
}
