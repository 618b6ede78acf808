/* top_two.h - of many series of numbers that come one by one, the two largest of each, and where
 * they came: the larger first, of equal ones the earlier. What is no number is larger than none.
 */
#ifndef FRONTEND_TOP_TWO_H
#define FRONTEND_TOP_TWO_H

#include <stdbool.h>
#include <stdint.h>

/* [count] each. A place of -1: there was no such number, and it is -inf. */
typedef struct {
    int64_t count;
    float *best, *second;
    int32_t *best_at, *second_at;
} TopTwo;

/* Of series without any number. False: memory is out. */
bool top_two_create(TopTwo *top, int64_t count);
void top_two_destroy(TopTwo *top);
void top_two_clear(TopTwo *top); /* all of them are as they were made */

/* Number `value` of series `series`, of place `at`; one that is there already changes nothing. */
void top_two_add(TopTwo *top, int64_t series, float value, int32_t at);

/* What one of them knows of a series becomes known to the other. */
void top_two_merge(TopTwo *top, int64_t series, const TopTwo *from, int64_t from_series);

/* Part of a matrix y[rows][columns], `stride` floats from row to row. Row r is of the series
 * first_row + r of `of_rows`, column c of series c of `of_columns`; their places in the other's
 * series are first_row + r and first_column + c. Of each series, places come in rising order. */
void top_two_block(const float *y, int64_t rows, int64_t columns, int64_t stride, int64_t first_row,
                   int64_t first_column, TopTwo *of_rows, TopTwo *of_columns);

#endif
