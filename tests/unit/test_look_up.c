/* test_look_up.c - rows that are looked up have the values of the file, in its types. */
#include "codegen/emit/plan.h"
#include "frontend/compiler/compiler.h"
#include "frontend/weights/stored_types.h"
#include "tests/unit/folder_fixture.h"
#include "tests/unit/made_tensors.h"

#include <math.h>

enum { TOKENS = 5, CONTEXT = 8, MOST_WIDTH = 64 };
static const int32_t tokens[TOKENS] = {3, 39, 4, 0, 33};

#ifdef __x86_64__
static const char *const cpus[] = {NULL, "x86-64", "x86-64-v3"};
#else
static const char *const cpus[] = {NULL};
#endif

/* A model that gives what it looks up: a token's row and a position's. */
#define LOOK_UP                                                                                    \
    "thalweg: 1\nname: looking\nvocab: 40\ncontext: 8\nstream: {width: %d}\n"                      \
    "embed: {positions: learned}\ndefaults: {norm: none}\nblocks: []\nhead: none\nweights: %s\n"

static Thalweg *open_model(const char *text, const char *cpu) {
    const ThalwegOptions options = {.cpu = cpu,
                                    .threads = 2,
                                    .no_tuning = true,
                                    .no_code_cache = true,
                                    .cache_directory = folder};
    Thalweg *thalweg = thalweg_create(&options);
    ck_assert_ptr_nonnull(thalweg);
    if (!thalweg_read_text(thalweg, "tables.yaml", text, strlen(text), folder)) {
        thalweg_print_diagnostics(thalweg, stderr);
        ck_abort_msg("%s", text);
    }
    return thalweg;
}

/* All rows of the result: of one call of all tokens, or of calls of one. */
static void run(Thalweg *thalweg, int together, float *out) {
    TwSession *session = NULL;
    const TwProgram *program = thalweg_program(thalweg);
    const TwWeights *weights = thalweg_weights(thalweg);
    const TwSessionOptions options = {.threads = 2, .logit_rows = TOKENS};
    if (!program || !weights) thalweg_print_diagnostics(thalweg, stderr);
    ck_assert_int_eq(tw_session_create(program, weights, &options, &session), TW_OK);
    const int64_t outputs = thalweg_model(thalweg).outputs;
    for (int at = 0; at < TOKENS; at += together) {
        ck_assert_int_eq(tw_session_step(session, tokens + at, together, together), TW_OK);
        for (int i = 0; i < together; i++)
            memcpy(out + (at + i) * outputs, tw_session_logits(session, i),
                   (size_t)outputs * sizeof *out);
    }
    tw_session_destroy(session);
}

static void expect_rows(Thalweg *thalweg, const float *want) {
    float got[TOKENS * MOST_WIDTH];
    const size_t bytes = (size_t)(TOKENS * thalweg_model(thalweg).outputs) * sizeof *got;
    for (int together = 1; together <= TOKENS; together += TOKENS - 1) {
        run(thalweg, together, got);
        ck_assert_mem_eq(got, want, bytes);
    }
}

/* ---- types of the file ---- */

typedef struct {
    StoredType type;
    WeightFormat format;
} InFile;

static const InFile types[] = {
    {STORED_F32, FORMAT_f32}, {STORED_BF16, FORMAT_bf16}, {STORED_F16, FORMAT_f16},
    {STORED_Q8_0, FORMAT_q8}, {STORED_Q4_0, FORMAT_q4},   {STORED_Q5_0, FORMAT_f32},
};

static void decode_row(const Made *made, int64_t row, float *out) {
    const StoredTypeInfo *info = &stored_type_info[made->type];
    const int64_t blocks = made->columns / info->values;
    info->decode(made->bytes + row * blocks * info->bytes, (size_t)blocks, out);
}

static void decode_sums(const Tensors *made, float *out) {
    for (int t = 0; t < TOKENS; t++) {
        float token[MOST_WIDTH], position[MOST_WIDTH];
        decode_row(&made->tensor[0], tokens[t], token);
        decode_row(&made->tensor[1], t, position);
        for (int c = 0; c < WIDTH; c++) out[t * WIDTH + c] = token[c] + position[c];
    }
}

static void expect_formats(const Thalweg *thalweg, WeightFormat format) {
    int found = 0;
    const Layout *layout = thalweg->plan->layout;
    for (int i = 0; i < layout->count; i++) {
        if (layout->tensor[i].form != FORM_ROWS) continue;
        ck_assert_int_eq(layout->tensor[i].format, format);
        found++;
    }
    ck_assert_int_eq(found, 2);
}

