#include "frontend/model/build_graph.h"
#include "frontend/model/foreign_names.h"
#include "frontend/model/model.h"
#include "tests/check.h"

#include <math.h>

typedef struct {
    Arena *arena;
    Diag diag;
    Source source;
    Model *model;
} Reading;

static Reading *read_text(Arena *arena, const char *text) {
    Reading *r = ARENA_NEW(arena, Reading);
    r->arena = arena;
    r->diag.arena = arena;
    r->source = (Source){"model.yaml", text, strlen(text)};
    r->model = model_read(arena, &r->diag, &r->source);
    return r;
}

static void end(Reading *r) {
    arena_destroy(r->arena);
}

/* Width 8; `middle` has embed, defaults and blocks, in flow style after the colon. */
static Reading *read_middle(const char *middle, const char *head, const char *rest) {
    Arena *arena = arena_create();
    return read_text(arena, arena_printf(arena,
                                         "thalweg: 1\nname: test\nvocab: 300\ncontext: 16\n"
                                         "stream: {width: 8}\n%s\nhead: {%s}\n%s\n",
                                         middle, head, rest));
}

static Reading *read_blocks(const char *blocks) {
    Arena *arena = arena_create();
    const char *middle = arena_printf(arena, "blocks: [%s]", blocks);
    Reading *r = read_middle(middle, "tied: true", "weights: {synthetic: 1}");
    arena_destroy(arena);
    return r;
}

/* One branch of one layer. */
static Reading *read_branch(const char *branch) {
    Arena *arena = arena_create();
    Reading *r = read_blocks(arena_printf(arena, "{branches: [{%s}]}", branch));
    arena_destroy(arena);
    return r;
}

static void print_errors(const Reading *r) {
    if (r->diag.errors) diag_print(&r->diag, stderr);
}

static const Branch *only_branch(const Reading *r) {
    print_errors(r);
    ck_assert_ptr_nonnull(r->model);
    return &r->model->block[0].layer[0].group[0].branch[0];
}

/* The first error; line 6 of the text is that of the blocks. */
static void expect_error(const Reading *r, int column, const char *message, const char *hint) {
    ck_assert_int_ge(r->diag.errors, 1);
    const Diagnostic *first = r->diag.first;
    ck_assert_str_eq(first->message, message);
    const LineColumn found = diag_line_column(first->loc);
    ck_assert_int_eq(found.line, 6);
    ck_assert_int_eq(found.column, column);
    if (hint) {
        ck_assert_ptr_nonnull(first->hint);
        ck_assert_str_eq(first->hint, hint);
    }
}

/* ---- values ---- */

START_TEST(every_value_has_its_place) {
    Reading *r = read_branch("attention: {heads: 4, kv_heads: 2}");
    const Attention *attention = &only_branch(r)->of_attention;
    ck_assert_int_eq(attention->heads, 4);
    ck_assert_int_eq(diag_line_column(attention->heads_loc).line, 6);
    ck_assert_int_eq(diag_line_column(attention->heads_loc).column, 42);
    ck_assert_int_eq(diag_line_column(attention->kv_heads_loc).column, 55);
    ck_assert_ptr_null(attention->head_dim_loc.source);
    ck_assert_int_eq(diag_line_column(attention->loc).column, 23);
    ck_assert_int_eq(r->model->width, 8);
    ck_assert_int_eq(diag_line_column(r->model->width_loc).line, 5);
    end(r);
}
END_TEST

START_TEST(absent_keys_have_their_defaults) {
    Reading *r = read_branch("attention: {heads: 2, rope: {}}");
    const Branch *branch = only_branch(r);
    const Attention *attention = &branch->of_attention;
    ck_assert_int_eq(attention->kv_heads, 2);
    ck_assert_int_eq(attention->head_dim, 4);
    ck_assert_int_eq(attention->v_head_dim, 4);
    ck_assert_double_eq(attention->scale, 0.5);
    ck_assert(attention->causal && !attention->alibi && !attention->sinks);
    ck_assert(!attention->bias.q && !attention->bias.o);
    ck_assert_int_eq(attention->window, 0);
    ck_assert_int_eq(attention->rope.dims, 4);
    ck_assert_double_eq(attention->rope.base, 10000);
    ck_assert_int_eq(attention->rope.style, ROPE_half);
    ck_assert_int_eq(branch->norm.kind, NORM_none);
    ck_assert_double_eq(branch->write.carry, 1);
    ck_assert_double_eq(branch->write.scale.value, 1);
    ck_assert_int_eq(r->model->embed.positions.kind, POSITIONS_none);
    ck_assert_double_eq(r->model->embed.scale, 1);
    ck_assert_double_eq(r->model->head.scale, 1);
    ck_assert_int_eq(r->model->tokenizer, TOKENIZER_none);
    ck_assert_int_eq(r->model->block[0].repeat, 1);
    ck_assert_int_eq(r->model->layers, 1);
    end(r);
}
END_TEST

