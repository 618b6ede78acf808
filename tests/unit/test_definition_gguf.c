/* test_definition_gguf.c - the tokenizer in a GGUF: what it becomes, and what is said of broken
 * ones. */
#include "frontend/text/definition_read.h"
#include "frontend/text/tables_make.h"
#include "tests/unit/arena_fixture.h"
#include "tests/unit/gguf_image.h"

/* ---- metadata, pair by pair ---- */

typedef struct {
    Image pairs;
    uint64_t count;
} Metadata;

static void put_key(Metadata *metadata, const char *key, uint32_t type) {
    gguf_put_key(&metadata->pairs, key, type);
    metadata->count++;
}

static void put_string(Metadata *metadata, const char *key, const char *text) {
    put_key(metadata, key, GGUF_string);
    gguf_put_text(&metadata->pairs, text);
}

static void put_u32(Metadata *metadata, const char *key, uint32_t value) {
    put_key(metadata, key, GGUF_u32);
    gguf_put_number(&metadata->pairs, value, 4);
}

static void put_flag(Metadata *metadata, const char *key, bool value) {
    put_key(metadata, key, GGUF_bool);
    gguf_put_number(&metadata->pairs, value, 1);
}

static void put_strings(Metadata *metadata, const char *key, const char *const *text, int count) {
    put_key(metadata, key, GGUF_array);
    gguf_put_array(&metadata->pairs, GGUF_string, (uint64_t)count);
    for (int i = 0; i < count; i++) gguf_put_text(&metadata->pairs, text[i]);
}

static void put_types(Metadata *metadata, const int32_t *type, int count) {
    put_key(metadata, "tokenizer.ggml.token_type", GGUF_array);
    gguf_put_array(&metadata->pairs, GGUF_i32, (uint64_t)count);
    gguf_put(&metadata->pairs, type, (size_t)count * sizeof *type);
}

static void put_scores(Metadata *metadata, const float *score, int count) {
    put_key(metadata, "tokenizer.ggml.scores", GGUF_array);
    gguf_put_array(&metadata->pairs, GGUF_f32, (uint64_t)count);
    gguf_put(&metadata->pairs, score, (size_t)count * sizeof *score);
}

/* ---- small tokenizers of each kind ---- */

enum { NORMAL = 1, UNKNOWN, CONTROL, USER, UNUSED, BYTE };

#define SPACE "\xe2\x96\x81"

static const char *const bpe_tokens[] = {"a",
                                         "b",
                                         "ab",
                                         "\xc4\xa0",
                                         "\xc4\xa0"
                                         "ab",
                                         "<|end|>",
                                         "  "};
static const int32_t bpe_types[] = {NORMAL, NORMAL, NORMAL, NORMAL, NORMAL, CONTROL, USER};
static const char *const bpe_merges[] = {"a b", "\xc4\xa0 ab"};

static Metadata gpt2(const char *pre) {
    Metadata metadata = {{NULL, 0}, 0};
    put_string(&metadata, "tokenizer.ggml.model", "gpt2");
    if (pre) put_string(&metadata, "tokenizer.ggml.pre", pre);
    put_strings(&metadata, "tokenizer.ggml.tokens", bpe_tokens, COUNT(bpe_tokens));
    put_types(&metadata, bpe_types, COUNT(bpe_types));
    put_strings(&metadata, "tokenizer.ggml.merges", bpe_merges, COUNT(bpe_merges));
    return metadata;
}

static const char *const spm_tokens[] = {"<unk>", "<s>",      "</s>", "a",     "b",
                                         "ab",    SPACE "ab", SPACE,  "<0x41>"};
static const int32_t spm_types[] = {UNKNOWN, CONTROL, CONTROL, NORMAL, NORMAL,
                                    NORMAL,  NORMAL,  NORMAL,  BYTE};
static const float spm_scores[] = {0, 0, 0, -3, -3, -1, -2, -1, 0};

static Metadata spm(const char *model) {
    Metadata metadata = {{NULL, 0}, 0};
    put_string(&metadata, "tokenizer.ggml.model", model);
    put_strings(&metadata, "tokenizer.ggml.tokens", spm_tokens, COUNT(spm_tokens));
    put_types(&metadata, spm_types, COUNT(spm_types));
    put_scores(&metadata, spm_scores, COUNT(spm_scores));
    return metadata;
}

