/* checkpoint_stripes.h - columns of a stored matrix, as rows.
 *
 * A matrix that is stored transposed has a param's row in as many places as it has columns. Many
 * neighbours are read together, a stripe of the matrix, and kept while rows of it are asked for.
 */
#ifndef FRONTEND_CHECKPOINT_STRIPES_H
#define FRONTEND_CHECKPOINT_STRIPES_H

#include "frontend/weights/tensor_set.h"

typedef struct Stripes Stripes;

Stripes *stripes_create(void);          /* null: out of memory */
void stripes_destroy(Stripes *stripes); /* null is fine */

/* Stored columns first .. first + count - 1 of a tensor [columns][total] of a type without blocks
 * to out[count][columns]. Safe for threads. False: the file cannot be read, or memory is out. */
bool stripes_read(Stripes *stripes, const StoredTensor *tensor, int64_t total, int64_t first,
                  int64_t count, int64_t columns, float *out);

#endif
