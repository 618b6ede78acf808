#include "frontend/weights/checkpoint_params.h"

#include "ir/spelling.h"

#include <stdlib.h>
#include <string.h>

/* ---- the params of a graph ---- */

static int compare_params(const void *a, const void *b) {
    return strcmp(((const Param *)a)->name, ((const Param *)b)->name);
}

Param *params_find(const ParamList *params, const char *name) {
    const Param key = {.name = name};
    return bsearch(&key, params->param, (size_t)params->count, sizeof key, compare_params);
}

static void set_heads(const ParamList *params, const Graph *graph, Ref weight, int64_t heads) {
    if (ir_ref_is_none(weight)) return;
    const Node *node = ir_node(graph, weight);
    Param *param = node->op == OP_param ? params_find(params, node->name) : NULL;
    if (param && param->heads == 0) param->heads = heads;
}

/* A projection's rows are divided into the heads of the first op behind it that knows heads. */
static void find_heads(const ParamList *params, const Graph *graph, Arena *arena) {
    /* The projection that a node's value comes from; 0: none. */
    uint32_t *origin = ARENA_ARRAY(arena, uint32_t, graph->count);
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        const bool is_per_head = node->op == OP_rope || node->op == OP_append ||
                                 node->op == OP_scores || node->op == OP_attend;
        origin[i] = node->op == OP_project ? i : origin[node->in[0].index];
        if (!is_per_head || origin[i] == 0) continue;
        const Node *project = &graph->node[origin[i]];
        set_heads(params, graph, project->in[1], node->attr.heads);
        set_heads(params, graph, project->in[2], node->attr.heads);
        origin[i] = 0;
    }
}

ParamList params_collect(const Graph *graph, Arena *arena) {
    ParamList params = {ARENA_ARRAY(arena, Param, graph->count), 0};
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        if (node->op != OP_param || ir_is_operand(node)) continue;
        const bool is_matrix = node->type.rank > 1;
        params.param[params.count++] = (Param){.name = arena_printf(arena, "%s", node->name),
                                               .rows = node->type.dim[0],
                                               .columns = is_matrix ? node->type.dim[1] : 1,
                                               .is_matrix = is_matrix};
    }
    qsort(params.param, (size_t)params.count, sizeof *params.param, compare_params);
    find_heads(&params, graph, arena);
    return params;
}

/* ---- names: which tensor ---- */

/* What a param may be called: a row of the table in a layer, with the prefix or without. */
typedef struct {
    const NameRow *row;
    LayerNumber layer;
    const char *tensor; /* null: it has none */
} Candidate;

typedef struct {
    const ParamList *params;
    const NameTable *table; /* with one prefix */
    const TensorSet *tensors;
    Diag *diag;
    Arena *scratch;
    Candidate *chosen;                   /* of each param */
    bool is_reported[STORED_TYPE_COUNT]; /* types that are not read */
} Search;

static bool is_there(const Search *s, const char *tensor, const char **tried) {
    if (tensor_set_find(s->tensors, tensor)) return true;
    if (tried)
        *tried = arena_printf(s->scratch, "%s%s'%s'", *tried, **tried ? " and " : "",
                              stored_show_name(tensor, s->scratch));
    return false;
}

/* The first candidate of a param whose tensor is there; false: none. Adds the names that were not
 * there to `tried`, unless null. */
static bool find_candidate(const Search *s, const Param *param, Candidate *found,
                           const char **tried) {
    static const NameRow own = {.param = "", .tensor = "", .layout = LAYOUT_plain};
    bool has_row = false;
    for (int i = 0; i < s->table->count; i++) {
        const NameRow *row = &s->table->row[i];
        LayerNumber layer;
        if (!tensor_names_match(row->param, param->name, &layer)) continue;
        has_row = true;
        *found = (Candidate){.row = row, .layer = layer};
        for (int attempt = 0;; attempt++) {
            const char *tensor = tensor_names_of_row(s->table, row, &layer, attempt, s->scratch);
            if (!tensor) break;
            found->tensor = tensor;
            if (is_there(s, tensor, tried)) return true;
        }
        if (row->is_apart) return false;
    }
    if (has_row || !s->table->has_own_names) return false;
    *found = (Candidate){.row = &own, .tensor = param->name};
    return is_there(s, param->name, tried);
}

