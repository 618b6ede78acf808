/* test_checkpoint.c - params are read from where a checkpoint keeps them. */
#include "frontend/weights/checkpoint.h"
#include "frontend/weights/checkpoint_stripes.h"
#include "frontend/weights/safetensors.h"
#include "frontend/weights/float16.h"
#include "tests/unit/folder_fixture.h"
#include "tests/unit/safetensors_image.h"

#include <math.h>
#include <pthread.h>
#include <unistd.h>

enum { VOCAB = 5, WIDTH = 4, CONTEXT = 3, HIDDEN = 18 };

static Source description, text;

static void setup(void) {
    make_folder();
    description = (Source){"model.yaml", "weights", 7};
}

/* One layer of 2 query heads and 1 key-value head, 2 columns each, and an MLP. */
static const char layer_text[] =
    "graph @m {context = 3, chunk = 3} {\n"
    "  @embed.tokens = param : f32[5, 4]\n"
    "  @embed.positions = param : f32[3, 4]\n"
    "  @blocks.0.attention.q.weight = param : f32[4, 4]\n"
    "  @blocks.0.attention.k.weight = param : f32[2, 4]\n"
    "  @blocks.0.attention.v.weight = param : f32[2, 4]\n"
    "  @blocks.0.attention.q.bias = param : f32[4]\n"
    "  @blocks.0.attention.k.bias = param : f32[2]\n"
    "  @blocks.0.attention.v.bias = param : f32[2]\n"
    "  @blocks.0.attention.o.weight = param : f32[4, 4]\n"
    "  @blocks.0.mlp.up.weight = param : f32[18, 4]\n"
    "  @blocks.0.mlp.down.weight = param : f32[4, 18]\n"
    "  @head.norm.gain = param : f32[4]\n"
    "  %1 = tokens : i32[T]\n"
    "  %2 = position : i32[1]\n"
    "  %3 = embed %1, @embed.tokens : f32[T, 4]\n"
    "  %4 = add_positions %3, @embed.positions, %2 : f32[T, 4]\n"
    "  %5 = project %4, @blocks.0.attention.q.weight, @blocks.0.attention.q.bias : f32[T, 4]\n"
    "  %6 = project %4, @blocks.0.attention.k.weight, @blocks.0.attention.k.bias : f32[T, 2]\n"
    "  %7 = project %4, @blocks.0.attention.v.weight, @blocks.0.attention.v.bias : f32[T, 2]\n"
    "  %8 = rope %5, %2 {heads = 2, dims = 2} : f32[T, 4]\n"
    "  %9 = rope %6, %2 {dims = 2} : f32[T, 2]\n"
    "  %10 = append %9, %2 {cache = blocks.0.k, context = 3} : f32[3, 2]\n"
    "  %11 = append %7, %2 {cache = blocks.0.v, context = 3} : f32[3, 2]\n"
    "  %12 = scores %8, %10, %2 {heads = 2} : f32[T, 2, 3]\n"
    "  %13 = softmax %12 : f32[T, 2, 3]\n"
    "  %14 = mix %13, %11 {heads = 2} : f32[T, 4]\n"
    "  %15 = project %14, @blocks.0.attention.o.weight : f32[T, 4]\n"
    "  %16 = write %4, %15 : f32[T, 4]\n"
    "  %17 = project %16, @blocks.0.mlp.up.weight : f32[T, 18]\n"
    "  %18 = project %17, @blocks.0.mlp.down.weight : f32[T, 4]\n"
    "  %19 = write %16, %18 : f32[T, 4]\n"
    "  %20 = norm %19, @head.norm.gain {kind = rms} : f32[T, 4]\n"
    "  %21 = project %20, @embed.tokens : f32[T, 5]\n"
    "  return %21\n"
    "}\n";

static const char vector_text[] = "graph @m {context = 3, chunk = 3} {\n"
                                  "  @head.norm.gain = param : f32[3]\n"
                                  "  @table = param : f32[2, 3]\n"
                                  "  %1 = tokens : i32[T]\n"
                                  "  %2 = embed %1, @table : f32[T, 3]\n"
                                  "  %3 = norm %2, @head.norm.gain {kind = rms} : f32[T, 3]\n"
                                  "  return %3\n"
                                  "}\n";

