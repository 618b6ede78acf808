#include "frontend/measure/samples.h"

#include <stdlib.h>

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, int count, double part) {
    const double place = part * (count - 1);
    const int below = (int)place;
    if (below + 1 >= count) return sorted[count - 1];
    return sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
}

Summary samples_summary(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    return (Summary){
        .least = values[0],
        .quartile = quantile(values, count, 0.25),
        .median = quantile(values, count, 0.5),
        .third_quartile = quantile(values, count, 0.75),
        .most = values[count - 1],
    };
}
