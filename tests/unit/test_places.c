/* test_places.c - what place-buffers and schedule choose, for the models of tests/frontend.
 *
 * Memory is checked by playing a program: each float of the arena remembers the value it belongs
 * to, and a kernel must find the values that it reads.
 */
#include "frontend/model/build_graph.h"
#include "frontend/model/model.h"
#include "passes/pass.h"
#include "tests/unit/arena_fixture.h"

static const Machine machines[] = {
    {16, 32, 1, 48 << 10, 2 << 20, true, true, false},      /* AVX-512 */
    {8, 16, 1, 32 << 10, 512 << 10, true, false, false},    /* AVX2 */
    {4, 32, 1, 64 << 10, 1 << 20, true, true, false},       /* NEON */
    {4, 16, 1, 32 << 10, 256 << 10, false, false, false},   /* SSE */
    {16, 16, 2, 32 << 10, 512 << 10, true, false, false},   /* AVX2 */
    {16, 16, 4, 32 << 10, 256 << 10, false, false, false}}; /* and SSE beside AVX-512 */
enum { MACHINES = sizeof machines / sizeof *machines };

static const char *const models[] = {"alibi_and_window",
                                     "attention_options",
                                     "defaults_of_work",
                                     "gpt2",
                                     "head_options",
                                     "llama",
                                     "mlps",
                                     "norms_in_all_places",
                                     "parallel_with_a_norm_each",
                                     "parallel_with_one_norm",
                                     "pattern",
                                     "positions_learned_from_row_2",
                                     "positions_sinusoidal",
                                     "rope",
                                     "writes",
                                     "zero_layers"};
enum { MODELS = sizeof models / sizeof *models };

/* Graphs that the pipeline makes when passes are left out, too. */
static const char *const skips[] = {NULL,
                                    "last-token",
                                    "merge-reads,last-token",
                                    "fuse-write",
                                    "fold-norm,fuse-epilogue",
                                    "merge-reads,fuse-epilogue"};
enum { SKIPS = sizeof skips / sizeof *skips };

static Source *read_source(const char *path) {
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file, "cannot read %s", path);
    char *text = ARENA_ARRAY(arena, char, 1 << 16);
    const size_t length = fread(text, 1, (1 << 16) - 1, file);
    fclose(file);
    Source *source = ARENA_NEW(arena, Source);
    *source = (Source){path, text, length};
    return source;
}

static Graph *build(const char *model) {
    const char *path = arena_printf(arena, THALWEG_SOURCE_DIR "/tests/frontend/%s.yaml", model);
    const Model *description = model_read(arena, &diag, read_source(path));
    ck_assert_msg(description && model_check_lowered(description, &diag), "%s", path);
    return model_build_graph(description, arena, &diag);
}

static Graph *phase_of(const char *model, Phase phase, const PassOptions *options) {
    Graph *graph = build(model);
    ck_assert(graph && pass_run(graph, PASS_MODEL, options));
    graph = pass_phase(graph, phase, options, arena);
    ck_assert_msg(graph, "%s: no graph of the phase", model);
    return graph;
}

/* ---- playing a program ---- */

typedef struct {
    const Graph *graph;
    uint32_t *tag;     /* of each float: the node whose value it belongs to */
    uint32_t *read_by; /* the last kernel that read it from outside */
    uint32_t *made_by; /* the last kernel that wrote it */
    const char *failure;
} Play;

static void lose(Play *play, uint32_t node, const char *what) {
    if (!play->failure) play->failure = arena_printf(arena, "node %u: %s", node, what);
}

static bool is_computed(const Node *node) {
    const OpKind kind = ir_op_info[node->op].kind;
    return kind == KIND_VALUE || kind == KIND_STREAM;
}

static int64_t floats_of(const Play *play, const Node *node) {
    const int64_t rows = node->type.dim[0] > 0 ? node->type.dim[0] : play->graph->chunk;
    return rows * node->place.stride;
}