static const Graph *graph_of(const char *graph_text) {
    text = (Source){"graph", graph_text, strlen(graph_text)};
    Graph *graph = ir_parse(arena, &diag, &text);
    if (!graph) diag_print(&diag, stderr);
    ck_assert_ptr_nonnull(graph);
    return graph;
}

static CheckpointSpec spec_of(const char *names) {
    return (CheckpointSpec){
        .directory = folder, .file = "model.safetensors", .names = names, .loc = {&description, 0}};
}

/* ---- a file, tensor by tensor ---- */

static char header[4096];
static float data[1024];
static size_t header_length, count;

static void begin_file(void) {
    header_length = (size_t)snprintf(header, sizeof header, "{\"__metadata__\":{}");
    count = 0;
}

/* Adds a tensor of [rows, columns], of [rows] for columns 0. Returns the values, to fill in. */
static float *add_tensor(const char *name, int rows, int columns) {
    const size_t values = (size_t)(columns ? rows * columns : rows);
    const char *shape =
        columns ? arena_printf(arena, "%d,%d", rows, columns) : arena_printf(arena, "%d", rows);
    header_length +=
        (size_t)snprintf(header + header_length, sizeof header - header_length,
                         ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                         name, shape, 4 * count, 4 * (count + values));
    float *added = data + count;
    for (size_t i = 0; i < values; i++) added[i] = (float)(count + i) + 0.5F;
    count += values;
    return added;
}

/* A header of odd length, so that no value is aligned. */
static void write_file(void) {
    const char *end = header_length % 2 ? " }" : "}";
    image_write(folder, "model.safetensors", arena_printf(arena, "%s%s", header, end), data,
                4 * count);
}

/* ---- what is read ---- */

static void expect_values(const Checkpoint *checkpoint, const char *param, int rows, int columns,
                          const float *expected) {
    const Weights *weights = checkpoint_weights(checkpoint);
    float *out = malloc((size_t)(rows * columns) * sizeof *out);
    for (int first = 0; first < rows; first++) {
        for (int number = 1; number <= rows - first; number++) {
            ck_assert(weights->rows(weights, param, first, number, columns, out));
            ck_assert_mem_eq(out, expected + first * columns,
                             (size_t)(number * columns) * sizeof *out);
        }
    }
    ck_assert(!weights->rows(weights, param, 0, rows + 1, columns, out));
    ck_assert(!weights->rows(weights, param, -1, 1, columns, out));
    ck_assert(!weights->rows(weights, param, 0, 1, columns + 1, out));
    free(out);
}

static Checkpoint *open_good(const Graph *graph, const CheckpointSpec *spec) {
    Checkpoint *checkpoint = checkpoint_open(graph, spec);
    if (!checkpoint) diag_print(&diag, stderr);
    ck_assert_ptr_nonnull(checkpoint);
    ck_assert_int_eq(diag.errors, 0);
    return checkpoint;
}

/* out[rows][columns]: columns first .. first + rows - 1 of stored[columns][total]. */
static void transpose(const float *stored, int total, int first, int rows, int columns,
                      float *out) {
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < columns; k++) out[r * columns + k] = stored[k * total + first + r];
}

