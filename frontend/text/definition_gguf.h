/* definition_gguf.h - a definition while it is read from a GGUF's metadata. */
#ifndef FRONTEND_DEFINITION_GGUF_H
#define FRONTEND_DEFINITION_GGUF_H

#include "frontend/text/definition.h"
#include "frontend/weights/gguf.h"

typedef struct {
    const Gguf *gguf;
    Arena *arena;
    Diag *diag;
    TextDefinition *definition;
    bool adds_bos, adds_eos; /* unless keys say otherwise */
    bool strips_before_mask; /* the mask takes the white space before it */
    bool is_phi3;            /* most special tokens take that behind them */
} GgufKeys;

/* All of these are false where they have reported; a key that is not there leaves `out` as it is.
 */
bool gguf_keys_wrong(const GgufKeys *keys, const char *key, const char *expected); /* always */
bool gguf_keys_flag(const GgufKeys *keys, const char *key, bool *out);
bool gguf_keys_string(const GgufKeys *keys, const char *key, const char **out);

/* A token that a key names, `fallback` where the key is not there; -1: none. */
bool gguf_keys_token(const GgufKeys *keys, const char *key, int32_t fallback, int32_t *token);

/* An array of `element`, of `count` or, where that is -1, of any number. Null: it is not there. */
bool gguf_keys_array(const GgufKeys *keys, const char *key, GgufType element, int64_t count,
                     const GgufValue **array);

/* Which tokens end a text: eos, what other keys name, and by their texts those that llama.cpp
 * knows. False: reported. */
bool gguf_keys_stops(GgufKeys *keys);

#endif