static int count_found(const Search *s, const NameTable *table) {
    Search other = *s;
    Candidate found;
    int count = 0;
    other.table = table;
    for (int i = 0; i < s->params->count; i++)
        count += find_candidate(&other, &s->params->param[i], &found, NULL);
    return count;
}

/* The table with that one of its prefixes which finds most params; *most: how many. */
static NameTable choose_prefix(const Search *s, const NameTable *table, int *most) {
    NameTable best = tensor_names_with_prefix(table, tensor_names_prefix(table, 0, s->scratch));
    *most = count_found(s, &best);
    for (int i = 1; *most < s->params->count; i++) {
        const char *prefix = tensor_names_prefix(table, i, s->scratch);
        if (!prefix) break;
        const NameTable other = tensor_names_with_prefix(table, prefix);
        const int found = count_found(s, &other);
        if (found <= *most) continue;
        best = other;
        *most = found;
    }
    return best;
}

/* ---- layouts: where in the tensor ---- */

enum { MAX_SHARERS = 8 };

/* The params of the graph that lie in one tensor, in their order there. */
typedef struct {
    const Param *param[MAX_SHARERS];
    int count;
} Sharers;

static Sharers find_sharers(const Search *s, const Param *param, const Candidate *candidate) {
    const NameRow *own = candidate->row;
    if (own->layout != LAYOUT_stacked && own->layout != LAYOUT_stacked_transposed &&
        own->layout != LAYOUT_per_head)
        return (Sharers){{param}, 1};
    Sharers sharers = {.count = 0};
    for (int i = 0; i < s->table->count && sharers.count < MAX_SHARERS; i++) {
        const NameRow *row = &s->table->row[i];
        if (row->layout != own->layout || strcmp(row->tensor, own->tensor) != 0) continue;
        const Param *other =
            params_find(s->params, tensor_names_fill(row->param, &candidate->layer, s->scratch));
        if (other && s->chosen[other - s->params->param].row == row)
            sharers.param[sharers.count++] = other;
    }
    return sharers;
}

/* Key-value heads, of which each has a part of every sharer; 0: unknown. */
static int64_t count_groups(const Param *param, const Sharers *sharers) {
    int64_t groups = param->heads;
    for (int i = 0; i < sharers->count; i++)
        if (sharers->param[i]->heads < groups) groups = sharers->param[i]->heads;
    for (int i = 0; i < sharers->count; i++)
        if (groups && sharers->param[i]->rows % groups != 0) return 0;
    return groups;
}

/* Rows that the description says, or columns. */
static bool find_rows(const Search *s, const Param *param, const NameRow *row, ParamPlace *place) {
    const StoredTensor *tensor = place->tensor;
    place->is_transposed = param->is_matrix && row->layout == LAYOUT_rows_transposed;
    place->start = row->first;
    place->chunk = param->rows;
    place->total = tensor->rank ? tensor->shape[place->is_transposed ? tensor->rank - 1 : 0] : 1;
    if (row->end - row->first == param->rows && row->end <= place->total) return true;
    return diag_error(
        s->diag, stored_tensor_loc(tensor),
        "tensor '%s': expected %lld of its %lld %s for '%s', found rows: [%lld, %lld]",
        stored_show_name(tensor->name, s->diag->arena), (long long)param->rows,
        (long long)place->total, place->is_transposed ? "columns" : "rows", param->name,
        (long long)row->first, (long long)row->end);
}

