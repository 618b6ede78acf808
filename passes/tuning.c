#include "passes/tuning.h"

#include "passes/match.h"

#include <inttypes.h>
#include <string.h>

const Tuned *tuning_find(const Tuning *tuning, const char *kernel) {
    if (!tuning) return NULL;
    for (int i = tuning->count - 1; i >= 0; i--)
        if (strcmp(tuning->tuned[i].kernel, kernel) == 0) return &tuning->tuned[i];
    return NULL;
}

/* ---- names ---- */

static const char *member_words(const Node *node) {
    if (node->op == OP_activate) return ir_enum_word("Activation", (int)node->attr.activation);
    return ir_op_info[node->op].name;
}

static bool is_member(const Graph *graph, uint32_t index, Ref root) {
    const Node *node = &graph->node[index];
    return ir_ref_equal(node->root, root) && node->op != OP_slice;
}

/* Whether a member's words have been said for one before it. */
static bool is_said(const Graph *graph, uint32_t index, Ref root) {
    const char *words = member_words(&graph->node[index]);
    for (uint32_t i = root.index + 1; i < index; i++)
        if (is_member(graph, i, root) && strcmp(member_words(&graph->node[i]), words) == 0)
            return true;
    return false;
}

static const char *add_members(const Graph *graph, Ref root, const char *text, Arena *arena) {
    const Node *node = ir_node(graph, root);
    if (!ir_ref_is_none(node->in[2])) text = arena_printf(arena, "%s + bias", text);
    for (uint32_t i = root.index + 1; i < graph->count; i++) {
        if (!is_member(graph, i, root)) {
            if (ir_ref_is_none(graph->node[i].root)) break; /* members stand behind their root */
            continue;
        }
        if (!is_said(graph, i, root))
            text = arena_printf(arena, "%s + %s", text, member_words(&graph->node[i]));
    }
    return text;
}

const char *tuning_kernel_name(const Graph *graph, Ref root, Arena *arena) {
    const Node *node = ir_node(graph, root);
    const bool is_last = node->type.dim[0] == IR_LOGIT_ROWS;
    const bool is_batch = graph->batch && (is_last || graph->batch <= IR_FEW_ROWS);
    const char *phase = node->type.dim[0] == 1 ? "decode" : is_batch ? "batch" : "prefill";
    if (node->op == OP_attend)
        return arena_printf(arena, "%s attend %" PRId64 "/%" PRId64 " heads of %" PRId64, phase,
                            node->attr.heads, node->attr.kv_heads,
                            node->type.dim[1] / node->attr.heads);
    if (!match_is_projection(node)) return NULL;
    const Type weight = ir_node(graph, node->in[1])->type;
    const char *rows = is_last ? " last" : "";
    const bool is_rounded = ir_node(graph, node->in[0])->op == OP_quantise;
    const Op op = !is_rounded && ir_reads_norm(graph, node) ? OP_read : OP_project;
    const char *text = arena_printf(
        arena, "%s%s %s %s %" PRId64 " -> %" PRId64, phase, rows, ir_op_info[op].name,
        ir_enum_word("WeightFormat", (int)node->attr.format), weight.dim[1], weight.dim[0]);
    return add_members(graph, root, text, arena);
}

const char *tuning_call_name(const Graph *graph, Arena *arena) {
    const char *phase = "prefill", *format = "";
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        const bool is_input = node->op == OP_tokens || node->op == OP_start;
        if (is_input && node->type.dim[0] == 1) phase = "decode";
        if (match_is_projection(node))
            format = ir_enum_word("WeightFormat", (int)node->attr.format);
    }
    return arena_printf(arena, "%s calls of %s %s", phase, graph->name, format);
}
