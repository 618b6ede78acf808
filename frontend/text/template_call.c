/* template_call.c - code of calls: functions, methods, filters and tests, by template_names.def. */
#include "frontend/text/template_compiler.h"

#include <stdlib.h>
#include <string.h>

typedef struct Row {
    const char *name, *function, *parameters;
} Row;

static const Row filters[] = {
#define FILTER(name, function, parameters) {#name, #function, parameters},
#include "frontend/text/template_names.def"
    {0}};

static const Row methods[] = {
#define METHOD(name, function, parameters) {#name, #function, parameters},
#include "frontend/text/template_names.def"
    {0}};

static const Row functions[] = {
#define FUNCTION(name, function, parameters) {#name, #function, parameters},
#include "frontend/text/template_names.def"
    {0}};

static const struct {
    const char *name;
    uint32_t kinds;
} tests[] = {
#define TEST(name, kinds) {#name, kinds},
#include "frontend/text/template_names.def"
};

static const char *const builtins[] = {
#define BUILTIN(name, arguments) #name,
#include "runtime/text/template_builtins.def"
#undef BUILTIN
};

static const Row *find_row(const Row *rows, Bytes name) {
    while (rows->name && !template_bytes_are(name, rows->name)) rows++;
    return rows->name ? rows : NULL;
}

static int find_builtin(Bytes name) {
    for (int i = 0; i < TEMPLATE_BUILTINS; i++)
        if (template_bytes_are(name, builtins[i])) return i;
    return -1;
}

bool template_library_function(Compiler *compiler, const char *name, uint32_t *out) {
    LibraryMacro *macro = compiler->library;
    while (macro && !template_bytes_are(macro->node->text, name)) macro = macro->next;
    if (!macro) return false;
    if (!macro->function) {
        Compiler own = *compiler;
        own.scope = &(Scope){0};
        own.loop = NULL;
        own.captures = own.conditions = 0;
        own.is_library = true;
        macro->function = own.code.function_count; /* which it may call itself by */
        const bool is_done = template_function(&own, macro->node->text, macro->node->list,
                                               macro->node->body, &macro->function);
        compiler->code = own.code;
        if (!is_done) return false;
    }
    *out = macro->function;
    return true;
}

/* ---- arguments ---- */

typedef struct Arguments {
    Compiler *compiler;
    const Node *node;       /* the call */
    const char *kind;       /* "filter" */
    const Node *positional; /* that comes next */
    int taken;
} Arguments;

static const Node *find_named(const Node *list, Bytes name) {
    while (list && (!list->text.data || list->text.count != name.count ||
                    memcmp(list->text.data, name.data, name.count) != 0))
        list = list->next;
    return list;
}

/* none, true, false, undefined, 'text', or a number. */
static void emit_constant(Compiler *compiler, Bytes text) {
    if (template_bytes_are(text, "none"))
        template_emit(compiler, TEMPLATE_none, 0);
    else if (template_bytes_are(text, "undefined"))
        template_emit(compiler, TEMPLATE_undefined,
                      template_code_string(&compiler->code, (Bytes){"", 0}));
    else if (template_bytes_are(text, "true") || template_bytes_are(text, "false"))
        template_emit(compiler, TEMPLATE_boolean, *text.data == 't');
    else if (*text.data == '\'')
        template_emit(
            compiler, TEMPLATE_string,
            template_code_string(&compiler->code, (Bytes){text.data + 1, text.count - 2}));
    else
        template_emit_integer(compiler, atoi(text.data));
}

/* One of the parameters, "name" or "name=default". */
static bool push_argument(Arguments *arguments, Bytes word) {
    Compiler *compiler = arguments->compiler;
    const char *equals = memchr(word.data, '=', word.count);
    const Bytes name = {word.data, equals ? (size_t)(equals - word.data) : word.count};
    const Node *given = arguments->positional;
    if (given)
        arguments->positional = given->next && !given->next->text.data ? given->next : NULL;
    else
        given = find_named(arguments->node->list, name);
    if (given) {
        arguments->taken++;
        return template_value(compiler, given->a);
    }
    if (!equals)
        return diag_error(compiler->diag, arguments->node->loc, "%s needs an argument '%.*s'",
                          arguments->kind, (int)name.count, name.data);
    emit_constant(compiler, (Bytes){equals + 1, word.count - name.count - 1});
    return true;
}

