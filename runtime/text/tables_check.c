/* tables_check.c - every number of the tables that something is found by: one linear walk. */
#include "runtime/text/tables_check.h"

#include "runtime/text/normal.h"
#include "runtime/text/pattern.h"
#include "runtime/text/utf8.h"
#include "runtime/text/vocabulary.h"

#include <string.h>

static bool is_token(const TextTables *tables, int32_t token) {
    return token >= 0 && (uint32_t)token < tables->head->vocab;
}

static bool is_token_or_none(const TextTables *tables, int32_t token) {
    return token == -1 || is_token(tables, token);
}

static bool are_tokens(const TextTables *tables, const int32_t *token, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (!is_token(tables, token[i])) return false;
    return true;
}

static bool ends_with_zero(const char *text, size_t room) {
    return memchr(text, 0, room) != NULL;
}

static bool check_head(const TextTables *tables) {
    const TextHead *head = tables->head;
    if (tables->head_count != 1 || head->model >= TEXT_MODEL_COUNT ||
        head->flags > TEXT_ALL_FLAGS || head->vocab >= INT32_MAX)
        return false;
    for (int i = 0; i < TW_SPECIAL_COUNT; i++)
        if (!is_token_or_none(tables, head->special[i])) return false;
    return is_token_or_none(tables, head->unknown) &&
           ends_with_zero(head->continues, sizeof head->continues) &&
           ends_with_zero(head->word_end, sizeof head->word_end);
}

/* Where `count` texts begin and end in `bytes`. */
static bool check_offsets(const uint32_t *offset, uint32_t offsets, uint32_t count,
                          uint32_t bytes) {
    if (offsets != count + 1 || offset[0] != 0 || offset[count] > bytes) return false;
    bool ascending = true;
    for (uint32_t i = 0; i < count; i++) ascending &= offset[i] <= offset[i + 1];
    return ascending;
}

static bool check_tokens(const TextTables *tables) {
    const uint32_t vocab = tables->head->vocab;
    if (!check_offsets(tables->token_offsets, tables->token_offsets_count, vocab,
                       tables->token_bytes_count) ||
        tables->token_flags_count != vocab)
        return false;
    uint32_t longest = 0;
    for (uint32_t i = 0; i < vocab; i++) {
        const uint32_t bytes = tables->token_offsets[i + 1] - tables->token_offsets[i];
        if (bytes > longest) longest = bytes;
    }
    for (uint32_t i = 0; i < tables->token_first_count; i++) {
        const TextFirst *first = &tables->token_first[i];
        if (first->token >= vocab || (i && first->token <= first[-1].token) ||
            first->offset > tables->first_bytes_count ||
            first->bytes > tables->first_bytes_count - first->offset)
            return false;
        if (first->bytes > longest) longest = first->bytes;
    }
    return tables->head->longest >= TEXT_LONGEST(longest);
}

static bool is_power_of_two(uint32_t count) {
    return count != 0 && (count & (count - 1)) == 0;
}

