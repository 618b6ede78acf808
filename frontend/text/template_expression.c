/* template_expression.c - the parser of expressions, with Jinja's order of operators. */
#include "frontend/text/template_parser.h"

#include <string.h>

static Node *binary(Parser *parser, NodeKind kind, Loc loc, Node *a, Node *b) {
    return template_parser_over(
        parser, template_parser_over(parser, template_parser_node(parser, kind, loc), a), b);
}

/* ---- calls, attributes, items ---- */

static bool parse_argument(Parser *parser, NodeList *list, bool *has_name) {
    Node *argument = template_parser_node(parser, NODE_argument, parser->at->loc);
    if (template_parser_is_sign(parser, "*") || template_parser_is_sign(parser, "**"))
        return diag_error(parser->diag, parser->at->loc,
                          "arguments that are taken from a list or a dict are not supported");
    if (parser->at->kind == TOKEN_name && parser->at[1].kind == TOKEN_sign &&
        parser->at[1].text.count == 1 && *parser->at[1].text.data == '=') {
        argument->text = parser->at->text;
        parser->at += 2;
        *has_name = true;
    } else if (*has_name) {
        return template_parser_fail(parser, "a name, as the argument before has one");
    }
    argument->a = template_parser_expression(parser, true);
    template_parser_append(list, argument);
    return argument->a;
}

/* Behind the bracket that opens them. */
static bool parse_arguments(Parser *parser, Node **out) {
    NodeList list = {.end = &list.first};
    bool has_name = false;
    while (!template_parser_is_sign(parser, ")")) {
        if (list.first && !template_parser_expect_sign(parser, ",")) return false;
        if (template_parser_is_sign(parser, ")")) break;
        if (!parse_argument(parser, &list, &has_name)) return false;
    }
    parser->at++;
    *out = list.first;
    return true;
}

static Node *parse_attribute(Parser *parser, Node *node) {
    const Token *token = parser->at++;
    if (token->kind == TOKEN_name) {
        Node *attribute = template_parser_node(parser, NODE_attribute, token->loc);
        attribute->text = token->text;
        return template_parser_over(parser, attribute, node);
    }
    if (token->kind != TOKEN_integer) {
        parser->at--;
        template_parser_fail(parser, "a name or a number");
        return NULL;
    }
    Node *index = template_parser_node(parser, NODE_integer, token->loc);
    index->integer = token->integer;
    return binary(parser, NODE_item, token->loc, node, index);
}

/* A part of start:stop:step; none where it is left out. */
static bool parse_bound(Parser *parser, NodeList *list) {
    const bool is_absent =
        template_parser_is_sign(parser, ":") || template_parser_is_sign(parser, "]");
    Node *bound = is_absent ? template_parser_node(parser, NODE_none, parser->at->loc)
                            : template_parser_expression(parser, true);
    if (bound) template_parser_append(list, bound);
    return bound;
}

static Node *parse_item(Parser *parser, Node *node) {
    const Loc loc = parser->at[-1].loc;
    if (template_parser_is_sign(parser, "]")) {
        template_parser_fail(parser, "an index");
        return NULL;
    }
    NodeList bounds = {.end = &bounds.first};
    if (!parse_bound(parser, &bounds)) return NULL;
    if (template_parser_take_sign(parser, "]"))
        return binary(parser, NODE_item, loc, node, bounds.first);
    if (!template_parser_expect_sign(parser, ":") || !parse_bound(parser, &bounds)) return NULL;
    template_parser_take_sign(parser, ":");
    if (!parse_bound(parser, &bounds) || !template_parser_expect_sign(parser, "]")) return NULL;
    Node *slice = template_parser_node(parser, NODE_slice, loc);
    slice->list = bounds.first;
    return template_parser_over(parser, slice, node);
}

static Node *parse_call(Parser *parser, Node *node) {
    Node *call = template_parser_node(parser, NODE_call, parser->at[-1].loc);
    return template_parser_over(parser, call, node) && parse_arguments(parser, &call->list) ? call
                                                                                            : NULL;
}

Node *template_parser_postfix(Parser *parser, Node *node) {
    while (node) {
        if (template_parser_take_sign(parser, "."))
            node = parse_attribute(parser, node);
        else if (template_parser_take_sign(parser, "["))
            node = parse_item(parser, node);
        else if (template_parser_take_sign(parser, "("))
            node = parse_call(parser, node);
        else
            break;
    }
    return node;
}

/* ---- filters and tests ---- */

