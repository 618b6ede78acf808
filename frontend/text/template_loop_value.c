/* template_loop_value.c - filters that go over a list: map, select, sort and their like. What they
 * compute of each item is code of its own, in a loop. */
#include "frontend/text/template_compiler.h"

#include <string.h>

/* A loop over a list that makes another. */
typedef struct Making {
    uint32_t list, made, item; /* slots; the index is list + 1 */
    Label *next, *end;
} Making;

/* Of the list on the stack; what is false, as none, has no items. */
static Making begin(Compiler *compiler) {
    Label *has_items = template_code_label(&compiler->code);
    template_emit_jump(compiler, TEMPLATE_or_jump, 0, has_items);
    template_emit(compiler, TEMPLATE_list, 0);
    template_code_place(compiler->function, has_items);
    const Making making = {.list = template_slot(compiler, 4),
                           .made = compiler->function->slots - 2,
                           .item = compiler->function->slots - 1,
                           .next = template_code_label(&compiler->code),
                           .end = template_code_label(&compiler->code)};
    template_emit(compiler, TEMPLATE_iterate, 0);
    template_emit(compiler, TEMPLATE_store, making.list);
    template_emit_integer(compiler, -1);
    template_emit(compiler, TEMPLATE_store, making.list + 1);
    template_emit(compiler, TEMPLATE_list, 0);
    template_emit(compiler, TEMPLATE_store, making.made);
    template_code_place(compiler->function, making.next);
    template_emit_jump(compiler, TEMPLATE_next, making.list, making.end);
    template_emit(compiler, TEMPLATE_store, making.item);
    return making;
}

static void append(Compiler *compiler, const Making *making, uint32_t slot) {
    template_emit(compiler, TEMPLATE_load, making->made);
    template_emit(compiler, TEMPLATE_load, slot);
    template_emit_builtin(compiler, TEMPLATE_CALL_append);
    template_emit(compiler, TEMPLATE_drop, 0);
}

static void end(Compiler *compiler, const Making *making) {
    template_emit_jump(compiler, TEMPLATE_jump, 0, making->next);
    template_code_place(compiler->function, making->end);
    template_emit(compiler, TEMPLATE_load, making->made);
}

/* ---- arguments ---- */

static const Node *named(const Node *list, const char *name) {
    while (list && !(list->text.data && template_bytes_are(list->text, name))) list = list->next;
    return list;
}

/* The argument of this name, or at this place. */
static const Node *argument(const Node *node, const char *name, int place) {
    const Node *list = node->list;
    for (int i = 0; list && i < place && !list->text.data; i++) list = list->next;
    if (list && !list->text.data) return list->a;
    list = named(node->list, name);
    return list ? list->a : NULL;
}

static bool push_or(Compiler *compiler, const Node *value, bool fallback) {
    if (value) return template_value(compiler, value);
    template_emit(compiler, TEMPLATE_boolean, fallback);
    return true;
}

/* a.b.0 of what is on the stack. */
static bool emit_path(Compiler *compiler, const Node *path) {
    if (path->kind == NODE_integer) {
        template_emit_integer(compiler, path->integer);
        template_emit(compiler, TEMPLATE_item, 0);
        return true;
    }
    if (path->kind != NODE_string || !path->text.count)
        return template_refuse(compiler, path->loc, "expected the name of an attribute in quotes");
    for (Bytes rest = path->text;;) {
        const char *point = memchr(rest.data, '.', rest.count);
        const Bytes name = {rest.data, point ? (size_t)(point - rest.data) : rest.count};
        int64_t index = 0;
        bool is_index = name.count > 0 && name.count < 10;
        for (size_t i = 0; is_index && i < name.count; i++) {
            is_index = name.data[i] >= '0' && name.data[i] <= '9';
            index = index * 10 + (name.data[i] - '0');
        }
        if (is_index)
            template_emit_integer(compiler, index);
        else
            template_emit(compiler, TEMPLATE_string, template_code_string(&compiler->code, name));
        template_emit(compiler, TEMPLATE_item, 0);
        if (!point) return true;
        rest = (Bytes){point + 1, rest.count - name.count - 1};
    }
}

