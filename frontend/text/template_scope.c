/* template_scope.c - names, slots, and the words that code is emitted with. */
#include "frontend/text/template_compiler.h"

#include <stdarg.h>
#include <string.h>

bool bytes_are(Bytes bytes, const char *text) {
    return bytes.count == strlen(text) && memcmp(bytes.data, text, bytes.count) == 0;
}

static bool is_same(Bytes a, Bytes b) {
    return a.count == b.count && memcmp(a.data, b.data, a.count) == 0;
}

/* ---- instructions ---- */

void emit(Compiler *compiler, TemplateOp op, uint64_t a) {
    code_emit(&compiler->code, compiler->function, op, a, 0);
}

void emit_jump(Compiler *compiler, TemplateOp op, uint64_t a, Label *to) {
    code_jump(&compiler->code, compiler->function, op, a, to);
}

void emit_integer(Compiler *compiler, int64_t value) {
    emit(compiler, TEMPLATE_integer, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

void emit_string(Compiler *compiler, const char *text) {
    emit(compiler, TEMPLATE_string, code_string(&compiler->code, (Bytes){text, strlen(text)}));
}

void emit_builtin(Compiler *compiler, TemplateBuiltin which) {
    emit(compiler, TEMPLATE_builtin, which);
}

void emit_line(Compiler *compiler, Loc loc) {
    if (!compiler->is_library)
        emit(compiler, TEMPLATE_line, (uint64_t)diag_line_column(loc).line);
}

uint32_t new_slot(Compiler *compiler, uint32_t count) {
    const uint32_t first = compiler->function->slots;
    compiler->function->slots += count;
    return first;
}

bool refuse(Compiler *compiler, Loc loc, const char *format, ...) {
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (!compiler->conditions) return diag_error(compiler->diag, loc, "%s", message);
    char *kept = arena_printf(compiler->arena, "%s", message);
    emit_line(compiler, loc);
    emit(compiler, TEMPLATE_fail, code_string(&compiler->code, (Bytes){kept, strlen(kept)}));
    return true;
}

/* ---- scopes ---- */

void scope_begin(Compiler *compiler, Scope *scope) {
    scope->parent = compiler->scope;
    scope->function = compiler->function;
    compiler->scope = scope;
}

void scope_end(Compiler *compiler) {
    compiler->scope = compiler->scope->parent;
}

static const Variable *find_in(const Scope *scope, Bytes name) {
    for (const Variable *variable = scope->variables; variable; variable = variable->next)
        if (is_same(variable->name, name)) return variable;
    return NULL;
}

uint32_t scope_add(Compiler *compiler, Bytes name) {
    const Variable *known = find_in(compiler->scope, name);
    if (known) return known->slot;
    Variable *variable = ARENA_NEW(compiler->arena, Variable);
    *variable = (Variable){
        .next = compiler->scope->variables, .name = name, .slot = new_slot(compiler, 1)};
    compiler->scope->variables = variable;
    return variable->slot;
}

bool scope_load(Compiler *compiler, const Node *name) {
    for (const Scope *scope = compiler->scope; scope && scope->parent; scope = scope->parent) {
        const Variable *variable = find_in(scope, name->text);
        if (!variable) continue;
        if (scope->function == compiler->function)
            emit(compiler, TEMPLATE_load, variable->slot);
        else if (scope->function == compiler->root)
            emit(compiler, TEMPLATE_load_root, variable->slot);
        else
            return refuse(compiler, name->loc,
                          "'%.*s' belongs to the macro around this one, which is not supported",
                          (int)name->text.count, name->text.data);
        return true;
    }
    if (compiler->is_library) {
        return diag_error(compiler->diag, name->loc, "the library has no '%.*s'",
                          (int)name->text.count, name->text.data);
    }
    const uint32_t slot = code_string(&compiler->code, name->text);
    emit(compiler, compiler->function == compiler->root ? TEMPLATE_load : TEMPLATE_load_root, slot);
    return true;
}

void scope_store(Compiler *compiler, Bytes name) {
    const Scope *scope = compiler->scope;
    const Variable *variable = NULL;
    for (; scope && scope->parent && scope->function == compiler->function; scope = scope->parent)
        if ((variable = find_in(scope, name))) break;
    emit(compiler, TEMPLATE_store, variable ? variable->slot : code_string(&compiler->code, name));
}

const Scope *scope_loop(Compiler *compiler) {
    const Scope *scope = compiler->scope;
    while (scope && !scope->is_loop) scope = scope->parent;
    return scope && scope->function == compiler->function ? scope : NULL;
}

/* ---- what a body stores ---- */

static void add_name(Compiler *compiler, const Node *name) {
    if (find_in(compiler->scope, name->text)) return;
    Scope *inner = compiler->scope;
    compiler->scope = inner->parent; /* what it means outside */
    bool has_outside = !compiler->is_library;
    for (const Scope *scope = compiler->scope; !has_outside && scope; scope = scope->parent)
        has_outside = find_in(scope, name->text);
    if (has_outside) scope_load(compiler, name);
    compiler->scope = inner;
    const uint32_t slot = scope_add(compiler, name->text);
    if (has_outside) emit(compiler, TEMPLATE_store, slot);
}

static void add_target(Compiler *compiler, const Node *target) {
    if (target->kind == NODE_name) add_name(compiler, target);
    if (target->kind != NODE_tuple) return;
    for (const Node *node = target->list; node; node = node->next) add_target(compiler, node);
}

bool scope_add_stored(Compiler *compiler, const Node *body) {
    for (; body; body = body->next) {
        if (body->kind == NODE_set || body->kind == NODE_set_block) add_target(compiler, body->a);
        if (body->kind == NODE_macro) add_name(compiler, body);
        if (body->kind != NODE_if) continue;
        scope_add_stored(compiler, body->body);
        scope_add_stored(compiler, body->other);
    }
    return true;
}