Node *template_parser_first_filter(Parser *parser, Node *node) {
    const Token *name = parser->at;
    if (!template_parser_expect(parser, TOKEN_name, "the name of a filter")) return NULL;
    Node *filter = template_parser_node(parser, NODE_filter, name->loc);
    filter->text = name->text;
    if (node && !template_parser_over(parser, filter, node)) return NULL;
    if (template_parser_take_sign(parser, "(") && !parse_arguments(parser, &filter->list))
        return NULL;
    return template_parser_filters(parser, filter);
}

static bool begins_operand(const Parser *parser) {
    static const char *const words[] = {"else", "or", "and", "is", "in", "not", "if"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (template_parser_is_word(parser, words[i])) return false;
    const TokenKind kind = parser->at->kind;
    return kind == TOKEN_name || kind == TOKEN_string || kind == TOKEN_integer ||
           kind == TOKEN_real || template_parser_is_sign(parser, "[") ||
           template_parser_is_sign(parser, "{");
}

static Node *parse_test(Parser *parser, Node *node) {
    const bool is_negated = template_parser_take_word(parser, "not");
    const Token *name = parser->at;
    if (!template_parser_expect(parser, TOKEN_name, "the name of a test")) return NULL;
    Node *test = template_parser_node(parser, NODE_test, name->loc);
    if (!template_parser_over(parser, test, node)) return NULL;
    test->text = name->text;
    test->is_negated = is_negated;
    if (template_parser_take_sign(parser, "("))
        return parse_arguments(parser, &test->list) ? test : NULL;
    if (!begins_operand(parser)) return test;
    test->list = template_parser_node(parser, NODE_argument, parser->at->loc);
    test->list->a = template_parser_postfix(parser, template_parser_primary(parser));
    return test->list->a ? test : NULL;
}

Node *template_parser_filters(Parser *parser, Node *node) {
    while (node) {
        if (template_parser_take_sign(parser, "|"))
            node = template_parser_first_filter(parser, node);
        else if (template_parser_take_word(parser, "is"))
            node = parse_test(parser, node);
        else if (template_parser_take_sign(parser, "("))
            node = parse_call(parser, node);
        else
            break;
    }
    return node;
}

/* ---- what expressions are made of ---- */

/* Of a list or a dict, up to its bracket. */
static Node *parse_items(Parser *parser, NodeKind kind, const char *close) {
    Node *node = template_parser_node(parser, kind, parser->at[-1].loc);
    NodeList list = {.end = &list.first};
    while (!template_parser_is_sign(parser, close)) {
        if (list.first && !template_parser_expect_sign(parser, ",")) return NULL;
        if (template_parser_is_sign(parser, close)) break;
        Node *item = template_parser_expression(parser, true);
        if (!item) return NULL;
        template_parser_append(&list, item);
        if (kind != NODE_dict) continue;
        Node *value = template_parser_expect_sign(parser, ":")
                          ? template_parser_expression(parser, true)
                          : NULL;
        if (!value) return NULL;
        template_parser_append(&list, value);
    }
    parser->at++;
    node->list = list.first;
    return node;
}

static Node *parse_brackets(Parser *parser) {
    if (template_parser_take_sign(parser, ")"))
        return template_parser_node(parser, NODE_tuple, parser->at[-1].loc);
    Node *node = template_parser_tuple(parser, true);
    return node && template_parser_expect_sign(parser, ")") ? node : NULL;
}

static Node *parse_word(Parser *parser) {
    static const struct {
        const char *word;
        NodeKind kind;
        int64_t value;
    } words[] = {{"true", NODE_boolean, 1},  {"True", NODE_boolean, 1}, {"false", NODE_boolean, 0},
                 {"False", NODE_boolean, 0}, {"none", NODE_none, 0},    {"None", NODE_none, 0}};
    const Token *token = parser->at;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!template_parser_take_word(parser, words[i].word)) continue;
        Node *node = template_parser_node(parser, words[i].kind, token->loc);
        node->integer = words[i].value;
        return node;
    }
    parser->at++;
    Node *node = template_parser_node(parser, NODE_name, token->loc);
    node->text = token->text;
    return node;
}

/* "one" "after the other" */
static Node *parse_strings(Parser *parser) {
    Node *node = template_parser_node(parser, NODE_string, parser->at->loc);
    size_t bytes = 0;
    for (const Token *token = parser->at; token->kind == TOKEN_string; token++)
        bytes += token->text.count;
    char *text = ARENA_ARRAY(parser->arena, char, bytes + 1), *out = text;
    for (; parser->at->kind == TOKEN_string; parser->at++) {
        if (parser->at->text.count) memcpy(out, parser->at->text.data, parser->at->text.count);
        out += parser->at->text.count;
    }
    node->text = (Bytes){text, bytes};
    return node;
}