static const char *const bert_tokens[] = {"[PAD]",    "[UNK]", "[CLS]",   "[SEP]",
                                          SPACE "un", "able",  SPACE "!", "[x]"};

static Metadata bert(void) {
    static const int32_t types[] = {CONTROL, CONTROL, CONTROL, CONTROL,
                                    NORMAL,  NORMAL,  NORMAL,  NORMAL};
    Metadata metadata = {{NULL, 0}, 0};
    put_string(&metadata, "tokenizer.ggml.model", "bert");
    put_strings(&metadata, "tokenizer.ggml.tokens", bert_tokens, COUNT(bert_tokens));
    put_types(&metadata, types, COUNT(types));
    put_u32(&metadata, "tokenizer.ggml.unknown_token_id", 1);
    put_u32(&metadata, "tokenizer.ggml.cls_token_id", 2);
    put_u32(&metadata, "tokenizer.ggml.seperator_token_id", 3);
    put_u32(&metadata, "tokenizer.ggml.padding_token_id", 0);
    return metadata;
}

static Image image;
static Gguf *gguf;

static void close_gguf(void) {
    gguf_close(gguf);
    free(image.bytes);
    gguf = NULL;
    image = (Image){NULL, 0};
}

/* Valid until the next one. */
static TextDefinition *read(Metadata metadata) {
    close_gguf();
    image = gguf_start(3, 0, metadata.count);
    gguf_put(&image, metadata.pairs.bytes, metadata.pairs.length);
    free(metadata.pairs.bytes);
    gguf = gguf_parse("test.gguf", image.bytes, image.length, &diag);
    if (!gguf) ck_abort_msg("%s", diag.first->message);
    TextDefinition *definition = definition_read_gguf(gguf, arena, &diag);
    ck_assert_int_eq(definition == NULL, diag.errors > 0);
    return definition;
}

static TextDefinition *read_good(Metadata metadata) {
    TextDefinition *definition = read(metadata);
    if (!definition) ck_abort_msg("%s", diag.first->message);
    return definition;
}

static void expect_refused(Metadata metadata, const char *message, const char *hint) {
    diag = (Diag){.arena = arena};
    ck_assert_ptr_null(read(metadata));
    assert_error(message, hint);
}

static void drop_gguf(void) {
    close_gguf();
    drop_arena();
}

/* The tokens of a text, as a line. */
static const char *encode(const TextDefinition *definition, const char *text, unsigned flags) {
    TextBuffer tables = {0};
    TwTokenizer *tokenizer;
    int32_t tokens[64];
    size_t count;
    if (!tables_make(definition, &tables, &diag)) ck_abort_msg("%s", diag.first->message);
    void *aligned = aligned_alloc(64, (tables.count + 63) / 64 * 64);
    memcpy(aligned, tables.bytes, tables.count);
    ck_assert_int_eq(tw_tokenizer_open_memory(aligned, tables.count, &tokenizer), TW_OK);
    ck_assert_int_eq(tw_encode(tokenizer, text, strlen(text), flags, tokens, 64, &count), TW_OK);
    const char *line = "";
    for (size_t i = 0; i < count; i++)
        line = arena_printf(arena, "%s%s%d", line, i ? " " : "", tokens[i]);
    tw_tokenizer_close(tokenizer);
    free(aligned);
    tw_text_buffer_free(&tables);
    return line;
}

/* ---- what becomes of them ---- */

START_TEST(gpt2_is_byte_level_bpe) {
    const TextDefinition *definition = read_good(gpt2("gpt-2"));
    ck_assert(definition->is_byte_level);
    ck_assert_int_eq(definition->split_count, 1);
    ck_assert_uint_eq(definition->model.merge_count, 2);
    ck_assert_str_eq(encode(definition, "ab abb", 0), "2 4 1");
}
END_TEST

START_TEST(tokens_of_the_user_are_always_found_and_control_ones_where_they_are_asked_for) {
    const TextDefinition *definition = read_good(gpt2("gpt-2"));
    ck_assert_str_eq(encode(definition, "a  b", 0), "0 6 1");
    ck_assert_str_eq(encode(definition, "a<|end|>", TW_ENCODE_SPECIAL), "0 5");
    ck_assert_str_ne(encode(definition, "a<|end|>", 0), "0 5");
}
END_TEST

