/* trie.h - texts in a double array, packed as SentencePiece does (after Darts-clone).
 *
 * A unit is 32 bits: 0-7 the byte that leads to it, 8 whether a text ends here, 9 and 10-30 the
 * offset, 31 whether it is a value. A node is a place in the array: the child by a byte is the unit
 * at place ^ byte, if its byte is that one, and its own children stand at that ^ its offset. The
 * value of a text stands at the place of its last node. So no text holds a zero byte.
 */
#ifndef RUNTIME_TRIE_H
#define RUNTIME_TRIE_H

#include <stdbool.h>
#include <stdint.h>

enum { TW_TRIE_BLOCK = 256 /* units: an array has a multiple of them */ };

#define TW_TRIE_VALUE UINT32_C(0x80000000) /* bit of a unit that is a value */

static inline uint32_t tw_trie_offset(uint32_t unit) {
    return (unit >> 10) << ((unit & 0x200) >> 6);
}

static inline uint32_t tw_trie_root(const uint32_t *unit) {
    return tw_trie_offset(unit[0]);
}

/* Goes on by a byte. False: no text does. `ends`: what has been gone is a text. */
static inline bool tw_trie_step(const uint32_t *unit, uint32_t *node, uint8_t byte, bool *ends) {
    const uint32_t place = *node ^ byte, found = unit[place];
    if ((found & (TW_TRIE_VALUE | 0xff)) != byte || byte == 0) return false;
    *node = place ^ tw_trie_offset(found);
    *ends = (found & 0x100) != 0;
    return true;
}

/* Of the text that ends in a node. */
static inline uint32_t tw_trie_value(const uint32_t *unit, uint32_t node) {
    return unit[node] & ~TW_TRIE_VALUE;
}

/* Whether any bytes may be followed through it, and all values are below `values`. */
bool tw_trie_check(const uint32_t *unit, uint64_t count, uint64_t values);

#endif
