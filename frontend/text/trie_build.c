/* trie_build.c - puts the nodes of a trie into a double array, one after the other.
 *
 * A node's children need a place p such that p ^ byte is free for each of their bytes, and no other
 * node has p. It is looked for among the free units of the last blocks; older blocks are closed, so
 * that time stays linear, and their free units (0) match no byte.
 */
#include "frontend/text/trie_build.h"

#include "runtime/text/trie.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN_BLOCKS = 16 };

/* A node whose children are still to be placed: the texts from `begin` to `end` agree in `depth`
 * bytes. */
typedef struct {
    int begin, end;
    uint32_t depth;
    uint32_t unit;
} Pending;

typedef struct {
    uint32_t unit;
    uint32_t next, previous; /* free units of open blocks, in a ring; unit 0 is where it begins */
    bool is_taken, is_place; /* the unit; as the place of a node */
} Slot;

typedef struct {
    Arena *arena;
    Slot *slot;
    uint32_t count, room;
} Builder;

static int compare_texts(const void *a, const void *b) {
    const TrieText *one = a, *other = b;
    const uint32_t least = one->count < other->count ? one->count : other->count;
    const int order = memcmp(one->bytes, other->bytes, least);
    if (order != 0) return order;
    if (one->count != other->count) return one->count < other->count ? -1 : 1;
    return (one->value > other->value) - (one->value < other->value);
}

/* ---- free units ---- */

static void take(Builder *b, uint32_t unit) {
    Slot *slot = &b->slot[unit];
    slot->is_taken = true;
    b->slot[slot->previous].next = slot->next;
    b->slot[slot->next].previous = slot->previous;
}

static void close_block(Builder *b, uint32_t first) {
    for (uint32_t i = first; i < first + TW_TRIE_BLOCK; i++)
        if (!b->slot[i].is_taken) take(b, i);
}

static void append_block(Builder *b) {
    const uint32_t first = b->count;
    if (first == b->room) {
        const uint32_t room = first ? 2 * first : OPEN_BLOCKS * TW_TRIE_BLOCK;
        Slot *grown = ARENA_ARRAY(b->arena, Slot, room);
        if (first) memcpy(grown, b->slot, first * sizeof *grown);
        b->slot = grown;
        b->room = room;
    }
    b->count += TW_TRIE_BLOCK;
    for (uint32_t i = first; i < b->count; i++) {
        if (i == 0) continue; /* the root, and the ring's begin: {0} is right */
        Slot *slot = &b->slot[i];
        slot->previous = b->slot[0].previous;
        b->slot[slot->previous].next = i;
        b->slot[0].previous = i;
    }
    if (first >= OPEN_BLOCKS * TW_TRIE_BLOCK) close_block(b, first - OPEN_BLOCKS * TW_TRIE_BLOCK);
}

/* Whether the children of a unit, by these bytes, may stand at the place. */
static bool fits(const Builder *b, uint32_t unit, uint32_t place, const uint8_t *byte, int bytes) {
    const uint32_t offset = unit ^ place;
    if (b->slot[place].is_place || (offset >= 1u << 21 && (offset & 0xff) != 0)) return false;
    for (int i = 0; i < bytes; i++)
        if (b->slot[place ^ byte[i]].is_taken) return false;
    return true;
}

static uint32_t find_place(Builder *b, uint32_t unit, const uint8_t *byte, int bytes) {
    for (uint32_t free = b->slot[0].next; free != 0; free = b->slot[free].next)
        if (fits(b, unit, free ^ byte[0], byte, bytes)) return free ^ byte[0];
    const uint32_t place = b->count | (unit & 0xff);
    append_block(b);
    return place;
}

/* ---- nodes ---- */

static uint32_t packed_offset(uint32_t offset) {
    assert(offset < 1u << 29);
    return offset < 1u << 21 ? offset << 10 : offset << 2 | 0x200;
}

/* The bytes by which the texts go on, and where each begins; 0 where one ends. */
static int find_children(const TrieText *text, const Pending *node, uint8_t *byte, int *begin) {
    int count = 0;
    for (int i = node->begin; i < node->end; i++) {
        const bool ends = text[i].count == node->depth;
        const uint8_t next = ends ? 0 : (uint8_t)text[i].bytes[node->depth];
        if (count && byte[count - 1] == next) continue;
        byte[count] = next;
        begin[count++] = i;
    }
    begin[count] = node->end;
    return count;
}

/* Gives a node's children their units, and pushes those that have children themselves. */
static int place_children(Builder *b, const TrieText *text, Pending node, Pending *stack) {
    uint8_t byte[256];
    int begin[257], pushed = 0;
    const int count = find_children(text, &node, byte, begin);
    const uint32_t place = find_place(b, node.unit, byte, count);
    b->slot[place].is_place = true;
    b->slot[node.unit].unit |= packed_offset(node.unit ^ place);
    for (int i = 0; i < count; i++) take(b, place ^ byte[i]);
    for (int i = 0; i < count; i++) {
        const uint32_t unit = place ^ byte[i];
        if (byte[i] == 0) {
            b->slot[node.unit].unit |= 0x100;
            b->slot[unit].unit = TW_TRIE_VALUE | text[begin[i]].value;
            continue;
        }
        b->slot[unit].unit = byte[i];
        stack[pushed++] = (Pending){begin[i], begin[i + 1], node.depth + 1, unit};
    }
    return pushed;
}

/* Of equal texts the one with the highest value stays. */
static int drop_equal(TrieText *text, int count) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
        const bool is_equal = kept && text[kept - 1].count == text[i].count &&
                              memcmp(text[kept - 1].bytes, text[i].bytes, text[i].count) == 0;
        if (!is_equal) kept++;
        text[kept - 1] = text[i];
    }
    return kept;
}

const uint32_t *trie_build(TrieText *text, int count, Arena *arena, uint32_t *units) {
    Builder builder = {.arena = arena};
    if (count) qsort(text, (size_t)count, sizeof *text, compare_texts);
    count = drop_equal(text, count);
    append_block(&builder);
    builder.slot[0].is_taken = true;
    Pending *stack = ARENA_ARRAY(arena, Pending, (size_t)count + 1);
    int pending = 0;
    if (count) stack[pending++] = (Pending){.end = count};
    while (pending) {
        pending--;
        pending += place_children(&builder, text, stack[pending], stack + pending);
    }
    uint32_t *packed = ARENA_ARRAY(arena, uint32_t, builder.count);
    for (uint32_t i = 0; i < builder.count; i++) packed[i] = builder.slot[i].unit;
    *units = builder.count;
    return packed;
}
