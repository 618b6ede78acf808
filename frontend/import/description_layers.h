/* description_layers.h - the keys of all layers as text, and where they repeat. */
#ifndef FRONTEND_DESCRIPTION_LAYERS_H
#define FRONTEND_DESCRIPTION_LAYERS_H

#include "frontend/import/description_keys.h"

typedef struct {
    int64_t count;
    int32_t *kind;      /* of each layer: of one kind are equal in all */
    const char ***text; /* of each kind, of each key; null: as the default */
    bool *has_norm;     /* of each kind: before its attention */
    Arena *arena;
} Layers;

Layers layers_of(const Facts *facts, Arena *arena);

const char *layers_text(const Layers *layers, int64_t layer, int key);

/* Whether two layers cannot stand in one block, as far as a pattern may say what alternates. */
bool layers_differ_in_structure(const Layers *layers, int64_t a, int64_t b);

/* Whether anything is different in two layers. */
bool layers_differ(const Layers *layers, int64_t a, int64_t b);

/* After how many of the layers first .. first + count - 1 the texts of a key repeat: 1 .. count. */
int64_t layers_period(const Layers *layers, int key, int64_t first, int64_t count);

#endif