START_TEST(a_norm_has_a_gain_and_kind_layer_a_bias) {
    static const struct {
        const char *text;
        bool gain, bias;
    } tests[] = {
        {"kind: rms", true, false},
        {"kind: l2", true, false},
        {"kind: layer", true, true},
        {"kind: layer, bias: false", true, false},
        {"kind: rms, gain: false, bias: true", false, true},
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        char text[128];
        snprintf(text, sizeof text, "mlp: {hidden: 1, activation: relu}, norm: {%s}",
                 tests[i].text);
        Reading *r = read_branch(text);
        const Norm *norm = &only_branch(r)->norm;
        ck_assert_int_eq(norm->gain, tests[i].gain);
        ck_assert_int_eq(norm->bias, tests[i].bias);
        ck_assert_double_eq(norm->eps, 1e-5);
        end(r);
    }
}
END_TEST

START_TEST(reals_and_words_are_read_by_their_key) {
    Reading *r = read_branch("attention: {heads: 2, rope: {base: 5e5, style: interleaved}, "
                             "softcap: none, window: none, qk_norm: {kind: l2, over: width}}");
    const Attention *attention = &only_branch(r)->of_attention;
    ck_assert_double_eq(attention->rope.base, 500000);
    ck_assert_int_eq(attention->rope.style, ROPE_interleaved);
    ck_assert_double_eq(attention->softcap, 0);
    ck_assert_int_eq(attention->qk_norm.kind, NORM_l2);
    ck_assert_int_eq(attention->qk_norm.over, OVER_width);
    end(r);
}
END_TEST

START_TEST(biases_come_one_by_one_or_all_at_once) {
    Reading *r = read_branch("attention: {heads: 2, bias: {k: true, o: true}}");
    const AttentionBias *some = &only_branch(r)->of_attention.bias;
    ck_assert(!some->q && some->k && !some->v && some->o);
    end(r);
    r = read_branch("attention: {heads: 2, bias: true}");
    const AttentionBias *all = &only_branch(r)->of_attention.bias;
    ck_assert(all->q && all->k && all->v && all->o);
    end(r);
}
END_TEST

START_TEST(writes_are_a_carry_and_a_scale) {
    static const struct {
        const char *text;
        double carry, scale;
        WriteScaleKind kind;
        bool is_gated;
    } tests[] = {
        {"write: add", 1, 1, WRITE_SCALE_number, false},
        {"write: {scale: 0.5}", 1, 0.5, WRITE_SCALE_number, false},
        {"write: {scale: learned}", 1, 1, WRITE_SCALE_learned, false},
        {"write: {scale: vector}", 1, 1, WRITE_SCALE_vector, false},
        {"write: {carry: 0.25, scale: -2}", 0.25, -2, WRITE_SCALE_number, false},
        {"write: {carry: 2}", 2, 1, WRITE_SCALE_number, false},
        {"write: gated", 1, 1, WRITE_SCALE_number, true},
        {"write: {gated: true}", 1, 1, WRITE_SCALE_number, true},
        {"write: {gated: false, carry: 2}", 2, 1, WRITE_SCALE_number, false},
        {"write: {skip: false}", 0, 1, WRITE_SCALE_number, false},
        {"skip: false", 0, 1, WRITE_SCALE_number, false},
        {"skip: false, write: {scale: vector}", 0, 1, WRITE_SCALE_vector, false},
        {"skip: true", 1, 1, WRITE_SCALE_number, false},
        {"skip: false, write: {skip: false}", 0, 1, WRITE_SCALE_number, false},
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        char text[128];
        snprintf(text, sizeof text, "mlp: {hidden: 1, activation: relu}, %s", tests[i].text);
        Reading *r = read_branch(text);
        const Write *write = &only_branch(r)->write;
        ck_assert_double_eq(write->carry, tests[i].carry);
        ck_assert_double_eq(write->scale.value, tests[i].scale);
        ck_assert_int_eq(write->scale.kind, tests[i].kind);
        ck_assert_int_eq(write->is_gated, tests[i].is_gated);
        end(r);
    }
}
END_TEST

