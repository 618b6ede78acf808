/* norm_size.h - what a norm divides a row by. */
#ifndef FRONTEND_NORM_SIZE_H
#define FRONTEND_NORM_SIZE_H

#include "frontend/lens/stream_weights.h"

/* size(x) of `norm` in ops.def, of x[width]; 1 where there is no norm. */
double norm_size(const StreamNorm *norm, const double *x, int64_t width);

#endif
