/* trie_build.h - makes the double array of runtime/text/trie.h. */
#ifndef FRONTEND_TRIE_BUILD_H
#define FRONTEND_TRIE_BUILD_H

#include "ir/arena.h"

#include <stdint.h>

typedef struct {
    const char *bytes; /* at least one, none of them zero */
    uint32_t count;
    uint32_t value; /* below 2^31 */
} TrieText;

/* Of equal texts the one with the highest value counts. Puts the texts in order. The array, of
 * *units, is in the arena. */
const uint32_t *trie_build(TrieText *text, int count, Arena *arena, uint32_t *units);

#endif
