#include "frontend/text/pattern_states.h"

#include "runtime/text/pattern.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    States *states;
    const char *too_many; /* what there is too much of, or null */
} Builder;

/* ---- states ---- */

static int add_state(Builder *b, State state) {
    States *s = b->states;
    if (s->count == PATTERN_STATES) {
        b->too_many = "states";
        return 0;
    }
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 256;
        State *grown = ARENA_ARRAY(s->arena, State, (size_t)s->room);
        if (s->count) memcpy(grown, s->state, (size_t)s->count * sizeof *grown);
        s->state = grown;
    }
    s->state[s->count] = state;
    return s->count++;
}

static int add_set(Builder *b, CharacterSet set) {
    States *s = b->states;
    for (int i = 0; i < s->set_count; i++)
        if (set_equal(s->set[i], set)) return i;
    if (s->set_count == PATTERN_SETS) {
        b->too_many = "sets of characters";
        return 0;
    }
    if (s->set_count == s->set_room) {
        s->set_room = s->set_room ? 2 * s->set_room : 32;
        CharacterSet *grown = ARENA_ARRAY(s->arena, CharacterSet, (size_t)s->set_room);
        if (s->set_count) memcpy(grown, s->set, (size_t)s->set_count * sizeof *grown);
        s->set = grown;
    }
    s->set[s->set_count] = set;
    return s->set_count++;
}

static void note_behind(Builder *b, int set) {
    States *s = b->states;
    for (int i = 0; i < s->behind_count; i++)
        if (s->behind[i] == set) return;
    if (s->behind_count == PATTERN_BEHIND)
        b->too_many = "sets that are looked for behind";
    else
        s->behind[s->behind_count++] = set;
}

static int add_branch(Builder *b, int next, int other) {
    return add_state(b, (State){.kind = STATE_BRANCH, .next = next, .other = other});
}

/* ---- trees ---- */

static int build(Builder *b, const Tree *tree, int next);

static bool can_be_empty(const Tree *tree) {
    switch (tree->kind) {
    case TREE_SET: return false;
    case TREE_JOIN: return can_be_empty(tree->left) && can_be_empty(tree->right);
    case TREE_CHOICE: return can_be_empty(tree->left) || can_be_empty(tree->right);
    case TREE_REPEAT: return !tree->least || can_be_empty(tree->left);
    default: return true;
    }
}

static int optional(Builder *b, const Tree *tree, int body, int next) {
    return tree->is_lazy ? add_branch(b, next, body) : add_branch(b, body, next);
}

/* x* where x can be empty is (x+)?: of a turn that takes nothing the loop ends, it does not begin
 * anew with what is preferred less. */
static int build_loop(Builder *b, const Tree *tree, int next) {
    const int again = add_branch(b, 0, 0);
    const int body = build(b, tree->left, again);
    State *state = &b->states->state[again];
    state->next = tree->is_lazy ? next : body;
    state->other = tree->is_lazy ? body : next;
    return can_be_empty(tree->left) ? optional(b, tree, body, next) : again;
}

static int build_repeat(Builder *b, const Tree *tree, int next) {
    if (tree->most == TREE_ENDLESS) next = build_loop(b, tree, next);
    const int end = next;
    for (int i = tree->least; i < tree->most && !b->too_many; i++)
        next = optional(b, tree, build(b, tree->left, next), end);
    for (int i = 0; i < tree->least && !b->too_many; i++) next = build(b, tree->left, next);
    return next;
}

static int build_look(Builder *b, const Tree *tree, int next) {
    States *s = b->states;
    if (s->automata == PATTERN_AUTOMATA) {
        b->too_many = "parts that look ahead";
        return 0;
    }
    const int number = s->automata++;
    const int start = build(b, tree->left, add_state(b, (State){.kind = STATE_MATCH}));
    s->start[number] = start;
    return add_state(
        b,
        (State){.kind = STATE_LOOK, .next = next, .other = number, .is_negated = tree->is_negated});
}