START_TEST(a_pre_tokenizer_says_what_comes_before_a_text) {
    Metadata metadata = gpt2("llama-bpe");
    put_u32(&metadata, "tokenizer.ggml.bos_token_id", 5);
    const TextDefinition *definition = read_good(metadata);
    ck_assert(definition->model.ignore_merges);
    ck_assert_str_eq(encode(definition, "a", TW_ENCODE_ADD), "5 0");
}
END_TEST

START_TEST(a_flag_says_otherwise) {
    Metadata metadata = gpt2("llama-bpe");
    put_u32(&metadata, "tokenizer.ggml.bos_token_id", 5);
    put_u32(&metadata, "tokenizer.ggml.eos_token_id", 5);
    put_flag(&metadata, "tokenizer.ggml.add_bos_token", false);
    put_flag(&metadata, "tokenizer.ggml.add_eos_token", true);
    ck_assert_str_eq(encode(read_good(metadata), "a", TW_ENCODE_ADD), "0 5");
}
END_TEST

START_TEST(llama_is_bpe_by_scores_with_bytes) {
    const TextDefinition *definition = read_good(spm("llama"));
    ck_assert_str_eq(encode(definition, "ab", TW_ENCODE_ADD), "1 6");
    ck_assert_str_eq(encode(definition, "abA", 0), "6 8");
    ck_assert_int_eq(definition->special[TW_EOS], 2);
}
END_TEST

START_TEST(a_space_stands_before_the_text_unless_a_flag_says_otherwise) {
    Metadata metadata = spm("llama");
    put_flag(&metadata, "tokenizer.ggml.add_space_prefix", false);
    ck_assert_str_eq(encode(read_good(metadata), "ab", 0), "5");
}
END_TEST

START_TEST(t5_is_unigram_and_ends_with_eos) {
    Metadata metadata = spm("t5");
    put_u32(&metadata, "tokenizer.ggml.eos_token_id", 2);
    put_u32(&metadata, "tokenizer.ggml.unknown_token_id", 0);
    put_flag(&metadata, "tokenizer.ggml.add_space_prefix", true);
    put_flag(&metadata, "tokenizer.ggml.remove_extra_whitespaces", true);
    const TextDefinition *definition = read_good(metadata);
    ck_assert_str_eq(encode(definition, "  ab   ab ", TW_ENCODE_ADD), "6 6 2");
    ck_assert_str_eq(encode(definition, "xyz", 0), "7 0");
}
END_TEST

START_TEST(bert_is_wordpiece_with_words_marked_by_spaces) {
    const TextDefinition *definition = read_good(bert());
    ck_assert_str_eq(encode(definition,
                            "Un\xc3\xa1"
                            "able unable !",
                            TW_ENCODE_ADD),
                     "2 1 4 5 6 3");
    ck_assert_str_eq(encode(definition, "UNABLE", 0), "4 5");
}
END_TEST

START_TEST(gemma4_has_characters_for_symbols_and_begins_with_bos) {
    static const char *const tokens[] = {"<bos>", "a", SPACE, SPACE "a", "<0x42>"};
    static const int32_t types[] = {CONTROL, NORMAL, NORMAL, NORMAL, BYTE};
    static const char *const merges[] = {SPACE " a"};
    Metadata metadata = {{NULL, 0}, 0};
    put_string(&metadata, "tokenizer.ggml.model", "gemma4");
    put_strings(&metadata, "tokenizer.ggml.tokens", tokens, COUNT(tokens));
    put_types(&metadata, types, COUNT(types));
    put_strings(&metadata, "tokenizer.ggml.merges", merges, COUNT(merges));
    put_u32(&metadata, "tokenizer.ggml.bos_token_id", 0);
    put_flag(&metadata, "tokenizer.ggml.add_bos_token", false);
    ck_assert_str_eq(encode(read_good(metadata), "a aB", TW_ENCODE_ADD), "0 1 3 4");
}
END_TEST

static bool stops_with(const TextDefinition *definition, int32_t token) {
    for (int i = 0; i < definition->stop_count; i++)
        if (definition->stop[i] == token) return true;
    return false;
}

