/* test_charsmap.c - charsmaps: what they make of a text, and which are refused. */
#include "frontend/text/charsmap_compile.h"
#include "frontend/text/trie_build.h"
#include "runtime/text/charsmap.h"
#include "tests/unit/arena_fixture.h"

typedef struct {
    const char *text, *becomes;
} Rule;

/* A charsmap as SentencePiece packs it. */
static TextString pack(const Rule *rule, int count) {
    TrieText text[32];
    char replacements[512];
    uint32_t length = 0, units;
    for (int i = 0; i < count; i++) {
        text[i] = (TrieText){rule[i].text, (uint32_t)strlen(rule[i].text), length};
        strcpy(replacements + length, rule[i].becomes);
        length += (uint32_t)strlen(rule[i].becomes) + 1;
    }
    const uint32_t *unit = trie_build(text, count, arena, &units);
    const uint32_t bytes = units * (uint32_t)sizeof *unit;
    char *map = ARENA_ARRAY(arena, char, sizeof bytes + bytes + length);
    memcpy(map, &bytes, sizeof bytes);
    memcpy(map + sizeof bytes, unit, bytes);
    memcpy(map + sizeof bytes + bytes, replacements, length);
    return (TextString){map, sizeof bytes + bytes + length};
}

static bool compile(TextString map, bool is_longest, TextBuffer *out) {
    *out = (TextBuffer){0};
    return charsmap_compile(map, is_longest, "map", (Loc){0}, out, &diag);
}

static const char *make(TextString map, bool is_longest, const char *text) {
    TextBuffer section, made = {0};
    if (!compile(map, is_longest, &section)) ck_abort_msg("%s", diag.first->message);
    ck_assert(tw_charsmap_check(section.bytes, section.count));
    tw_charsmap(section.bytes, (const uint8_t *)text, strlen(text), &made);
    const char *result = arena_printf(arena, "%.*s", (int)made.count, (const char *)made.bytes);
    tw_text_buffer_free(&section);
    tw_text_buffer_free(&made);
    return result;
}

#define ACUTE     "\xcc\x81"         /* U+0301, which extends what stands before it */
#define FI        "\xef\xac\x81"     /* U+FB01 */
#define TRADEMARK "\xe2\x84\xa2"     /* U+2122, a pictograph */
#define JOINER    "\xe2\x80\x8d"     /* U+200D */
#define BIRD      "\xf0\x9f\x90\xa6" /* U+1F426 */

static const Rule rules[] = {
    {"\t", " "},      {"\r", " "},       {"\r\n", "\n"},   {FI, "fi"},  {"e" ACUTE, "E"},
    {"e", "e"},       {TRADEMARK, "TM"}, {"\xc2\xaa", ""}, {"ab", "x"}, {"\xc2\xa0", "space"},
    {"abc", "longer"}};

static TextString map_of_rules(void) {
    return pack(rules, COUNT(rules));
}

START_TEST(sentencepiece_replaces_the_longest_match) {
    const TextString map = map_of_rules();
    ck_assert_str_eq(make(map, true, "x\t" FI), "x fi");
    ck_assert_str_eq(make(map, true, "abcd abd"), "longerd xd");
    ck_assert_str_eq(make(map, true, "e" ACUTE "e"), "Ee");
    ck_assert_str_eq(make(map, true, "\r\n\r"), "\n ");
    ck_assert_str_eq(make(map, true, "\xc2\xaa"), "");
}
END_TEST

/* ... and of a short cluster the shortest match takes all of it. */
START_TEST(hugging_face_replaces_clusters) {
    const TextString map = map_of_rules();
    ck_assert_str_eq(make(map, false, "x\t" FI), "x fi");
    ck_assert_str_eq(make(map, false, "abc"), "abc"); /* three clusters */
    ck_assert_str_eq(make(map, false, "e" ACUTE "e"), "ee");
    ck_assert_str_eq(make(map, false, "\r\n"), " ");
    ck_assert_str_eq(make(map, false, FI ACUTE), "fi");
}
END_TEST

START_TEST(of_a_cluster_of_more_than_five_bytes_each_character_is_replaced) {
    const TextString map = map_of_rules();
    ck_assert_str_eq(make(map, false, FI ACUTE ACUTE), "fi" ACUTE ACUTE);
    ck_assert_str_eq(make(map, false, TRADEMARK JOINER BIRD), "TM" JOINER BIRD);
    /* The second pictograph belongs to the cluster that the first begins. */
    ck_assert_str_eq(make(map, false, BIRD JOINER TRADEMARK ACUTE), BIRD JOINER "TM" ACUTE);
}
END_TEST

START_TEST(a_replacement_need_not_be_ended) {
    TextString map = pack((const Rule[]){{"a", "bc"}}, 1);
    map.count--;
    ck_assert_str_eq(make(map, true, "aa"), "bcbc");
}
END_TEST

