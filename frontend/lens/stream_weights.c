/* stream_weights.c - which constants of the described graph play which part in the model. */
#include "frontend/lens/stream_weights.h"

#include "frontend/compiler/compiler.h"
#include "ir/hash.h"

#include <inttypes.h>
#include <string.h>

/* ---- constants by their names ---- */

typedef struct {
    Thalweg *thalweg;
    const Graph *graph;
    uint32_t *slot; /* nodes by hash of their names, open addressing; 0: free */
    size_t capacity;
    StreamWeights *out;
    int64_t layer, groups;
    int attentions, mlps, norms;
} Finding;

static uint32_t *slot_of(const Finding *f, const char *name) {
    size_t at = hash_text(name) & (f->capacity - 1);
    while (f->slot[at] && strcmp(f->graph->node[f->slot[at]].name, name) != 0)
        at = (at + 1) & (f->capacity - 1);
    return &f->slot[at];
}

static void index_constants(Finding *f) {
    f->capacity = 64;
    while (f->capacity < 2 * (size_t)f->graph->count) f->capacity *= 2;
    f->slot = ARENA_ARRAY(f->thalweg->arena, uint32_t, f->capacity);
    for (uint32_t i = 1; i < f->graph->count; i++)
        if (ir_is_constant(&f->graph->node[i])) *slot_of(f, f->graph->node[i].name) = i;
}

/* The one of that name; none where the model has no such. */
static StreamMatrix find(const Finding *f, const char *stem, const char *suffix) {
    const uint32_t index = *slot_of(f, arena_printf(f->thalweg->arena, "%s%s", stem, suffix));
    if (!index) return (StreamMatrix){0};
    const Node *node = &f->graph->node[index];
    return (StreamMatrix){.node = node,
                          .rows = node->type.dim[0],
                          .columns = node->type.rank > 1 ? node->type.dim[1] : 1,
                          .format = node->attr.format};
}

/* As it is looked up, in the format of its file. */
static StreamMatrix find_table(const Finding *f, const char *name) {
    StreamMatrix table = find(f, name, "");
    table.format = FORMAT_f32;
    return table;
}

static StreamNorm find_norm(const Finding *f, const Norm *norm, const char *stem,
                            const char *suffix) {
    const char *name = arena_printf(f->thalweg->arena, "%s%s", stem, suffix);
    if (norm->kind == NORM_none) return (StreamNorm){.kind = NORM_none};
    return (StreamNorm){.kind = norm->kind,
                        .eps = norm->eps,
                        .gain_offset = norm->gain ? (double)norm->gain_offset : 0,
                        .gain = find(f, name, ".gain"),
                        .bias = find(f, name, ".bias")};
}

/* ---- branches ---- */

/* As the builder of graphs calls them: a second attention is attention_2. */
static const char *next_stem(const Finding *f, const char *what, int *count) {
    Arena *arena = f->thalweg->arena;
    const char *stem = arena_printf(arena, "blocks.%" PRId64 ".%s", f->layer, what);
    return ++*count == 1 ? stem : arena_printf(arena, "%s_%d", stem, *count);
}

static void find_attention(const Finding *f, const Attention *attention, const char *stem,
                           StreamBranch *out) {
    out->heads = attention->heads;
    out->kv_heads = attention->kv_heads;
    out->head_dim = attention->head_dim;
    out->q = find(f, stem, ".q.weight");
    out->k = find(f, stem, ".k.weight");
    out->v = find(f, stem, ".v.weight");
    out->o = find(f, stem, ".o.weight");
    out->q_bias = find(f, stem, ".q.bias");
    out->k_bias = find(f, stem, ".k.bias");
    out->v_bias = find(f, stem, ".v.bias");
    out->o_bias = find(f, stem, ".o.bias");
}

static void find_mlp(const Finding *f, const Mlp *mlp, const char *stem, StreamBranch *out) {
    out->hidden = mlp->hidden;
    out->in = find(f, stem, mlp->gated ? ".gate.weight" : ".up.weight");
    out->in_bias = find(f, stem, mlp->gated ? ".gate.bias" : ".up.bias");
    if (mlp->gated) out->linear = find(f, stem, ".up.weight");
    if (mlp->gated) out->linear_bias = find(f, stem, ".up.bias");
    out->out = find(f, stem, ".down.weight");
    out->out_bias = find(f, stem, ".down.bias");
}

static void find_write(const Finding *f, const Write *write, const char *stem, StreamBranch *out) {
    out->is_gated_write = write->is_gated;
    out->carry = write->is_gated ? 1 : write->carry;
    out->scale = write->is_gated ? 1 : write->scale.value;
    if (write->is_gated || write->scale.kind == WRITE_SCALE_number) return;
    out->scale = 1;
    out->write_scale = find(f, stem, ".scale");
}