START_TEST(rows_have_the_values_of_the_file_in_its_types) {
    const InFile *type = &types[_i];
    Tensors made = {.count = 0};
    float want[TOKENS * WIDTH];
    made_add(&made, "tokens", WORDS, WIDTH, type->type);
    made_add(&made, "positions", CONTEXT, WIDTH, type->type);
    made_write_gguf(folder, &made);
    decode_sums(&made, want);
    const char *text = arena_printf(
        arena, LOOK_UP, WIDTH,
        "{file: model.gguf, names: {embed.tokens: tokens, embed.positions: positions}}");
    for (int i = 0; i < COUNT(cpus); i++) {
        Thalweg *thalweg = open_model(text, cpus[i]);
        expect_rows(thalweg, want);
        expect_formats(thalweg, type->format);
        thalweg_destroy(thalweg);
    }
}
END_TEST

/* ---- graphs that round ---- */

/* Rows that end inside of a block, and of a vector. */
START_TEST(rows_of_a_graph_are_rounded_to_its_formats) {
    enum { ODD = 43 };
    double want[TOKENS * ODD];
    float narrow[TOKENS * ODD];
    const char *text = arena_printf(arena, LOOK_UP, ODD, "{synthetic: 3}");
    for (int i = 0; i < COUNT(cpus); i++) {
        Thalweg *thalweg = open_model(text, cpus[i]);
        for (uint32_t k = 1; k < thalweg->described->count; k++) {
            Node *node = &thalweg->described->node[k];
            if (node->op == OP_embed || node->op == OP_add_positions)
                node->attr.format = types[_i].format;
        }
        ck_assert(thalweg_interpret(thalweg, tokens, TOKENS, 0, TOKENS, want));
        for (int k = 0; k < TOKENS * ODD; k++) narrow[k] = (float)want[k];
        expect_rows(thalweg, narrow);
        thalweg_destroy(thalweg);
    }
}
END_TEST

/* ---- tied heads ---- */

static void open_tied(Thalweg **thalweg, StoredType type, const char *wanted, const char *cpu) {
    Tensors made = {.count = 0};
    made_add(&made, "tokens", WORDS, WIDTH, type);
    made_write_gguf(folder, &made);
    const char *text = arena_printf(
        arena,
        "thalweg: 1\nname: tied\nvocab: 40\ncontext: 8\nstream: {width: %d}\n"
        "defaults: {norm: none}\nblocks: []\nhead: {tied: true}\n"
        "embed: {scale: 8}\nweights: {file: model.gguf, names: {embed.tokens: tokens}, type: %s}\n",
        WIDTH, wanted);
    *thalweg = open_model(text, cpu);
}

static int count_tables(const Thalweg *thalweg) {
    int count = 0;
    for (int i = 0; i < thalweg->plan->layout->count; i++)
        count += thalweg->plan->layout->tensor[i].form == FORM_ROWS;
    return count;
}

static void expect_logits(Thalweg *thalweg) {
    double want[TOKENS * WORDS];
    float got[TOKENS * WORDS];
    ck_assert(thalweg_interpret(thalweg, tokens, TOKENS, 0, TOKENS, want));
    for (int together = 1; together <= TOKENS; together += TOKENS - 1) {
        run(thalweg, together, got);
        for (int i = 0; i < TOKENS * WORDS; i++)
            ck_assert_msg(fabs(want[i] - (double)got[i]) < 1e-4 * (1 + fabs(want[i])),
                          "%g is not %g", (double)got[i], want[i]);
    }
}

START_TEST(panels_of_a_tied_head_are_the_table_too) {
    Thalweg *thalweg;
    for (int i = 0; i < COUNT(cpus); i++) {
        const bool is_f32 = types[_i].format == FORMAT_f32;
        open_tied(&thalweg, types[_i].type, is_f32 ? "f32" : "stored", cpus[i]);
        expect_logits(thalweg);
        ck_assert_int_eq(thalweg->plan->layout->count, types[_i].format == FORMAT_f16 ? 2 : 1);
        thalweg_destroy(thalweg);
    }
}
END_TEST

START_TEST(a_table_is_not_rounded_with_its_head) {
    Thalweg *thalweg;
    open_tied(&thalweg, STORED_BF16, "q4", NULL);
    expect_logits(thalweg);
    ck_assert_int_eq(count_tables(thalweg), 1);
    for (uint32_t i = 1; i < thalweg->described->count; i++)
        if (thalweg->described->node[i].op == OP_embed)
            ck_assert_int_eq(thalweg->described->node[i].attr.format, FORMAT_bf16);
    thalweg_destroy(thalweg);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("look_up");
    TCase *tests = suite_case(suite, "look_up", make_folder, drop_folder);
    const int kinds = COUNT(types);
    tcase_add_loop_test(tests, rows_have_the_values_of_the_file_in_its_types, 0, kinds);
    tcase_add_loop_test(tests, rows_of_a_graph_are_rounded_to_its_formats, 0, kinds - 1);
    tcase_add_loop_test(tests, panels_of_a_tied_head_are_the_table_too, 0, kinds);
    tcase_add_test(tests, a_table_is_not_rounded_with_its_head);
    return suite_run(suite);
}
