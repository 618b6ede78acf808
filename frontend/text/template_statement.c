/* template_statement.c - the parser of statements. */
#include "frontend/text/template_parser.h"

static bool end_block(Parser *parser) {
    return template_parser_expect(parser, TOKEN_end_block, "'%}'");
}

static bool parse_body(Parser *parser, const char *const *ends, Node **out);

/* The statements up to {% end %}, with its tag. */
static bool parse_until(Parser *parser, const char *end, Node **out) {
    const char *const ends[] = {end, NULL};
    if (!end_block(parser) || !parse_body(parser, ends, out)) return false;
    parser->at++;
    return true;
}

/* ---- statements, each behind its word ---- */

static bool parse_if(Parser *parser, Node *node) {
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    node->kind = NODE_if;
    node->a = template_parser_tuple(parser, false);
    if (!node->a || !end_block(parser) || !parse_body(parser, ends, &node->body)) return false;
    if (template_parser_take_word(parser, "endif")) return true;
    if (template_parser_take_word(parser, "else"))
        return parse_until(parser, "endif", &node->other);
    node->other = template_parser_node(parser, NODE_if, parser->at++->loc);
    if (!template_parser_enter(parser)) return false;
    const bool is_parsed = parse_if(parser, node->other);
    parser->depth--;
    return is_parsed;
}

static bool parse_for(Parser *parser, Node *node) {
    static const char *const ends[] = {"else", "endfor", NULL};
    node->kind = NODE_for;
    node->a = template_parser_target(parser);
    if (!node->a) return false;
    if (!template_parser_take_word(parser, "in")) return template_parser_fail(parser, "'in'");
    node->b = template_parser_tuple(parser, false);
    if (!node->b) return false;
    if (template_parser_take_word(parser, "if") &&
        !(node->c = template_parser_expression(parser, true)))
        return false;
    if (template_parser_is_word(parser, "recursive"))
        return diag_error(parser->diag, parser->at->loc, "recursive loops are not supported");
    if (!end_block(parser) || !parse_body(parser, ends, &node->body)) return false;
    if (template_parser_take_word(parser, "endfor")) return true;
    parser->at++;
    return parse_until(parser, "endfor", &node->other);
}

static bool parse_set(Parser *parser, Node *node) {
    node->kind = NODE_set;
    const Parser behind = {.at = parser->at + 1};
    if (parser->at->kind == TOKEN_name && template_parser_is_sign(&behind, ".")) {
        node->a = template_parser_node(parser, NODE_attribute, parser->at->loc);
        node->a->a = template_parser_primary(parser);
        parser->at++;
        node->a->text = parser->at->text;
        if (!template_parser_expect(parser, TOKEN_name, "a name")) return false;
    } else if (!(node->a = template_parser_target(parser))) {
        return false;
    }
    if (template_parser_take_sign(parser, "="))
        return (node->b = template_parser_tuple(parser, true));
    node->kind = NODE_set_block;
    if (template_parser_take_sign(parser, "|") &&
        !(node->b = template_parser_first_filter(parser, NULL)))
        return false;
    return parse_until(parser, "endset", &node->body);
}

/* (a, b=1): behind the first bracket; each a NODE_argument named after it, with its default. */
static bool parse_parameters(Parser *parser, Node **out) {
    NodeList list = {.end = &list.first};
    while (!template_parser_is_sign(parser, ")")) {
        if (list.first && !template_parser_expect_sign(parser, ",")) return false;
        Node *parameter = template_parser_node(parser, NODE_argument, parser->at->loc);
        parameter->text = parser->at->text;
        if (!template_parser_expect(parser, TOKEN_name, "the name of a parameter")) return false;
        if (template_parser_take_sign(parser, "=") &&
            !(parameter->a = template_parser_expression(parser, true)))
            return false;
        template_parser_append(&list, parameter);
    }
    parser->at++;
    *out = list.first;
    return true;
}

static bool parse_macro(Parser *parser, Node *node) {
    node->kind = NODE_macro;
    node->text = parser->at->text;
    return template_parser_expect(parser, TOKEN_name, "the name of the macro") &&
           template_parser_expect_sign(parser, "(") && parse_parameters(parser, &node->list) &&
           parse_until(parser, "endmacro", &node->body);
}

static bool parse_call_block(Parser *parser, Node *node) {
    node->kind = NODE_call_block;
    if (template_parser_take_sign(parser, "(") && !parse_parameters(parser, &node->list))
        return false;
    const Loc loc = parser->at->loc;
    node->a = template_parser_expression(parser, true);
    if (!node->a) return false;
    if (node->a->kind != NODE_call) return diag_error(parser->diag, loc, "expected a call");
    return parse_until(parser, "endcall", &node->body);
}

