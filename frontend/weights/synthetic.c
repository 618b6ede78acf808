#include "frontend/weights/synthetic.h"

#include <math.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* centre - spread <= value < centre + spread */
typedef struct {
    float centre, spread;
} Range;

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static Range range_of(const char *param, int64_t columns) {
    if (ends_with(param, "norm.gain") || ends_with(param, ".norm_after.gain") ||
        ends_with(param, ".norm_stream.gain"))
        return (Range){1, 0.1F};
    if (ends_with(param, ".bias")) return (Range){0, 0.1F};
    if (ends_with(param, ".scale")) return (Range){0, 0.25F};
    /* A uniform value's deviation is spread / sqrt(3). Square roots are exactly rounded. */
    return (Range){0, (float)(0.6 * sqrt(3.0 / (double)columns))};
}

/* The finaliser of MurmurHash3 (Appleby), 64 bits. */
static uint64_t mix64(uint64_t x) {
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

/* Multiply and xor-shift with the constants of lowbias32 (Wellons 2018); 32 bits fit in vectors. */
static uint32_t mix32(uint32_t x, uint32_t key) {
    x = (x ^ x >> 16) * 0x7feb352du;
    x = ((x ^ x >> 15) + key) * 0x846ca68bu;
    return x ^ x >> 16;
}

static void fill_row(uint64_t key, Range range, int64_t columns, float *out) {
    const uint32_t first = (uint32_t)key, second = (uint32_t)(key >> 32);
    const float step = range.spread * 0x1p-23F;
    for (int64_t k = 0; k < columns; k++) {
        const uint32_t bits = mix32((uint32_t)k * 0x9e3779b1u + first, second) >> 8;
        out[k] = ((float)(int32_t)bits - 0x1p23F) * step;
    }
    if (range.centre == 0) return;
    for (int64_t k = 0; k < columns; k++) out[k] += range.centre;
}

static bool rows(const Weights *weights, const char *param, int64_t first, int64_t count,
                 int64_t columns, float *out) {
    uint64_t seed;
    memcpy(&seed, weights->context, sizeof seed);
    const uint64_t key = XXH3_64bits_withSeed(param, strlen(param), seed);
    const Range range = range_of(param, columns);
    for (int64_t i = 0; i < count; i++)
        fill_row(mix64(key + (uint64_t)(first + i)), range, columns, out + i * columns);
    return true;
}

Weights synthetic_weights(const uint64_t *seed) {
    return (Weights){.rows = rows, .context = seed};
}