static void find_branch(Finding *f, const Branch *branch, const StreamNorm *shared) {
    StreamBranch *out = &f->out->branch[f->out->branch_count++];
    const bool is_attention = branch->kind == BRANCH_attention;
    int *count = is_attention ? &f->attentions : &f->mlps;
    const char *stem = next_stem(f, is_attention ? "attention" : "mlp", count);
    *out = (StreamBranch){
        .layer = f->layer, .copy = *count, .group = f->groups, .is_attention = is_attention};
    out->norm = shared ? *shared : find_norm(f, &branch->norm, stem, ".norm");
    out->norm_after = find_norm(f, &branch->norm_after, stem, ".norm_after");
    f->out->has_stream_norms |= branch->norm_stream.kind != NORM_none;
    if (is_attention)
        find_attention(f, &branch->of_attention, stem, out);
    else
        find_mlp(f, &branch->of_mlp, stem, out);
    find_write(f, &branch->write, stem, out);
}

static void find_group(Finding *f, const Group *group) {
    StreamNorm shared = {0};
    if (group->has_shared_norm)
        shared = find_norm(f, &group->norm, next_stem(f, "norm", &f->norms), "");
    for (int b = 0; b < group->count; b++)
        find_branch(f, &group->branch[b], group->has_shared_norm ? &shared : NULL);
    f->out->has_stream_norms |= group->norm_stream.kind != NORM_none;
    f->groups++;
}

static void find_layer(Finding *f, const Layer *layer) {
    f->attentions = f->mlps = f->norms = 0;
    for (int g = 0; g < layer->count; g++) find_group(f, &layer->group[g]);
}

static int64_t count_branches(const Model *model) {
    int64_t count = 0;
    for (int i = 0; i < model->block_count; i++)
        for (int64_t k = 0; k < model->block[i].repeat; k++) {
            const Layer *layer = &model->block[i].layer[k % model->block[i].period];
            for (int g = 0; g < layer->count; g++) count += layer->group[g].count;
        }
    return count;
}

static void find_layers(Finding *f, const Model *model) {
    f->out->branch =
        ARENA_ARRAY(f->thalweg->arena, StreamBranch, (size_t)count_branches(model) + 1);
    for (int i = 0; i < model->block_count; i++)
        for (int64_t k = 0; k < model->block[i].repeat; k++, f->layer++)
            find_layer(f, &model->block[i].layer[k % model->block[i].period]);
    f->out->layers = f->layer;
}

/* ---- both ends ---- */

static void find_embed(const Finding *f, const Model *model) {
    StreamWeights *out = f->out;
    out->embed = find_table(f, "embed.tokens");
    out->positions = find_table(f, "embed.positions");
    out->types = find_table(f, "embed.types");
    out->embed_scale = model->embed.scale;
    out->embed_norm = find_norm(f, &model->embed.norm, "embed.norm", "");
}

static void find_head(const Finding *f, const Model *model) {
    StreamWeights *out = f->out;
    const Head *head = &model->head;
    out->final_norm = find_norm(f, &head->norm, "head.norm", "");
    out->logit_scale = 1;
    if (head->output != HEAD_logits) return;
    out->is_tied = head->tied;
    out->unembed = head->tied ? find(f, "embed.tokens", "") : find(f, "head.weight", "");
    out->unembed_bias = find(f, "head.bias", "");
    out->outputs = out->unembed.rows;
    out->logit_scale = head->scale;
    out->logit_softcap = head->softcap;
}

const StreamWeights *stream_weights_open(Thalweg *thalweg) {
    if (!thalweg_check_weights(thalweg)) return NULL;
    const Model *model = thalweg->model;
    StreamWeights *out = ARENA_NEW(thalweg->arena, StreamWeights);
    Finding f = {.thalweg = thalweg, .graph = thalweg->described, .out = out};
    *out = (StreamWeights){.thalweg = thalweg, .width = model->width, .vocab = model->vocab};
    index_constants(&f);
    find_embed(&f, model);
    find_layers(&f, model);
    find_head(&f, model);
    return out;
}

const StreamBranch *stream_weights_branch(const StreamWeights *weights, bool is_attention,
                                          int64_t layer, int copy) {
    for (int64_t i = 0; i < weights->branch_count; i++) {
        const StreamBranch *branch = &weights->branch[i];
        if (branch->is_attention == is_attention && branch->layer == layer && branch->copy == copy)
            return branch;
    }
    return NULL;
}
