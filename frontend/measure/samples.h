/* samples.h - repeated measurements, and what they say together. */
#ifndef FRONTEND_SAMPLES_H
#define FRONTEND_SAMPLES_H

typedef struct Summary {
    double least, quartile, median, third_quartile, most;
} Summary;

/* Sorts the values; count >= 1. Between two values quantiles are interpolated. */
Summary samples_summary(double *values, int count);

#endif
