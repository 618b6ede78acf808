/* model_read.c - the whole description: blocks and their layers, and what stands around them. */
#include "frontend/model/model.h"

#include "frontend/model/foreign_names.h"
#include "frontend/model/model_branch.h"

#include <inttypes.h>

enum { MAX_GROUPS = 64 /* of a block */ };

/* ---- patterns ---- */

static bool check_pattern_list(Reader *reader, const YamlNode *list, int64_t repeat) {
    Diag *diag = reader->diag;
    if (!keys_is_inherited(&keys_attention, list->key) &&
        !keys_is_inherited(&keys_mlp, list->key)) {
        yaml_key_error(list, diag, "unknown key");
        const char *known = foreign_names_key(&keys_attention, list->key, diag->arena);
        if (known) return diag_hint(diag, "%s", known);
        return diag_hint(diag, "a pattern has keys of attention (%s) and of mlp (%s)",
                         keys_list(&keys_attention, diag->arena),
                         keys_list(&keys_mlp, diag->arena));
    }
    if (list->kind != YAML_SEQUENCE || list->count < 1)
        return yaml_expected(list, diag, "a list of values, for one layer after the other");
    if (list->count <= repeat) return true;
    return yaml_error(list, diag, "%d values for %" PRId64 " layers", list->count, repeat);
}

static bool check_pattern(Reader *reader, const Block *block) {
    if (!block->pattern) return true;
    if (block->pattern->kind != YAML_MAPPING)
        return yaml_expected(block->pattern, reader->diag,
                             "a mapping of lists, as in {window: [4096, none]}");
    bool ok = true;
    for (const YamlNode *list = block->pattern->first; list; list = list->next)
        ok &= check_pattern_list(reader, list, block->repeat);
    return ok;
}

