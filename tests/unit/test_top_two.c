#include "frontend/lens/top_two.h"
#include "tests/check.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 37, COLUMNS = 75, MOST = 80 };

static float y[ROWS][COLUMNS];

/* Few different numbers, so that many are equal. */
static void fill(unsigned seed) {
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLUMNS; c++) {
            seed = seed * 1664525 + 1013904223;
            y[r][c] = (float)(seed >> 24 & 63) / 8;
        }
}

/* The place of the largest number of a series, of equal ones the first, without one of them. */
static int32_t largest(const float *at, int count, int stride, int32_t without) {
    int32_t best = -1;
    for (int i = 0; i < count; i++)
        if (i != without && !isnan(at[i * stride]) &&
            (best < 0 || at[i * stride] > at[best * stride]))
            best = i;
    return best;
}

static void check_series(const TopTwo *top, int series, const float *at, int count, int stride) {
    const int32_t best = largest(at, count, stride, -1), second = largest(at, count, stride, best);
    ck_assert_int_eq(top->best_at[series], best);
    ck_assert_int_eq(top->second_at[series], second);
    ck_assert(top->best[series] == at[best * stride]);
    ck_assert(top->second[series] == at[second * stride]);
}

static void check_all(const TopTwo *rows, const TopTwo *columns) {
    for (int r = 0; r < ROWS; r++) check_series(rows, r, y[r], COLUMNS, 1);
    for (int c = 0; c < COLUMNS; c++) check_series(columns, c, &y[0][c], ROWS, COLUMNS);
}

static TopTwo make(int64_t count) {
    TopTwo top;
    ck_assert(top_two_create(&top, count));
    return top;
}

/* Blocks of rows by two workers in turns, columns in blocks, as mutual.c does it. */
static void find(int rows_at_once, int columns_at_once, TopTwo *rows, TopTwo *columns) {
    TopTwo worker[2] = {make(MOST), make(MOST)};
    *rows = make(ROWS);
    *columns = make(COLUMNS);
    for (int c = 0; c < COLUMNS; c += columns_at_once) {
        const int some = COLUMNS - c < columns_at_once ? COLUMNS - c : columns_at_once;
        for (int w = 0; w < 2; w++) top_two_clear(&worker[w]);
        for (int r = 0, turn = 0; r < ROWS; r += rows_at_once, turn++) {
            const int count = ROWS - r < rows_at_once ? ROWS - r : rows_at_once;
            top_two_block(&y[r][c], count, some, COLUMNS, r, c, rows, &worker[turn % 2]);
        }
        for (int w = 1; w >= 0; w--)
            for (int i = 0; i < some; i++) top_two_merge(columns, c + i, &worker[w], i);
    }
    for (int w = 0; w < 2; w++) top_two_destroy(&worker[w]);
}

START_TEST(the_two_largest_of_rows_and_columns_are_found_whatever_the_blocks_are) {
    static const int blocks[][2] = {{ROWS, COLUMNS}, {1, 32}, {5, 33}, {8, 1}};
    fill((unsigned)_i);
    for (int i = 0; i < 4; i++) {
        TopTwo rows, columns;
        find(blocks[i][0], blocks[i][1], &rows, &columns);
        check_all(&rows, &columns);
        top_two_destroy(&rows);
        top_two_destroy(&columns);
    }
}
END_TEST

START_TEST(what_is_no_number_is_never_among_them) {
    TopTwo rows, columns;
    fill(1);
    y[3][0] = y[3][40] = y[0][7] = y[36][74] = NAN;
    find(5, 40, &rows, &columns);
    check_all(&rows, &columns);
    top_two_destroy(&rows);
    top_two_destroy(&columns);
}
END_TEST

START_TEST(a_series_of_one_number_has_no_second) {
    const float number = -3;
    TopTwo row = make(1), column = make(1);
    top_two_block(&number, 1, 1, 1, 0, 0, &row, &column);
    ck_assert(row.best[0] == -3 && row.best_at[0] == 0);
    ck_assert(isinf(row.second[0]) && row.second_at[0] == -1);
    top_two_destroy(&row);
    top_two_destroy(&column);
}
END_TEST

START_TEST(what_is_known_already_is_not_counted_twice) {
    TopTwo a = make(1), b = make(1);
    top_two_add(&a, 0, 5, 2);
    top_two_add(&a, 0, 4, 9);
    top_two_merge(&b, 0, &a, 0);
    top_two_merge(&a, 0, &b, 0);
    ck_assert(a.best[0] == 5 && a.best_at[0] == 2 && a.second[0] == 4 && a.second_at[0] == 9);
    top_two_destroy(&a);
    top_two_destroy(&b);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("top_two");
    TCase *all = suite_case(suite, "all", NULL, NULL);
    tcase_add_loop_test(all, the_two_largest_of_rows_and_columns_are_found_whatever_the_blocks_are,
                        0, 20);
    tcase_add_test(all, what_is_no_number_is_never_among_them);
    tcase_add_test(all, a_series_of_one_number_has_no_second);
    tcase_add_test(all, what_is_known_already_is_not_counted_twice);
    return suite_run(suite);
}
