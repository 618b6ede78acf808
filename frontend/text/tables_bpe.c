/* tables_bpe.c - BPE: the vocabulary as a hash, merges as a hash of pairs.
 *
 * The hash of pieces has single symbols, and those tokens that merging their own text gives: a
 * piece that is found there needs no merging. The runtime's own encoder finds out which they are.
 */
#include "frontend/text/tables_parts.h"

#include "runtime/text/encode.h"
#include "runtime/text/utf8.h"

#include <string.h>

typedef struct {
    const TextDefinition *definition;
    const TextModel *model;
    TextHead *head;
    Arena *arena;
    TextString *piece; /* of each token, null: it is never looked up */
    TextTables tables; /* as they grow */
    uint8_t *bytes;    /* all pieces */
    uint32_t *offset;
    TextPieceSlot *slot;
    uint32_t slots;
} Bpe;

static uint32_t slots_for(size_t count) {
    uint32_t slots = 4;
    while (slots < count + count / 2 + 1) slots *= 2;
    return slots;
}

/* ---- pieces ---- */

static void take_pieces(Bpe *bpe) {
    const TextModel *model = bpe->model;
    bpe->piece = ARENA_ARRAY(bpe->arena, TextString, (size_t)model->token_count + 1);
    for (int32_t i = 0; i < model->token_count; i++) {
        const TextToken *token = &model->token[i];
        if (!token->text.bytes || token->is_hidden) continue;
        bpe->piece[i] = bpe->definition->is_byte_level
                            ? tables_spelled_bytes(token->text, bpe->arena)
                            : token->text;
    }
}

static void lay_out_pieces(Bpe *bpe) {
    const int32_t count = bpe->model->token_count;
    size_t bytes = 0;
    bpe->offset = ARENA_ARRAY(bpe->arena, uint32_t, (size_t)count + 1);
    for (int32_t i = 0; i < count; i++) bytes += bpe->piece[i].count;
    bpe->bytes = ARENA_ARRAY(bpe->arena, uint8_t, bytes + 1);
    bytes = 0;
    for (int32_t i = 0; i < count; i++) {
        bpe->offset[i] = (uint32_t)bytes;
        if (bpe->piece[i].count)
            memcpy(bpe->bytes + bytes, bpe->piece[i].bytes, bpe->piece[i].count);
        bytes += bpe->piece[i].count;
    }
    bpe->offset[count] = (uint32_t)bytes;
    bpe->slots = slots_for((size_t)count);
    bpe->slot = ARENA_ARRAY(bpe->arena, TextPieceSlot, bpe->slots);
    for (uint32_t i = 0; i < bpe->slots; i++) bpe->slot[i].token = -1;
    bpe->tables.piece_bytes = bpe->bytes;
    bpe->tables.piece_bytes_count = (uint32_t)bytes;
    bpe->tables.piece_offsets = bpe->offset;
    bpe->tables.piece_offsets_count = (uint32_t)count + 1;
    bpe->tables.pieces = bpe->slot;
    bpe->tables.pieces_count = bpe->slots;
}

/* Of two tokens with the same text the first is found. */
static void add_piece(Bpe *bpe, int32_t token) {
    const TextString piece = bpe->piece[token];
    if (tw_text_piece(&bpe->tables, (const uint8_t *)piece.bytes, piece.count) >= 0) return;
    const uint64_t hash = tw_text_hash((const uint8_t *)piece.bytes, piece.count);
    uint32_t i = (uint32_t)hash & (bpe->slots - 1);
    while (bpe->slot[i].token >= 0) i = (i + 1) & (bpe->slots - 1);
    bpe->slot[i] = (TextPieceSlot){(uint32_t)(hash >> 32), token};
}

static bool starts_with(TextString text, TextString start) {
    return text.count >= start.count && memcmp(text.bytes, start.bytes, start.count) == 0;
}

static bool ends_with(TextString text, TextString end) {
    return text.count >= end.count &&
           memcmp(text.bytes + text.count - end.count, end.bytes, end.count) == 0;
}

