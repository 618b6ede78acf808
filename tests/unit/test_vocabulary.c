/* test_vocabulary.c - Unigram and WordPiece give what plain searches through the vocabulary give.
 */
#include "frontend/text/trie_build.h"
#include "runtime/text/vocabulary.h"
#include "tests/unit/arena_fixture.h"
#include "tests/unit/random_text.h"

#include <math.h>

enum { MOST_TOKENS = 400, UNKNOWN = 0 };

/* ---- tables of a vocabulary, whose token 0 is the unknown one ---- */

typedef struct {
    const char *text[MOST_TOKENS];
    double score[MOST_TOKENS];
    int count;
} Vocabulary;

static TextHead head;
static TextTables tables;
static int32_t byte_tokens[256];

static void make_tables(const Vocabulary *vocabulary, TextModelKind model) {
    TrieText text[MOST_TOKENS];
    double *score = ARENA_ARRAY(arena, double, MOST_TOKENS + 1);
    uint32_t units;
    int texts = 0;
    for (int i = UNKNOWN + 1; i < vocabulary->count; i++)
        text[texts++] =
            (TrieText){vocabulary->text[i], (uint32_t)strlen(vocabulary->text[i]), (uint32_t)i};
    const uint32_t *unit = trie_build(text, texts, arena, &units);
    double least = 0;
    for (int i = 0; i < vocabulary->count; i++) {
        score[i] = vocabulary->score[i];
        if (score[i] < least) least = score[i];
    }
    score[vocabulary->count] = least - 10;
    head = (TextHead){.model = model,
                      .flags = TEXT_FUSE_UNKNOWN,
                      .vocab = (uint32_t)vocabulary->count,
                      .unknown = UNKNOWN,
                      .word_characters = 100,
                      .continues = "##"};
    tables = (TextTables){.head = &head,
                          .head_count = 1,
                          .trie = (const uint8_t *)unit,
                          .trie_count = units * (uint32_t)sizeof *unit,
                          .unigram_scores = score,
                          .unigram_scores_count = head.vocab + 1,
                          .byte_tokens = byte_tokens,
                          .byte_tokens_count = 256};
}

/* Encodes into `tokens`, and returns how many there are. */
static size_t encode(const char *piece, size_t bytes, int32_t *tokens, size_t room) {
    TextBuffer scratch = {0};
    TextSink sink = {tokens, room, 0};
    char *exact = malloc(bytes); /* for the sanitizer to see what is read behind it */
    memcpy(exact, piece, bytes);
    const bool is_unigram = head.model == TEXT_MODEL_unigram;
    ck_assert(is_unigram ? tw_unigram_check(&tables) : tw_wordpiece_check(&tables));
    ck_assert_int_eq((is_unigram ? tw_unigram_encode : tw_wordpiece_encode)(
                         &tables, (const uint8_t *)exact, bytes, &scratch, &sink),
                     TW_OK);
    free(exact);
    tw_text_buffer_free(&scratch);
    return sink.count;
}

static void expect(const char *piece, const int32_t *expected, int count) {
    int32_t tokens[64];
    ck_assert_uint_eq(encode(piece, strlen(piece), tokens, COUNT(tokens)), (size_t)count);
    for (int i = 0; i < count; i++) ck_assert_int_eq(tokens[i], expected[i]);
}
#define EXPECT(piece, ...)                                                                         \
    expect(piece, (const int32_t[]){__VA_ARGS__}, COUNT(((const int32_t[]){__VA_ARGS__})))

/* ---- the same, plainly ---- */

