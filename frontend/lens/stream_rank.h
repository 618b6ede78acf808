/* stream_rank.h - how much the rows of the stream still differ from each other.
 *
 * Without skip connections attention makes all tokens alike, doubly exponentially with depth (Dong,
 * Cordonnier and Loukas 2021, Attention is not all you need).
 */
#ifndef FRONTEND_STREAM_RANK_H
#define FRONTEND_STREAM_RANK_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    /* |res(X)| / |X|, Frobenius norms; res(X) = X - 1 x^T, x the row that is nearest to all: their
     * mean. 0: all rows are equal. No number where X is 0. */
    double residual;
    /* exp of the entropy of the singular values of X over their sum (Roy and Vetterli 2007), from 1
     * to the smaller of rows and columns. */
    double effective;
} StreamRank;

/* Of x[rows][columns], finite numbers. False: there is no memory. */
bool stream_rank_find(const float *x, int64_t rows, int64_t columns, StreamRank *out);

#endif
