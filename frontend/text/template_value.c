/* template_value.c - code of expressions. */
#include "frontend/text/template_compiler.h"

#include <string.h>

static bool compile_list(Compiler *compiler, const Node *list, uint64_t *count) {
    for (*count = 0; list; list = list->next, ++*count)
        if (!compile_value(compiler, list)) return false;
    return true;
}

static bool compile_items(Compiler *compiler, const Node *node, TemplateOp op) {
    uint64_t count;
    if (!compile_list(compiler, node->list, &count)) return false;
    emit(compiler, op, op == TEMPLATE_dict ? count / 2 : count);
    return true;
}

/* and, or: the second only if the first does not decide. */
static bool compile_lazy(Compiler *compiler, const Node *node, TemplateOp op) {
    Label *end = code_label(&compiler->code);
    if (!compile_value(compiler, node->a)) return false;
    emit_jump(compiler, op, 0, end);
    compiler->conditions++;
    const bool is_done = compile_value(compiler, node->b);
    compiler->conditions--;
    code_place(compiler->function, end);
    return is_done;
}

static bool compile_condition(Compiler *compiler, const Node *node) {
    Label *other = code_label(&compiler->code), *end = code_label(&compiler->code);
    if (!compile_value(compiler, node->b)) return false;
    compiler->conditions++;
    emit_jump(compiler, TEMPLATE_jump_false, 0, other);
    bool is_done = compile_value(compiler, node->a);
    emit_jump(compiler, TEMPLATE_jump, 0, end);
    code_place(compiler->function, other);
    if (!node->c)
        emit(compiler, TEMPLATE_undefined, code_string(&compiler->code, (Bytes){"", 0}));
    else
        is_done = is_done && compile_value(compiler, node->c);
    code_place(compiler->function, end);
    compiler->conditions--;
    return is_done;
}

/* a < b < c: each pair, as long as they hold; what is in the middle is computed once. */
static bool compile_compare(Compiler *compiler, const Node *node) {
    Label *end = code_label(&compiler->code);
    if (!compile_value(compiler, node->a)) return false;
    for (const Node *operand = node->list; operand; operand = operand->next) {
        if (!compile_value(compiler, operand->a)) return false;
        const uint32_t slot = operand->next ? new_slot(compiler, 1) : 0;
        if (operand->next) {
            emit(compiler, TEMPLATE_store, slot);
            emit(compiler, TEMPLATE_load, slot);
        }
        emit(compiler, operand->op, 0);
        if (operand->is_negated) emit(compiler, TEMPLATE_not, 0);
        if (!operand->next) break;
        emit_jump(compiler, TEMPLATE_and_jump, 0, end);
        emit(compiler, TEMPLATE_load, slot);
    }
    code_place(compiler->function, end);
    return true;
}

static bool compile_concat(Compiler *compiler, const Node *node) {
    emit(compiler, TEMPLATE_capture, 0);
    for (const Node *item = node->list; item; item = item->next) {
        if (!compile_value(compiler, item)) return false;
        emit(compiler, TEMPLATE_out, 0);
    }
    emit(compiler, TEMPLATE_captured, 0);
    return true;
}

/* ---- loop.index and its like: what a loop keeps are its list and an index ---- */

static void load_index(Compiler *compiler, const Scope *loop, int64_t offset) {
    emit(compiler, TEMPLATE_load, loop->loop + 1);
    if (!offset) return;
    emit_integer(compiler, offset);
    emit(compiler, TEMPLATE_add, 0);
}

static void load_length(Compiler *compiler, const Scope *loop) {
    emit(compiler, TEMPLATE_load, loop->loop);
    emit_builtin(compiler, TEMPLATE_CALL_length);
}

/* What stands `offset` away in the list; undefined where there is none. */
static void load_neighbour(Compiler *compiler, const Scope *loop, int64_t offset) {
    Label *other = code_label(&compiler->code), *end = code_label(&compiler->code);
    if (offset < 0) {
        load_index(compiler, loop, 0);
        emit_jump(compiler, TEMPLATE_jump_false, 0, other);
        emit(compiler, TEMPLATE_load, loop->loop);
        load_index(compiler, loop, offset);
        emit(compiler, TEMPLATE_item, 0);
        emit_jump(compiler, TEMPLATE_jump, 0, end);
        code_place(compiler->function, other);
        emit(compiler, TEMPLATE_undefined,
             code_string(&compiler->code, (Bytes){"loop.previtem", 13}));
    } else {
        emit(compiler, TEMPLATE_load, loop->loop);
        load_index(compiler, loop, offset);
        emit(compiler, TEMPLATE_item, 0);
    }
    code_place(compiler->function, end);
}

