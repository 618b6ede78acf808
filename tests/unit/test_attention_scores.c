/* test_attention_scores.c - what kind of head a pattern on tokens that repeat tells of. */
#include "frontend/lens/attention_scores.h"
#include "tests/check.h"

#include <stdbool.h>
#include <string.h>

enum { PERIOD = 6, TOKENS = 1 + 2 * PERIOD };

static Arena *arena;

static void begin(void) {
    arena = arena_create();
}

static void end(void) {
    arena_destroy(arena);
}

START_TEST(drawn_tokens_come_twice_and_each_once) {
    const AttentionProbe probe = attention_probe(PERIOD, 3, 40, 1, arena);
    ck_assert_int_eq(probe.count, TOKENS);
    ck_assert_int_eq(probe.first, 1);
    ck_assert_int_eq(probe.tokens[0], 3);
    for (int i = 1; i <= PERIOD; i++) {
        ck_assert_int_eq(probe.tokens[i], probe.tokens[i + PERIOD]);
        ck_assert(probe.tokens[i] >= 0 && probe.tokens[i] < 40);
        for (int k = 0; k < i; k++) ck_assert_int_ne(probe.tokens[i], probe.tokens[k]);
    }
}
END_TEST

START_TEST(without_a_first_token_the_drawn_ones_are_all) {
    const AttentionProbe probe = attention_probe(PERIOD, -1, 3, 1, arena);
    ck_assert_int_eq(probe.count, 2 * PERIOD);
    ck_assert_int_eq(probe.first, 0);
    ck_assert_mem_eq(probe.tokens, probe.tokens + PERIOD, PERIOD * sizeof *probe.tokens);
}
END_TEST

START_TEST(the_seed_says_which_are_drawn) {
    const AttentionProbe a = attention_probe(PERIOD, -1, 1000, 1, arena);
    const AttentionProbe same = attention_probe(PERIOD, -1, 1000, 1, arena);
    const AttentionProbe other = attention_probe(PERIOD, -1, 1000, 2, arena);
    ck_assert_mem_eq(a.tokens, same.tokens, PERIOD * sizeof *a.tokens);
    ck_assert_mem_ne(a.tokens, other.tokens, PERIOD * sizeof *a.tokens);
}
END_TEST

static const struct {
    AttentionKind kind;
    int back; /* keys before the token */
} heads[] = {{ATTENTION_SELF, 0},
             {ATTENTION_PREVIOUS, 1},
             {ATTENTION_DUPLICATE, PERIOD},
             {ATTENTION_INDUCTION, PERIOD - 1}};

/* A head that pays 0.75 of its attention there when tokens come again, and before that none. */
START_TEST(a_head_is_known_by_where_it_looks) {
    enum { STRIDE = TOKENS + 2 };
    const AttentionProbe probe = attention_probe(PERIOD, 0, 40, 1, arena);
    float pattern[TOKENS][STRIDE] = {{0}};
    for (int i = 1 + PERIOD; i < TOKENS; i++) pattern[i][i - heads[_i].back] = 0.75f;
    const AttentionScores scores = attention_scores(&probe, pattern[0], STRIDE);
    for (int k = 0; k < ATTENTION_KINDS; k++)
        ck_assert_double_eq_tol(scores.of[k], k == (int)heads[_i].kind ? 0.75 : 0, 1e-12);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("attention_scores");
    TCase *tests = suite_case(suite, "scores", begin, end);
    tcase_add_test(tests, drawn_tokens_come_twice_and_each_once);
    tcase_add_test(tests, without_a_first_token_the_drawn_ones_are_all);
    tcase_add_test(tests, the_seed_says_which_are_drawn);
    tcase_add_loop_test(tests, a_head_is_known_by_where_it_looks, 0, 4);
    return suite_run(suite);
}