static bool find_place(const Search *s, const Param *param, const Candidate *candidate,
                       ParamPlace *place) {
    const NameLayout layout = candidate->row->layout;
    const Sharers sharers = find_sharers(s, param, candidate);
    const int64_t groups = layout == LAYOUT_per_head ? count_groups(param, &sharers) : 1;
    if (groups == 0)
        return diag_error(s->diag, stored_tensor_loc(place->tensor),
                          "tensor '%s' is stored head by head, and the model's '%s' is not a "
                          "projection of heads",
                          stored_show_name(candidate->tensor, s->diag->arena), param->name);
    place->part = param->rows / groups;
    if (layout == LAYOUT_rows || layout == LAYOUT_rows_transposed)
        return find_rows(s, param, candidate->row, place);
    for (int i = 0; i < sharers.count; i++) {
        if (sharers.param[i] == param) place->start = place->chunk;
        place->chunk += sharers.param[i]->rows / groups;
    }
    place->total = place->chunk * groups;
    place->is_transposed =
        param->is_matrix && (layout == LAYOUT_transposed || layout == LAYOUT_stacked_transposed);
    return true;
}

/* ---- types and shapes ---- */

/* A vector may have dimensions of one around it, or none where it has one value. */
static bool is_vector(const StoredTensor *tensor, int64_t length) {
    int64_t product = 1;
    for (int i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] == 1) continue;
        if (product != 1) return false;
        product = tensor->shape[i];
    }
    return product == length;
}

static bool has_shape(const StoredTensor *tensor, const int64_t *shape, int rank) {
    if (rank == 1) return is_vector(tensor, shape[0]);
    return tensor->rank == rank && tensor->shape[0] == shape[0] && tensor->shape[1] == shape[1];
}

static bool wrong_shape(const Search *s, const Param *param, NameLayout layout,
                        const ParamPlace *place, const int64_t *shape, int rank) {
    Arena *arena = s->diag->arena;
    const StoredTensor *tensor = place->tensor;
    if (layout != LAYOUT_rows && layout != LAYOUT_rows_transposed && place->start > 0)
        return false; /* reported for the first of those that share it */
    diag_error(s->diag, stored_tensor_loc(tensor),
               "tensor '%s': expected the shape %s for '%s'%s, found %s",
               stored_show_name(tensor->name, arena), stored_show_shape(shape, rank, arena),
               param->name, place->part < place->chunk ? " and those stored with it" : "",
               stored_show_shape(tensor->shape, tensor->rank, arena));
    const int64_t swapped[] = {shape[rank - 1], shape[0]};
    if (rank == 2 && has_shape(tensor, swapped, rank))
        diag_hint(s->diag, "it is transposed: do the names belong to this checkpoint?");
    return false;
}

/* Of the tensors of a type the first: they are many. */
static bool wrong_type(Search *s, const Param *param, const StoredTensor *tensor) {
    bool *is_reported = &s->is_reported[tensor->type];
    if (*is_reported) return false;
    *is_reported = true;
    diag_error(s->diag, stored_tensor_loc(tensor), "tensor '%s': expected %s for '%s', found %s",
               stored_show_name(tensor->name, s->diag->arena),
               stored_types_read(s->tensors->is_gguf, s->diag->arena), param->name,
               stored_type_info[tensor->type].name);
    if (!s->tensors->is_gguf) return false;
    return diag_hint(s->diag, "take a file of another type, as Q8_0 or Q4_K_M");
}

static bool check_tensor(Search *s, const Param *param, NameLayout layout, ParamPlace *place) {
    const StoredTensor *tensor = place->tensor;
    const StoredTypeInfo *type = &stored_type_info[tensor->type];
    if (!type->decode) return wrong_type(s, param, tensor);
    if (place->is_transposed && type->values > 1)
        return diag_error(s->diag, stored_tensor_loc(tensor),
                          "tensor '%s': rows of %s blocks cannot be read transposed, as '%s'",
                          stored_show_name(tensor->name, s->diag->arena), type->name, param->name);
    const int rank = param->is_matrix ? 2 : 1;
    if (layout == LAYOUT_first_rows && tensor->rank == rank && tensor->shape[0] > place->total)
        place->total = tensor->shape[0];
    int64_t shape[] = {place->total, param->columns};
    if (place->is_transposed) shape[0] = param->columns, shape[1] = place->total;
    return has_shape(tensor, shape, rank) || wrong_shape(s, param, layout, place, shape, rank);
}

