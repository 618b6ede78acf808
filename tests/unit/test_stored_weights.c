/* test_stored_weights.c - the same weights in files of both formats, under whatever names and
 * types. */
#include "codegen/pack/layout.h"
#include "frontend/compiler/compiler.h"
#include "frontend/weights/gguf.h"
#include "ir/weights.h"
#include "runtime/weights_file.h"
#include "tests/unit/folder_fixture.h"
#include "tests/unit/made_tensors.h"

#include <math.h>

static const char *path_of(const char *name) {
    return arena_printf(arena, "%s/%s", folder, name);
}

/* ---- a model ---- */

static Thalweg *open_model(const char *weights) {
    const char *text = arena_printf(
        arena,
        "thalweg: 1\nname: small\nvocab: %d\ncontext: 8\nstream: {width: %d}\n"
        "defaults: {norm: {kind: rms, eps: 1e-5}}\n"
        "blocks:\n  - repeat: %d\n    branches:\n"
        "      - attention: {heads: %d, kv_heads: %d, head_dim: %d, rope: {style: interleaved}}\n"
        "      - mlp: {hidden: %d, activation: silu, gated: true}\n"
        "head: {norm: {kind: rms, eps: 1e-5}, tied: true}\nweights: %s\n",
        WORDS, WIDTH, LAYERS, HEADS, KV_HEADS, HEAD, HIDDEN, weights);
    const ThalwegOptions options = {.threads = 2};
    Thalweg *thalweg = thalweg_create(&options);
    ck_assert_ptr_nonnull(thalweg);
    if (thalweg_read_text(thalweg, "small.yaml", text, strlen(text), folder))
        thalweg_check_weights(thalweg);
    return thalweg;
}

enum { TOKENS = 4 };
static const int32_t tokens[TOKENS] = {3, 1, 4, 1};

typedef struct {
    double logit[TOKENS * WORDS];
} Result;

static Result interpret(const char *weights) {
    Result result;
    Thalweg *thalweg = open_model(weights);
    if (!thalweg_interpret(thalweg, tokens, TOKENS, 0, TOKENS, result.logit)) {
        thalweg_print_diagnostics(thalweg, stderr);
        ck_abort_msg("weights: %s", weights);
    }
    thalweg_destroy(thalweg);
    return result;
}

static void expect_same(const Result *a, const Result *b) {
    ck_assert(isfinite(a->logit[0]) && a->logit[0] != a->logit[1]);
    ck_assert_mem_eq(a->logit, b->logit, sizeof a->logit);
}

/* ---- types ---- */

typedef struct {
    StoredType type;
    WeightFormat format;
    const char *told;
} Kept;

static const Kept kept_types[] = {
    {STORED_Q8_0, FORMAT_q8, "15 of Q8_0 as q8"},
    {STORED_Q4_0, FORMAT_q4, "15 of Q4_0 as q4"},
    {STORED_BF16, FORMAT_bf16, "15 of BF16 as bf16"},
};

/* What a panel holds in `lane` for one row: [columns] values as stored, without a sign, and their
 * scales. Words of layout.h. */
static void unpack_row(const PackedTensor *tensor, const uint32_t *panel_words, int64_t panel,
                       int64_t lane, int64_t columns, uint16_t *scale, uint16_t *value) {
    const int64_t block = layout_panel_words(tensor->format, FORMAT_BLOCK, panel);
    for (int64_t k = 0; k < columns; k++) {
        const uint32_t *words = panel_words + k / FORMAT_BLOCK * block;
        const int64_t i = k % FORMAT_BLOCK;
        const int shift = (int)(i % 4) * 8;
        memcpy(&scale[k / FORMAT_BLOCK], (const char *)words + 2 * lane, sizeof *scale);
        const uint32_t *first = words + panel / 2 + lane;
        if (tensor->format == FORMAT_q8)
            value[k] = first[i / 4 * panel] >> shift & 255;
        else if (tensor->format == FORMAT_q4)
            value[k] = first[i / 8 * panel] >> (shift + (i % 8 < 4 ? 0 : 4)) & 15;
        else
            value[k] = (uint16_t)(words[lane + i / 2 * panel] >> i % 2 * 16);
    }
}

