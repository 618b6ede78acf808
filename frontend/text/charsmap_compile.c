/* charsmap_compile.c - checks a charsmap whole, and adds what grapheme clusters need. */
#include "frontend/text/charsmap_compile.h"

#include "frontend/text/graphemes.h"
#include "runtime/text/charsmap.h"
#include "runtime/text/trie.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_MAP = 1 << 28 /* bytes */ };

static uint32_t little_endian(const char *bytes) {
    const uint8_t *byte = (const uint8_t *)bytes;
    return byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
}

/* The trie's bytes, which the map must hold with a replacement behind. */
static bool find_trie(TextString map, const char *where, Loc loc, uint32_t *bytes, Diag *diag) {
    if (map.count > MAX_MAP)
        return diag_error(diag, loc, "%s: a charsmap of %zu bytes is too large", where, map.count);
    if (map.count < sizeof *bytes)
        return diag_error(diag, loc, "%s: expected a charsmap of at least 4 bytes, found %zu",
                          where, map.count);
    *bytes = little_endian(map.bytes);
    const uint64_t left = map.count - sizeof *bytes;
    if (*bytes % sizeof(uint32_t) == 0 && *bytes > 0 && *bytes < left) return true;
    return diag_error(diag, loc,
                      "%s: the charsmap says that its trie has %" PRIu32 " bytes, of %" PRIu64
                      " that it and the replacements have",
                      where, *bytes, left);
}

/* Replacements begin with a character wherever the trie leads. */
static bool is_aligned(const uint32_t *unit, uint32_t units, const char *replacement) {
    for (uint32_t i = 0; i < units; i++) {
        if ((unit[i] & TW_TRIE_VALUE) || !(unit[i] & 0x100)) continue;
        const uint32_t value = tw_trie_value(unit, i ^ tw_trie_offset(unit[i]));
        if (((uint8_t)replacement[value] & 0xc0) == 0x80) return false;
    }
    return true;
}

static void add_trie(const char *bytes, uint32_t count, uint32_t units, TextBuffer *out) {
    for (uint32_t i = 0; i < units; i++) {
        const uint32_t unit = i < count ? little_endian(bytes + 4 * (size_t)i) : 0;
        tw_text_buffer_add(out, &unit, sizeof unit);
    }
}

bool charsmap_compile(TextString map, bool is_longest, const char *where, Loc loc, TextBuffer *out,
                      Diag *diag) {
    uint32_t trie_bytes = 0;
    if (!find_trie(map, where, loc, &trie_bytes, diag)) return false;
    const uint32_t count = trie_bytes / (uint32_t)sizeof(uint32_t);
    const char *replacement = map.bytes + sizeof(uint32_t) + trie_bytes;
    const size_t length = map.count - sizeof(uint32_t) - trie_bytes;
    TextCharsmap head = {.units = (count + TW_TRIE_BLOCK - 1) / TW_TRIE_BLOCK * TW_TRIE_BLOCK,
                         .replacements = (uint32_t)length};
    const bool is_ended = replacement[length - 1] == '\0';
    if (!is_ended) head.replacements++;
    if (!is_longest) {
        head.classes = GRAPHEME_CLASS_COUNT;
        head.states = GRAPHEME_STATE_COUNT;
    }
    const size_t begin = out->count, trie = begin + sizeof head;
    tw_text_buffer_add(out, &head, sizeof head);
    add_trie(map.bytes + sizeof(uint32_t), count, head.units, out);
    if (!is_longest) head.blocks = grapheme_tables(out);
    tw_text_buffer_add(out, replacement, length);
    if (!is_ended) tw_text_buffer_add(out, "", 1);
    if (out->failed) return diag_error(diag, loc, "%s: out of memory", where);
    memcpy(out->bytes + begin, &head, sizeof head);
    const uint32_t *unit = (const uint32_t *)(const void *)(out->bytes + trie);
    if (!tw_charsmap_check(out->bytes + begin, out->count - begin) ||
        !is_aligned(unit, head.units, replacement))
        return diag_error(diag, loc, "%s: the trie of the charsmap leads out of it", where);
    return true;
}
