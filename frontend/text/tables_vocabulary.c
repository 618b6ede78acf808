/* tables_vocabulary.c - Unigram and WordPiece, which search their vocabulary by prefixes: a trie, and
 * for Unigram scores (runtime/text/vocabulary.h). */
#include "frontend/text/definition_lists.h"
#include "frontend/text/tables_parts.h"
#include "frontend/text/trie_build.h"
#include "runtime/text/utf8.h"
#include "runtime/text/vocabulary.h"

#include <math.h>
#include <string.h>

static const double unknown_penalty = 10; /* SentencePiece's kUnkPenalty */

/* Of a token as the model looks for it; null: it does not. */
static TextString text_of_token(const TextDefinition *definition, int32_t number, Arena *arena) {
    const TextToken *token = &definition->model.token[number];
    if (token->text.count == 0 || token->is_hidden || token->is_byte) return (TextString){0};
    return definition->is_byte_level ? tables_spelled_bytes(token->text, arena) : token->text;
}

static bool check_token(const TextDefinition *definition, int32_t number, TextString text,
                        Diag *diag) {
    if (memchr(text.bytes, '\0', text.count))
        return diag_error(diag, definition->loc,
                          "token %d: a zero byte is not supported in this kind of model", number);
    return text.count <= TEXT_LONGEST_TOKEN ||
           diag_error(diag, definition->loc, "token %d: expected at most %d bytes, found %zu",
                      number, (int)TEXT_LONGEST_TOKEN, text.count);
}

static bool add_trie(const TextDefinition *definition, TablesFile *file, Arena *arena, Diag *diag) {
    const int32_t tokens = definition->model.token_count;
    TrieText *text = ARENA_ARRAY(arena, TrieText, (size_t)tokens + 1);
    int count = 0;
    for (int32_t i = 0; i < tokens; i++) {
        const TextString token = text_of_token(definition, i, arena);
        if (token.count == 0) continue;
        if (!check_token(definition, i, token, diag)) return false;
        text[count++] = (TrieText){token.bytes, (uint32_t)token.count, (uint32_t)i};
    }
    uint32_t units;
    const uint32_t *unit = trie_build(text, count, arena, &units);
    tables_file_add(file, TEXT_SECTION_trie, unit, units * sizeof *unit);
    return true;
}

/* ---- Unigram ---- */

/* An unknown character costs more than any token. */
static bool add_scores(const TextDefinition *definition, TablesFile *file, Arena *arena,
                       Diag *diag) {
    const TextModel *model = &definition->model;
    const size_t count = (size_t)model->token_count;
    double *score = ARENA_ARRAY(arena, double, count + 1), least = INFINITY;
    for (size_t i = 0; i < count; i++) {
        const TextToken *token = &model->token[i];
        score[i] = token->score;
        if (!isfinite(score[i]))
            return diag_error(diag, definition->loc, "token %zu: expected a finite score", i);
        if (token->text.bytes && !token->is_hidden && !token->is_byte && score[i] < least)
            least = score[i];
    }
    score[count] = (isfinite(least) ? least : 0) - unknown_penalty;
    tables_file_add(file, TEXT_SECTION_unigram_scores, score, (count + 1) * sizeof *score);
    return true;
}

static void add_bytes(const TextDefinition *definition, TablesFile *file) {
    int32_t token[256];
    for (int i = 0; i < 256; i++) token[i] = -1;
    for (int32_t i = definition->model.token_count - 1; i >= 0; i--)
        if (definition->model.token[i].is_byte) token[definition->model.token[i].byte] = i;
    tables_file_add(file, TEXT_SECTION_byte_tokens, token, sizeof token);
}

static bool is_space(const char *text, size_t bytes) {
    return bytes >= strlen(TEXT_SPACE) && memcmp(text, TEXT_SPACE, strlen(TEXT_SPACE)) == 0;
}

/* Whether U+2581 stands behind something else: such a token reaches across a cut. */
static bool crosses_space(TextString text) {
    const size_t width = strlen(TEXT_SPACE);
    for (size_t i = 1; i < text.count; i++) {
        const bool follows = i >= width && is_space(text.bytes + i - width, width);
        if (!follows && is_space(text.bytes + i, text.count - i)) return true;
    }
    return false;
}

/* Where U+2581 is a token, and begins all tokens that it is in, pieces may be cut before it. */
static void find_cut(const TextDefinition *definition, TextHead *head, Arena *arena) {
    bool has_space = false;
    for (int32_t i = 0; i < definition->model.token_count; i++) {
        const TextString text = text_of_token(definition, i, arena);
        if (crosses_space(text)) return;
        has_space |= text.count == strlen(TEXT_SPACE) && is_space(text.bytes, text.count);
    }
    if (!has_space || definition->is_byte_level) return;
    head->flags |= TEXT_CUT_AT_SPACE;
    head->space = tw_utf8_character((const uint8_t *)TEXT_SPACE);
}

bool tables_unigram(const TextDefinition *definition, TablesFile *file, TextHead *head,
                    Arena *arena, Diag *diag) {
    if (definition->is_byte_level) head->flags |= TEXT_BYTES;
    if (definition->model.byte_fallback) head->flags |= TEXT_BYTE_FALLBACK;
    head->flags |= TEXT_FUSE_UNKNOWN;
    add_bytes(definition, file);
    find_cut(definition, head, arena);
    return add_trie(definition, file, arena, diag) && add_scores(definition, file, arena, diag);
}

/* ---- WordPiece ---- */

bool tables_wordpiece(const TextDefinition *definition, TablesFile *file, TextHead *head,
                      Arena *arena, Diag *diag) {
    const TextString continues = definition->model.continues;
    if (continues.count >= sizeof head->continues ||
        (continues.count && memchr(continues.bytes, '\0', continues.count)))
        return diag_error(diag, definition->loc,
                          "model.continuing_subword_prefix: expected at most %zu bytes, none zero",
                          sizeof head->continues - 1);
    if (continues.count) memcpy(head->continues, continues.bytes, continues.count);
    return add_trie(definition, file, arena, diag);
}
