/* template_parser.c - the words that both parsers are made of. */
#include "frontend/text/template_parser.h"

#include <string.h>

enum { MOST_DEPTH = 200, MOST_CHAIN = 1000 };

Node *template_parser_node(Parser *parser, NodeKind kind, Loc loc) {
    Node *node = ARENA_NEW(parser->arena, Node);
    node->kind = kind;
    node->loc = loc;
    return node;
}

void template_parser_append(NodeList *list, Node *node) {
    *list->end = node;
    list->end = &node->next;
}

Node *template_parser_over(Parser *parser, Node *node, Node *child) {
    if (!child || !node) return NULL;
    Node **place = !node->a ? &node->a : !node->b ? &node->b : &node->c;
    *place = child;
    if (node->depth <= child->depth) node->depth = child->depth + 1;
    if (node->depth <= MOST_CHAIN) return node;
    diag_error(parser->diag, node->loc, "this expression is too long");
    return NULL;
}

static bool is_text(const Token *token, TokenKind kind, const char *text) {
    return token->kind == kind && token->text.count == strlen(text) &&
           memcmp(token->text.data, text, token->text.count) == 0;
}

bool template_parser_is_sign(const Parser *parser, const char *sign) {
    return is_text(parser->at, TOKEN_sign, sign);
}

bool template_parser_is_word(const Parser *parser, const char *word) {
    return is_text(parser->at, TOKEN_name, word);
}

bool template_parser_take_sign(Parser *parser, const char *sign) {
    const bool is_next = template_parser_is_sign(parser, sign);
    parser->at += is_next;
    return is_next;
}

bool template_parser_take_word(Parser *parser, const char *word) {
    const bool is_next = template_parser_is_word(parser, word);
    parser->at += is_next;
    return is_next;
}

bool template_parser_fail(Parser *parser, const char *expected) {
    static const char *const names[] = {[TOKEN_end] = "the end of the template",
                                        [TOKEN_text] = "text",
                                        [TOKEN_begin_block] = "'{%'",
                                        [TOKEN_end_block] = "'%}'",
                                        [TOKEN_begin_print] = "'{{'",
                                        [TOKEN_end_print] = "'}}'",
                                        [TOKEN_string] = "text in quotes"};
    const Token *token = parser->at;
    if (token->kind < sizeof names / sizeof *names && names[token->kind])
        return diag_error(parser->diag, token->loc, "found %s, expected %s", names[token->kind],
                          expected);
    return diag_error(parser->diag, token->loc, "found '%.*s', expected %s", (int)token->text.count,
                      token->text.data, expected);
}

bool template_parser_expect_sign(Parser *parser, const char *sign) {
    if (template_parser_take_sign(parser, sign)) return true;
    const char expected[] = {'\'', *sign, '\'', 0};
    return template_parser_fail(parser, expected);
}

bool template_parser_expect(Parser *parser, TokenKind kind, const char *what) {
    if (parser->at->kind != kind) return template_parser_fail(parser, what);
    parser->at++;
    return true;
}

bool template_parser_enter(Parser *parser) {
    if (parser->depth == MOST_DEPTH)
        return diag_error(parser->diag, parser->at->loc, "this is nested too deeply");
    parser->depth++;
    return true;
}
