/* test_generation.c - text comes as its tokens do, and ends where it should. */
#include "runtime/generation/bias_text.h"
#include "runtime/generation/generation.h"
#include "tests/check.h"

#include <math.h>

/* What was written so far. */
static char written[4096];
static size_t written_length;

static void write_down(void *context, const char *bytes, size_t count) {
    (void)context;
    ck_assert_uint_le(written_length + count, sizeof written - 1);
    memcpy(written + written_length, bytes, count);
    written_length += count;
    written[written_length] = 0;
}

static void begin_page(void) {
    written_length = 0;
    written[0] = 0;
}

/* ---- stop texts ---- */

static const char *feed(StopTexts *stops, const char *text) {
    return stop_texts_feed(stops, text, strlen(text), write_down, NULL);
}

START_TEST(a_stop_text_is_found_across_pieces_and_not_written) {
    const char *const texts[] = {"User:", "\n\n"};
    StopTexts *stops = stop_texts_create(texts, 2);
    ck_assert_ptr_null(feed(stops, "Hello. Us"));
    ck_assert_str_eq(written, "Hello. ");
    ck_assert_ptr_null(feed(stops, "e it. U"));
    ck_assert_str_eq(written, "Hello. Use it. ");
    ck_assert_ptr_null(feed(stops, "ser"));
    ck_assert_str_eq(feed(stops, ": no more"), "User:");
    ck_assert_str_eq(written, "Hello. Use it. ");
    stop_texts_destroy(stops);
}
END_TEST

START_TEST(what_is_held_back_is_written_at_the_end) {
    const char *const texts[] = {"abc"};
    StopTexts *stops = stop_texts_create(texts, 1);
    feed(stops, "xab");
    ck_assert_str_eq(written, "x");
    stop_texts_flush(stops, write_down, NULL);
    ck_assert_str_eq(written, "xab");
    ck_assert_ptr_null(feed(stops, "c")); /* another text has begun */
    ck_assert_str_eq(written, "xabc");
    stop_texts_destroy(stops);
}
END_TEST

START_TEST(without_stop_texts_nothing_is_held_back) {
    StopTexts *stops = stop_texts_create(NULL, 0);
    ck_assert_ptr_null(feed(stops, "abc"));
    ck_assert_str_eq(written, "abc");
    stop_texts_destroy(stops);
}
END_TEST

static uint64_t state;

static unsigned any(unsigned below) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(state >> 33) % below;
}

static bool ends_with(const char *text, size_t length, const char *end, size_t count) {
    return count <= length && memcmp(text + length - count, end, count) == 0;
}

/* What a plain search says of the first `length` bytes: how many of them are written, and the stop
 * text that is complete with the last of them, if there is one. */
static size_t search(const char *text, size_t length, const char *const *stops, int count,
                     const char **complete) {
    size_t held = 0, longest = 0;
    *complete = NULL;
    for (int i = 0; i < count; i++) {
        const size_t all = strlen(stops[i]);
        for (size_t part = 1; part < all; part++)
            if (ends_with(text, length, stops[i], part) && part > held) held = part;
        if (!ends_with(text, length, stops[i], all) || all <= longest) continue;
        longest = all;
        *complete = stops[i];
    }
    return length - (*complete ? longest : held);
}

/* Texts of two letters, so that there is much to hold back. */
START_TEST(all_is_as_a_plain_search_finds_it) {
    state = (uint64_t)_i;
    for (int round = 0; round < 2000; round++) {
        char text[64], stop[4][8];
        const char *stops[4], *expected = NULL, *found = NULL;
        const int count = (int)any(4) + 1;
        for (int i = 0; i < count; i++) {
            const size_t length = any(6) + 1;
            for (size_t k = 0; k < length; k++) stop[i][k] = (char)('a' + any(2));
            stop[i][length] = 0;
            stops[i] = stop[i];
        }
        for (size_t k = 0; k < sizeof text; k++) text[k] = (char)('a' + any(2));
        begin_page();
        StopTexts *all = stop_texts_create(stops, count);
        size_t fed = 0;
        while (fed < sizeof text && !found) {
            const size_t piece = any(4) < sizeof text - fed ? any(4) : sizeof text - fed;
            const size_t end = fed + (piece < sizeof text - fed ? piece : sizeof text - fed);
            size_t length = search(text, fed, stops, count, &expected);
            for (size_t k = fed + 1; k <= end && !expected; k++)
                length = search(text, k, stops, count, &expected);
            found = stop_texts_feed(all, text + fed, end - fed, write_down, NULL);
            ck_assert_int_eq(found != NULL, expected != NULL);
            if (found) ck_assert_str_eq(found, expected);
            ck_assert_uint_eq(written_length, length);
            ck_assert_mem_eq(written, text, written_length);
            fed = end;
        }
        stop_texts_destroy(all);
    }
}
END_TEST

