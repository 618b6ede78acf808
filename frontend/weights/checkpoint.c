#include "frontend/weights/checkpoint.h"

#include "frontend/weights/checkpoint_params.h"
#include "frontend/weights/checkpoint_stripes.h"
#include "frontend/weights/gguf.h"
#include "frontend/weights/safetensors.h"
#include "frontend/weights/stored_values.h"
#include "frontend/weights/synthetic.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct Checkpoint {
    Arena *arena;
    Weights weights;
    uint64_t seed, identity, origin;
    TensorSet *tensors; /* null: synthetic */
    Stripes *stripes;
    ParamList params;
};

/* ---- values ---- */

/* Reads stored rows first .. first + count - 1 of a place to `out`. False: cannot be read. */
typedef bool ReadRows(const Checkpoint *checkpoint, const ParamPlace *place, int64_t first,
                      int64_t count, int64_t columns, void *out);

static bool read_floats(const Checkpoint *checkpoint, const ParamPlace *place, int64_t first,
                        int64_t count, int64_t columns, void *out) {
    if (place->is_transposed)
        return stripes_read(checkpoint->stripes, place->tensor, place->total, first, count, columns,
                            out);
    return stored_values_read(place->tensor, first * columns, count * columns, out);
}

static bool read_kept(const Checkpoint *checkpoint, const ParamPlace *place, int64_t first,
                      int64_t count, int64_t columns, void *out) {
    (void)checkpoint;
    return stored_values_keep(place->tensor, first * columns, count * columns, out);
}

/* Rows of a param, of so many bytes each, wherever they are stored. */
static bool read_places(const Checkpoint *checkpoint, const Param *param, int64_t first,
                        int64_t count, ReadRows *read, int64_t row_bytes, char *out) {
    const ParamPlace *place = &param->place;
    for (int64_t done = 0, together; done < count; done += together) {
        const int64_t row = first + done, inside = row % place->part;
        const int64_t stored = row / place->part * place->chunk + place->start + inside;
        together = place->part - inside < count - done ? place->part - inside : count - done;
        if (!read(checkpoint, place, stored, together, param->columns, out + done * row_bytes))
            return false;
    }
    return true;
}

static const Param *find_rows(const Checkpoint *checkpoint, const char *name, int64_t first,
                              int64_t count, int64_t columns) {
    const Param *param = params_find(&checkpoint->params, name);
    const bool is_there = param && columns == param->columns && first >= 0 &&
                          first <= param->rows && count <= param->rows - first;
    return is_there ? param : NULL;
}

static bool read_rows(const Weights *weights, const char *name, int64_t first, int64_t count,
                      int64_t columns, float *out) {
    const Checkpoint *checkpoint = weights->context;
    const Param *param = find_rows(checkpoint, name, first, count, columns);
    return param && read_places(checkpoint, param, first, count, read_floats,
                                columns * (int64_t)sizeof *out, (char *)out);
}

static bool keeps(const Weights *weights, const char *name, WeightFormat format) {
    const Checkpoint *checkpoint = weights->context;
    const Param *param = params_find(&checkpoint->params, name);
    return param && param->is_matrix && !param->place.is_transposed &&
           stored_type_keeps(param->place.tensor->type, format);
}

static bool read_kept_rows(const Weights *weights, const char *name, int64_t first, int64_t count,
                           int64_t columns, void *out) {
    const Checkpoint *checkpoint = weights->context;
    const Param *param = find_rows(checkpoint, name, first, count, columns);
    if (!param) return false;
    const bool has_blocks = format_has_blocks(stored_type_format(param->place.tensor->type));
    const int64_t row_bytes = has_blocks ? columns / FORMAT_BLOCK * (int64_t)sizeof(FormatBlock)
                                         : columns * (int64_t)sizeof(uint16_t);
    return read_places(checkpoint, param, first, count, read_kept, row_bytes, out);
}

static WeightsPlace place_of(const Weights *weights, const Node *param, Arena *arena) {
    const Checkpoint *checkpoint = weights->context;
    const StoredTensor *tensor = params_find(&checkpoint->params, param->name)->place.tensor;
    return (WeightsPlace){stored_tensor_loc(tensor), stored_show_name(tensor->name, arena)};
}

/* ---- open ---- */

