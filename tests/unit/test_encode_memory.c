/* test_encode_memory.c - what tw_encode() takes of memory beside the tables: less than 1 MiB,
 * however long the text is.
 *
 * The linker puts these functions in place of the C library's, for the project's own code.
 */
#include "tests/unit/made_tokenizer.h"

#include <malloc.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void __real_free(void *memory);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void __wrap_free(void *memory);

static size_t taken, most;

static void *count_taken(void *memory) {
    taken += malloc_usable_size(memory);
    if (taken > most) most = taken;
    return memory;
}

void *__wrap_malloc(size_t bytes) {
    return count_taken(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes) {
    return count_taken(__real_calloc(count, bytes));
}

/* Both are there while the contents are copied. */
void *__wrap_realloc(void *memory, size_t bytes) {
    const size_t before = malloc_usable_size(memory);
    void *moved = count_taken(__real_realloc(memory, bytes));
    taken -= before;
    return moved;
}

void __wrap_free(void *memory) {
    taken -= malloc_usable_size(memory);
    __real_free(memory);
}

enum { TEXT_BYTES_ALL = 10000000, ENCODER_MOST = 1 << 20 };

/* The peak while `period` is encoded again and again. */
static size_t peak(const char *period, size_t bytes) {
    const size_t length = strlen(period);
    char *text = ARENA_ARRAY(arena, char, bytes);
    int32_t none;
    size_t count;
    for (size_t i = 0; i < bytes; i++) text[i] = period[i % length];
    const size_t before = taken;
    most = taken;
    const TwStatus status = tw_encode(made_tokenizer, text, bytes - bytes % length,
                                      TW_ENCODE_SPECIAL, &none, 0, &count);
    const size_t after = taken, highest = most; /* Check takes memory, too */
    ck_assert_int_eq(status, TW_NO_ROOM);
    ck_assert_uint_eq(after, before);
    ck_assert_uint_gt(count, bytes / 20);
    return highest - before;
}

static void add_words(void) {
    made_add_bytes();
    made_add_merge("h", "e");
    made_add_merge("l", "o");
    made_add_merge("he", "l");
    made_add_added("<|turn|>", true);
}

#define MIXED                                                                                      \
    "Hello, world! 12 \xC3\xA9t\xC3\xA9 \xE4\xB8\xAD\xE6\x96\x87\xE3\x80\x82 \xF0\x9F\x90\xA6\n"

START_TEST(a_long_text_takes_no_more_than_a_window) {
    add_words();
    made.split[made.split_count++] = (TextSplit){.kind = TEXT_SPLIT_pattern,
                                                 .where = "split",
                                                 .expression = made_text("\\p{L}+|\\s+"),
                                                 .behaviour = TEXT_ISOLATED};
    made_open();
    ck_assert_uint_lt(peak(MIXED, TEXT_BYTES_ALL), ENCODER_MOST);
}
END_TEST

START_TEST(a_long_text_that_is_normalised_takes_no_more_than_a_window) {
    add_words();
    made.normal[made.normal_count++] = (TextNormal){.kind = TEXT_NORMAL_nfc, .where = "normalizer"};
    made.split[made.split_count++] = (TextSplit){.kind = TEXT_SPLIT_pattern,
                                                 .where = "split",
                                                 .expression = made_text("\\p{L}+|\\s+"),
                                                 .behaviour = TEXT_ISOLATED};
    made_open();
    ck_assert_uint_lt(peak(MIXED, TEXT_BYTES_ALL), ENCODER_MOST);
}
END_TEST

START_TEST(a_piece_that_nothing_cuts_is_merged_by_windows) {
    add_words();
    made_open();
    ck_assert_uint_lt(peak("hello", TEXT_BYTES_ALL), ENCODER_MOST);
}
END_TEST

/* The copy of a piece that is normalised has to be held, twice while it grows. */
START_TEST(a_piece_that_is_normalised_and_that_nothing_cuts_takes_what_it_has) {
    add_words();
    made.normal[made.normal_count++] =
        (TextNormal){.kind = TEXT_NORMAL_lowercase, .where = "normalizer"};
    made_open();
    ck_assert_uint_lt(peak("HELLO", 1 << 20), 4 * (1 << 20) + ENCODER_MOST);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("encode memory");
    TCase *all = suite_case(suite, "all", made_begin, made_drop);
    tcase_add_test(all, a_long_text_takes_no_more_than_a_window);
    tcase_add_test(all, a_long_text_that_is_normalised_takes_no_more_than_a_window);
    tcase_add_test(all, a_piece_that_nothing_cuts_is_merged_by_windows);
    tcase_add_test(all, a_piece_that_is_normalised_and_that_nothing_cuts_takes_what_it_has);
    return suite_run(suite);
}
