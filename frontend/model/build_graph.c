/* build_graph.c - the way of the stream through a model: in, through every layer, out. */
#include "frontend/model/build_graph.h"

#include "frontend/model/build_nodes.h"

#include <inttypes.h>

/* ---- into the stream ---- */

static Ref add_sinusoid(Build *build, Loc loc) {
    Node node = build_node(OP_sinusoid, loc, (Ref){0}, (Ref){0});
    node.name = "embed.positions";
    node.type = (Type){DTYPE_f32, 2, {build_positions(build), build->model->width}};
    return build_add(build, node);
}

/* The table of positions, whose rows are added to those of tokens. */
static Ref position_table(Build *build) {
    const Model *model = build->model;
    const Positions *positions = &model->embed.positions;
    if (positions->kind == POSITIONS_sinusoidal)
        return add_sinusoid(build, model->embed.positions_loc);
    return build_param(build, model->embed.positions_loc, "embed.positions", "",
                       build_positions(build) + positions->offset, model->width);
}

static Ref add_rows(Build *build, Ref x, Ref table) {
    Node node = build_node(OP_add_positions, build->model->embed.positions_loc, x, table);
    node.in[2] = build->position;
    node.attr.offset = (double)build->model->embed.positions.offset;
    return build_add(build, node);
}

/* The rows of positions by themselves. */
static Ref rows_alone(Build *build, Ref like, Ref table) {
    Node nothing = build_node(OP_scale, build->model->embed.positions_loc, like, (Ref){0});
    nothing.attr.scale = 0;
    return add_rows(build, build_add(build, nothing), table);
}

static Ref add_positions(Build *build, Ref stream) {
    if (build->model->embed.positions.kind == POSITIONS_none) return stream;
    const Ref table = position_table(build);
    const bool is_wanted = build_is_wanted(build, POINT_pos_embed, stream);
    const bool is_edited = build_is_edited(build, POINT_pos_embed, stream);
    const Ref rows = build_point(build, POINT_pos_embed,
                                 is_wanted ? rows_alone(build, stream, table) : stream, 1);
    if (!is_edited) return add_rows(build, stream, table);
    return build_add(build, build_node(OP_write, build->model->embed.positions_loc, stream, rows));
}

/* Row 0 of the table of types: that of a text by itself. */
static Ref add_type(Build *build) {
    const Model *model = build->model;
    const Loc loc = model->embed.types_loc;
    const Ref types = build_param(build, loc, "embed.types", "", model->embed.types, model->width);
    Node row = build_node(OP_row_of, loc, types, (Ref){0});
    row.name = "embed.types.first";
    return build_add(build, row);
}

static Ref build_embed(Build *build) {
    const Model *model = build->model;
    const Loc loc = model->embed_loc.source ? model->embed_loc : model->vocab_loc;
    build->table = build_param(build, loc, "embed.tokens", "", model->vocab, model->width);
    Node node = build_node(OP_embed, loc, build->tokens, build->table);
    node.attr.scale = model->embed.scale;
    if (model->embed.types) node.in[2] = add_type(build);
    const Ref rows = build_point(build, POINT_embed, build_add(build, node), 1);
    const Ref stream = add_positions(build, rows);
    return build_norm(build, model->embed.norm_loc, stream, &model->embed.norm, 1, "embed.norm");
}

/* ---- a layer ---- */

/* The names that a layer has given: a second attention is attention_2. */
typedef struct {
    const char *stem; /* blocks.N */
    int attentions, mlps, norms, stream_norms;
} Names;

static const char *next_name(Build *build, const Names *names, const char *what, int *count) {
    Arena *arena = build->graph->arena;
    if (++*count == 1) return arena_printf(arena, "%s.%s", names->stem, what);
    return arena_printf(arena, "%s.%s_%d", names->stem, what, *count);
}

static const char *branch_name(Build *build, Names *names, const Branch *branch) {
    const bool is_attention = branch->kind == BRANCH_attention;
    int *count = is_attention ? &names->attentions : &names->mlps;
    const char *name = next_name(build, names, is_attention ? "attention" : "mlp", count);
    build->copy = *count;
    return name;
}

/* A branch between its read and its write. */
typedef struct {
    const Branch *of;
    const char *stem;
    int copy; /* of its kind in the layer, from 1 on */
    Reads reads;
    Ref value;
    Ref factor; /* of the write: a learned scale, or the gate; none where it has none */
} Work;

