/* test_trie.c - what the double array finds is what a search through all texts finds. */
#include "frontend/text/trie_build.h"
#include "runtime/text/trie.h"
#include "tests/unit/arena_fixture.h"
#include "tests/unit/random_text.h"

#include <stdint.h>

static TrieText text(const char *bytes, uint32_t value) {
    return (TrieText){bytes, (uint32_t)strlen(bytes), value};
}

/* The value of a text, or UINT32_MAX. */
static uint32_t find(const uint32_t *unit, const char *bytes, uint32_t count) {
    uint32_t node = tw_trie_root(unit);
    bool ends = false;
    for (uint32_t i = 0; i < count; i++)
        if (!tw_trie_step(unit, &node, (uint8_t)bytes[i], &ends)) return UINT32_MAX;
    return ends ? tw_trie_value(unit, node) : UINT32_MAX;
}

START_TEST(texts_are_found_and_what_lies_between_is_not) {
    TrieText texts[] = {text("in", 3), text("inner", 0), text("int", 7), text("out", 1)};
    uint32_t units;
    const uint32_t *unit = trie_build(texts, COUNT(texts), arena, &units);
    ck_assert(tw_trie_check(unit, units, 8));
    ck_assert_uint_eq(find(unit, "in", 2), 3);
    ck_assert_uint_eq(find(unit, "inner", 5), 0);
    ck_assert_uint_eq(find(unit, "int", 3), 7);
    ck_assert_uint_eq(find(unit, "inn", 3), UINT32_MAX);
    ck_assert_uint_eq(find(unit, "into", 4), UINT32_MAX);
    ck_assert_uint_eq(find(unit, "in\0", 3), UINT32_MAX);
}
END_TEST

START_TEST(of_equal_texts_the_highest_value_counts) {
    TrieText texts[] = {text("a", 5), text("a", 9), text("a", 2)};
    uint32_t units;
    const uint32_t *unit = trie_build(texts, COUNT(texts), arena, &units);
    ck_assert_uint_eq(find(unit, "a", 1), 9);
}
END_TEST

START_TEST(without_texts_nothing_is_found) {
    uint32_t units;
    const uint32_t *unit = trie_build(NULL, 0, arena, &units);
    ck_assert(tw_trie_check(unit, units, 1));
    for (int byte = 0; byte < 256; byte++)
        ck_assert_uint_eq(find(unit, (char[]){(char)byte}, 1), UINT32_MAX);
}
END_TEST

/* Texts of few letters, so that they share beginnings, and of all bytes, so that nodes are full. */
START_TEST(random_texts_are_found_as_a_search_finds_them) {
    enum { TEXTS = 20000, TRIES = 20000, LONGEST = 12 };
    random_state = (uint64_t)_i + 1;
    const uint32_t letters = _i % 2 ? 3 : 255;
    char *bytes = ARENA_ARRAY(arena, char, (size_t)TEXTS *LONGEST);
    TrieText *texts = ARENA_ARRAY(arena, TrieText, TEXTS);
    for (int i = 0; i < TEXTS; i++) {
        texts[i] = (TrieText){bytes + i * LONGEST, 1 + random_below(LONGEST), (uint32_t)i};
        for (uint32_t k = 0; k < texts[i].count; k++)
            bytes[i * LONGEST + (int)k] = (char)(1 + random_below(letters));
    }
    uint32_t units;
    const uint32_t *unit = trie_build(texts, TEXTS, arena, &units);
    ck_assert(tw_trie_check(unit, units, TEXTS));
    /* They are in order now: the last of equal ones has the highest value. */
    for (int i = 0; i < TEXTS; i++) {
        const bool is_last = i + 1 == TEXTS || texts[i].count != texts[i + 1].count ||
                             memcmp(texts[i].bytes, texts[i + 1].bytes, texts[i].count) != 0;
        if (is_last) ck_assert_uint_eq(find(unit, texts[i].bytes, texts[i].count), texts[i].value);
    }
    for (int i = 0; i < TRIES; i++) {
        char other[LONGEST];
        const uint32_t count = 1 + random_below(LONGEST);
        for (uint32_t k = 0; k < count; k++) other[k] = (char)(1 + random_below(letters));
        uint32_t expected = UINT32_MAX;
        for (int low = 0, high = TEXTS; low < high;) { /* the last that is not above it */
            const int middle = (low + high) / 2;
            const TrieText *one = &texts[middle];
            const int order = memcmp(one->bytes, other, one->count < count ? one->count : count);
            if (order > 0 || (order == 0 && one->count > count)) {
                high = middle;
                continue;
            }
            low = middle + 1;
            if (order == 0 && one->count == count) expected = one->value;
        }
        ck_assert_uint_eq(find(unit, other, count), expected);
    }
}
END_TEST

START_TEST(what_leads_out_of_the_array_is_refused) {
    TrieText texts[] = {text("a", 1), text("bc", 2)};
    uint32_t units;
    const uint32_t *built = trie_build(texts, COUNT(texts), arena, &units);
    ck_assert(!tw_trie_check(built, 0, 3));
    ck_assert(!tw_trie_check(built, units - 1, 3));
    ck_assert(!tw_trie_check(built, units, 2)); /* a value that is none of 2 */
    uint32_t *unit = ARENA_ARRAY(arena, uint32_t, units);
    memcpy(unit, built, units * sizeof *unit);
    ck_assert(tw_trie_check(unit, units, 3));
    unit[0] ^= units << 10;
    ck_assert(!tw_trie_check(unit, units, 3));
    unit[0] = built[0] | TW_TRIE_VALUE;
    ck_assert(!tw_trie_check(unit, units, 3));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("trie");
    TCase *tests = suite_case(suite, "trie", make_arena, drop_arena);
    tcase_add_test(tests, texts_are_found_and_what_lies_between_is_not);
    tcase_add_test(tests, of_equal_texts_the_highest_value_counts);
    tcase_add_test(tests, without_texts_nothing_is_found);
    tcase_add_loop_test(tests, random_texts_are_found_as_a_search_finds_them, 0, 4);
    tcase_add_test(tests, what_leads_out_of_the_array_is_refused);
    return suite_run(suite);
}
