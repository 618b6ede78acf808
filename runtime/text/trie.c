/* trie.c - see trie.h. */
#include "runtime/text/trie.h"

/* A place stays within its block of 256 whatever the byte, so that one look at each unit is enough.
 */
bool tw_trie_check(const uint32_t *unit, uint64_t count, uint64_t values) {
    if (count == 0 || count % TW_TRIE_BLOCK != 0 || count > TW_TRIE_VALUE) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && (unit[i] & TW_TRIE_VALUE)) continue; /* the root is always gone from */
        const uint32_t place = i ^ tw_trie_offset(unit[i]);
        if (place >= count) return false;
        if ((unit[i] & 0x100) && tw_trie_value(unit, place) >= values) return false;
    }
    return true;
}