/* The same for a row of floats, rounded. */
static void round_row(const Made *made, int64_t row, uint16_t *scale, uint16_t *value) {
    const float *at = (const float *)(const void *)made->bytes + row * made->columns;
    uint8_t q[FORMAT_BLOCK];
    for (int64_t k = 0; k < made->columns; k += FORMAT_BLOCK) {
        scale[k / FORMAT_BLOCK] = format_encode_block(FORMAT_q8, at + k, FORMAT_BLOCK, q);
        for (int64_t i = 0; i < FORMAT_BLOCK; i++) value[k + i] = q[i];
    }
}

/* The same for a row of blocks or halves as it lies in a tensor of the file. */
static void read_row(const Made *made, int64_t row, uint16_t *scale, uint16_t *value) {
    const StoredTypeInfo *info = &stored_type_info[made->type];
    const uint8_t *at = made->bytes + row * made->columns / info->values * info->bytes;
    for (int64_t k = 0; k < made->columns; k++) {
        const uint8_t *block = at + k / info->values * info->bytes;
        const int64_t i = k % FORMAT_BLOCK;
        if (made->type == STORED_BF16) {
            memcpy(&value[k], block, 2);
            continue;
        }
        memcpy(&scale[k / FORMAT_BLOCK], block, sizeof *scale);
        value[k] = made->type == STORED_Q8_0 ? block[2 + i] ^ 128
                   : i < 16                  ? block[2 + i] & 15
                                             : block[2 + i - 16] >> 4;
    }
}

static const char *gguf_name(const char *param) {
    static const char *const names[][2] = {
        {"attention.q", "attn_q"},      {"attention.k", "attn_k"}, {"attention.v", "attn_v"},
        {"attention.o", "attn_output"}, {"mlp.gate", "ffn_gate"},  {"mlp.up", "ffn_up"},
        {"mlp.down", "ffn_down"}};
    if (strcmp(param, "embed.tokens") == 0) return "token_embd.weight";
    for (int i = 0; i < COUNT(names); i++)
        if (strncmp(param + strlen("blocks.0."), names[i][0], strlen(names[i][0])) == 0)
            return arena_printf(arena, "blk.%c.%s.weight", param[strlen("blocks.")], names[i][1]);
    ck_abort_msg("%s", param);
}

/* Compares every row of a packed tensor with the file's; how many there are. */
static int compare_panels(const PackedTensor *tensor, int64_t panel, const uint32_t *words,
                          Tensors *made) {
    const int64_t columns = ir_node(tensor->graph, tensor->constant)->type.dim[1];
    const int64_t size = layout_panel_words(tensor->format, columns, panel);
    int rows = 0;
    for (int g = 0; g < tensor->group_count; g++) {
        const PanelGroup *group = &tensor->group[g];
        const int64_t outputs = panel / group->parts;
        for (int64_t n = 0; n < group->columns * group->parts; n++, rows++) {
            uint16_t scale[4] = {0}, value[HIDDEN], want_scale[4] = {0}, want[HIDDEN];
            const int64_t part = n / group->columns, output = n % group->columns;
            const int64_t row = group->from[part] + output;
            unpack_row(tensor, words + output / outputs * size, panel,
                       part * outputs + output % outputs, columns, scale, value);
            const WeightsRow from = weights_find_row(tensor->graph, tensor->constant, row);
            ck_assert_ptr_nonnull(from.param);
            const Made *stored = made_find(made, gguf_name(from.param->name));
            (stored->type == STORED_F32 ? round_row : read_row)(stored, from.row, want_scale, want);
            ck_assert_mem_eq(value, want, (size_t)columns * sizeof *value);
            if (tensor->format != FORMAT_bf16) ck_assert_mem_eq(scale, want_scale, sizeof scale);
        }
        words += group->panels * size;
    }
    return rows;
}

