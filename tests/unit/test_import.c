/* test_import.c - folders and configs of all kinds: what is understood, and what is refused, in one
 * error that says why. What the descriptions are stands in tests/import. */
#include "frontend/import/facts.h"
#include "frontend/import/import.h"
#include "frontend/weights/gguf.h"
#include "tests/check.h"
#include "tests/unit/gguf_image.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIGS THALWEG_SOURCE_DIR "/tests/import"

static Arena *arena;
static Diag diag;
static char folder[] = "/tmp/thalweg-import-XXXXXX";

static void setup(void) {
    arena = arena_create();
    diag = (Diag){.arena = arena};
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void) {
    ck_assert_int_eq(system(arena_printf(arena, "rm -r '%s'", folder)), 0);
    arena_destroy(arena);
}

static const char *path_of(const char *name) {
    return arena_printf(arena, "%s/%s", folder, name);
}

static void put(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "wb");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static const char *get(const char *path) {
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    char *text = ARENA_ARRAY(arena, char, 1 << 16);
    const size_t length = fread(text, 1, (1 << 16) - 1, file);
    fclose(file);
    ck_assert_uint_lt(length, (1 << 16) - 1);
    return text;
}

/* The text without its first `from`, which it has, but with `to`. */
static const char *with(const char *text, const char *from, const char *to) {
    const char *at = strstr(text, from);
    ck_assert_ptr_nonnull(at);
    return arena_printf(arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static const char *import(const char *path) {
    Imported imported;
    return import_read(path, NULL, &imported, arena, &diag) ? imported.description->text : NULL;
}

/* One error, which the folder's config, or the path, is refused with. */
static void expect_error(const char *path, const char *message, const char *hint) {
    ck_assert_ptr_null(import(path));
    ck_assert_int_eq(diag.errors, 1);
    ck_assert_str_eq(diag.first->message, message);
    if (hint) ck_assert_str_eq(diag.first->hint, hint);
    diag = (Diag){.arena = arena};
}

static void expect_config_error(const char *config, const char *message, const char *hint) {
    put("a.json", config);
    expect_error(path_of("a.json"), message, hint);
}

#define LLAMA                                                                                      \
    "{\"model_type\": \"llama\", \"vocab_size\": 8, \"hidden_size\": 16, \"num_hidden_layers\": "  \
    "2, "                                                                                          \
    "\"num_attention_heads\": 2, \"intermediate_size\": 32, \"max_position_embeddings\": 64, "     \
    "\"hidden_act\": \"silu\"}"

#define LIST_OF(name) "{\"weight_map\": {\"a\": \"" name "\"}}"

/* ---- the rows of families ---- */

static Answer no_axis(Scope *scope, const char *name, size_t length) {
    if (family_axis_named(name, length) == AXIS_COUNT) scope->is_broken = true;
    return (Answer){{0}, NULL};
}

static void check_text(const Family *family, const char *text) {
    Value empty = {.kind = VALUE_MAP};
    Scope scope = {.config = &empty, .outer = &empty, .axis = no_axis, .arena = arena};
    expression_answer(&scope, text);
    ck_assert_msg(!scope.is_broken, "%s: %s", family ? family->name : "axes.def", text);
}

START_TEST(every_row_of_a_family_can_be_read) {
    int count;
    const Family *families = family_list(&count);
    for (int i = 0; i < count; i++)
        for (const FamilyRow *row = families[i].row; row->kind != ROW_END; row++)
            if (row->kind == ROW_AXIS || row->kind == ROW_REQUIRE)
                check_text(&families[i], row->text);
}
END_TEST

START_TEST(every_base_is_a_family) {
    int count;
    const Family *families = family_list(&count);
    for (int i = 0; i < count; i++) {
        char *bases = arena_printf(arena, "%s", families[i].bases);
        for (const char *base = strtok(bases, " "); base; base = strtok(NULL, " ")) {
            int k = 0;
            while (k < count && strcmp(families[k].name, base) != 0) k++;
            ck_assert_msg(k < count, "%s has the base %s", families[i].name, base);
        }
    }
}
END_TEST

START_TEST(words_and_numbers_of_an_expression) {
    static const struct {
        const char *text;
        ValueKind kind;
        double number;
    } cases[] = {
        {"1 + 2 * 3", VALUE_NUMBER, 7},
        {"(1 + 2) * 3 - 4 / 8", VALUE_NUMBER, 8.5},
        {"none ?? 4", VALUE_NUMBER, 4},
        {"none + 1", VALUE_NONE, 0},
        {"1 == 1 && !(2 < 1) ? 5 : 6", VALUE_NUMBER, 5},
        {"a.b ?? 1", VALUE_NUMBER, 3},
        {"a.c ?? 1", VALUE_NUMBER, 1},
        {"list[1]", VALUE_NUMBER, 20},
        {"list[2] ?? -1", VALUE_NUMBER, -1},
        {"in(20, list)", VALUE_BOOL, 1},
        {"'abc'[1] == 'b'", VALUE_BOOL, 1},
        {"pow(2, -0.5) * sqrt(2)", VALUE_NUMBER, 1},
        {"7 % 4", VALUE_NUMBER, 3},
        {"7 % 0", VALUE_WRONG, 0},
        {"'x' * 2", VALUE_WRONG, 0},
        {"given('nothing')", VALUE_BOOL, 1},
        {"given('absent')", VALUE_BOOL, 0},
    };
    Value numbers[] = {{.kind = VALUE_NUMBER, .number = 10}, {.kind = VALUE_NUMBER, .number = 20}};
    Value inner = {.kind = VALUE_NUMBER, .number = 3, .key = "b"};
    Value keys[] = {{.kind = VALUE_MAP, .item = &inner, .count = 1, .key = "a"},
                    {.kind = VALUE_LIST, .item = numbers, .count = 2, .key = "list"},
                    {.kind = VALUE_NONE, .key = "nothing"}};
    Value map = {.kind = VALUE_MAP, .item = keys, .count = 3};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Scope scope = {.config = &map, .outer = &map, .axis = no_axis, .arena = arena};
        const Answer answer = expression_answer(&scope, cases[i].text);
        ck_assert_msg(!scope.is_broken && answer.value.kind == cases[i].kind, "%s", cases[i].text);
        if (answer.value.kind <= VALUE_NUMBER)
            ck_assert_double_eq_tol(answer.value.number, cases[i].number, 1e-15);
    }
}
END_TEST

/* ---- configs ---- */

START_TEST(an_unknown_key_is_refused_in_every_family) {
    DIR *directory = opendir(CONFIGS);
    ck_assert_ptr_nonnull(directory);
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(directory));) {
        const char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, ".json") != 0) continue;
        const char *text = get(arena_printf(arena, "%s/%s", CONFIGS, entry->d_name));
        put("a.json", with(text, "{", "{\"surprise\": 1, "));
        ck_assert_msg(!import(path_of("a.json")), "%s", entry->d_name);
        ck_assert_msg(diag.errors == 1 && strstr(diag.first->message, "'surprise'"), "%s: %s",
                      entry->d_name, diag.first->message);
        diag = (Diag){.arena = arena};
        count++;
    }
    closedir(directory);
    ck_assert_int_gt(count, 40);
}
END_TEST

