/* template_compile.c - code of statements, and of the whole template. */
#include "frontend/text/template_compile.h"
#include "frontend/text/template_compiler.h"
#include "frontend/text/template_library.h"

#include <string.h>

/* ---- loops ---- */

/* The list on the stack becomes that of a loop, before its first item. */
static void begin_list(Compiler *compiler, uint32_t slot) {
    template_emit(compiler, TEMPLATE_iterate, 0);
    template_emit(compiler, TEMPLATE_store, slot);
    template_emit_integer(compiler, -1);
    template_emit(compiler, TEMPLATE_store, slot + 1);
}

static void add_targets(Compiler *compiler, const Node *target) {
    if (target->kind == NODE_name) template_scope_add(compiler, target->text);
    if (target->kind != NODE_tuple) return;
    for (const Node *node = target->list; node; node = node->next) add_targets(compiler, node);
}

/* for ... if: what the loop goes over are the items of which the test holds. */
static bool filter_list(Compiler *compiler, const Node *node, uint32_t slot) {
    const uint32_t made = template_slot(compiler, 2), item = made + 1;
    Label *next = template_code_label(&compiler->code), *end = template_code_label(&compiler->code);
    Scope scope = {0};
    template_scope_begin(compiler, &scope);
    add_targets(compiler, node->a);
    template_emit(compiler, TEMPLATE_list, 0);
    template_emit(compiler, TEMPLATE_store, made);
    template_code_place(compiler->function, next);
    template_emit_jump(compiler, TEMPLATE_next, slot, end);
    template_emit(compiler, TEMPLATE_store, item);
    template_emit(compiler, TEMPLATE_load, item);
    bool is_done = template_store(compiler, node->a) && template_value(compiler, node->c);
    template_emit_jump(compiler, TEMPLATE_jump_false, 0, next);
    template_emit(compiler, TEMPLATE_load, made);
    template_emit(compiler, TEMPLATE_load, item);
    template_emit_builtin(compiler, TEMPLATE_CALL_append);
    template_emit(compiler, TEMPLATE_drop, 0);
    template_emit_jump(compiler, TEMPLATE_jump, 0, next);
    template_code_place(compiler->function, end);
    template_emit(compiler, TEMPLATE_load, made);
    begin_list(compiler, slot);
    template_scope_end(compiler);
    return is_done;
}

static bool compile_for_body(Compiler *compiler, const Node *node, uint32_t slot, Loop *loop) {
    Scope scope = {.is_loop = true, .loop = slot};
    template_scope_begin(compiler, &scope);
    add_targets(compiler, node->a);
    loop->parent = compiler->loop;
    loop->captures = compiler->captures;
    compiler->loop = loop;
    const bool is_done = template_store(compiler, node->a) &&
                         template_scope_add_stored(compiler, node->body) &&
                         template_body(compiler, node->body);
    compiler->loop = loop->parent;
    template_scope_end(compiler);
    return is_done;
}

static bool compile_scoped(Compiler *compiler, const Node *body) {
    Scope scope = {0};
    template_scope_begin(compiler, &scope);
    const bool is_done = template_scope_add_stored(compiler, body) && template_body(compiler, body);
    template_scope_end(compiler);
    return is_done;
}

static bool compile_for(Compiler *compiler, const Node *node) {
    const uint32_t slot = template_slot(compiler, 2);
    Label *end = template_code_label(&compiler->code),
          *empty = template_code_label(&compiler->code);
    Loop loop = {.next = template_code_label(&compiler->code),
                 .end = template_code_label(&compiler->code)};
    if (!template_value(compiler, node->b)) return false;
    begin_list(compiler, slot);
    compiler->conditions++;
    bool is_done = !node->c || filter_list(compiler, node, slot);
    template_code_place(compiler->function, loop.next);
    template_emit_jump(compiler, TEMPLATE_next, slot, end);
    is_done = is_done && compile_for_body(compiler, node, slot, &loop);
    template_emit_jump(compiler, TEMPLATE_jump, 0, loop.next);
    template_code_place(compiler->function, end);
    if (node->other) {
        template_emit(compiler, TEMPLATE_load, slot);
        template_emit(compiler, TEMPLATE_not, 0);
        template_emit_jump(compiler, TEMPLATE_jump_false, 0, empty);
        is_done = is_done && compile_scoped(compiler, node->other);
        template_code_place(compiler->function, empty);
    }
    template_code_place(compiler->function, loop.end);
    compiler->conditions--;
    return is_done;
}