/* The attributes of all items of the list on the stack. */
static bool map_path(Compiler *compiler, const Node *path, const Node *fallback) {
    const Making making = begin(compiler);
    template_emit(compiler, TEMPLATE_load, making.item);
    if (!emit_path(compiler, path)) return false;
    template_emit(compiler, TEMPLATE_store, making.item);
    if (fallback) {
        Label *is_there = template_code_label(&compiler->code);
        template_emit(compiler, TEMPLATE_load, making.item);
        template_emit(compiler, TEMPLATE_kind, 1U << KIND_undefined);
        template_emit_jump(compiler, TEMPLATE_jump_false, 0, is_there);
        if (!template_value(compiler, fallback)) return false;
        template_emit(compiler, TEMPLATE_store, making.item);
        template_code_place(compiler->function, is_there);
    }
    append(compiler, &making, making.item);
    end(compiler, &making);
    return true;
}

/* ---- an item as an expression ---- */

/* A scope in which a name that no template can have means the item. */
static void begin_item(Compiler *compiler, Scope *scope, uint32_t slot, Node *name) {
    template_scope_begin(compiler, scope);
    Variable *variable = ARENA_NEW(compiler->arena, Variable);
    char *text = arena_printf(compiler->arena, " %u", slot);
    *variable = (Variable){.name = {text, strlen(text)}, .slot = slot};
    scope->variables = variable;
    *name = (Node){.kind = NODE_name, .text = variable->name};
}

/* ---- the filters ---- */

static bool compile_map(Compiler *compiler, const Node *node) {
    const Node *attribute = named(node->list, "attribute"), *first = node->list;
    if (!template_value(compiler, node->a)) return false;
    if (attribute) {
        const Node *fallback = named(node->list, "default");
        return map_path(compiler, attribute->a, fallback ? fallback->a : NULL);
    }
    if (!first || first->a->kind != NODE_string)
        return template_refuse(compiler, node->loc,
                               "map(): expected the name of a filter in quotes");
    const Making making = begin(compiler);
    Scope scope = {0};
    Node item, filter = {.kind = NODE_filter, .loc = first->loc, .text = first->a->text};
    begin_item(compiler, &scope, making.item, &item);
    filter.a = &item;
    filter.list = first->next;
    compiler->conditions++;
    const bool is_done = template_filter(compiler, &filter);
    compiler->conditions--;
    template_scope_end(compiler);
    template_emit(compiler, TEMPLATE_store, making.item);
    append(compiler, &making, making.item);
    end(compiler, &making);
    return is_done;
}

/* select, reject: those of which a test holds, or does not; selectattr, rejectattr: of an attribute
 * of which it does. */
static bool compile_select(Compiler *compiler, const Node *node, bool is_rejecting, bool has_path) {
    const Node *rest = node->list;
    const Node *path = has_path && rest ? rest->a : NULL;
    if (has_path && !path) return diag_error(compiler->diag, node->loc, "expected an attribute");
    if (has_path) rest = rest->next;
    if (rest && rest->a->kind != NODE_string)
        return template_refuse(compiler, rest->loc, "expected the name of a test in quotes");
    if (!template_value(compiler, node->a)) return false;
    const Making making = begin(compiler);
    const uint32_t part = template_slot(compiler, 1);
    template_emit(compiler, TEMPLATE_load, making.item);
    if (path && !emit_path(compiler, path)) return false;
    template_emit(compiler, TEMPLATE_store, part);
    Scope scope = {0};
    Node item, test = {.kind = NODE_test, .loc = node->loc};
    begin_item(compiler, &scope, part, &item);
    test.a = &item;
    test.text = rest ? rest->a->text : (Bytes){0};
    test.list = rest ? rest->next : NULL;
    compiler->conditions++;
    const bool is_done = rest ? template_test(compiler, &test) : template_value(compiler, &item);
    compiler->conditions--;
    template_scope_end(compiler);
    if (is_rejecting) template_emit(compiler, TEMPLATE_not, 0);
    template_emit_jump(compiler, TEMPLATE_jump_false, 0, making.next);
    append(compiler, &making, making.item);
    end(compiler, &making);
    return is_done;
}

