/* tables_added.c - added tokens as tries: those that are found in text as it is, and those that are
 * found in normalised text, whose own texts are normalised, too. */
#include "frontend/text/tables_parts.h"

#include "runtime/text/encoder.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    TextString text;
    int32_t added; /* index in the section */
} Entry;

static int by_text(const void *a, const void *b) {
    const TextString left = ((const Entry *)a)->text, right = ((const Entry *)b)->text;
    const size_t common = left.count < right.count ? left.count : right.count;
    const int order = memcmp(left.bytes, right.bytes, common);
    if (order) return order;
    return left.count == right.count ? 0 : left.count < right.count ? -1 : 1;
}

/* ---- a trie of sorted texts ---- */

typedef struct {
    TextBuffer nodes, edges;
} Trie;

/* Texts entry[first .. end) that have the same first `depth` bytes and hang on one node. */
typedef struct {
    int first, end;
    size_t depth;
} Range;

static TextTrieNode *node_at(Trie *trie, size_t i) {
    return (TextTrieNode *)(void *)trie->nodes.bytes + i;
}

/* Nodes are made level by level, so that a node's edges lie together. Of equal texts the first
 * counts. */
static void build_trie(const Entry *entry, int count, Trie *trie, Arena *arena) {
    size_t bytes = 1;
    for (int i = 0; i < count; i++) bytes += entry[i].text.count;
    Range *range = ARENA_ARRAY(arena, Range, bytes);
    const TextTrieNode fresh = {0, 0, -1};
    range[0] = (Range){0, count, 0};
    tw_text_buffer_add(&trie->nodes, &fresh, sizeof fresh);
    size_t nodes = 1;
    for (size_t n = 0; n < nodes; n++) {
        Range at = range[n];
        if (trie->nodes.failed || trie->edges.failed) return;
        for (; at.first < at.end && entry[at.first].text.count == at.depth; at.first++)
            if (node_at(trie, n)->added < 0) node_at(trie, n)->added = entry[at.first].added;
        node_at(trie, n)->first_edge = (uint32_t)(trie->edges.count / sizeof(TextTrieEdge));
        while (at.first < at.end) {
            const char byte = entry[at.first].text.bytes[at.depth];
            int end = at.first;
            while (end < at.end && entry[end].text.bytes[at.depth] == byte) end++;
            const TextTrieEdge edge = {(uint8_t)byte, (uint32_t)nodes};
            range[nodes++] = (Range){at.first, end, at.depth + 1};
            tw_text_buffer_add(&trie->edges, &edge, sizeof edge);
            tw_text_buffer_add(&trie->nodes, &fresh, sizeof fresh);
            if (trie->nodes.failed) return;
            node_at(trie, n)->edges++;
            at.first = end;
        }
    }
}

static void add_trie(Entry *entry, int count, TablesFile *file, TextSectionKind nodes,
                     TextSectionKind edges, Arena *arena) {
    if (count == 0) return;
    Trie trie = {0};
    qsort(entry, (size_t)count, sizeof *entry, by_text);
    build_trie(entry, count, &trie, arena);
    file->is_full |= trie.nodes.failed || trie.edges.failed;
    tables_file_add(file, nodes, trie.nodes.bytes, trie.nodes.count);
    tables_file_add(file, edges, trie.edges.bytes, trie.edges.count);
    tw_text_buffer_free(&trie.nodes);
    tw_text_buffer_free(&trie.edges);
}

/* ---- the tokens ---- */

static TextString normalised(const TextTables *normaliser, TextString text, TablesFile *file,
                             Arena *arena) {
    TextBuffer out = {0};
    tw_text_normalise(normaliser, (const uint8_t *)text.bytes, text.count, &out);
    file->is_full |= out.failed;
    char *copy = ARENA_ARRAY(arena, char, out.count + 1);
    if (out.count) memcpy(copy, out.bytes, out.count);
    const TextString result = {copy, out.count};
    tw_text_buffer_free(&out);
    return result;
}

bool tables_added(const TextDefinition *definition, TablesFile *file, const TextTables *normaliser,
                  Arena *arena) {
    const size_t count = (size_t)definition->added_count;
    TextAdded *added = ARENA_ARRAY(arena, TextAdded, count + 1);
    Entry *raw = ARENA_ARRAY(arena, Entry, count + 1),
          *normal = ARENA_ARRAY(arena, Entry, count + 1);
    int raws = 0, normals = 0;
    for (int i = 0; i < definition->added_count; i++) {
        const TextAddedToken *token = &definition->added[i];
        added[i].token = token->token;
        if (token->is_special) added[i].flags |= TEXT_ADDED_SPECIAL;
        if (token->lstrip) added[i].flags |= TEXT_ADDED_LSTRIP;
        if (token->rstrip) added[i].flags |= TEXT_ADDED_RSTRIP;
        if (!token->is_normalized) {
            raw[raws++] = (Entry){token->text, i};
            continue;
        }
        const TextString text = normalised(normaliser, token->text, file, arena);
        if (text.count) normal[normals++] = (Entry){text, i};
    }
    tables_file_add(file, TEXT_SECTION_added, added, count * sizeof *added);
    add_trie(raw, raws, file, TEXT_SECTION_added_raw, TEXT_SECTION_added_raw_edges, arena);
    add_trie(normal, normals, file, TEXT_SECTION_added_normal, TEXT_SECTION_added_normal_edges,
             arena);
    return true;
}
