/* test_tensor_names.c - patterns, tables and names from a description. */
#include "frontend/weights/tensor_names.h"
#include "tests/unit/arena_fixture.h"

/* The layer's digits; null: no match. */
static const char *match(const char *pattern, const char *name) {
    LayerNumber layer;
    if (!tensor_names_match(pattern, name, &layer)) return NULL;
    return arena_printf(arena, "%s", layer.digits);
}

START_TEST(a_pattern_matches_whole_names) {
    ck_assert_str_eq(match("head.weight", "head.weight"), "");
    ck_assert_ptr_null(match("head.weight", "head.weight2"));
    ck_assert_ptr_null(match("head.weight", "head.weigh"));
    ck_assert_ptr_null(match("head.weight", ""));
    ck_assert_str_eq(match("", ""), "");
}
END_TEST

START_TEST(n_stands_for_the_number_of_a_layer) {
    ck_assert_str_eq(match("blocks.N.norm.gain", "blocks.0.norm.gain"), "0");
    ck_assert_str_eq(match("blocks.N.norm.gain", "blocks.123.norm.gain"), "123");
    ck_assert_str_eq(match("N", "999999999"), "999999999");
    ck_assert_ptr_null(match("N", "1000000000"));
    ck_assert_ptr_null(match("N", "01"));
    ck_assert_ptr_null(match("blocks.N.norm.gain", "blocks..norm.gain"));
    ck_assert_ptr_null(match("blocks.N.norm.gain", "blocks.x.norm.gain"));
    ck_assert_ptr_null(match("blocks.N.norm.gain", "blocks.1"));
    ck_assert_str_eq(match("a_N/N", "a_5/5"), "5");
    ck_assert_ptr_null(match("a_N/N", "a_5/6"));
}
END_TEST

START_TEST(n_in_a_word_is_a_letter) {
    ck_assert_str_eq(match("NN.xN.N2.Na", "NN.xN.N2.Na"), "");
    ck_assert_ptr_null(match("xN", "x1"));
}
END_TEST

START_TEST(a_pattern_is_filled_with_a_layer) {
    const LayerNumber layer = {"123456789"}, none = {""};
    ck_assert_str_eq(tensor_names_fill("N.N", &layer, arena), "123456789.123456789");
    ck_assert_str_eq(tensor_names_fill("h.N.ln_1", &layer, arena), "h.123456789.ln_1");
    ck_assert_str_eq(tensor_names_fill("wteN.N", &none, arena), "wteN.N");
    ck_assert_str_eq(tensor_names_fill("", &layer, arena), "");
}
END_TEST

static const NameRow *row_of(const NameTable *table, const char *param, LayerNumber *layer) {
    for (int i = 0; i < table->count; i++)
        if (tensor_names_match(table->row[i].param, param, layer)) return &table->row[i];
    return NULL;
}

static void expect_name(const char *name, const char *param, const char *tensor,
                        NameLayout layout) {
    LayerNumber layer;
    const NameTable *table = tensor_names_find(name, (Loc){0}, &diag);
    const NameTable prefixed =
        tensor_names_with_prefix(table, tensor_names_prefix(table, 0, arena));
    const NameRow *row = row_of(table, param, &layer);
    ck_assert_ptr_nonnull(row);
    ck_assert_str_eq(tensor_names_of_row(&prefixed, row, &layer, 0, arena), tensor);
    ck_assert_int_eq(row->layout, layout);
}

START_TEST(tables_name_the_tensors_of_families) {
    expect_name("gpt2", "embed.positions", "transformer.wpe.weight", LAYOUT_first_rows);
    expect_name("gpt2", "blocks.11.attention.k.weight", "transformer.h.11.attn.c_attn.weight",
                LAYOUT_stacked_transposed);
    expect_name("gpt2", "blocks.11.attention.v.bias", "transformer.h.11.attn.c_attn.bias",
                LAYOUT_stacked);
    expect_name("gpt2", "blocks.0.mlp.down.weight", "transformer.h.0.mlp.c_proj.weight",
                LAYOUT_transposed);
    expect_name("llama", "blocks.3.mlp.gate.weight", "model.layers.3.mlp.gate_proj.weight",
                LAYOUT_plain);
    expect_name("llama", "head.norm.gain", "model.norm.weight", LAYOUT_plain);
    expect_name("gpt_neox", "blocks.3.attention.q.bias",
                "gpt_neox.layers.3.attention.query_key_value.bias", LAYOUT_per_head);
    expect_name("gpt_neox", "head.weight", "gpt_neox.embed_out.weight", LAYOUT_plain);
    expect_name("falcon", "blocks.2.attention.k.weight",
                "transformer.h.2.self_attention.query_key_value.weight", LAYOUT_per_head);
    expect_name("modernbert", "blocks.2.mlp.gate.weight", "model.layers.2.mlp.Wi.weight",
                LAYOUT_stacked);
    expect_name("gguf", "head.norm.gain", "output_norm.weight", LAYOUT_plain);
}
END_TEST