START_TEST(keys_and_texts_say_which_tokens_end_a_text) {
    Metadata metadata = gpt2("gpt-2");
    put_u32(&metadata, "tokenizer.ggml.eot_token_id", 2);
    const TextDefinition *definition = read_good(metadata);
    ck_assert_int_eq(definition->stop_count, 2);
    ck_assert(stops_with(definition, 2));
    ck_assert(stops_with(definition, 5));
}
END_TEST

START_TEST(end_of_a_message_is_not_end_of_a_turn_where_that_has_a_token_of_its_own) {
    static const char *const tokens[] = {"<|end|>", "<|return|>", "<|call|>"};
    Metadata metadata = {{NULL, 0}, 0};
    put_string(&metadata, "tokenizer.ggml.model", "gpt2");
    put_string(&metadata, "tokenizer.ggml.pre", "gpt-4o");
    put_strings(&metadata, "tokenizer.ggml.tokens", tokens, COUNT(tokens));
    put_strings(&metadata, "tokenizer.ggml.merges", NULL, 0);
    const TextDefinition *definition = read_good(metadata);
    ck_assert_int_eq(definition->stop_count, 2);
    ck_assert(!stops_with(definition, 0));
}
END_TEST

START_TEST(a_chat_template_is_taken) {
    Metadata metadata = gpt2("gpt-2");
    put_string(&metadata, "tokenizer.chat_template", "{{ messages }}");
    const TextDefinition *definition = read_good(metadata);
    ck_assert_uint_eq(definition->chat_template.count, 14);
}
END_TEST

static const char *const names[] = {
#define PRE(name, set, flags) name,
#include "frontend/text/pre_tokenizers.def"
};

