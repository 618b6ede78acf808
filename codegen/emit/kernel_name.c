#include "codegen/emit/kernel_name.h"

#include <inttypes.h>
#include <string.h>

/* ---- params ---- */

static int add_params(const Graph *graph, Ref ref, const char **name, int count) {
    const Node *node = ir_node(graph, ref);
    if (node->op == OP_param) {
        if (count < KERNEL_MOST_PARAMS) name[count++] = node->name;
        return count;
    }
    const int parts = node->op == OP_stack ? IR_MAX_INPUTS : 1;
    for (int i = 0; i < parts && !ir_ref_is_none(node->in[i]); i++)
        count = add_params(graph, node->in[i], name, count);
    return count;
}

int kernel_params(const Graph *graph, Ref matrix, const char *name[KERNEL_MOST_PARAMS]) {
    return add_params(graph, matrix, name, 0);
}

const char *kernel_param_layer(const char *param) {
    static const char blocks[] = "blocks.";
    if (strncmp(param, blocks, sizeof blocks - 1) != 0) return NULL;
    const char *number = param + sizeof blocks - 1;
    const size_t digits = strspn(number, "0123456789");
    return digits && number[digits] == '.' ? number : NULL;
}

const char *kernel_param_words(const char *param, Arena *arena) {
    static const char suffix[] = ".weight";
    const char *number = kernel_param_layer(param);
    const char *words = number ? strchr(number, '.') + 1 : param;
    size_t length = strlen(words);
    if (length >= sizeof suffix && strcmp(words + length - (sizeof suffix - 1), suffix) == 0)
        length -= sizeof suffix - 1;
    return arena_printf(arena, "%.*s", (int)length, words);
}

/* ---- names ---- */

const char *kernel_plain_name(const char *text, Arena *arena) {
    char *plain = ARENA_ARRAY(arena, char, strlen(text) + 1);
    for (size_t i = 0; text[i]; i++) {
        const char c = text[i];
        const bool is_kept =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        plain[i] = is_kept ? c : '_';
    }
    return plain;
}

static bool is_projection(const Node *node) {
    return node->op == OP_project || node->op == OP_read;
}

/* "q" of "blocks.3.attention.q.weight". What is multiplied with the table of tokens is the head. */
static const char *param_word(const char *param, Arena *arena) {
    if (strcmp(param, "embed.tokens") == 0) return "head";
    const char *words = kernel_param_words(param, arena);
    const char *dot = strrchr(words, '.');
    return kernel_plain_name(dot ? dot + 1 : words, arena);
}

/* "_qkv", "_gate_up", "_qkv_up": letters stand together, and each word stands once. */
static const char *weight_words(const Graph *graph, Ref weight, Arena *arena) {
    const char *param[KERNEL_MOST_PARAMS], *word[KERNEL_MOST_PARAMS], *text = "";
    const int params = kernel_params(graph, weight, param);
    int count = 0;
    for (int i = 0; i < params; i++) {
        word[count] = param_word(param[i], arena);
        int same = 0;
        while (strcmp(word[same], word[count]) != 0) same++;
        if (same < count) continue;
        const bool are_letters = count && strlen(word[count - 1]) == 1 && strlen(word[count]) == 1;
        text = arena_printf(arena, are_letters ? "%s%s" : "%s_%s", text, word[count]);
        count++;
    }
    return text;
}

static const char *projection_name(const Kernel *kernel, const Node *root, Arena *arena) {
    const Type weight = ir_node(kernel->graph, root->in[1])->type;
    /* Where the norm is not folded in, the product alone is left of a read. */
    const Op op = ir_reads_norm(kernel->graph, root) ? OP_read : OP_project;
    return arena_printf(arena, "%s%s.%" PRId64 "x%" PRId64 ".%s", ir_op_info[op].name,
                        weight_words(kernel->graph, root->in[1], arena), weight.dim[1],
                        weight.dim[0], ir_enum_word("WeightFormat", (int)root->attr.format));
}

/* Heads of queries, heads of keys, the width of a head. */
static const char *attend_name(const Node *root, Arena *arena) {
    const char *name =
        arena_printf(arena, "attend.%" PRId64 "x%" PRId64 "x%" PRId64, root->attr.heads,
                     root->attr.kv_heads, root->type.dim[1] / root->attr.heads);
    if (!root->attr.window) return name;
    return arena_printf(arena, "%s.window%" PRId64, name, root->attr.window);
}

const char *kernel_name(const Kernel *kernel, Arena *arena) {
    const Node *root = ir_node(kernel->graph, kernel->root);
    if (is_projection(root)) return projection_name(kernel, root, arena);
    if (root->op == OP_attend) return attend_name(root, arena);
    const char *work = ir_op_info[root->op].name;
    if (root->op == OP_activate) work = ir_enum_word("Activation", (int)root->attr.activation);
    const int64_t columns = root->type.dim[root->type.rank - 1];
    if (root->attr.format == FORMAT_f32) return arena_printf(arena, "%s.%" PRId64, work, columns);
    return arena_printf(arena, "%s.%" PRId64 ".%s", work, columns,
                        ir_enum_word("WeightFormat", (int)root->attr.format));
}
