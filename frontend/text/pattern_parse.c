/* Recursive descent; a function is named after what it reads. */
#include "frontend/text/pattern_tree.h"

#include "frontend/text/pattern_class.h"

#include <string.h>

enum { DEPTH = 100 /* of groups in groups */ };

static Tree *parse_choice(PatternReader *r);

/* Is the byte that comes, and there is one, among these? */
static bool is_of(const PatternReader *r, const char *bytes) {
    return r->text[r->at] && strchr(bytes, r->text[r->at]);
}

/* ---- trees ---- */

static Tree *new_tree(PatternReader *r, TreeKind kind, Tree *left, Tree *right) {
    Tree *tree = ARENA_NEW(r->arena, Tree);
    tree->kind = kind;
    tree->left = left;
    tree->right = right;
    return tree;
}

static Tree *set_tree(PatternReader *r, TreeKind kind, CharacterSet set, bool at_edge) {
    Tree *tree = new_tree(r, kind, NULL, NULL);
    tree->set = set;
    tree->at_edge = at_edge;
    return tree;
}

static Tree *join(PatternReader *r, Tree *left, Tree *right) {
    if (!left || !right) return NULL;
    if (left->kind == TREE_EMPTY) return right;
    return new_tree(r, TREE_JOIN, left, right);
}

/* Alternatives of one character each are one set. */
static Tree *choose(PatternReader *r, Tree *left, Tree *right) {
    if (!left || !right) return NULL;
    if (left->kind == TREE_SET && right->kind == TREE_SET)
        return set_tree(r, TREE_SET, set_union(left->set, right->set, r->arena), false);
    return new_tree(r, TREE_CHOICE, left, right);
}

static Tree *repeat(PatternReader *r, Tree *body, int least, int most, bool is_lazy) {
    Tree *tree = new_tree(r, TREE_REPEAT, body, NULL);
    tree->least = least;
    tree->most = most;
    tree->is_lazy = is_lazy;
    return tree;
}

static CharacterSet complement(PatternReader *r, CharacterSet set) {
    return set_complement(set, r->arena);
}

/* ---- what looks around ---- */

/* \b: one of both sides is a word's character. */
static Tree *word_edge(PatternReader *r, bool is_negated) {
    const CharacterSet word = characters_word(r->characters, false), other = complement(r, word);
    Tree *begin = join(r, set_tree(r, TREE_BEHIND, other, true),
                       set_tree(r, TREE_AHEAD, is_negated ? other : word, is_negated));
    Tree *end = join(r, set_tree(r, TREE_BEHIND, word, false),
                     set_tree(r, TREE_AHEAD, is_negated ? word : other, !is_negated));
    return new_tree(r, TREE_CHOICE, begin, end);
}

static Tree *line_begin(PatternReader *r) {
    const CharacterSet newline = set_of('\n', '\n', r->arena);
    const CharacterSet any = set_of(0, CHARACTERS - 1, r->arena);
    Tree *behind_line =
        join(r, set_tree(r, TREE_BEHIND, newline, false), set_tree(r, TREE_AHEAD, any, false));
    return new_tree(r, TREE_CHOICE, set_tree(r, TREE_BEHIND, (CharacterSet){0}, true), behind_line);
}

static Tree *text_end(PatternReader *r) {
    return set_tree(r, TREE_AHEAD, (CharacterSet){0}, true);
}

static Tree *line_end(PatternReader *r) {
    return set_tree(r, TREE_AHEAD, set_of('\n', '\n', r->arena), true);
}

/* \Z: the end, or a newline and the end. */
static Tree *last_line_end(PatternReader *r) {
    Tree *newline = set_tree(r, TREE_SET, set_of('\n', '\n', r->arena), false);
    Tree *look = new_tree(r, TREE_LOOK, join(r, newline, text_end(r)), NULL);
    return new_tree(r, TREE_CHOICE, text_end(r), look);
}

/* Does this say something of one character, or of the edge? What looks that way, or a set. */
static bool is_one(PatternReader *r, const Tree *tree, TreeKind kind, CharacterSet *set,
                   bool *at_edge) {
    CharacterSet right;
    bool right_edge;
    if (tree->kind == TREE_CHOICE) {
        if (!is_one(r, tree->left, kind, set, at_edge) ||
            !is_one(r, tree->right, kind, &right, &right_edge))
            return false;
        *set = set_union(*set, right, r->arena);
        *at_edge |= right_edge;
        return true;
    }
    *set = tree->set;
    *at_edge = tree->at_edge;
    return tree->kind == TREE_SET || tree->kind == kind;
}

static Tree *look(PatternReader *r, size_t begin, Tree *body, bool is_behind, bool is_negated) {
    CharacterSet set;
    bool at_edge;
    if (!body) return NULL;
    const TreeKind kind = is_behind ? TREE_BEHIND : TREE_AHEAD;
    if (is_one(r, body, kind, &set, &at_edge))
        return set_tree(r, kind, is_negated ? complement(r, set) : set, at_edge != is_negated);
    if (is_behind) {
        pattern_refuse(r, begin, "look-behind of more than one character");
        return NULL;
    }
    Tree *tree = new_tree(r, TREE_LOOK, body, NULL);
    tree->is_negated = is_negated;
    return tree;
}

