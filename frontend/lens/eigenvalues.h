/* eigenvalues.h - those of a small real matrix. */
#ifndef FRONTEND_EIGENVALUES_H
#define FRONTEND_EIGENVALUES_H

#include <complex.h>
#include <stdbool.h>
#include <stdint.h>

/* Of a[n][n], finite numbers, to out[n], each as often as it is one. False: there is no memory, or
 * the iteration does not come to an end. */
bool eigenvalues_find(const double *a, int64_t n, double complex *out);

/* Of a symmetric one, which are real, from the least on. False: there is no memory. */
bool eigenvalues_of_symmetric(const double *a, int64_t n, double *out);

#endif
