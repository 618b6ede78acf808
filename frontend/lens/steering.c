#include "frontend/lens/steering.h"

#include <math.h>
#include <stdlib.h>

static double dot(const float *row, const double *v, int64_t width) {
    double sum = 0;
    for (int64_t c = 0; c < width; c++) sum += (double)row[c] * v[c];
    return sum;
}

static double length_of(const double *v, int64_t width) {
    double sum = 0;
    for (int64_t c = 0; c < width; c++) sum += v[c] * v[c];
    return sqrt(sum);
}

static void add_mean(const float *rows, int64_t count, int64_t width, double sign, double *v) {
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < width; c++)
            v[c] += sign * (double)rows[i * width + c] / (double)count;
}

static double mean_along(const float *rows, int64_t count, int64_t width, const double *v) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += dot(rows + i * width, v, width);
    return sum / (double)count;
}

/* next = D^T D v, D the differences of pairs. */
static void apply(const SteeringStates *s, const double *v, double *next) {
    for (int64_t c = 0; c < s->width; c++) next[c] = 0;
    for (int64_t i = 0; i < s->positives; i++) {
        const float *a = s->positive + i * s->width, *b = s->negative + i * s->width;
        double along = 0;
        for (int64_t c = 0; c < s->width; c++) along += ((double)a[c] - (double)b[c]) * v[c];
        for (int64_t c = 0; c < s->width; c++) next[c] += along * ((double)a[c] - (double)b[c]);
    }
}

/* By powers, from the difference of the means on, which has a part of the component unless the two
 * are at a right angle; then from the first difference on. A unit vector; false: all pairs are
 * equal. */
static bool find_component(const SteeringStates *s, double *v, double *next) {
    enum { MOST_STEPS = 10000 };
    double size = length_of(v, s->width);
    for (int64_t c = 0; size == 0 && c < s->width; c++)
        v[c] = (double)s->positive[c] - (double)s->negative[c];
    size = length_of(v, s->width);
    if (size == 0) return false;
    for (int64_t c = 0; c < s->width; c++) v[c] /= size;
    for (int step = 0; step < MOST_STEPS; step++) {
        double change = 0;
        apply(s, v, next);
        size = length_of(next, s->width);
        if (size == 0) return false;
        for (int64_t c = 0; c < s->width; c++) {
            change = fmax(change, fabs(next[c] / size - v[c]));
            v[c] = next[c] / size;
        }
        if (change < 1e-12) break;
    }
    return true;
}

static double count_right(const float *rows, int64_t count, int64_t width, const double *v,
                          double middle, double sign) {
    double right = 0;
    for (int64_t i = 0; i < count; i++)
        right += sign * (dot(rows + i * width, v, width) - middle) > 0;
    return right;
}

static bool find(const SteeringStates *s, SteeringMethod method, double *v, double *next,
                 Steering *out) {
    add_mean(s->positive, s->positives, s->width, 1, v);
    add_mean(s->negative, s->negatives, s->width, -1, v);
    if (method == STEERING_PCA) {
        if (!find_component(s, v, next)) return false;
        const double apart = mean_along(s->positive, s->positives, s->width, v) -
                             mean_along(s->negative, s->negatives, s->width, v);
        for (int64_t c = 0; c < s->width; c++) v[c] *= apart;
    }
    out->length = length_of(v, s->width);
    const double middle = (mean_along(s->positive, s->positives, s->width, v) +
                           mean_along(s->negative, s->negatives, s->width, v)) /
                          2;
    out->separated = (count_right(s->positive, s->positives, s->width, v, middle, 1) +
                      count_right(s->negative, s->negatives, s->width, v, middle, -1)) /
                     (double)(s->positives + s->negatives);
    return out->length > 0 && isfinite(out->length);
}

bool steering_find(const SteeringStates *states, SteeringMethod method, float *vector,
                   Steering *out) {
    double *v = calloc((size_t)states->width, sizeof *v);
    double *next = calloc((size_t)states->width, sizeof *next);
    *out = (Steering){0};
    const bool is_found = v && next && find(states, method, v, next, out);
    for (int64_t c = 0; is_found && c < states->width; c++) vector[c] = (float)v[c];
    free(v);
    free(next);
    return is_found;
}