/* A node that gives another name to what lies in memory: no kernel computes it. */
static bool is_view(const Play *play, uint32_t index) {
    const Node *node = &play->graph->node[index];
    if (index == play->graph->result.index || !ir_ref_is_none(node->root)) return false;
    if (node->op == OP_last) return true;
    if (node->op != OP_slice) return false;
    const Node *whole = ir_node(play->graph, node->in[0]);
    return node->place.offset >= whole->place.offset &&
           node->place.offset < whole->place.offset + floats_of(play, whole);
}

/* The node that wrote what a value's memory should hold. */
static uint32_t content_of(const Play *play, uint32_t index) {
    while (is_view(play, index)) index = play->graph->node[index].in[0].index;
    return index;
}

static bool is_in_arena(const Play *play, uint32_t index) {
    const Node *node = &play->graph->node[index];
    return is_computed(node) && node->op != OP_append && index != play->graph->result.index;
}

static void read_value(Play *play, uint32_t kernel, uint32_t index) {
    const Node *node = &play->graph->node[index];
    const uint32_t content = content_of(play, index);
    if (!is_in_arena(play, index)) return;
    if (node->place.stride < node->type.dim[1]) {
        lose(play, index, "read from outside of its kernel, but it has no memory");
        return;
    }
    for (int64_t row = 0; row * node->place.stride < floats_of(play, node); row++) {
        for (int64_t c = 0; c < node->type.dim[1]; c++) {
            const int64_t at = node->place.offset + row * node->place.stride + c;
            if (play->tag[at] != content) lose(play, index, "overwritten before it is read");
            play->read_by[at] = kernel;
        }
    }
}

static void write_value(Play *play, uint32_t kernel, uint32_t index) {
    const Node *node = &play->graph->node[index];
    if (!is_in_arena(play, index) || node->place.stride == 0 || is_view(play, index)) return;
    const int64_t from = node->place.offset, to = from + floats_of(play, node);
    if (to > play->graph->arena_floats) {
        lose(play, index, "ends behind the arena");
        return;
    }
    const uint32_t before = content_of(play, node->in[0].index);
    for (int64_t at = from; at < to; at++) {
        const bool is_in_use = play->read_by[at] == kernel || play->made_by[at] == kernel;
        if (is_in_use && play->tag[at] != before)
            lose(play, index, "overwrites what its own kernel uses");
        play->tag[at] = index;
        play->made_by[at] = kernel;
    }
}

static void run_kernel(Play *play, uint32_t kernel) {
    const Graph *graph = play->graph;
    for (uint32_t i = kernel; i < graph->count; i++) {
        if (ir_root(graph, (Ref){i}).index != kernel || is_view(play, i)) continue;
        for (int k = 0; k < IR_MAX_INPUTS; k++) {
            const Ref operand = graph->node[i].in[k];
            if (!ir_ref_is_none(operand) && ir_root(graph, operand).index != kernel)
                read_value(play, kernel, operand.index);
        }
    }
    for (uint32_t i = kernel; i < graph->count; i++)
        if (ir_root(graph, (Ref){i}).index == kernel) write_value(play, kernel, i);
}

/* Why a value is lost; null: none is. */
static const char *lost_value(const Graph *graph) {
    const size_t floats = (size_t)graph->arena_floats;
    Play play = {.graph = graph,
                 .tag = ARENA_ARRAY(arena, uint32_t, floats),
                 .read_by = ARENA_ARRAY(arena, uint32_t, floats),
                 .made_by = ARENA_ARRAY(arena, uint32_t, floats)};
    for (uint32_t i = 1; i < graph->count; i++)
        if (is_computed(&graph->node[i]) && ir_ref_is_none(graph->node[i].root))
            run_kernel(&play, i);
    return play.failure;
}

/* ---- place-buffers ---- */

