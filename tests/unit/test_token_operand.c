/* test_token_operand.c - tokens as users name them. */
#include "frontend/lens/token_operand.h"
#include "tests/unit/made_tokenizer.h"

static TokenNames names;

/* Bytes, " a" (256), " an" (257), "ab" (258) and "<end>" (259). */
static void make_names(void) {
    made_begin();
    made_add_bytes();
    made_add_merge("\u0120", "a");
    made_add_merge("\u0120a", "n");
    made_add_merge("a", "b");
    made_add_added("<end>", true);
    made_open();
    names = (TokenNames){.tokenizer = made_tokenizer, .vocab = 300};
}

static int read_token(const char *text) {
    int32_t token = -1;
    return token_operand_read(&names, text, &token, &diag) ? token : -1;
}

START_TEST(a_text_is_the_token_that_has_it) {
    ck_assert_int_eq(read_token(" a"), 256);
    ck_assert_int_eq(read_token(" an"), 257);
    ck_assert_int_eq(read_token("a"), 'a');
    ck_assert_int_eq(read_token("<end>"), 259);
}
END_TEST

START_TEST(digits_are_a_number_and_a_string_is_a_text) {
    ck_assert_int_eq(read_token("257"), 257);
    ck_assert_int_eq(read_token("7"), 7);
    ck_assert_int_eq(read_token("\"7\""), '7');
    ck_assert_int_eq(read_token("\"\\n\""), '\n');
    ck_assert_int_eq(read_token("\"\\u0000\""), 0);
    ck_assert_int_eq(read_token("\""), '"');
}
END_TEST

START_TEST(a_text_of_several_tokens_is_refused_with_them) {
    ck_assert_int_eq(read_token(" anb"), -1);
    assert_error("token ' anb': the model has it as 2 tokens, ' an' (257), 'b' (98)",
                 "name one token, by its text, often with the space before it, or by its number; "
                 "`thalweg tokenize` shows them");
}
END_TEST

START_TEST(a_number_behind_the_vocabulary_is_refused) {
    ck_assert_int_eq(read_token("300"), -1);
    assert_error("there is no token 300: the model has tokens 0 to 299",
                 "the text of digits is \"300\", in double quotes");
}
END_TEST

START_TEST(a_number_of_many_digits_is_refused) {
    ck_assert_int_eq(read_token("99999999999999999999999"), -1);
    assert_says(diag.first->message, "there is no token 99999999999999999999999");
}
END_TEST

START_TEST(a_broken_string_is_refused) {
    ck_assert_int_eq(read_token("\"a"), -1);
    assert_error("token '\"a': it is no string of JSON",
                 "in double quotes \" and \\ stand behind a \\");
}
END_TEST

START_TEST(an_empty_text_is_refused) {
    ck_assert_int_eq(read_token(""), -1);
    assert_error("a token is named by a text or a number", NULL);
}
END_TEST

START_TEST(a_model_without_tokenizer_has_numbers_alone) {
    names = (TokenNames){.vocab = 10};
    ck_assert_int_eq(read_token("7"), 7);
    ck_assert_int_eq(read_token("a"), -1);
    assert_error("token 'a': the model has no tokenizer", "name tokens by their numbers");
}
END_TEST

START_TEST(a_model_of_bytes_has_one_for_each_character) {
    names = (TokenNames){.has_byte_tokens = true, .vocab = 256};
    ck_assert_int_eq(read_token("e"), 'e');
    ck_assert_int_eq(read_token("ee"), -1);
    assert_error("token 'ee': a token of the model is a byte", NULL);
}
END_TEST

static void assert_pair(const char *text, int a, int b) {
    TokenPair pair;
    ck_assert(token_operand_read_pair(&names, text, &pair, &diag));
    ck_assert_int_eq(pair.a, a);
    ck_assert_int_eq(pair.b, b);
}

START_TEST(a_pair_has_a_comma_between_its_tokens) {
    assert_pair(" an, a", 257, 256);
    assert_pair("281,257", 281, 257);
    assert_pair("\",\",\"\\\"\"", ',', '"');
    assert_pair(" an,\",\"", 257, ',');
}
END_TEST

START_TEST(what_is_no_pair_is_refused) {
    static const char *const texts[] = {" an", "1,2,3", "", "\",\""};
    TokenPair pair;
    for (int i = 0; i < COUNT(texts); i++)
        ck_assert(!token_operand_read_pair(&names, texts[i], &pair, &diag));
    ck_assert_int_eq(diag.errors, COUNT(texts));
    assert_says(diag.first->message, "' an': expected two tokens with a comma between them");
}
END_TEST

START_TEST(a_pair_of_one_token_is_refused) {
    TokenPair pair;
    ck_assert(!token_operand_read_pair(&names, " an,257", &pair, &diag));
    assert_error("' an,257': both are token 257", NULL);
}
END_TEST

START_TEST(a_label_is_always_utf8) {
    ck_assert_str_eq(token_label(&names, 257, arena), " an");
    ck_assert_str_eq(token_label(&names, 0xE2, arena), "\xef\xbf\xbd");
    ck_assert_str_eq(token_label(&names, 299, arena), "#299");
    ck_assert_str_eq(token_label(&names, 0, arena), "\u2400");
    names = (TokenNames){.has_byte_tokens = true, .vocab = 256};
    ck_assert_str_eq(token_label(&names, 'x', arena), "x");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("token_operand");
    TCase *tests = suite_case(suite, "operands", make_names, made_drop);
    tcase_add_test(tests, a_text_is_the_token_that_has_it);
    tcase_add_test(tests, digits_are_a_number_and_a_string_is_a_text);
    tcase_add_test(tests, a_text_of_several_tokens_is_refused_with_them);
    tcase_add_test(tests, a_number_behind_the_vocabulary_is_refused);
    tcase_add_test(tests, a_number_of_many_digits_is_refused);
    tcase_add_test(tests, a_broken_string_is_refused);
    tcase_add_test(tests, an_empty_text_is_refused);
    tcase_add_test(tests, a_model_without_tokenizer_has_numbers_alone);
    tcase_add_test(tests, a_model_of_bytes_has_one_for_each_character);
    tcase_add_test(tests, a_pair_has_a_comma_between_its_tokens);
    tcase_add_test(tests, what_is_no_pair_is_refused);
    tcase_add_test(tests, a_pair_of_one_token_is_refused);
    tcase_add_test(tests, a_label_is_always_utf8);
    return suite_run(suite);
}
