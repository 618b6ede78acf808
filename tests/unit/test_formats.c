/* test_formats.c - what is left of weights in fewer bits. */
#include "ir/formats.h"
#include "tests/check.h"

#include <math.h>

START_TEST(bf16_rounds_to_nearest_and_ties_to_even) {
    ck_assert_uint_eq(format_bf16(1.0F), 0x3f80);
    ck_assert_uint_eq(format_bf16(1.0F + 0x1p-8F), 0x3f80); /* half way: to the even one */
    ck_assert_uint_eq(format_bf16(1.0F + 0x3p-8F), 0x3f82);
    ck_assert_uint_eq(format_bf16(1.0F + 0x1.02p-8F), 0x3f81);
    ck_assert_uint_eq(format_bf16(-3.0F), 0xc040);
}
END_TEST

START_TEST(bf16_of_the_largest_float_is_infinite_and_a_nan_stays_one) {
    ck_assert_uint_eq(format_bf16(3.4028235e38F), 0x7f80);
    ck_assert_uint_gt(format_bf16(NAN) & 0x7fff, 0x7f80);
}
END_TEST

START_TEST(every_f16_comes_back_as_itself) {
    for (unsigned half = 0; half < 0x10000; half++) {
        const bool is_nan = (half & 0x7fff) > 0x7c00;
        if (is_nan)
            ck_assert(isnan(format_from_f16((uint16_t)half)));
        else
            ck_assert_uint_eq(format_f16(format_from_f16((uint16_t)half)), half);
    }
}
END_TEST

START_TEST(f16_rounds_to_nearest_and_ties_to_even) {
    ck_assert_uint_eq(format_f16(1.0F + 0x1p-11F), 0x3c00);
    ck_assert_uint_eq(format_f16(1.0F + 0x3p-11F), 0x3c02);
    ck_assert_uint_eq(format_f16(65519.0F), 0x7bff);
    ck_assert_uint_eq(format_f16(65520.0F), 0x7c00);
    ck_assert_uint_eq(format_f16(0x1p-25F), 0);
    ck_assert_uint_eq(format_f16(0x1.8p-24F), 2);
}
END_TEST

START_TEST(q8_keeps_the_largest_value_of_a_block_as_127) {
    const float value[] = {0.5F, -2.54F, 1.27F, 0};
    uint8_t q[4];
    const uint16_t scale = format_encode_block(FORMAT_q8, value, 4, q);
    ck_assert_uint_eq(scale, format_f16(0.02F));
    ck_assert_int_eq(q[0], 128 + 25);
    ck_assert_int_eq(q[1], 128 - 127);
    ck_assert_int_eq(q[2], 128 + 64); /* 63.5, away from zero */
    ck_assert_int_eq(q[3], 128);
}
END_TEST

START_TEST(q4_gives_the_largest_magnitude_the_end_that_has_room) {
    const float value[] = {4, -2, 3.9F, -4, 0};
    uint8_t q[5];
    const uint16_t scale = format_encode_block(FORMAT_q4, value, 5, q);
    ck_assert_uint_eq(scale, format_f16(-0.5F));
    ck_assert_int_eq(q[0], 0);
    ck_assert_int_eq(q[1], 12);
    ck_assert_int_eq(q[2], 0);
    ck_assert_int_eq(q[3], 15); /* 16 would be right */
    ck_assert_int_eq(q[4], 8);
}
END_TEST

START_TEST(a_block_of_zeros_stays_zero) {
    const float zeros[FORMAT_BLOCK] = {0};
    for (int f = FORMAT_q8; f <= FORMAT_q4; f++) {
        uint8_t q[FORMAT_BLOCK];
        const WeightFormat format = (WeightFormat)f;
        ck_assert_float_eq(format_from_f16(format_encode_block(format, zeros, FORMAT_BLOCK, q)), 0);
        for (int i = 0; i < FORMAT_BLOCK; i++) ck_assert_int_eq(q[i], format_zero(format));
    }
}
END_TEST

START_TEST(a_block_with_infinity_is_not_a_number) {
    const float value[] = {1, INFINITY};
    uint8_t q[2];
    ck_assert(isnan(format_from_f16(format_encode_block(FORMAT_q8, value, 2, q))));
    ck_assert(isnan(format_from_f16(format_encode_block(FORMAT_q4, value, 2, q))));
}
END_TEST

START_TEST(a_row_is_off_by_half_a_step_at_most) {
    double row[75], rounded[75];
    for (int i = 0; i < 75; i++) rounded[i] = row[i] = sin(i * 1.7) * (i + 1);
    format_round_row(FORMAT_q8, rounded, 75);
    for (int block = 0; block < 75; block += FORMAT_BLOCK) {
        double most = 0;
        const int end = block + FORMAT_BLOCK < 75 ? block + FORMAT_BLOCK : 75;
        for (int i = block; i < end; i++) most = fmax(most, fabs(row[i]));
        for (int i = block; i < end; i++)
            ck_assert_double_le(fabs(row[i] - rounded[i]), most * (0.5 / 127 + 0.001));
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("formats");
    TCase *cases = suite_case(suite, "formats", NULL, NULL);
    tcase_add_test(cases, bf16_rounds_to_nearest_and_ties_to_even);
    tcase_add_test(cases, bf16_of_the_largest_float_is_infinite_and_a_nan_stays_one);
    tcase_add_test(cases, every_f16_comes_back_as_itself);
    tcase_add_test(cases, f16_rounds_to_nearest_and_ties_to_even);
    tcase_add_test(cases, q8_keeps_the_largest_value_of_a_block_as_127);
    tcase_add_test(cases, q4_gives_the_largest_magnitude_the_end_that_has_room);
    tcase_add_test(cases, a_block_of_zeros_stays_zero);
    tcase_add_test(cases, a_block_with_infinity_is_not_a_number);
    tcase_add_test(cases, a_row_is_off_by_half_a_step_at_most);
    return suite_run(suite);
}