/* Pushes the list, and what its items are compared by. */
static bool push_keys(Compiler *compiler, const Node *node, const Node *attribute) {
    const uint32_t slot = template_slot(compiler, 1);
    if (!template_value(compiler, node->a)) return false;
    template_emit(compiler, TEMPLATE_store, slot);
    template_emit(compiler, TEMPLATE_load, slot);
    template_emit(compiler, TEMPLATE_load, slot);
    return !attribute || map_path(compiler, attribute, NULL);
}

static bool begin_library(Compiler *compiler, const char *name) {
    uint32_t function;
    if (!template_library_function(compiler, name, &function)) return false;
    template_emit(compiler, TEMPLATE_function, function);
    return true;
}

static bool end_library(Compiler *compiler, uint64_t count) {
    template_code_emit(&compiler->code, compiler->function, TEMPLATE_call, count, 0);
    return true;
}

static bool compile_sort(Compiler *compiler, const Node *node) {
    return begin_library(compiler, "sort") &&
           push_keys(compiler, node, argument(node, "attribute", 2)) &&
           push_or(compiler, argument(node, "reverse", 0), false) &&
           push_or(compiler, argument(node, "case_sensitive", 1), false) &&
           end_library(compiler, 4);
}

static bool compile_unique(Compiler *compiler, const Node *node) {
    return begin_library(compiler, "unique") &&
           push_keys(compiler, node, argument(node, "attribute", 1)) &&
           push_or(compiler, argument(node, "case_sensitive", 0), false) &&
           end_library(compiler, 3);
}

static bool compile_extreme(Compiler *compiler, const Node *node, bool is_greatest) {
    if (!begin_library(compiler, "sort") ||
        !push_keys(compiler, node, argument(node, "attribute", 1)))
        return false;
    template_emit(compiler, TEMPLATE_boolean, is_greatest);
    if (!push_or(compiler, argument(node, "case_sensitive", 0), false)) return false;
    end_library(compiler, 4);
    template_emit_integer(compiler, 0);
    template_emit(compiler, TEMPLATE_item, 0);
    return true;
}

static bool compile_join(Compiler *compiler, const Node *node) {
    const Node *between = argument(node, "d", 0), *attribute = argument(node, "attribute", 1);
    if (!begin_library(compiler, "join") || !template_value(compiler, node->a)) return false;
    if (attribute && !map_path(compiler, attribute, NULL)) return false;
    if (!between)
        template_emit_string(compiler, "");
    else if (!template_value(compiler, between))
        return false;
    return end_library(compiler, 2);
}

static bool compile_sum(Compiler *compiler, const Node *node) {
    const Node *attribute = argument(node, "attribute", 0), *start = argument(node, "start", 1);
    if (!begin_library(compiler, "sum") || !template_value(compiler, node->a)) return false;
    if (attribute && !map_path(compiler, attribute, NULL)) return false;
    if (!start)
        template_emit_integer(compiler, 0);
    else if (!template_value(compiler, start))
        return false;
    return end_library(compiler, 2);
}

bool template_loop_filter(Compiler *compiler, const Node *node, bool *is_done) {
    const Bytes name = node->text;
    if (template_bytes_are(name, "map"))
        *is_done = compile_map(compiler, node);
    else if (template_bytes_are(name, "select") || template_bytes_are(name, "reject"))
        *is_done = compile_select(compiler, node, *name.data == 'r', false);
    else if (template_bytes_are(name, "selectattr") || template_bytes_are(name, "rejectattr"))
        *is_done = compile_select(compiler, node, *name.data == 'r', true);
    else if (template_bytes_are(name, "sort"))
        *is_done = compile_sort(compiler, node);
    else if (template_bytes_are(name, "unique"))
        *is_done = compile_unique(compiler, node);
    else if (template_bytes_are(name, "min") || template_bytes_are(name, "max"))
        *is_done = compile_extreme(compiler, node, template_bytes_are(name, "max"));
    else if (template_bytes_are(name, "join"))
        *is_done = compile_join(compiler, node);
    else if (template_bytes_are(name, "sum"))
        *is_done = compile_sum(compiler, node);
    else
        return false;
    return true;
}