START_TEST(a_branch_takes_defaults_unless_it_says_otherwise) {
    Reading *r = read_middle("blocks: [{branches: [{attention: {}}, {attention: {heads: 4}, norm: "
                             "none}]}]\n"
                             "defaults: {norm: {kind: rms}, attention: {heads: 2, causal: false}}",
                             "tied: true", "weights: {synthetic: 1}");
    const Group *group = (only_branch(r), r->model->block[0].layer[0].group);
    ck_assert_int_eq(group[0].branch->norm.kind, NORM_rms);
    ck_assert_int_eq(group[0].branch->of_attention.heads, 2);
    ck_assert_int_eq(group[1].branch->norm.kind, NORM_none);
    ck_assert_int_eq(group[1].branch->of_attention.heads, 4);
    ck_assert(!group[1].branch->of_attention.causal);
    end(r);
}
END_TEST

START_TEST(the_more_specific_default_wins) {
    Reading *r = read_middle("blocks: [{branches: [{mlp: {}}, {mlp: {norm: l2}}, {attention: {}}, "
                             "{mlp: {}, norm: none}]}]\n"
                             "defaults: {norm: rms, attention: {heads: 2}, "
                             "mlp: {hidden: 4, activation: relu, norm: layer}}",
                             "tied: true", "weights: {synthetic: 1}");
    static const NormKind kinds[] = {NORM_layer, NORM_l2, NORM_rms, NORM_none};
    const Group *group = (only_branch(r), r->model->block[0].layer[0].group);
    for (int i = 0; i < 4; i++) ck_assert_int_eq(group[i].branch->norm.kind, kinds[i]);
    end(r);
}
END_TEST

START_TEST(a_pattern_gives_each_layer_its_value) {
    Reading *r = read_blocks("{repeat: 7, pattern: {window: [4, none], softcap: [1, 2, 3]}, "
                             "branches: [{attention: {heads: 2}}]}");
    ck_assert_ptr_nonnull(r->model);
    const Block *block = &r->model->block[0];
    ck_assert_int_eq(block->period, 6);
    for (int i = 0; i < 6; i++) {
        const Attention *attention = &block->layer[i].group[0].branch[0].of_attention;
        ck_assert_int_eq(attention->window, i % 2 ? 0 : 4);
        ck_assert_double_eq(attention->softcap, i % 3 + 1);
    }
    end(r);
}
END_TEST

START_TEST(a_pattern_that_does_not_come_round_is_as_long_as_the_block) {
    Reading *r = read_blocks("{repeat: 5, pattern: {window: [1, 2], softcap: [1, 2, 3]}, "
                             "branches: [{attention: {heads: 2}}]}");
    ck_assert_ptr_nonnull(r->model);
    ck_assert_int_eq(r->model->block[0].period, 5);
    end(r);
}
END_TEST

START_TEST(weights_come_from_a_file_or_a_seed) {
    Reading *r =
        read_middle("blocks: []", "tied: true", "weights: {file: m.safetensors, names: llama}");
    const WeightsSpec *weights = &r->model->weights;
    ck_assert_str_eq(weights->file, "m.safetensors");
    ck_assert_str_eq(weights->names_table, "llama");
    ck_assert(!weights->is_synthetic && !weights->given_count);
    end(r);
    r = read_middle("blocks: []", "tied: true", "weights: {file: m, names: {embed.tokens: wte}}");
    ck_assert_ptr_null(r->model->weights.names_table);
    ck_assert_int_eq(r->model->weights.given_count, 1);
    ck_assert_str_eq(r->model->weights.given[0].param, "embed.tokens");
    ck_assert_str_eq(r->model->weights.given[0].tensor, "wte");
    end(r);
    r = read_middle("blocks: []", "tied: true", "weights: {file: m}");
    ck_assert_ptr_null(r->model->weights.names_table); /* the file's format says it */
    end(r);
    r = read_middle("blocks: []", "tied: true", "weights: {synthetic: 0}\ntokenizer: none");
    ck_assert_int_eq(r->model->tokenizer, TOKENIZER_none);
    end(r);
    r = read_middle("blocks: []", "tied: true",
                    "weights: {synthetic: 0}\ntokenizer: {file: t.json}");
    ck_assert(r->model->weights.is_synthetic);
    ck_assert_int_eq(r->model->weights.synthetic, 0);
    ck_assert_int_eq(r->model->tokenizer, TOKENIZER_file);
    ck_assert_str_eq(r->model->tokenizer_file, "t.json");
    end(r);
}
END_TEST

/* ---- errors ---- */

#define AT  "blocks[0].branches[0]"
#define MLP "mlp: {hidden: 1, activation: relu}"

typedef struct {
    const char *branch;
    int column; /* the branch begins in column 23 */
    const char *message, *hint;
} Error;

