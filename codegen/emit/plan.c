/* plan.c - the kernels of all phases in order, and what each costs. */
#include "codegen/emit/plan.h"
#include "codegen/emit/scratch.h"

#include <string.h>

/* Each thread keeps numbers of each row, so that rows of one call are bounded. */
enum { MAX_CHUNK = 1 << 16 };

static int count_kernels(const Graph *graph) {
    int count = 0;
    for (uint32_t i = 1; i < graph->count; i++)
        count += ir_ref_is_none(graph->node[i].root) && !kernel_is_free(graph, (Ref){i});
    return count;
}

/* Members stand side by side behind their root, as the passes leave them: whoever forms a kernel
 * looks nowhere else for them. */
static bool check_members(const Graph *graph) {
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        const uint32_t root = node->root.index;
        if (!root || root > i || root == i - 1 || graph->node[i - 1].root.index == root) continue;
        return diag_error(graph->diag, node->loc, "%s: it is not behind the root of its kernel",
                          ir_op_info[node->op].name);
    }
    return true;
}

/* Buffers have numbers from 0 on. */
static int64_t count_taps(const Graph *graph) {
    int64_t count = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        if (node->op == OP_tap && node->attr.number >= count) count = node->attr.number + 1;
    }
    return count;
}

static int64_t count_edits(const Graph *graph) {
    int64_t count = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        const bool is_said = node->attr.given || !ir_ref_is_none(node->in[1]);
        if (node->op == OP_edit && is_said && node->attr.number >= count)
            count = node->attr.number + 1;
    }
    return count;
}

static int64_t count_start_columns(const Graph *graph) {
    for (uint32_t i = 1; i < graph->count; i++)
        if (graph->node[i].op == OP_start) return graph->node[i].type.dim[1];
    return 0;
}

static bool make_phase(PhasePlan *phase, const Graph *graph, Layout *layout, Arena *arena) {
    *phase = (PhasePlan){.graph = graph,
                         .tap_count = count_taps(graph),
                         .edit_count = count_edits(graph),
                         .start_columns = count_start_columns(graph)};
    phase->kernel = ARENA_ARRAY(arena, Kernel *, (size_t)count_kernels(graph) + 1);
    for (uint32_t i = 1; i < graph->count; i++) {
        if (!ir_ref_is_none(graph->node[i].root) || kernel_is_free(graph, (Ref){i})) continue;
        Kernel *kernel = kernel_form(graph, (Ref){i}, layout, arena);
        if (!kernel) return false;
        phase->kernel[phase->count++] = kernel;
    }
    return true;
}

/* ---- attention behind its own read ----
 * For one token, the heads of queries, keys and values that a thread computes can be those it
 * attends with, so that it need not wait for others in between. */

static const OutputGroup *group_of(const Kernel *kernel, Ref value) {
    for (int i = 0; i < kernel->group_count; i++)
        if (ir_ref_equal(kernel->group[i].value, value)) return &kernel->group[i];
    return NULL;
}

/* Whether heads end where panels do. */
static bool has_whole_heads(const OutputGroup *group, int64_t heads, int64_t panel) {
    return group && group->panels.parts == 1 && group->panels.columns % (heads * panel) == 0;
}

static bool overlaps(const Slot *a, const Slot *b) {
    return a->kind == SLOT_ARENA && b->kind == SLOT_ARENA && a->offset < b->offset + b->stride &&
           b->offset < a->offset + a->stride;
}

static bool can_attend_at_once(const Kernel *read, const Kernel *attend, int64_t panel) {
    const Node *root = ir_node(attend->graph, attend->root);
    if (root->op != OP_attend || root->type.dim[0] != 1) return false;
    for (int k = 0; k < 3; k++)
        if (!has_whole_heads(group_of(read, root->in[k]), root->attr.kv_heads, panel)) return false;
    const Slot *out = &attend->slot[kernel_slot(attend, attend->root, FORM_VECTOR)];
    for (int i = 0; i < read->slot_count; i++)
        if (overlaps(&read->slot[i], out)) return false;
    return true;
}

static void join_attention(PhasePlan *phase, int64_t panel) {
    for (int i = 0; i + 1 < phase->count; i++) {
        const Kernel *next = phase->kernel[i + 1];
        if (can_attend_at_once(phase->kernel[i], next, panel))
            phase->kernel[i]->own_heads = ir_node(next->graph, next->root)->attr.kv_heads;
    }
}

int plan_barriers(const PhasePlan *phase, int64_t threads) {
    int count = 0;
    for (int i = 0; i + 1 < phase->count; i++) {
        const int64_t heads = phase->kernel[i]->own_heads;
        count += !heads || heads % threads != 0;
    }
    return count;
}

const PhasePlan *plan_phase(const Plan *plan, Phase phase) {
    switch (phase) {
    case PHASE_DECODE: return &plan->decode;
    case PHASE_BATCH: return &plan->batch;
    case PHASE_FEW: return &plan->few;
    default: return &plan->prefill;
    }
}

