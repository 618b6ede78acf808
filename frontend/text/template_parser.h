/* template_parser.h - what the parsers of statements and of expressions share. */
#ifndef FRONTEND_TEMPLATE_PARSER_H
#define FRONTEND_TEMPLATE_PARSER_H

#include "frontend/text/template_tree.h"

typedef struct Parser {
    Arena *arena;
    Diag *diag;
    const Token *at;
    int depth;
    bool is_library;
} Parser;

/* A list that grows at its end. */
typedef struct NodeList {
    Node *first, **end;
} NodeList;

Node *template_parser_node(Parser *parser, NodeKind kind, Loc loc);
void template_parser_append(NodeList *list, Node *node);
/* Puts a child into its parent. Null: one of them is, or the tree is too deep, which is said. */
Node *template_parser_over(Parser *parser, Node *node, Node *child);
bool template_parser_is_sign(const Parser *parser, const char *sign);
bool template_parser_is_word(const Parser *parser, const char *word);
bool template_parser_take_sign(Parser *parser, const char *sign);
bool template_parser_take_word(Parser *parser, const char *word);
/* Takes it, or says that it was expected and returns false. */
bool template_parser_expect_sign(Parser *parser, const char *sign);
bool template_parser_expect(Parser *parser, TokenKind kind, const char *what);
bool template_parser_fail(Parser *parser, const char *expected); /* false */
/* Deeper, as each of them must be left by depth-- ; false: too deep, which is said. */
bool template_parser_enter(Parser *parser);

/* Null: the diagnostics say why. */
Node *template_parser_expression(Parser *parser, bool has_condition);
Node *template_parser_tuple(Parser *parser, bool has_condition); /* with commas between, a tuple */
Node *template_parser_target(Parser *parser);                    /* names that get values */
Node *template_parser_primary(Parser *parser);
Node *template_parser_postfix(Parser *parser, Node *node);
Node *template_parser_filters(Parser *parser, Node *node); /* each with its bar before it */
Node *template_parser_first_filter(Parser *parser,
                                   Node *node); /* that has none, and those behind it */

#endif
