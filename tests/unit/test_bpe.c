/* test_bpe.c - byte pair encoding: which tokens a text becomes, and which text tokens. */
#include "tests/unit/made_tokenizer.h"

/* ---- merges ---- */

START_TEST(the_merge_of_the_lowest_rank_comes_first) {
    made_add_bytes();
    made_add_merge("b", "c");
    made_add_merge("a", "b");
    made_open();
    ck_assert_str_eq(made_pieces("abc"), "a|bc");
    ck_assert_str_eq(made_pieces("abab"), "ab|ab");
}
END_TEST

START_TEST(of_equal_pairs_the_leftmost_is_merged) {
    made_add_bytes();
    made_add_merge("a", "a");
    made_open();
    ck_assert_str_eq(made_pieces("aaa"), "aa|a");
}
END_TEST

START_TEST(a_token_that_merges_do_not_make_is_not_found) {
    made_add_bytes();
    made_add_merge("b", "c");
    made_add_merge("a", "b");
    made_add_token("abc");
    made_open();
    ck_assert_str_eq(made_pieces("abc"), "a|bc");
}
END_TEST

START_TEST(a_whole_piece_is_its_token_where_merges_are_ignored) {
    made_add_bytes();
    made.model.ignore_merges = true;
    made_add_token("abc");
    made_open();
    ck_assert_str_eq(made_pieces("abc"), "abc");
    ck_assert_str_eq(made_pieces("abcd"), "a|b|c|d");
}
END_TEST

/* As the definition of BPE has it, symbol by symbol. */
static size_t merge_slowly(int32_t *token, size_t count) {
    for (;;) {
        const TextPair *best = NULL;
        size_t at = 0;
        for (size_t i = 0; i + 1 < count; i++)
            for (size_t k = 0; k < made.model.merge_count; k++) {
                const TextPair *pair = &made.model.merge[k];
                if (pair->left != token[i] || pair->right != token[i + 1]) continue;
                if (best && pair->rank >= best->rank) continue;
                best = pair;
                at = i;
            }
        if (!best) return count;
        token[at] = best->token;
        memmove(token + at + 1, token + at + 2, (count - at - 2) * sizeof *token);
        count--;
    }
}

START_TEST(pieces_of_every_length_are_merged_as_BPE_is_defined) {
    static const char *const merges[][2] = {{"a", "b"}, {"b", "a"},  {"ab", "ab"}, {"c", "a"},
                                            {"a", "a"}, {"ba", "c"}, {"aa", "aa"}, {"abab", "c"}};
    uint64_t seed = 1;
    made_add_bytes();
    for (int i = 0; i < COUNT(merges); i++) made_add_merge(merges[i][0], merges[i][1]);
    made_open();
    for (size_t length = 1; length < 400; length += length < 20 ? 1 : 37) {
        char text[400];
        int32_t expected[400];
        for (size_t i = 0; i < length; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            text[i] = "abc"[(seed >> 33) % 3];
            expected[i] = (uint8_t)text[i];
        }
        const size_t count = merge_slowly(expected, length);
        ck_assert_str_eq(made_encode_bytes(text, length, 0), made_numbers(expected, count));
    }
}
END_TEST

/* ---- pieces of many windows ---- */

enum { LONG = 100000 };

/* The same where a merge takes what merges before it make: one after the other, from the left. */
static size_t merge_in_order(int32_t *token, size_t count) {
    for (size_t k = 0; k < made.model.merge_count; k++) {
        const TextPair *pair = &made.model.merge[k];
        size_t kept = 0;
        for (size_t i = 0; i < count; kept++) {
            const bool joins =
                i + 1 < count && token[i] == pair->left && token[i + 1] == pair->right;
            token[kept] = joins ? pair->token : token[i];
            i += joins ? 2 : 1;
        }
        count = kept;
    }
    return count;
}