START_TEST(gpt2_is_read_transposed_and_stacked) {
    float part[HIDDEN * WIDTH];
    begin_file();
    const float *tokens = add_tensor("wte.weight", VOCAB, WIDTH);
    const float *positions = add_tensor("wpe.weight", CONTEXT + 2, WIDTH);
    const float *qkv = add_tensor("h.0.attn.c_attn.weight", WIDTH, 8);
    const float *qkv_bias = add_tensor("h.0.attn.c_attn.bias", 8, 0);
    const float *o = add_tensor("h.0.attn.c_proj.weight", 4, WIDTH);
    const float *up = add_tensor("h.0.mlp.c_fc.weight", WIDTH, HIDDEN);
    const float *down = add_tensor("h.0.mlp.c_proj.weight", HIDDEN, WIDTH);
    const float *gain = add_tensor("ln_f.weight", WIDTH, 0);
    add_tensor("h.0.attn.bias", 1, 1); /* nobody asks for it */
    write_file();
    const CheckpointSpec spec = spec_of("gpt2");
    Checkpoint *c = open_good(graph_of(layer_text), &spec);
    expect_values(c, "embed.tokens", VOCAB, WIDTH, tokens);
    expect_values(c, "embed.positions", CONTEXT, WIDTH, positions);
    transpose(qkv, 8, 0, 4, WIDTH, part);
    expect_values(c, "blocks.0.attention.q.weight", 4, WIDTH, part);
    transpose(qkv, 8, 4, 2, WIDTH, part);
    expect_values(c, "blocks.0.attention.k.weight", 2, WIDTH, part);
    transpose(qkv, 8, 6, 2, WIDTH, part);
    expect_values(c, "blocks.0.attention.v.weight", 2, WIDTH, part);
    expect_values(c, "blocks.0.attention.q.bias", 4, 1, qkv_bias);
    expect_values(c, "blocks.0.attention.k.bias", 2, 1, qkv_bias + 4);
    expect_values(c, "blocks.0.attention.v.bias", 2, 1, qkv_bias + 6);
    transpose(o, WIDTH, 0, WIDTH, 4, part);
    expect_values(c, "blocks.0.attention.o.weight", WIDTH, 4, part);
    transpose(up, HIDDEN, 0, HIDDEN, WIDTH, part);
    expect_values(c, "blocks.0.mlp.up.weight", HIDDEN, WIDTH, part);
    transpose(down, WIDTH, 0, WIDTH, HIDDEN, part);
    expect_values(c, "blocks.0.mlp.down.weight", WIDTH, HIDDEN, part);
    expect_values(c, "head.norm.gain", WIDTH, 1, gain);
    checkpoint_close(c);
}
END_TEST

static void write_neox(void) {
    begin_file();
    add_tensor("gpt_neox.embed_in.weight", VOCAB, WIDTH);
    add_tensor("gpt_neox.positions", CONTEXT, WIDTH);
    add_tensor("gpt_neox.layers.0.attention.query_key_value.weight", 12, WIDTH);
    add_tensor("gpt_neox.layers.0.attention.query_key_value.bias", 12, 0);
    add_tensor("gpt_neox.layers.0.attention.dense.weight", WIDTH, 4);
    add_tensor("gpt_neox.layers.0.mlp.dense_h_to_4h.weight", HIDDEN, WIDTH);
    add_tensor("gpt_neox.layers.0.mlp.dense_4h_to_h.weight", WIDTH, HIDDEN);
    add_tensor("gpt_neox.final_layer_norm.weight", WIDTH, 0);
    write_file();
}

static char *replace(const char *in, const char *what, const char *by) {
    char *out = arena_printf(arena, "%s", in);
    for (char *at; (at = strstr(out, what)) != NULL;)
        out = arena_printf(arena, "%.*s%s%s", (int)(at - out), out, by, at + strlen(what));
    return out;
}

/* The layer with as many key-value heads as query heads, without learned positions. */
static const char *neox_text(void) {
    char *out = replace(layer_text, "  @embed.positions = param : f32[3, 4]\n", "");
    out = replace(out, "  %4 = add_positions %3, @embed.positions, %2 : f32[T, 4]\n", "");
    out = replace(out, "%4,", "%3,");
    out = replace(out, "param : f32[2, 4]", "param : f32[4, 4]");
    out = replace(out, "param : f32[2]", "param : f32[4]");
    out = replace(out, "f32[T, 2]", "f32[T, 4]");
    out = replace(out, "f32[3, 2]", "f32[3, 4]");
    out = replace(out, "%2 {dims", "%2 {heads = 2, dims");
    out = replace(out, "%2 {cache", "%2 {heads = 2, cache");
    out = replace(out, "%2 {heads = 2} :", "%2 {heads = 2, kv_heads = 2} :");
    return replace(out, "%11 {heads = 2} :", "%11 {heads = 2, kv_heads = 2} :");
}

START_TEST(gpt_neox_is_read_head_by_head) {
    write_neox();
    const CheckpointSpec spec = spec_of("gpt_neox");
    Checkpoint *c = open_good(graph_of(neox_text()), &spec);
    const float *weight = data + VOCAB * WIDTH + CONTEXT * WIDTH, *bias = weight + 12 * WIDTH;
    static const char *const names[] = {"q", "k", "v"};
    for (int part = 0; part < 3; part++) {
        float rows[4 * WIDTH], values[4];
        for (int r = 0; r < 4; r++) {
            const int stored = r / 2 * 6 + part * 2 + r % 2; /* [heads][3][head_dim] */
            memcpy(rows + r * WIDTH, weight + stored * WIDTH, WIDTH * sizeof *rows);
            values[r] = bias[stored];
        }
        expect_values(c, arena_printf(arena, "blocks.0.attention.%s.weight", names[part]), 4, WIDTH,
                      rows);
        expect_values(c, arena_printf(arena, "blocks.0.attention.%s.bias", names[part]), 4, 1,
                      values);
    }
    checkpoint_close(c);
}
END_TEST

