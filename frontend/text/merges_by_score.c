/* merges_by_score.c - see merges_by_score.h. */
#include "frontend/text/merges_by_score.h"

#include "frontend/text/token_index.h"

#include <stdlib.h>

static bool is_piece(const TextToken *token) {
    return token->text.count > 0 && !token->is_hidden && !token->is_byte;
}

/* ---- ranks ---- */

static int compare_scores(const void *a, const void *b) {
    const double one = *(const double *)a, other = *(const double *)b;
    return (one < other) - (one > other);
}

/* Scores, the highest first, each once. Returns how many there are. */
static int sort_scores(const TextModel *model, double *score) {
    int count = 0, kept = 0;
    for (int32_t i = 0; i < model->token_count; i++)
        if (is_piece(&model->token[i])) score[count++] = model->token[i].score;
    if (count) qsort(score, (size_t)count, sizeof *score, compare_scores);
    for (int i = 0; i < count; i++)
        if (kept == 0 || score[i] < score[kept - 1]) score[kept++] = score[i];
    return kept;
}

static uint32_t rank_of(double wanted, const double *score, int count) {
    const double *found = bsearch(&wanted, score, (size_t)count, sizeof *score, compare_scores);
    return (uint32_t)(found - score);
}

/* ---- merges ---- */

static int compare_merges(const void *a, const void *b) {
    const TextPair *one = a, *other = b;
    if (one->rank != other->rank) return one->rank < other->rank ? -1 : 1;
    if (one->token != other->token) return one->token < other->token ? -1 : 1;
    return (one->left > other->left) - (one->left < other->left);
}

/* Writes the ways to part a text into two pieces to `merge`, where that is not null. Returns how
 * many there are. */
static size_t part(const TokenIndex *pieces, int32_t token, uint32_t rank, TextPair *merge) {
    const TextString text = pieces->model->token[token].text, none = {0};
    size_t count = 0;
    for (size_t at = 1; at < text.count; at++) {
        if (((uint8_t)text.bytes[at] & 0xc0) == 0x80) continue; /* within a character */
        const int32_t left = token_index_find(pieces, (TextString){text.bytes, at}, none);
        const TextString behind = {text.bytes + at, text.count - at};
        const int32_t right = left < 0 ? -1 : token_index_find(pieces, behind, none);
        if (right < 0) continue;
        if (merge) merge[count] = (TextPair){left, right, token, rank};
        count++;
    }
    return count;
}

bool merges_would_make(const TextModel *model, int32_t token, Arena *arena) {
    const TokenIndex pieces = token_index_create(model, true, arena);
    return part(&pieces, token, 0, NULL) > 0;
}

void merges_by_score(TextModel *model, Arena *arena) {
    const TokenIndex pieces = token_index_create(model, true, arena);
    double *score = ARENA_ARRAY(arena, double, (size_t)model->token_count + 1);
    const int scores = sort_scores(model, score);
    size_t count = 0, made = 0;
    for (int32_t i = 0; i < model->token_count; i++)
        if (is_piece(&model->token[i])) count += part(&pieces, i, 0, NULL);
    model->merge = ARENA_ARRAY(arena, TextPair, count + 1);
    for (int32_t i = 0; i < model->token_count; i++) {
        if (!is_piece(&model->token[i])) continue;
        const uint32_t rank = rank_of(model->token[i].score, score, scores);
        made += part(&pieces, i, rank, model->merge + made);
    }
    model->merge_count = made;
    if (made) qsort(model->merge, made, sizeof *model->merge, compare_merges);
}