static size_t character_bytes(const char *text) {
    const uint8_t first = (uint8_t)*text;
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

typedef struct {
    double score;
    int32_t token;
    size_t from;
    bool is_reached;
} Step;

static void offer(Step *steps, size_t from, size_t to, int32_t token, double score) {
    if (steps[to].is_reached && !(score > steps[to].score)) return;
    steps[to] = (Step){score, token, from, true};
}

/* All ways are kept to the end. Shorter tokens are offered first, the unknown character last. */
static size_t search_all(const Vocabulary *vocabulary, const char *piece, size_t bytes,
                         int32_t *tokens) {
    Step *steps = calloc(bytes + 1, sizeof *steps);
    steps[0].is_reached = true;
    for (size_t at = 0; at < bytes; at += character_bytes(piece + at)) {
        bool is_known = false;
        for (size_t length = 1; length <= bytes - at && length < 40; length++) {
            for (int i = UNKNOWN + 1; i < vocabulary->count; i++) {
                if (strlen(vocabulary->text[i]) != length ||
                    memcmp(piece + at, vocabulary->text[i], length) != 0)
                    continue;
                offer(steps, at, at + length, i, steps[at].score + vocabulary->score[i]);
                is_known |= length == character_bytes(piece + at);
            }
        }
        if (!is_known)
            offer(steps, at, at + character_bytes(piece + at), UNKNOWN,
                  steps[at].score + tables.unigram_scores[vocabulary->count]);
    }
    size_t count = 0;
    for (size_t at = bytes; at > 0; at = steps[at].from)
        if (count == 0 || steps[at].token != UNKNOWN || tokens[count - 1] != UNKNOWN)
            tokens[count++] = steps[at].token;
    for (size_t i = 0; i < count / 2; i++) {
        const int32_t other = tokens[i];
        tokens[i] = tokens[count - 1 - i];
        tokens[count - 1 - i] = other;
    }
    free(steps);
    return count;
}

static int find(const Vocabulary *vocabulary, const char *prefix, const char *text, size_t bytes) {
    char whole[256];
    snprintf(whole, sizeof whole, "%s%.*s", prefix, (int)bytes, text);
    for (int i = vocabulary->count - 1; i > UNKNOWN; i--)
        if (strcmp(vocabulary->text[i], whole) == 0) return i;
    return -1;
}

static size_t spell_greedily(const Vocabulary *vocabulary, const char *word, int32_t *tokens) {
    const size_t bytes = strlen(word);
    size_t count = 0, characters = 0;
    for (size_t i = 0; i < bytes; i += character_bytes(word + i)) characters++;
    for (size_t at = 0, end; at < bytes; at = end) {
        int token = -1;
        for (end = bytes; end > at; end--)
            if ((token = find(vocabulary, at ? "##" : "", word + at, end - at)) >= 0) break;
        if (token < 0 || characters > 100) {
            tokens[0] = UNKNOWN;
            return 1;
        }
        tokens[count++] = token;
    }
    return count;
}

/* ---- random vocabularies and pieces, of few characters ---- */

static const char *const letters[] = {"a", "b", "c", "\xc3\xa9", "\xe4\xb8\xad"};

static const char *random_word(uint32_t most, uint32_t of) {
    char word[256] = "";
    for (uint32_t left = 1 + random_below(most); left > 0; left--)
        strcat(word, letters[random_below(of)]);
    return arena_printf(arena, "%s", word);
}

/* Without the last letter, which is always unknown. */
static Vocabulary random_vocabulary(int count, const char *prefix) {
    Vocabulary vocabulary = {.text = {"<unk>"}, .count = 1};
    while (vocabulary.count < count) {
        const char *word = random_word(4, COUNT(letters) - 1);
        if (find(&vocabulary, "", word, strlen(word)) >= 0) continue;
        vocabulary.text[vocabulary.count] =
            random_below(2) ? word : arena_printf(arena, "%s%s", prefix, word);
        vocabulary.score[vocabulary.count++] = -(double)random_below(12) - 1;
    }
    return vocabulary;
}

/* ---- Unigram ---- */

static const Vocabulary ducks = {
    .text = {"<unk>", "a", "b", "ab", "abc", "c"}, .score = {0, -3, -3, -4, -9, -2}, .count = 6};

START_TEST(the_way_with_the_highest_sum_is_taken) {
    make_tables(&ducks, TEXT_MODEL_unigram);
    EXPECT("abc", 3, 5);
    EXPECT("ba", 2, 1);
}
END_TEST

START_TEST(unknown_characters_are_one_token) {
    make_tables(&ducks, TEXT_MODEL_unigram);
    EXPECT("xyza\xe4\xb8\xad", UNKNOWN, 1, UNKNOWN);
}
END_TEST

START_TEST(unknown_characters_become_bytes_where_all_have_tokens) {
    make_tables(&ducks, TEXT_MODEL_unigram);
    head.flags |= TEXT_BYTE_FALLBACK;
    for (int i = 0; i < 256; i++) byte_tokens[i] = i % 5 + 1;
    EXPECT("a\xc3\xa9", 1, 0xc3 % 5 + 1, 0xa9 % 5 + 1);
    byte_tokens[0xa9] = -1;
    EXPECT("a\xc3\xa9", 1, UNKNOWN);
}
END_TEST

/* A token is not looked for behind the end of the piece. */
START_TEST(a_piece_may_end_within_a_token) {
    make_tables(&ducks, TEXT_MODEL_unigram);
    EXPECT("ab", 3);
    EXPECT("a", 1);
}
END_TEST

START_TEST(tokens_without_room_are_counted) {
    int32_t tokens[2] = {-1, -1};
    make_tables(&ducks, TEXT_MODEL_unigram);
    ck_assert_uint_eq(encode("abcabc", 6, tokens, 1), 4);
    ck_assert_int_eq(tokens[0], 3);
    ck_assert_int_eq(tokens[1], -1);
}
END_TEST

START_TEST(random_pieces_are_spelled_as_a_search_of_all_ways_spells_them) {
    random_state = (uint64_t)_i + 1;
    const Vocabulary vocabulary = random_vocabulary(10 + 20 * _i, "");
    make_tables(&vocabulary, TEXT_MODEL_unigram);
    for (int i = 0; i < 200; i++) {
        const char *piece = random_word(30, COUNT(letters));
        int32_t tokens[128], expected[128];
        const size_t count = search_all(&vocabulary, piece, strlen(piece), expected);
        ck_assert_uint_eq(encode(piece, strlen(piece), tokens, COUNT(tokens)), count);
        ck_assert_mem_eq(tokens, expected, count * sizeof *tokens);
    }
}
END_TEST

/* Longer than the window of ways, and without a place that all ways go through at once. */
START_TEST(long_pieces_are_spelled_as_short_ones) {
    enum { BYTES = 100000 };
    const Vocabulary overlapping = {
        .text = {"<unk>", "a", "b", "ab", "ba", "aa", "bb", "aba", "bab"},
        .score = {0, -5, -5, -6, -6.5, -7, -7, -8.25, -8.5},
        .count = 9};
    make_tables(&overlapping, TEXT_MODEL_unigram);
    char *piece = malloc(BYTES);
    int32_t *tokens = malloc(BYTES * sizeof *tokens), *expected = malloc(BYTES * sizeof *tokens);
    random_state = 3;
    for (int i = 0; i < BYTES; i++) piece[i] = (char)('a' + random_below(2));
    const size_t count = search_all(&overlapping, piece, BYTES, expected);
    ck_assert_uint_eq(encode(piece, BYTES, tokens, BYTES), count);
    ck_assert_mem_eq(tokens, expected, count * sizeof *tokens);
    free(piece);
    free(tokens);
    free(expected);
}
END_TEST

/* Ways that share nothing, whatever the length: the piece is cut, and every byte is spelled once.
 */
START_TEST(a_run_of_one_character_is_spelled_whole) {
    enum { BYTES = 200001 };
    const Vocabulary runs = {.text = {"<unk>", "a", "aaa"}, .score = {0, -5, -6}, .count = 3};
    make_tables(&runs, TEXT_MODEL_unigram);
    char *piece = malloc(BYTES);
    int32_t *tokens = malloc(BYTES * sizeof *tokens);
    memset(piece, 'a', BYTES);
    const size_t count = encode(piece, BYTES, tokens, BYTES);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += strlen(runs.text[tokens[i]]);
    ck_assert_uint_eq(bytes, BYTES);
    ck_assert_uint_le(count, BYTES / 3 + 100);
    free(piece);
    free(tokens);
}
END_TEST

/* ---- WordPiece ---- */

static const Vocabulary words = {.text = {"[UNK]", "un", "##aff", "##able", "##a", "u", "able"},
                                 .count = 7};

START_TEST(the_longest_token_is_taken_and_continuations_behind_it) {
    make_tables(&words, TEXT_MODEL_wordpiece);
    EXPECT("unaffable", 1, 2, 3);
    EXPECT("able", 6);
}
END_TEST

START_TEST(a_word_that_cannot_be_spelled_to_its_end_is_unknown) {
    make_tables(&words, TEXT_MODEL_wordpiece);
    EXPECT("unaffablex", UNKNOWN);
    EXPECT("aff", UNKNOWN); /* not at the begin of a word */
}
END_TEST

START_TEST(a_word_of_too_many_characters_is_unknown) {
    make_tables(&words, TEXT_MODEL_wordpiece);
    head.word_characters = 3;
    EXPECT("una", 1, 4);
    EXPECT("unaa", UNKNOWN);
}
END_TEST

START_TEST(without_continuations_a_word_is_one_token) {
    const Vocabulary whole = {.text = {"[UNK]", "a", "ab"}, .count = 3};
    make_tables(&whole, TEXT_MODEL_wordpiece);
    EXPECT("ab", 2);
    EXPECT("aba", UNKNOWN);
}
END_TEST

START_TEST(random_words_are_spelled_as_a_search_from_the_longest_spells_them) {
    random_state = (uint64_t)_i + 100;
    const Vocabulary vocabulary = random_vocabulary(20 + 60 * _i, "##");
    make_tables(&vocabulary, TEXT_MODEL_wordpiece);
    for (int i = 0; i < 500; i++) {
        const char *word = random_word(8, COUNT(letters) - (i % 10 != 0));
        int32_t tokens[64], expected[64];
        const size_t count = spell_greedily(&vocabulary, word, expected);
        ck_assert_uint_eq(encode(word, strlen(word), tokens, COUNT(tokens)), count);
        ck_assert_mem_eq(tokens, expected, count * sizeof *tokens);
    }
}
END_TEST

/* ---- tables that lie ---- */

START_TEST(tables_whose_trie_leads_out_of_the_vocabulary_are_refused) {
    make_tables(&ducks, TEXT_MODEL_unigram);
    head.vocab--;
    tables.unigram_scores_count--;
    ck_assert(!tw_unigram_check(&tables));
    ck_assert(!tw_wordpiece_check(&tables));
}
END_TEST

START_TEST(tables_with_other_numbers_of_scores_are_refused) {
    make_tables(&ducks, TEXT_MODEL_unigram);
    tables.unigram_scores_count--;
    ck_assert(!tw_unigram_check(&tables));
}
END_TEST

START_TEST(a_prefix_of_continuations_without_end_is_refused) {
    make_tables(&words, TEXT_MODEL_wordpiece);
    memset(head.continues, '#', sizeof head.continues);
    ck_assert(!tw_wordpiece_check(&tables));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("vocabulary");
    TCase *unigram = suite_case(suite, "unigram", make_arena, drop_arena);
    tcase_add_test(unigram, the_way_with_the_highest_sum_is_taken);
    tcase_add_test(unigram, unknown_characters_are_one_token);
    tcase_add_test(unigram, unknown_characters_become_bytes_where_all_have_tokens);
    tcase_add_test(unigram, a_piece_may_end_within_a_token);
    tcase_add_test(unigram, tokens_without_room_are_counted);
    tcase_add_loop_test(unigram, random_pieces_are_spelled_as_a_search_of_all_ways_spells_them, 0,
                        6);
    tcase_add_test(unigram, long_pieces_are_spelled_as_short_ones);
    tcase_add_test(unigram, a_run_of_one_character_is_spelled_whole);
    TCase *wordpiece = suite_case(suite, "wordpiece", make_arena, drop_arena);
    tcase_add_test(wordpiece, the_longest_token_is_taken_and_continuations_behind_it);
    tcase_add_test(wordpiece, a_word_that_cannot_be_spelled_to_its_end_is_unknown);
    tcase_add_test(wordpiece, a_word_of_too_many_characters_is_unknown);
    tcase_add_test(wordpiece, without_continuations_a_word_is_one_token);
    tcase_add_loop_test(wordpiece,
                        random_words_are_spelled_as_a_search_from_the_longest_spells_them, 0, 4);
    TCase *checks = suite_case(suite, "checks", make_arena, drop_arena);
    tcase_add_test(checks, tables_whose_trie_leads_out_of_the_vocabulary_are_refused);
    tcase_add_test(checks, tables_with_other_numbers_of_scores_are_refused);
    tcase_add_test(checks, a_prefix_of_continuations_without_end_is_refused);
    return suite_run(suite);
}
