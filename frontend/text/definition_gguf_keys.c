/* definition_gguf_keys.c - values of a GGUF's metadata, or what is wrong with them. */
#include "frontend/text/definition_gguf.h"

#include <inttypes.h>

bool gguf_keys_wrong(const GgufKeys *keys, const char *key, const char *expected) {
    const GgufValue *value = gguf_find(keys->gguf, key);
    return diag_error(keys->diag, gguf_loc(keys->gguf), "metadata '%s': expected %s, found %s", key,
                      expected, value ? gguf_show(value, keys->diag->arena) : "nothing");
}

bool gguf_keys_flag(const GgufKeys *keys, const char *key, bool *flag) {
    const GgufValue *value = gguf_find(keys->gguf, key);
    return !value || gguf_flag(value, flag) || gguf_keys_wrong(keys, key, "true or false");
}

bool gguf_keys_string(const GgufKeys *keys, const char *key, const char **text) {
    const GgufValue *value = gguf_find(keys->gguf, key);
    if (!value) return true;
    *text = gguf_text(value, keys->arena);
    return *text || gguf_keys_wrong(keys, key, "a string");
}

/* Files with numbers that are no token are about, and harmless. */
bool gguf_keys_token(const GgufKeys *keys, const char *key, int32_t fallback, int32_t *token) {
    const GgufValue *value = gguf_find(keys->gguf, key);
    const int32_t count = keys->definition->model.token_count;
    int64_t number;
    *token = fallback < count ? fallback : -1;
    if (!value) return true;
    if (!gguf_integer(value, &number)) return gguf_keys_wrong(keys, key, "a token");
    if (number < 0 || number >= count) {
        diag_warning(keys->diag, gguf_loc(keys->gguf),
                     "metadata '%s': %" PRId64 " is not one of %" PRId32 " tokens, and is left out",
                     key, number, count);
        return true;
    }
    *token = (int32_t)number;
    return true;
}

bool gguf_keys_array(const GgufKeys *keys, const char *key, GgufType element, int64_t count,
                     const GgufValue **array) {
    const GgufValue *value = *array = gguf_find(keys->gguf, key);
    if (!value) return true;
    if (value->type != GGUF_array || value->element != element)
        return gguf_keys_wrong(
            keys, key, arena_printf(keys->arena, "an array of %s", gguf_type_name(element)));
    if (count < 0 || value->count == (uint64_t)count) return true;
    return diag_error(keys->diag, gguf_loc(keys->gguf),
                      "metadata '%s': expected %" PRId64
                      " elements, one for each token, found %" PRIu64,
                      key, count, value->count);
}