static uint64_t hash_text(const char *text, uint64_t seed) {
    return XXH3_64bits_withSeed(text, strlen(text) + 1, seed);
}

/* Which tensors were taken, and how; not what the table that led there is called. */
static uint64_t hash_places(const ParamList *params, uint64_t hash) {
    for (int i = 0; i < params->count; i++) {
        const Param *param = &params->param[i];
        const ParamPlace *place = &param->place;
        const int64_t numbers[] = {place->part, place->chunk, place->start, place->total,
                                   place->is_transposed};
        hash = hash_text(param->name, hash);
        hash = hash_text(place->tensor->name, hash);
        hash = XXH3_64bits_withSeed(numbers, sizeof numbers, hash);
    }
    return hash;
}

static const char *path_from(const CheckpointSpec *spec, const char *file, Arena *arena) {
    const char *directory = spec->directory ? spec->directory : "";
    const size_t length = strlen(directory);
    if (length == 0 || *file == '/') return file;
    return arena_printf(arena, "%s%s%s", directory, directory[length - 1] == '/' ? "" : "/", file);
}

static const char *path_of(const CheckpointSpec *spec, Arena *arena) {
    return path_from(spec, spec->file, arena);
}

/* The folder without links, and the name as it is given: where that is a link, it leads to one
 * version after the other. */
static uint64_t hash_path(const char *path, Arena *arena) {
    const char *slash = strrchr(path, '/');
    const int length = slash ? (int)(slash - path) + 1 : 0;
    char *folder = realpath(length ? arena_printf(arena, "%.*s", length, path) : ".", NULL);
    const uint64_t hash = hash_text(path + length, folder ? hash_text(folder, 0) : 0);
    free(folder);
    return hash;
}

/* A pattern that fits no param is a slip of the pen, or part of a mapping for several models. */
static void warn_of_idle_names(const NamePair *pair, int count, const ParamList *params,
                               Diag *diag) {
    for (int i = 0; i < count; i++) {
        LayerNumber layer;
        bool is_used = false;
        for (int k = 0; k < params->count && !is_used; k++)
            is_used = tensor_names_match(pair[i].param, params->param[k].name, &layer);
        if (!is_used)
            diag_warning(diag, pair[i].loc, "the model has no parameter '%s'",
                         stored_show_name(pair[i].param, diag->arena));
    }
}

static bool is_gguf_file(const char *path) {
    static const char ending[] = ".gguf";
    const size_t length = strlen(path), end = sizeof ending - 1;
    return (length > end && strcmp(path + length - end, ending) == 0) ||
           stored_file_begins(path, "GGUF");
}

bool checkpoint_is_gguf(const CheckpointSpec *spec) {
    Arena *arena = arena_create();
    const bool is_gguf = !spec->synthetic && is_gguf_file(path_of(spec, arena));
    arena_destroy(arena);
    return is_gguf;
}

bool checkpoint_is_there(const CheckpointSpec *spec) {
    Arena *arena = arena_create();
    const bool is_there = !spec->synthetic && access(path_of(spec, arena), F_OK) == 0;
    arena_destroy(arena);
    return is_there;
}

static TensorSet *open_tensors(const char *path, Loc loc, Diag *diag) {
    if (!is_gguf_file(path)) return safetensors_open(path, loc, diag);
    Gguf *gguf = gguf_open(path, loc, diag);
    return gguf ? gguf_take_tensors(gguf) : NULL;
}

/* Opens the files that pairs name, each once, and joins them. */
static bool join_files(const CheckpointSpec *spec, const NamePair *pair, int count,
                       TensorSet *tensors, Diag *diag) {
    for (int i = 0; i < count; i++) {
        bool is_open = !pair[i].file;
        for (int k = 0; k < i && !is_open; k++)
            is_open = pair[k].file && strcmp(pair[k].file, pair[i].file) == 0;
        if (is_open) continue;
        TensorSet *other =
            open_tensors(path_from(spec, pair[i].file, diag->arena), pair[i].loc, diag);
        if (!other) return false;
        tensor_set_join(tensors, other, pair[i].file);
    }
    return true;
}

