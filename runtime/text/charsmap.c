/* charsmap.c - see charsmap.h. */
#include "runtime/text/charsmap.h"

#include "runtime/text/trie.h"
#include "runtime/text/utf8.h"

#include <string.h>

typedef struct {
    const TextCharsmap *head;
    const uint32_t *trie;
    const uint8_t *next;  /* [states][classes] */
    const uint8_t *index; /* [TEXT_CLASS_BLOCKS] */
    const uint8_t *class; /* [blocks][TEXT_CLASS_BLOCK] */
    const char *replacement;
} Map;

static Map map_of(const uint8_t *section) {
    Map map = {.head = (const TextCharsmap *)(const void *)section};
    map.trie = (const uint32_t *)(map.head + 1);
    map.next = (const uint8_t *)(map.trie + map.head->units);
    map.index = map.next + map.head->states * map.head->classes;
    map.class = map.index + (map.head->classes ? TEXT_CLASS_BLOCKS : 0);
    map.replacement = (const char *)map.class + map.head->blocks * TEXT_CLASS_BLOCK;
    return map;
}

/* Bytes of the character at text[0]; what a map makes need not be whole characters. */
static size_t character_bytes(const uint8_t *text, size_t bytes) {
    const size_t count = tw_utf8_bytes(text[0]);
    return count < bytes ? count : bytes;
}

/* Adds what becomes of a text that these bytes begin with, the longest or the shortest, and says
 * how long that is. False: none begins. */
static bool replace(const Map *map, const uint8_t *text, size_t bytes, size_t *matched,
                    TextBuffer *out) {
    const bool is_longest = map->head->classes == 0;
    const char *found = NULL;
    uint32_t node = tw_trie_root(map->trie);
    bool ends;
    for (size_t at = 0; at < bytes && tw_trie_step(map->trie, &node, text[at], &ends);) {
        at++;
        if (!ends) continue;
        found = map->replacement + tw_trie_value(map->trie, node);
        *matched = at;
        if (!is_longest) break;
    }
    if (found) tw_text_buffer_add(out, found, strlen(found));
    return found;
}

/* Each character alone, or, of the longest matches, what begins with it. */
static void replace_characters(const Map *map, const uint8_t *text, size_t bytes, TextBuffer *out) {
    for (size_t count; bytes; text += count, bytes -= count) {
        const size_t character = character_bytes(text, bytes);
        if (replace(map, text, map->head->classes ? character : bytes, &count, out)) continue;
        tw_text_buffer_add(out, text, character);
        count = character;
    }
}

/* Bytes of the grapheme cluster that the text begins with. */
static size_t cluster_bytes(const Map *map, const uint8_t *text, size_t bytes) {
    uint32_t state = 0;
    for (size_t at = 0, count; at < bytes; at += count) {
        count = tw_utf8_bytes(text[at]);
        if (count > bytes - at) break;
        const uint32_t code = tw_utf8_character(text + at) % 0x110000;
        const uint8_t *block = map->class + map->index[code / TEXT_CLASS_BLOCK] * TEXT_CLASS_BLOCK;
        const uint8_t next = map->next[state * map->head->classes + block[code % TEXT_CLASS_BLOCK]];
        if (at > 0 && (next & TEXT_CLUSTER_BREAK)) return at;
        state = next & (TEXT_CLUSTER_BREAK - 1u);
    }
    return bytes;
}

void tw_charsmap(const uint8_t *section, const uint8_t *text, size_t bytes, TextBuffer *out) {
    const Map map = map_of(section);
    if (map.head->classes == 0) {
        replace_characters(&map, text, bytes, out);
        return;
    }
    for (size_t count, matched; bytes; text += count, bytes -= count) {
        count = cluster_bytes(&map, text, bytes);
        if (count > TEXT_CLUSTER_BYTES || !replace(&map, text, count, &matched, out))
            replace_characters(&map, text, count, out);
    }
}

/* ---- checks ---- */

static bool all_below(const uint8_t *bytes, uint64_t count, uint8_t mask, uint32_t limit) {
    for (uint64_t i = 0; i < count; i++)
        if ((bytes[i] & mask) >= limit) return false;
    return true;
}

bool tw_charsmap_check(const uint8_t *section, uint64_t bytes) {
    const TextCharsmap *head = (const TextCharsmap *)(const void *)section;
    if (bytes < sizeof *head || head->states > TEXT_CLUSTER_BREAK || head->classes > 256 ||
        (head->classes == 0) != (head->states == 0) || (head->classes == 0) != (head->blocks == 0))
        return false;
    const uint64_t transitions = head->states * head->classes,
                   index = head->classes ? TEXT_CLASS_BLOCKS : 0,
                   classes = (uint64_t)head->blocks * TEXT_CLASS_BLOCK;
    if (bytes != sizeof *head + head->units * (uint64_t)sizeof(uint32_t) + transitions + index +
                     classes + head->replacements)
        return false;
    const Map map = map_of(section);
    return tw_trie_check(map.trie, head->units, head->replacements) && head->replacements > 0 &&
           map.replacement[head->replacements - 1] == '\0' &&
           all_below(map.next, transitions, TEXT_CLUSTER_BREAK - 1, head->states) &&
           all_below(map.index, index, 0xff, head->blocks) &&
           all_below(map.class, classes, 0xff, head->classes);
}

/* ---- spaces ---- */

void tw_text_spaces(const uint8_t *text, size_t bytes, bool begins, bool ends, TextBuffer *out) {
    while (ends && bytes && text[bytes - 1] == ' ') bytes--;
    for (size_t at = 0, count; at < bytes; at += count) {
        const uint8_t *space = memchr(text + at, ' ', bytes - at);
        count = space ? (size_t)(space - text) - at : bytes - at;
        tw_text_buffer_add(out, text + at, count);
        if (!space) return;
        if (at + count > 0 || !begins) tw_text_buffer_add(out, " ", 1);
        while (at + count < bytes && text[at + count] == ' ') count++;
    }
}