static void expect_merged(const char *text, size_t bytes) {
    int32_t *expected = ARENA_ARRAY(arena, int32_t, bytes),
            *found = ARENA_ARRAY(arena, int32_t, bytes);
    size_t count;
    for (size_t i = 0; i < bytes; i++) expected[i] = (uint8_t)text[i];
    ck_assert_int_eq(tw_encode(made_tokenizer, text, bytes, 0, found, bytes, &count), TW_OK);
    ck_assert_uint_eq(count, merge_in_order(expected, bytes));
    ck_assert_mem_eq(found, expected, count * sizeof *found);
}

START_TEST(a_piece_of_many_windows_is_merged_as_a_whole) {
    static const char *const merges[][2] = {{"a", "b"},   {"a", "a"},   {"ab", "ab"},
                                            {"aa", "ab"}, {"b", "c"},   {"aaab", "bc"},
                                            {"aa", "aa"}, {"c", "aaaa"}};
    char *text = ARENA_ARRAY(arena, char, LONG);
    uint64_t seed = 1;
    made_add_bytes();
    for (int i = 0; i < COUNT(merges); i++) made_add_merge(merges[i][0], merges[i][1]);
    made_open();
    for (unsigned letters = 1; letters <= 3; letters++)
        for (size_t period = 1; period < LONG; period = 7 * period + 1) {
            for (size_t i = 0; i < LONG; i++) {
                seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
                text[i] = i < period ? "abc"[(seed >> 33) % letters] : text[i - period];
            }
            expect_merged(text, LONG);
            expect_merged(text, LONG / 3 + period % 100);
        }
}
END_TEST

/* ---- characters ---- */

static void add_characters(void) {
    made.model.unknown = made_add_token("?");
    made_add_token("a");
    made_add_token("b");
}

START_TEST(unknown_characters_are_tokens_of_their_own) {
    add_characters();
    made_open();
    ck_assert_str_eq(made_encode("a\xC3\xA9\xC3\xA9z", 0), "1 0 0 0");
}
END_TEST

START_TEST(unknown_characters_that_follow_each_other_are_one_token_where_they_are_fused) {
    add_characters();
    made.model.fuse_unknown = true;
    made_open();
    ck_assert_str_eq(made_encode("a\xC3\xA9zb\xC3\xA9", 0), "1 0 2 0");
}
END_TEST

START_TEST(without_an_unknown_token_unknown_characters_are_dropped) {
    add_characters();
    made.model.unknown = -1;
    made_open();
    ck_assert_str_eq(made_encode("azb", 0), "1 2");
}
END_TEST

START_TEST(a_character_falls_back_to_its_bytes) {
    add_characters();
    made.model.byte_fallback = true;
    for (int i = 0; i < 256; i++) {
        const int32_t token = made_add_token(arena_printf(arena, "<0x%02X>", i));
        made.model.token[token].is_byte = true;
        made.model.token[token].byte = (uint8_t)i;
    }
    made.decode[made.decode_count++] = (TextDecode){.kind = TEXT_DECODE_byte_fallback};
    made_open();
    ck_assert_str_eq(made_encode("a\xC3\xA9", 0), "1 198 172"); /* 3 + 0xC3, 3 + 0xA9 */
}
END_TEST

START_TEST(characters_of_many_windows_fall_back_as_few_do) {
    add_characters();
    made.model.byte_fallback = true;
    for (int i = 0; i < 256; i++) {
        const int32_t token = made_add_token(arena_printf(arena, "<0x%02X>", i));
        made.model.token[token].is_byte = true;
        made.model.token[token].byte = (uint8_t)i;
    }
    made.decode[made.decode_count++] = (TextDecode){.kind = TEXT_DECODE_byte_fallback};
    made_open();
    char *text = ARENA_ARRAY(arena, char, LONG);
    int32_t *found = ARENA_ARRAY(arena, int32_t, LONG);
    size_t count;
    text[0] = 'a';
    for (size_t i = 1; i < LONG; i++) text[i] = "\xE4\xB8\xAD"[(i - 1) % 3];
    ck_assert_int_eq(LONG % 3, 1);
    ck_assert_int_eq(tw_encode(made_tokenizer, text, LONG, 0, found, LONG, &count), TW_OK);
    ck_assert_uint_eq(count, LONG);
    ck_assert_int_eq(found[0], 1);
    for (size_t i = 1; i < LONG; i++) ck_assert_int_eq(found[i], 3 + (uint8_t)text[i]);
}
END_TEST