static int build_set(Builder *b, const Tree *tree, StateKind kind, int next) {
    const int set = add_set(b, tree->set);
    if (kind == STATE_BEHIND) note_behind(b, set);
    return add_state(b, (State){.kind = kind, .next = next, .set = set, .at_edge = tree->at_edge});
}

/* The state from which the tree leads to `next`. */
static int build(Builder *b, const Tree *tree, int next) {
    for (; tree->kind == TREE_JOIN && !b->too_many; tree = tree->left)
        next = build(b, tree->right, next);
    if (b->too_many) return 0;
    switch (tree->kind) {
    case TREE_SET: return build_set(b, tree, STATE_CHARACTER, next);
    case TREE_AHEAD: return build_set(b, tree, STATE_AHEAD, next);
    case TREE_BEHIND: return build_set(b, tree, STATE_BEHIND, next);
    case TREE_REPEAT: return build_repeat(b, tree, next);
    case TREE_LOOK: return build_look(b, tree, next);
    case TREE_CHOICE: {
        const int right = build(b, tree->right, next);
        return add_branch(b, build(b, tree->left, next), right);
    }
    case TREE_JOIN:
    case TREE_EMPTY: break;
    }
    return next;
}

/* ---- classes ---- */

static int compare_codes(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Where any set begins or ends, ascending, each once: between these, all characters are alike. */
static uint32_t *edges(const States *s, int *count) {
    size_t most = 2;
    for (int i = 0; i < s->set_count; i++) most += 2 * (size_t)s->set[i].count;
    uint32_t *edge = ARENA_ARRAY(s->arena, uint32_t, most);
    size_t all = 0, kept = 0;
    edge[all++] = 0;
    edge[all++] = CHARACTERS;
    for (int i = 0; i < s->set_count; i++)
        for (int k = 0; k < s->set[i].count; k++) {
            edge[all++] = s->set[i].range[k].first;
            edge[all++] = s->set[i].range[k].last + 1;
        }
    qsort(edge, all, sizeof *edge, compare_codes);
    for (size_t i = 0; i < all; i++)
        if (!kept || edge[kept - 1] != edge[i]) edge[kept++] = edge[i];
    *count = (int)kept;
    return edge;
}

/* Characters that are in the same sets are of one class. */
static bool find_classes(States *s) {
    int edge_count;
    const uint32_t *edge = edges(s, &edge_count);
    const size_t sets = (size_t)s->set_count;
    bool *member = ARENA_ARRAY(s->arena, bool, sets *TEXT_PATTERN_CLASSES + sets + 1);
    s->class_of = ARENA_ARRAY(s->arena, uint8_t, CHARACTERS);
    for (int i = 0; i + 1 < edge_count; i++) {
        bool *is_in = member + sets * (size_t)s->classes;
        for (int k = 0; k < s->set_count; k++) is_in[k] = set_has(s->set[k], edge[i]);
        int class = 0;
        while (class < s->classes && memcmp(member + sets * (size_t) class, is_in, sets)) class ++;
        if (class == TEXT_PATTERN_CLASSES) return false;
        if (class == s->classes) s->classes++;
        memset(s->class_of + edge[i], class, edge[i + 1] - edge[i]);
    }
    const size_t classes = (size_t)s->classes;
    s->has = ARENA_ARRAY(s->arena, bool, sets *classes + 1);
    for (size_t set = 0; set < sets; set++)
        for (size_t class = 0; class < classes; class ++)
            s->has[set * classes + class] = member[class * sets + set];
    return true;
}

States *pattern_states(const Tree *tree, const char *where, Loc loc, Arena *arena, Diag *diag) {
    States *states = ARENA_NEW(arena, States);
    Builder b = {.states = states};
    states->arena = arena;
    states->automata = 1;
    states->start[0] = build(&b, tree, add_state(&b, (State){.kind = STATE_MATCH}));
    if (!b.too_many && !find_classes(states)) b.too_many = "classes of characters";
    if (!b.too_many) return states;
    diag_error(diag, loc, "%s: the expression's automaton has too many %s", where, b.too_many);
    diag_hint(diag, "smaller numbers of repetitions make it smaller");
    return NULL;
}