static const Error errors[] = {
    {"mlp: {hiden: 1, activation: relu}", 29, AT ".mlp.hiden: unknown key",
     "did you mean 'hidden'?"},
    {"mlp: {activation: relu}", 23, AT ".mlp: missing key 'hidden'",
     "hidden: neurons (d_mlp, intermediate_size)"},
    {"mlp: {hidden: 1, activation: relu, attention: {heads: 2}}", 58,
     AT ".mlp.attention: unknown key",
     "'attention' begins a branch of its own: '- attention: {...}'"},
    {"mlp: {hidden: 1, activation: relu, norm: rms}, norm: rms", 58,
     AT ".mlp.norm: 'norm' stands beside 'mlp' already", "leave one of them out"},
    {"mlp: {hidden: 1, activation: rellu}", 52,
     AT ".mlp.activation: expected relu, relu2, gelu, gelu_tanh, silu, swish, gelu_new "
        "or gelu_pytorch_tanh, found 'rellu'",
     "did you mean 'relu'?"},
    {"mlp: {hidden: 0, activation: relu}", 37,
     AT ".mlp.hidden: expected an integer from 1 to 1048576, found '0'", NULL},
    {"mlp: {hidden: 1, activation: relu, experts: {count: 2, used: 3}}", 84,
     AT ".mlp.experts: a token cannot use 3 of 2 experts", NULL},
    {MLP ", attention: {heads: 2}", 22,
     AT ": a branch is either an attention or an mlp, found both", NULL},
    {"norm: none", 22, AT ": a branch is either an attention or an mlp, found none", NULL},
    {MLP ", norm: rsm", 65,
     AT ".norm: expected none, rms, layer, l2 or a mapping {kind, eps, gain, bias, gain_offset}, "
        "found 'rsm'",
     "did you mean 'rms'?"},
    {MLP ", norm: {kind: rms, eps: -1}", 82,
     AT ".norm.eps: expected a number from 0 to 1, found '-1'", NULL},
    {MLP ", norm: {kind: rms, gain_offset: 2}", 90,
     AT ".norm.gain_offset: expected an integer from 0 to 1, found '2'", NULL},
    {MLP ", norm: {kind: rms, gain: false, gain_offset: 1}", 103,
     AT ".norm: gain_offset 1 without a gain", "leave out 'gain_offset', or 'gain: false'"},
    {MLP ", write: gated, skip: false", 79,
     AT ": skip: false with a gated write, which mixes the branch with the stream", NULL},
    {MLP ", write: {carry: 2, skip: false}", 83,
     AT ": skip: false with carry: there is no stream to multiply", NULL},
    {MLP ", write: {skip: true}, skip: false", 86,
     AT ": 'skip' says otherwise here than in 'write'", NULL},
    {MLP ", write: {gated: true, carry: 2}", 87,
     AT ".write: a gated write has neither carry nor scale: the gate is both", NULL},
    {MLP ", write: {scale: all}", 74,
     AT ".write.scale: expected a number from -1e+09 to 1e+09, found 'all'",
     "or 'learned' or 'vector'"},
    {"attention: {heads: 3}", 42,
     AT ".attention: heads must divide the stream's width: they are 3 and 8",
     "or say how wide a head is with 'head_dim'"},
    {"attention: {heads: 4, kv_heads: 3}", 55,
     AT ".attention: heads must be a multiple of kv_heads: they are 4 and 3", NULL},
    {"attention: {heads: 65536, head_dim: 17}", 42,
     AT ".attention: 65536 heads of 17 columns: at most 1048576 columns in all", NULL},
    {"attention: {heads: 2, rope: {dims: 3}}", 58,
     AT ".attention.rope: dims must be even, since columns turn in pairs: it is 3", NULL},
    {"attention: {heads: 2, rope: {dims: 6}}", 58,
     AT ".attention: rope cannot turn 6 columns of heads that have 4", NULL},
    {"attention: {heads: 8, rope: {}}", 51,
     AT ".attention: rope turns columns in pairs, and a head has 1",
     "say how many of them turn with 'dims'"},
    {"attention: {heads: 2, rope: {}, alibi: true}", 62,
     AT ".attention: both rope and alibi: positions come in one way",
     "say 'rope: none' or 'alibi: false'"},
    {"attention: {heads: 2, rope: {scaling: linear}}", 61,
     AT ".attention.rope.scaling: expected 'none' or a mapping {kind, factor, low, high, original, "
        "beta_fast, beta_slow, truncate, attention_factor, mscale, mscale_all_dim, short_factor, "
        "long_factor}, "
        "found 'linear'",
     NULL},
    {"attention: {heads: 2, rope: {scaling: {type: linear, factor: 2, kind: linear}}}", 87,
     AT ".attention.rope.scaling.kind: another name of 'type', which is given already",
     "leave one of them out"},
    {"attention: {heads: 2, rope: {scaling: {llama3: 2}}}", 62,
     AT ".attention.rope.scaling.llama3: missing key 'original', which this kind needs", NULL},
    {"attention: {heads: 2, rope: {scaling: {kind: linear}}}", 52,
     AT ".attention.rope.scaling: missing key 'factor', which this kind needs", NULL},
    {"attention: {heads: 2, window: 0}", 53,
     AT ".attention.window: expected an integer from 1 to 4194304, found '0'", "or 'none'"},
    {"attention: {heads: 2, scale: 0}", 52,
     AT ".attention.scale: expected a number from 1e-30 to 1e+30, found '0'", NULL},
    {"attention: {heads: 2, causal: nope}", 53,
     AT ".attention.causal: expected true or false, found 'nope'", NULL},
    {"attention: {heads: 2, bias: [q]}", 51,
     AT ".attention.bias: expected true or false, found a list of 1", "or a mapping {q, k, v, o}"},
    {"parallel: []", 33, AT ".parallel: expected a list of 1 to 64 branches, found an empty list",
     NULL},
    {"norm: none, parallel: [{" MLP ", norm: none}]", 83,
     AT ".parallel[0].norm: the parallel group has a 'norm' for all its branches",
     "give it once beside 'parallel', or once in each branch"},
};