/* Two query heads for each key-value head: [kv_heads][2 q, k, v][head_dim]. */
START_TEST(heads_are_grouped_by_key_value_head) {
    begin_file();
    add_tensor("gpt_neox.embed_in.weight", VOCAB, WIDTH);
    const float *qkv = add_tensor("gpt_neox.layers.0.attention.query_key_value.weight", 8, WIDTH);
    add_tensor("gpt_neox.layers.0.attention.query_key_value.bias", 8, 0);
    add_tensor("gpt_neox.layers.0.attention.dense.weight", WIDTH, 4);
    add_tensor("gpt_neox.layers.0.mlp.dense_h_to_4h.weight", HIDDEN, WIDTH);
    add_tensor("gpt_neox.layers.0.mlp.dense_4h_to_h.weight", WIDTH, HIDDEN);
    add_tensor("gpt_neox.final_layer_norm.weight", WIDTH, 0);
    write_file();
    char *graph_text = replace(layer_text, "  @embed.positions = param : f32[3, 4]\n", "");
    graph_text =
        replace(graph_text, "  %4 = add_positions %3, @embed.positions, %2 : f32[T, 4]\n", "");
    graph_text = replace(graph_text, "%4,", "%3,");
    const CheckpointSpec spec = spec_of("gpt_neox");
    Checkpoint *c = open_good(graph_of(graph_text), &spec);
    expect_values(c, "blocks.0.attention.q.weight", 4, WIDTH, qkv);
    expect_values(c, "blocks.0.attention.k.weight", 2, WIDTH, qkv + 4 * WIDTH);
    expect_values(c, "blocks.0.attention.v.weight", 2, WIDTH, qkv + 6 * WIDTH);
    checkpoint_close(c);
}
END_TEST

START_TEST(names_are_our_own_or_given) {
    begin_file();
    const float *table = add_tensor("the/table", 2, 3);
    const float *gain = add_tensor("head.norm.gain", 1, 3); /* a vector with a dimension of one */
    write_file();
    const NamePair pairs[] = {{.param = "table", .tensor = "the/table", .loc = {&description, 0}},
                              {.param = "tabel", .tensor = "x", .loc = {&description, 0}}};
    CheckpointSpec spec = spec_of(NULL);
    spec.inline_names = pairs;
    spec.inline_count = 2;
    Checkpoint *c = open_good(graph_of(vector_text), &spec);
    expect_values(c, "table", 2, 3, table);
    expect_values(c, "head.norm.gain", 3, 1, gain);
    checkpoint_close(c);
    ck_assert_int_eq(diag.first->severity, DIAG_WARNING);
    ck_assert_str_eq(diag.first->message, "the model has no parameter 'tabel'");
    ck_assert_ptr_null(diag.first->next);
}
END_TEST

START_TEST(a_file_may_have_a_path_of_its_own) {
    begin_file();
    const float *gain = add_tensor("head.norm.gain", 3, 0);
    const float *table = add_tensor("table", 2, 3);
    write_file();
    CheckpointSpec spec = spec_of("thalweg");
    spec.directory = "/nowhere";
    spec.file = arena_printf(arena, "%s/model.safetensors", folder);
    Checkpoint *c = open_good(graph_of(vector_text), &spec);
    expect_values(c, "head.norm.gain", 3, 1, gain);
    expect_values(c, "table", 2, 3, table);
    ck_assert_int_eq(truncate(spec.file, 100), 0);
    const Weights *weights = checkpoint_weights(c);
    float out[3];
    ck_assert(!weights->rows(weights, "table", 0, 1, 3, out));
    checkpoint_close(c);
}
END_TEST

