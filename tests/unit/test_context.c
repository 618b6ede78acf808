/* test_context.c - programs for sequences of another length than the model's own, and what memory
 * they take. */
#include "frontend/compiler/compiler.h"
#include "tests/unit/library_fixture.h"

/* A model of 16 positions at most, with a branch and weights as they are said. */
#define WITH(head, attention)                                                                      \
    "thalweg: 1\nname: small\nvocab: 40\ncontext: 16\nstream: {width: 24}\n" head                  \
    "blocks: [{branches: [{attention: {heads: 2" attention                                         \
    "}}]}]\nhead: {}\nweights: {synthetic: 7}\n"

static Thalweg *create_for(int64_t context, const char *text) {
    return create_with((ThalwegOptions){.context = context}, text);
}

static void assert_runs(int64_t context, const char *text) {
    Thalweg *thalweg = create_for(context, text);
    assert_right(thalweg);
    ck_assert_int_eq(thalweg_model(thalweg).context, context);
    ck_assert_int_eq(thalweg_program(thalweg)->context, context);
    thalweg_destroy(thalweg);
}

/* ---- another context ---- */

static const char *const kinds[] = {
    WITH("", ""),
    WITH("", ", rope: true"),
    WITH("embed: {positions: learned}\n", ""),
    WITH("embed: {positions: {learned: {offset: 2}}}\n", ""),
    WITH("embed: {positions: sinusoidal}\n", ""),
    WITH("", ", rope: true, query_scale: {beta: 0.3, original: 2}"),
    WITH("", ", alibi: true"),
    WITH("", ", rope: {scaling: {kind: yarn, factor: 4, original: 4}}"),
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* One file of weights for all contexts. */
START_TEST(a_shorter_context_has_the_same_weights_and_logits) {
    float whole[VOCAB], some[VOCAB];
    Thalweg *thalweg = create(kinds[_i]), *shorter = create_for(TOKENS, kinds[_i]);
    run(thalweg, whole);
    run(shorter, some);
    ck_assert_mem_eq(whole, some, sizeof whole);
    ck_assert_int_eq(thalweg_model(shorter).context, TOKENS);
    ck_assert_int_eq(thalweg_program(shorter)->context, TOKENS);
    ck_assert_uint_eq(thalweg_program(shorter)->layout_id, thalweg_program(thalweg)->layout_id);
    ck_assert_int_eq(count_files(folder), 1);
    ck_assert_int_eq(thalweg_diagnostic_count(shorter), 0);
    thalweg_destroy(thalweg);
    thalweg_destroy(shorter);
}
END_TEST

START_TEST(a_longer_context_is_a_warning) {
    Thalweg *thalweg = create_for(17, kinds[1]);
    assert_message(thalweg, "a context of 17 is longer than the model's own, 16");
    ck_assert_int_eq(thalweg_diagnostic(thalweg, 0).severity, THALWEG_WARNING);
    ck_assert_int_eq(thalweg_diagnostic(thalweg, 0).line, 4);
    thalweg_destroy(thalweg);
    assert_runs(100, kinds[0]);
    assert_runs(100, kinds[1]);
    assert_runs(100, kinds[4]);
    assert_runs(100, kinds[5]);
    assert_runs(100, kinds[6]);
}
END_TEST

static void assert_refused(int64_t context, const char *text, const char *message, int line) {
    Thalweg *thalweg = create_for(context, text);
    assert_message(thalweg, message);
    ck_assert_int_eq(thalweg_diagnostic(thalweg, 0).severity, THALWEG_ERROR);
    ck_assert_int_eq(thalweg_diagnostic(thalweg, 0).line, line);
    ck_assert_ptr_nonnull(thalweg_diagnostic(thalweg, 0).hint);
    ck_assert_ptr_null(thalweg_program(thalweg));
    thalweg_destroy(thalweg);
}

START_TEST(what_was_made_for_a_context_has_no_longer_one) {
    assert_refused(17, kinds[2], "its learned positions are 16", 6);
    assert_refused(17, kinds[3], "its learned positions are 16", 6);
    assert_refused(17, kinds[7], "its rope is scaled for one of 16", 6);
    assert_refused(17, WITH("", ", rope: {scaling: {linear: 2}}"), "its rope is scaled", 6);
}
END_TEST

START_TEST(a_context_out_of_range_is_refused) {
    const int64_t wrong[] = {-1, MODEL_MAX_CONTEXT + 1, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Thalweg *thalweg = create_for(wrong[i], kinds[0]);
        assert_message(thalweg, "a context is 1 to 4194304 tokens");
        ck_assert_ptr_null(thalweg_program(thalweg));
        thalweg_destroy(thalweg);
    }
}
END_TEST

static const Attrs *rope_attrs(const Thalweg *thalweg) {
    const Graph *graph = thalweg->described;
    for (uint32_t i = 1; i < graph->count; i++)
        if (graph->node[i].op == OP_rope) return &graph->node[i].attr;
    return NULL;
}

/* Factors are those of the sequences that may come, the magnitude is the model's. */
START_TEST(longrope_takes_the_factors_of_the_context) {
    static const char text[] =
        "thalweg: 1\nname: small\nvocab: 40\ncontext: 16\nstream: {width: 4}\n"
        "blocks: [{branches: [{attention: {heads: 1, rope: {scaling: {kind: longrope, original: 4,"
        " short_factor: [1, 2], long_factor: [3, 4]}}}}]}]\nhead: {}\nweights: {synthetic: 7}\n";
    Thalweg *thalweg = create(text), *five = create_for(5, text), *four = create_for(4, text);
    ck_assert_double_eq(rope_attrs(thalweg)->divisors->at[0], 3);
    ck_assert_double_eq(rope_attrs(five)->divisors->at[0], 3);
    ck_assert_double_eq(rope_attrs(four)->divisors->at[0], 1);
    ck_assert_double_eq_tol(rope_attrs(thalweg)->scale, sqrt(2), 1e-15);
    ck_assert_double_eq(rope_attrs(four)->scale, rope_attrs(thalweg)->scale);
    thalweg_destroy(thalweg);
    thalweg_destroy(five);
    thalweg_destroy(four);
}
END_TEST

/* ---- memory ---- */

START_TEST(memory_is_known_before_there_is_a_program) {
    Thalweg *thalweg = create_with((ThalwegOptions){.threads = 2}, model);
    ThalwegMemory memory, more;
    assert_works(thalweg, thalweg_memory(thalweg, false, &memory));
    assert_works(thalweg, thalweg_memory(thalweg, true, &more));
    ck_assert_int_eq(more.logits, 16 * memory.logits);
    const TwProgram *program = thalweg_program(thalweg);
    ck_assert_int_eq(memory.context, 16);
    ck_assert_int_eq(memory.caches, 4 * program->cache_floats);
    ck_assert_int_eq(memory.tables, 4 * program->table_floats);
    ck_assert_int_eq(memory.scratch, 2 * 4 * program->scratch_floats);
    ck_assert_int_gt(memory.tables, 0);
    const int64_t session =
        memory.caches + memory.tables + memory.arena + memory.scratch + memory.logits;
    const TwSessionOptions options = {.threads = 2};
    ck_assert_int_lt(session, (int64_t)tw_session_bytes(program, &options));
    ck_assert_int_gt(session + 4096, (int64_t)tw_session_bytes(program, &options));
    ck_assert_int_eq(memory.all - memory.weights,
                     session > memory.packing ? session : memory.packing);
    assert_works(thalweg, thalweg_choose_context(thalweg, false));
    assert_works(thalweg, thalweg_check_memory(thalweg, false));
    ck_assert_int_eq(thalweg_model(thalweg).context, 16);
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 0);
    thalweg_destroy(thalweg);
}
END_TEST