/* What is left over is an error. */
static bool check_all(const Arguments *arguments) {
    int count = 0;
    const Node *last = NULL;
    for (const Node *node = arguments->node->list; node; node = node->next, count++) last = node;
    if (count <= arguments->taken) return true;
    if (last->text.data)
        return diag_error(arguments->compiler->diag, last->loc, "%s takes no argument '%.*s'",
                          arguments->kind, (int)last->text.count, last->text.data);
    return diag_error(arguments->compiler->diag, last->loc, "%s takes fewer arguments",
                      arguments->kind);
}

static Bytes next_word(const char **at) {
    while (**at == ' ') ++*at;
    const char *begin = *at;
    while (**at && **at != ' ') ++*at;
    return (Bytes){begin, (size_t)(*at - begin)};
}

static void emit_to_text(Compiler *compiler) {
    const uint32_t slot = template_slot(compiler, 1);
    template_emit(compiler, TEMPLATE_store, slot);
    template_emit(compiler, TEMPLATE_capture, 0);
    template_emit(compiler, TEMPLATE_load, slot);
    template_emit(compiler, TEMPLATE_out, 0);
    template_emit(compiler, TEMPLATE_captured, 0);
}

/* The arguments that a row wants behind its value. *count grows by them. */
static bool push_arguments(Compiler *compiler, const Node *node, const char *kind,
                           const char *parameters, uint64_t *count) {
    Arguments arguments = {.compiler = compiler, .node = node, .kind = kind};
    if (node->list && !node->list->text.data) arguments.positional = node->list;
    for (;;) {
        const Bytes word = next_word(&parameters);
        if (!word.count) return check_all(&arguments);
        if (*word.data == '$') {
            emit_to_text(compiler);
            continue;
        }
        ++*count;
        if (*word.data == ':')
            emit_constant(compiler, (Bytes){word.data + 1, word.count - 1});
        else if (!push_argument(&arguments, word))
            return false;
    }
}

/* ---- calls of rows ---- */

/* Before the arguments of a function of the library stands the function. */
static bool begin_row(Compiler *compiler, const char *name, int *builtin) {
    uint32_t function;
    *builtin = find_builtin((Bytes){name, strlen(name)});
    if (*builtin >= 0) return true;
    if (!template_library_function(compiler, name, &function)) return false;
    template_emit(compiler, TEMPLATE_function, function);
    return true;
}

static void end_row(Compiler *compiler, int builtin, uint64_t count) {
    if (builtin >= 0)
        template_emit_builtin(compiler, (TemplateBuiltin)builtin);
    else
        template_code_emit(&compiler->code, compiler->function, TEMPLATE_call, count, 0);
}

/* value is null for functions, which have none, and where `slot` has it. */
static bool call_row(Compiler *compiler, const Row *row, const char *kind, const Node *node,
                     const Node *value, const uint32_t *slot) {
    int builtin;
    uint64_t count = value || slot;
    if (!begin_row(compiler, row->function, &builtin)) return false;
    if (slot) template_emit(compiler, TEMPLATE_load, *slot);
    if (value && !template_value(compiler, value)) return false;
    if (!push_arguments(compiler, node, kind, row->parameters, &count)) return false;
    end_row(compiler, builtin, count);
    return true;
}

/* ---- functions ---- */

bool template_is_global(const Compiler *compiler, Bytes name) {
    if (!find_row(functions, name) && !template_bytes_are(name, "range") &&
        !template_bytes_are(name, "namespace") && !template_bytes_are(name, "dict"))
        return false;
    const uint32_t slot = template_code_string((Code *)&compiler->code, name);
    return slot >= compiler->names || !compiler->is_stored[slot];
}

/* namespace(a=1), dict(a=1), or either of a dict. */
static bool call_dict(Compiler *compiler, const Node *node) {
    uint64_t count = 0;
    const Node *argument = node->list;
    const bool is_copy = argument && !argument->text.data;
    if (is_copy) {
        int builtin;
        if (!begin_row(compiler, "copy_dict", &builtin) || !template_value(compiler, argument->a))
            return false;
        argument = argument->next;
    }
    for (; argument; argument = argument->next, count++) {
        if (!argument->text.data)
            return diag_error(compiler->diag, argument->loc, "expected a name and '='");
        template_emit(compiler, TEMPLATE_string,
                      template_code_string(&compiler->code, argument->text));
        if (!template_value(compiler, argument->a)) return false;
    }
    template_emit(compiler, TEMPLATE_dict, count);
    if (is_copy) template_code_emit(&compiler->code, compiler->function, TEMPLATE_call, 2, 0);
    if (template_bytes_are(node->a->text, "namespace"))
        template_emit_builtin(compiler, TEMPLATE_CALL_namespace);
    return true;
}