START_TEST(an_error_names_place_expected_and_found) {
    const Error *error = &errors[_i];
    Reading *r = read_branch(error->branch);
    ck_assert_ptr_null(r->model);
    expect_error(r, error->column, error->message, error->hint);
    end(r);
}
END_TEST

static const Error block_errors[] = {
    {"{repeat: 10001, branches: [{" MLP "}]}", 19,
     "blocks[0].repeat: expected an integer from 1 to 10000, found '10001'", NULL},
    {"{repeat: 1, branches: {}}", 32,
     "blocks[0].branches: expected a list of 1 to 64 branches, found a mapping",
     "branches: [{attention: {...}}, {mlp: {...}}]"},
    {"{repeat: 1, " MLP "}", 22, "blocks[0].mlp: 'mlp' belongs into an element of 'branches'",
     "branches: [{attention: {...}}, {mlp: {...}}]"},
    {"{repeat: 10000, branches: [{" MLP "}, {" MLP "}, {" MLP "}]}", 10,
     "blocks[0]: all layers together have more than 20000 branches", NULL},
    {"{repeat: 10000, branches: [{" MLP "}]}, {branches: [{" MLP "}]}", 77,
     "blocks[1]: the model has more than 10000 layers", NULL},
    {"{pattern: {window: [1, 2]}, branches: [{attention: {heads: 2}}]}", 29,
     "blocks[0].pattern.window: 2 values for 1 layers", NULL},
    {"{pattern: {window: [1]}, branches: [{" MLP "}]}", 21,
     "blocks[0].pattern.window: no branch of this block has a 'window'", NULL},
    {"{pattern: {norm: [none]}, branches: [{" MLP "}]}", 21, "blocks[0].pattern.norm: unknown key",
     NULL},
    {"{pattern: {window: []}, branches: [{attention: {heads: 2}}]}", 29,
     "blocks[0].pattern.window: expected a list of values, for one layer after the other, found an "
     "empty list",
     NULL},
    {"{repeat: 3, pattern: {heads: [2, 3]}, branches: [{attention: {}}]}", 43,
     "blocks[0].branches[0].attention: heads must divide the stream's width: they are 3 and 8",
     NULL},
};

START_TEST(an_error_in_a_block_names_it) {
    const Error *error = &block_errors[_i];
    Reading *r = read_blocks(error->branch);
    ck_assert_ptr_null(r->model);
    expect_error(r, error->column, error->message, error->hint);
    ck_assert_int_eq(r->diag.errors, 1);
    end(r);
}
END_TEST

START_TEST(an_error_in_the_defaults_is_said_once) {
    Reading *r = read_middle("defaults: {mlp: {hidden: 0}}\n"
                             "blocks: [{repeat: 3, branches: [{mlp: {activation: relu}}]}]",
                             "tied: true", "weights: {synthetic: 1}");
    ck_assert_int_eq(r->diag.errors, 1);
    expect_error(r, 26, "defaults.mlp.hidden: expected an integer from 1 to 1048576, found '0'",
                 NULL);
    end(r);
}
END_TEST

START_TEST(no_more_errors_are_collected_than_are_kept) {
    Arena *arena = arena_create();
    const char *text = "";
    for (int i = 0; i < 100; i++) text = arena_printf(arena, "%skey%d: 1\n", text, i);
    Reading *r = read_text(arena, text);
    ck_assert_ptr_null(r->model);
    ck_assert_int_ge(r->diag.errors, DIAG_MAX_ERRORS);
    ck_assert_int_lt(r->diag.errors, 40);
    end(r);
}
END_TEST

