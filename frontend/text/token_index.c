/* token_index.c - a hash with open addressing, at most half full. */
#include "frontend/text/token_index.h"

#include "ir/hash.h"

#include <string.h>

static uint64_t hash_more(uint64_t value, TextString text) {
    for (size_t i = 0; i < text.count; i++) value = hash_add(value, (unsigned char)text.bytes[i]);
    return value;
}

static bool is_joined(TextString whole, TextString text, TextString more) {
    return whole.count == text.count + more.count &&
           memcmp(whole.bytes, text.bytes, text.count) == 0 &&
           (more.count == 0 || memcmp(whole.bytes + text.count, more.bytes, more.count) == 0);
}

/* Where a text is, or would be. */
static int32_t *find(const TokenIndex *index, TextString text, TextString more) {
    for (uint64_t i = hash_end(hash_more(hash_more(hash_begin, text), more));; i++) {
        int32_t *slot = &index->slot[i & index->mask];
        if (*slot < 0 || is_joined(index->model->token[*slot].text, text, more)) return slot;
    }
}

TokenIndex token_index_create(const TextModel *model, bool pieces_alone, Arena *arena) {
    TokenIndex index = {.model = model, .mask = 1};
    while (index.mask < 2 * (uint64_t)model->token_count) index.mask = 2 * index.mask + 1;
    index.slot = ARENA_ARRAY(arena, int32_t, index.mask + 1);
    memset(index.slot, 0xff, (index.mask + 1) * sizeof *index.slot);
    for (int32_t i = 0; i < model->token_count; i++) {
        const TextToken *token = &model->token[i];
        if (token->text.count == 0 || (pieces_alone && (token->is_hidden || token->is_byte)))
            continue;
        *find(&index, token->text, (TextString){0}) = i;
    }
    return index;
}

int32_t token_index_find(const TokenIndex *index, TextString text, TextString more) {
    return *find(index, text, more);
}
