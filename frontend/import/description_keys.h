/* description_keys.h - the keys of one layer's attention and mlp, as text. */
#ifndef FRONTEND_DESCRIPTION_KEYS_H
#define FRONTEND_DESCRIPTION_KEYS_H

#include "frontend/import/facts.h"

typedef struct {
    const char *key;
    Axis axis; /* whose key of the file a comment names */
    bool is_attention;
    bool may_alternate; /* stands in a `pattern` where layers differ */
    const char *none;   /* what says so in a pattern where the text is null; null: nothing does */
    const char *(*text)(const Facts *facts, int64_t layer, Arena *arena); /* null: as the default */
} DescriptionKey;

extern const DescriptionKey description_key[];
extern const int description_key_count;

/* "{kind: rms, eps: 1e-05}" */
const char *description_norm(const Facts *facts, Arena *arena);

/* "{kind: mean, dense: [3072, 768], normalise: true}" */
const char *description_pooling(const Facts *facts, Arena *arena);

#endif