/* ---- generation ---- */

/* A vocabulary in which a token is one of these, and 7 ends the text. '~' waits for the next token,
 * as a part of a character does. */
static const char *const pieces[] = {"a", "b", "ab", "", "hello", "~", "long", "<end>"};
enum { VOCAB = COUNT(pieces), END_TOKEN = 7 };
static bool is_waiting;

static size_t decode(void *context, int32_t token, char *out, size_t room) {
    char text[400];
    (void)context;
    int count = snprintf(text, sizeof text, "%s%s", is_waiting ? "~" : "", pieces[token]);
    if (token == 6) count = snprintf(text, sizeof text, "%300s", "long");
    if (token == 5) count = 0;
    if ((size_t)count > room) return (size_t)count;
    is_waiting = token == 5;
    memcpy(out, text, (size_t)count);
    return (size_t)count;
}

static size_t decode_end(void *context, char *out, size_t room) {
    (void)context;
    if (is_waiting && room) *out = '?';
    return is_waiting;
}

static bool ends(const void *context, int32_t token) {
    (void)context;
    return token == END_TOKEN;
}

/* Generates the tokens of a script, "0123", as far as it goes. Returns how it ended. */
static Generation generate(const char *script, int64_t most, bool ignores_ends, const char *stop,
                           Transcript *transcript) {
    TwSampler *sampler = NULL;
    ck_assert_int_eq(tw_sampler_create_from(NULL, VOCAB, &sampler), TW_OK);
    const GenerationOptions options = {.sampler = sampler,
                                       .text = {NULL, decode, decode_end, ends},
                                       .stops = stop_texts_create(&stop, stop != NULL),
                                       .most = most,
                                       .ignores_ends = ignores_ends,
                                       .write = transcript ? transcript_add_text : write_down,
                                       .context = transcript,
                                       .transcript = transcript};
    Generation generation;
    begin_page();
    is_waiting = false;
    generation_begin(&generation, &options);
    for (bool goes_on = true; *script && goes_on; script++) {
        float logits[VOCAB] = {0};
        logits[*script - '0'] = 1;
        goes_on = generation_next(&generation, logits);
    }
    generation_end(&generation);
    stop_texts_destroy(options.stops);
    tw_sampler_destroy(sampler);
    generation.options = NULL;
    return generation;
}

START_TEST(as_many_tokens_come_as_are_wanted) {
    Generation g = generate("0124", 3, false, NULL, NULL);
    ck_assert_int_eq(g.end, GENERATION_BY_COUNT);
    ck_assert_int_eq(g.count, 3);
    ck_assert_str_eq(written, "abab");
    g = generate("0", 0, false, NULL, NULL);
    ck_assert_int_eq(g.end, GENERATION_BY_COUNT);
    ck_assert_int_eq(g.count, 0);
}
END_TEST

START_TEST(a_token_that_ends_the_text_is_none_of_it) {
    Generation g = generate("0171", 9, false, NULL, NULL);
    ck_assert_int_eq(g.end, GENERATION_BY_TOKEN);
    ck_assert_int_eq(g.count, 3);
    ck_assert_str_eq(written, "ab");
    g = generate("0171", 4, true, NULL, NULL);
    ck_assert_int_eq(g.end, GENERATION_BY_COUNT);
    ck_assert_str_eq(written, "ab<end>b");
}
END_TEST

START_TEST(a_stop_text_ends_within_a_token) {
    const Generation g = generate("0403", 9, false, "lloa", NULL);
    ck_assert_int_eq(g.end, GENERATION_BY_STOP);
    ck_assert_str_eq(g.stop, "lloa");
    ck_assert_int_eq(g.count, 3);
    ck_assert_str_eq(written, "ahe");
}
END_TEST

START_TEST(what_waits_comes_with_the_next_token_or_at_the_end) {
    generate("050", 9, false, NULL, NULL);
    ck_assert_str_eq(written, "a~a");
    generate("05", 9, false, NULL, NULL);
    ck_assert_str_eq(written, "a?");
    const Generation g = generate("05", 9, false, "a?", NULL); /* a stop text, too */
    ck_assert_int_eq(g.end, GENERATION_BY_STOP);
    ck_assert_str_eq(written, "");
}
END_TEST

