/* merges_by_score.h - SentencePiece's BPE as merges by rank.
 *
 * SentencePiece joins any two neighbours whose joined text is a piece, that of the highest score
 * first, of equal ones the leftmost. So each way to part a piece into two pieces is a merge, and
 * its rank is the place of the piece's score among all scores, the highest first: equal scores have
 * equal ranks.
 */
#ifndef FRONTEND_MERGES_BY_SCORE_H
#define FRONTEND_MERGES_BY_SCORE_H

#include "frontend/text/definition.h"

/* Fills in `merge`, in order of rank, of a model whose tokens have scores. Tokens that are hidden
 * or bytes are neither joined nor made. */
void merges_by_score(TextModel *model, Arena *arena);

/* Whether two pieces would be joined to a token that is hidden, if it were not. */
bool merges_would_make(const TextModel *model, int32_t token, Arena *arena);

#endif