START_TEST(half_precision_is_widened_while_reading) {
    static const uint16_t halves[] = {0x3c00, 0x4000, 0x4200, 0x4400, 0x4500,
                                      0x4600, 0x3f80, 0x4000, 0xc040};
    const char *types = "{\"table\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[0,12]},"
                        "\"head.norm.gain\":{\"dtype\":\"BF16\",\"shape\":[3],"
                        "\"data_offsets\":[12,18]}} ";
    image_write(folder, "model.safetensors", types, halves, sizeof halves);
    const CheckpointSpec spec = spec_of(NULL);
    Checkpoint *c = open_good(graph_of(vector_text), &spec);
    expect_values(c, "table", 2, 3, (const float[]){1, 2, 3, 4, 5, 6});
    expect_values(c, "head.norm.gain", 3, 1, (const float[]){1, 2, -3});
    checkpoint_close(c);
}
END_TEST

/* ---- seeds ---- */

START_TEST(synthetic_weights_need_no_file) {
    CheckpointSpec spec = {.synthetic = true, .seed = 3};
    const Graph *graph = graph_of(layer_text);
    Checkpoint *c = open_good(graph, &spec);
    float out[2][4];
    for (int i = 0; i < 2; i++) {
        const Weights *weights = checkpoint_weights(c);
        ck_assert(weights->rows(weights, "embed.tokens", i, 1, 4, out[i]));
    }
    ck_assert_mem_ne(out[0], out[1], sizeof out[0]);
    const uint64_t identity = checkpoint_identity(c);
    checkpoint_close(c);
    c = open_good(graph, &spec);
    ck_assert(checkpoint_identity(c) == identity);
    checkpoint_close(c);
    spec.seed = 4;
    c = open_good(graph, &spec);
    ck_assert(checkpoint_identity(c) != identity);
    checkpoint_close(c);
}
END_TEST

START_TEST(identity_knows_which_tensors_were_taken) {
    begin_file();
    add_tensor("head.norm.gain", 3, 0);
    add_tensor("table", 2, 3);
    add_tensor("other", 2, 3);
    write_file();
    const NamePair pair = {.param = "table", .tensor = "other"};
    const NamePair same = {.param = "table", .tensor = "table"};
    const Graph *graph = graph_of(vector_text);
    uint64_t identity[3];
    for (int i = 0; i < 3; i++) {
        CheckpointSpec spec = spec_of(NULL);
        spec.inline_names = i == 1 ? &pair : &same;
        spec.inline_count = i != 0;
        Checkpoint *c = open_good(graph, &spec);
        identity[i] = checkpoint_identity(c);
        checkpoint_close(c);
    }
    ck_assert(identity[0] != identity[1]);
    ck_assert(identity[0] == identity[2]);
}
END_TEST

/* ---- problems ---- */

static const Diagnostic *refuse(const char *graph_text, const CheckpointSpec *spec, int errors) {
    ck_assert_ptr_null(checkpoint_open(graph_of(graph_text), spec));
    if (diag.errors != errors) diag_print(&diag, stderr);
    ck_assert_int_eq(diag.errors, errors);
    return diag.first;
}

START_TEST(a_missing_file_is_reported_at_the_description) {
    const CheckpointSpec spec = spec_of("gpt2");
    const Diagnostic *first = refuse(layer_text, &spec, 1);
    ck_assert_ptr_eq(first->loc.source, &description);
    ck_assert_str_eq(first->message,
                     arena_printf(arena,
                                  "cannot open weights '%s/model.safetensors': No such file or "
                                  "directory",
                                  folder));
}
END_TEST