/* A byte, or a character, with what stands before and behind it in its place. */
static bool is_symbol(const Bpe *bpe, TextString piece) {
    const TextString end = bpe->model->word_end, start = bpe->model->continues;
    if (end.count && ends_with(piece, end)) piece.count -= end.count;
    if (start.count && starts_with(piece, start)) {
        piece.bytes += start.count;
        piece.count -= start.count;
    }
    if (piece.count == 0) return false;
    const size_t first = bpe->head->flags & TEXT_BYTES ? 1 : tw_utf8_bytes((uint8_t)piece.bytes[0]);
    return piece.count == first;
}

/* Whether merging the text of a token gives the token. The encoder puts the end of a word behind
 * what it is given. */
static bool gives_itself(const Bpe *bpe, int32_t token, TextBuffer *scratch) {
    TextString piece = bpe->piece[token];
    if (bpe->model->word_end.count) {
        if (!ends_with(piece, bpe->model->word_end)) return false;
        piece.count -= bpe->model->word_end.count;
    }
    int32_t first = -1;
    TextSink sink = {&first, 1, 0};
    return tw_bpe_encode(&bpe->tables, (const uint8_t *)piece.bytes, piece.count, scratch, &sink) ==
               TW_OK &&
           sink.count == 1 && first == token;
}

static void add_pieces(Bpe *bpe) {
    const int32_t count = bpe->model->token_count;
    bool *is_found = ARENA_ARRAY(bpe->arena, bool, (size_t)count + 1);
    TextBuffer scratch = {0};
    for (int32_t i = 0; i < count; i++)
        if (bpe->piece[i].count && is_symbol(bpe, bpe->piece[i])) add_piece(bpe, i);
    for (int32_t i = 0; i < count; i++)
        is_found[i] = bpe->piece[i].count &&
                      (bpe->head->flags & TEXT_WHOLE_PIECES || gives_itself(bpe, i, &scratch));
    for (int32_t i = 0; i < count; i++)
        if (is_found[i]) add_piece(bpe, i);
    tw_text_buffer_free(&scratch);
}

/* ---- bytes and merges ---- */

static void take_bytes(Bpe *bpe, int32_t *byte_tokens) {
    for (int i = 0; i < 256; i++) byte_tokens[i] = -1;
    for (int32_t i = bpe->model->token_count - 1; i >= 0; i--) {
        const TextToken *token = &bpe->model->token[i];
        if (bpe->head->flags & TEXT_BYTE_FALLBACK && token->is_byte) byte_tokens[token->byte] = i;
        if (bpe->head->flags & TEXT_BYTES && bpe->piece[i].count == 1)
            byte_tokens[(uint8_t)bpe->piece[i].bytes[0]] = i;
    }
    bpe->tables.byte_tokens = byte_tokens;
    bpe->tables.byte_tokens_count = 256;
}

/* Of two merges of the same pair the last counts, as in Hugging Face's library. */
static void add_merge(TextMerge *slot, uint32_t slots, const TextPair *pair) {
    uint32_t i = (uint32_t)tw_text_hash_pair(pair->left, pair->right) & (slots - 1);
    while (slot[i].left >= 0 && (slot[i].left != pair->left || slot[i].right != pair->right))
        i = (i + 1) & (slots - 1);
    slot[i] = (TextMerge){pair->left, pair->right, pair->rank, pair->token};
}

static void take_merges(Bpe *bpe) {
    const TextModel *model = bpe->model;
    const uint32_t slots = slots_for(model->merge_count);
    TextMerge *slot = ARENA_ARRAY(bpe->arena, TextMerge, slots);
    for (uint32_t i = 0; i < slots; i++) slot[i].left = -1;
    for (size_t i = 0; i < model->merge_count; i++) add_merge(slot, slots, &model->merge[i]);
    bpe->tables.merges = slot;
    bpe->tables.merges_count = slots;
}

/* ---- where pieces may be cut ---- */

