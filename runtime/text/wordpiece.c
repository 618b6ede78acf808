/* wordpiece.c - WordPiece: from the left, the longest token that fits; behind the first, those that
 * the vocabulary has with the prefix of continuations (Wu et al. 2016). A word that cannot be
 * spelled to its end is one unknown token. */
#include "runtime/text/trie.h"
#include "runtime/text/vocabulary.h"

#include <string.h>

/* Where continuations begin in the trie. False: there are none. */
static bool find_continuations(const TextTables *tables, const uint32_t *trie, uint32_t *node) {
    bool ends;
    *node = tw_trie_root(trie);
    for (const char *byte = tables->head->continues; *byte; byte++)
        if (!tw_trie_step(trie, node, (uint8_t)*byte, &ends)) return false;
    return true;
}

static bool is_too_long(const TextTables *tables, const uint8_t *piece, size_t bytes) {
    size_t characters = 0;
    for (size_t i = 0; i < bytes; i++) characters += (piece[i] & 0xc0) != 0x80;
    return characters > tables->head->word_characters;
}

/* False: it cannot be spelled. */
static bool spell(const TextTables *tables, const uint8_t *piece, size_t bytes, TextSink *sink) {
    const uint32_t *trie = (const uint32_t *)(const void *)tables->trie;
    uint32_t continuations, node = tw_trie_root(trie);
    const bool continues = find_continuations(tables, trie, &continuations);
    for (size_t begin = 0, end; begin < bytes; begin = end) {
        bool ends;
        uint32_t token = 0;
        end = begin;
        for (size_t at = begin; at < bytes && tw_trie_step(trie, &node, piece[at], &ends);) {
            at++;
            if (!ends) continue;
            end = at;
            token = tw_trie_value(trie, node);
        }
        if (end == begin || (end < bytes && !continues)) return false;
        tw_text_sink_add(sink, (int32_t)token);
        node = continuations;
    }
    return true;
}

TwStatus tw_wordpiece_encode(const TextTables *tables, const uint8_t *piece, size_t bytes,
                             TextBuffer *scratch, TextSink *sink) {
    (void)scratch;
    const size_t before = sink->count;
    if (!is_too_long(tables, piece, bytes) && spell(tables, piece, bytes, sink)) return TW_OK;
    sink->count = before;
    if (tables->head->unknown >= 0) tw_text_sink_add(sink, tables->head->unknown);
    return TW_OK;
}

bool tw_wordpiece_check(const TextTables *tables) {
    const TextHead *head = tables->head;
    return memchr(head->continues, '\0', sizeof head->continues) &&
           tables->trie_count % sizeof(uint32_t) == 0 &&
           tw_trie_check((const uint32_t *)(const void *)tables->trie,
                         tables->trie_count / sizeof(uint32_t), head->vocab);
}
