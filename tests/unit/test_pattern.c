/* Expressions as automata: what they match is what Oniguruma matches, which Hugging Face's
 * tokenizers use; where it is not there, a few cases by hand. */
#include "frontend/text/pattern_compile.h"
#include "frontend/text/tables_make.h"
#include "runtime/text/pattern.h"
#include "tests/check.h"
#include "tests/unit/arena_fixture.h"
#include "tests/unit/random_text.h"

#ifdef TEST_ONIGURUMA
#include <oniguruma.h>
#endif

static TextString text_string(const char *text) {
    return (TextString){text, strlen(text)};
}

static TextMemo *memo(void) {
    static TextMemo fresh;
    fresh.is_used = false;
    return &fresh;
}

static TextBuffer compile(const char *expression) {
    diag = (Diag){.arena = arena};
    TextBuffer section = {0};
    const bool is_done =
        pattern_compile(text_string(expression), "pattern", (Loc){0}, &section, &diag);
    ck_assert_msg(is_done, "'%s': %s", expression, diag.first ? diag.first->message : "?");
    ck_assert(tw_text_pattern_check(section.bytes, section.count));
    return section;
}

static const char *message_of(const char *expression) {
    diag = (Diag){.arena = arena};
    TextBuffer section = {0};
    ck_assert(!pattern_compile(text_string(expression), "pattern", (Loc){0}, &section, &diag));
    ck_assert_int_eq(diag.errors, 1);
    tw_text_buffer_free(&section);
    return arena_printf(arena, "%s (%s)", diag.first->message,
                        diag.first->hint ? diag.first->hint : "");
}

/* All matches, as "[a][b]". */
static const char *matches(const char *expression, const char *text) {
    TextBuffer section = compile(expression);
    FILE *out = text_begin();
    size_t start, end, from = 0;
    while (tw_text_pattern_find(section.bytes, (const uint8_t *)text, strlen(text), from, true,
                                memo(), &start, &end) == TEXT_FOUND) {
        fprintf(out, "[%.*s]", (int)(end - start), text + start);
        from = end;
    }
    tw_text_buffer_free(&section);
    return text_end(out);
}

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

START_TEST(the_first_alternative_wins_not_the_longest) {
    ck_assert_str_eq(matches("a|ab|abc", "abc"), "[a]");
    ck_assert_str_eq(matches("abc|ab|a", "abcab"), "[abc][ab]");
    ck_assert_str_eq(matches("a*?b|a+", "aab"), "[aab]");
    ck_assert_str_eq(matches("a{2,3}?", "aaaa"), "[aa][aa]");
}
END_TEST

START_TEST(spaces_before_a_word_stay_with_it) {
    ck_assert_str_eq(matches(GPT2, "it's  two   "), "[it]['s][ ][ two][   ]");
}
END_TEST

START_TEST(a_look_ahead_may_be_of_any_length) {
    ck_assert_str_eq(matches("\\d{1,3}(?=(?:\\d{3})*\\b)", "1234567 12"), "[1][234][567][12]");
    ck_assert_str_eq(matches("(?=(\\d{3})+(?!\\d))", "1234567"), "[][]");
    ck_assert_str_eq(matches("a(?!b(?=c))", "abc abd a"), "[a][a]");
}
END_TEST

START_TEST(what_repeats_possessively_gives_nothing_back) {
    ck_assert_str_eq(matches("[ab]?+a", "ba"), "[ba]");
    ck_assert_str_eq(matches("[ab]?+a", "a"), "");
    ck_assert_str_eq(matches("\\s++x|\\s", "  x "), "[  x][ ]");
}
END_TEST

START_TEST(case_counts_not_where_it_is_told_so) {
    ck_assert_str_eq(matches("(?i:'s|'K)", "'s'S'\u017F'k'\u212A"),
                     "['s]['S]['\u017F]['k]['\u212A]");
    ck_assert_str_eq(matches("a(?i)b|c", "aBcaC"), "[aB][aC]");
}
END_TEST