static void expect_values_survive(int model, int skip, const Machine *machine, bool exact) {
    const PassOptions options = {.machine = machine, .skip = skips[skip], .exact = exact};
    for (int phase = PHASE_PREFILL; phase <= PHASE_DECODE; phase++) {
        const Graph *graph = phase_of(models[model], (Phase)phase, &options);
        const char *failure = lost_value(graph);
        ck_assert_msg(!failure, "%s without %s, phase %d: %s", models[model],
                      skips[skip] ? skips[skip] : "nothing", phase, failure);
    }
}

START_TEST(every_value_is_there_when_it_is_read) {
    for (int skip = 0; skip < SKIPS; skip++) expect_values_survive(_i, skip, &machines[0], false);
    for (int machine = 1; machine < MACHINES; machine++)
        expect_values_survive(_i, 0, &machines[machine], true);
}
END_TEST

/* The first kernel's member stands behind the second kernel, whose value is wide. */
START_TEST(members_may_stand_behind_other_kernels) {
    Graph *graph = parse_graph("graph @g {context = 8, chunk = 8} {\n"
                               "  @e = param : f32[5, 8]\n"
                               "  @w = param : f32[8, 8]\n"
                               "  @u = param : f32[80, 8]\n"
                               "  @d = param : f32[8, 80]\n"
                               "  %5 = tokens : i32[T]\n"
                               "  %6 = embed %5, @e : f32[T, 8]\n"
                               "  %7 = scale %6 {scale = 3} : f32[T, 8]\n"
                               "  %8 = project %6, @w : f32[T, 8]\n"
                               "  %9 = project %7, @u : f32[T, 80]\n"
                               "  %10 = activate %8 in %8 : f32[T, 8]\n"
                               "  %11 = project %9, @d : f32[T, 8]\n"
                               "  %12 = multiply %10, %11 : f32[T, 8]\n"
                               "  return %12\n"
                               "}\n");
    for (int i = 0; i < MACHINES; i++) {
        const PassOptions options = {.machine = &machines[i], .only = "place-buffers"};
        ck_assert(pass_run_all(graph, &options));
        ck_assert_msg(!lost_value(graph), "%s", lost_value(graph));
    }
}
END_TEST

START_TEST(a_place_that_is_taken_is_seen) {
    const PassOptions options = {.machine = &machines[0]};
    Graph *graph = phase_of("llama", PHASE_PREFILL, &options);
    ck_assert_ptr_null(lost_value(graph));
    for (uint32_t i = 1; i < graph->count; i++)
        if (graph->node[i].op == OP_multiply) graph->node[i].place.offset = 0;
    ck_assert_ptr_nonnull(lost_value(graph));
}
END_TEST

START_TEST(states_of_the_stream_share_a_place) {
    const char *const names[] = {"llama", "gpt2", "parallel_with_a_norm_each", "writes"};
    const PassOptions options = {.machine = &machines[0]};
    const Graph *graph = phase_of(names[_i], _i % 2 ? PHASE_DECODE : PHASE_PREFILL, &options);
    int states = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        if (ir_op_info[node->op].kind != KIND_STREAM) continue;
        const Placement before = ir_node(graph, node->in[0])->place;
        ck_assert_int_eq(node->place.offset, before.offset);
        ck_assert_int_eq(node->place.stride, before.stride);
        ck_assert_int_gt(node->place.stride, 0);
        states++;
    }
    ck_assert_int_ge(states, 2);
}
END_TEST

/* Each cache has room for all its positions, and begins with a cache line. */
START_TEST(caches_lie_one_behind_the_other) {
    for (int i = 0; i < MACHINES; i++) {
        const PassOptions options = {.machine = &machines[i]};
        const Graph *graph = phase_of(models[_i], PHASE_DECODE, &options);
        int64_t end = 0;
        for (uint32_t k = 1; k < graph->count; k++) {
            const Node *node = &graph->node[k];
            if (node->op != OP_append) continue;
            ck_assert_int_ge(node->place.offset, end);
            ck_assert_int_eq(node->place.offset % 16, 0);
            end = node->place.offset + graph->context * node->type.dim[1];
        }
        ck_assert_int_ge(graph->cache_floats, end);
    }
}
END_TEST