Node *template_parser_primary(Parser *parser) {
    const Token *token = parser->at;
    if (token->kind == TOKEN_name) return parse_word(parser);
    if (token->kind == TOKEN_string) return parse_strings(parser);
    if (template_parser_take_sign(parser, "(")) return parse_brackets(parser);
    if (template_parser_take_sign(parser, "[")) return parse_items(parser, NODE_list, "]");
    if (template_parser_take_sign(parser, "{")) return parse_items(parser, NODE_dict, "}");
    if (token->kind != TOKEN_integer && token->kind != TOKEN_real) {
        template_parser_fail(parser, "a value");
        return NULL;
    }
    parser->at++;
    const bool is_integer = token->kind == TOKEN_integer;
    Node *node = template_parser_node(parser, is_integer ? NODE_integer : NODE_real, token->loc);
    node->integer = token->integer;
    node->real = token->real;
    return node;
}

/* ---- operators, from those that bind tightest ---- */

static Node *parse_unary(Parser *parser, bool has_filters) {
    const Loc loc = parser->at->loc;
    const bool is_negated = template_parser_take_sign(parser, "-");
    Node *node;
    if (is_negated || template_parser_take_sign(parser, "+")) {
        if (!template_parser_enter(parser)) return NULL;
        Node *operand = parse_unary(parser, false);
        parser->depth--;
        if (!operand) return NULL;
        node =
            template_parser_over(parser, template_parser_node(parser, NODE_negate, loc), operand);
        if (node) node->is_negated = is_negated;
    } else {
        node = template_parser_primary(parser);
    }
    node = template_parser_postfix(parser, node);
    return has_filters ? template_parser_filters(parser, node) : node;
}

typedef struct Operator {
    char sign[3];
    TemplateOp op;
} Operator;

/* The one of them that comes next, which is taken; null: none does. */
static const Operator *take_operator(Parser *parser, const Operator *operators, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (template_parser_take_sign(parser, operators[i].sign)) return &operators[i];
    return NULL;
}

static Node *parse_power(Parser *parser) {
    Node *node = parse_unary(parser, true);
    while (node && template_parser_is_sign(parser, "**")) {
        const Loc loc = parser->at++->loc;
        node = binary(parser, NODE_binary, loc, node, parse_unary(parser, true));
        if (node) node->op = TEMPLATE_power;
    }
    return node;
}

static Node *parse_product(Parser *parser) {
    static const Operator operators[] = {{"*", TEMPLATE_multiply},
                                         {"//", TEMPLATE_floor_divide},
                                         {"/", TEMPLATE_divide},
                                         {"%", TEMPLATE_modulo}};
    Node *node = parse_power(parser);
    for (const Operator *found; node && (found = take_operator(parser, operators, 4));) {
        const Loc loc = parser->at[-1].loc;
        node = binary(parser, NODE_binary, loc, node, parse_power(parser));
        if (node) node->op = found->op;
    }
    return node;
}

static Node *parse_concat(Parser *parser) {
    Node *node = parse_product(parser);
    if (!node || !template_parser_is_sign(parser, "~")) return node;
    Node *concat = template_parser_node(parser, NODE_concat, parser->at->loc);
    NodeList list = {.end = &list.first};
    template_parser_append(&list, node);
    while (template_parser_take_sign(parser, "~")) {
        node = parse_product(parser);
        if (!node) return NULL;
        template_parser_append(&list, node);
    }
    concat->list = list.first;
    return concat;
}

static Node *parse_sum(Parser *parser) {
    static const Operator operators[] = {{"+", TEMPLATE_add}, {"-", TEMPLATE_subtract}};
    Node *node = parse_concat(parser);
    for (const Operator *found; node && (found = take_operator(parser, operators, 2));) {
        const Loc loc = parser->at[-1].loc;
        node = binary(parser, NODE_binary, loc, node, parse_concat(parser));
        if (node) node->op = found->op;
    }
    return node;
}

static Node *parse_operand(Parser *parser) {
    static const Operator operators[] = {
        {"==", TEMPLATE_equal},         {"!=", TEMPLATE_equal}, {"<=", TEMPLATE_less_equal},
        {">=", TEMPLATE_greater_equal}, {"<", TEMPLATE_less},   {">", TEMPLATE_greater}};
    Node *operand = template_parser_node(parser, NODE_operand, parser->at->loc);
    operand->op = TEMPLATE_in;
    const Operator *found = take_operator(parser, operators, 6);
    if (found) {
        operand->op = found->op;
        operand->is_negated = *found->sign == '!';
    } else if (!template_parser_take_word(parser, "in")) {
        parser->at += 2; /* not in */
        operand->is_negated = true;
    }
    operand->a = parse_sum(parser);
    return operand->a ? operand : NULL;
}

