/* added.c - see added.h. What a token takes of the white space around it is as in Hugging Face's
 * library: to the left no more than the token before has left, to the right all of it. */
#include "runtime/text/added.h"

#include "runtime/text/utf8.h"

#include <string.h>

/* ---- the trie ---- */

/* The edges of a trie lead to nodes with higher numbers, so that depths are known in one walk;
 * those that do not are never followed deeper than the trie has nodes, and `longest` is of them
 * all. */
void tw_text_added_trie(const TextTables *tables, const TextTrieNode *node, uint32_t nodes,
                        const TextTrieEdge *edge, TextAddedTrie *trie) {
    *trie = (TextAddedTrie){.node = node, .edge = edge};
    if (nodes == 0) return;
    for (uint32_t i = 0; i < node->edges; i++) trie->begins[edge[node->first_edge + i].byte] = 1;
    trie->longest = nodes - 1; /* as long as the longest token, or longer */
    for (uint32_t i = 0; i < nodes; i++) {
        if (node[i].added < 0) continue;
        const uint32_t flags = tables->added[node[i].added].flags;
        if (flags & (TEXT_ADDED_LSTRIP | TEXT_ADDED_RSTRIP)) trie->takes_spaces = true;
    }
}

static const TextTrieNode *step(const TextAddedTrie *trie, const TextTrieNode *node, uint8_t byte) {
    const TextTrieEdge *edge = trie->edge + node->first_edge;
    uint32_t low = 0, high = node->edges;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (edge[middle].byte < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low < node->edges && edge[low].byte == byte ? trie->node + edge[low].node : NULL;
}

/* The longest token at text[0]: its bytes, 0: none. *runs_out: the text ends before it is clear. */
static size_t longest_at(const TextAddedTrie *trie, const uint8_t *text, size_t bytes,
                         int32_t *added, bool *runs_out) {
    const TextTrieNode *node = trie->node;
    size_t length = 0;
    *runs_out = false;
    for (size_t i = 0;; i++) {
        if (node->added >= 0) {
            *added = node->added;
            length = i;
        }
        if (i == bytes) {
            *runs_out = node->edges > 0;
            return length;
        }
        node = step(trie, node, text[i]);
        if (!node) return length;
    }
}

/* ---- white space ---- */

static size_t spaces_before(const uint8_t *text, size_t least, size_t end) {
    while (end > least) {
        size_t start = end - 1;
        while (start > least && (text[start] & 0xC0) == 0x80) start--;
        if (end - start > 4 || tw_utf8_bytes(text[start]) != end - start ||
            !tw_utf8_is_space(tw_utf8_character(text + start)))
            break;
        end = start;
    }
    return end;
}

static size_t spaces_behind(const uint8_t *text, size_t start, size_t bytes) {
    bool is_open;
    while (start < bytes) {
        const int length = tw_utf8_next(text + start, bytes - start, &is_open);
        if (length < 0 || !tw_utf8_is_space(tw_utf8_character(text + start))) break;
        start += (size_t)length;
    }
    return start;
}

/* ---- the search ---- */

/* Where the next token may begin. */
static size_t next_begin(const TextAddedTrie *trie, const uint8_t *text, size_t at, size_t bytes) {
    while (at < bytes && !trie->begins[text[at]]) at++;
    return at;
}

bool tw_text_find_added(const TextTables *tables, const TextAddedTrie *trie, const uint8_t *text,
                        size_t bytes, bool with_special, bool is_end, TextSearch *search,
                        size_t *safe) {
    size_t at = search->at;
    for (; trie->longest > 0; at++) {
        at = next_begin(trie, text, at, bytes);
        if (at == bytes) break;
        int32_t added = -1;
        bool runs_out;
        const size_t length = longest_at(trie, text + at, bytes - at, &added, &runs_out);
        if (runs_out && !is_end) break;
        if (length == 0) continue;
        const TextAdded *found = &tables->added[added];
        if (!with_special && found->flags & TEXT_ADDED_SPECIAL) {
            at += length - 1;
            continue;
        }
        size_t start = at, end = at + length;
        if (found->flags & TEXT_ADDED_LSTRIP) start = spaces_before(text, search->done, start);
        if (found->flags & TEXT_ADDED_RSTRIP) {
            end = spaces_behind(text, end, bytes);
            if (end == bytes && !is_end) break;
        }
        *search = (TextSearch){at + length, end, start < search->done ? search->done : start, end,
                               found->token};
        return true;
    }
    search->at = at;
    *safe = at;
    if (trie->takes_spaces && !is_end) *safe = spaces_before(text, search->done, at);
    return false;
}
