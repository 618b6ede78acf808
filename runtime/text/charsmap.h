/* charsmap.h - SentencePiece's precompiled normal forms: texts, and what becomes of each.
 *
 * A section: TextCharsmap; its trie (trie.h), whose values are places in the replacements; `states`
 * x `classes` bytes of transitions and the classes of all code points, in blocks; the replacements,
 * each ended by a zero.
 *
 * SentencePiece replaces the longest text that matches at each place. Hugging Face goes by grapheme
 * clusters: one of at most 5 bytes becomes as a whole what the *shortest* text that it begins with
 * becomes; of any other, each character is looked up. Sections of the latter kind have classes.
 */
#ifndef RUNTIME_TEXT_CHARSMAP_H
#define RUNTIME_TEXT_CHARSMAP_H

#include "runtime/text/text_buffer.h"

enum {
    TEXT_CLUSTER_BYTES = 5, /* of the longest grapheme cluster that is replaced as a whole */
    TEXT_CLUSTER_BREAK = 0x80,
    TEXT_CLASS_BLOCK = 128, /* code points */
    TEXT_CLASS_BLOCKS = 0x110000 / TEXT_CLASS_BLOCK,
};

typedef struct TextCharsmap {
    uint32_t units;        /* of the trie */
    uint32_t replacements; /* bytes */
    uint32_t classes;      /* of code points; 0: no clusters, and none of what follows */
    uint32_t states;       /* a transition is the next one, with TEXT_CLUSTER_BREAK where a cluster
                            * begins before the code point */
    uint32_t blocks;       /* of classes, that TEXT_CLASS_BLOCKS bytes choose from */
} TextCharsmap;

bool tw_charsmap_check(const uint8_t *section, uint64_t bytes);

/* Adds the text, which is UTF-8, as the map has it. */
void tw_charsmap(const uint8_t *section, const uint8_t *text, size_t bytes, TextBuffer *out);

/* Adds the text without ' ' at its begin (where `begins`) and its end (where `ends`), and with one
 * where several follow each other: SentencePiece's remove_extra_whitespaces. */
void tw_text_spaces(const uint8_t *text, size_t bytes, bool begins, bool ends, TextBuffer *out);

#endif