START_TEST(classes_are_joined_and_intersected) {
    ck_assert_str_eq(matches("[\\p{L}&&[^a-c]]+", "abxyc\u4E00"), "[xy][\u4E00]");
    ck_assert_str_eq(matches("[\\p{L}\\p{M}&&[^\\p{Han}]]+", "xy\u4E00z"), "[xy][z]");
    ck_assert_str_eq(matches("[^\\S\\n]+", "a \t\n b"), "[ \t][ ]");
}
END_TEST

START_TEST(properties_are_those_of_unicode_16) {
    ck_assert_str_eq(matches("\\p{L}+", "\U000105C0\U0002EBF0|\u1C89"), /* 16, 15.1, 16 */
                     "[\U000105C0\U0002EBF0][\u1C89]");
    ck_assert_str_eq(matches("\\p{Old_Punctuation}", "-\u2E43\u166D\u2E44"), "[-][\u166D]");
}
END_TEST

START_TEST(lines_and_texts_begin_and_end) {
    ck_assert_str_eq(matches("\\s+$", "a  \n b  "), "[  ][  ]");
    ck_assert_str_eq(matches("^b", "ab\nb"), "[b]");
    ck_assert_str_eq(matches("b\\z|a\\Z", "aba\n"), "[a]");
    ck_assert_str_eq(matches("(?<!a)b(?<=b)", "abbb"), "[b][b]");
}
END_TEST

START_TEST(what_no_automaton_can_do_is_refused_by_its_name) {
    assert_says(message_of("x(a)\\1"),
                "a reference to a group cannot become an automaton (at byte 4");
    assert_says(message_of("(?<=ab)c"), "look-behind of more than one character");
    assert_says(message_of("(?:ab|a)++c"), "possessive");
    assert_says(message_of("a\\Kb"), "the escape '\\K'");
    assert_says(message_of("\\p{Nonsense}"), "no property 'Nonsense'");
    assert_says(message_of("(a"), "has no ')'");
    assert_says(message_of("a)"), "closes nothing");
    assert_says(message_of("[a"), "has no ']'");
    assert_says(message_of("[b-a]"), "ends before it begins");
    assert_says(message_of("*a"), "nothing that '*'");
    assert_says(message_of("a{3,2}"), "at least 3 and at most 2");
    assert_says(message_of("a{2000}"), "more than 1000 times");
    assert_says(message_of("(?:a{1000}){1000}"), "too many states");
    assert_says(message_of("[ab]*a[ab]{20}"), "too large");
    assert_says(message_of("a\xFF"), "no UTF-8");
}
END_TEST

START_TEST(a_literal_is_matched_as_it_is) {
    const TextString literal = pattern_literal(text_string("a.b|[^{\\"), arena);
    ck_assert_str_eq(matches(literal.bytes, "a.b|[^{\\ab"), "[a.b|[^{\\]");
}
END_TEST

/* ---- windows and bytes that are no text ---- */

START_TEST(a_window_says_where_more_text_decides) {
    TextBuffer section = compile(GPT2 "|\\d{1,3}(?=(?:\\d{3})*\\b)");
    uint8_t text[400];
    for (int turn = 0; turn < 3000; turn++) {
        const size_t bytes = random_text(text, 40);
        size_t cut = random_below((uint32_t)bytes + 1);
        while (cut < bytes && (text[cut] & 0xC0) == 0x80) cut++;
        size_t start, end, all_start, all_end;
        const TextFound part =
            tw_text_pattern_find(section.bytes, text, cut, 0, false, memo(), &start, &end);
        if (part == TEXT_FOUND_MORE) continue;
        const TextFound all =
            tw_text_pattern_find(section.bytes, text, bytes, 0, true, memo(), &all_start, &all_end);
        ck_assert_int_eq(part, all);
        if (all == TEXT_FOUND) ck_assert(start == all_start && end == all_end);
    }
    tw_text_buffer_free(&section);
}
END_TEST

START_TEST(any_bytes_are_read_without_harm) {
    TextBuffer section = compile("\\bx?|" GPT2);
    for (int turn = 0; turn < 2000; turn++) {
        const size_t bytes = random_below(30);
        uint8_t *text = malloc(bytes + 1);
        for (size_t i = 0; i < bytes; i++)
            text[i] = (uint8_t)(random_below(3) ? random_below(256) : 'x');
        size_t from = 0, start, end;
        while (tw_text_pattern_find(section.bytes, text, bytes, from, true, memo(), &start, &end) ==
               TEXT_FOUND) {
            ck_assert(start >= from && end >= start && end > from && end <= bytes);
            from = end;
        }
        free(text);
    }
    tw_text_buffer_free(&section);
}
END_TEST