START_TEST(tokens_of_any_length_are_written) {
    generate("06", 9, false, NULL, NULL);
    ck_assert_uint_eq(written_length, 301);
    ck_assert_str_eq(written + 297, "long");
}
END_TEST

START_TEST(no_numbers_end_a_generation) {
    TwSampler *sampler = NULL;
    float logits[VOCAB];
    for (int i = 0; i < VOCAB; i++) logits[i] = NAN;
    ck_assert_int_eq(tw_sampler_create_from(NULL, VOCAB, &sampler), TW_OK);
    const GenerationOptions options = {.sampler = sampler,
                                       .text = token_text_of_bytes(),
                                       .stops = stop_texts_create(NULL, 0),
                                       .most = 5,
                                       .write = write_down};
    Generation generation;
    generation_begin(&generation, &options);
    ck_assert(!generation_next(&generation, logits));
    ck_assert_int_eq(generation.end, GENERATION_NO_NUMBERS);
    generation_end(&generation);
    stop_texts_destroy(options.stops);
    tw_sampler_destroy(sampler);
}
END_TEST

/* ---- tokens as text ---- */

START_TEST(tokens_without_a_tokenizer_are_bytes_or_numbers) {
    int64_t count = 0;
    char out[16];
    const TokenText bytes = token_text_of_bytes(), numbers = token_text_of_numbers(&count);
    ck_assert_uint_eq(bytes.decode(NULL, 0, out, 1), 1);
    ck_assert_int_eq(out[0], 0);
    ck_assert_uint_eq(bytes.decode(NULL, 300, out, sizeof out), 5);
    ck_assert_mem_eq(out, "<300>", 5);
    ck_assert_uint_eq(numbers.decode(&count, 12, out, 1), 2); /* no room: as if it had not been */
    ck_assert_uint_eq(numbers.decode(&count, 12, out, sizeof out), 2);
    ck_assert_mem_eq(out, "12", 2);
    ck_assert_uint_eq(numbers.decode(&count, 7, out, sizeof out), 2);
    ck_assert_mem_eq(out, " 7", 2);
}
END_TEST

START_TEST(a_bias_is_a_token_and_a_number) {
    static const char *const bad[] = {
        "",     "=1",    "1",    "1=",    "1= 2", " 1=2", "1=2x", "10=1",
        "-1=1", "1=nan", "1==2", "1=2,3", "x=1",  "1=1e", "1:2",  "99999999999999999999=1"};
    TwLogitBias bias;
    ck_assert(bias_text_read("9=-2.5", 10, &bias));
    ck_assert_int_eq(bias.token, 9);
    ck_assert_float_eq(bias.bias, -2.5F);
    ck_assert(bias_text_read("0=-inf", 10, &bias));
    ck_assert(bias.bias == -INFINITY);
    ck_assert(bias_text_read("0=+1e2", 10, &bias));
    ck_assert_float_eq(bias.bias, 100);
    for (int i = 0; i < COUNT(bad); i++)
        ck_assert_msg(!bias_text_read(bad[i], 10, &bias), "'%s'", bad[i]);
}
END_TEST

/* ---- transcripts ---- */

static void expect_json(const Transcript *transcript, const char *expected) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    transcript_write(transcript,
                     &(TranscriptFacts){.model = "a\"b",
                                        .end = "count",
                                        .prompt_tokens = 5,
                                        .threads = 2,
                                        .ready_seconds = 0.5,
                                        .generate_seconds = 1.0 / 3},
                     out);
    fclose(out);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(a_transcript_has_all_tokens_and_their_text) {
    Transcript transcript = {.vocab = VOCAB, .has_text = true};
    generate("017", 9, false, NULL, &transcript);
    expect_json(&transcript, "{\n"
                             "  \"model\": \"a\\\"b\",\n"
                             "  \"text\": \"ab\",\n"
                             "  \"tokens\": [0, 1, 7],\n"
                             "  \"end\": \"count\",\n"
                             "  \"prompt_tokens\": 5,\n"
                             "  \"threads\": 2,\n"
                             "  \"seconds\": {\"ready\": 0.5, \"prompt\": 0, \"generate\": "
                             "0.333333333}\n"
                             "}\n");
    transcript_free(&transcript);
}
END_TEST