static bool parse_filter_block(Parser *parser, Node *node) {
    node->kind = NODE_filter_block;
    node->b = template_parser_first_filter(parser, NULL);
    return node->b && parse_until(parser, "endfilter", &node->body);
}

static bool parse_with(Parser *parser, Node *node) {
    NodeList list = {.end = &list.first};
    node->kind = NODE_with;
    while (parser->at->kind != TOKEN_end_block) {
        if (list.first && !template_parser_expect_sign(parser, ",")) return false;
        Node *set = template_parser_node(parser, NODE_set, parser->at->loc);
        set->a = template_parser_target(parser);
        if (!set->a || !template_parser_expect_sign(parser, "=")) return false;
        set->b = template_parser_expression(parser, true);
        if (!set->b) return false;
        template_parser_append(&list, set);
    }
    node->list = list.first;
    return parse_until(parser, "endwith", &node->body);
}

/* What a model wrote is marked by it, for training alone. */
static bool parse_generation(Parser *parser, Node *node) {
    node->kind = NODE_with;
    return parse_until(parser, "endgeneration", &node->body);
}

static bool parse_break(Parser *parser, Node *node) {
    (void)parser;
    node->kind = NODE_break;
    return true;
}

static bool parse_continue(Parser *parser, Node *node) {
    (void)parser;
    node->kind = NODE_continue;
    return true;
}

static bool parse_return(Parser *parser, Node *node) {
    node->kind = NODE_return;
    return (node->a = template_parser_tuple(parser, true));
}

static bool parse_statement(Parser *parser, Node **out) {
    static const struct {
        const char *word;
        bool (*parse)(Parser *parser, Node *node);
    } statements[] = {{"if", parse_if},           {"for", parse_for},
                      {"set", parse_set},         {"macro", parse_macro},
                      {"call", parse_call_block}, {"filter", parse_filter_block},
                      {"with", parse_with},       {"generation", parse_generation},
                      {"break", parse_break},     {"continue", parse_continue},
                      {"return", parse_return}};
    const Token *word = parser->at;
    const size_t count = sizeof statements / sizeof *statements - !parser->is_library;
    for (size_t i = 0; i < count; i++) {
        if (!template_parser_take_word(parser, statements[i].word)) continue;
        *out = template_parser_node(parser, NODE_text, word->loc);
        if (!template_parser_enter(parser)) return false;
        const bool is_parsed = statements[i].parse(parser, *out) && end_block(parser);
        parser->depth--;
        return is_parsed;
    }
    if (word->kind != TOKEN_name) return template_parser_fail(parser, "a statement");
    return diag_error(parser->diag, word->loc, "chat templates have no statement '%.*s' here",
                      (int)word->text.count, word->text.data);
}

/* ---- what stands between statements ---- */

static Node *parse_print(Parser *parser) {
    Node *node = template_parser_node(parser, NODE_print, parser->at++->loc);
    node->a = template_parser_tuple(parser, true);
    return node->a && template_parser_expect(parser, TOKEN_end_print, "'}}'") ? node : NULL;
}

static Node *parse_text(Parser *parser) {
    Node *node = template_parser_node(parser, NODE_text, parser->at->loc);
    node->text = parser->at++->text;
    return node;
}

static bool is_end(const Parser *parser, const char *const *ends) {
    for (; *ends; ends++)
        if (template_parser_is_word(parser, *ends)) return true;
    return false;
}

/* Up to the tag that begins with one of these words, at which it stops; null: up to the end. */
static bool parse_body(Parser *parser, const char *const *ends, Node **out) {
    NodeList list = {.end = &list.first};
    for (Node *node = NULL; parser->at->kind != TOKEN_end; template_parser_append(&list, node)) {
        if (parser->at->kind == TOKEN_begin_block) {
            parser->at++;
            if (ends && is_end(parser, ends)) {
                *out = list.first;
                return true;
            }
            if (!parse_statement(parser, &node)) return false;
        } else {
            node = parser->at->kind == TOKEN_text ? parse_text(parser) : parse_print(parser);
            if (!node) return false;
        }
    }
    *out = list.first;
    if (!ends) return true;
    while (ends[1]) ends++;
    diag_error(parser->diag, parser->at->loc, "the template ends within a block");
    return diag_hint(parser->diag, "expected '{%% %s %%}'", *ends);
}

bool template_parse(const Source *source, bool is_library, Arena *arena, Diag *diag, Node **out) {
    Parser parser = {.arena = arena, .diag = diag, .is_library = is_library};
    parser.at = template_lex(source, arena, diag);
    return parser.at && parse_body(&parser, NULL, out);
}