static bool compile_leave(Compiler *compiler, const Node *node) {
    const Loop *loop = compiler->loop;
    const bool is_break = node->kind == NODE_break;
    if (!loop)
        return diag_error(compiler->diag, node->loc, "'%s' stands in no loop",
                          is_break ? "break" : "continue");
    for (int i = loop->captures; i < compiler->captures; i++)
        template_emit(compiler, TEMPLATE_discard, 0);
    template_emit_jump(compiler, TEMPLATE_jump, 0, is_break ? loop->end : loop->next);
    return true;
}

/* ---- functions ---- */

static bool compile_parameters(Compiler *compiler, const Node *parameters) {
    for (; parameters; parameters = parameters->next) {
        const uint32_t slot = template_scope_add(compiler, parameters->text);
        if (!parameters->a) continue;
        Label *given = template_code_label(&compiler->code);
        template_emit_jump(compiler, TEMPLATE_default, slot, given);
        if (!template_value(compiler, parameters->a)) return false;
        template_emit(compiler, TEMPLATE_store, slot);
        template_code_place(compiler->function, given);
    }
    return true;
}

static bool uses_name(const Node *node, const char *name);

bool template_function(Compiler *compiler, Bytes name, const Node *parameters, const Node *body,
                       uint32_t *out) {
    Function *const outer = compiler->function;
    Loop *const loop = compiler->loop;
    const int captures = compiler->captures;
    *out = template_code_function(&compiler->code);
    Function *function = compiler->code.functions[*out];
    function->name = template_code_string(&compiler->code, name);
    function->parameter = template_code_string_count(&compiler->code);
    for (const Node *node = parameters; node; node = node->next, function->parameters++)
        template_code_own_string(&compiler->code, node->text);
    const bool has_caller = !compiler->is_library && uses_name(body, "caller");
    if (has_caller) template_code_own_string(&compiler->code, (Bytes){"caller", 6});
    compiler->function = function;
    compiler->loop = NULL;
    compiler->captures = 0;
    compiler->conditions++;
    Scope scope = {0};
    template_scope_begin(compiler, &scope);
    for (const Node *node = parameters; node; node = node->next)
        template_scope_add(compiler, node->text);
    function->parameters += has_caller;
    if (has_caller) template_scope_add(compiler, (Bytes){"caller", 6});
    const bool is_done =
        function->slots == function->parameters
            ? compile_parameters(compiler, parameters) &&
                  template_scope_add_stored(compiler, body) && template_body(compiler, body)
            : diag_error(compiler->diag, parameters->loc, "two parameters have the same name");
    template_emit(compiler, TEMPLATE_end, 0);
    template_scope_end(compiler);
    compiler->conditions--;
    compiler->function = outer;
    compiler->loop = loop;
    compiler->captures = captures;
    return is_done;
}

static bool compile_macro(Compiler *compiler, const Node *node) {
    uint32_t function;
    if (!template_function(compiler, node->text, node->list, node->body, &function)) return false;
    template_emit(compiler, TEMPLATE_function, function);
    template_scope_store(compiler, node->text);
    return true;
}

/* {% call macro(...) %}body{% endcall %}: the macro gets the body as 'caller'. */
static bool compile_call_block(Compiler *compiler, const Node *node) {
    uint32_t function;
    uint64_t count = 0, named = 1;
    if (!template_function(compiler, (Bytes){"caller", 6}, node->list, node->body, &function) ||
        !template_value(compiler, node->a->a))
        return false;
    for (const Node *argument = node->a->list; argument; argument = argument->next) {
        if (argument->text.data)
            template_emit(compiler, TEMPLATE_string,
                          template_code_string(&compiler->code, argument->text));
        if (!template_value(compiler, argument->a)) return false;
        if (argument->text.data)
            named++;
        else
            count++;
    }
    template_emit_string(compiler, "caller");
    template_emit(compiler, TEMPLATE_function, function);
    template_code_emit(&compiler->code, compiler->function, TEMPLATE_call, count, named);
    template_emit(compiler, TEMPLATE_out, 0);
    return true;
}

static bool compile_return(Compiler *compiler, const Node *node) {
    if (!template_value(compiler, node->a)) return false;
    template_emit(compiler, TEMPLATE_return, 0);
    return true;
}

/* ---- other statements ---- */

static bool compile_if(Compiler *compiler, const Node *node) {
    Label *other = template_code_label(&compiler->code),
          *end = template_code_label(&compiler->code);
    if (!template_value(compiler, node->a)) return false;
    template_emit_jump(compiler, TEMPLATE_jump_false, 0, other);
    compiler->conditions++;
    bool is_done = template_body(compiler, node->body);
    if (node->other) template_emit_jump(compiler, TEMPLATE_jump, 0, end);
    template_code_place(compiler->function, other);
    is_done = is_done && template_body(compiler, node->other);
    compiler->conditions--;
    template_code_place(compiler->function, end);
    return is_done;
}

