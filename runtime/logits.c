#include "runtime/logits.h"

#include <math.h>
#include <string.h>

/* Vectors of GCC and Clang, for any target. Comparisons give all bits or none. */
enum { LANES = 4, FLIGHTS = 4 /* independent vectors, to hide the latency of one */ };
typedef float Floats __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t Words __attribute__((vector_size(LANES * sizeof(float))));
typedef double Doubles __attribute__((vector_size(LANES * sizeof(double))));

static Floats load(const float *from) {
    Floats x;
    memcpy(&x, from, sizeof x);
    return x;
}

static Floats same(float x) {
    return (Floats){x, x, x, x};
}

static Floats select(Words is, Floats yes, Floats no) {
    return (Floats)((is & (Words)yes) | (~is & (Words)no));
}

static Floats higher(Floats x, Floats best) {
    return select(x > best, x, best); /* not a number is not higher */
}

/* ---- the maximum ---- */

float tw_logits_maximum(const float *logits, int64_t count) {
    const int64_t step = LANES * FLIGHTS, whole = count - count % step;
    Floats best[FLIGHTS] = {same(-INFINITY), same(-INFINITY), same(-INFINITY), same(-INFINITY)};
    for (int64_t i = 0; i < whole; i += step) {
        best[0] = higher(load(logits + i), best[0]);
        best[1] = higher(load(logits + i + LANES), best[1]);
        best[2] = higher(load(logits + i + 2 * LANES), best[2]);
        best[3] = higher(load(logits + i + 3 * LANES), best[3]);
    }
    best[0] = higher(higher(best[1], best[0]), higher(best[3], best[2]));
    float maximum = -INFINITY;
    for (int lane = 0; lane < LANES; lane++)
        if (best[0][lane] > maximum) maximum = best[0][lane];
    for (int64_t i = whole; i < count; i++)
        if (logits[i] > maximum) maximum = logits[i];
    return maximum;
}

/* ---- weights ---- */

/* exp(x) of x <= 0, to about 1e-7 of it and 0 below the smallest normal number: x = n ln 2 + r, and
 * a polynomial for |r| <= ln 2 / 2 (Moshier, Cephes, expf). 0 of what is not a number. */
static Floats exp_of(Floats x) {
    static const float c[] = {1.3981999507e-3F, 8.3334519073e-3F, 4.1665795894e-2F,
                              1.6666665459e-1F, 5.0000001201e-1F};
    const Floats shift = same(12582912); /* leaves no bits for a fraction */
    const Words is_seen = x > same(-87.3F);
    x = select(is_seen, x, same(0));
    const Floats n = x * same(1.44269504F) + shift - shift;
    const Floats r = x - n * same(0.693359375F) + n * same(2.12194440e-4F);
    Floats p = same(1.9875691500e-4F);
    for (int i = 0; i < 5; i++) p = p * r + same(c[i]);
    p = p * r * r + r + same(1);
    const Words power = (__builtin_convertvector(n, Words) + 127) << 23;
    return select(is_seen, p * (Floats)power, same(0));
}

/* Returns the sum of the weights of a block. */
static double weigh_block(const float *logits, Floats maximum, Floats scale, float *weight) {
    Doubles sum = {0};
    for (int i = 0; i < LOGITS_BLOCK; i += LANES) {
        const Floats x = load(logits + i);
        const Floats y = exp_of(select(x == maximum, same(0), (x - maximum) * scale));
        sum += __builtin_convertvector(y, Doubles);
        memcpy(weight + i, &y, sizeof y);
    }
    return sum[0] + sum[1] + sum[2] + sum[3];
}

/* The rest of a row that fills no block. */
static double weigh_rest(const float *logits, int64_t count, Floats maximum, Floats scale,
                         float *weight) {
    float block[LOGITS_BLOCK];
    for (int64_t i = 0; i < LOGITS_BLOCK; i++) block[i] = i < count ? logits[i] : NAN;
    return weigh_block(block, maximum, scale, weight);
}

double tw_logits_weights(const float *logits, int64_t count, float maximum, float temperature,
                         float *weight, double *block_sum) {
    const Floats scale = same(1 / temperature); /* infinite: only the maximum has a weight */
    const int64_t rest = count % LOGITS_BLOCK, whole = count - rest;
    double sum = 0;
    for (int64_t i = 0; i < whole; i += LOGITS_BLOCK)
        sum += block_sum[i / LOGITS_BLOCK] =
            weigh_block(logits + i, same(maximum), scale, weight + i);
    if (rest) {
        float last[LOGITS_BLOCK];
        sum += block_sum[whole / LOGITS_BLOCK] =
            weigh_rest(logits + whole, rest, same(maximum), scale, last);
        memcpy(weight + whole, last, (size_t)rest * sizeof *weight);
    }
    return sum;
}

double tw_logits_sum(const float *logits, int64_t count, float maximum) {
    const int64_t rest = count % LOGITS_BLOCK, whole = count - rest;
    float weight[LOGITS_BLOCK];
    double sum = 0;
    for (int64_t i = 0; i < whole; i += LOGITS_BLOCK)
        sum += weigh_block(logits + i, same(maximum), same(1), weight);
    if (rest) sum += weigh_rest(logits + whole, rest, same(maximum), same(1), weight);
    return sum;
}
