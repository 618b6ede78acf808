#include "frontend/compiler/operand_file.h"

#include "frontend/files/npy_input.h"
#include "frontend/weights/gguf.h"
#include "frontend/weights/safetensors.h"
#include "frontend/weights/stored_values.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RANK = 3, MOST_DIRECTIONS = 1 << 16 };

typedef struct {
    const char *path;
    Arena *arena;
    Diag *diag;
    Loc loc; /* the file */
} OperandFile;

static bool ends_in(const char *path, const char *ending) {
    const size_t length = strlen(path), end = strlen(ending);
    return length >= end && strcmp(path + length - end, ending) == 0;
}

static int64_t count_of(const EditValues *values) {
    int64_t count = 1;
    for (int i = 0; i < values->rank; i++) count *= values->dim[i];
    return count;
}

static bool check_finite(const OperandFile *file, const EditValues *values, const char *tensor) {
    const int64_t count = count_of(values), columns = values->dim[values->rank - 1];
    for (int64_t i = 0; i < count; i++) {
        if (isfinite(values->at[i])) continue;
        const char *where = tensor ? arena_printf(file->arena, " of '%.80s'", tensor) : "";
        return diag_error(file->diag, file->loc,
                          "expected finite numbers, found %g in row %" PRId64 ", column %" PRId64
                          "%s",
                          (double)values->at[i], i / columns, i % columns, where);
    }
    return true;
}

/* Room for an array of up to three dimensions. Null: reported. */
static float *make_room(const OperandFile *file, EditValues *values, const int64_t *dim, int rank) {
    int64_t count = 1;
    if (rank < 1 || rank > MOST_RANK) {
        diag_error(file->diag, file->loc, "it has %d dimensions", rank);
        diag_hint(file->diag, "expected [columns], [layers or tokens, columns] or [layers, tokens, "
                              "columns]");
        return NULL;
    }
    for (int i = 0; i < rank; i++) {
        values->dim[i] = dim[i];
        if (dim[i] < 1 || __builtin_mul_overflow(count, dim[i], &count) || count > INT32_MAX) {
            diag_error(file->diag, file->loc, "its shape has no numbers, or too many");
            return NULL;
        }
    }
    values->rank = rank;
    float *at = ARENA_ARRAY(file->arena, float, (size_t)count);
    values->at = at;
    return at;
}

/* ---- .npy ---- */

static bool read_npy(const OperandFile *file, EditValues *values) {
    NpyInput npy;
    if (!npy_input_open_array(&npy, file->path, file->diag)) return false;
    float *at = make_room(file, values, npy.dim, npy.rank);
    bool is_read = at != NULL;
    for (int64_t row = 0; row < npy.rows && is_read; row++)
        is_read = npy_input_read(&npy, at + row * npy.columns, file->diag);
    npy_input_close(&npy);
    return is_read && check_finite(file, values, NULL);
}

/* ---- tensors ---- */

static bool read_tensor(const OperandFile *file, const StoredTensor *tensor, EditValues *values) {
    int64_t one = 1;
    float *at = make_room(file, values, tensor->rank ? tensor->shape : &one,
                          tensor->rank ? tensor->rank : 1);
    if (!at) return false;
    if (!stored_values_read(tensor, 0, count_of(values), at))
        return stored_file_report_cut_off(tensor->file, file->diag);
    return check_finite(file, values, tensor->name);
}

/* The layer of "direction.7"; -1: it is no direction. */
static int64_t direction_layer(const StoredTensor *tensor) {
    static const char stem[] = "direction.";
    const char *number = tensor->name + sizeof stem - 1;
    char *end;
    if (strncmp(tensor->name, stem, sizeof stem - 1) != 0 || *number < '0' || *number > '9')
        return -1;
    const long layer = strtol(number, &end, 10);
    return *end || layer < 0 || layer >= MOST_DIRECTIONS ? -1 : layer;
}