/* ---- what is not lowered yet ---- */

static const Error not_lowered[] = {
    {"attention: {heads: 2, v_head_dim: 2}", 57,
     "a v_head_dim that differs from head_dim is not lowered yet", "leave 'v_head_dim' out"},
    {"attention: {heads: 2, sinks: true}", 52, "sinks is not lowered yet", "leave 'sinks' out"},
    {"mlp: {hidden: 1, activation: tanh}", 52, "activation 'tanh' is not lowered yet",
     "relu, relu2, gelu, gelu_tanh and silu are"},
    {"mlp: {hidden: 1, activation: relu, experts: {count: 2, used: 1}}", 67,
     "a mixture of experts is not lowered yet", "leave 'experts' out"},
};

START_TEST(what_is_not_lowered_is_read_and_refused) {
    const Error *error = &not_lowered[_i];
    Reading *r = read_branch(error->branch);
    only_branch(r);
    ck_assert(!model_check_lowered(r->model, &r->diag));
    ck_assert_int_eq(r->diag.errors, 1);
    expect_error(r, error->column, error->message, error->hint);
    end(r);
}
END_TEST

/* ---- graphs ---- */

static Graph *build(Reading *r) {
    print_errors(r);
    ck_assert_ptr_nonnull(r->model);
    ck_assert(model_check_lowered(r->model, &r->diag));
    Graph *graph = model_build_graph(r->model, r->arena, &r->diag);
    print_errors(r);
    ck_assert_ptr_nonnull(graph);
    ck_assert(ir_verify(graph));
    return graph;
}

static const char *print(const Graph *graph, Arena *arena) {
    FILE *out = text_begin();
    ir_print(graph, out);
    return arena_printf(arena, "%s", text_end(out));
}

static const struct {
    const char *one, *other;
} forms[] = {
    {MLP ", norm: layer", MLP ", norm: {kind: layer}"},
    {"mlp: {hidden: 1, activation: relu, norm: rms, norm_after: l2, norm_stream: layer}",
     MLP ", norm: {kind: rms}, norm_after: {kind: l2}, norm_stream: {kind: layer, bias: true}"},
    {"mlp: {hidden: 1, activation: relu, write: {scale: vector}, skip: false}",
     MLP ", write: {scale: vector, skip: false}"},
    {"attention: {heads: 2, norm: rms, write: gated}",
     "attention: {heads: 2}, norm: rms, write: {gated: true}"},
    {"parallel: [{attention: {heads: 2, norm: rms}}, {mlp: {hidden: 1, activation: relu, norm: "
     "l2}}]",
     "parallel: [{attention: {heads: 2}, norm: rms}, {" MLP ", norm: l2}]"},
    {"mlp: {hidden: 1, activation: gelu_new}", "mlp: {hidden: 1, activation: gelu_tanh}"},
    {"mlp: {hidden: 1, activation: swish}", "mlp: {hidden: 1, activation: silu}"},
    {"attention: {heads: 2, qk_norm: rms}",
     "attention: {heads: 2, qk_norm: {kind: rms, over: head}}"},
    {"attention: {heads: 2, rope: true}", "attention: {heads: 2, rope: {}}"},
    {"attention: {heads: 2, rope: false}", "attention: {heads: 2, rope: none}"},
#define SCALED(scaling) "attention: {heads: 2, rope: {scaling: {" scaling "}}}"
    {SCALED("linear: 2"), SCALED("kind: linear, factor: 2")},
    {SCALED("linear: {factor: 2}"), SCALED("kind: linear, factor: 2")},
    {SCALED("type: linear, factor: 2"), SCALED("rope_type: linear, factor: 2")},
    {SCALED("llama3: {factor: 8, high: 5, original: 64}"),
     SCALED("rope_type: llama3, factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 5.0, "
            "original_max_position_embeddings: 64")},
    {SCALED("llama3: {factor: 8, low: 0.5, original_context: 64}"),
     SCALED("kind: llama3, factor: 8, low: 0.5, high: 4, original: 64")},
    {SCALED("kind: linear, factor: 2, low: null"), SCALED("linear: 2")},
    {"attention: {heads: 2, kv_heads: ~, rope: null, softcap: , scale: NULL}, norm: ~",
     "attention: {heads: 2, rope: none, softcap: none}, norm: none"},
    {"attention: {heads: 2, rope: Yes, causal: off, bias: ON}",
     "attention: {heads: 2, rope: true, causal: false, bias: true}"},
    {"mlp: {hidden: 1, activation: silu, gated: TRUE, bias: null, experts: ~}, write: null",
     "mlp: {hidden: 1, activation: silu, gated: true, bias: false}"},
    {"mlp: {hidden: 1, activation: relu, norm: {kind: rms, eps: null, gain: no}}",
     MLP ", norm: {kind: rms, gain: false}"},
};

