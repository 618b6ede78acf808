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

/* A token that a key names, `fallback` where the key is not there; -1: none. False: reported. */
bool gguf_keys_token(const GgufKeys *keys, const char *key, int32_t fallback, int32_t *token);

/* Which tokens end a text: eos, what other keys name, and by their texts those that llama.cpp
 * knows. False: reported. */
bool gguf_keys_stops(GgufKeys *keys);

#endif