START_TEST(damaged_tables_are_refused_or_harmless) {
    const uint8_t text[] = "it's 1234 \u4E00\u4E01 x";
    TextBuffer section = compile("\\bx|\\d{1,3}(?=(?:\\d{3})*\\b)|" GPT2);
    uint8_t *copy = malloc(section.count);
    ck_assert(!tw_text_pattern_check(section.bytes, section.count - 1));
    for (int turn = 0; turn < 3000; turn++) {
        memcpy(copy, section.bytes, section.count);
        const uint32_t within = random_below(2) ? 4000 : (uint32_t)section.count;
        for (int i = 0; i < 2; i++) copy[random_below(within)] = (uint8_t)random_below(256);
        if (!tw_text_pattern_check(copy, section.count)) continue;
        for (size_t from = 0, start, end; from < sizeof text; from = end)
            if (tw_text_pattern_find(copy, text, sizeof text, from, true, memo(), &start, &end) !=
                TEXT_FOUND)
                break;
    }
    free(copy);
    tw_text_buffer_free(&section);
}
END_TEST

/* Each of these takes engines that go back a time that is quadratic. */
START_TEST(time_is_in_proportion_to_the_text) {
    static const struct {
        const char *expression, character;
    } cases[] = {{"\\d{1,3}(?=(?:\\d{3})*\\b)", '1'}, {"\\s+$", ' '}, {"(?:aa)+b|a", 'a'}};
    enum { BYTES = 300000 };
    TextBuffer section = compile(cases[_i].expression);
    uint8_t *text = malloc(BYTES);
    memset(text, cases[_i].character, BYTES);
    text[BYTES - 1] = 'x';
    TextMemo *const shared = memo();
    size_t from = 0, start, end;
    while (tw_text_pattern_find(section.bytes, text, BYTES, from, true, shared, &start, &end) ==
           TEXT_FOUND)
        from = end;
    ck_assert_uint_le(from, BYTES);
    free(text);
    tw_text_buffer_free(&section);
}
END_TEST

/* Text that is normalised comes in windows. */
START_TEST(what_is_looked_at_behind_is_not_cut_off) {
    enum { TURNS = 40000 };
    TextToken token[] = {{.text = {"x", 1}}, {.text = {"b", 1}}, {.text = {"bb", 2}}};
    TextPair merge = {.left = 1, .right = 1, .token = 2};
    TextNormal normal = {.kind = TEXT_NORMAL_nfc, .where = "normalizer"};
    TextSplit split = {.kind = TEXT_SPLIT_pattern,
                       .expression = text_string("x|(?<!x)bb|b"),
                       .where = "pre_tokenizer"};
    TextDefinition definition = {.name = "test",
                                 .model = {.token = token,
                                           .token_count = 3,
                                           .merge = &merge,
                                           .merge_count = 1,
                                           .unknown = -1},
                                 .normal = &normal,
                                 .normal_count = 1,
                                 .split = &split,
                                 .split_count = 1};
    for (int i = 0; i < TW_SPECIAL_COUNT; i++) definition.special[i] = -1;
    diag = (Diag){.arena = arena};
    TextBuffer made = {0};
    ck_assert(tables_make(&definition, &made, &diag));
    void *tables =
        aligned_alloc(TEXT_ALIGNMENT, (made.count / TEXT_ALIGNMENT + 1) * TEXT_ALIGNMENT);
    memcpy(tables, made.bytes, made.count);
    TwTokenizer *tokenizer;
    ck_assert_int_eq(tw_tokenizer_open_memory(tables, made.count, &tokenizer), TW_OK);
    char *text = malloc(3 * TURNS);
    for (int i = 0; i < TURNS; i++) memcpy(text + 3 * i, "xbb", 3);
    size_t count;
    ck_assert_int_eq(tw_encode(tokenizer, text, 3 * TURNS, 0, NULL, 0, &count), TW_NO_ROOM);
    ck_assert_uint_eq(count, 3 * TURNS); /* none is "bb" */
    tw_tokenizer_close(tokenizer);
    free(text);
    free(tables);
    tw_text_buffer_free(&made);
}
END_TEST