START_TEST(two_forms_of_one_meaning_are_one_graph) {
    Reading *one = read_branch(forms[_i].one), *other = read_branch(forms[_i].other);
    ck_assert_str_eq(print(build(one), one->arena), print(build(other), other->arena));
    end(one);
    end(other);
}
END_TEST

static const Node *find(const Graph *graph, Op op) {
    for (uint32_t i = 1; i < graph->count; i++)
        if (graph->node[i].op == op) return &graph->node[i];
    ck_abort_msg("the graph has no %s", ir_op_info[op].name);
    return NULL;
}

START_TEST(nodes_know_the_line_that_asked_for_them) {
    Reading *r =
        read_branch("attention: {heads: 2, rope: {}}, norm: {kind: rms}, write: {scale: 2}");
    const Graph *graph = build(r);
    ck_assert_int_eq(diag_line_column(find(graph, OP_rope)->loc).column, 51);
    ck_assert_int_eq(diag_line_column(find(graph, OP_scores)->loc).column, 23);
    ck_assert_int_eq(diag_line_column(find(graph, OP_norm)->loc).column, 62);
    ck_assert_int_eq(diag_line_column(find(graph, OP_write)->loc).column, 82);
    ck_assert_int_eq(diag_line_column(find(graph, OP_last)->loc).line, 7);
    end(r);
}
END_TEST

START_TEST(a_model_that_looks_ahead_takes_a_sequence_in_one_call) {
    static const char text[] =
        "thalweg: 1\nname: ahead\nvocab: 9\ncontext: 2048\nstream: {width: 8}\n"
        "blocks: [{branches: [{attention: {heads: 2, causal: %s}}]}]\n"
        "head: {tied: true}\nweights: {synthetic: 1}\n";
    for (int is_causal = 0; is_causal <= 1; is_causal++) {
        Arena *arena = arena_create();
        Reading *r = read_text(arena, arena_printf(arena, text, is_causal ? "true" : "false"));
        const Graph *graph = build(r);
        ck_assert_int_eq(graph->context, 2048);
        ck_assert_int_eq(graph->chunk, is_causal ? 512 : 2048);
        end(r);
    }
}
END_TEST

START_TEST(sizes_beyond_counting_are_refused) {
    static const char text[] =
        "thalweg: 1\nname: large\nvocab: 9\ncontext: 4194304\n"
        "stream: {width: 8}\n"
        "blocks: [{repeat: 9999, branches: [{attention: {heads: 1, head_dim: "
        "1048576}}]}]\nhead: {tied: true}\nweights: {synthetic: 1}\n";
    Arena *arena = arena_create();
    char *smaller = arena_printf(arena, "%s", text);
    memcpy(strstr(smaller, "1048576"), "65536  ", 7);
    Reading *r = read_text(arena, smaller);
    print_errors(r);
    ck_assert_ptr_nonnull(r->model);
    ck_assert_ptr_null(model_build_graph(r->model, arena, &r->diag));
    ck_assert_str_eq(r->diag.first->message,
                     "the model is too large: its weights, its caches and each of its values have "
                     "at most 70368744177664 elements");
    end(r);
}
END_TEST

/* ---- examples ---- */

typedef struct {
    const char *path;
    int64_t parameters;
} Example;

static const Example examples[] = {
    {"shakespeare/model.yaml", 0},
    {"gpt2-mini/model.yaml", 0},
    {"shapes/gpt2-124m.yaml", 124439808},
    {"shapes/tinyllama-1.1b.yaml", 1100048384},
    {"shapes/gpt-neox-410m.yaml", 405334016},
    {"shapes/smollm-135m.yaml", 134515008},
    {"shapes/stories-15m.yaml", 15191712},
    {"shapes/stories-260k.yaml", 260032},
};

static int64_t count_parameters(const Graph *graph) {
    int64_t count = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        if (node->op != OP_param) continue;
        count += node->type.rank == 2 ? node->type.dim[0] * node->type.dim[1] : node->type.dim[0];
    }
    return count;
}