static bool call_range(Compiler *compiler, const Node *node) {
    static const Row rows[] = {{"range", "range", ":0 stop :1"},
                               {"range", "range", "start stop step=1"}};
    return call_row(compiler, &rows[node->list && node->list->next], "range", node, NULL, NULL);
}

static bool call_global(Compiler *compiler, const Node *node) {
    if (template_bytes_are(node->a->text, "range")) return call_range(compiler, node);
    const Row *row = find_row(functions, node->a->text);
    if (!row) return call_dict(compiler, node);
    return call_row(compiler, row, row->name, node, NULL, NULL);
}

/* In the library, a name that is called is a builtin or a macro of the library. */
static bool call_in_library(Compiler *compiler, const Node *node) {
    int builtin;
    if (template_bytes_are(node->a->text, "namespace")) return call_dict(compiler, node);
    uint64_t count = 0;
    char *name =
        arena_printf(compiler->arena, "%.*s", (int)node->a->text.count, node->a->text.data);
    if (!begin_row(compiler, name, &builtin))
        return diag_error(compiler->diag, node->loc, "the library has no '%s'", name);
    for (const Node *argument = node->list; argument; argument = argument->next, count++)
        if (!template_value(compiler, argument->a)) return false;
    end_row(compiler, builtin, count);
    return true;
}

/* A macro, or what else a value turns out to be. */
static bool call_value(Compiler *compiler, const Node *node) {
    uint64_t count = 0, named = 0;
    if (!template_value(compiler, node->a)) return false;
    for (const Node *argument = node->list; argument; argument = argument->next) {
        if (argument->text.data)
            template_emit(compiler, TEMPLATE_string,
                          template_code_string(&compiler->code, argument->text));
        if (!template_value(compiler, argument->a)) return false;
        if (argument->text.data)
            named++;
        else
            count++;
    }
    template_code_emit(&compiler->code, compiler->function, TEMPLATE_call, count, named);
    return true;
}

/* "{} {name}".format(value, name=value): its arguments as a list and a dict. */
static bool call_format(Compiler *compiler, const Node *node, const char *name) {
    int builtin;
    uint64_t count = 0;
    if (!begin_row(compiler, name, &builtin) || !template_value(compiler, node->a)) return false;
    const Node *argument = node->list;
    for (; argument && !argument->text.data; argument = argument->next, count++)
        if (!template_value(compiler, argument->a)) return false;
    template_emit(compiler, TEMPLATE_list, count);
    for (count = 0; argument; argument = argument->next, count++) {
        template_emit(compiler, TEMPLATE_string,
                      template_code_string(&compiler->code, argument->text));
        if (!template_value(compiler, argument->a)) return false;
    }
    template_emit(compiler, TEMPLATE_dict, count);
    end_row(compiler, builtin, 3);
    return true;
}

/* loop.cycle(a, b): one of them in turn. */
static bool call_cycle(Compiler *compiler, const Node *node, const Scope *loop) {
    uint64_t count = 0;
    for (const Node *argument = node->list; argument; argument = argument->next, count++)
        if (!template_value(compiler, argument->a)) return false;
    if (!count) return diag_error(compiler->diag, node->loc, "loop.cycle needs arguments");
    template_emit(compiler, TEMPLATE_tuple, count);
    template_emit(compiler, TEMPLATE_load, loop->loop + 1);
    template_emit_integer(compiler, (int64_t)count);
    template_emit(compiler, TEMPLATE_modulo, 0);
    template_emit(compiler, TEMPLATE_item, 0);
    return true;
}