/* ---- beside Oniguruma ---- */

#ifdef TEST_ONIGURUMA

/* Those of models in use, and what shows where engines differ. */
static const char *const expressions[] = {
    GPT2,
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| "
    "?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'"
    "s|'t|'"
    "re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}"
    "\\p{Lo}"
    "\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+"
    "(?!\\S)|\\s+",
    "[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))*((?=[\\p{L}])([^A-Z]))+|[^\\r\\n\\p{L}\\p{N}]?((?"
    "=[\\p{"
    "L}])([^a-z]))+((?=[\\p{L}])([^A-Z]))*|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!"
    "\\S)|\\s+",
    "[!\"#$%&'()*+,\\-./"
    ":;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
    "?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+",
    "\\p{N}{1,3}",
    "\\s?[A-Za-z\u00B5\u00C0-\u00D6]+",
    "\\s+$",
    "[\\r\\n]",
    "\\s?\\p{P}+",
    "[\\p{P}\\$\\+<=>\\^~\\|`]+",
    "[0-9][0-9][0-9]",
    " ?[^(\\s|.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C)]+",
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: "
    "\\p{L}\\p{M}*)*)+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
    "\\d{1,3}(?=(?:\\d{3})*\\b)",
    "(?=(\\d{3})+(?!\\d))",
    "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}"
    "\\p{N}]+",
    "[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]*[\\p{Ll}"
    "\\p{Lm}"
    "\\p{Lo}\\p{M}&&[^\\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "(<sentinel:[0-9]+>)|(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z|([\\t\\n]|    |  )",
    "[\\w\\x{200C}\\x{200D}]+|[^\\w\\x{200C}\\x{200D}\\s]+",
    "[^\\n]+|[\\n]+",
    "\\w+|\\W",
    "\\d+|\\D\\b",
    "(?i)[\u00E0-\u00FF]+|k+|s",
    "^.|.$",
    "\\B.|\\b",
    "(?<=\\s)\\S|(?<!\\p{L})\\p{L}",
    "\\p{Hiragana}+|\\p{Katakana}|\\p{Hangul}+|\\p{Cyrillic}+|\\p{Greek}|\\p{Arabic}+|\\p{Hebrew}|"
    "\\p{Thai}"
    "+|\\p{Latin}+|\\p{Devanagari}+",
    "\\p{Lu}|\\p{Ll}{2}|\\p{Lt}|\\p{Lm}|\\p{Mn}|\\p{Nd}|\\p{Nl}|\\p{No}|\\p{Pc}|\\p{Pd}|\\p{Ps}|"
    "\\p{Pe}|\\p{"
    "Pi}|\\p{Pf}|\\p{Po}|\\p{Sm}|\\p{Sc}|\\p{Sk}|\\p{So}|\\p{Zs}|\\p{Cc}|\\p{Cf}|\\p{Co}",
    "(a|b|ab)*?c|(?:a?|b)+",
    "(?:|a)+b?|(|b)*c",
};

static regex_t *onig_compile(const char *expression) {
    regex_t *regex;
    OnigErrorInfo info;
    const OnigUChar *text = (const OnigUChar *)expression;
    if (onig_new(&regex, text, text + strlen(expression), ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                 ONIG_SYNTAX_ONIGURUMA, &info) != ONIG_NORMAL)
        return NULL;
    return regex;
}

/* The next match as iterators give it: an empty one is none where the one before ended. */
static bool onig_next(regex_t *regex, OnigRegion *region, const uint8_t *text, size_t bytes,
                      size_t from, size_t *start, size_t *end) {
    const int found =
        onig_search(regex, text, text + bytes, text + from, text + bytes, region, ONIG_OPTION_NONE);
    if (found < 0) return false;
    *start = (size_t)region->beg[0];
    *end = (size_t)region->end[0];
    if (*end > from) return true;
    if (from == bytes) return false;
    do from++;
    while (from < bytes && (text[from] & 0xC0) == 0x80);
    const int later =
        onig_search(regex, text, text + bytes, text + from, text + bytes, region, ONIG_OPTION_NONE);
    if (later < 0) return false;
    *start = (size_t)region->beg[0];
    *end = (size_t)region->end[0];
    return true;
}

static void compare_on(const char *expression, const uint8_t *section, regex_t *regex,
                       OnigRegion *region, const uint8_t *text, size_t bytes) {
    TextMemo *const shared = memo();
    for (size_t from = 0;;) {
        size_t start = 0, end = 0, his_start = 0, his_end = 0;
        const bool found = tw_text_pattern_find(section, text, bytes, from, true, shared, &start,
                                                &end) == TEXT_FOUND;
        const bool his = onig_next(regex, region, text, bytes, from, &his_start, &his_end);
        ck_assert_msg(found == his && (!his || (start == his_start && end == his_end)),
                      "'%s' on '%.*s' from %zu: %zu-%zu, and Oniguruma %zu-%zu", expression,
                      (int)bytes, text, from, start, end, his_start, his_end);
        if (!found) return;
        from = end;
    }
}

START_TEST(expressions_in_use_match_as_oniguruma_does) {
    const char *expression = expressions[_i];
    regex_t *regex = onig_compile(expression);
    ck_assert_msg(regex != NULL, "%s", expression);
    OnigRegion *region = onig_region_new();
    TextBuffer section = compile(expression);
    random_state = 1 + (uint64_t)_i;
    for (int turn = 0; turn < 3000; turn++) {
        uint8_t text[400];
        compare_on(expression, section.bytes, regex, region, text, random_text(text, 40));
    }
    tw_text_buffer_free(&section);
    onig_region_free(region, 1);
    onig_free(regex);
}
END_TEST

/* What looks far ahead, on long rows of what it looks at. */
START_TEST(long_rows_match_as_oniguruma_does) {
    static const char *const far[] = {"\\d{1,3}(?=(?:\\d{3})*\\b)", "(?=(\\d{3})+(?!\\d))", "\\s+$",
                                      "a|(?:aa)+b|\\s", "(?:aaa)+\\d|(?:\\d\\d)+a|.(?=\\d*\\s)"};
    enum { MOST = 6000 };
    regex_t *regex = onig_compile(far[_i]);
    OnigRegion *region = onig_region_new();
    TextBuffer section = compile(far[_i]);
    uint8_t *text = malloc(2 * MOST);
    random_state = 9 + (uint64_t)_i;
    for (int turn = 0; turn < 12; turn++) {
        size_t bytes = 0;
        while (bytes < MOST) {
            static const char rows[] = "11111 aab\nx";
            const uint32_t character = (uint8_t)rows[random_below(sizeof rows - 1)];
            for (uint32_t i = random_below(5) ? random_below(9) : random_below(1500);
                 i && bytes < MOST; i--)
                bytes += put_character(text + bytes, random_below(800) ? character : 0x664);
        }
        compare_on(far[_i], section.bytes, regex, region, text, bytes);
    }
    free(text);
    tw_text_buffer_free(&section);
    onig_region_free(region, 1);
    onig_free(regex);
}
END_TEST

/* ---- random expressions ---- */

static void random_choice(FILE *out, int depth);

static void random_atom(FILE *out, int depth) {
    static const char *const atoms[] = {"a",       "b",     "\\s",    "[ab]",        "[^a]",
                                        "\\p{L}",  "\\d",   ".",      "'",           "\\w",
                                        "(?!\\S)", "(?=a)", "(?<=a)", "(?<![b ])",   "\\b",
                                        "\\B",     "$",     "^",      "[a-c&&[^b]]", "\u4E00"};
    static const char *const groups[] = {"(", "(?:", "(?i:", "(?=", "(?!"};
    const uint32_t group = random_below(12);
    if (!depth || group >= COUNT(groups)) {
        fputs(atoms[random_below(COUNT(atoms))], out);
        return;
    }
    fputs(groups[group], out);
    random_choice(out, depth - 1);
    fputs(")", out);
}

static void random_choice(FILE *out, int depth) {
    static const char *const quantifiers[] = {"*",  "+",   "?",     "*?",    "+?",
                                              "??", "{2}", "{1,2}", "{0,2}?"};
    for (uint32_t i = random_below(3) + 1; i; i--) {
        for (uint32_t k = random_below(3) + (i > 1 || random_below(8)); k; k--) {
            random_atom(out, depth);
            if (!random_below(3)) fputs(quantifiers[random_below(COUNT(quantifiers))], out);
        }
        if (i > 1) fputs("|", out);
    }
}

static void few_characters(uint8_t *text, size_t *bytes) {
    static const char *const characters[] = {"a", "a", "b", " ",      "\n",
                                             "1", "A", "'", "\u4E00", "c"};
    *bytes = 0;
    for (uint32_t i = random_below(9); i; i--) {
        const char *character = characters[random_below(COUNT(characters))];
        memcpy(text + *bytes, character, strlen(character));
        *bytes += strlen(character);
    }
}

START_TEST(random_expressions_match_as_oniguruma_does) {
    int compared = 0;
    OnigRegion *region = onig_region_new();
    random_state = 77;
    for (int turn = 0; turn < 200; turn++) {
        FILE *out = text_begin();
        random_choice(out, 2);
        const char *expression = arena_printf(arena, "%s", text_end(out));
        regex_t *regex = onig_compile(expression);
        diag = (Diag){.arena = arena};
        TextBuffer section = {0};
        const bool is_done =
            pattern_compile(text_string(expression), "pattern", (Loc){0}, &section, &diag);
        for (int i = 0; regex && is_done && i < 60; i++) {
            uint8_t text[64];
            size_t bytes, start = 0, end = 0, his_start = 0, his_end = 0;
            few_characters(text, &bytes);
            const bool found = tw_text_pattern_find(section.bytes, text, bytes, 0, true, memo(),
                                                    &start, &end) == TEXT_FOUND;
            const bool his = onig_next(regex, region, text, bytes, 0, &his_start, &his_end);
            ck_assert_msg(found == his && (!his || (start == his_start && end == his_end)),
                          "'%s' on '%.*s': %zu-%zu, and Oniguruma %zu-%zu", expression, (int)bytes,
                          text, start, end, his_start, his_end);
            compared++;
        }
        if (regex) onig_free(regex);
        tw_text_buffer_free(&section);
    }
    ck_assert_int_gt(compared, 2000);
    onig_region_free(region, 1);
}
END_TEST

#endif

int main(void) {
    Suite *suite = suite_create("pattern");
    TCase *tests = suite_case(suite, "pattern", make_arena, drop_arena);
    tcase_add_test(tests, the_first_alternative_wins_not_the_longest);
    tcase_add_test(tests, spaces_before_a_word_stay_with_it);
    tcase_add_test(tests, a_look_ahead_may_be_of_any_length);
    tcase_add_test(tests, what_repeats_possessively_gives_nothing_back);
    tcase_add_test(tests, case_counts_not_where_it_is_told_so);
    tcase_add_test(tests, classes_are_joined_and_intersected);
    tcase_add_test(tests, properties_are_those_of_unicode_16);
    tcase_add_test(tests, lines_and_texts_begin_and_end);
    tcase_add_test(tests, what_no_automaton_can_do_is_refused_by_its_name);
    tcase_add_test(tests, a_literal_is_matched_as_it_is);
    tcase_add_test(tests, a_window_says_where_more_text_decides);
    tcase_add_test(tests, any_bytes_are_read_without_harm);
    tcase_add_test(tests, damaged_tables_are_refused_or_harmless);
    tcase_add_loop_test(tests, time_is_in_proportion_to_the_text, 0, 3);
    tcase_add_test(tests, what_is_looked_at_behind_is_not_cut_off);
#ifdef TEST_ONIGURUMA
    OnigEncoding encoding = ONIG_ENCODING_UTF8;
    onig_initialize(&encoding, 1);
    tcase_add_loop_test(tests, expressions_in_use_match_as_oniguruma_does, 0, COUNT(expressions));
    tcase_add_loop_test(tests, long_rows_match_as_oniguruma_does, 0, 5);
    tcase_add_test(tests, random_expressions_match_as_oniguruma_does);
#else
    puts("Oniguruma is not there: matches are not compared with its");
#endif
    return suite_run(suite);
}
