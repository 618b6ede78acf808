/* choose_types.c - the format of every matrix, as a description says it. */
#include "frontend/model/build_graph.h"

#include "frontend/model/build_nodes.h"

#include <fnmatch.h>

static ModelFORMAT wanted_type(const WeightsSpec *weights, const char *name, bool *is_used) {
    for (int i = 0; i < weights->rule_count; i++) {
        if (fnmatch(weights->rule[i].pattern, name, 0) != 0) continue;
        is_used[i] = true;
        return weights->rule[i].type;
    }
    return weights->type;
}

static void warn_of_idle_rules(const Graph *graph, const WeightsSpec *weights,
                               const bool *is_used) {
    for (int i = 0; i < weights->rule_count; i++) {
        if (is_used[i]) continue;
        diag_warning(graph->diag, weights->rule[i].loc,
                     "weights.types: no matrix has a name that fits '%.60s'",
                     weights->rule[i].pattern);
        diag_hint(graph->diag, "names are like blocks.0.attention.q.weight and embed.tokens: see "
                               "`thalweg explain --graph`");
    }
}

/* Matrices alone: a vector is small, and is added to what must stay exact. */
static bool has_type(const Node *node) {
    return node->op == OP_param && node->type.rank == 2;
}

void model_choose_types(Graph *graph, const WeightsSpec *weights) {
    bool *is_used = ARENA_ARRAY(graph->arena, bool, (size_t)weights->rule_count + 1);
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        if (has_type(node)) node->attr.format = wanted_type(weights, node->name, is_used).format;
    }
    warn_of_idle_rules(graph, weights, is_used);
}

bool model_needs_stored_types(const WeightsSpec *weights) {
    bool is_needed = weights->type.is_stored;
    for (int i = 0; i < weights->rule_count; i++) is_needed |= weights->rule[i].type.is_stored;
    return is_needed;
}

void model_take_stored_types(Graph *graph, const WeightsSpec *weights, StoredFormat *stored,
                             const void *context) {
    bool *is_used = ARENA_ARRAY(graph->arena, bool, (size_t)weights->rule_count + 1);
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        if (has_type(node) && wanted_type(weights, node->name, is_used).is_stored)
            node->attr.format = stored(context, node->name);
    }
}

void model_take_table_types(Graph *graph, StoredFormat *exact, const void *context) {
    for (uint32_t i = 1; i < graph->count; i++) {
        Node *node = &graph->node[i];
        if (node->op != OP_embed && node->op != OP_add_positions) continue;
        const Node *table = ir_node(graph, node->in[1]);
        if (table->op == OP_param) node->attr.format = exact(context, table->name);
    }
}