static bool compile_set(Compiler *compiler, const Node *node) {
    if (node->a->kind != NODE_attribute)
        return template_value(compiler, node->b) && template_store(compiler, node->a);
    if (!template_value(compiler, node->a->a) || !template_value(compiler, node->b)) return false;
    template_emit(compiler, TEMPLATE_set_attribute,
                  template_code_string(&compiler->code, node->a->text));
    return true;
}

/* What a body writes, as a text on the stack, filtered where there are filters. */
static bool compile_capture(Compiler *compiler, const Node *node) {
    template_emit(compiler, TEMPLATE_capture, 0);
    compiler->captures++;
    const bool is_done = compile_scoped(compiler, node->body);
    compiler->captures--;
    template_emit(compiler, TEMPLATE_captured, 0);
    return is_done && (!node->b || template_filters_of_top(compiler, node->b));
}

static bool compile_set_block(Compiler *compiler, const Node *node) {
    if (!compile_capture(compiler, node)) return false;
    if (node->a->kind != NODE_attribute) return template_store(compiler, node->a);
    const uint32_t slot = template_slot(compiler, 1);
    template_emit(compiler, TEMPLATE_store, slot);
    if (!template_value(compiler, node->a->a)) return false;
    template_emit(compiler, TEMPLATE_load, slot);
    template_emit(compiler, TEMPLATE_set_attribute,
                  template_code_string(&compiler->code, node->a->text));
    return true;
}

static bool compile_filter_block(Compiler *compiler, const Node *node) {
    if (!compile_capture(compiler, node)) return false;
    template_emit(compiler, TEMPLATE_out, 0);
    return true;
}

/* All values are computed outside of the scope that they are for. */
static bool compile_with(Compiler *compiler, const Node *node) {
    const uint32_t first = template_slot(compiler, 0);
    uint32_t count = 0;
    for (const Node *set = node->list; set; set = set->next) {
        if (!template_value(compiler, set->b)) return false;
        count++;
    }
    const uint32_t slot = template_slot(compiler, count);
    for (uint32_t i = count; i-- > 0;) template_emit(compiler, TEMPLATE_store, slot + i);
    (void)first;
    Scope scope = {0};
    template_scope_begin(compiler, &scope);
    bool is_done = true;
    count = 0;
    for (const Node *set = node->list; is_done && set; set = set->next) {
        add_targets(compiler, set->a);
        template_emit(compiler, TEMPLATE_load, slot + count++);
        is_done = template_store(compiler, set->a);
    }
    is_done = is_done && template_scope_add_stored(compiler, node->body) &&
              template_body(compiler, node->body);
    template_scope_end(compiler);
    return is_done;
}

static bool compile_print(Compiler *compiler, const Node *node) {
    if (!template_value(compiler, node->a)) return false;
    template_emit(compiler, TEMPLATE_out, 0);
    return true;
}

static bool compile_statement(Compiler *compiler, const Node *node) {
    if (node->kind != NODE_text) template_emit_line(compiler, node->loc);
    switch (node->kind) {
    case NODE_text:
        template_emit(compiler, TEMPLATE_text, template_code_string(&compiler->code, node->text));
        return true;
    case NODE_print: return compile_print(compiler, node);
    case NODE_if: return compile_if(compiler, node);
    case NODE_for: return compile_for(compiler, node);
    case NODE_set: return compile_set(compiler, node);
    case NODE_set_block: return compile_set_block(compiler, node);
    case NODE_macro: return compile_macro(compiler, node);
    case NODE_call_block: return compile_call_block(compiler, node);
    case NODE_filter_block: return compile_filter_block(compiler, node);
    case NODE_with: return compile_with(compiler, node);
    case NODE_break:
    case NODE_continue: return compile_leave(compiler, node);
    default: return compile_return(compiler, node);
    }
}

bool template_body(Compiler *compiler, const Node *body) {
    for (; body; body = body->next)
        if (!compile_statement(compiler, body)) return false;
    return true;
}

/* ---- names ---- */

typedef void NameVisitor(Compiler *compiler, const Node *node, bool is_stored);