/* ---- groups ---- */

/* Of a body without choices: one character, or the repetition of one, which takes what it can and
 * gives nothing back. */
static Tree *atomic(PatternReader *r, size_t begin, Tree *body) {
    if (!body || body->kind == TREE_SET || body->kind == TREE_EMPTY) return body;
    if (body->kind == TREE_REPEAT && body->left->kind == TREE_SET && !body->is_lazy &&
        (body->most == TREE_ENDLESS || body->most == body->least + 1)) {
        Tree *none = set_tree(r, TREE_AHEAD, complement(r, body->left->set), true);
        if (body->most == TREE_ENDLESS) return join(r, body, none);
        Tree *least = repeat(r, body->left, body->least, body->least, false);
        return join(r, least, choose(r, body->left, none));
    }
    if (body->kind == TREE_JOIN && atomic(r, SIZE_MAX, body->left) == body->left &&
        atomic(r, SIZE_MAX, body->right) == body->right)
        return body;
    if (begin != SIZE_MAX) pattern_refuse(r, begin, "a possessive or atomic group of several ways");
    return NULL;
}

static bool close_group(PatternReader *r, size_t begin) {
    if (pattern_skip(r, ")")) return true;
    return pattern_error(r, begin, "this group has no ')'");
}

static Tree *parse_group_body(PatternReader *r, size_t begin) {
    Tree *body = parse_choice(r);
    return body && close_group(r, begin) ? body : NULL;
}

/* Behind "(?": (?i), which lasts to the end of the group it stands in, or (?i:...). */
static Tree *parse_options(PatternReader *r, size_t begin) {
    const bool fold = r->fold, dot_all = r->dot_all;
    bool on = true;
    for (; r->at < r->length && !is_of(r, ":)"); r->at++) {
        const char option = r->text[r->at];
        if (option == '-')
            on = false;
        else if (option == 'i')
            r->fold = on;
        else if (option == 'm' || option == 's')
            r->dot_all = on;
        else
            break;
    }
    Tree *body = NULL;
    if (pattern_skip(r, ")"))
        body = parse_choice(r);
    else if (pattern_skip(r, ":"))
        body = parse_group_body(r, begin);
    else
        pattern_refuse(r, begin, "a group or an option of this kind");
    r->fold = fold;
    r->dot_all = dot_all;
    return body;
}

static bool skip_name(PatternReader *r) {
    if (!pattern_skip(r, "?<") && !pattern_skip(r, "?P<")) return false;
    while (r->at < r->length && r->text[r->at] != '>') r->at++;
    return pattern_skip(r, ">");
}

/* Behind "(". */
static Tree *parse_group(PatternReader *r, size_t begin) {
    if (pattern_skip(r, "?#")) {
        while (r->at < r->length && r->text[r->at] != ')') r->at++;
        return close_group(r, begin) ? new_tree(r, TREE_EMPTY, NULL, NULL) : NULL;
    }
    if (pattern_skip(r, "?:")) return parse_group_body(r, begin);
    if (pattern_skip(r, "?>")) return atomic(r, begin, parse_group_body(r, begin));
    if (pattern_skip(r, "?=")) return look(r, begin, parse_group_body(r, begin), false, false);
    if (pattern_skip(r, "?!")) return look(r, begin, parse_group_body(r, begin), false, true);
    if (pattern_skip(r, "?<=")) return look(r, begin, parse_group_body(r, begin), true, false);
    if (pattern_skip(r, "?<!")) return look(r, begin, parse_group_body(r, begin), true, true);
    if (skip_name(r)) return parse_group_body(r, begin);
    if (pattern_skip(r, "?")) return parse_options(r, begin);
    if (pattern_skip(r, "*")) {
        pattern_refuse(r, begin, "a callout");
        return NULL;
    }
    return parse_group_body(r, begin);
}

/* ---- atoms ---- */

/* Behind a backslash, what looks around; null and nothing read: it is another escape. */
static Tree *parse_anchor(PatternReader *r) {
    if (pattern_skip(r, "b")) return word_edge(r, false);
    if (pattern_skip(r, "B")) return word_edge(r, true);
    if (pattern_skip(r, "A")) return set_tree(r, TREE_BEHIND, (CharacterSet){0}, true);
    if (pattern_skip(r, "z")) return text_end(r);
    if (pattern_skip(r, "Z")) return last_line_end(r);
    return NULL;
}

