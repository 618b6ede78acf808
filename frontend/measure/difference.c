#include "frontend/measure/difference.h"

#include <math.h>

void difference_begin(Difference *difference) {
    *difference = (Difference){.least = INFINITY, .most = -INFINITY, .first_odd_choice = -1};
}

static bool are_numbers(const float *row, int64_t columns) {
    for (int64_t i = 0; i < columns; i++)
        if (!isfinite(row[i])) return false;
    return true;
}

static int64_t find_largest(const float *row, int64_t columns) {
    int64_t largest = 0;
    for (int64_t i = 1; i < columns; i++)
        if (row[i] > row[largest]) largest = i;
    return largest;
}

/* log of the sum of exp(row), by its largest value. */
static double log_sum(const float *row, int64_t columns, double largest) {
    double sum = 0;
    for (int64_t i = 0; i < columns; i++) sum += exp(row[i] - largest);
    return largest + log(sum);
}

static void add_values(Difference *d, const float *logits, const float *reference,
                       int64_t columns) {
    for (int64_t i = 0; i < columns; i++) {
        const double off = fabs((double)logits[i] - reference[i]);
        d->squares += off * off;
        if (reference[i] < d->least) d->least = reference[i];
        if (reference[i] > d->most) d->most = reference[i];
        if (off <= d->largest) continue;
        d->largest = off;
        d->largest_row = d->rows;
        d->largest_column = i;
        d->largest_logit = logits[i];
        d->largest_reference = reference[i];
    }
    d->values += (double)columns;
}

/* KL(p || q) = sum of p (log p - log q), of the softmax of both. */
static double divergence(const float *logits, double logits_sum, const float *reference,
                         double reference_sum, int64_t columns) {
    double sum = 0;
    for (int64_t i = 0; i < columns; i++) {
        const double log_p = reference[i] - reference_sum, log_q = logits[i] - logits_sum;
        sum += exp(log_p) * (log_p - log_q);
    }
    return sum > 0 ? sum : 0; /* rounding */
}

static void add_choice(Difference *d, int64_t chosen, int64_t reference_chosen, double behind) {
    if (chosen == reference_chosen) {
        d->agreeing++;
    } else if (d->first_odd_choice < 0) {
        d->first_odd_choice = d->rows;
        d->chosen = chosen;
        d->reference_chosen = reference_chosen;
        d->behind = behind;
    }
}

void difference_add(Difference *d, const float *logits, const float *reference, int64_t columns) {
    if (!are_numbers(logits, columns) || !are_numbers(reference, columns)) {
        d->odd_rows++;
        d->rows++;
        return;
    }
    const int64_t chosen = find_largest(logits, columns);
    const int64_t wanted = find_largest(reference, columns);
    const double off = divergence(logits, log_sum(logits, columns, logits[chosen]), reference,
                                  log_sum(reference, columns, reference[wanted]), columns);
    add_values(d, logits, reference, columns);
    add_choice(d, chosen, wanted, (double)reference[wanted] - reference[chosen]);
    d->divergence += off;
    if (off > d->largest_divergence) {
        d->largest_divergence = off;
        d->largest_divergence_row = d->rows;
    }
    d->rows++;
}

double difference_of_range(const Difference *d) {
    return d->most > d->least ? d->largest / (d->most - d->least) : 0;
}
