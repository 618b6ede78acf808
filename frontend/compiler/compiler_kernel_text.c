/* compiler_kernel_text.c - a kernel in words: "read attention.q,k,v + bias + rope + append". */
#include "codegen/emit/kernel_name.h"
#include "frontend/compiler/compiler.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- weights ---- */

typedef struct {
    Arena *arena;
    const char *text;
    const char *before; /* the name said last */
    size_t stem;        /* its letters up to the last dot, that one included */
} Words;

/* "attention.q", then "attention.k": the second is said as ",k". */
static void say_param(Words *words, const char *param) {
    const char *name = kernel_param_words(param, words->arena);
    const bool is_near =
        words->before && words->stem && strncmp(words->before, name, words->stem) == 0;
    words->text = arena_printf(words->arena, is_near ? "%s,%s" : "%s %s", words->text,
                               name + (is_near ? words->stem : 0));
    const char *dot = strrchr(name, '.');
    words->before = name;
    words->stem = dot ? (size_t)(dot + 1 - name) : 0;
}

static void say_weight(Words *words, const Graph *graph, Ref ref) {
    const char *param[KERNEL_MOST_PARAMS];
    const int count = kernel_params(graph, ref, param);
    for (int i = 0; i < count; i++) say_param(words, param[i]);
}

/* ---- what is computed ---- */

static const char *node_words(const Node *node, Arena *arena) {
    const char *name = ir_op_info[node->op].name;
    if (node->op == OP_activate) return ir_enum_word("Activation", (int)node->attr.activation);
    if (node->op == OP_norm)
        return arena_printf(arena, "norm %s", ir_enum_word("NormKind", (int)node->attr.kind));
    if (node->op == OP_tap || node->op == OP_edit)
        return arena_printf(arena, "%s %s", name, kernel_param_words(node->attr.point, arena));
    if (node->op == OP_attend && node->attr.window)
        return arena_printf(arena, "attend window %" PRId64, node->attr.window);
    return name;
}

static bool is_said(const Kernel *kernel, int count, const char *said, Arena *arena) {
    for (int i = 0; i < count; i++)
        if (strcmp(node_words(ir_node(kernel->graph, kernel->node[i]), arena), said) == 0)
            return true;
    return false;
}

/* Each op is said once, at its first place: rope, that turns queries and keys, is one word. */
static const char *say_members(const Kernel *kernel, const char *text, Arena *arena) {
    for (int i = 1; i < kernel->node_count; i++) {
        const Node *node = ir_node(kernel->graph, kernel->node[i]);
        const char *said = node_words(node, arena);
        if (node->op == OP_slice || is_said(kernel, i, said, arena)) continue;
        text = arena_printf(arena, "%s + %s", text, said);
    }
    return text;
}

static bool is_projection(const Node *node) {
    return node->op == OP_project || node->op == OP_read;
}

const char *compiler_kernel_work(const Kernel *kernel, Arena *arena) {
    const Node *root = ir_node(kernel->graph, kernel->root);
    Words words = {.arena = arena, .text = node_words(root, arena)};
    if (is_projection(root))
        words.text = ir_op_info[ir_reads_norm(kernel->graph, root) ? OP_read : OP_project].name;
    if (is_projection(root) || root->op == OP_embed || root->op == OP_add_positions)
        say_weight(&words, kernel->graph, root->in[1]);
    if (is_projection(root) && !ir_ref_is_none(root->in[2]))
        words.text = arena_printf(arena, "%s + bias", words.text);
    return say_members(kernel, words.text, arena);
}

/* ---- sizes ---- */

/* Columns in, columns out, and the format of weights that are not f32. */
const char *compiler_kernel_shape(const Kernel *kernel, Arena *arena) {
    const Node *root = ir_node(kernel->graph, kernel->root);
    if (root->op == OP_attend)
        return arena_printf(arena, "%" PRId64 "/%" PRId64 " heads", root->attr.heads,
                            root->attr.kv_heads);
    const char *shape = arena_printf(arena, "%" PRId64, root->type.dim[root->type.rank - 1]);
    if (is_projection(root))
        shape = arena_printf(arena, "%" PRId64 " -> %s",
                             ir_node(kernel->graph, root->in[1])->type.dim[1], shape);
    if (root->attr.format == FORMAT_f32) return shape;
    return arena_printf(arena, "%s %s", shape,
                        ir_enum_word("WeightFormat", (int)root->attr.format));
}

const char *compiler_kernel_schedule(const Kernel *kernel, Arena *arena) {
    const Schedule schedule = ir_node(kernel->graph, kernel->root)->schedule;
    const char *text = "";
    if (schedule.rows && schedule.panels)
        text = arena_printf(arena, "%" PRId64 " x %" PRId64, schedule.rows, schedule.panels);
    else if (schedule.rows)
        text =
            arena_printf(arena, "%" PRId64 " row%s", schedule.rows, schedule.rows == 1 ? "" : "s");
    if (schedule.block) text = arena_printf(arena, "%s, block %" PRId64, text, schedule.block);
    if (schedule.depth) text = arena_printf(arena, "%s, depth %" PRId64, text, schedule.depth);
    if (schedule.keys)
        text = arena_printf(arena, "%s%s%" PRId64 " keys", text, *text ? ", " : "", schedule.keys);
    return text;
}

/* ---- its place ---- */

/* A kernel reads weights or caches of its layer, which have names, or is an instrument. */
int64_t compiler_kernel_layer(const Kernel *kernel) {
    const char *point = ir_node(kernel->graph, kernel->root)->attr.point;
    const char *of_point = point ? kernel_param_layer(point) : NULL;
    if (of_point) return strtoll(of_point, NULL, 10);
    for (int i = 0; i < kernel->slot_count; i++) {
        const Node *node = ir_node(kernel->graph, kernel->slot[i].ref);
        const char *name = node->op == OP_append ? node->attr.cache : node->name;
        const char *number = name ? kernel_param_layer(name) : NULL;
        if (number) return strtoll(number, NULL, 10);
    }
    return -1;
}
