/* pattern_tree.h - an expression as a tree, in the dialect of Oniguruma, which Hugging Face uses.
 *
 * What is read: characters and their escapes; classes with ranges, \s \d \w \h, \p{..}, classes in
 * classes and &&; groups, (?i) and (?i:..); alternatives; quantifiers, lazy ones, and possessive
 * ones of single characters; ^ $ \A \z \Z \b \B; look-ahead; look-behind at one character. What is
 * none of these, or cannot become an automaton, is refused by its name.
 */
#ifndef FRONTEND_TEXT_PATTERN_TREE_H
#define FRONTEND_TEXT_PATTERN_TREE_H

#include "frontend/text/characters.h"
#include "frontend/text/definition.h"

typedef enum {
    TREE_EMPTY,
    TREE_SET,    /* one character of it */
    TREE_JOIN,   /* left, then right */
    TREE_CHOICE, /* left, or else right */
    TREE_REPEAT, /* left, least to most times */
    TREE_AHEAD,  /* the next character is of the set; or the text ends, and at_edge */
    TREE_BEHIND, /* the same of the character before, and the text's begin */
    TREE_LOOK    /* left matches here; or, negated, does not */
} TreeKind;

enum { TREE_ENDLESS = -1, TREE_REPEATS = 1000, TREE_BYTES = 10000 /* at most */ };

typedef struct Tree {
    TreeKind kind;
    struct Tree *left, *right;
    CharacterSet set;
    int least, most;
    bool is_lazy, at_edge, is_negated;
} Tree;

/* Null: reported, with the place in the expression. */
Tree *pattern_parse(TextString expression, const char *where, Loc loc, Arena *arena, Diag *diag);

#endif