bool template_call(Compiler *compiler, const Node *node) {
    const Node *callee = node->a;
    if (callee->kind == NODE_name && compiler->is_library) return call_in_library(compiler, node);
    if (callee->kind == NODE_name && template_is_global(compiler, callee->text))
        return call_global(compiler, node);
    if (callee->kind != NODE_attribute) return call_value(compiler, node);
    const Scope *loop = template_scope_loop(compiler);
    if (loop && callee->a->kind == NODE_name && template_bytes_are(callee->a->text, "loop") &&
        template_bytes_are(callee->text, "cycle"))
        return call_cycle(compiler, node, loop);
    const Row *row = find_row(methods, callee->text);
    if (!row) return call_value(compiler, node);
    if (template_bytes_are(callee->text, "format")) {
        const Node call = {.loc = node->loc, .a = callee->a, .list = node->list};
        return call_format(compiler, &call, "format");
    }
    return call_row(compiler, row, row->name, node, callee->a, NULL);
}

/* ---- filters ---- */

/* default(value, other, whether anything false gets it): the last is known, as all templates have
 * it. */
static bool compile_default(Compiler *compiler, const Node *node) {
    const Node *other = node->list, *boolean = other ? other->next : NULL;
    if (boolean && boolean->a->kind != NODE_boolean)
        return template_refuse(compiler, boolean->loc, "default(): expected true or false");
    Label *end = template_code_label(&compiler->code),
          *replace = template_code_label(&compiler->code);
    if (!template_value(compiler, node->a)) return false;
    if (boolean && boolean->a->integer) {
        template_emit_jump(compiler, TEMPLATE_or_jump, 0, end);
    } else {
        const uint32_t slot = template_slot(compiler, 1);
        template_emit(compiler, TEMPLATE_store, slot);
        template_emit(compiler, TEMPLATE_load, slot);
        template_emit(compiler, TEMPLATE_kind, 1U << KIND_undefined);
        template_emit(compiler, TEMPLATE_not, 0);
        template_emit_jump(compiler, TEMPLATE_jump_false, 0, replace);
        template_emit(compiler, TEMPLATE_load, slot);
        template_emit_jump(compiler, TEMPLATE_jump, 0, end);
    }
    template_code_place(compiler->function, replace);
    if (!other)
        template_emit_string(compiler, "");
    else if (!template_value(compiler, other->a))
        return false;
    template_code_place(compiler->function, end);
    return true;
}

bool template_filter(Compiler *compiler, const Node *node) {
    bool is_done;
    const Bytes name = node->text;
    if (template_bytes_are(name, "safe")) return template_value(compiler, node->a);
    if (template_bytes_are(name, "default") || template_bytes_are(name, "d"))
        return compile_default(compiler, node);
    if (template_bytes_are(name, "string")) {
        if (!template_value(compiler, node->a)) return false;
        emit_to_text(compiler);
        return true;
    }
    if (template_bytes_are(name, "format")) return call_format(compiler, node, "percent");
    if (template_loop_filter(compiler, node, &is_done)) return is_done;
    const Row *row = find_row(filters, name);
    if (row) return call_row(compiler, row, row->name, node, node->a, NULL);
    return template_refuse(compiler, node->loc, "chat templates have no filter '%.*s' here",
                           (int)name.count, name.data);
}

/* ---- tests ---- */

static void emit_not_if(Compiler *compiler, bool is_negated) {
    if (is_negated) template_emit(compiler, TEMPLATE_not, 0);
}

/* Those that are an operator: value is eq(other). */
static const char *find_operator(Bytes name, TemplateOp *op, bool *is_negated) {
    static const struct {
        const char *name;
        TemplateOp op;
        bool is_negated;
    } operators[] = {{"eq", TEMPLATE_equal, false},
                     {"equalto", TEMPLATE_equal, false},
                     {"==", TEMPLATE_equal, false},
                     {"ne", TEMPLATE_equal, true},
                     {"!=", TEMPLATE_equal, true},
                     {"lt", TEMPLATE_less, false},
                     {"<", TEMPLATE_less, false},
                     {"lessthan", TEMPLATE_less, false},
                     {"le", TEMPLATE_less_equal, false},
                     {"<=", TEMPLATE_less_equal, false},
                     {"gt", TEMPLATE_greater, false},
                     {">", TEMPLATE_greater, false},
                     {"greaterthan", TEMPLATE_greater, false},
                     {"ge", TEMPLATE_greater_equal, false},
                     {">=", TEMPLATE_greater_equal, false},
                     {"in", TEMPLATE_in, false},
                     {"sameas", TEMPLATE_equal, false}};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!template_bytes_are(name, operators[i].name)) continue;
        *op = operators[i].op;
        *is_negated = operators[i].is_negated;
        return operators[i].name;
    }
    return NULL;
}

