#include "frontend/lens/norm_size.h"

#include <math.h>

double norm_size(const StreamNorm *norm, const double *x, int64_t width) {
    double mean = 0, squares = 0;
    if (norm->kind == NORM_none) return 1;
    for (int64_t i = 0; i < width && norm->kind == NORM_layer; i++) mean += x[i];
    mean /= (double)width;
    for (int64_t i = 0; i < width; i++) squares += (x[i] - mean) * (x[i] - mean);
    return sqrt((norm->kind == NORM_l2 ? squares : squares / (double)width) + norm->eps);
}