/* Caches of 2 TB, and weights of 1 MB. */
static const char vast[] =
    "thalweg: 1\nname: vast\nvocab: 40\ncontext: 4194304\nstream: {width: 8}\n"
    "blocks: [{repeat: 16, branches: [{attention: {heads: 1, head_dim: 4096, rope: true}}]}]\n"
    "head: {}\nweights: {synthetic: 7, types: {blocks.99*: f32}}\n";

START_TEST(a_context_that_fits_no_machine_is_halved_until_it_does) {
    Thalweg *thalweg = create(vast);
    ThalwegMemory memory;
    assert_works(thalweg, thalweg_choose_context(thalweg, false));
    const int64_t context = thalweg_model(thalweg).context;
    ck_assert_int_lt(context, 4194304);
    ck_assert_int_eq(4194304 % context, 0);
    assert_works(thalweg, thalweg_memory(thalweg, false, &memory));
    ck_assert_int_eq(memory.context, context);
    ck_assert_int_le(memory.all, memory.available);
    assert_works(thalweg, thalweg_check_memory(thalweg, false));
    ck_assert_int_eq(thalweg_program(thalweg)->context, context);
    /* What the description says stands once. */
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 2);
    assert_message(thalweg, "no matrix has a name that fits");
    const ThalwegDiagnostic note = thalweg_diagnostic(thalweg, 1);
    ck_assert_int_eq(note.severity, THALWEG_NOTE);
    assert_says(note.message, "not the model's own 4194304");
    thalweg_destroy(thalweg);
}
END_TEST

START_TEST(a_context_that_is_asked_for_is_refused_where_it_does_not_fit) {
    Thalweg *thalweg = create_for(4194303, vast);
    ThalwegMemory memory;
    assert_works(thalweg, thalweg_choose_context(thalweg, false));
    assert_works(thalweg, thalweg_memory(thalweg, false, &memory));
    ck_assert_int_eq(memory.context, 4194303);
    ck_assert(!thalweg_check_memory(thalweg, false));
    const ThalwegDiagnostic error = thalweg_diagnostic(thalweg, 1);
    assert_says(error.message, "'vast' takes 226");
    assert_says(error.message, "for a context of 4194303");
    assert_says(error.hint, "--context ");
    thalweg_destroy(thalweg);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("context");
    TCase *tests = in_a_folder(suite, "context");
    tcase_add_loop_test(tests, a_shorter_context_has_the_same_weights_and_logits, 0, KINDS);
    tcase_add_test(tests, a_longer_context_is_a_warning);
    tcase_add_test(tests, what_was_made_for_a_context_has_no_longer_one);
    tcase_add_test(tests, a_context_out_of_range_is_refused);
    tcase_add_test(tests, longrope_takes_the_factors_of_the_context);
    tcase_add_test(tests, memory_is_known_before_there_is_a_program);
    tcase_add_test(tests, a_context_that_fits_no_machine_is_halved_until_it_does);
    tcase_add_test(tests, a_context_that_is_asked_for_is_refused_where_it_does_not_fit);
    return suite_run(suite);
}