START_TEST(all_problems_are_reported_at_once) {
    begin_file();
    add_tensor("wte.weight", WIDTH, VOCAB);
    add_tensor("wpe.weight", CONTEXT - 1, WIDTH);
    add_tensor("h.0.attn.c_attn.weight", 8, WIDTH);
    add_tensor("h.0.attn.c_attn.bias", 8, 0);
    add_tensor("h.0.attn.c_prj.weight", 4, WIDTH);
    add_tensor("h.0.mlp.c_fc.weight", WIDTH, HIDDEN);
    add_tensor("h.0.mlp.c_proj.weight", HIDDEN, WIDTH);
    add_tensor("ln_f.weight", WIDTH + 1, 0);
    write_file();
    const CheckpointSpec spec = spec_of("gpt2");
    const Diagnostic *d = refuse(layer_text, &spec, 5);
    ck_assert_str_eq(d->message, "tensor 'h.0.attn.c_attn.weight': expected the shape [4, 8] for "
                                 "'blocks.0.attention.q.weight' and those stored with it, found "
                                 "[8, 4]");
    ck_assert_str_eq(d->hint, "it is transposed: do the names belong to this checkpoint?");
    d = d->next;
    ck_assert_str_eq(d->message, "tensor 'wpe.weight': expected the shape [3, 4] for "
                                 "'embed.positions', found [2, 4]");
    ck_assert_ptr_null(d->hint);
    d = d->next;
    ck_assert_str_eq(d->message, "tensor 'wte.weight': expected the shape [5, 4] for "
                                 "'embed.tokens', found [4, 5]");
    d = d->next;
    ck_assert_str_eq(d->message, "tensor 'ln_f.weight': expected the shape [4] for "
                                 "'head.norm.gain', found [5]");
    d = d->next;
    ck_assert_str_eq(d->message,
                     "no tensor for 'blocks.0.attention.o.weight': looked for "
                     "'transformer.h.0.attn.c_proj.weight' and 'h.0.attn.c_proj.weight'");
    ck_assert_str_eq(d->hint, "there is 'h.0.attn.c_prj.weight'");
    assert_says(d->loc.source->name, "/model.safetensors");
}
END_TEST

START_TEST(the_wrong_table_is_recognised) {
    write_neox();
    const CheckpointSpec spec = spec_of("llama");
    const Diagnostic *d = refuse(neox_text(), &spec, 1);
    ck_assert_str_eq(d->message,
                     "none of the model's 11 parameters is here under the names 'llama'");
    ck_assert_str_eq(d->hint, "write `names: gpt_neox`");
}
END_TEST

/* ---- what a checkpoint has beside the model ---- */

static const char tied_text[] = "graph @m {context = 3, chunk = 3} {\n"
                                "  @embed.tokens = param : f32[2, 3]\n"
                                "  @head.norm.gain = param : f32[3]\n"
                                "  %1 = tokens : i32[T]\n"
                                "  %2 = embed %1, @embed.tokens : f32[T, 3]\n"
                                "  %3 = norm %2, @head.norm.gain {kind = rms} : f32[T, 3]\n"
                                "  %4 = project %3, @embed.tokens : f32[T, 2]\n"
                                "  return %4\n"
                                "}\n";

/* Opens a Llama with the tensors of tied_text and those added before. */
static const Diagnostic *open_tied(float **embedding) {
    *embedding = add_tensor("model.embed_tokens.weight", 2, 3);
    add_tensor("model.norm.weight", 3, 0);
    write_file();
    const CheckpointSpec spec = spec_of("llama");
    checkpoint_close(open_good(graph_of(tied_text), &spec));
    return diag.first;
}

START_TEST(a_tensor_the_description_leaves_out_is_warned_of) {
    float *embedding;
    begin_file();
    add_tensor("model.layers.0.self_attn.q_proj.bias", 4, 0);
    const Diagnostic *d = open_tied(&embedding);
    ck_assert_int_eq(d->severity, DIAG_WARNING);
    ck_assert_str_eq(d->message, "1 tensor that the model has no use for: "
                                 "'model.layers.0.self_attn.q_proj.bias'");
}
END_TEST

START_TEST(a_tensor_that_no_model_of_the_family_uses_is_left_alone) {
    float *embedding;
    begin_file();
    add_tensor("model.layers.0.self_attn.rotary_emb.inv_freq", 4, 0);
    ck_assert_ptr_null(open_tied(&embedding));
}
END_TEST

START_TEST(a_tied_head_may_be_stored_twice) {
    float *embedding;
    begin_file();
    float *head = add_tensor("lm_head.weight", 2, 3);
    for (int i = 0; i < 6; i++) head[i] = (float)(count + (size_t)i) + 0.5F; /* the next tensor */
    ck_assert_ptr_null(open_tied(&embedding));
    ck_assert_mem_eq(head, embedding, 6 * sizeof *head);
}
END_TEST

START_TEST(a_head_that_is_not_the_embedding_is_warned_of) {
    float *embedding;
    begin_file();
    add_tensor("lm_head.weight", 2, 3);
    const Diagnostic *d = open_tied(&embedding);
    ck_assert_str_eq(d->message, "1 tensor that the model has no use for: 'lm_head.weight'");
}
END_TEST

