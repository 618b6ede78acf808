/* merges_by_score.c - see merges_by_score.h. */
#include "frontend/text/merges_by_score.h"

#include "ir/hash.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const TextModel *model;
    int32_t *slot; /* a hash of texts: tokens, -1: empty */
    uint64_t mask;
} Pieces;

static bool is_piece(const TextToken *token) {
    return token->text.bytes && !token->is_hidden && !token->is_byte;
}

/* ---- looking pieces up ---- */

static uint64_t hash_of(const char *bytes, size_t count) {
    uint64_t value = hash_begin;
    for (size_t i = 0; i < count; i++) value = hash_add(value, (unsigned char)bytes[i]);
    return hash_end(value);
}

/* Where a text is, or would be. */
static int32_t *find(const Pieces *pieces, const char *bytes, size_t count) {
    for (uint64_t i = hash_of(bytes, count);; i++) {
        int32_t *slot = &pieces->slot[i & pieces->mask];
        if (*slot < 0) return slot;
        const TextString text = pieces->model->token[*slot].text;
        if (text.count == count && memcmp(text.bytes, bytes, count) == 0) return slot;
    }
}

static Pieces collect(const TextModel *model, Arena *arena) {
    Pieces pieces = {.model = model, .mask = 1};
    while (pieces.mask < 2 * (uint64_t)model->token_count) pieces.mask = 2 * pieces.mask + 1;
    pieces.slot = ARENA_ARRAY(arena, int32_t, pieces.mask + 1);
    memset(pieces.slot, 0xff, (pieces.mask + 1) * sizeof *pieces.slot);
    for (int32_t i = 0; i < model->token_count; i++)
        if (is_piece(&model->token[i]))
            *find(&pieces, model->token[i].text.bytes, model->token[i].text.count) = i;
    return pieces;
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

/* Writes the ways to part a token into two to `merge`, where that is not null. Returns how many. */
static size_t part(const Pieces *pieces, int32_t token, uint32_t rank, TextPair *merge) {
    const TextString text = pieces->model->token[token].text;
    size_t count = 0;
    for (size_t at = 1; at < text.count; at++) {
        if (((uint8_t)text.bytes[at] & 0xc0) == 0x80) continue; /* within a character */
        const int32_t left = *find(pieces, text.bytes, at),
                      right = *find(pieces, text.bytes + at, text.count - at);
        if (left < 0 || right < 0) continue;
        if (merge) merge[count] = (TextPair){left, right, token, rank};
        count++;
    }
    return count;
}

void merges_by_score(TextModel *model, Arena *arena) {
    const Pieces pieces = collect(model, arena);
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