START_TEST(an_unknown_key_inside_of_another_is_named_with_it) {
    expect_config_error(with(LLAMA, "{",
                             "{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2, "
                             "\"mood\": 3}, "),
                        "a key is not understood: 'rope_scaling.mood'", NULL);
    expect_config_error(with(LLAMA, "{", "{\"\": 0, \"use_cache dtype\": 0, "),
                        "keys are not understood: '', 'use_cache dtype'", NULL);
}
END_TEST

START_TEST(a_value_that_makes_no_sense_is_refused_at_its_key) {
    expect_config_error(with(LLAMA, "\"vocab_size\": 8", "\"vocab_size\": \"many\""),
                        "'vocab_size' is 'many': expected a whole number from 1", NULL);
    expect_config_error(with(LLAMA, "\"vocab_size\": 8", "\"vocab_size\": 8.5"),
                        "'vocab_size' is 8.5: expected a whole number from 1", NULL);
    expect_config_error(with(LLAMA, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1e6"),
                        "1000000 layers: at most 10000", NULL);
    expect_config_error(
        with(LLAMA, "silu", "softmax"),
        "'hidden_act' is 'softmax': expected one of silu, swish, gelu, gelu_python, "
        "gelu_new, gelu_fast, gelu_tanh, gelu_pytorch_tanh, relu, relu2",
        NULL);
    expect_config_error(with(LLAMA, "\"num_attention_heads\": 2", "\"num_attention_heads\": 3"),
                        "head_dim comes to 5.333333333333333 by 'hidden_size': expected a whole "
                        "number from 1",
                        NULL);
}
END_TEST

START_TEST(an_error_has_the_place_of_its_key) {
    put("a.json", with(LLAMA, "\"hidden_act\": \"silu\"", "\n\n  \"hidden_act\": 7"));
    ck_assert_ptr_null(import(path_of("a.json")));
    const LineColumn place = diag_line_column(diag.first->loc);
    ck_assert_int_eq(place.line, 3);
    ck_assert_int_eq(place.column, 3);
}
END_TEST

START_TEST(a_missing_key_is_named) {
    expect_config_error(with(LLAMA, "\"vocab_size\": 8, ", ""), "missing key 'vocab_size' (vocab)",
                        NULL);
}
END_TEST

START_TEST(an_unknown_family_is_named) {
    put("a.json", with(LLAMA, "llama", "mamba"));
    ck_assert_ptr_null(import(path_of("a.json")));
    ck_assert_str_eq(diag.first->message, "models of type 'mamba' are not known");
    ck_assert_ptr_nonnull(strstr(diag.first->hint, "known are llama, mistral"));
}
END_TEST

START_TEST(a_requirement_says_what_is_understood) {
    expect_config_error(with(LLAMA, "{", "{\"rope_interleaved\": true, "),
                        "'rope_interleaved' is true, which is not understood here",
                        "what is understood: columns of a head turn in pairs of its halves");
}
END_TEST

START_TEST(classes_are_those_of_the_last_token) {
    put("a.json", with(LLAMA, "{",
                       "{\"architectures\": [\"LlamaForSequenceClassification\"], \"id2label\": "
                       "{\"0\": \"no\", \"1\": \"perhaps\", \"2\": \"yes\"}, "
                       "\"tie_word_embeddings\": true, "));
    const char *text = import(path_of("a.json"));
    ck_assert_msg(text != NULL, "%s", diag.errors ? diag.first->message : "");
    assert_says(text, "  vocab: 3");
    assert_says(text, "\npooling: {kind: last}");
    ck_assert_ptr_null(strstr(text, "tied"));
    diag = (Diag){.arena = arena};
    expect_config_error(
        with(LLAMA, "{", "{\"architectures\": [\"LlamaForTokenClassification\"], "),
        "'architectures' is a list of 1, which is not understood here",
        "what is understood: a classifier is one matrix behind the last token, 'score.weight' of a "
        "decoder");
}
END_TEST

START_TEST(broken_json_is_refused) {
    expect_config_error("{\"model_type\": ",
                        "JSON cannot be read at byte 15: "
                        "unexpected token near end of file",
                        NULL);
    expect_config_error("[1]", "expected a JSON object, found an array", NULL);
    expect_config_error("{\"a\": 1, \"a\": 2}",
                        "JSON cannot be read at byte 12: duplicate object key near '\"a\"'", NULL);
    expect_config_error("{}", "expected a word as 'model_type', which says the family", NULL);
}
END_TEST

/* A description without its comments, which name keys. */
static const char *without_comments(const char *text) {
    char *plain = arena_printf(arena, "%s", text), *end = plain;
    for (const char *at = plain; *at; at++) {
        if (*at == '#') {
            at += strcspn(at, "\n");
            while (end > plain && end[-1] == ' ') end--;
        }
        *end++ = *at;
    }
    *end = 0;
    return plain;
}

static void expect_same(const char *old_config, const char *new_config) {
    put("a.json", old_config);
    const char *old_text = import(path_of("a.json"));
    put("a.json", new_config);
    const char *new_text = import(path_of("a.json"));
    ck_assert_msg(old_text && new_text, "%s", diag.first->message);
    ck_assert_str_eq(without_comments(old_text), without_comments(new_text));
}

START_TEST(both_ways_to_say_rope_are_the_same) {
    expect_same(with(LLAMA, "{",
                     "{\"rope_theta\": 5e5, \"rope_scaling\": {\"type\": \"linear\", "
                     "\"factor\": 2}, "),
                with(LLAMA, "{",
                     "{\"rope_parameters\": {\"rope_type\": \"linear\", \"factor\": 2, "
                     "\"rope_theta\": 5e5}, "));
    const char *gemma = with(LLAMA, "llama", "gemma3_text");
    gemma = with(gemma, ", \"hidden_act\": \"silu\"", "");
    gemma = with(gemma, "{", "{\"sliding_window\": 4, \"sliding_window_pattern\": 2, ");
    expect_same(with(gemma, "{",
                     "{\"rope_theta\": 3e6, \"rope_local_base_freq\": 2e4, "
                     "\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 8}, "),
                with(gemma, "{",
                     "{\"rope_parameters\": {\"full_attention\": {\"rope_type\": "
                     "\"linear\", \"factor\": 8, \"rope_theta\": 3e6}, "
                     "\"sliding_attention\": {\"rope_type\": \"default\", "
                     "\"rope_theta\": 2e4}}, "));
}
END_TEST

START_TEST(keys_of_layers_become_patterns_and_blocks) {
    put("a.json", with(with(with(LLAMA, "llama", "smollm3"), "{",
                            "{\"rms_norm_eps\": 1e-6, \"no_rope_layers\": [1, 0, 1, 0], "),
                       "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 4"));
    const char *text = import(path_of("a.json"));
    ck_assert_ptr_nonnull(text);
    ck_assert_ptr_nonnull(strstr(text, "rope: [{base: 2000000}, none]"));
    put("a.json", with(with(with(LLAMA, "llama", "qwen2"), "{",
                            "{\"rms_norm_eps\": 1e-6, \"use_sliding_window\": true, "
                            "\"sliding_window\": 8, \"max_window_layers\": 5, "),
                       "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 12"));
    text = import(path_of("a.json"));
    ck_assert_ptr_nonnull(text);
    ck_assert_ptr_nonnull(strstr(text, "- repeat: 5\n"));
    ck_assert_ptr_nonnull(strstr(text, "- repeat: 7\n"));
}
END_TEST

/* ---- folders ---- */

START_TEST(weights_are_named_from_where_the_description_lies) {
    put("config.json", LLAMA);
    put("model.safetensors", "anything");
    put("tokenizer.json", "{}");
    ck_assert_int_eq(mkdir(path_of("out"), 0700), 0);
    Imported imported;
    ck_assert(import_read(folder, path_of("out"), &imported, arena, &diag));
    const char *text = imported.description->text;
    ck_assert_ptr_nonnull(strstr(text, "weights: {file: ../model.safetensors, names: llama}"));
    ck_assert_ptr_nonnull(strstr(text, "tokenizer: {file: ../tokenizer.json}"));
    ck_assert(import_read(folder, NULL, &imported, arena, &diag));
    ck_assert_ptr_nonnull(strstr(imported.description->text, "{file: model.safetensors, "));
    ck_assert_str_eq(imported.directory, folder);
}
END_TEST

START_TEST(a_folder_that_is_no_model_says_what_is_missing) {
    expect_error(folder, "the folder has no 'config.json'",
                 "expected a model as Hugging Face lays it out: 'config.json' and safetensors");
    put("some.gguf", "");
    expect_error(folder, "the folder has no 'config.json'",
                 "name the .gguf file itself: 'some.gguf'");
    put("adapter_config.json", "{}");
    expect_error(folder, "the folder holds an adapter, and not a model",
                 "merge it into the model that 'adapter_config.json' names, and save that");
}
END_TEST

START_TEST(weights_that_cannot_be_read_are_one_error) {
    put("config.json", LLAMA);
    expect_error(folder, "the folder has no safetensors",
                 "expected 'model.safetensors', or 'model.safetensors.index.json' and the files "
                 "that it names");
    put("pytorch_model.bin", "");
    expect_error(folder, "the folder has no safetensors, only 'pytorch_model.bin'",
                 "save the model again with safe_serialization=True: files of torch are programs, "
                 "which are not run");
    put("model-00001-of-00002.safetensors", "");
    put("model-00002-of-00002.safetensors", "");
    expect_error(folder,
                 "'model-00001-of-00002.safetensors' is one of several files, and their index is "
                 "missing",
                 "complete the download: expected 'model.safetensors.index.json' beside it");
    put("model.safetensors.index.json", LIST_OF("model-00003-of-00002.safetensors"));
    expect_error(folder, "missing beside the index: 'model-00003-of-00002.safetensors'",
                 "complete the download");
    put("model.safetensors.index.json", "{}");
    expect_error(folder, "expected a JSON object as 'weight_map'", NULL);
}
END_TEST

START_TEST(pointers_of_git_lfs_are_one_error) {
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
    put("config.json", LLAMA);
    put("model.safetensors", pointer);
    expect_error(folder, "a pointer of Git LFS in place of weights: 'model.safetensors'",
                 "fetch the files themselves: git lfs pull");
    ck_assert_int_eq(unlink(path_of("model.safetensors")), 0);
    put("a", pointer);
    put("b", pointer);
    put("model.safetensors.index.json", "{\"weight_map\": {\"x\": \"a\", \"y\": \"b\", \"z\": "
                                        "\"a\"}}");
    expect_error(folder, "pointers of Git LFS in place of weights: 'a', 'b'",
                 "fetch the files themselves: git lfs pull");
}
END_TEST

/* ---- GGUF ---- */

static void put_image(const char *name, const Image *image) {
    FILE *file = fopen(path_of(name), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(image->bytes, 1, image->length, file), image->length);
    ck_assert_int_eq(fclose(file), 0);
    free(image->bytes);
}

/* A file without tensors, whose pairs are texts: key and value in turn, a null behind the last. */
static void put_texts(const char *name, const char *const *text) {
    uint64_t pairs = 0;
    while (text[2 * pairs]) pairs++;
    Image image = gguf_start(3, 0, pairs);
    for (uint64_t i = 0; i < pairs; i++) {
        gguf_put_key(&image, text[2 * i], GGUF_string);
        gguf_put_text(&image, text[2 * i + 1]);
    }
    gguf_align(&image, 32);
    put_image(name, &image);
}

START_TEST(a_gguf_that_is_no_model_says_what_it_is) {
    put_texts("a.gguf", (const char *[]){"general.architecture", "llama", NULL});
    expect_error(path_of("a.gguf"), "the file holds a vocabulary alone: it has no tensors",
                 "name the file of the whole model");
    put_texts("a.gguf",
              (const char *[]){"general.type", "adapter", "general.architecture", "llama", NULL});
    expect_error(path_of("a.gguf"), "the file holds 'adapter', and not a model",
                 "merge it into its model, and convert that");
    put_texts("a.gguf", (const char *[]){"general.architecture", "clip", NULL});
    expect_error(path_of("a.gguf"), "the file holds the part of a model that sees or hears",
                 "name the file of the text model");
    put_texts("a.gguf", (const char *[]){"general.name", "nameless", NULL});
    expect_error(path_of("a.gguf"),
                 "expected a text as 'general.architecture', which says the family", NULL);
}
END_TEST

static void put_count(Image *image, const char *key, uint32_t value) {
    gguf_put_key(image, key, GGUF_u32);
    gguf_put_number(image, value, 4);
}

/* Of Llama's architecture, with as few tensors as say all that is asked of them. */
static void put_llama(const char *name, bool is_odd) {
    static const float eps = 1e-5F;
    Image image = gguf_start(3, 1, 7 + is_odd);
    gguf_put_key(&image, "general.architecture", GGUF_string);
    gguf_put_text(&image, "llama");
    put_count(&image, "llama.context_length", 64);
    put_count(&image, "llama.embedding_length", 16);
    put_count(&image, "llama.block_count", 2);
    put_count(&image, "llama.feed_forward_length", 32);
    put_count(&image, "llama.attention.head_count", 2);
    gguf_put_key(&image, "llama.attention.layer_norm_rms_epsilon", GGUF_f32);
    gguf_put(&image, &eps, sizeof eps);
    if (is_odd) put_count(&image, "llama.rope.mood", 1);
    gguf_put_tensor(&image, "token_embd.weight", 8, 16, 0, 0);
    gguf_align(&image, 32);
    for (int i = 0; i < 8 * 16; i++) gguf_put_number(&image, 0, sizeof(float));
    put_image(name, &image);
}

START_TEST(a_gguf_says_the_axes_by_keys_and_tensors) {
    put_llama("tiny.gguf", false);
    const char *text = import(path_of("tiny.gguf"));
    ck_assert_msg(text != NULL, "%s", diag.errors ? diag.first->message : "");
    ck_assert_ptr_nonnull(strstr(text, "name: tiny\n"));
    ck_assert_ptr_nonnull(strstr(text, "vocab: 8\n"));
    ck_assert_ptr_nonnull(strstr(text, "norm: {kind: rms, eps: 1e-05}"));
    ck_assert_ptr_nonnull(strstr(text, "rope: {base: 10000, style: interleaved}"));
    ck_assert_ptr_nonnull(strstr(text, "tied: true"));
    ck_assert_ptr_nonnull(strstr(text, "weights: {file: tiny.gguf, names: gguf}"));
}
END_TEST

START_TEST(an_unknown_key_of_a_gguf_is_named) {
    put_llama("tiny.gguf", true);
    expect_error(path_of("tiny.gguf"), "a key is not understood: 'llama.rope.mood'", NULL);
}
END_TEST

/* Its first file has no more than the model needs. */
START_TEST(a_model_in_several_files_is_called_without_their_numbers) {
    put_llama("tiny-00001-of-00012.gguf", false);
    const char *text = import(path_of("tiny-00012-of-00012.gguf"));
    ck_assert_msg(text != NULL, "%s", diag.errors ? diag.first->message : "");
    ck_assert_ptr_nonnull(strstr(text, "name: tiny\n"));
    ck_assert_ptr_nonnull(strstr(text, "weights: {file: tiny-00001-of-00012.gguf, names: gguf}"));
}
END_TEST

/* ---- what stands behind a model ---- */

START_TEST(sentence_transformers_say_the_pooling) {
    put("config.json", get(CONFIGS "/all-minilm-l6-v2.json"));
    put("model.safetensors", "anything");
    put("modules.json",
        "[{\"type\": \"sentence_transformers.models.Transformer\", \"path\": \"\"},"
        " {\"type\": \"sentence_transformers.models.Pooling\", \"path\": \"1\"},"
        " {\"type\": \"sentence_transformers.models.Normalize\", \"path\": \"2\"}]");
    ck_assert_int_eq(mkdir(path_of("1"), 0700), 0);
    put("1/config.json", "{\"pooling_mode_mean_tokens\": true}");
    const char *text = import(folder);
    ck_assert_ptr_nonnull(text);
    ck_assert_ptr_nonnull(strstr(text, "pooling: {kind: mean, normalise: true}"));
    put("1/config.json", "{\"pooling_mode_max_tokens\": true}");
    ck_assert_ptr_null(import(folder));
    put("modules.json", "[{\"type\": \"sentence_transformers.models.CNN\", \"path\": \"3\"}]");
    diag = (Diag){.arena = arena};
    expect_error(folder,
                 "a module of type 'sentence_transformers.models.CNN' behind the model is not "
                 "understood",
                 "what is understood: Transformer, Pooling, Dense and Normalize");
}
END_TEST

static const char dense_modules[] =
    "[{\"type\": \"sentence_transformers.models.Transformer\", \"path\": \"\"},"
    " {\"type\": \"sentence_transformers.models.Pooling\", \"path\": \"1_Pooling\"},"
    " {\"type\": \"sentence_transformers.models.Dense\", \"path\": \"2_Dense\"},"
    " {\"type\": \"sentence_transformers.models.Dense\", \"path\": \"3_Dense\"},"
    " {\"type\": \"sentence_transformers.models.Normalize\", \"path\": \"4_Normalize\"}]";

static void put_dense(int number, int width, const char *bias, const char *activation) {
    put(arena_printf(arena, "%d_Dense/config.json", number),
        arena_printf(arena,
                     "{\"in_features\": 384, \"out_features\": %d, \"bias\": %s, "
                     "\"activation_function\": \"torch.nn.modules.%s\"}",
                     width, bias, activation));
}

START_TEST(dense_layers_behind_a_pooling_have_files_of_their_own) {
    put("config.json", get(CONFIGS "/all-minilm-l6-v2.json"));
    put("model.safetensors", "anything");
    put("modules.json", dense_modules);
    ck_assert_int_eq(mkdir(path_of("1_Pooling"), 0700) | mkdir(path_of("2_Dense"), 0700) |
                         mkdir(path_of("3_Dense"), 0700),
                     0);
    put("1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true}");
    put_dense(2, 1536, "false", "linear.Identity");
    put_dense(3, 384, "false", "linear.Identity");
    const char *text = import(folder);
    ck_assert_msg(text != NULL, "%s", diag.errors ? diag.first->message : "");
    assert_says(text, "pooling: {kind: mean, dense: [1536, 384], normalise: true}");
    assert_says(text, "  beside:\n    pooling.dense.weight: {file: 2_Dense/model.safetensors, "
                      "tensor: linear.weight}\n    pooling.dense_2.weight: "
                      "{file: 3_Dense/model.safetensors, tensor: linear.weight}\n");
    put_dense(3, 384, "true", "linear.Identity");
    expect_error(folder, "a dense layer with a bias is not understood: expected 'bias' false",
                 NULL);
    put_dense(3, 384, "false", "activation.Tanh");
    expect_error(folder,
                 "a dense layer with an activation is not understood: expected Identity as "
                 "'activation_function', found 'torch.nn.modules.activation.Tanh'",
                 NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("import");
    TCase *rows = suite_case(suite, "families", setup, teardown);
    tcase_add_test(rows, every_row_of_a_family_can_be_read);
    tcase_add_test(rows, every_base_is_a_family);
    tcase_add_test(rows, words_and_numbers_of_an_expression);

    TCase *configs = suite_case(suite, "configs", setup, teardown);
    tcase_add_test(configs, an_unknown_key_is_refused_in_every_family);
    tcase_add_test(configs, an_unknown_key_inside_of_another_is_named_with_it);
    tcase_add_test(configs, a_value_that_makes_no_sense_is_refused_at_its_key);
    tcase_add_test(configs, an_error_has_the_place_of_its_key);
    tcase_add_test(configs, a_missing_key_is_named);
    tcase_add_test(configs, an_unknown_family_is_named);
    tcase_add_test(configs, a_requirement_says_what_is_understood);
    tcase_add_test(configs, classes_are_those_of_the_last_token);
    tcase_add_test(configs, broken_json_is_refused);
    tcase_add_test(configs, both_ways_to_say_rope_are_the_same);
    tcase_add_test(configs, keys_of_layers_become_patterns_and_blocks);

    TCase *folders = suite_case(suite, "folders", setup, teardown);
    tcase_add_test(folders, weights_are_named_from_where_the_description_lies);
    tcase_add_test(folders, a_folder_that_is_no_model_says_what_is_missing);
    tcase_add_test(folders, weights_that_cannot_be_read_are_one_error);
    tcase_add_test(folders, pointers_of_git_lfs_are_one_error);
    tcase_add_test(folders, sentence_transformers_say_the_pooling);
    tcase_add_test(folders, dense_layers_behind_a_pooling_have_files_of_their_own);
    tcase_add_test(folders, a_gguf_that_is_no_model_says_what_it_is);
    tcase_add_test(folders, a_gguf_says_the_axes_by_keys_and_tensors);
    tcase_add_test(folders, an_unknown_key_of_a_gguf_is_named);
    tcase_add_test(folders, a_model_in_several_files_is_called_without_their_numbers);
    return suite_run(suite);
}
