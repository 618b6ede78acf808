/* token_index.h - tokens by their texts. */
#ifndef FRONTEND_TOKEN_INDEX_H
#define FRONTEND_TOKEN_INDEX_H

#include "frontend/text/definition.h"

typedef struct {
    const TextModel *model;
    int32_t *slot; /* a hash: tokens, -1: empty */
    uint64_t mask;
} TokenIndex;

/* `pieces_alone`: tokens that are hidden or bytes are left out. Of equal texts the last counts. */
TokenIndex token_index_create(const TextModel *model, bool pieces_alone, Arena *arena);

/* The token whose text is these two, one behind the other; -1: there is none. */
int32_t token_index_find(const TokenIndex *index, TextString text, TextString more);

#endif
