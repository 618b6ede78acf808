/* pattern_states.h - an expression's tree as states between which characters lead (Thompson's
 * automaton), with the classes of characters that it tells apart.
 *
 * The order of alternatives is part of it: of a branch, the first way is to be preferred. What
 * looks further than one character is an automaton of its own, in the same list of states.
 */
#ifndef FRONTEND_TEXT_PATTERN_STATES_H
#define FRONTEND_TEXT_PATTERN_STATES_H

#include "frontend/text/pattern_tree.h"

enum { /* at most */
       PATTERN_STATES = 20000,
       PATTERN_SETS = 500,
       PATTERN_AUTOMATA = 16,
       PATTERN_BEHIND = 31 /* sets that are looked for behind */
};

typedef enum {
    STATE_MATCH,
    STATE_CHARACTER, /* a character of the set leads to `next` */
    STATE_BRANCH,    /* `next`, or else `other` */
    STATE_AHEAD,     /* `next`, if the next character is of the set */
    STATE_BEHIND,    /* the same of the character before */
    STATE_LOOK       /* `next`, if automaton `other` matches here, or does not */
} StateKind;

typedef struct {
    StateKind kind;
    int next, other;
    int set; /* its number */
    bool at_edge, is_negated;
} State;

typedef struct {
    Arena *arena;
    State *state;
    int count, room;
    CharacterSet *set;
    int set_count, set_room;
    int start[PATTERN_AUTOMATA]; /* of each automaton; 0 is the expression */
    int automata;
    int behind[PATTERN_BEHIND]; /* sets that are looked for behind */
    int behind_count;
    int classes;
    uint8_t *class_of; /* of each character */
    bool *has;         /* [set_count][classes]: is the class in the set? */
} States;

/* Null: there are too many; reported. */
States *pattern_states(const Tree *tree, const char *where, Loc loc, Arena *arena, Diag *diag);

#endif