START_TEST(unknown_characters_are_fused_across_windows) {
    add_characters();
    made.model.fuse_unknown = true;
    made_open();
    char *text = ARENA_ARRAY(arena, char, LONG);
    int32_t found[4];
    size_t count;
    memset(text, 'z', LONG);
    text[LONG - 1] = 'b';
    ck_assert_int_eq(tw_encode(made_tokenizer, text, LONG, 0, found, COUNT(found), &count), TW_OK);
    ck_assert_str_eq(made_numbers(found, count), "0 2");
}
END_TEST

START_TEST(symbols_know_where_in_a_word_they_stand) {
    made.model.word_end = made_text("</w>");
    made_add_token("a");
    made_add_token("b");
    made_add_token("b</w>");
    made_add_merge("a", "b</w>");
    made_open();
    ck_assert_str_eq(made_encode("ab", 0), "3");
    ck_assert_str_eq(made_encode("bab", 0), "1 3");
}
END_TEST

START_TEST(symbols_within_a_word_have_a_mark_before_them) {
    made.model.continues = made_text("##");
    made_add_token("a");
    made_add_token("##a");
    made_open();
    ck_assert_str_eq(made_encode("aaa", 0), "0 1 1");
}
END_TEST

START_TEST(what_is_no_utf8_is_as_if_it_were_U_FFFD) {
    made_add_bytes();
    made_open();
    static const char *const pair[][2] = {
        {"a\xFF"
         "b",
         "a\xEF\xBF\xBD"
         "b"},
        {"\xE2\x82", "\xEF\xBF\xBD"}, /* one for what begins a character */
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* a surrogate */
        {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},                 /* too long a form of '/' */
        {"\xF0\x9F\x98", "\xEF\xBF\xBD"}};
    for (int i = 0; i < COUNT(pair); i++)
        ck_assert_str_eq(made_encode(pair[i][0], 0), made_encode(pair[i][1], 0));
}
END_TEST

/* ---- what is found before all else ---- */

START_TEST(special_tokens_in_a_text_are_tokens_only_where_they_are_asked_for) {
    made_add_bytes();
    made_add_added("<s>", true);
    made_open();
    ck_assert_str_eq(made_encode("a<s>", 0), "97 60 115 62");
    ck_assert_str_eq(made_encode("a<s>", TW_ENCODE_SPECIAL), "97 256");
}
END_TEST

START_TEST(of_added_tokens_the_longest_is_found) {
    made_add_bytes();
    made_add_added("<a", false);
    made_add_added("<ab>", false);
    made_open();
    ck_assert_str_eq(made_encode("<ab><ab", 0), "257 256 98");
}
END_TEST

START_TEST(added_tokens_take_the_white_space_around_them) {
    made_add_bytes();
    TextAddedToken *mask = made_add_added("<m>", false);
    mask->lstrip = mask->rstrip = true;
    made_open();
    ck_assert_str_eq(made_encode("a \xE3\x80\x80<m> \t b", 0), "97 256 98");
}
END_TEST

START_TEST(a_text_gets_what_the_model_puts_around_it) {
    const int32_t before[] = {256}, after[] = {257, 256};
    made_add_bytes();
    made_add_added("<s>", true);
    made_add_added("</s>", true);
    made.before = (int32_t *)before;
    made.after = (int32_t *)after;
    made.before_count = 1;
    made.after_count = 2;
    made_open();
    ck_assert_str_eq(made_encode("a", TW_ENCODE_ADD), "256 97 257 256");
    ck_assert_str_eq(made_encode("", TW_ENCODE_ADD), "256 257 256");
    ck_assert_str_eq(made_encode("a", 0), "97");
}
END_TEST

/* ---- room, and long texts ---- */