START_TEST(a_head_that_differs_at_its_end_is_warned_of) {
    enum { WIDE = 200000, VALUES = 2 * WIDE };
    static const char wide_text[] = "graph @m {context = 3, chunk = 3} {\n"
                                    "  @embed.tokens = param : f32[2, 200000]\n"
                                    "  %1 = tokens : i32[T]\n"
                                    "  %2 = embed %1, @embed.tokens : f32[T, 200000]\n"
                                    "  %3 = project %2, @embed.tokens : f32[T, 2]\n"
                                    "  return %3\n"
                                    "}\n";
    static float both[2 * VALUES];
    const char *types =
        arena_printf(arena,
                     "{\"model.embed_tokens.weight\":{\"dtype\":\"F32\",\"shape\":[2,%d],"
                     "\"data_offsets\":[0,%d]},\"lm_head.weight\":{\"dtype\":\"F32\","
                     "\"shape\":[2,%d],\"data_offsets\":[%d,%d]}}",
                     WIDE, 4 * VALUES, WIDE, 4 * VALUES, 8 * VALUES);
    const CheckpointSpec spec = spec_of("llama");
    for (int i = 0; i < 2; i++) {
        both[2 * VALUES - 1] = (float)i;
        image_write(folder, "model.safetensors", types, both, sizeof both);
        checkpoint_close(open_good(graph_of(wide_text), &spec));
        ck_assert_int_eq(diag.first != NULL, i);
    }
    ck_assert_str_eq(diag.first->message,
                     "1 tensor that the model has no use for: 'lm_head.weight'");
}
END_TEST

/* ---- matrices that are stored transposed, and larger than a stripe of them ---- */

enum { STORED_ROWS = 1500, STORED_COLUMNS = 1700, TOGETHER = 48 };

typedef struct {
    Stripes *stripes;
    const StoredTensor *tensor;
    int first;
    bool is_right;
} Reader;

/* Every other run of columns; each element says where it stands. */
static void *read_runs(void *context) {
    Reader *reader = context;
    float *out = malloc(TOGETHER * STORED_ROWS * sizeof *out);
    reader->is_right = out;
    for (int n = reader->first; n < STORED_COLUMNS && reader->is_right; n += 2 * TOGETHER) {
        const int number = STORED_COLUMNS - n < TOGETHER ? STORED_COLUMNS - n : TOGETHER;
        reader->is_right = stripes_read(reader->stripes, reader->tensor, STORED_COLUMNS, n, number,
                                        STORED_ROWS, out);
        for (int i = 0; i < number * STORED_ROWS; i++) {
            const int column = n + i / STORED_ROWS, row = i % STORED_ROWS;
            reader->is_right &= out[i] == (float)(row * STORED_COLUMNS + column);
        }
    }
    free(out);
    return NULL;
}

START_TEST(stripes_are_read_by_several_threads) {
    enum { VALUES = STORED_ROWS * STORED_COLUMNS };
    float *stored = malloc(VALUES * sizeof *stored);
    ck_assert_ptr_nonnull(stored);
    for (int i = 0; i < VALUES; i++) stored[i] = (float)i;
    const char *types =
        arena_printf(arena, "{\"w\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[0,%d]}}",
                     STORED_ROWS, STORED_COLUMNS, 4 * VALUES);
    const Image image = image_make(types, stored, VALUES * sizeof *stored);
    TensorSet *tensors = safetensors_parse("w", image.bytes, image.length, &diag);
    ck_assert_ptr_nonnull(tensors);
    Stripes *stripes = stripes_create();
    Reader reader[2];
    pthread_t thread[2];
    for (int i = 0; i < 2; i++) {
        reader[i] = (Reader){stripes, tensor_set_find(tensors, "w"), i * TOGETHER, false};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, read_runs, &reader[i]), 0);
    }
    for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
    ck_assert(reader[0].is_right && reader[1].is_right);
    stripes_destroy(stripes);
    tensor_set_close(tensors);
    free(image.bytes);
    free(stored);
}
END_TEST

START_TEST(params_that_a_table_does_not_know_are_named) {
    begin_file();
    add_tensor("ln_f.weight", 3, 0);
    write_file();
    const CheckpointSpec spec = spec_of("gpt2");
    const Diagnostic *d = refuse(vector_text, &spec, 1);
    ck_assert_str_eq(d->message, "no tensor for 'table': the names 'gpt2' have none for it");
}
END_TEST