START_TEST(prefixes_lose_a_word_with_each_attempt) {
    LayerNumber layer;
    const NameTable *table = tensor_names_find("llama", (Loc){0}, &diag);
    const NameRow *row = row_of(table, "head.weight", &layer);
    ck_assert_str_eq(tensor_names_prefix(table, 0, arena), "model.");
    ck_assert_str_eq(tensor_names_prefix(table, 2, arena), "language_model.model.");
    ck_assert_ptr_null(tensor_names_prefix(table, 3, arena));
    const NameTable one = tensor_names_with_prefix(table, "language_model.model.");
    ck_assert_str_eq(tensor_names_of_row(&one, row, &layer, 0, arena),
                     "language_model.model.lm_head.weight");
    ck_assert_str_eq(tensor_names_of_row(&one, row, &layer, 1, arena),
                     "language_model.lm_head.weight");
    ck_assert_str_eq(tensor_names_of_row(&one, row, &layer, 2, arena), "lm_head.weight");
    ck_assert_ptr_null(tensor_names_of_row(&one, row, &layer, 3, arena));
    ck_assert_str_eq(tensor_names_bare(&one, "language_model.lm_head.weight"), "lm_head.weight");
    ck_assert_str_eq(tensor_names_bare(&one, "visual.weight"), "visual.weight");
}
END_TEST

START_TEST(every_row_has_a_layer_in_both_names_or_in_none) {
    for (int i = 0; i < tensor_names_table_count; i++) {
        const NameTable *table = &tensor_names_table[i];
        ck_assert_ptr_eq(tensor_names_find(table->name, (Loc){0}, &diag), table);
        ck_assert(table->has_own_names == (table->count == 0));
        for (int k = 0; k < table->count; k++) {
            const NamePair pair = {.param = table->row[k].param, .tensor = table->row[k].tensor};
            ck_assert_ptr_nonnull(tensor_names_given(&pair, 1, arena, &diag));
            ck_assert((strstr(pair.param, ".N.") != NULL) == (strstr(pair.tensor, ".N.") != NULL));
        }
    }
}
END_TEST

START_TEST(unknown_tables_are_refused_with_a_hint) {
    ck_assert_ptr_null(tensor_names_find("lama", (Loc){0}, &diag));
    ck_assert_str_eq(diag.first->message, "there is no table of names 'lama'");
    ck_assert_str_eq(diag.first->hint, "did you mean 'llama'?");
    ck_assert_ptr_null(tensor_names_find("pytorch", (Loc){0}, &diag));
    ck_assert_str_eq(diag.last->hint,
                     "one of: thalweg, gpt2, llama, gpt_neox, bloom, opt, gptj, mpt, bert, "
                     "modernbert, gguf");
}
END_TEST

START_TEST(names_may_be_given) {
    const NamePair pairs[] = {{.param = "embed.tokens", .tensor = "wte"},
                              {.param = "blocks.N.mlp.up.weight", .tensor = "layer_N/up"}};
    const NameTable *table = tensor_names_given(pairs, 2, arena, &diag);
    ck_assert_ptr_nonnull(table);
    LayerNumber layer;
    const NameRow *row = row_of(table, "blocks.7.mlp.up.weight", &layer);
    ck_assert_str_eq(tensor_names_of_row(table, row, &layer, 0, arena), "layer_7/up");
    ck_assert(table->has_own_names);
}
END_TEST

START_TEST(a_given_tensor_needs_its_layer_from_the_param) {
    const Source source = {"model.yaml", "x", 1};
    const NamePair pairs[] = {{.param = "embed.tokens", .tensor = "wte.N", .loc = {&source, 1}},
                              {.param = "a.N", .tensor = "b"}};
    ck_assert_ptr_null(tensor_names_given(pairs, 2, arena, &diag));
    assert_error("'wte.N' has the number of a layer, N, and 'embed.tokens' has none", NULL);
    ck_assert_ptr_eq(diag.first->loc.source, &source);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tensor_names");
    TCase *tests = suite_case(suite, "tensor_names", make_arena, drop_arena);
    tcase_add_test(tests, a_pattern_matches_whole_names);
    tcase_add_test(tests, n_stands_for_the_number_of_a_layer);
    tcase_add_test(tests, n_in_a_word_is_a_letter);
    tcase_add_test(tests, a_pattern_is_filled_with_a_layer);
    tcase_add_test(tests, tables_name_the_tensors_of_families);
    tcase_add_test(tests, prefixes_lose_a_word_with_each_attempt);
    tcase_add_test(tests, every_row_has_a_layer_in_both_names_or_in_none);
    tcase_add_test(tests, unknown_tables_are_refused_with_a_hint);
    tcase_add_test(tests, names_may_be_given);
    tcase_add_test(tests, a_given_tensor_needs_its_layer_from_the_param);
    return suite_run(suite);
}