/* value % number == rest */
static void emit_modulo(Compiler *compiler, int64_t number, int64_t rest) {
    if (number) template_emit_integer(compiler, number);
    template_emit(compiler, TEMPLATE_modulo, 0);
    template_emit_integer(compiler, rest);
    template_emit(compiler, TEMPLATE_equal, 0);
}

/* is true, is false: a boolean, and not a number that equals it. */
static void emit_is_boolean(Compiler *compiler, bool wanted) {
    Label *end = template_code_label(&compiler->code);
    const uint32_t slot = template_slot(compiler, 1);
    template_emit(compiler, TEMPLATE_store, slot);
    template_emit(compiler, TEMPLATE_load, slot);
    template_emit(compiler, TEMPLATE_kind, 1U << KIND_boolean);
    template_emit_jump(compiler, TEMPLATE_and_jump, 0, end);
    template_emit(compiler, TEMPLATE_load, slot);
    template_emit(compiler, TEMPLATE_boolean, wanted);
    template_emit(compiler, TEMPLATE_equal, 0);
    template_code_place(compiler->function, end);
}

static bool compile_named_test(Compiler *compiler, const Node *node) {
    const Bytes name = node->text;
    TemplateOp op;
    bool is_negated;
    if (find_operator(name, &op, &is_negated)) {
        if (!node->list)
            return diag_error(compiler->diag, node->loc, "the test '%.*s' needs an argument",
                              (int)name.count, name.data);
        if (!template_value(compiler, node->list->a)) return false;
        template_emit(compiler, op, 0);
        emit_not_if(compiler, is_negated);
    } else if (template_bytes_are(name, "true") || template_bytes_are(name, "false")) {
        emit_is_boolean(compiler, *name.data == 't');
    } else if (template_bytes_are(name, "odd") || template_bytes_are(name, "even")) {
        emit_modulo(compiler, 2, template_bytes_are(name, "odd"));
    } else if (template_bytes_are(name, "divisibleby") && node->list) {
        if (!template_value(compiler, node->list->a)) return false;
        emit_modulo(compiler, 0, 0);
    } else {
        for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
            if (!template_bytes_are(name, tests[i].name)) continue;
            template_emit(compiler, TEMPLATE_kind, tests[i].kinds & ((1U << KINDS) - 1));
            return true;
        }
        return template_refuse(compiler, node->loc, "chat templates have no test '%.*s' here",
                               (int)name.count, name.data);
    }
    return true;
}

bool template_test(Compiler *compiler, const Node *node) {
    int builtin;
    const bool is_lower = template_bytes_are(node->text, "lower");
    const bool is_case = is_lower || template_bytes_are(node->text, "upper");
    if (is_case && !begin_row(compiler, "is_case", &builtin)) return false;
    if (!template_value(compiler, node->a)) return false;
    if (is_case) {
        emit_to_text(compiler);
        template_emit_integer(compiler, !is_lower);
        end_row(compiler, -1, 2);
    } else if (!compile_named_test(compiler, node)) {
        return false;
    }
    emit_not_if(compiler, node->is_negated);
    return true;
}

/* ---- filters of blocks ---- */

bool template_filters_of_top(Compiler *compiler, const Node *filter) {
    const uint32_t slot = template_slot(compiler, 1);
    const Bytes name = {arena_printf(compiler->arena, " %u", slot), 0};
    Scope scope = {0};
    template_scope_begin(compiler, &scope);
    Variable variable = {.name = {name.data, strlen(name.data)}, .slot = slot};
    scope.variables = &variable;
    template_emit(compiler, TEMPLATE_store, slot);
    Node value = {.kind = NODE_name, .loc = filter->loc, .text = variable.name};
    /* The innermost filter has no value of its own: it gets this one for now. */
    Node *innermost = (Node *)(uintptr_t)filter;
    while (innermost->a) innermost = innermost->a;
    innermost->a = &value;
    const bool is_done = template_value(compiler, filter);
    innermost->a = NULL;
    template_scope_end(compiler);
    return is_done;
}