static Ref add_factor(Build *build, const Work *work, Ref input) {
    const Write *write = &work->of->write;
    const int64_t width = build->model->width;
    const Loc loc = work->of->write_loc;
    if (write->is_gated) {
        const char *name = arena_printf(build->graph->arena, "%s.write_gate", work->stem);
        const Ref gate = build_project(build, loc, input, width, true, name);
        return build_point(build, POINT_gate_t, build_activate(build, loc, gate, ACT_sigmoid), 1);
    }
    if (write->scale.kind == WRITE_SCALE_number) return (Ref){0};
    const bool is_vector = write->scale.kind == WRITE_SCALE_vector;
    return build_param(build, loc, work->stem, ".scale", is_vector ? width : 1, 0);
}

/* The input is a state of the stream, or what the norm of a group makes of it. */
static Work read_branch(Build *build, Names *names, const Branch *branch, Ref input) {
    Work work = {.of = branch, .stem = branch_name(build, names, branch)};
    work.copy = build->copy;
    build_norm_point(build, branch->kind == BRANCH_attention ? POINT_ln1 : POINT_ln2,
                     branch->norm_loc, input, &branch->norm);
    input = build_norm(build, branch->norm_loc, input, &branch->norm, 1,
                       arena_printf(build->graph->arena, "%s.norm", work.stem));
    work.reads = branch->kind == BRANCH_attention
                     ? build_attention_reads(build, &branch->of_attention, input, work.stem)
                     : build_mlp_reads(build, &branch->of_mlp, input, work.stem);
    work.factor = add_factor(build, &work, input);
    return work;
}

static void compute_branch(Build *build, Work *work) {
    const Branch *branch = work->of;
    build->copy = work->copy;
    work->value = branch->kind == BRANCH_attention
                      ? build_attention_work(build, &branch->of_attention, &work->reads, work->stem)
                      : build_mlp_work(build, &branch->of_mlp, &work->reads, work->stem);
    work->value = build_norm(build, branch->norm_after_loc, work->value, &branch->norm_after, 1,
                             arena_printf(build->graph->arena, "%s.norm_after", work->stem));
}

/* What a write adds to the stream, as a value of its own. */
static Ref scale_branch(Build *build, const Work *work, Loc loc) {
    const WriteScale *scale = &work->of->write.scale;
    Node node = build_node(OP_scale, loc, work->value, (Ref){0});
    node.attr.scale = scale->value;
    if (scale->kind == WRITE_SCALE_number)
        return scale->value == 1 ? work->value : build_add(build, node);
    node.op = OP_norm; /* of kind none: a factor for each column, or one for all */
    node.attr = ir_attrs_default();
    node.in[1] = work->factor;
    if (scale->kind != WRITE_SCALE_vector) node.attr.groups = build->model->width;
    return build_add(build, node);
}

/* The node that writes the value of a branch, behind what stands at its point. */
static Node write_node(Build *build, const Work *work, Ref stream, Loc loc) {
    const Write *write = &work->of->write;
    const PointKind kind = work->of->kind == BRANCH_attention ? POINT_attn_out : POINT_mlp_out;
    Node node = build_node(write->is_gated ? OP_write_gated : OP_write, loc, stream, work->value);
    build->copy = work->copy;
    node.in[2] = work->factor;
    if (!write->is_gated) {
        node.attr.carry = write->carry;
        node.attr.scale = write->scale.value;
    }
    if (!write->is_gated && build_is_wanted(build, kind, work->value)) {
        node.in[1] = scale_branch(build, work, loc);
        node.in[2] = (Ref){0};
        node.attr.scale = 1;
    }
    node.in[1] = build_point(build, kind, node.in[1], 1);
    return node;
}

/* The state behind the write is a point of that kind; POINT_COUNT: it is none. */
static Ref write_branch(Build *build, const Work *work, Ref stream, PointKind kind) {
    const Branch *branch = work->of;
    const Loc loc = branch->write_loc.source ? branch->write_loc : branch->loc;
    stream = build_add(build, write_node(build, work, stream, loc));
    build->copy = 1;
    if (kind != POINT_COUNT) stream = build_point(build, kind, stream, 1);
    return build_norm(build, branch->norm_stream_loc, stream, &branch->norm_stream, 1,
                      arena_printf(build->graph->arena, "%s.norm_stream", work->stem));
}