static uint32_t later(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

/* A search ends at an empty slot: one at least must be there. Slots are many, and which are
 * empty no processor foresees: the loops take no turns. */
static bool check_pieces(const TextTables *tables) {
    if (tables->pieces_count == 0) return true;
    if (!is_power_of_two(tables->pieces_count) ||
        !check_offsets(tables->piece_offsets, tables->piece_offsets_count, tables->head->vocab,
                       tables->piece_bytes_count))
        return false;
    uint32_t empty = 0, above = 0; /* one more than the highest token; -1 is none */
    for (uint32_t i = 0; i < tables->pieces_count; i++) {
        const uint32_t end = (uint32_t)tables->pieces[i].token + 1;
        empty += end == 0;
        above = later(above, end);
    }
    return empty > 0 && above <= tables->head->vocab;
}

static bool check_merges(const TextTables *tables) {
    if (tables->merges_count == 0) return true;
    if (!is_power_of_two(tables->merges_count)) return false;
    uint32_t empty = 0, wrong = 0;
    const uint32_t vocab = tables->head->vocab;
    for (uint32_t i = 0; i < tables->merges_count; i++) {
        const TextMerge *merge = &tables->merges[i];
        const uint32_t is_used = merge->left != -1;
        const uint32_t last =
            later((uint32_t)merge->left, later((uint32_t)merge->right, (uint32_t)merge->token));
        empty += is_used ^ 1;
        wrong |= is_used & ((last >= vocab) | (merge->rank == UINT32_MAX));
    }
    return empty > 0 && wrong == 0;
}

static bool check_model(const TextTables *tables) {
    switch ((TextModelKind)tables->head->model) {
    case TEXT_MODEL_unigram: return tw_unigram_check(tables);
    case TEXT_MODEL_wordpiece: return tw_wordpiece_check(tables);
    default: return true;
    }
}

static bool check_bytes(const TextTables *tables) {
    const bool are_needed =
        (tables->head->flags & (TEXT_BYTES | TEXT_BYTE_FALLBACK)) && tables->head->vocab;
    if (tables->byte_tokens_count != 256) return tables->byte_tokens_count == 0 && !are_needed;
    for (int i = 0; i < 256; i++)
        if (!is_token_or_none(tables, tables->byte_tokens[i])) return false;
    return true;
}

/* ---- steps ---- */

static bool is_text(const TextTables *tables, uint32_t offset, uint32_t bytes) {
    return offset <= tables->step_bytes_count && bytes <= tables->step_bytes_count - offset &&
           tw_utf8_valid(tables->step_bytes + offset, bytes) == bytes;
}

static bool is_step(const TextTables *tables, const TextStep *step, uint32_t kinds) {
    return step->kind < kinds && step->section < tables->section_count &&
           step->behaviour < TEXT_BEHAVIOUR_COUNT &&
           is_text(tables, step->from, step->from_bytes) &&
           is_text(tables, step->text, step->text_bytes);
}

static bool check_pattern(const TextTables *tables, uint32_t index) {
    uint64_t bytes;
    const uint8_t *section = tw_text_section(tables, index, &bytes);
    return tables->directory[index].kind == TEXT_SECTION_pattern &&
           tw_text_pattern_check(section, bytes);
}

static bool check_steps(const TextTables *tables) {
    for (uint32_t i = 0; i < tables->normals_count; i++) {
        const TextStep *step = &tables->normals[i];
        if (!is_step(tables, step, TEXT_NORMAL_COUNT)) return false;
        if (step->kind == TEXT_NORMAL_replace_pattern && !check_pattern(tables, step->section))
            return false;
        if (!tw_text_normal_check(tables, step)) return false;
    }
    for (uint32_t i = 0; i < tables->splits_count; i++) {
        const TextStep *step = &tables->splits[i];
        if (!is_step(tables, step, TEXT_SPLIT_COUNT)) return false;
        if (step->kind == TEXT_SPLIT_pattern && !check_pattern(tables, step->section)) return false;
    }
    return tables->splits_count <= TEXT_MAX_SPLITS;
}

/* ---- added tokens ---- */

static bool check_trie(const TextTables *tables, const TextTrieNode *node, uint32_t nodes,
                       const TextTrieEdge *edge, uint32_t edges) {
    for (uint32_t i = 0; i < nodes; i++) {
        if (node[i].first_edge > edges || node[i].edges > edges - node[i].first_edge) return false;
        if (node[i].added < -1 ||
            (node[i].added >= 0 && (uint32_t)node[i].added >= tables->added_count))
            return false;
    }
    for (uint32_t i = 0; i < edges; i++)
        if (edge[i].node >= nodes || edge[i].byte > 255) return false;
    return nodes == 0 || node[0].added == -1; /* nothing is found where nothing is read */
}

static bool check_added(const TextTables *tables) {
    for (uint32_t i = 0; i < tables->added_count; i++)
        if (!is_token(tables, tables->added[i].token)) return false;
    return check_trie(tables, tables->added_raw, tables->added_raw_count, tables->added_raw_edges,
                      tables->added_raw_edges_count) &&
           check_trie(tables, tables->added_normal, tables->added_normal_count,
                      tables->added_normal_edges, tables->added_normal_edges_count);
}

bool tw_text_tables_check(const TextTables *tables) {
    return check_head(tables) && check_tokens(tables) && check_pieces(tables) &&
           check_merges(tables) && check_model(tables) && check_bytes(tables) &&
           check_steps(tables) && check_added(tables) &&
           are_tokens(tables, tables->before, tables->before_count) &&
           are_tokens(tables, tables->after, tables->after_count) &&
           are_tokens(tables, tables->stops, tables->stops_count);
}