START_TEST(examples_have_as_many_parameters_as_published) {
    Arena *arena = arena_create();
    char *text = ARENA_ARRAY(arena, char, YAML_MAX_BYTES);
    FILE *file =
        fopen(arena_printf(arena, "%s/examples/%s", THALWEG_SOURCE_DIR, examples[_i].path), "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_gt(fread(text, 1, YAML_MAX_BYTES - 1, file), 0);
    fclose(file);
    Reading *r = read_text(arena, text);
    const Graph *graph = build(r);
    if (examples[_i].parameters) ck_assert_int_eq(count_parameters(graph), examples[_i].parameters);
    end(r);
}
END_TEST

/* ---- names that are not this format's ---- */

static const struct {
    const char *name;
    const Section *section;
    const char *key, *form;
} foreign_keys[] = {
#define FOREIGN_KEY(name, section, key, form) {#name, &keys_##section, #key, form},
#include "frontend/model/foreign_names.def"
};

START_TEST(a_foreign_key_leads_to_one_that_there_is) {
    Arena *arena = arena_create();
    const char *name = foreign_keys[_i].name, *key = foreign_keys[_i].key;
    const Section *section = foreign_keys[_i].section;
    ck_assert(keys_has(section, key));
    assert_says(foreign_keys[_i].form, key);
    ck_assert_str_eq(foreign_names_key(section, name, arena),
                     arena_printf(arena, "did you mean '%s'?", key));
    ck_assert_str_eq(foreign_names_key(&keys_tokenizer, name, arena),
                     arena_printf(arena, "here that is '%s'", foreign_keys[_i].form));
    arena_destroy(arena);
}
END_TEST

START_TEST(foreign_names_are_known_in_any_case_and_with_any_marks) {
    Arena *arena = arena_create();
    ck_assert(foreign_names_match("RMSNorm", "rms_norm"));
    ck_assert(!foreign_names_match("rms_norm", "rms_norm2"));
    ck_assert_str_eq(foreign_names_word(keys_read_NORM_KIND, "Layer-Norm"), "layer");
    ck_assert_ptr_null(foreign_names_word(keys_read_ACTIVATION, "Layer-Norm"));
    ck_assert_ptr_null(foreign_names_word(keys_read_NORM_KIND, ""));
    ck_assert_ptr_nonnull(foreign_names_key(&keys_mlp, "numKeyValueHeads", arena));
    ck_assert_ptr_null(foreign_names_key(&keys_mlp, "num_key_value", arena));
    arena_destroy(arena);
}
END_TEST

/* What is not lowered is not offered, by standing last. */
START_TEST(words_that_are_not_lowered_stand_last) {
    for (int i = 1; i < ACTIVATION_COUNT; i++)
        ck_assert(model_lowered_activation((ActivationKind)i) == NOT_LOWERED ||
                  model_lowered_activation((ActivationKind)(i - 1)) != NOT_LOWERED);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("model");
    TCase *tests = suite_case(suite, "model", NULL, NULL);
    tcase_add_test(tests, every_value_has_its_place);
    tcase_add_test(tests, absent_keys_have_their_defaults);
    tcase_add_test(tests, a_norm_has_a_gain_and_kind_layer_a_bias);
    tcase_add_test(tests, reals_and_words_are_read_by_their_key);
    tcase_add_test(tests, biases_come_one_by_one_or_all_at_once);
    tcase_add_test(tests, writes_are_a_carry_and_a_scale);
    tcase_add_test(tests, a_branch_takes_defaults_unless_it_says_otherwise);
    tcase_add_test(tests, the_more_specific_default_wins);
    tcase_add_test(tests, a_pattern_gives_each_layer_its_value);
    tcase_add_test(tests, a_pattern_that_does_not_come_round_is_as_long_as_the_block);
    tcase_add_test(tests, weights_come_from_a_file_or_a_seed);
    tcase_add_loop_test(tests, an_error_names_place_expected_and_found, 0, COUNT(errors));
    tcase_add_loop_test(tests, an_error_in_a_block_names_it, 0, COUNT(block_errors));
    tcase_add_test(tests, an_error_in_the_defaults_is_said_once);
    tcase_add_test(tests, no_more_errors_are_collected_than_are_kept);
    tcase_add_loop_test(tests, what_is_not_lowered_is_read_and_refused, 0, COUNT(not_lowered));
    tcase_add_loop_test(tests, two_forms_of_one_meaning_are_one_graph, 0, COUNT(forms));
    tcase_add_loop_test(tests, a_foreign_key_leads_to_one_that_there_is, 0, COUNT(foreign_keys));
    tcase_add_test(tests, foreign_names_are_known_in_any_case_and_with_any_marks);
    tcase_add_test(tests, words_that_are_not_lowered_stand_last);
    tcase_add_test(tests, nodes_know_the_line_that_asked_for_them);
    tcase_add_test(tests, a_model_that_looks_ahead_takes_a_sequence_in_one_call);
    tcase_add_test(tests, sizes_beyond_counting_are_refused);
    tcase_add_loop_test(tests, examples_have_as_many_parameters_as_published, 0, COUNT(examples));
    return suite_run(suite);
}