/* All branches read before the first one writes: the state they read is gone after it. */
static Ref build_group(Build *build, Names *names, const Group *group, PointKind kind, Ref stream) {
    Ref input = stream;
    build->copy = 1;
    if (group->has_shared_norm) {
        build_norm_point(build, POINT_ln1, group->norm_loc, stream, &group->norm);
        input = build_norm(build, group->norm_loc, stream, &group->norm, 1,
                           next_name(build, names, "norm", &names->norms));
    }
    Work *work = ARENA_ARRAY(build->graph->arena, Work, (size_t)group->count);
    for (int b = 0; b < group->count; b++)
        work[b] = read_branch(build, names, &group->branch[b], input);
    for (int b = 0; b < group->count; b++) compute_branch(build, &work[b]);
    for (int b = 0; b < group->count; b++)
        stream = write_branch(build, &work[b], stream, b == group->count - 1 ? kind : POINT_COUNT);
    if (group->norm_stream.kind == NORM_none) return stream;
    return build_norm(build, group->norm_stream_loc, stream, &group->norm_stream, 1,
                      next_name(build, names, "norm_stream", &names->stream_norms));
}

static bool has_mlp(const Group *group) {
    for (int b = 0; b < group->count; b++)
        if (group->branch[b].kind == BRANCH_mlp) return true;
    return false;
}

/* The middle of a layer is before its first mlp, if anything stands before that. */
static PointKind state_behind(const Layer *layer, int g) {
    if (g == layer->count - 1) return POINT_resid_post;
    for (int i = 0; i <= g; i++)
        if (has_mlp(&layer->group[i])) return POINT_COUNT;
    return has_mlp(&layer->group[g + 1]) ? POINT_resid_mid : POINT_COUNT;
}

static Ref build_layer(Build *build, const Layer *layer, Ref stream) {
    Names names = {.stem = arena_printf(build->graph->arena, "blocks.%" PRId64, build->layer)};
    build->copy = 1;
    stream = build_point(build, POINT_resid_pre, stream, 1);
    for (int g = 0; g < layer->count; g++)
        stream = build_group(build, &names, &layer->group[g], state_behind(layer, g), stream);
    return stream;
}

static Ref build_layers(Build *build, Ref stream) {
    const Model *model = build->model;
    for (int i = 0; i < model->block_count; i++) {
        const Block *block = &model->block[i];
        for (int64_t k = 0; k < block->repeat; k++, build->layer++)
            stream = build_layer(build, &block->layer[k % block->period], stream);
    }
    return stream;
}

/* ---- out of the stream ---- */

/* A mean and the first row are made of all rows of a call; the last one is there anyway. */
static Ref add_pool(Build *build, Ref x) {
    const Pooling *pooling = &build->model->pooling;
    if (pooling->kind != POOLING_mean && pooling->kind != POOLING_cls) return x;
    Node node = build_node(OP_pool, build->model->pooling_loc, x, (Ref){0});
    node.attr.pool = pooling->kind == POOLING_mean ? POOL_mean : POOL_first;
    return build_add(build, node);
}

static Ref build_pooling(Build *build, Ref x) {
    const Pooling *pooling = &build->model->pooling;
    const Loc loc = build->model->pooling_loc;
    /* A length of 1e-12 is the least that is divided by, as in torch's normalize(). */
    static const Norm length = {.kind = NORM_l2, .eps = 1e-24};
    x = add_pool(build, x);
    for (int64_t i = 0; i < pooling->dense.count; i++) {
        const char *stem = i ? arena_printf(build->graph->arena, "pooling.dense_%" PRId64, i + 1)
                             : "pooling.dense";
        x = build_project(build, loc, x, pooling->dense.at[i], false, stem);
    }
    return pooling->normalise ? build_norm(build, loc, x, &length, 1, "") : x;
}

static Ref build_logits(Build *build, Ref x) {
    const Model *model = build->model;
    const Head *head = &model->head;
    const int64_t vocab = head->vocab ? head->vocab : model->vocab;
    const int64_t width = ir_node(build->graph, x)->type.dim[1];
    Node project = build_node(OP_project, model->head_loc, x, build->table);
    if (!head->tied)
        project.in[1] = build_param(build, model->head_loc, "head.weight", "", vocab, width);
    if (head->bias) project.in[2] = build_param(build, head->bias_loc, "head.bias", "", vocab, 0);
    x = build_add(build, project);
    if (head->scale != 1) {
        Node scale = build_node(OP_scale, head->scale_loc, x, (Ref){0});
        scale.attr.scale = head->scale;
        x = build_add(build, scale);
    }
    if (head->softcap > 0) {
        Node softcap = build_node(OP_softcap, head->softcap_loc, x, (Ref){0});
        softcap.attr.softcap = head->softcap;
        x = build_add(build, softcap);
    }
    if (model->pooling.kind != POOLING_none) return x;
    return build_point(build, POINT_logits, x, vocab);
}