/* ---- what is missing ---- */

enum { MAX_SPARE = 1000 };

typedef struct {
    const char *name[MAX_SPARE];
    int count;
} Names;

/* Names of tensors that no param has taken. */
static Names *find_spare(const Search *s) {
    int count;
    const StoredTensor *tensor = tensor_set_list(s->tensors, &count);
    bool *is_taken = ARENA_ARRAY(s->scratch, bool, (size_t)count + 1);
    for (int i = 0; i < s->params->count; i++) {
        const StoredTensor *taken = s->params->param[i].place.tensor;
        if (taken) is_taken[taken - tensor] = true;
    }
    Names *spare = ARENA_NEW(s->scratch, Names);
    for (int i = 0; i < count && spare->count < MAX_SPARE; i++)
        if (!is_taken[i]) spare->name[spare->count++] = tensor[i].name;
    return spare;
}

/* The table that finds most params, if it finds more than the one that was asked for. */
static const NameTable *find_better_table(const Search *s) {
    const NameTable *best = NULL;
    int most = count_found(s, s->table), found;
    for (int i = 0; i < tensor_names_table_count; i++) {
        choose_prefix(s, &tensor_names_table[i], &found);
        if (found <= most) continue;
        best = &tensor_names_table[i];
        most = found;
    }
    return best;
}

static void report_missing(const Search *s, const Param *param, const Names *spare) {
    Candidate last = {0};
    const char *tried = "";
    find_candidate(s, param, &last, &tried);
    if (*tried)
        diag_error(s->diag, tensor_set_loc(s->tensors), "no tensor for '%s': looked for %s",
                   param->name, tried);
    else
        diag_error(s->diag, tensor_set_loc(s->tensors),
                   "no tensor for '%s': the names '%s' have none for it", param->name,
                   s->table->name);
    if (s->diag->errors > DIAG_MAX_ERRORS) return;
    const char *nearest = *tried ? spelling_nearest(last.tensor, spare->name, spare->count) : NULL;
    if (nearest) diag_hint(s->diag, "there is '%s'", stored_show_name(nearest, s->diag->arena));
    if (!nearest && strcmp(param->name, "head.weight") == 0)
        diag_hint(s->diag, "write `tied: true` if the head's weights are the embedding's");
}

static bool report_all_missing(const Search *s, const Names *spare) {
    const NameTable *better = find_better_table(s);
    diag_error(s->diag, tensor_set_loc(s->tensors),
               "none of the model's %d parameters is here under the names '%s'", s->params->count,
               s->table->name ? s->table->name : "given in the description");
    if (better) return diag_hint(s->diag, "write `names: %s`", better->name);
    if (spare->count == 0) return diag_hint(s->diag, "there are no tensors in it");
    return diag_hint(s->diag, "tensors are called like '%s'",
                     stored_show_name(spare->name[0], s->diag->arena));
}

static bool report_every_missing(const Search *s, int missing) {
    const Names *spare = find_spare(s);
    if (missing == s->params->count) return report_all_missing(s, spare);
    const NameTable *better = find_better_table(s);
    for (int i = 0; i < s->params->count; i++) {
        if (s->params->param[i].place.tensor) continue;
        report_missing(s, &s->params->param[i], spare);
        if (better) diag_hint(s->diag, "`names: %s` finds more tensors", better->name);
        better = NULL; /* said once */
    }
    return false;
}

/* ---- what is left over ---- */