static int64_t greatest_common_divisor(int64_t a, int64_t b) {
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* How many layers differ: after the least common multiple of the lists, all starts again. */
static int64_t find_period(const Block *block) {
    int64_t period = 1;
    if (!block->pattern) return period;
    for (const YamlNode *list = block->pattern->first; list; list = list->next) {
        period *= list->count / greatest_common_divisor(period, list->count);
        if (period > block->repeat) return block->repeat;
    }
    return period;
}

static bool has_branch(const Layer *layer, BranchKind kind) {
    for (int g = 0; g < layer->count; g++)
        for (int b = 0; b < layer->group[g].count; b++)
            if (layer->group[g].branch[b].kind == kind) return true;
    return false;
}

/* A pattern that nothing in the block listens to is a mistake. */
static bool check_pattern_use(Reader *reader, const Block *block) {
    bool ok = true;
    for (const YamlNode *list = block->pattern ? block->pattern->first : NULL; list;
         list = list->next) {
        const bool is_used =
            (keys_is_inherited(&keys_attention, list->key) &&
             has_branch(block->layer, BRANCH_attention)) ||
            (keys_is_inherited(&keys_mlp, list->key) && has_branch(block->layer, BRANCH_mlp));
        if (!is_used)
            ok =
                yaml_key_error(list, reader->diag, "no branch of this block has a '%s'", list->key);
    }
    return ok;
}

/* ---- blocks ---- */

typedef struct {
    int64_t layers, branches; /* of all blocks so far */
} Total;

static bool read_layer(Reader *reader, const Block *block, const YamlNode *defaults,
                       int64_t index) {
    const Scope scope = {defaults, block->pattern, index};
    const YamlNode *branches = block->branches;
    Layer *layer = &block->layer[index];
    layer->count = branches->count;
    layer->group = ARENA_ARRAY(reader->arena, Group, (size_t)branches->count);
    bool ok = true;
    for (const YamlNode *child = branches->first; child; child = child->next)
        ok &= model_read_group(reader, child, &scope, &layer->group[child->index]);
    return ok;
}

/* Branches of one layer, those inside a `parallel` counted one by one. */
static int64_t count_branches(const YamlNode *branches) {
    int64_t count = 0;
    for (const YamlNode *child = branches->first; child; child = child->next) {
        const YamlNode *list = yaml_find(child, "parallel");
        count += list ? list->count : 1;
    }
    return count;
}

/* Before the layers of a block are made: there may be as many of them as it has repeats. */
static bool check_total(Reader *reader, const YamlNode *node, const Block *block, Total *total) {
    total->layers += block->repeat;
    total->branches += block->repeat * count_branches(block->branches);
    if (total->layers > MODEL_MAX_LAYERS)
        return yaml_error(node, reader->diag, "the model has more than %d layers",
                          MODEL_MAX_LAYERS);
    if (total->branches > MODEL_MAX_BRANCHES)
        return yaml_error(node, reader->diag, "all layers together have more than %d branches",
                          MODEL_MAX_BRANCHES);
    return true;
}

static bool hint_branches(Diag *diag) {
    return diag_hint(diag, "branches: [{attention: {...}}, {mlp: {...}}]");
}

/* Branches run one after the other, and keys of a mapping have no order. */
static bool check_block_keys(Reader *reader, const YamlNode *node) {
    if (node->kind != YAML_MAPPING) return true;
    for (const YamlNode *child = node->first; child; child = child->next) {
        if (!keys_has(&keys_branch, child->key) && !keys_has(&keys_parallel, child->key)) continue;
        yaml_key_error(child, reader->diag, "'%s' belongs into an element of 'branches'",
                       child->key);
        return hint_branches(reader->diag);
    }
    return true;
}

static bool check_block(Reader *reader, const YamlNode *node, const Block *block, Total *total) {
    const YamlNode *branches = block->branches;
    if (branches->kind != YAML_SEQUENCE || branches->count < 1 || branches->count > MAX_GROUPS) {
        yaml_expected(branches, reader->diag,
                      arena_printf(reader->diag->arena, "a list of 1 to %d branches", MAX_GROUPS));
        return hint_branches(reader->diag);
    }
    return check_total(reader, node, block, total) && check_pattern(reader, block);
}

static bool read_block(Reader *reader, const YamlNode *node, const YamlNode *defaults, Block *block,
                       Total *total) {
    static const Block initial = {
#define BLOCK(key, kind, need, least, most, initial, help) .key = initial,
#include "frontend/model/model.def"
    };
    *block = initial;
    block->loc = node->loc;
    if (!check_block_keys(reader, node)) return false;
    if (!keys_read_mapping(reader, node, &keys_block, block)) return false;
    if (!check_block(reader, node, block, total)) return false;
    block->period = find_period(block);
    block->layer = ARENA_ARRAY(reader->arena, Layer, (size_t)block->period);
    for (int64_t i = 0; i < block->period; i++)
        if (!read_layer(reader, block, defaults, i)) return false;
    return check_pattern_use(reader, block);
}

/* Past the limit of layers there is nothing more to say, and much of it. */
static bool read_blocks(Reader *reader, Model *model) {
    const YamlNode *blocks = model->blocks;
    Total total = {0};
    bool ok = true;
    if (blocks->kind != YAML_SEQUENCE)
        return yaml_expected(blocks, reader->diag, "a list of blocks");
    model->block_count = blocks->count;
    model->block = ARENA_ARRAY(reader->arena, Block, (size_t)blocks->count + 1);
    for (const YamlNode *child = blocks->first; child; child = child->next) {
        ok &= read_block(reader, child, model->defaults, &model->block[child->index], &total);
        if (total.layers > MODEL_MAX_LAYERS || total.branches > MODEL_MAX_BRANCHES) return false;
    }
    model->layers = total.layers;
    return ok;
}

/* ---- the whole ---- */

static bool check_defaults(Reader *reader, const Model *model) {
    return !model->defaults || model_read_defaults(reader, model->defaults);
}

static bool read_stream(Reader *reader, Model *model) {
    StreamKeys stream = {0};
    if (!keys_read_mapping(reader, model->stream, &keys_stream, &stream)) return false;
    model->width = stream.width;
    model->width_loc = stream.width_loc;
    reader->width = stream.width;
    return true;
}

/* A list of points, each a text; null: there is none. */
static bool read_points(Reader *reader, const YamlNode *list, bool is_edit, Model *model) {
    bool ok = true;
    if (!list) return true;
    if (list->kind != YAML_SEQUENCE) return yaml_expected(list, reader->diag, "a list of points");
    for (const YamlNode *child = list->first; child; child = child->next) {
        const char *text;
        ok &= yaml_read_text(child, reader->diag, &text) &&
              instruments_add(model->instruments, is_edit, text, child->loc, reader->diag);
    }
    return ok;
}

static bool read_instruments(Reader *reader, Model *model) {
    InstrumentKeys keys = {0};
    model->instruments = instruments_create(reader->arena);
    if (!model->instrument) return true;
    if (!keys_read_mapping(reader, model->instrument, &keys_instrument, &keys)) return false;
    const bool has_edits = read_points(reader, keys.edits, true, model);
    return read_points(reader, keys.taps, false, model) && has_edits;
}

static void take_tokenizer(Reader *reader, const YamlNode *root, Model *model) {
    enum { BYTES = 256 };
    const YamlNode *tokenizer = yaml_find(root, "tokenizer");
    if (model->tokenizer == TOKENIZER_file)
        model->tokenizer_file = yaml_find(tokenizer, "file")->text;
    if (model->tokenizer != TOKENIZER_bytes || model->vocab >= BYTES) return;
    diag_warning(reader->diag, tokenizer->loc,
                 "tokenizer: bytes from %" PRId64 " on are no tokens, since vocab is %" PRId64,
                 model->vocab, model->vocab);
    diag_hint(reader->diag, "leave 'tokenizer' out to work with token ids");
}

/* The embedding multiplies rows that are as wide as its own. */
static bool check_tied(Reader *reader, const YamlNode *root, const Model *model) {
    const Ints *dense = &model->pooling.dense;
    const int64_t width = dense->count ? dense->at[dense->count - 1] : model->width;
    if (!model->head.tied || width == model->width) return true;
    yaml_error_at(yaml_find(root, "head"), model->head.tied_loc, reader->diag,
                  "the embedding is %" PRId64 " wide, and what is pooled %" PRId64, model->width,
                  width);
    diag_hint(reader->diag, "leave 'tied' out: the head then has a matrix of its own");
    diag_note(reader->diag, model->pooling.dense_loc, "the last of 'dense' is its width");
    return false;
}

static bool read_all(Reader *reader, const YamlNode *root, Model *model) {
    static const Model initial = {
#define MODEL(key, kind, need, least, most, initial, help) .key = initial,
#include "frontend/model/model.def"
    };
    *model = initial;
    bool ok = keys_read_mapping(reader, root, &keys_model, model);
    if (root->kind != YAML_MAPPING) return false;
    if (ok) take_tokenizer(reader, root, model);
    if (model->stream) ok &= read_stream(reader, model);
    if (ok) ok = check_tied(reader, root, model);
    ok &= read_instruments(reader, model);
    model->own_context = model->context;
    const bool has_defaults = check_defaults(reader, model);
    if (has_defaults && model->blocks) ok &= read_blocks(reader, model);
    return ok && has_defaults;
}

Model *model_read(Arena *arena, Diag *diag, const Source *source) {
    Reader reader = {.arena = arena, .diag = diag};
    const YamlNode *root = yaml_parse(arena, diag, source);
    if (!root) return NULL;
    Model *model = ARENA_NEW(arena, Model);
    return read_all(&reader, root, model) ? model : NULL;
}