static bool compile_loop_attribute(Compiler *compiler, const Node *node, const Scope *loop) {
    const Bytes name = node->text;
    if (bytes_are(name, "index0") || bytes_are(name, "index")) {
        load_index(compiler, loop, bytes_are(name, "index"));
    } else if (bytes_are(name, "first")) {
        load_index(compiler, loop, 0);
        emit(compiler, TEMPLATE_not, 0);
    } else if (bytes_are(name, "last")) {
        load_index(compiler, loop, 1);
        load_length(compiler, loop);
        emit(compiler, TEMPLATE_equal, 0);
    } else if (bytes_are(name, "length")) {
        load_length(compiler, loop);
    } else if (bytes_are(name, "revindex") || bytes_are(name, "revindex0")) {
        load_length(compiler, loop);
        load_index(compiler, loop, bytes_are(name, "revindex0"));
        emit(compiler, TEMPLATE_subtract, 0);
    } else if (bytes_are(name, "previtem") || bytes_are(name, "nextitem")) {
        load_neighbour(compiler, loop, bytes_are(name, "previtem") ? -1 : 1);
    } else {
        return refuse(compiler, node->loc, "'loop.%.*s' is not supported", (int)name.count,
                      name.data);
    }
    return true;
}

static bool compile_attribute(Compiler *compiler, const Node *node) {
    const Scope *loop = scope_loop(compiler);
    if (loop && node->a->kind == NODE_name && bytes_are(node->a->text, "loop"))
        return compile_loop_attribute(compiler, node, loop);
    if (!compile_value(compiler, node->a)) return false;
    emit(compiler, TEMPLATE_attribute, code_string(&compiler->code, node->text));
    return true;
}

static bool compile_name(Compiler *compiler, const Node *node) {
    if (scope_loop(compiler) && bytes_are(node->text, "loop"))
        return refuse(compiler, node->loc, "'loop' itself is not supported as a value");
    if (!scope_load(compiler, node)) return false;
    if (compiler->is_library || !is_global_function(compiler, node->text)) return true;
    Label *end = code_label(&compiler->code);
    emit_jump(compiler, TEMPLATE_or_jump, 0, end);
    emit(compiler, TEMPLATE_function, UINT32_MAX);
    code_place(compiler->function, end);
    return true;
}

static bool compile_two(Compiler *compiler, const Node *node, TemplateOp op) {
    if (!compile_value(compiler, node->a) || !compile_value(compiler, node->b)) return false;
    emit(compiler, op, 0);
    return true;
}

static bool compile_slice(Compiler *compiler, const Node *node) {
    uint64_t count;
    if (!compile_value(compiler, node->a) || !compile_list(compiler, node->list, &count))
        return false;
    emit(compiler, TEMPLATE_slice, 0);
    return true;
}

static bool compile_not(Compiler *compiler, const Node *node) {
    if (!compile_value(compiler, node->a)) return false;
    emit(compiler, TEMPLATE_not, 0);
    return true;
}

static void emit_real(Compiler *compiler, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    emit(compiler, TEMPLATE_real, bits);
}

/* -x is 0 - x, but for numbers that stand there. */
static bool compile_sign(Compiler *compiler, const Node *node) {
    const Node *value = node->a;
    if (node->is_negated && value->kind == NODE_integer) {
        emit_integer(compiler, -value->integer);
        return true;
    }
    if (node->is_negated && value->kind == NODE_real) {
        emit_real(compiler, -value->real);
        return true;
    }
    emit_integer(compiler, 0);
    if (!compile_value(compiler, value)) return false;
    emit(compiler, node->is_negated ? TEMPLATE_subtract : TEMPLATE_add, 0);
    return true;
}

bool compile_value(Compiler *compiler, const Node *node) {
    switch (node->kind) {
    case NODE_name: return compile_name(compiler, node);
    case NODE_string:
        emit(compiler, TEMPLATE_string, code_string(&compiler->code, node->text));
        return true;
    case NODE_integer: emit_integer(compiler, node->integer); return true;
    case NODE_real: emit_real(compiler, node->real); return true;
    case NODE_boolean: emit(compiler, TEMPLATE_boolean, (uint64_t)node->integer); return true;
    case NODE_none: emit(compiler, TEMPLATE_none, 0); return true;
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
    case NODE_call: return compile_call(compiler, node);
    case NODE_filter: return compile_filter(compiler, node);
    case NODE_test: return compile_test(compiler, node);
    default: return diag_error(compiler->diag, node->loc, "this has no value");
    }
}

bool compile_store(Compiler *compiler, const Node *target) {
    if (target->kind == NODE_name) {
        scope_store(compiler, target->text);
        return true;
    }
    uint64_t count = 0;
    for (const Node *node = target->list; node; node = node->next) count++;
    emit(compiler, TEMPLATE_unpack, count);
    for (const Node *node = target->list; node; node = node->next)
        if (!compile_store(compiler, node)) return false;
    return true;
}