/* The character that stands for ' ': what a normaliser or a metaspace makes of it, or itself. */
static TextString space_of(const TextDefinition *definition) {
    for (int i = 0; i < definition->normal_count; i++) {
        const TextNormal *normal = &definition->normal[i];
        if (normal->kind == TEXT_NORMAL_replace && normal->from.count == 1 &&
            normal->from.bytes[0] == ' ')
            return normal->text;
    }
    for (int i = 0; i < definition->split_count; i++)
        if (definition->split[i].kind == TEXT_SPLIT_metaspace) return definition->split[i].text;
    return (TextString){" ", 1};
}

/* A merge of something that does not end with a space, and something that begins with one. */
static bool crosses(const TextModel *model, const TextPair *pair, TextString space) {
    const TextString left = model->token[pair->left].text, right = model->token[pair->right].text;
    return starts_with(right, space) && !ends_with(left, space);
}

/* Unknown characters that are one token must not be parted by a cut: a space must be known. */
static void find_cut(Bpe *bpe) {
    const TextModel *model = bpe->model;
    const TextString space = space_of(bpe->definition);
    if (space.count == 0 || tw_utf8_bytes((uint8_t)space.bytes[0]) != space.count ||
        model->word_end.count || model->continues.count ||
        bpe->head->flags & (TEXT_BYTES | TEXT_WHOLE_PIECES) ||
        tw_text_piece(&bpe->tables, (const uint8_t *)space.bytes, space.count) < 0)
        return;
    for (size_t i = 0; i < model->merge_count; i++)
        if (crosses(model, &model->merge[i], space)) return;
    bpe->head->flags |= TEXT_CUT_AT_SPACE;
    bpe->head->space = tw_utf8_character((const uint8_t *)space.bytes);
}

/* ---- sections ---- */

static bool take_affix(const TextDefinition *definition, TextString affix, const char *key,
                       char *out, size_t room, Diag *diag) {
    if (affix.count >= room || (affix.count && memchr(affix.bytes, 0, affix.count)))
        return diag_error(diag, definition->loc, "model.%s: expected at most %zu bytes, none zero",
                          key, room - 1);
    if (affix.count) memcpy(out, affix.bytes, affix.count);
    return true;
}

static void add_sections(const Bpe *bpe, TablesFile *file) {
    const TextTables *tables = &bpe->tables;
    tables_file_add(file, TEXT_SECTION_piece_bytes, bpe->bytes, tables->piece_bytes_count);
    tables_file_add(file, TEXT_SECTION_piece_offsets, bpe->offset,
                    tables->piece_offsets_count * sizeof *bpe->offset);
    tables_file_add(file, TEXT_SECTION_pieces, bpe->slot, bpe->slots * sizeof *bpe->slot);
    tables_file_add(file, TEXT_SECTION_byte_tokens, tables->byte_tokens,
                    256 * sizeof *tables->byte_tokens);
    tables_file_add(file, TEXT_SECTION_merges, tables->merges,
                    tables->merges_count * sizeof *tables->merges);
}

bool tables_bpe(const TextDefinition *definition, TablesFile *file, TextHead *head, Arena *arena,
                Diag *diag) {
    const TextModel *model = &definition->model;
    Bpe bpe = {.definition = definition, .model = model, .head = head, .arena = arena};
    if (!take_affix(definition, model->continues, "continuing_subword_prefix", head->continues,
                    sizeof head->continues, diag) ||
        !take_affix(definition, model->word_end, "end_of_word_suffix", head->word_end,
                    sizeof head->word_end, diag))
        return false;
    if (model->ignore_merges && model->word_end.count)
        return diag_error(diag, definition->loc,
                          "model: ignore_merges and end_of_word_suffix are not supported together");
    if (definition->is_byte_level) head->flags |= TEXT_BYTES;
    if (model->byte_fallback) head->flags |= TEXT_BYTE_FALLBACK;
    if (model->fuse_unknown) head->flags |= TEXT_FUSE_UNKNOWN;
    if (model->ignore_merges) head->flags |= TEXT_WHOLE_PIECES;
    bpe.tables.head = head;
    int32_t byte_tokens[256];
    take_pieces(&bpe);
    lay_out_pieces(&bpe);
    take_bytes(&bpe, byte_tokens);
    take_merges(&bpe);
    add_pieces(&bpe);
    find_cut(&bpe);
    add_sections(&bpe, file);
    return true;
}