START_TEST(types_that_are_no_weights_are_refused) {
    image_write(folder, "model.safetensors",
                "{\"table\":{\"dtype\":\"U8\",\"shape\":[2,3],\"data_offsets\":[0,6]},"
                "\"head.norm.gain\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[6,9]}}",
                "abcdefghi", 9);
    const CheckpointSpec spec = spec_of(NULL);
    const Diagnostic *d = refuse(vector_text, &spec, 1);
    ck_assert_str_eq(d->message,
                     "tensor 'head.norm.gain': expected F32, F16 or BF16 for 'head.norm.gain', "
                     "found U8");
}
END_TEST

START_TEST(heads_must_be_known_where_they_matter) {
    write_neox();
    const CheckpointSpec spec = spec_of("gpt_neox");
    refuse("graph @m {context = 3, chunk = 3} {\n"
           "  @embed.tokens = param : f32[5, 4]\n"
           "  @blocks.0.attention.q.weight = param : f32[12, 4]\n"
           "  %1 = tokens : i32[T]\n"
           "  %2 = embed %1, @embed.tokens : f32[T, 4]\n"
           "  %3 = project %2, @blocks.0.attention.q.weight : f32[T, 12]\n"
           "  return %3\n"
           "}\n",
           &spec, 1);
    assert_says(diag.first->message, "is stored head by head");
}
END_TEST

/* ---- halves ---- */

START_TEST(every_binary16_is_widened_exactly) {
    uint8_t *bytes = malloc(2 * 65536 + 1);
    float *out = malloc(65536 * sizeof *out);
    for (int i = 0; i < 65536; i++) {
        bytes[2 * i + 1] = (uint8_t)i; /* odd: not aligned */
        bytes[2 * i + 2] = (uint8_t)(i >> 8);
    }
    float16_widen(bytes + 1, 65536, out);
    for (int i = 0; i < 65536; i++) {
        const int exponent = i >> 10 & 31, mantissa = i & 1023;
        double expected = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
        if (exponent == 31) expected = mantissa ? (double)NAN : (double)INFINITY;
        ck_assert_int_eq(signbit(out[i]) != 0, i >= 0x8000);
        if (isnan(expected))
            ck_assert(isnan(out[i]));
        else
            ck_assert(fabs((double)out[i]) == expected);
    }
    bfloat16_widen(bytes + 1, 65536, out);
    for (int i = 0; i < 65536; i++) {
        uint32_t bits;
        memcpy(&bits, &out[i], sizeof bits);
        ck_assert_uint_eq(bits, (uint32_t)i << 16);
    }
    free(bytes);
    free(out);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("checkpoint");
    TCase *tests = suite_case(suite, "checkpoint", setup, drop_folder);
    tcase_add_test(tests, gpt2_is_read_transposed_and_stacked);
    tcase_add_test(tests, gpt_neox_is_read_head_by_head);
    tcase_add_test(tests, heads_are_grouped_by_key_value_head);
    tcase_add_test(tests, names_are_our_own_or_given);
    tcase_add_test(tests, a_file_may_have_a_path_of_its_own);
    tcase_add_test(tests, half_precision_is_widened_while_reading);
    tcase_add_test(tests, synthetic_weights_need_no_file);
    tcase_add_test(tests, identity_knows_which_tensors_were_taken);
    tcase_add_test(tests, a_missing_file_is_reported_at_the_description);
    tcase_add_test(tests, all_problems_are_reported_at_once);
    tcase_add_test(tests, the_wrong_table_is_recognised);
    tcase_add_test(tests, a_tensor_the_description_leaves_out_is_warned_of);
    tcase_add_test(tests, a_tensor_that_no_model_of_the_family_uses_is_left_alone);
    tcase_add_test(tests, a_tied_head_may_be_stored_twice);
    tcase_add_test(tests, a_head_that_is_not_the_embedding_is_warned_of);
    tcase_add_test(tests, a_head_that_differs_at_its_end_is_warned_of);
    tcase_add_test(tests, stripes_are_read_by_several_threads);
    tcase_add_test(tests, params_that_a_table_does_not_know_are_named);
    tcase_add_test(tests, types_that_are_no_weights_are_refused);
    tcase_add_test(tests, heads_must_be_known_where_they_matter);
    tcase_add_test(tests, every_binary16_is_widened_exactly);
    return suite_run(suite);
}