START_TEST(tokens_beyond_the_room_are_counted_and_not_written) {
    int32_t tokens[3] = {-1, -1, -1};
    size_t count;
    made_add_bytes();
    made_open();
    ck_assert_int_eq(tw_encode(made_tokenizer, "abc", 3, 0, tokens, 2, &count), TW_NO_ROOM);
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(tokens[1], 'b');
    ck_assert_int_eq(tokens[2], -1);
    ck_assert_int_eq(tw_encode(made_tokenizer, "abc", 3, 0, NULL, 0, &count), TW_NO_ROOM);
    ck_assert_int_eq(tw_encode(made_tokenizer, NULL, 3, 0, tokens, 2, &count), TW_BAD_ARGUMENT);
    ck_assert_int_eq(tw_encode(made_tokenizer, "a", 1, 4, tokens, 2, &count), TW_BAD_ARGUMENT);
}
END_TEST

/* "xy xy ..." with ' ' made another character on the way, in many chunks and windows. */
START_TEST(a_text_longer_than_any_buffer_is_encoded_word_by_word) {
    enum { WORDS = 100000 };
    made_add_token("x");
    made_add_token("y");
    made_add_token("\xE2\x96\x81");
    made_add_merge("x", "y");
    made_add_merge("\xE2\x96\x81", "xy");
    made.normal[made.normal_count++] = (TextNormal){.kind = TEXT_NORMAL_replace,
                                                    .from = made_text(" "),
                                                    .text = made_text("\xE2\x96\x81"),
                                                    .where = "normalizer"};
    made_open();
    char *text = malloc(3 * WORDS);
    int32_t *tokens = malloc(WORDS * sizeof *tokens);
    for (int i = 0; i < WORDS; i++) memcpy(text + 3 * i, "xy ", 3);
    size_t count;
    ck_assert_int_eq(tw_encode(made_tokenizer, text, 3 * WORDS - 1, 0, tokens, WORDS, &count),
                     TW_OK);
    ck_assert_uint_eq(count, WORDS);
    ck_assert_int_eq(tokens[0], 3);
    for (int i = 1; i < WORDS; i++) ck_assert_int_eq(tokens[i], 4);
    free(tokens);
    free(text);
}
END_TEST

/* ---- back to text ---- */

static const char *decode(TwDecoder *decoder, int32_t token) {
    char out[64];
    const size_t bytes = tw_decode(made_tokenizer, decoder, token, 0, out, sizeof out);
    return arena_printf(arena, "%.*s", (int)bytes, out);
}

static const char *decode_end(TwDecoder *decoder) {
    char out[64];
    const size_t bytes = tw_decode_end(made_tokenizer, decoder, out, sizeof out);
    return arena_printf(arena, "%.*s", (int)bytes, out);
}

START_TEST(a_character_of_several_tokens_waits_until_it_is_whole) {
    TwDecoder decoder = {0};
    made_add_bytes();
    made_open();
    ck_assert_str_eq(decode(&decoder, 0xE2), "");
    ck_assert_str_eq(decode(&decoder, 0x82), "");
    ck_assert_str_eq(decode(&decoder, 0xAC), "\xE2\x82\xAC");
    ck_assert_str_eq(decode_end(&decoder), "");
}
END_TEST

START_TEST(a_character_that_stays_broken_is_U_FFFD) {
    TwDecoder decoder = {0};
    made_add_bytes();
    made_open();
    ck_assert_str_eq(decode(&decoder, 0xE2), "");
    ck_assert_str_eq(decode(&decoder, 'a'), "\xEF\xBF\xBD"
                                            "a");
    ck_assert_str_eq(decode(&decoder, 0xF0), "");
    ck_assert_str_eq(decode_end(&decoder), "\xEF\xBF\xBD");
    ck_assert_str_eq(decode_end(&decoder), "");
}
END_TEST