/* Packs the file and compares every row of a matrix with it. */
static void expect_packed(const char *weights, const char *told, Tensors *made,
                          WeightFormat format) {
    made_write_gguf(folder, made);
    Thalweg *thalweg = open_model(weights);
    ck_assert_str_eq(thalweg_model(thalweg).types, told);
    ck_assert(thalweg_write_weights(thalweg, path_of("packed")));
    FILE *file = fopen(path_of("packed"), "rb");
    ck_assert_ptr_nonnull(file);
    const Layout *layout = thalweg->plan->layout;
    uint32_t *words = ARENA_ARRAY(arena, uint32_t, (size_t)layout->floats);
    ck_assert_int_eq(fseek(file, TW_WEIGHTS_DATA, SEEK_SET), 0);
    ck_assert_uint_eq(fread(words, 4, (size_t)layout->floats, file), (size_t)layout->floats);
    fclose(file);
    int rows = 0;
    for (int i = 0; i < layout->count; i++) {
        const PackedTensor *tensor = &layout->tensor[i];
        if (tensor->form != FORM_PANELS) continue;
        ck_assert_int_eq(tensor->format, format);
        rows +=
            compare_panels(tensor, machine_panel(&layout->machine), words + tensor->offset, made);
    }
    const int layer = (HEADS + 2 * KV_HEADS) * HEAD + WIDTH + 2 * HIDDEN + WIDTH;
    ck_assert_int_eq(rows, LAYERS * layer + WORDS);
    thalweg_destroy(thalweg);
}

START_TEST(blocks_of_a_file_are_packed_as_they_are) {
    const Kept *kept = &kept_types[_i];
    Tensors made = made_tensors(kept->type);
    expect_packed("{file: model.gguf}", kept->told, &made, kept->format);
}
END_TEST

START_TEST(blocks_stay_beside_rows_that_are_rounded) {
    Tensors made = made_tensors(STORED_Q8_0);
    static const char *const floats[] = {"blk.0.attn_k.weight", "blk.1.ffn_up.weight"};
    for (int i = 0; i < COUNT(floats); i++) {
        Made *tensor = made_find(&made, floats[i]);
        made_add(&made, floats[i], tensor->rows, tensor->columns, STORED_F32);
        *tensor = made.tensor[--made.count];
    }
    expect_packed("{file: model.gguf, type: q8}", "2 of F32 as q8 (rounded), 13 of Q8_0 as q8",
                  &made, FORMAT_q8);
}
END_TEST

/* The graph as described, but that its products round their weights, and nothing else. */
START_TEST(what_is_kept_is_not_rounded_a_second_time) {
    const Kept *kept = &kept_types[_i];
    const Tensors made = made_tensors(kept->type);
    made_write_gguf(folder, &made);
    const Result exact = interpret("{file: model.gguf, type: f32}");
    Thalweg *thalweg = open_model("{file: model.gguf}");
    Graph *graph = ir_graph_copy(thalweg->described, thalweg->arena);
    for (uint32_t i = 1; i < graph->count; i++)
        if (graph->node[i].op == OP_project) graph->node[i].attr.format = kept->format;
    Interp *interp = interp_create(graph, checkpoint_weights(thalweg->checkpoint));
    Result result;
    ck_assert(interp_run(interp, tokens, TOKENS, 0, TOKENS, result.logit));
    expect_same(&exact, &result);
    interp_destroy(interp);
    thalweg_destroy(thalweg);
}
END_TEST