START_TEST(every_pre_tokenizer_becomes_tables) {
    const TextDefinition *definition = read_good(gpt2(names[_i]));
    TextBuffer tables = {0};
    if (!tables_make(definition, &tables, &diag))
        ck_abort_msg("%s: %s", names[_i], diag.first->message);
    tw_text_buffer_free(&tables);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(what_is_not_known_is_refused_by_name) {
    Metadata metadata = {{NULL, 0}, 0};
    expect_refused(metadata,
                   "metadata 'tokenizer.ggml.model': expected gpt2, llama, t5, bert or gemma4, "
                   "found nothing",
                   NULL);
    put_string(&metadata, "tokenizer.ggml.model", "rwkv");
    expect_refused(metadata,
                   "metadata 'tokenizer.ggml.model': expected gpt2, llama, t5, bert or gemma4, "
                   "found \"rwkv\"",
                   NULL);
    expect_refused(gpt2("made-up"),
                   "metadata 'tokenizer.ggml.pre': the pre-tokenizer 'made-up' is not known",
                   "take the tokenizer.json of the model, or a newer Thalweg");
}
END_TEST

START_TEST(tokens_that_are_not_there_are_refused) {
    Metadata metadata = {{NULL, 0}, 0};
    put_string(&metadata, "tokenizer.ggml.model", "llama");
    expect_refused(metadata,
                   "metadata 'tokenizer.ggml.tokens': expected an array of strings, found nothing",
                   NULL);
}
END_TEST

START_TEST(arrays_of_other_lengths_are_refused) {
    Metadata metadata = {{NULL, 0}, 0};
    put_string(&metadata, "tokenizer.ggml.model", "llama");
    put_strings(&metadata, "tokenizer.ggml.tokens", spm_tokens, COUNT(spm_tokens));
    put_scores(&metadata, spm_scores, 3);
    expect_refused(metadata,
                   "metadata 'tokenizer.ggml.scores': expected 9 elements, one for each token, "
                   "found 3",
                   NULL);
}
END_TEST

START_TEST(scores_that_are_no_numbers_are_refused) {
    static const float scores[] = {0, 0, 0, 0, 0.0F / 0.0F, 0, 0, 0, 0};
    Metadata metadata = {{NULL, 0}, 0};
    put_string(&metadata, "tokenizer.ggml.model", "t5");
    put_strings(&metadata, "tokenizer.ggml.tokens", spm_tokens, COUNT(spm_tokens));
    put_scores(&metadata, scores, COUNT(scores));
    ck_assert_ptr_null(read(metadata));
    assert_says(diag.first->message,
                "metadata 'tokenizer.ggml.scores': token 4: expected a number");
}
END_TEST

START_TEST(values_of_other_types_are_refused) {
    Metadata metadata = spm("llama");
    put_string(&metadata, "tokenizer.ggml.add_bos_token", "yes");
    expect_refused(metadata,
                   "metadata 'tokenizer.ggml.add_bos_token': expected true or false, found \"yes\"",
                   NULL);
    metadata = spm("t5");
    put_string(&metadata, "tokenizer.ggml.precompiled_charsmap", "map");
    expect_refused(metadata,
                   "metadata 'tokenizer.ggml.precompiled_charsmap': expected an array of bytes, "
                   "found \"map\"",
                   NULL);
    metadata = gpt2("gpt-2");
    put_flag(&metadata, "tokenizer.chat_template", true);
    expect_refused(metadata, "metadata 'tokenizer.chat_template': expected a string, found true",
                   NULL);
}
END_TEST

START_TEST(a_special_token_that_is_none_is_left_out_with_a_warning) {
    Metadata metadata = spm("llama");
    put_u32(&metadata, "tokenizer.ggml.padding_token_id", 9);
    const TextDefinition *definition = read_good(metadata);
    ck_assert_int_eq(definition->special[TW_PAD], -1);
    ck_assert_int_eq(diag.first->severity, DIAG_WARNING);
    ck_assert_str_eq(diag.first->message,
                     "metadata 'tokenizer.ggml.padding_token_id': 9 is not one "
                     "of 9 tokens, and is left out");
}
END_TEST

START_TEST(merges_that_are_none_are_refused) {
    static const char *const merges[] = {"a b", "ab b"};
    Metadata metadata = {{NULL, 0}, 0};
    put_string(&metadata, "tokenizer.ggml.model", "gpt2");
    put_strings(&metadata, "tokenizer.ggml.tokens", bpe_tokens, COUNT(bpe_tokens));
    expect_refused(metadata,
                   "metadata 'tokenizer.ggml.merges': expected an array of strings, found nothing",
                   NULL);
    metadata = (Metadata){{NULL, 0}, 0};
    put_string(&metadata, "tokenizer.ggml.model", "gpt2");
    put_strings(&metadata, "tokenizer.ggml.tokens", bpe_tokens, COUNT(bpe_tokens));
    put_strings(&metadata, "tokenizer.ggml.merges", merges, COUNT(merges));
    expect_refused(metadata,
                   "metadata 'tokenizer.ggml.merges': merge 1: expected two tokens whose joined "
                   "text is a token, found \"ab b\"",
                   NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("definition_gguf");
    TCase *good = suite_case(suite, "good", make_arena, drop_gguf);
    tcase_add_test(good, gpt2_is_byte_level_bpe);
    tcase_add_test(good,
                   tokens_of_the_user_are_always_found_and_control_ones_where_they_are_asked_for);
    tcase_add_test(good, a_pre_tokenizer_says_what_comes_before_a_text);
    tcase_add_test(good, a_flag_says_otherwise);
    tcase_add_test(good, llama_is_bpe_by_scores_with_bytes);
    tcase_add_test(good, a_space_stands_before_the_text_unless_a_flag_says_otherwise);
    tcase_add_test(good, t5_is_unigram_and_ends_with_eos);
    tcase_add_test(good, bert_is_wordpiece_with_words_marked_by_spaces);
    tcase_add_test(good, gemma4_has_characters_for_symbols_and_begins_with_bos);
    tcase_add_test(good, keys_and_texts_say_which_tokens_end_a_text);
    tcase_add_test(good, end_of_a_message_is_not_end_of_a_turn_where_that_has_a_token_of_its_own);
    tcase_add_test(good, a_chat_template_is_taken);
    tcase_add_loop_test(good, every_pre_tokenizer_becomes_tables, 0, COUNT(names));
    TCase *broken = suite_case(suite, "broken", make_arena, drop_gguf);
    tcase_add_test(broken, what_is_not_known_is_refused_by_name);
    tcase_add_test(broken, tokens_that_are_not_there_are_refused);
    tcase_add_test(broken, arrays_of_other_lengths_are_refused);
    tcase_add_test(broken, scores_that_are_no_numbers_are_refused);
    tcase_add_test(broken, values_of_other_types_are_refused);
    tcase_add_test(broken, a_special_token_that_is_none_is_left_out_with_a_warning);
    tcase_add_test(broken, merges_that_are_none_are_refused);
    return suite_run(suite);
}
