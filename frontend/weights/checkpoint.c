#include "frontend/weights/checkpoint.h"

#include "frontend/weights/checkpoint_params.h"
#include "frontend/weights/checkpoint_stripes.h"
#include "frontend/weights/float16.h"
#include "frontend/weights/synthetic.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { HALVES = 8192 }; /* widened at a time */

struct Checkpoint {
    Arena *arena;
    Weights weights;
    uint64_t seed, identity, origin;
    TensorSet *tensors; /* null: synthetic */
    Stripes *stripes;
    ParamList params;
};

/* ---- values ---- */

/* Values first .. first + count - 1 of the tensor, wherever its rows end. False: cannot be read. */
static bool read_values(const StoredTensor *tensor, int64_t first, int64_t count, float *out) {
    if (tensor->type == STORED_F32)
        return stored_tensor_read(tensor, 4 * (uint64_t)first, 4 * (size_t)count, out);
    for (int64_t done = 0; done < count; done += HALVES) {
        uint8_t halves[2 * HALVES];
        const size_t some = (size_t)(count - done < HALVES ? count - done : HALVES);
        if (!stored_tensor_read(tensor, 2 * (uint64_t)(first + done), 2 * some, halves))
            return false;
        if (tensor->type == STORED_F16)
            float16_widen(halves, some, out + done);
        else
            bfloat16_widen(halves, some, out + done);
    }
    return true;
}

static bool read_rows(const Weights *weights, const char *name, int64_t first, int64_t count,
                      int64_t columns, float *out) {
    const Checkpoint *checkpoint = weights->context;
    const Param *param = params_find(&checkpoint->params, name);
    if (!param || columns != param->columns || first < 0 || count > param->rows - first)
        return false;
    const ParamPlace *place = &param->place;
    for (int64_t done = 0, together; done < count; done += together) {
        const int64_t row = first + done, inside = row % place->part;
        const int64_t stored = row / place->part * place->chunk + place->start + inside;
        together = place->part - inside < count - done ? place->part - inside : count - done;
        float *to = out + done * columns;
        const bool is_read =
            place->is_transposed
                ? stripes_read(checkpoint->stripes, place->tensor, place->total, stored, together,
                               columns, to)
                : read_values(place->tensor, stored * columns, together * columns, to);
        if (!is_read) return false;
    }
    return true;
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

static const char *path_of(const CheckpointSpec *spec, Arena *arena) {
    const char *directory = spec->directory ? spec->directory : "";
    const size_t length = strlen(directory);
    if (length == 0 || *spec->file == '/') return spec->file;
    return arena_printf(arena, "%s%s%s", directory, directory[length - 1] == '/' ? "" : "/",
                        spec->file);
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
static void warn_of_idle_names(const CheckpointSpec *spec, const ParamList *params, Diag *diag) {
    for (int i = 0; i < spec->inline_count; i++) {
        LayerNumber layer;
        bool is_used = false;
        for (int k = 0; k < params->count && !is_used; k++)
            is_used =
                tensor_names_match(spec->inline_names[i].param, params->param[k].name, &layer);
        if (!is_used)
            diag_warning(diag, spec->inline_names[i].loc, "the model has no parameter '%s'",
                         stored_show_name(spec->inline_names[i].param, diag->arena));
    }
}

static bool open_file(Checkpoint *checkpoint, const CheckpointSpec *spec, Diag *diag) {
    const NameTable *table;
    if (spec->inline_count)
        table = tensor_names_given(spec->inline_names, spec->inline_count, checkpoint->arena, diag);
    else
        table = tensor_names_find(spec->names ? spec->names : "thalweg", spec->loc, diag);
    if (!table) return false;
    warn_of_idle_names(spec, &checkpoint->params, diag);
    const char *path = path_of(spec, diag->arena);
    checkpoint->tensors = safetensors_open(path, spec->loc, diag);
    if (!checkpoint->tensors) return false;
    if (!params_place(&checkpoint->params, table, checkpoint->tensors, diag)) return false;
    checkpoint->stripes = stripes_create();
    if (!checkpoint->stripes)
        return diag_error(diag, tensor_set_loc(checkpoint->tensors), "out of memory");
    checkpoint->weights = (Weights){.rows = read_rows, .context = checkpoint, .place = place_of};
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

bool checkpoint_is_unchanged(const Checkpoint *checkpoint) {
    return !checkpoint->tensors || tensor_set_is_unchanged(checkpoint->tensors);
}

uint64_t checkpoint_identity(const Checkpoint *checkpoint) {
    return checkpoint->identity;
}

uint64_t checkpoint_origin(const Checkpoint *checkpoint) {
    return checkpoint->origin;
}
