/* added.h - tokens that are found in text before all else. */
#ifndef RUNTIME_TEXT_ADDED_H
#define RUNTIME_TEXT_ADDED_H

#include "runtime/text/tables.h"

/* One of the tables' two tries, with what makes searching it fast. */
typedef struct TextAddedTrie {
    const TextTrieNode *node;
    const TextTrieEdge *edge;
    uint32_t longest;    /* bytes; 0: there are none */
    uint8_t begins[256]; /* whether one begins with this byte */
    bool takes_spaces;   /* one has TEXT_ADDED_LSTRIP or TEXT_ADDED_RSTRIP */
} TextAddedTrie;

struct TwTokenizer {
    TextTables tables;
    TextAddedTrie raw, normal;
    void *map; /* of the file; null: the bytes are somebody else's */
    size_t map_bytes;
};

/* Where the search stands: {0} at the begin of a text. */
typedef struct TextSearch {
    size_t at;         /* the next match begins here or later */
    size_t done;       /* what the last match took; a search never gives back text before */
    size_t start, end; /* of the match, with the white space that it takes */
    int32_t token;
} TextSearch;

/* The next token, the leftmost and of those the longest. Special ones are passed over unless
 * `with_special`. False: there is none; *safe: up to here none begins, whatever follows, all of the
 * text if `is_end`. */
bool tw_text_find_added(const TextTables *tables, const TextAddedTrie *trie, const uint8_t *text,
                        size_t bytes, bool with_special, bool is_end, TextSearch *search,
                        size_t *safe);

void tw_text_added_trie(const TextTables *tables, const TextTrieNode *node, uint32_t nodes,
                        const TextTrieEdge *edge, TextAddedTrie *trie);

#endif