/* Null: reported. */
static const NameTable *find_names(const CheckpointSpec *spec, bool is_gguf, Arena *arena,
                                   Diag *diag) {
    const char *own = is_gguf ? "gguf" : "thalweg";
    const NameTable *table =
        spec->inline_count ? tensor_names_given(spec->inline_names, spec->inline_count, arena, diag)
                           : tensor_names_find(spec->names ? spec->names : own, spec->loc, diag);
    if (!table) return NULL;
    NameTable *prefixed = ARENA_NEW(arena, NameTable);
    *prefixed = spec->prefix ? tensor_names_with_prefix(table, spec->prefix) : *table;
    return tensor_names_before(spec->beside, spec->beside_count, prefixed, arena, diag);
}

static bool open_file(Checkpoint *checkpoint, const CheckpointSpec *spec, Diag *diag) {
    const bool is_gguf = checkpoint_is_gguf(spec);
    const NameTable *table = find_names(spec, is_gguf, checkpoint->arena, diag);
    if (!table) return false;
    warn_of_idle_names(spec->inline_names, spec->inline_count, &checkpoint->params, diag);
    warn_of_idle_names(spec->beside, spec->beside_count, &checkpoint->params, diag);
    const char *path = path_of(spec, diag->arena);
    checkpoint->tensors = open_tensors(path, spec->loc, diag);
    if (!checkpoint->tensors ||
        !join_files(spec, spec->inline_names, spec->inline_count, checkpoint->tensors, diag) ||
        !join_files(spec, spec->beside, spec->beside_count, checkpoint->tensors, diag))
        return false;
    if (!params_place(&checkpoint->params, table, checkpoint->tensors, diag)) return false;
    checkpoint->stripes = stripes_create();
    if (!checkpoint->stripes)
        return diag_error(diag, tensor_set_loc(checkpoint->tensors), "out of memory");
    checkpoint->weights = (Weights){.rows = read_rows,
                                    .context = checkpoint,
                                    .keeps = keeps,
                                    .kept = read_kept_rows,
                                    .place = place_of};
    checkpoint->identity =
        hash_places(&checkpoint->params, tensor_set_identity(checkpoint->tensors));
    checkpoint->origin = hash_places(&checkpoint->params, hash_path(path, diag->arena));
    return true;
}

Checkpoint *checkpoint_open(const Graph *graph, const CheckpointSpec *spec) {
    Arena *arena = arena_create();
    Checkpoint *checkpoint = ARENA_NEW(arena, Checkpoint);
    checkpoint->arena = arena;
    if (spec->synthetic) {
        checkpoint->seed = spec->seed;
        checkpoint->identity = checkpoint->origin = hash_text("synthetic", spec->seed);
        checkpoint->weights = synthetic_weights(&checkpoint->seed);
        return checkpoint;
    }
    checkpoint->params = params_collect(graph, arena);
    if (open_file(checkpoint, spec, graph->diag)) return checkpoint;
    checkpoint_close(checkpoint);
    return NULL;
}

void checkpoint_close(Checkpoint *checkpoint) {
    if (!checkpoint) return;
    stripes_destroy(checkpoint->stripes);
    tensor_set_close(checkpoint->tensors);
    arena_destroy(checkpoint->arena);
}

const Weights *checkpoint_weights(const Checkpoint *checkpoint) {
    return &checkpoint->weights;
}

const StoredTypeInfo *checkpoint_type(const Checkpoint *checkpoint, const char *name) {
    const Param *param = checkpoint->tensors ? params_find(&checkpoint->params, name) : NULL;
    return param ? &stored_type_info[param->place.tensor->type] : NULL;
}

WeightFormat checkpoint_format(const Checkpoint *checkpoint, const char *name) {
    const Param *param = checkpoint->tensors ? params_find(&checkpoint->params, name) : NULL;
    if (!param) return FORMAT_f32;
    const WeightFormat format = stored_type_format(param->place.tensor->type);
    return keeps(&checkpoint->weights, name, format) ? format : FORMAT_f32;
}

bool checkpoint_is_unchanged(const Checkpoint *checkpoint) {
    return !checkpoint->tensors || tensor_set_is_unchanged(checkpoint->tensors);
}

uint64_t checkpoint_identity(const Checkpoint *checkpoint) {
    return checkpoint->identity;
}

uint64_t checkpoint_origin(const Checkpoint *checkpoint) {
    return checkpoint->origin;
}