/* A control vector as llama.cpp has it: direction.N goes to the stream behind layer N. */
static bool read_directions(const OperandFile *file, const StoredTensor *tensor, int count,
                            EditValues *values) {
    const int64_t width = tensor[0].shape[0];
    float *at = make_room(file, values, (const int64_t[]){count, width}, 2);
    int64_t *layer = ARENA_ARRAY(file->arena, int64_t, (size_t)count);
    if (!at) return false;
    for (int i = 0; i < count; i++) {
        if (tensor[i].rank != 1 || tensor[i].shape[0] != width)
            return diag_error(file->diag, file->loc, "its directions are not all of one length");
        layer[i] = direction_layer(&tensor[i]);
        if (!stored_values_read(&tensor[i], 0, width, at + i * width))
            return stored_file_report_cut_off(tensor[i].file, file->diag);
    }
    values->layer = layer;
    return check_finite(file, values, NULL);
}

static bool are_directions(const StoredTensor *tensor, int count) {
    for (int i = 0; i < count; i++)
        if (direction_layer(&tensor[i]) < 0 || tensor[i].rank != 1) return false;
    return count > 0;
}

static bool report_choice(const OperandFile *file, const StoredTensor *tensor, int count,
                          const char *wanted) {
    const char *list = "";
    for (int i = 0; i < count && i < 8; i++)
        list = arena_printf(file->arena, "%s%s%s", list, i ? ", " : "",
                            stored_show_name(tensor[i].name, file->arena));
    if (!count) return diag_error(file->diag, file->loc, "it has no tensors");
    if (wanted)
        diag_error(file->diag, file->loc, "it has no tensor '%.80s'", wanted);
    else
        diag_error(file->diag, file->loc, "it has %d tensors: which one?", count);
    return diag_hint(file->diag, "it has %s%s; name one behind the file, as FILE:%s", list,
                     count > 8 ? ", ..." : "", stored_show_name(tensor[0].name, file->arena));
}

static bool read_tensors(const OperandFile *file, const TensorSet *set, const char *wanted,
                         EditValues *values) {
    int count;
    const StoredTensor *tensor = tensor_set_list(set, &count);
    if (wanted) {
        const StoredTensor *found = tensor_set_find(set, wanted);
        return found ? read_tensor(file, found, values)
                     : report_choice(file, tensor, count, wanted);
    }
    if (set->is_gguf && are_directions(tensor, count))
        return read_directions(file, tensor, count, values);
    if (count == 1) return read_tensor(file, tensor, values);
    return report_choice(file, tensor, count, NULL);
}

static bool open_tensors(const OperandFile *file, Loc loc, TensorSet **set) {
    if (!ends_in(file->path, ".gguf")) {
        *set = safetensors_open(file->path, loc, file->diag);
        return *set;
    }
    Gguf *gguf = gguf_open(file->path, loc, file->diag);
    *set = gguf ? gguf_take_tensors(gguf) : NULL;
    return *set;
}

const EditValues *operand_file_read(const char *path, const char *wanted, Loc loc, Arena *arena,
                                    Diag *diag) {
    EditValues *values = ARENA_NEW(arena, EditValues);
    Source *source = ARENA_NEW(diag->arena, Source);
    source->name = path;
    const OperandFile file = {path, arena, diag, {source, 0}};
    *values = (EditValues){0};
    if (ends_in(path, ".npy")) return read_npy(&file, values) ? values : NULL;
    if (!ends_in(path, ".safetensors") && !ends_in(path, ".gguf")) {
        diag_error(diag, loc, "'%.80s' is no file of numbers that is known", path);
        diag_hint(diag, "expected one that ends in .npy, .safetensors or .gguf");
        return NULL;
    }
    TensorSet *set;
    if (!open_tensors(&file, loc, &set)) return NULL;
    const bool is_read = read_tensors(&file, set, wanted, values);
    tensor_set_close(set);
    return is_read ? values : NULL;
}