/* A scale that is infinite, or a half that is no number, in row 5 from column 32 on. */
START_TEST(blocks_that_are_no_numbers_are_found_while_packing) {
    static const char *const found[] = {"inf", "nan", "inf"};
    const Kept *kept = &kept_types[_i];
    Tensors made = made_tensors(kept->type);
    Made *tensor = made_find(&made, "blk.1.ffn_gate.weight");
    const StoredTypeInfo *info = &stored_type_info[kept->type];
    uint8_t *block = tensor->bytes + (5 * WIDTH + 32) / info->values * info->bytes;
    const uint16_t odd[] = {0x7c00, 0x7e00, 0x7f80};
    memcpy(block, &odd[_i], sizeof *odd);
    block[2] = 1; /* the first integer, or half of the next */
    made_write_gguf(folder, &made);
    Thalweg *thalweg = open_model("{file: model.gguf}");
    ck_assert(!thalweg_write_weights(thalweg, path_of("packed")));
    const char *message = thalweg_diagnostic(thalweg, 0).message;
    assert_says(message, "tensor 'blk.1.ffn_gate.weight': expected finite ");
    assert_says(message, found[_i]);
    assert_says(message, "row 5, column 32 of 'blocks.1.mlp.gate.weight'");
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(other_types_go_to_the_nearest_of_ours) {
    Tensors made = made_tensors(STORED_Q5_0);
    made_add(&made, "blk.0.attn_q.weight", HEADS * HEAD, WIDTH, STORED_Q4_1);
    *made_find(&made, "blk.0.attn_q.weight") = made.tensor[--made.count];
    made_write_gguf(folder, &made);
    Thalweg *thalweg = open_model("{file: model.gguf, types: {\"*.mlp.*\": bf16}}");
    ck_assert_str_eq(
        thalweg_model(thalweg).types,
        "1 of Q4_1 as q8 (rounded), 6 of Q5_0 as bf16 (rounded), 8 of Q5_0 as q8 (rounded)");
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(bf16_of_safetensors_stays_where_it_is_asked_for) {
    Tensors made = made_tensors(STORED_BF16);
    made_rename(&made);
    made_write_safetensors(folder, &made);
    Thalweg *thalweg = open_model("{file: model.safetensors, names: llama, type: stored}");
    ck_assert_str_eq(thalweg_model(thalweg).types, "15 of BF16 as bf16");
    thalweg_destroy(thalweg);
    thalweg = open_model("{file: model.safetensors, names: llama}");
    ck_assert_str_eq(thalweg_model(thalweg).types, "");
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(types_that_are_not_read_are_refused_once_by_name) {
    Tensors made = made_tensors(STORED_F32);
    for (int i = 0; i < LAYERS; i++)
        made_find(&made, arena_printf(arena, "blk.%d.ffn_norm.weight", i))->type = STORED_I32;
    made_write_gguf(folder, &made);
    Thalweg *thalweg = open_model("{file: model.gguf}");
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 1);
    ck_assert_str_eq(thalweg_diagnostic(thalweg, 0).message,
                     "tensor 'blk.0.ffn_norm.weight': expected F32, F16, BF16, Q4_0, Q4_1, Q5_0, "
                     "Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS or MXFP4 for "
                     "'blocks.0.mlp.norm.gain', found I32");
    thalweg_destroy(thalweg);
}
END_TEST

/* ---- names ---- */

static Result in_gguf(void) {
    const Tensors made = made_tensors(STORED_F32);
    made_write_gguf(folder, &made);
    return interpret("{file: model.gguf}");
}

START_TEST(both_formats_give_the_same_bits) {
    const Result want = in_gguf();
    Tensors made = made_tensors(STORED_F32);
    made_rename(&made);
    made_write_safetensors(folder, &made);
    const Result got = interpret("{file: model.safetensors, names: llama}");
    expect_same(&want, &got);
}
END_TEST

START_TEST(fused_tensors_of_a_gguf_are_their_parts) {
    const Result want = in_gguf();
    Tensors made = made_tensors(STORED_F32);
    for (int i = 0; i < LAYERS; i++) {
#define BLK(name) arena_printf(arena, "blk.%d." name ".weight", i)
        made_fuse(&made, BLK("attn_qkv"), BLK("attn_q"), BLK("attn_k"));
        made_fuse(&made, BLK("attn_qkv"), BLK("attn_qkv"), BLK("attn_v"));
        made_fuse(&made, BLK("ffn_up"), BLK("ffn_gate"), BLK("ffn_up"));
#undef BLK
    }
    made_write_gguf(folder, &made);
    const Result got = interpret("{file: model.gguf}");
    expect_same(&want, &got);
}
END_TEST

START_TEST(fused_tensors_of_phi_and_glm_are_their_parts) {
    const Result want = in_gguf();
    Tensors made = made_tensors(STORED_F32);
    made_rename(&made);
    for (int i = 0; i < LAYERS; i++) {
#define LAYER(name) arena_printf(arena, "model.layers.%d." name ".weight", i)
        made_fuse(&made, LAYER("self_attn.qkv_proj"), LAYER("self_attn.q_proj"),
                  LAYER("self_attn.k_proj"));
        made_fuse(&made, LAYER("self_attn.qkv_proj"), LAYER("self_attn.qkv_proj"),
                  LAYER("self_attn.v_proj"));
        made_fuse(&made, LAYER("mlp.gate_up_proj"), LAYER("mlp.gate_proj"), LAYER("mlp.up_proj"));
#undef LAYER
    }
    made_write_safetensors(folder, &made);
    const Result got = interpret("{file: model.safetensors, names: phi3}");
    expect_same(&want, &got);
}
END_TEST

/* The model inside of a checkpoint that sees too. */
static void write_inside(const char *prefix) {
    Tensors made = made_tensors(STORED_F32);
    made_rename(&made);
    for (int i = 0; i < made.count; i++)
        made.tensor[i].name =
            arena_printf(arena, "%s%s", prefix, made.tensor[i].name + strlen("model."));
    made_add(&made, "model.vision_tower.weight", 2, 2, STORED_F32);
    made_write_safetensors(folder, &made);
}

START_TEST(names_may_stand_behind_a_prefix) {
    const Result want = in_gguf();
    write_inside("language_model.model.");
    Result got = interpret("{file: model.safetensors, names: llama}");
    expect_same(&want, &got);
    write_inside("model.language_model.");
    got = interpret("{file: model.safetensors, names: llama}");
    expect_same(&want, &got);
    write_inside("wrapped.it.");
    got = interpret("{file: model.safetensors, names: llama, prefix: wrapped.it.}");
    expect_same(&want, &got);
}
END_TEST

#define GIVEN                                                                                      \
    "embed.tokens: token_embd.weight, head.norm.gain: output_norm.weight, "                        \
    "blocks.N.attention.norm.gain: blk.N.attn_norm.weight, "                                       \
    "blocks.N.attention.o.weight: {tensor: blk.N.attn_output.weight, transposed: true}, "          \
    "blocks.N.mlp.norm.gain: blk.N.ffn_norm.weight, "                                              \
    "blocks.N.mlp.gate.weight: blk.N.ffn_gate.weight, "                                            \
    "blocks.N.mlp.up.weight: blk.N.ffn_up.weight, "                                                \
    "blocks.N.mlp.down.weight: {tensor: blk.N.ffn_down.weight}, "                                  \
    "blocks.N.attention.q.weight: {tensor: blk.N.fused, rows: [32, 96]}, "                         \
    "blocks.N.attention.v.weight: {tensor: blk.N.fused, rows: [96, 128]}, "                        \
    "blocks.N.attention.k.weight: {tensor: blk.N.fused, rows: "

static void write_odd_order(void) {
    Tensors made = made_tensors(STORED_F32);
    for (int i = 0; i < LAYERS; i++) {
#define BLK(name) arena_printf(arena, "blk.%d." name, i)
        made_fuse(&made, BLK("fused"), BLK("attn_k.weight"), BLK("attn_q.weight"));
        made_fuse(&made, BLK("fused"), BLK("fused"), BLK("attn_v.weight"));
        made_transpose(made_find(&made, BLK("attn_output.weight")));
#undef BLK
    }
    made_write_gguf(folder, &made);
}

START_TEST(a_name_may_be_rows_of_a_tensor_or_transposed) {
    const Result want = in_gguf();
    write_odd_order();
    const Result got = interpret("{file: model.gguf, names: {" GIVEN "[0, 32]}}}");
    expect_same(&want, &got);
}
END_TEST

/* Two matrices of the model in another file, of another format, which is named twice. */
START_TEST(a_parameter_may_lie_in_another_file) {
    const Result want = in_gguf();
    Tensors made = made_tensors(STORED_F32), apart = {.count = 0};
    static const char *const moved[] = {"blk.0.ffn_up.weight", "blk.1.ffn_down.weight"};
    for (int i = 0; i < COUNT(moved); i++) {
        Made *tensor = made_find(&made, moved[i]);
        apart.tensor[apart.count++] = *tensor;
        *tensor = made.tensor[--made.count];
    }
    apart.tensor[0].name = "linear.weight";
    made_write_gguf(folder, &made);
    made_write_safetensors(folder, &apart);
#define BESIDE(file)                                                                               \
    "{file: model.gguf, beside: {blocks.0.mlp.up.weight: {file: " file                             \
    ", tensor: linear.weight}, blocks.1.mlp.down.weight: {file: model.safetensors, "               \
    "tensor: blk.1.ffn_down.weight}}}"
    const Result got = interpret(BESIDE("model.safetensors"));
    expect_same(&want, &got);
    Thalweg *thalweg = open_model(BESIDE("none.safetensors"));
    assert_says(thalweg_diagnostic(thalweg, 0).message, "none.safetensors': No such file");
    thalweg_destroy(thalweg);
    thalweg = open_model(BESIDE("model.gguf"));
    ck_assert_str_eq(thalweg_diagnostic(thalweg, 0).message,
                     "no tensor for 'blocks.0.mlp.up.weight': looked for 'model.gguf: "
                     "linear.weight'");
    thalweg_destroy(thalweg);
#undef BESIDE
}
END_TEST

START_TEST(rows_that_are_not_there_or_too_few_are_refused) {
    write_odd_order();
    Thalweg *thalweg = open_model("{file: model.gguf, names: {" GIVEN "[0, 31]}}}");
    ck_assert_str_eq(thalweg_diagnostic(thalweg, 0).message,
                     "tensor 'blk.0.fused': expected 32 of its 128 rows for "
                     "'blocks.0.attention.k.weight', found rows: [0, 31]");
    thalweg_destroy(thalweg);
    thalweg = open_model("{file: model.gguf, names: {" GIVEN "[100, 132]}}}");
    ck_assert_str_eq(thalweg_diagnostic(thalweg, 0).message,
                     "tensor 'blk.0.fused': expected 32 of its 128 rows for "
                     "'blocks.0.attention.k.weight', found rows: [100, 132]");
    thalweg_destroy(thalweg);
    thalweg = open_model("{file: model.gguf, names: {" GIVEN "[9, 9]}}}");
    ck_assert_str_eq(thalweg_diagnostic(thalweg, 0).message,
                     "weights.names.blocks.N.attention.k.weight.rows: [9, 9] has no rows");
    thalweg_destroy(thalweg);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("stored_weights");
    TCase *tests = suite_case(suite, "stored_weights", make_folder, drop_folder);
    const int kinds = COUNT(kept_types);
    tcase_add_loop_test(tests, blocks_of_a_file_are_packed_as_they_are, 0, kinds);
    tcase_add_test(tests, blocks_stay_beside_rows_that_are_rounded);
    tcase_add_loop_test(tests, what_is_kept_is_not_rounded_a_second_time, 0, kinds);
    tcase_add_loop_test(tests, blocks_that_are_no_numbers_are_found_while_packing, 0, kinds);
    tcase_add_test(tests, other_types_go_to_the_nearest_of_ours);
    tcase_add_test(tests, bf16_of_safetensors_stays_where_it_is_asked_for);
    tcase_add_test(tests, types_that_are_not_read_are_refused_once_by_name);
    tcase_add_test(tests, both_formats_give_the_same_bits);
    tcase_add_test(tests, fused_tensors_of_a_gguf_are_their_parts);
    tcase_add_test(tests, fused_tensors_of_phi_and_glm_are_their_parts);
    tcase_add_test(tests, names_may_stand_behind_a_prefix);
    tcase_add_test(tests, a_name_may_be_rows_of_a_tensor_or_transposed);
    tcase_add_test(tests, a_parameter_may_lie_in_another_file);
    tcase_add_test(tests, rows_that_are_not_there_or_too_few_are_refused);
    return suite_run(suite);
}
