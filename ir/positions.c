#include "ir/positions.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

/* Frequencies whose wave is short against the original context stay, long ones are divided by
 * `factor`, those between are mixed; 0 < low < high (Grattafiori et al. 2024, as published with
 * Llama 3.1). */
static double scale_llama3(const Attrs *attr, double frequency) {
    const double turns = (double)attr->original * frequency / (2 * PI);
    if (turns > attr->high) return frequency;
    if (turns < attr->low) return frequency / attr->factor;
    const double share = (turns - attr->low) / (attr->high - attr->low);
    return (1 - share) * frequency / attr->factor + share * frequency;
}

/* The pair that makes so many turns within the original context, as a fraction. */
static double pair_of_turns(const Attrs *attr, double turns) {
    const double length = (double)attr->original / (2 * PI * turns);
    return (double)attr->dims * log(length) / (2 * log(attr->base));
}

/* Pairs that turn faster than `high` times within the original context stay, those slower than
 * `low` are divided by `factor`, and between them is a ramp over the pairs' numbers (YaRN: Peng et
 * al. 2023, as Hugging Face and llama.cpp compute it). */
static double scale_yarn(const Attrs *attr, double frequency, int64_t pair) {
    double from = pair_of_turns(attr, attr->high), to = pair_of_turns(attr, attr->low);
    if (attr->truncate) {
        from = floor(from);
        to = ceil(to);
    }
    from = fmax(from, 0);
    to = fmin(to, (double)attr->dims - 1);
    const double ramp = ((double)pair - from) / fmax(to - from, 0.001);
    const double share = fmin(fmax(ramp, 0), 1);
    return frequency / attr->factor * share + frequency * (1 - share);
}

double positions_rope_frequency(const Attrs *attr, int64_t pair) {
    double frequency = pow(attr->base, -2.0 * (double)pair / (double)attr->dims);
    if (attr->divisors) frequency /= attr->divisors->at[pair];
    switch (attr->scaling) {
    case SCALING_none: return frequency;
    case SCALING_linear: return frequency / attr->factor;
    case SCALING_llama3: return scale_llama3(attr, frequency);
    case SCALING_yarn: return scale_yarn(attr, frequency, pair);
    }
    return frequency;
}

double positions_scale(const Attrs *attr, int64_t position) {
    const double steps = floor(((double)position + attr->offset) / (double)attr->original);
    return 1 + attr->scale * log1p(steps);
}

/* Press et al. 2022: 2^(-8 (h + 1) / n), n the largest power of two not above `heads`; the heads
 * after n take every second slope of 2n. */
double positions_alibi_slope(int64_t heads, int64_t head) {
    int64_t n = 1;
    while (n <= heads / 2) n *= 2;
    if (head < n) return exp2(-8.0 * (double)(head + 1) / (double)n);
    return exp2(-4.0 * (double)(2 * (head - n) + 1) / (double)n);
}

double positions_slope(const Attrs *attr, int64_t head) {
    if (!attr->alibi) return 0;
    return attr->slopes ? attr->slopes->at[head] : positions_alibi_slope(attr->heads, head);
}

/* Vaswani et al. 2017, 3.5. */
double positions_sinusoid(int64_t position, int64_t column, int64_t width) {
    const int64_t even = column - column % 2;
    const double angle = (double)position / pow(10000, (double)even / (double)width);
    return column % 2 ? cos(angle) : sin(angle);
}