/* ---- schedule ---- */

static bool is_projection(const Node *node) {
    return node->op == OP_project || node->op == OP_read;
}

/* A panel is two vectors; a register is left free. */
static void expect_fits_registers(const Machine *machine, int64_t rows, int64_t panels) {
    const int64_t vectors = 2 * panels * (rows == 1 ? machine->vector_parts : 1);
    const int64_t weights = rows == 1 ? 1 : vectors; /* one row takes them as they are loaded */
    ck_assert_int_ge(rows, 1);
    ck_assert_int_ge(panels, 1);
    ck_assert_int_le(rows * vectors + weights + 1, machine->vector_registers - 1);
}

static void expect_schedule(const Node *node, const Machine *machine) {
    const Schedule *s = &node->schedule;
    const bool is_one = node->type.dim[0] == 1;
    if (is_projection(node)) {
        expect_fits_registers(machine, s->rows, s->panels);
        ck_assert_int_ge(s->block, s->rows);
        ck_assert_int_eq(s->block % s->rows, 0);
        if (is_one) ck_assert_int_eq(s->rows, 1);
    } else if (node->op == OP_attend) {
        expect_fits_registers(machine, s->rows, 1);
        ck_assert_int_gt(s->keys, 0);
        if (is_one) ck_assert_int_eq(node->attr.heads / node->attr.kv_heads % s->rows, 0);
    } else {
        ck_assert(s->rows == 0 && s->panels == 0 && s->block == 0 && s->keys == 0);
    }
}

START_TEST(every_kernel_has_a_schedule_that_fits_the_registers) {
    for (int machine = 0; machine < MACHINES; machine++) {
        const PassOptions options = {.machine = &machines[machine]};
        for (int phase = PHASE_PREFILL; phase <= PHASE_DECODE; phase++) {
            const Graph *graph = phase_of(models[_i], (Phase)phase, &options);
            for (uint32_t i = 1; i < graph->count; i++)
                expect_schedule(&graph->node[i], &machines[machine]);
        }
    }
}
END_TEST

START_TEST(a_slice_of_the_rows_fills_half_of_the_second_cache_at_most) {
    const PassOptions options = {.machine = &machines[_i]};
    const Graph *graph = parse_graph("graph @g {context = 8, chunk = 8} {\n"
                                     "  @e = param : f32[5, 4096]\n"
                                     "  @w = param : f32[4096, 4096]\n"
                                     "  %3 = tokens : i32[T]\n"
                                     "  %4 = embed %3, @e : f32[T, 4096]\n"
                                     "  %5 = project %4, @w : f32[T, 4096]\n"
                                     "  return %5\n"
                                     "}\n");
    graph = pass_phase(graph, PHASE_PREFILL, &options, arena);
    ck_assert_ptr_nonnull(graph);
    const Schedule schedule = ir_node(graph, graph->result)->schedule;
    ck_assert_int_gt(schedule.depth, 0);
    ck_assert_int_le(schedule.block * schedule.depth * (int64_t)sizeof(float),
                     machines[_i].l2_bytes / 2);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("places");
    TCase *tests = suite_case(suite, "places", make_arena, drop_arena);
    tcase_add_loop_test(tests, every_value_is_there_when_it_is_read, 0, MODELS);
    tcase_add_test(tests, members_may_stand_behind_other_kernels);
    tcase_add_test(tests, a_place_that_is_taken_is_seen);
    tcase_add_loop_test(tests, states_of_the_stream_share_a_place, 0, 4);
    tcase_add_loop_test(tests, caches_lie_one_behind_the_other, 0, MODELS);
    tcase_add_loop_test(tests, every_kernel_has_a_schedule_that_fits_the_registers, 0, MODELS);
    tcase_add_loop_test(tests, a_slice_of_the_rows_fills_half_of_the_second_cache_at_most, 0,
                        MACHINES);
    return suite_run(suite);
}
