/* template_evaluate.c - code of expressions. */
#include "frontend/text/template_compiler.h"

#include <string.h>

static bool compile_list(Compiler *compiler, const Node *list, uint64_t *count) {
    for (*count = 0; list; list = list->next, ++*count)
        if (!template_value(compiler, list)) return false;
    return true;
}

static bool compile_items(Compiler *compiler, const Node *node, TemplateOp op) {
    uint64_t count;
    if (!compile_list(compiler, node->list, &count)) return false;
    template_emit(compiler, op, op == TEMPLATE_dict ? count / 2 : count);
    return true;
}

/* and, or: the second only if the first does not decide. */
static bool compile_lazy(Compiler *compiler, const Node *node, TemplateOp op) {
    Label *end = template_code_label(&compiler->code);
    if (!template_value(compiler, node->a)) return false;
    template_emit_jump(compiler, op, 0, end);
    compiler->conditions++;
    const bool is_done = template_value(compiler, node->b);
    compiler->conditions--;
    template_code_place(compiler->function, end);
    return is_done;
}

static bool compile_condition(Compiler *compiler, const Node *node) {
    Label *other = template_code_label(&compiler->code),
          *end = template_code_label(&compiler->code);
    if (!template_value(compiler, node->b)) return false;
    compiler->conditions++;
    template_emit_jump(compiler, TEMPLATE_jump_false, 0, other);
    bool is_done = template_value(compiler, node->a);
    template_emit_jump(compiler, TEMPLATE_jump, 0, end);
    template_code_place(compiler->function, other);
    if (!node->c)
        template_emit(compiler, TEMPLATE_undefined,
                      template_code_string(&compiler->code, (Bytes){"", 0}));
    else
        is_done = is_done && template_value(compiler, node->c);
    template_code_place(compiler->function, end);
    compiler->conditions--;
    return is_done;
}

/* a < b < c: each pair, as long as they hold; what is in the middle is computed once. */
static bool compile_compare(Compiler *compiler, const Node *node) {
    Label *end = template_code_label(&compiler->code);
    if (!template_value(compiler, node->a)) return false;
    for (const Node *operand = node->list; operand; operand = operand->next) {
        if (!template_value(compiler, operand->a)) return false;
        const uint32_t slot = operand->next ? template_slot(compiler, 1) : 0;
        if (operand->next) {
            template_emit(compiler, TEMPLATE_store, slot);
            template_emit(compiler, TEMPLATE_load, slot);
        }
        template_emit(compiler, operand->op, 0);
        if (operand->is_negated) template_emit(compiler, TEMPLATE_not, 0);
        if (!operand->next) break;
        template_emit_jump(compiler, TEMPLATE_and_jump, 0, end);
        template_emit(compiler, TEMPLATE_load, slot);
    }
    template_code_place(compiler->function, end);
    return true;
}

static bool compile_concat(Compiler *compiler, const Node *node) {
    template_emit(compiler, TEMPLATE_capture, 0);
    for (const Node *item = node->list; item; item = item->next) {
        if (!template_value(compiler, item)) return false;
        template_emit(compiler, TEMPLATE_out, 0);
    }
    template_emit(compiler, TEMPLATE_captured, 0);
    return true;
}

/* ---- loop.index and its like: what a loop keeps are its list and an index ---- */

static void load_index(Compiler *compiler, const Scope *loop, int64_t offset) {
    template_emit(compiler, TEMPLATE_load, loop->loop + 1);
    if (!offset) return;
    template_emit_integer(compiler, offset);
    template_emit(compiler, TEMPLATE_add, 0);
}

static void load_length(Compiler *compiler, const Scope *loop) {
    template_emit(compiler, TEMPLATE_load, loop->loop);
    template_emit_builtin(compiler, TEMPLATE_CALL_length);
}

/* What stands `offset` away in the list; undefined where there is none. */
static void load_neighbour(Compiler *compiler, const Scope *loop, int64_t offset) {
    Label *other = template_code_label(&compiler->code),
          *end = template_code_label(&compiler->code);
    if (offset < 0) {
        load_index(compiler, loop, 0);
        template_emit_jump(compiler, TEMPLATE_jump_false, 0, other);
        template_emit(compiler, TEMPLATE_load, loop->loop);
        load_index(compiler, loop, offset);
        template_emit(compiler, TEMPLATE_item, 0);
        template_emit_jump(compiler, TEMPLATE_jump, 0, end);
        template_code_place(compiler->function, other);
        template_emit(compiler, TEMPLATE_undefined,
                      template_code_string(&compiler->code, (Bytes){"loop.previtem", 13}));
    } else {
        template_emit(compiler, TEMPLATE_load, loop->loop);
        load_index(compiler, loop, offset);
        template_emit(compiler, TEMPLATE_item, 0);
    }
    template_code_place(compiler->function, end);
}