/* ---- what is refused ---- */

static void expect_refused(TextString map, const char *message) {
    TextBuffer out;
    diag = (Diag){.arena = arena};
    ck_assert(!compile(map, false, &out));
    ck_assert_str_eq(diag.first->message, message);
    tw_text_buffer_free(&out);
}

START_TEST(a_map_that_is_cut_off_is_refused) {
    const TextString map = map_of_rules();
    expect_refused((TextString){map.bytes, 3},
                   "map: expected a charsmap of at least 4 bytes, found 3");
    expect_refused((TextString){map.bytes, 100},
                   "map: the charsmap says that its trie has 1024 bytes, of 96 that it and the "
                   "replacements have");
    expect_refused((TextString){map.bytes, 4 + 1024},
                   "map: the charsmap says that its trie has 1024 bytes, of 1024 that it and the "
                   "replacements have");
}
END_TEST

START_TEST(a_map_whose_trie_leads_out_of_it_is_refused) {
    const TextString map = map_of_rules();
    expect_refused((TextString){map.bytes, map.count - 8},
                   "map: the trie of the charsmap leads out of it");
    char *far = memcpy(ARENA_ARRAY(arena, char, map.count), map.bytes, map.count);
    far[6] = 127; /* of the root's offset */
    expect_refused((TextString){far, map.count}, "map: the trie of the charsmap leads out of it");
}
END_TEST

START_TEST(a_map_that_leads_into_a_character_is_refused) {
    TextString map = pack((const Rule[]){{"a", ""}, {"b", "\xc3\xa9"}}, 2);
    char *moved = memcpy(ARENA_ARRAY(arena, char, map.count), map.bytes, map.count);
    moved[map.count - 4] = '\xa9'; /* the empty replacement */
    expect_refused((TextString){moved, map.count}, "map: the trie of the charsmap leads out of it");
}
END_TEST

/* Every bit of a section: what is still trusted reads nothing that is not there. */
START_TEST(sections_that_are_broken_are_refused_or_harmless) {
    static const char text[] = "abe" ACUTE FI TRADEMARK JOINER BIRD "\r\n\xc2\xa0";
    TextBuffer section;
    ck_assert(compile(map_of_rules(), false, &section));
    for (size_t i = 0; i < section.count; i += i < 4096 ? 1 : 97)
        for (int bit = 0; bit < 8; bit += 1 + (i > 512)) {
            section.bytes[i] ^= (uint8_t)(1 << bit);
            uint8_t *exact = aligned_alloc(64, (section.count + 63) / 64 * 64);
            memcpy(exact, section.bytes, section.count);
            TextBuffer made = {0};
            if (tw_charsmap_check(exact, section.count))
                tw_charsmap(exact, (const uint8_t *)text, sizeof text - 1, &made);
            ck_assert(!tw_charsmap_check(exact, section.count - 1));
            tw_text_buffer_free(&made);
            free(exact);
            section.bytes[i] ^= (uint8_t)(1 << bit);
        }
    tw_text_buffer_free(&section);
}
END_TEST

/* ---- spaces ---- */

static const char *spaces(const char *text, bool begins, bool ends) {
    TextBuffer out = {0};
    tw_text_spaces((const uint8_t *)text, strlen(text), begins, ends, &out);
    const char *result = arena_printf(arena, "%.*s", (int)out.count, (const char *)out.bytes);
    tw_text_buffer_free(&out);
    return result;
}

START_TEST(extra_spaces_are_dropped) {
    ck_assert_str_eq(spaces("  a  b \t c   ", true, true), "a b \t c");
    ck_assert_str_eq(spaces("  a  ", false, false), " a ");
    ck_assert_str_eq(spaces("   ", true, true), "");
    ck_assert_str_eq(spaces("a", true, true), "a");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("charsmap");
    TCase *maps = suite_case(suite, "maps", make_arena, drop_arena);
    tcase_add_test(maps, sentencepiece_replaces_the_longest_match);
    tcase_add_test(maps, hugging_face_replaces_clusters);
    tcase_add_test(maps, of_a_cluster_of_more_than_five_bytes_each_character_is_replaced);
    tcase_add_test(maps, a_replacement_need_not_be_ended);
    tcase_add_test(maps, a_map_that_is_cut_off_is_refused);
    tcase_add_test(maps, a_map_whose_trie_leads_out_of_it_is_refused);
    tcase_add_test(maps, a_map_that_leads_into_a_character_is_refused);
    tcase_add_test(maps, sections_that_are_broken_are_refused_or_harmless);
    tcase_add_test(suite_case(suite, "spaces", make_arena, drop_arena), extra_spaces_are_dropped);
    return suite_run(suite);
}
