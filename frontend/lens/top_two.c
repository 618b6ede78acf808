/* top_two.c - nearly all numbers are less than the second of their row and of their column: that is
 * seen for a group at once, and only groups that have others are looked at one by one. */
#include "frontend/lens/top_two.h"

#include <math.h>
#include <stdlib.h>

enum { GROUP = 32 };

bool top_two_create(TopTwo *top, int64_t count) {
    const size_t some = (size_t)count + 1;
    *top = (TopTwo){.count = count,
                    .best = malloc(some * sizeof(float)),
                    .second = malloc(some * sizeof(float)),
                    .best_at = malloc(some * sizeof(int32_t)),
                    .second_at = malloc(some * sizeof(int32_t))};
    if (!top->best || !top->second || !top->best_at || !top->second_at) return false;
    top_two_clear(top);
    return true;
}

void top_two_clear(TopTwo *top) {
    for (int64_t i = 0; i < top->count; i++) {
        top->best[i] = top->second[i] = -INFINITY;
        top->best_at[i] = top->second_at[i] = -1;
    }
}

void top_two_destroy(TopTwo *top) {
    free(top->best);
    free(top->second);
    free(top->best_at);
    free(top->second_at);
    *top = (TopTwo){0};
}

static bool goes_before(float a, int32_t a_at, float b, int32_t b_at) {
    return a > b || (a == b && (b_at < 0 || a_at < b_at));
}

void top_two_add(TopTwo *top, int64_t series, float value, int32_t at) {
    float *best = &top->best[series], *second = &top->second[series];
    int32_t *best_at = &top->best_at[series], *second_at = &top->second_at[series];
    if (at < 0 || at == *best_at || at == *second_at) return;
    if (goes_before(value, at, *best, *best_at)) {
        *second = *best;
        *second_at = *best_at;
        *best = value;
        *best_at = at;
    } else if (goes_before(value, at, *second, *second_at)) {
        *second = value;
        *second_at = at;
    }
}

void top_two_merge(TopTwo *top, int64_t series, const TopTwo *from, int64_t from_series) {
    top_two_add(top, series, from->best[from_series], from->best_at[from_series]);
    top_two_add(top, series, from->second[from_series], from->second_at[from_series]);
}

static bool has_larger(const float *y, float of_row, const float *of_column) {
    int found = 0;
    for (int i = 0; i < GROUP; i++) found |= (y[i] > of_row) | (y[i] > of_column[i]);
    return found;
}

void top_two_block(const float *y, int64_t rows, int64_t columns, int64_t stride, int64_t first_row,
                   int64_t first_column, TopTwo *of_rows, TopTwo *of_columns) {
    for (int64_t r = 0; r < rows; r++, y += stride) {
        const int64_t row = first_row + r;
        for (int64_t c = 0; c < columns; c += GROUP) {
            const int64_t end = c + GROUP < columns ? c + GROUP : columns;
            if (end == c + GROUP &&
                !has_larger(y + c, of_rows->second[row], of_columns->second + c))
                continue;
            for (int64_t i = c; i < end; i++) {
                top_two_add(of_rows, row, y[i], (int32_t)(first_column + i));
                top_two_add(of_columns, i, y[i], (int32_t)row);
            }
        }
    }
}
