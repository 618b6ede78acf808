/* template_scope.c - names, slots, and the words that code is emitted with. */
#include "frontend/text/template_compiler.h"

#include <stdarg.h>
#include <string.h>

bool template_bytes_are(Bytes bytes, const char *text) {
    return bytes.count == strlen(text) && memcmp(bytes.data, text, bytes.count) == 0;
}

static bool is_same(Bytes a, Bytes b) {
    return a.count == b.count && memcmp(a.data, b.data, a.count) == 0;
}

/* ---- instructions ---- */

void template_emit(Compiler *compiler, TemplateOp op, uint64_t a) {
    template_code_emit(&compiler->code, compiler->function, op, a, 0);
}

void template_emit_jump(Compiler *compiler, TemplateOp op, uint64_t a, Label *to) {
    template_code_jump(&compiler->code, compiler->function, op, a, to);
}

void template_emit_integer(Compiler *compiler, int64_t value) {
    template_emit(compiler, TEMPLATE_integer, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

void template_emit_string(Compiler *compiler, const char *text) {
    template_emit(compiler, TEMPLATE_string,
                  template_code_string(&compiler->code, (Bytes){text, strlen(text)}));
}

void template_emit_builtin(Compiler *compiler, TemplateBuiltin which) {
    template_emit(compiler, TEMPLATE_builtin, which);
}

void template_emit_line(Compiler *compiler, Loc loc) {
    if (!compiler->is_library)
        template_emit(compiler, TEMPLATE_line, (uint64_t)diag_line_column(loc).line);
}

uint32_t template_slot(Compiler *compiler, uint32_t count) {
    const uint32_t first = compiler->function->slots;
    compiler->function->slots += count;
    return first;
}

bool template_refuse(Compiler *compiler, Loc loc, const char *format, ...) {
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (!compiler->conditions) return diag_error(compiler->diag, loc, "%s", message);
    char *kept = arena_printf(compiler->arena, "%s", message);
    template_emit_line(compiler, loc);
    template_emit(compiler, TEMPLATE_fail,
                  template_code_string(&compiler->code, (Bytes){kept, strlen(kept)}));
    return true;
}

/* ---- scopes ---- */

void template_scope_begin(Compiler *compiler, Scope *scope) {
    scope->parent = compiler->scope;
    scope->function = compiler->function;
    compiler->scope = scope;
}

void template_scope_end(Compiler *compiler) {
    compiler->scope = compiler->scope->parent;
}

static const Variable *find_in(const Scope *scope, Bytes name) {
    for (const Variable *variable = scope->variables; variable; variable = variable->next)
        if (is_same(variable->name, name)) return variable;
    return NULL;
}

uint32_t template_scope_add(Compiler *compiler, Bytes name) {
    const Variable *known = find_in(compiler->scope, name);
    if (known) return known->slot;
    Variable *variable = ARENA_NEW(compiler->arena, Variable);
    *variable = (Variable){
        .next = compiler->scope->variables, .name = name, .slot = template_slot(compiler, 1)};
    compiler->scope->variables = variable;
    return variable->slot;
}

bool template_scope_load(Compiler *compiler, const Node *name) {
    for (const Scope *scope = compiler->scope; scope && scope->parent; scope = scope->parent) {
        const Variable *variable = find_in(scope, name->text);
        if (!variable) continue;
        if (scope->function == compiler->function)
            template_emit(compiler, TEMPLATE_load, variable->slot);
        else if (scope->function == compiler->root)
            template_emit(compiler, TEMPLATE_load_root, variable->slot);
        else
            return template_refuse(
                compiler, name->loc,
                "'%.*s' belongs to the macro around this one, which is not supported",
                (int)name->text.count, name->text.data);
        return true;
    }
    if (compiler->is_library) {
        return diag_error(compiler->diag, name->loc, "the library has no '%.*s'",
                          (int)name->text.count, name->text.data);
    }
    const uint32_t slot = template_code_string(&compiler->code, name->text);
    template_emit(compiler,
                  compiler->function == compiler->root ? TEMPLATE_load : TEMPLATE_load_root, slot);
    return true;
}

void template_scope_store(Compiler *compiler, Bytes name) {
    const Scope *scope = compiler->scope;
    const Variable *variable = NULL;
    for (; scope && scope->parent && scope->function == compiler->function; scope = scope->parent)
        if ((variable = find_in(scope, name))) break;
    template_emit(compiler, TEMPLATE_store,
                  variable ? variable->slot : template_code_string(&compiler->code, name));
}

const Scope *template_scope_loop(Compiler *compiler) {
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
    if (has_outside) template_scope_load(compiler, name);
    compiler->scope = inner;
    const uint32_t slot = template_scope_add(compiler, name->text);
    if (has_outside) template_emit(compiler, TEMPLATE_store, slot);
}

static void add_target(Compiler *compiler, const Node *target) {
    if (target->kind == NODE_name) add_name(compiler, target);
    if (target->kind != NODE_tuple) return;
    for (const Node *node = target->list; node; node = node->next) add_target(compiler, node);
}

bool template_scope_add_stored(Compiler *compiler, const Node *body) {
    for (; body; body = body->next) {
        if (body->kind == NODE_set || body->kind == NODE_set_block) add_target(compiler, body->a);
        if (body->kind == NODE_macro) add_name(compiler, body);
        if (body->kind != NODE_if) continue;
        template_scope_add_stored(compiler, body->body);
        template_scope_add_stored(compiler, body->other);
    }
    return true;
}
