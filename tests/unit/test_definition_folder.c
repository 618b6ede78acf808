/* test_definition_folder.c - what the files beside a tokenizer say of it, and which of them is
 * believed. */
#include "frontend/text/definition_read.h"
#include "tests/unit/folder_fixture.h"

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(arena_printf(arena, "%s/%s", folder, name), "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* Tokens: a 0, b 1, ab 2, <s> 3, </s> 4, <|turn|> 5, [X] 6. */
static void begin(void) {
    make_folder();
    write_file("tokenizer.json",
               "{\"added_tokens\": ["
               "{\"id\": 3, \"content\": \"<s>\", \"special\": true},"
               "{\"id\": 4, \"content\": \"</s>\", \"special\": true},"
               "{\"id\": 5, \"content\": \"<|turn|>\", \"special\": true},"
               "{\"id\": 6, \"content\": \"[X]\", \"special\": true}],"
               "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2},"
               " \"merges\": [\"a b\"]}}");
}

static const TextDefinition *read_all(void) {
    const TextDefinition *definition = definition_read(folder, arena, &diag);
    if (!definition) ck_abort_msg("%s", diag.first->message);
    return definition;
}

static const char *stops(const TextDefinition *definition) {
    const char *text = "";
    for (int i = 0; i < definition->stop_count; i++)
        text = arena_printf(arena, "%s%s%d", text, i ? " " : "", (int)definition->stop[i]);
    return text;
}

static const char *template_of(const TextDefinition *definition) {
    const TextString text = definition->chat_template;
    return text.bytes ? arena_printf(arena, "%.*s", (int)text.count, text.bytes) : NULL;
}

/* ---- special tokens ---- */

START_TEST(without_files_the_names_of_tokens_say_what_they_mean) {
    const TextDefinition *definition = read_all();
    ck_assert_int_eq(definition->special[TW_BOS], 3);
    ck_assert_int_eq(definition->special[TW_EOS], 4);
    ck_assert_int_eq(definition->special[TW_PAD], -1);
    ck_assert_str_eq(stops(definition), "4");
    ck_assert_ptr_null(template_of(definition));
}
END_TEST

START_TEST(a_special_token_is_a_text_or_a_map_with_its_text) {
    write_file(
        "tokenizer_config.json",
        "{\"eos_token\": \"<|turn|>\", \"pad_token\": {\"content\": \"[X]\", \"lstrip\": false},"
        " \"bos_token\": null, \"model_max_length\": 1000000000000000019884624838656}");
    const TextDefinition *definition = read_all();
    ck_assert_int_eq(definition->special[TW_EOS], 5);
    ck_assert_int_eq(definition->special[TW_PAD], 6);
    ck_assert_int_eq(definition->special[TW_BOS], 3);
    ck_assert_str_eq(stops(definition), "5");
}
END_TEST

START_TEST(tokenizer_config_is_believed_before_special_tokens_map) {
    write_file("tokenizer_config.json", "{\"eos_token\": \"<|turn|>\"}");
    write_file("special_tokens_map.json", "{\"eos_token\": \"</s>\", \"mask_token\": \"[X]\"}");
    const TextDefinition *definition = read_all();
    ck_assert_int_eq(definition->special[TW_EOS], 5);
    ck_assert_int_eq(definition->special[TW_MASK], 6);
}
END_TEST

START_TEST(a_name_that_no_token_has_says_nothing) {
    write_file("tokenizer_config.json", "{\"eos_token\": \"<gone>\", \"pad_token\": 7,"
                                        " \"cls_token\": {\"text\": \"[X]\"}, \"sep_token\": []}");
    const TextDefinition *definition = read_all();
    ck_assert_int_eq(definition->special[TW_EOS], 4);
    ck_assert_int_eq(definition->special[TW_PAD], -1);
    ck_assert_int_eq(definition->special[TW_CLASS], -1);
    ck_assert_int_eq(definition->special[TW_SEPARATOR], -1);
}
END_TEST

/* ---- tokens that end a text ---- */

START_TEST(all_numbers_of_generation_config_end_a_text_and_the_first_is_eos) {
    write_file("generation_config.json", "{\"eos_token_id\": [5, 4, 5], \"bos_token_id\": 6}");
    const TextDefinition *definition = read_all();
    ck_assert_int_eq(definition->special[TW_EOS], 5);
    ck_assert_int_eq(definition->special[TW_BOS], 6);
    ck_assert_str_eq(stops(definition), "5 4");
}
END_TEST

START_TEST(config_is_asked_where_generation_config_names_none) {
    write_file("generation_config.json", "{\"bos_token_id\": 3}");
    write_file("config.json", "{\"eos_token_id\": 5}");
    ck_assert_str_eq(stops(read_all()), "5");
}
END_TEST

START_TEST(config_is_not_asked_where_generation_config_names_one) {
    write_file("generation_config.json", "{\"eos_token_id\": 4}");
    write_file("config.json", "{\"eos_token_id\": 5}");
    ck_assert_str_eq(stops(read_all()), "4");
}
END_TEST

START_TEST(numbers_that_are_no_tokens_end_nothing) {
    write_file("generation_config.json",
               "{\"eos_token_id\": [7, -1, 1e300, 99999999999999999999, \"4\", null, [4], true]}");
    const TextDefinition *definition = read_all();
    ck_assert_str_eq(stops(definition), "4"); /* by its name */
}
END_TEST

START_TEST(more_numbers_than_there_is_room_for_are_left_out) {
    const char *list = "5";
    for (int i = 0; i < 300; i++) list = arena_printf(arena, "%s, %d", list, i % 5);
    write_file("generation_config.json", arena_printf(arena, "{\"eos_token_id\": [%s]}", list));
    ck_assert_str_eq(stops(read_all()), "5 0 1 2 3 4");
}
END_TEST

/* ---- the chat template ---- */

START_TEST(of_several_chat_templates_the_default_counts) {
    write_file("tokenizer_config.json",
               "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"R\"}, 3,"
               " {\"name\": \"default\", \"template\": \"D\"}, {\"name\": \"tool\"}]}");
    ck_assert_pstr_eq(template_of(read_all()), "D");
}
END_TEST

START_TEST(a_file_of_the_template_is_believed_before_tokenizer_config) {
    write_file("tokenizer_config.json", "{\"chat_template\": \"C\"}");
    ck_assert_pstr_eq(template_of(read_all()), "C");
    write_file("chat_template.jinja", "J\n");
    ck_assert_pstr_eq(template_of(read_all()), "J\n");
}
END_TEST

START_TEST(a_template_of_another_type_is_none) {
    write_file("tokenizer_config.json", "{\"chat_template\": {\"default\": \"D\"}}");
    ck_assert_ptr_null(template_of(read_all()));
}
END_TEST

/* ---- broken files ---- */

START_TEST(a_broken_file_is_refused_by_its_name) {
    static const char *const name[] = {"tokenizer_config.json", "special_tokens_map.json",
                                       "generation_config.json", "config.json"};
    static const char *const text[] = {"", "{\"eos_token\": ", "[]", "3", "{} {}", "\xff"};
    for (int i = 0; i < COUNT(name); i++) {
        for (int k = 0; k < COUNT(text); k++) {
            diag = (Diag){.arena = arena};
            write_file(name[i], text[k]);
            ck_assert_ptr_null(definition_read(folder, arena, &diag));
            ck_assert_int_eq(diag.errors, 1);
            assert_says(diag.first->message, "JSON");
            assert_says(diag.first->loc.source->name, name[i]);
        }
        write_file(name[i], "{}");
    }
    diag = (Diag){.arena = arena};
    read_all();
}
END_TEST

START_TEST(a_folder_without_a_tokenizer_says_what_it_lacks) {
    folder_empty(folder);
    ck_assert_ptr_null(definition_read(folder, arena, &diag));
    assert_error("the folder has no 'tokenizer.json' and no 'tokenizer.model'", NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("definition_folder");
    TCase *cases = suite_case(suite, "definition_folder", begin, drop_folder);
    tcase_add_test(cases, without_files_the_names_of_tokens_say_what_they_mean);
    tcase_add_test(cases, a_special_token_is_a_text_or_a_map_with_its_text);
    tcase_add_test(cases, tokenizer_config_is_believed_before_special_tokens_map);
    tcase_add_test(cases, a_name_that_no_token_has_says_nothing);
    tcase_add_test(cases, all_numbers_of_generation_config_end_a_text_and_the_first_is_eos);
    tcase_add_test(cases, config_is_asked_where_generation_config_names_none);
    tcase_add_test(cases, config_is_not_asked_where_generation_config_names_one);
    tcase_add_test(cases, numbers_that_are_no_tokens_end_nothing);
    tcase_add_test(cases, more_numbers_than_there_is_room_for_are_left_out);
    tcase_add_test(cases, of_several_chat_templates_the_default_counts);
    tcase_add_test(cases, a_file_of_the_template_is_believed_before_tokenizer_config);
    tcase_add_test(cases, a_template_of_another_type_is_none);
    tcase_add_test(cases, a_broken_file_is_refused_by_its_name);
    tcase_add_test(cases, a_folder_without_a_tokenizer_says_what_it_lacks);
    return suite_run(suite);
}