static Tree *parse_atom(PatternReader *r) {
    const size_t begin = r->at;
    CharacterSet set;
    if (pattern_skip(r, "(")) {
        if (++r->depth > DEPTH) {
            pattern_error(r, begin, "groups nest deeper than %d", DEPTH);
            return NULL;
        }
        Tree *group = parse_group(r, begin);
        r->depth--;
        return group;
    }
    if (pattern_skip(r, "^")) return line_begin(r);
    if (pattern_skip(r, "$")) return line_end(r);
    if (pattern_skip(r, ".")) {
        const CharacterSet newline = set_of('\n', '\n', r->arena);
        return set_tree(r, TREE_SET, complement(r, r->dot_all ? (CharacterSet){0} : newline),
                        false);
    }
    if (is_of(r, "*+?")) {
        pattern_error(r, begin, "there is nothing that '%c' could repeat", r->text[r->at]);
        return NULL;
    }
    if (pattern_skip(r, "\\")) {
        Tree *anchor = parse_anchor(r);
        if (anchor) return anchor;
        r->at = begin;
    }
    return pattern_set(r, &set) ? set_tree(r, TREE_SET, set, false) : NULL;
}

/* ---- quantifiers ---- */

static bool read_number(PatternReader *r, int *number) {
    const size_t begin = r->at;
    for (*number = 0; r->at < r->length && r->text[r->at] >= '0' && r->text[r->at] <= '9'; r->at++)
        if (*number <= TREE_REPEATS) *number = *number * 10 + (r->text[r->at] - '0');
    return r->at > begin;
}

/* {n}, {n,}, {n,m}, {,m}; anything else behind '{' is text. */
static bool read_counts(PatternReader *r, int *least, int *most) {
    const size_t begin = r->at;
    if (!pattern_skip(r, "{")) return false;
    const bool has_least = read_number(r, least);
    bool has_most = false;
    *most = *least;
    if (pattern_skip(r, ",")) {
        has_most = read_number(r, most);
        if (!has_most) *most = TREE_ENDLESS;
    }
    if ((has_least || has_most) && pattern_skip(r, "}")) return true;
    r->at = begin;
    return false;
}

static Tree *check_counts(PatternReader *r, size_t begin, Tree *body, int least, int most) {
    if (least > TREE_REPEATS || most > TREE_REPEATS) {
        pattern_error(r, begin, "a repetition of more than %d times", TREE_REPEATS);
        return NULL;
    }
    if (most != TREE_ENDLESS && most < least) {
        pattern_error(r, begin, "a repetition of at least %d and at most %d times", least, most);
        return NULL;
    }
    return body;
}

/* Behind an atom. As Oniguruma reads them, '+' behind counts repeats once more, and '?' behind {n}
 * makes it optional; else they mean possessive and lazy. */
static Tree *parse_quantifiers(PatternReader *r, Tree *body) {
    while (body && r->at < r->length) {
        const size_t begin = r->at;
        int least = 0, most = TREE_ENDLESS;
        if (read_counts(r, &least, &most)) {
            const bool is_lazy = least != most && pattern_skip(r, "?");
            body = check_counts(r, begin, repeat(r, body, least, most, is_lazy), least, most);
            continue;
        }
        if (pattern_skip(r, "+"))
            least = 1;
        else if (pattern_skip(r, "?"))
            most = 1;
        else if (!pattern_skip(r, "*"))
            break;
        const bool is_lazy = pattern_skip(r, "?");
        body = repeat(r, body, least, most, is_lazy);
        if (!is_lazy && pattern_skip(r, "+")) body = atomic(r, begin, body);
    }
    return body;
}

/* ---- sequences and alternatives ---- */

static Tree *parse_sequence(PatternReader *r) {
    Tree *tree = new_tree(r, TREE_EMPTY, NULL, NULL);
    while (tree && r->at < r->length && !is_of(r, "|)"))
        tree = join(r, tree, parse_quantifiers(r, parse_atom(r)));
    return tree;
}

static Tree *parse_choice(PatternReader *r) {
    Tree *tree = parse_sequence(r);
    while (tree && pattern_skip(r, "|")) tree = choose(r, tree, parse_sequence(r));
    return tree;
}

Tree *pattern_parse(TextString expression, const char *where, Loc loc, Arena *arena, Diag *diag) {
    PatternReader reader = {.where = where,
                            .loc = loc,
                            .text = expression.bytes,
                            .length = expression.count,
                            .arena = arena,
                            .characters = characters_create(arena),
                            .diag = diag};
    PatternReader *const r = &reader;
    if (r->length > TREE_BYTES) {
        pattern_error(r, 0, "it has more than %d bytes", TREE_BYTES);
        return NULL;
    }
    for (size_t at = 0; at < r->length;) {
        const size_t begin = at;
        if (next_character(r->text, r->length, &at) == UINT32_MAX) {
            pattern_error(r, begin, "this byte is no UTF-8");
            return NULL;
        }
    }
    Tree *tree = parse_choice(r);
    if (tree && r->at < r->length) {
        pattern_error(r, r->at, "this ')' closes nothing");
        return NULL;
    }
    return tree;
}