/* ---- scratch of threads ---- */

/* The most that a kernel of either phase has, in whole pairs of cache lines: processors fetch two
 * at a time, and threads must not meet in them. */
static int64_t most_scratch_floats(const Plan *plan, const Machine *machine) {
    enum { PAIR_FLOATS = 32 };
    int64_t most = 0;
    for (int p = 0; p < PHASES; p++) {
        const PhasePlan *phase = plan_phase(plan, (Phase)p);
        for (int i = 0; i < phase->count; i++) {
            const int64_t floats = scratch_floats(phase->kernel[i], machine);
            if (floats > most) most = floats;
        }
    }
    return round_up(most, PAIR_FLOATS);
}

/* ---- what a call takes and gives ---- */

static void find_result(Plan *plan) {
    const Graph *graph = plan->prefill.graph;
    const Node *result = ir_node(graph, graph->result), *made = result;
    while (made->op == OP_last || made->op == OP_scale || made->op == OP_softcap)
        made = ir_node(graph, made->in[0]);
    plan->logits_stride = result->place.stride;
    plan->outputs = result->type.dim[1];
    if (!plan->vocab) plan->vocab = plan->outputs;
    plan->gives_logits = (made->op == OP_project || made->op == OP_read) && !plan->is_pooled &&
                         plan->outputs == plan->vocab;
}

static void find_calls(Plan *plan) {
    const Graph *graph = plan->prefill.graph;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        if (node->op == OP_embed && !plan->vocab)
            plan->vocab = ir_node(graph, node->in[1])->type.dim[0];
        plan->is_pooled |= node->op == OP_pool;
        plan->takes_whole_sequences |=
            node->op == OP_pool || (node->op == OP_attend && !node->attr.causal);
    }
    if (!ir_ref_is_none(graph->result)) find_result(plan);
    if (!plan->vocab) plan->vocab = 1;
}

static int64_t least(int64_t a, int64_t b) {
    return a && a < b ? a : b;
}

static void find_rings(Plan *plan) {
    const Graph *graph = plan->prefill.graph;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        for (int k = 1; node->op == OP_attend && k <= 2; k++) {
            const int64_t rows = ir_node(graph, node->in[k])->place.rows;
            if (!rows) continue;
            plan->ring_rows = least(plan->ring_rows, rows);
            plan->ring_rollback = least(plan->ring_rollback, rows - (node->attr.window - 1));
        }
    }
}

int64_t plan_outputs(const Plan *plan) {
    return !plan->outputs ? -1 : plan->gives_logits ? 0 : plan->outputs;
}

/* Where the first positions of a cache lie, as append in emit_heads.c lays them. */
static TwCache cache_of(const Graph *graph, const Slot *slot, int64_t panel) {
    const Node *append = ir_node(graph, slot->ref);
    const int64_t rows = slot->ring ? slot->ring : append->attr.context, heads = append->attr.heads;
    const int64_t dim = append->type.dim[1] / heads;
    if (slot->kind == SLOT_KEYS)
        return (TwCache){slot->offset, heads, round_up(rows, panel) * dim, panel, panel * dim};
    return (TwCache){slot->offset, heads * round_up(dim, panel) / panel, rows * panel, 1, panel};
}

static bool has_cache(const Plan *plan, int64_t offset) {
    for (int64_t i = 0; i < plan->cache_count; i++)
        if (plan->cache[i].offset == offset) return true;
    return false;
}

static void find_caches(Plan *plan, const Machine *machine, Arena *arena) {
    const PhasePlan *phase = &plan->batch;
    int64_t most = 0;
    for (uint32_t i = 1; i < phase->graph->count; i++)
        most += phase->graph->node[i].op == OP_append;
    plan->cache = ARENA_ARRAY(arena, TwCache, (size_t)most + 1);
    for (int i = 0; i < phase->count; i++)
        for (int s = 0; s < phase->kernel[i]->slot_count; s++) {
            const Slot *slot = &phase->kernel[i]->slot[s];
            const bool is_cache = slot->kind == SLOT_KEYS || slot->kind == SLOT_VALUES;
            if (is_cache && !has_cache(plan, slot->offset))
                plan->cache[plan->cache_count++] =
                    cache_of(phase->graph, slot, machine_panel(machine));
        }
}

bool plan_draws(const Plan *plan) {
    return plan->gives_logits && !plan->takes_whole_sequences && !plan->prefill.start_columns;
}

static bool begins_with(const char *name, const char *start) {
    return strncmp(name, start, strlen(start)) == 0;
}

