/* tables_vocabulary.c - see tables_vocabulary.h. */
#include "frontend/text/tables_vocabulary.h"

#include "frontend/text/trie_build.h"
#include "runtime/text/vocabulary.h"

#include <math.h>
#include <string.h>

static const double unknown_penalty = 10; /* SentencePiece's kUnkPenalty */

static bool is_found(const TextToken *token) {
    return token->text.count > 0 && !token->is_hidden && !token->is_byte;
}

static bool check_token(const TextDefinition *definition, int32_t number, size_t longest,
                        Diag *diag) {
    const TextString text = definition->model.token[number].text;
    if (memchr(text.bytes, '\0', text.count))
        return diag_error(diag, definition->loc, "token %d: a zero byte has no place in a %s model",
                          number,
                          definition->model.kind == TEXT_MODEL_unigram ? "Unigram" : "WordPiece");
    return text.count <= longest ||
           diag_error(diag, definition->loc, "token %d: expected at most %zu bytes, found %zu",
                      number, longest, text.count);
}

static bool add_section(const TextDefinition *definition, TablesFile *file, TextSectionKind kind,
                        const void *bytes, size_t count, Diag *diag) {
    return tables_file_add(file, kind, bytes, count) != 0 ||
           diag_error(diag, definition->loc, "out of memory");
}

static bool add_trie(const TextDefinition *definition, TablesFile *file, size_t longest,
                     Diag *diag) {
    const TextModel *model = &definition->model;
    TrieText *text = ARENA_ARRAY(file->arena, TrieText, (size_t)model->token_count + 1);
    int count = 0;
    for (int32_t i = 0; i < model->token_count; i++) {
        if (!is_found(&model->token[i])) continue;
        if (!check_token(definition, i, longest, diag)) return false;
        const TextString token = model->token[i].text;
        text[count++] = (TrieText){token.bytes, (uint32_t)token.count, (uint32_t)i};
    }
    uint32_t units;
    const uint32_t *unit = trie_build(text, count, file->arena, &units);
    return add_section(definition, file, TEXT_SECTION_trie, unit, units * sizeof *unit, diag);
}

/* ---- Unigram ---- */

/* An unknown character costs more than any token. */
static bool add_scores(const TextDefinition *definition, TablesFile *file, Diag *diag) {
    const TextModel *model = &definition->model;
    const size_t count = (size_t)model->token_count;
    double *score = ARENA_ARRAY(file->arena, double, count + 1), least = INFINITY;
    for (size_t i = 0; i < count; i++) {
        score[i] = model->token[i].score;
        if (!isfinite(score[i]))
            return diag_error(diag, definition->loc, "token %zu: expected a score that is a number",
                              i);
        if (is_found(&model->token[i]) && score[i] < least) least = score[i];
    }
    score[count] = (isfinite(least) ? least : 0) - unknown_penalty;
    return add_section(definition, file, TEXT_SECTION_unigram_scores, score,
                       (count + 1) * sizeof *score, diag);
}

bool tables_unigram(const TextDefinition *definition, TablesFile *file, Diag *diag) {
    return add_trie(definition, file, TEXT_LONGEST_TOKEN, diag) &&
           add_scores(definition, file, diag);
}

/* ---- WordPiece ---- */

bool tables_wordpiece(const TextDefinition *definition, TablesFile *file, Diag *diag) {
    return add_trie(definition, file, UINT32_MAX, diag);
}