static bool begins_comparison(const Parser *parser) {
    static const char signs[][3] = {"==", "!=", "<=", ">=", "<", ">"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (template_parser_is_sign(parser, signs[i])) return true;
    const Parser behind = {.at = parser->at + 1};
    return template_parser_is_word(parser, "in") ||
           (template_parser_is_word(parser, "not") && template_parser_is_word(&behind, "in"));
}

static Node *parse_comparison(Parser *parser) {
    Node *node = parse_sum(parser);
    if (!node || !begins_comparison(parser)) return node;
    Node *compare = template_parser_node(parser, NODE_compare, parser->at->loc);
    NodeList list = {.end = &list.first};
    if (!template_parser_over(parser, compare, node)) return NULL;
    while (begins_comparison(parser)) {
        Node *operand = parse_operand(parser);
        if (!operand) return NULL;
        template_parser_append(&list, operand);
    }
    compare->list = list.first;
    return compare;
}

static Node *parse_not(Parser *parser) {
    const Loc loc = parser->at->loc;
    if (!template_parser_take_word(parser, "not")) return parse_comparison(parser);
    Node *node = template_parser_node(parser, NODE_not, loc);
    if (!template_parser_enter(parser)) return NULL;
    node = template_parser_over(parser, node, parse_not(parser));
    parser->depth--;
    return node;
}

static Node *parse_and(Parser *parser) {
    Node *node = parse_not(parser);
    while (node && template_parser_take_word(parser, "and"))
        node = binary(parser, NODE_and, node->loc, node, parse_not(parser));
    return node;
}

static Node *parse_or(Parser *parser) {
    Node *node = parse_and(parser);
    while (node && template_parser_take_word(parser, "or"))
        node = binary(parser, NODE_or, node->loc, node, parse_and(parser));
    return node;
}

static Node *parse_condition(Parser *parser) {
    Node *node = parse_or(parser);
    while (node && template_parser_take_word(parser, "if")) {
        Node *condition = template_parser_node(parser, NODE_condition, node->loc);
        node = template_parser_over(parser, template_parser_over(parser, condition, node),
                                    parse_or(parser));
        if (node && template_parser_take_word(parser, "else"))
            node = template_parser_over(parser, node, template_parser_expression(parser, true));
    }
    return node;
}

Node *template_parser_expression(Parser *parser, bool has_condition) {
    if (!template_parser_enter(parser)) return NULL;
    Node *node = has_condition ? parse_condition(parser) : parse_or(parser);
    parser->depth--;
    return node;
}

/* ---- tuples ---- */

static bool ends_tuple(const Parser *parser) {
    return parser->at->kind == TOKEN_end_print || parser->at->kind == TOKEN_end_block ||
           template_parser_is_sign(parser, ")");
}

Node *template_parser_tuple(Parser *parser, bool has_condition) {
    const Loc loc = parser->at->loc;
    Node *node = template_parser_expression(parser, has_condition);
    if (!node || !template_parser_is_sign(parser, ",")) return node;
    NodeList list = {.end = &list.first};
    template_parser_append(&list, node);
    while (template_parser_take_sign(parser, ",") && !ends_tuple(parser)) {
        node = template_parser_expression(parser, has_condition);
        if (!node) return NULL;
        template_parser_append(&list, node);
    }
    Node *tuple = template_parser_node(parser, NODE_tuple, loc);
    tuple->list = list.first;
    return tuple;
}

static Node *parse_target_name(Parser *parser) {
    if (template_parser_take_sign(parser, "(")) {
        Node *node = template_parser_target(parser);
        return node && template_parser_expect_sign(parser, ")") ? node : NULL;
    }
    Node *node = template_parser_node(parser, NODE_name, parser->at->loc);
    node->text = parser->at->text;
    return template_parser_expect(parser, TOKEN_name, "a name") ? node : NULL;
}

Node *template_parser_target(Parser *parser) {
    if (!template_parser_enter(parser)) return NULL;
    const Loc loc = parser->at->loc;
    Node *node = parse_target_name(parser);
    NodeList list = {.end = &list.first};
    const bool is_tuple = node && template_parser_is_sign(parser, ",");
    if (is_tuple) template_parser_append(&list, node);
    while (node && template_parser_take_sign(parser, ",")) {
        if (parser->at->kind != TOKEN_name && !template_parser_is_sign(parser, "(")) break;
        if (template_parser_is_word(parser, "in")) break;
        node = parse_target_name(parser);
        if (node) template_parser_append(&list, node);
    }
    parser->depth--;
    if (!node || !is_tuple) return node;
    Node *tuple = template_parser_node(parser, NODE_tuple, loc);
    tuple->list = list.first;
    return tuple;
}