static bool compile_loop_attribute(Compiler *compiler, const Node *node, const Scope *loop) {
    const Bytes name = node->text;
    if (template_bytes_are(name, "index0") || template_bytes_are(name, "index")) {
        load_index(compiler, loop, template_bytes_are(name, "index"));
    } else if (template_bytes_are(name, "first")) {
        load_index(compiler, loop, 0);
        template_emit(compiler, TEMPLATE_not, 0);
    } else if (template_bytes_are(name, "last")) {
        load_index(compiler, loop, 1);
        load_length(compiler, loop);
        template_emit(compiler, TEMPLATE_equal, 0);
    } else if (template_bytes_are(name, "length")) {
        load_length(compiler, loop);
    } else if (template_bytes_are(name, "revindex") || template_bytes_are(name, "revindex0")) {
        load_length(compiler, loop);
        load_index(compiler, loop, template_bytes_are(name, "revindex0"));
        template_emit(compiler, TEMPLATE_subtract, 0);
    } else if (template_bytes_are(name, "previtem") || template_bytes_are(name, "nextitem")) {
        load_neighbour(compiler, loop, template_bytes_are(name, "previtem") ? -1 : 1);
    } else {
        return template_refuse(compiler, node->loc, "'loop.%.*s' is not supported", (int)name.count,
                               name.data);
    }
    return true;
}

static bool compile_attribute(Compiler *compiler, const Node *node) {
    const Scope *loop = template_scope_loop(compiler);
    if (loop && node->a->kind == NODE_name && template_bytes_are(node->a->text, "loop"))
        return compile_loop_attribute(compiler, node, loop);
    if (!template_value(compiler, node->a)) return false;
    template_emit(compiler, TEMPLATE_attribute, template_code_string(&compiler->code, node->text));
    return true;
}

static bool compile_name(Compiler *compiler, const Node *node) {
    if (template_scope_loop(compiler) && template_bytes_are(node->text, "loop"))
        return template_refuse(compiler, node->loc, "'loop' itself is not supported as a value");
    if (!template_scope_load(compiler, node)) return false;
    if (compiler->is_library || !template_is_global(compiler, node->text)) return true;
    Label *end = template_code_label(&compiler->code);
    template_emit_jump(compiler, TEMPLATE_or_jump, 0, end);
    template_emit(compiler, TEMPLATE_function, UINT32_MAX);
    template_code_place(compiler->function, end);
    return true;
}

static bool compile_two(Compiler *compiler, const Node *node, TemplateOp op) {
    if (!template_value(compiler, node->a) || !template_value(compiler, node->b)) return false;
    template_emit(compiler, op, 0);
    return true;
}

static bool compile_slice(Compiler *compiler, const Node *node) {
    uint64_t count;
    if (!template_value(compiler, node->a) || !compile_list(compiler, node->list, &count))
        return false;
    template_emit(compiler, TEMPLATE_slice, 0);
    return true;
}

static bool compile_not(Compiler *compiler, const Node *node) {
    if (!template_value(compiler, node->a)) return false;
    template_emit(compiler, TEMPLATE_not, 0);
    return true;
}

static void emit_real(Compiler *compiler, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    template_emit(compiler, TEMPLATE_real, bits);
}

/* -x is 0 - x, but for numbers that stand there. */
static bool compile_sign(Compiler *compiler, const Node *node) {
    const Node *value = node->a;
    if (node->is_negated && value->kind == NODE_integer) {
        template_emit_integer(compiler, -value->integer);
        return true;
    }
    if (node->is_negated && value->kind == NODE_real) {
        emit_real(compiler, -value->real);
        return true;
    }
    template_emit_integer(compiler, 0);
    if (!template_value(compiler, value)) return false;
    template_emit(compiler, node->is_negated ? TEMPLATE_subtract : TEMPLATE_add, 0);
    return true;
}

bool template_value(Compiler *compiler, const Node *node) {
    switch (node->kind) {
    case NODE_name: return compile_name(compiler, node);
    case NODE_string:
        template_emit(compiler, TEMPLATE_string, template_code_string(&compiler->code, node->text));
        return true;
    case NODE_integer: template_emit_integer(compiler, node->integer); return true;
    case NODE_real: emit_real(compiler, node->real); return true;
    case NODE_boolean:
        template_emit(compiler, TEMPLATE_boolean, (uint64_t)node->integer);
        return true;
    case NODE_none: template_emit(compiler, TEMPLATE_none, 0); return true;
    case NODE_list: return compile_items(compiler, node, TEMPLATE_list);
    case NODE_tuple: return compile_items(compiler, node, TEMPLATE_tuple);
    case NODE_dict: return compile_items(compiler, node, TEMPLATE_dict);
    case NODE_attribute: return compile_attribute(compiler, node);
    case NODE_item: return compile_two(compiler, node, TEMPLATE_item);
    case NODE_slice: return compile_slice(compiler, node);
    case NODE_negate: return compile_sign(compiler, node);
    case NODE_not: return compile_not(compiler, node);
    case NODE_and: return compile_lazy(compiler, node, TEMPLATE_and_jump);
    case NODE_or: return compile_lazy(compiler, node, TEMPLATE_or_jump);
    case NODE_binary: return compile_two(compiler, node, node->op);
    case NODE_compare: return compile_compare(compiler, node);
    case NODE_concat: return compile_concat(compiler, node);
    case NODE_condition: return compile_condition(compiler, node);
    case NODE_call: return template_call(compiler, node);
    case NODE_filter: return template_filter(compiler, node);
    case NODE_test: return template_test(compiler, node);
    default: return diag_error(compiler->diag, node->loc, "this has no value");
    }
}

bool template_store(Compiler *compiler, const Node *target) {
    if (target->kind == NODE_name) {
        template_scope_store(compiler, target->text);
        return true;
    }
    uint64_t count = 0;
    for (const Node *node = target->list; node; node = node->next) count++;
    template_emit(compiler, TEMPLATE_unpack, count);
    for (const Node *node = target->list; node; node = node->next)
        if (!template_store(compiler, node)) return false;
    return true;
}
