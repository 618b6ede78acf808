/* test_schedule_space.c - which schedules a kernel may have, and which are worth a trial. */
#include "frontend/compiler/compiler.h"
#include "passes/schedule_space.h"
#include "tests/unit/library_fixture.h"

static const char *const cpus[] = {"x86-64-v4", "x86-64-v3", "x86-64", "neoverse-n1"};
static const char *const types[] = {"f32", "bf16", "q8", "q4"};
enum { TARGETS = 4 * 4 };

/* Calls `check` for every kernel of both phases that has something to choose. */
static void for_each_kernel(int number, void (*check)(const Graph *graph, const Node *node,
                                                      const Machine *machine, Arena *arena)) {
    Thalweg *thalweg = thalweg_create(&(ThalwegOptions){
        .cpu = cpus[number / 4], .weights_type = types[number % 4], .no_tuning = true});
    ck_assert(thalweg_read_text(thalweg, "model.yaml", model, strlen(model), "."));
    ck_assert(compiler_plan(thalweg));
    const Graph *graphs[] = {thalweg->prefill, thalweg->decode};
    int kernels = 0;
    for (int g = 0; g < 2; g++)
        for (uint32_t i = 1; i < graphs[g]->count; i++) {
            const Node *node = &graphs[g]->node[i];
            if (!node->schedule.rows) continue;
            check(graphs[g], node, &thalweg->target->machine, thalweg->arena);
            kernels++;
        }
    ck_assert_int_ge(kernels, 2 * (3 * 4 + 3 + 1) - 6);
    thalweg_destroy(thalweg);
}

static void check_legal(const Graph *graph, const Node *node, const Machine *machine,
                        Arena *arena) {
    Schedule *list, *again;
    const int count = schedule_candidates(graph, node, machine, arena, &list);
    ck_assert_int_ge(count, 1);
    ck_assert_int_eq(schedule_candidates(graph, node, machine, arena, &again), count);
    for (int i = 0; i < count; i++) {
        ck_assert(schedule_is_legal(graph, node, machine, list[i]));
        ck_assert(ir_schedule_equal(list[i], again[i]));
        for (int k = 0; k < i; k++) ck_assert(!ir_schedule_equal(list[i], list[k]));
    }
    ck_assert(ir_schedule_equal(list[0], schedule_rule(graph, node, machine)));
    ck_assert(schedule_is_legal(graph, node, machine, schedule_smallest(graph, node, machine)));
}

START_TEST(the_rule_the_smallest_and_all_candidates_are_legal) {
    for_each_kernel(_i, check_legal);
}
END_TEST

static void check_illegal(const Graph *graph, const Node *node, const Machine *machine,
                          Arena *arena) {
    (void)arena;
    const Schedule rule = schedule_rule(graph, node, machine);
    Schedule s[] = {rule, rule, rule, rule, rule, rule, {0}};
    s[0].rows = 15;
    s[1].rows = 0;
    s[2].panels = 9;
    s[3].block = 100000 * (rule.block + 1);
    s[4].keys = 64;
    s[5].band = 1 << 20;
    for (size_t i = 0; i < sizeof s / sizeof *s; i++)
        ck_assert(!schedule_is_legal(graph, node, machine, s[i]));
}

START_TEST(what_no_kernel_can_do_is_not_legal) {
    for_each_kernel(_i, check_illegal);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("schedule space");
    TCase *tests = suite_case(suite, "schedule space", NULL, NULL);
    tcase_add_loop_test(tests, the_rule_the_smallest_and_all_candidates_are_legal, 0, TARGETS);
    tcase_add_loop_test(tests, what_no_kernel_can_do_is_not_legal, 0, TARGETS);
    return suite_run(suite);
}