bool plan_has_call(const Plan *plan, bool has_tokenizer, const char *name) {
    if (strcmp(name, "set_tap") == 0) return plan->prefill.tap_count > 0;
    if (strcmp(name, "set_edit") == 0) return plan->prefill.edit_count > 0;
    const bool takes_values = plan->prefill.start_columns > 0;
    if (strcmp(name, "forward_values") == 0) return takes_values;
    if (strcmp(name, "forward") == 0 || strcmp(name, "prefill") == 0) return !takes_values;
    if (strcmp(name, "step") == 0) return !plan->takes_whole_sequences && !takes_values;
    if (strcmp(name, "choose") == 0 || strcmp(name, "fork") == 0) return plan->batch.graph;
    if (strcmp(name, "forward_batch") == 0) return plan->batch.graph && !takes_values;
    if (strcmp(name, "logits") == 0) return plan->outputs > 0;
    if (begins_with(name, "tokenizer_") || begins_with(name, "encode") ||
        begins_with(name, "decode"))
        return has_tokenizer;
    return plan_draws(plan) || !begins_with(name, "sampler_");
}

static bool check_phase(const Graph *graph) {
    const bool has_result = !ir_ref_is_none(graph->result);
    if (graph->chunk > MAX_CHUNK) {
        const Loc loc = has_result ? ir_node(graph, graph->result)->loc : graph->loc;
        diag_error(graph->diag, loc, "a call of %lld tokens is too long: at most %d",
                   (long long)graph->chunk, MAX_CHUNK);
        return diag_hint(graph->diag, "a model that is not causal takes its whole context at once: "
                                      "make `context` smaller");
    }
    if (!has_result) return check_members(graph);
    const Node *result = ir_node(graph, graph->result);
    if (result->type.rank != 2 || result->type.dtype != DTYPE_f32 || ir_is_constant(result))
        return diag_error(graph->diag, result->loc,
                          "the result must be rows of numbers: f32[L, columns]");
    return check_members(graph);
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

Plan *plan_create(const Graph *const graph[PHASES], Layout *layout) {
    Arena *arena = layout->arena;
    const Machine *machine = &layout->machine;
    const Graph *prefill = graph[PHASE_PREFILL];
    Plan *plan = ARENA_NEW(arena, Plan);
    *plan = (Plan){.name = prefill->name, .layout = layout};
    PhasePlan *const phase[PHASES] = {&plan->prefill, &plan->decode, &plan->batch, &plan->few};
    for (int p = 0; p < PHASES; p++) {
        if (!graph[p]) continue;
        if (!check_phase(graph[p]) || !make_phase(phase[p], graph[p], plan->layout, arena))
            return NULL;
        plan->arena_floats = larger(plan->arena_floats, graph[p]->arena_floats);
    }
    join_attention(&plan->decode, machine_panel(machine));
    find_calls(plan);
    find_rings(plan);
    plan->cache_floats = prefill->cache_floats;
    if (plan->batch.graph) find_caches(plan, machine, arena);
    plan->scratch_floats = most_scratch_floats(plan, machine);
    return plan;
}

/* ---- costs ---- */

/* Twice a multiply-add for each query and key of each head, once for scores and once for mixing. */
static double attention_operations(const Node *node, double tokens, double position) {
    double seen = node->attr.causal ? position + (tokens + 1) / 2 : position + tokens;
    if (node->attr.window && seen > (double)node->attr.window) seen = (double)node->attr.window;
    return 4 * tokens * seen * (double)node->type.dim[1];
}

static double format_row_bytes(WeightFormat format, double columns) {
    const double scales = format_has_blocks(format) ? 2 * columns / (double)FORMAT_BLOCK : 0;
    return columns * format_bits(format) / 8 + scales;
}

KernelCost plan_cost(const Kernel *kernel, int64_t tokens, int64_t position) {
    const Graph *graph = kernel->graph;
    const Node *root = ir_node(graph, kernel->root);
    const bool is_logits = root->type.dim[0] == IR_LOGIT_ROWS;
    const double rows = is_logits ? 1 : (double)tokens;
    KernelCost cost = {0};
    for (int i = 0; i < kernel->slot_count; i++) {
        const Slot *slot = &kernel->slot[i];
        if (slot->kind != SLOT_WEIGHTS) continue;
        const Node *weight = ir_node(graph, slot->ref);
        if (weight->op == OP_position_scales) continue; /* as tables of rope: a row of each */
        const double columns = weight->type.rank > 1 ? (double)weight->type.dim[1] : 1;
        double count = (double)weight->type.dim[0];
        const bool is_product = root->op == OP_project || root->op == OP_read;
        if (slot->form == FORM_ROWS || (slot->form == FORM_PANELS && !is_product))
            count = (double)tokens; /* looked up */
        cost.weight_bytes += count * format_row_bytes(slot->format, columns);
        if (slot->form == FORM_PANELS && is_product) cost.operations += 2 * rows * count * columns;
    }
    const Node *x = ir_node(graph, root->in[0]);
    if (x->op == OP_quantise && x->attr.format == FORMAT_q8)
        cost.byte_operations = cost.operations;
    else if (x->op == OP_quantise)
        cost.pair_operations = cost.operations;
    if (root->op == OP_attend)
        cost.operations = attention_operations(root, (double)tokens, (double)position);
    return cost;
}