static bool is_pooled(const Model *model) {
    return model->pooling.kind == POOLING_mean || model->pooling.kind == POOLING_cls;
}

static Ref build_head(Build *build, Ref stream) {
    const Model *model = build->model;
    const Head *head = &model->head;
    stream = build_point(build, POINT_resid_final, stream, 1);
    build_norm_point(build, POINT_ln_final, head->norm_loc, stream, &head->norm);
    Ref x = build_norm(build, head->norm_loc, stream, &head->norm, 1, "head.norm");
    if (model->pooling.kind != POOLING_none) x = build_pooling(build, x);
    if (head->output == HEAD_logits) x = build_logits(build, x);
    if (is_pooled(model)) return x;
    return build_add(build, build_node(OP_last, model->head_loc, x, (Ref){0}));
}

/* ---- the whole ---- */

static bool is_causal(const Layer *layer) {
    for (int g = 0; g < layer->count; g++) {
        for (int b = 0; b < layer->group[g].count; b++) {
            const Branch *branch = &layer->group[g].branch[b];
            if (branch->kind == BRANCH_attention && !branch->of_attention.causal) return false;
        }
    }
    return true;
}

/* Where a token sees those after it, or one row is made of all, a sequence comes in one call. */
static int64_t choose_chunk(const Model *model) {
    enum { CHUNK = 512 };
    if (is_pooled(model)) return model->context;
    for (int i = 0; i < model->block_count; i++)
        for (int64_t k = 0; k < model->block[i].period; k++)
            if (!is_causal(&model->block[i].layer[k])) return model->context;
    return model->context < CHUNK ? model->context : CHUNK;
}

/* Sums of a graph's sizes must be countable, with room for whoever counts in bytes. One value is
 * less than 2^62 elements: no dimension of a description is above 2^24, and scores have three. */
static bool check_sizes(const Graph *graph, Loc loc) {
    const int64_t most = INT64_C(1) << 46;
    int64_t weights = 0, caches = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        int64_t values = 1;
        for (int k = 0; k < node->type.rank; k++)
            values *= node->type.dim[k] > 0 ? node->type.dim[k] : graph->chunk;
        if (node->op == OP_append) caches += values;
        if (node->op == OP_param || node->op == OP_sinusoid) weights += values;
        if (values > most || weights > most || caches > most)
            return diag_error(graph->diag, values > most ? node->loc : loc,
                              "the model is too large: its weights, its caches and each of its "
                              "values have at most %" PRId64 " elements",
                              most);
    }
    return true;
}

Graph *model_build_graph(const Model *model, Arena *arena, Diag *diag) {
    Graph *whole;
    return model_build_part(model, arena, diag, &whole);
}

Graph *model_build_part(const Model *model, Arena *arena, Diag *diag, Graph **whole) {
    Build build = {.model = model, .graph = ir_graph_create(arena, diag, model->name)};
    Graph *graph = build.graph;
    graph->loc = model->name_loc;
    graph->context = model->context;
    graph->chunk = choose_chunk(model);

    instruments_begin(model->instruments);
    Node tokens = build_node(OP_tokens, model->vocab_loc, (Ref){0}, (Ref){0});
    tokens.type = (Type){DTYPE_i32, 1, {IR_TOKENS}};
    Node position = build_node(OP_position, model->context_loc, (Ref){0}, (Ref){0});
    position.type = (Type){DTYPE_i32, 1, {1}};
    build.tokens = build_add(&build, tokens);
    build.position = build_add(&build, position);
    const Ref stream = build_layers(&build, build_embed(&build));
    graph->result = build_head(&build, stream);
    if (build.has_failed || !instruments_check(model->instruments, build.layer, diag)) return NULL;
    if (!check_sizes(graph, model->name_loc)) return NULL;

    model_choose_types(graph, &model->weights);
    *whole = build_cut(&build);
    return *whole ? graph : NULL;
}