START_TEST(where_a_text_has_no_room_the_decoder_stands_still) {
    TwDecoder decoder = {0};
    char out[4] = "";
    made_add_bytes();
    made_open();
    decode(&decoder, 0xE2);
    decode(&decoder, 0x82);
    ck_assert_uint_eq(tw_decode(made_tokenizer, &decoder, 0xAC, 0, out, 2), 3);
    ck_assert_uint_eq(tw_decode(made_tokenizer, &decoder, 0xAC, 0, out, 3), 3);
    ck_assert_str_eq(out, "\xE2\x82\xAC");
}
END_TEST

START_TEST(the_begin_of_a_text_loses_a_space_and_later_tokens_do_not) {
    TwDecoder decoder = {0};
    made_add_token("_a");
    made.decode[0] =
        (TextDecode){.kind = TEXT_DECODE_replace, .from = made_text("_"), .text = made_text(" ")};
    made.decode[1] = (TextDecode){.kind = TEXT_DECODE_fuse};
    made.decode[2] = (TextDecode){.kind = TEXT_DECODE_strip, .from = made_text(" "), .start = 1};
    made.decode_count = 3;
    made_open();
    ck_assert_str_eq(decode(&decoder, 0), "a");
    ck_assert_str_eq(decode(&decoder, 0), " a");
}
END_TEST

START_TEST(special_tokens_are_decoded_only_where_they_are_asked_for) {
    TwDecoder decoder = {0};
    char out[64];
    made_add_bytes();
    made_add_added("<s>", true);
    made_open();
    ck_assert_str_eq(decode(&decoder, 256), "");
    ck_assert_uint_eq(tw_decode(made_tokenizer, &decoder, 256, TW_DECODE_SPECIAL, out, sizeof out),
                      3);
    ck_assert_str_eq(decode(&decoder, -1), "");
    ck_assert_str_eq(decode(&decoder, 257), "");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bpe");
    TCase *all = suite_case(suite, "all", made_begin, made_drop);
    tcase_add_test(all, the_merge_of_the_lowest_rank_comes_first);
    tcase_add_test(all, of_equal_pairs_the_leftmost_is_merged);
    tcase_add_test(all, a_token_that_merges_do_not_make_is_not_found);
    tcase_add_test(all, a_whole_piece_is_its_token_where_merges_are_ignored);
    tcase_add_test(all, pieces_of_every_length_are_merged_as_BPE_is_defined);
    tcase_add_test(all, a_piece_of_many_windows_is_merged_as_a_whole);
    tcase_add_test(all, characters_of_many_windows_fall_back_as_few_do);
    tcase_add_test(all, unknown_characters_are_fused_across_windows);
    tcase_add_test(all, unknown_characters_are_tokens_of_their_own);
    tcase_add_test(all,
                   unknown_characters_that_follow_each_other_are_one_token_where_they_are_fused);
    tcase_add_test(all, without_an_unknown_token_unknown_characters_are_dropped);
    tcase_add_test(all, a_character_falls_back_to_its_bytes);
    tcase_add_test(all, symbols_know_where_in_a_word_they_stand);
    tcase_add_test(all, symbols_within_a_word_have_a_mark_before_them);
    tcase_add_test(all, what_is_no_utf8_is_as_if_it_were_U_FFFD);
    tcase_add_test(all, special_tokens_in_a_text_are_tokens_only_where_they_are_asked_for);
    tcase_add_test(all, of_added_tokens_the_longest_is_found);
    tcase_add_test(all, added_tokens_take_the_white_space_around_them);
    tcase_add_test(all, a_text_gets_what_the_model_puts_around_it);
    tcase_add_test(all, tokens_beyond_the_room_are_counted_and_not_written);
    tcase_add_test(all, a_text_longer_than_any_buffer_is_encoded_word_by_word);
    tcase_add_test(all, a_character_of_several_tokens_waits_until_it_is_whole);
    tcase_add_test(all, a_character_that_stays_broken_is_U_FFFD);
    tcase_add_test(all, where_a_text_has_no_room_the_decoder_stands_still);
    tcase_add_test(all, the_begin_of_a_text_loses_a_space_and_later_tokens_do_not);
    tcase_add_test(all, special_tokens_are_decoded_only_where_they_are_asked_for);
    return suite_run(suite);
}
