#include "frontend/command/prompt.h"
#include "frontend/measure/samples.h"
#include "tests/check.h"

static const PromptSource bytes = {.has_byte_tokens = true, .vocab = 256, .context = 8};

static Prompt expect_read(PromptSource source, int64_t count) {
    Prompt prompt;
    Complaint complaint = {""};
    ck_assert_msg(prompt_read(&source, &prompt, &complaint), "%s", complaint.text);
    ck_assert_int_eq(prompt.count, count);
    return prompt;
}

static void expect_refused(PromptSource source, const char *message) {
    Prompt prompt;
    Complaint complaint = {""};
    ck_assert(!prompt_read(&source, &prompt, &complaint));
    ck_assert_str_eq(complaint.text, message);
    ck_assert_ptr_null(prompt.tokens);
}

static PromptSource text(const char *words) {
    PromptSource source = bytes;
    source.text = (Bytes){words, strlen(words)};
    return source;
}

static PromptSource list(const char *words) {
    PromptSource source = bytes;
    source.tokens = (Bytes){words, strlen(words)};
    return source;
}

START_TEST(tokens_of_text_are_its_bytes) {
    Prompt prompt = expect_read(text("a\xff"), 2);
    ck_assert_int_eq(prompt.tokens[0], 'a');
    ck_assert_int_eq(prompt.tokens[1], 255);
    free(prompt.tokens);
}
END_TEST

START_TEST(without_a_prompt_there_is_a_line_end) {
    Prompt prompt = expect_read(bytes, 1);
    ck_assert_int_eq(prompt.tokens[0], '\n');
    free(prompt.tokens);
}
END_TEST

START_TEST(a_list_has_commas_and_may_have_spaces) {
    Prompt prompt = expect_read(list("1, 2 ,255"), 3);
    ck_assert_int_eq(prompt.tokens[0], 1);
    ck_assert_int_eq(prompt.tokens[1], 2);
    ck_assert_int_eq(prompt.tokens[2], 255);
    free(prompt.tokens);
}
END_TEST

START_TEST(what_is_no_list_of_tokens_is_refused) {
    expect_refused(list("256"), "token 256 is not in the vocabulary: expected 0 to 255");
    expect_refused(list("-1"), "token -1 is not in the vocabulary: expected 0 to 255");
    expect_refused(list("1,"),
                   "--tokens has ''; expected numbers with commas between them, as 1,2,3");
    expect_refused(list(""),
                   "--tokens has ''; expected numbers with commas between them, as 1,2,3");
    expect_refused(list("1;2"),
                   "--tokens has '1;2'; expected numbers with commas between them, as 1,2,3");
    expect_refused(list("1,123456789012345678901234567890123456789012345678901234567890"),
                   "--tokens has '1234567890123456789012345678901234567890'; expected numbers "
                   "with commas between them, as 1,2,3");
}
END_TEST

START_TEST(a_text_may_have_any_byte) {
    PromptSource source = bytes;
    source.text = (Bytes){"a\0b", 3};
    Prompt prompt = expect_read(source, 3);
    ck_assert_int_eq(prompt.tokens[1], 0);
    ck_assert_int_eq(prompt.tokens[2], 'b');
    free(prompt.tokens);
}
END_TEST

static PromptSource file(const char *words) {
    PromptSource source = list(words);
    source.file = "ids.txt";
    return source;
}

START_TEST(a_file_of_tokens_has_commas_or_white_space) {
    Prompt prompt = expect_read(file("1 2\t3\r\n,4, 5\n\n 6\n"), 6);
    for (int i = 0; i < 6; i++) ck_assert_int_eq(prompt.tokens[i], i + 1);
    free(prompt.tokens);
}
END_TEST

START_TEST(what_is_wrong_in_a_file_has_a_place) {
    expect_refused(file("1 2\n3  4x 5"), "ids.txt:2:4: found '4x'; expected numbers with commas "
                                         "between them, as 1,2,3");
    expect_refused(file("1,\n,2"), "ids.txt:2:1: found ''; expected numbers with commas between "
                                   "them, as 1,2,3");
    expect_refused(file(" \n"), "ids.txt:2:1: found ''; expected numbers with commas between "
                                "them, as 1,2,3");
    expect_refused(file("1\n 256"), "ids.txt:2:2: found token 256 is not in the vocabulary: "
                                    "expected 0 to 255");
}
END_TEST

START_TEST(the_prompt_fits_the_context) {
    free(expect_read(text("12345678"), 8).tokens);
    expect_refused(text("123456789"), "the prompt has 9 tokens, the model's context 8");
    expect_refused(list("1 2 3 4 5 6 7 8 9 10"), "the prompt has 10 tokens, the model's context 8");
    expect_refused(text(""), "the prompt is empty: give at least one character");
}
END_TEST

START_TEST(text_needs_a_tokenizer) {
    PromptSource source = text("a");
    source.has_byte_tokens = false;
    expect_refused(source, "the model has no tokenizer for text: give --tokens, as 1,2,3");
    source.tokens = (Bytes){"3", 1};
    free(expect_read(source, 1).tokens);
}
END_TEST

START_TEST(a_summary_interpolates_between_samples) {
    double values[] = {4, 1, 3, 2};
    const Summary summary = samples_summary(values, 4);
    ck_assert_double_eq(summary.least, 1);
    ck_assert_double_eq(summary.quartile, 1.75);
    ck_assert_double_eq(summary.median, 2.5);
    ck_assert_double_eq(summary.third_quartile, 3.25);
    ck_assert_double_eq(summary.most, 4);
    double one[] = {7};
    ck_assert_double_eq(samples_summary(one, 1).median, 7);
    ck_assert_double_eq(samples_summary(one, 1).third_quartile, 7);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("prompt");
    TCase *all = suite_case(suite, "all", NULL, NULL);
    tcase_add_test(all, tokens_of_text_are_its_bytes);
    tcase_add_test(all, without_a_prompt_there_is_a_line_end);
    tcase_add_test(all, a_list_has_commas_and_may_have_spaces);
    tcase_add_test(all, what_is_no_list_of_tokens_is_refused);
    tcase_add_test(all, a_text_may_have_any_byte);
    tcase_add_test(all, a_file_of_tokens_has_commas_or_white_space);
    tcase_add_test(all, what_is_wrong_in_a_file_has_a_place);
    tcase_add_test(all, the_prompt_fits_the_context);
    tcase_add_test(all, text_needs_a_tokenizer);
    tcase_add_test(all, a_summary_interpolates_between_samples);
    return suite_run(suite);
}