/* Every name of a variable in the tree. */
static void visit(Compiler *compiler, const Node *node, bool is_target, NameVisitor *visitor) {
    for (; node; node = node->next) {
        const bool stores =
            node->kind == NODE_set || node->kind == NODE_set_block || node->kind == NODE_for;
        const bool has_parameters = node->kind == NODE_macro || node->kind == NODE_call_block;
        if (node->kind == NODE_name) visitor(compiler, node, is_target);
        if (node->kind == NODE_macro) visitor(compiler, node, true);
        for (const Node *one = has_parameters ? node->list : NULL; one; one = one->next)
            visitor(compiler, one, true);
        visit(compiler, node->a, stores || (is_target && node->kind == NODE_tuple), visitor);
        visit(compiler, node->b, false, visitor);
        visit(compiler, node->c, false, visitor);
        visit(compiler, node->list, is_target && node->kind == NODE_tuple, visitor);
        visit(compiler, node->body, false, visitor);
        visit(compiler, node->other, false, visitor);
    }
}

static bool uses_name(const Node *node, const char *name) {
    for (; node; node = node->next) {
        if (node->kind == NODE_name && template_bytes_are(node->text, name)) return true;
        if (uses_name(node->a, name) || uses_name(node->b, name) || uses_name(node->c, name) ||
            uses_name(node->list, name) || uses_name(node->body, name) ||
            uses_name(node->other, name))
            return true;
    }
    return false;
}

static void add_name(Compiler *compiler, const Node *node, bool is_stored) {
    (void)is_stored;
    template_code_string(&compiler->code, node->text);
}

static void mark_name(Compiler *compiler, const Node *node, bool is_stored) {
    if (is_stored) compiler->is_stored[template_code_string(&compiler->code, node->text)] = true;
}

/* ---- the whole ---- */

static bool read_library(Compiler *compiler) {
    const Source source = {"template_library.jinja", template_library, template_library_length};
    Source *kept = ARENA_NEW(compiler->arena, Source);
    *kept = source;
    Node *nodes;
    if (!template_parse(kept, true, compiler->arena, compiler->diag, &nodes)) return false;
    for (const Node *node = nodes; node; node = node->next) {
        if (node->kind != NODE_macro) continue;
        LibraryMacro *macro = ARENA_NEW(compiler->arena, LibraryMacro);
        *macro = (LibraryMacro){.next = compiler->library, .node = node};
        compiler->library = macro;
    }
    return true;
}

/* What has no value gets its constant. */
static void set_constants(Compiler *compiler, const TemplateConstant *constants, int count) {
    for (int i = 0; i < count; i++) {
        const Bytes name = {constants[i].name, strlen(constants[i].name)};
        const uint32_t slot = template_code_string(&compiler->code, name);
        if (slot >= compiler->names) continue;
        Label *has_value = template_code_label(&compiler->code);
        template_emit(compiler, TEMPLATE_load, slot);
        template_emit(compiler, TEMPLATE_kind, 1U << KIND_undefined);
        template_emit_jump(compiler, TEMPLATE_jump_false, 0, has_value);
        template_emit(compiler, TEMPLATE_string,
                      template_code_string(&compiler->code, constants[i].text));
        template_emit(compiler, TEMPLATE_store, slot);
        template_code_place(compiler->function, has_value);
    }
}

static bool compile_all(Compiler *compiler, const Node *nodes, const TemplateConstant *constants,
                        int count) {
    uint32_t repr;
    template_code_function(&compiler->code);
    compiler->root = compiler->function = compiler->code.functions[FUNCTION_template];
    visit(compiler, nodes, false, add_name);
    compiler->names = template_code_string_count(&compiler->code);
    compiler->is_stored = ARENA_ARRAY(compiler->arena, bool, compiler->names + 1);
    visit(compiler, nodes, false, mark_name);
    compiler->root->slots = compiler->names;
    compiler->scope = &(Scope){.function = compiler->root};
    if (!read_library(compiler) || !template_library_function(compiler, "repr", &repr))
        return false;
    set_constants(compiler, constants, count);
    if (!template_body(compiler, nodes)) return false;
    template_emit(compiler, TEMPLATE_end, 0);
    return true;
}

Bytes template_compile(const Source *source, const TemplateConstant *constants, int count,
                       Arena *arena, Diag *diag) {
    Compiler compiler = {.arena = arena, .diag = diag, .code = {.arena = arena}};
    Node *nodes;
    if (!template_parse(source, false, arena, diag, &nodes) ||
        !compile_all(&compiler, nodes, constants, count))
        return (Bytes){0};
    const Bytes program = template_code_program(&compiler.code, compiler.names);
    if (!program.data)
        diag_error(diag, (Loc){.source = source}, "the chat template's program is too long");
    return program;
}