/* Whether both hold the same. */
static bool is_copy(const StoredTensor *a, const StoredTensor *b) {
    enum { BLOCK = 1 << 14 };
    uint8_t of_a[BLOCK], of_b[BLOCK];
    if (a->type != b->type || a->bytes != b->bytes) return false;
    for (uint64_t at = 0; at < a->bytes; at += BLOCK) {
        const size_t count = a->bytes - at < BLOCK ? (size_t)(a->bytes - at) : BLOCK;
        if (!stored_tensor_read(a, at, count, of_a) || !stored_tensor_read(b, at, count, of_b) ||
            memcmp(of_a, of_b, count) != 0)
            return false;
    }
    return true;
}

/* A checkpoint of a model with a tied head may hold the embedding a second time. */
static bool is_tied_head(const Search *s, const NameRow *row, const StoredTensor *tensor) {
    const Param *embedding = params_find(s->params, "embed.tokens");
    if (strcmp(row->param, "head.weight") != 0) return false;
    return embedding && embedding->place.tensor && is_copy(tensor, embedding->place.tensor);
}

/* Whether a row of the table is about the tensor: then a model of this family would use it. */
static bool is_known(const Search *s, const StoredTensor *tensor) {
    const NameTable *table = s->table;
    const char *name = tensor->name, *bare = tensor_names_bare(table, name);
    LayerNumber layer;
    for (int i = 0; i < table->count; i++) {
        const NameRow *row = &table->row[i];
        if (!tensor_names_match(row->tensor, name, &layer) &&
            !tensor_names_match(row->tensor, bare, &layer))
            continue;
        return !is_tied_head(s, row, tensor);
    }
    return table->has_own_names &&
           (strncmp(name, "blocks.", 7) == 0 || strncmp(name, "embed.", 6) == 0 ||
            strncmp(name, "head.", 5) == 0);
}

/* A description that leaves out what its weights have (a bias, a norm, a layer) is another model's,
 * and computes something else. Tensors that no row is about, masks and tables of angles, are
 * nobody's loss. */
static void warn_of_spare(const Search *s) {
    enum { MOST_SHOWN = 3 };
    const Names *spare = find_spare(s);
    const char *shown = "";
    int count = 0;
    for (int i = 0; i < spare->count; i++) {
        const StoredTensor *tensor = tensor_set_find(s->tensors, spare->name[i]);
        if (!is_known(s, tensor)) continue;
        if (count++ < MOST_SHOWN)
            shown = arena_printf(s->diag->arena, "%s%s'%s'", shown, *shown ? ", " : "",
                                 stored_show_name(tensor->name, s->diag->arena));
    }
    if (count == 0) return;
    diag_warning(s->diag, tensor_set_loc(s->tensors),
                 "%d tensor%s that the model has no use for: %s%s", count, count == 1 ? "" : "s",
                 shown, count > MOST_SHOWN ? ", ..." : "");
    diag_hint(s->diag,
              "does the description leave something out: a layer, a bias, a norm, `gated`, "
              "an untied head?");
}

/* ---- all ---- */

bool params_place(ParamList *params, const NameTable *table, const TensorSet *tensors, Diag *diag) {
    Arena *scratch = arena_create();
    Search search = {
        .params = params, .table = table, .tensors = tensors, .diag = diag, .scratch = scratch};
    bool is_good = true;
    int found;
    const NameTable prefixed = choose_prefix(&search, table, &found);
    search.table = &prefixed;
    search.chosen = ARENA_ARRAY(scratch, Candidate, (size_t)params->count + 1);
    for (int i = 0; i < params->count; i++)
        if (!find_candidate(&search, &params->param[i], &search.chosen[i], NULL))
            search.chosen[i] = (Candidate){0};
    for (int i = 0; i < params->count; i++) {
        const Candidate *chosen = &search.chosen[i];
        Param *param = &params->param[i];
        if (!chosen->tensor) continue;
        param->place.tensor = tensor_set_find(tensors, chosen->tensor);
        is_good &= find_place(&search, param, chosen, &param->place) &&
                   check_tensor(&search, param, chosen->row->layout, &param->place);
    }
    if (found < params->count) is_good = report_every_missing(&search, params->count - found);
    if (is_good) warn_of_spare(&search);
    arena_destroy(scratch);
    return is_good;
}