START_TEST(a_transcript_has_probabilities_of_the_likeliest) {
    const float logits[] = {0, INFINITY, NAN};
    Transcript transcript = {.vocab = 3, .top = 3};
    for (int i = 0; i < 200; i++) ck_assert(transcript_add_token(&transcript, 1, logits));
    transcript.count = 2;
    ck_assert(transcript_add_token(&transcript, 0, (const float[]){0, 0, -INFINITY}));
    transcript.count = 3;
    transcript.token[1] = 0; /* the row has another for it */
    transcript.logprob[1] = -INFINITY;
    const char *row = "{\"token\": 1, \"logprob\": 0}, {\"token\": 0, \"logprob\": null}";
    char expected[2000];
    snprintf(expected, sizeof expected,
             "{\n  \"model\": \"a\\\"b\",\n  \"tokens\": [1, 0, 0],\n  \"logprobs\": [\n"
             "    {\"token\": 1, \"logprob\": 0, \"top\": [%s]},\n"
             "    {\"token\": 0, \"logprob\": null, \"top\": [%s]},\n"
             "    {\"token\": 0, \"logprob\": -0.693147181, \"top\": [{\"token\": 0, \"logprob\": "
             "-0.693147181}, {\"token\": 1, \"logprob\": -0.693147181}, {\"token\": 2, "
             "\"logprob\": null}]}\n  ],\n  \"end\": \"count\",\n  \"prompt_tokens\": 5,\n  "
             "\"threads\": 2,\n  \"seconds\": {\"ready\": 0.5, \"prompt\": 0, \"generate\": "
             "0.333333333}\n}\n",
             row, row);
    expect_json(&transcript, expected);
    transcript_free(&transcript);
}
END_TEST

START_TEST(text_in_json_is_utf_8_whatever_was_generated) {
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"\"\\\n\t\x01\x7f/", "\\\"\\\\\\n\\t\\u0001\\u007f/"},
        {"\u00e4\u20ac\U0001f600", "\u00e4\u20ac\U0001f600"},
        {"a\xff"
         "b",
         "a\ufffdb"},
        {"\xe2\x82", "\ufffd"}, /* one character that is cut */
        {"\xe2\x82"
         "a",
         "\ufffda"},
        {"\xc0\x80", "\ufffd\ufffd"},                     /* longer than it need be */
        {"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},           /* a surrogate */
        {"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"}, /* beyond Unicode */
        {"\xf0\x9f\x98\xe4\xb8\xad", "\ufffd\u4e2d"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        Transcript transcript = {.has_text = true};
        char *text = NULL, *begin;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        transcript_add_text(&transcript, cases[i].text, strlen(cases[i].text));
        transcript_write(&transcript, &(TranscriptFacts){.model = "", .end = ""}, out);
        fclose(out);
        begin = strstr(text, "\"text\": \"") + strlen("\"text\": \"");
        *strstr(begin, "\",\n") = 0;
        ck_assert_msg(strcmp(begin, cases[i].expected) == 0, "case %d: %s", i, begin);
        free(text);
        transcript_free(&transcript);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("generation");
    TCase *tests = suite_case(suite, "generation", begin_page, NULL);
    tcase_add_test(tests, a_stop_text_is_found_across_pieces_and_not_written);
    tcase_add_test(tests, what_is_held_back_is_written_at_the_end);
    tcase_add_test(tests, without_stop_texts_nothing_is_held_back);
    tcase_add_loop_test(tests, all_is_as_a_plain_search_finds_it, 0, 2);
    tcase_add_test(tests, as_many_tokens_come_as_are_wanted);
    tcase_add_test(tests, a_token_that_ends_the_text_is_none_of_it);
    tcase_add_test(tests, a_stop_text_ends_within_a_token);
    tcase_add_test(tests, what_waits_comes_with_the_next_token_or_at_the_end);
    tcase_add_test(tests, tokens_of_any_length_are_written);
    tcase_add_test(tests, no_numbers_end_a_generation);
    tcase_add_test(tests, tokens_without_a_tokenizer_are_bytes_or_numbers);
    tcase_add_test(tests, a_bias_is_a_token_and_a_number);
    tcase_add_test(tests, a_transcript_has_all_tokens_and_their_text);
    tcase_add_test(tests, a_transcript_has_probabilities_of_the_likeliest);
    tcase_add_test(tests, text_in_json_is_utf_8_whatever_was_generated);
    return suite_run(suite);
}
