#include "frontend/weights/tensor_set.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- the set ---- */

TensorSet *tensor_set_create(int files) {
    Arena *arena = arena_create();
    TensorSet *tensors = ARENA_NEW(arena, TensorSet);
    tensors->arena = arena;
    tensors->file = ARENA_ARRAY(arena, StoredFile, (size_t)files);
    return tensors;
}

void tensor_set_close(TensorSet *tensors) {
    if (!tensors) return;
    tensor_set_close(tensors->joined);
    for (int i = 0; i < tensors->file_count; i++) stored_file_close(&tensors->file[i]);
    arena_destroy(tensors->arena);
}

const char *tensor_set_joined_name(const char *file, const char *name, Arena *arena) {
    return arena_printf(arena, "%s: %s", file, name);
}

void tensor_set_join(TensorSet *tensors, TensorSet *other, const char *file) {
    StoredTensor *all =
        ARENA_ARRAY(tensors->arena, StoredTensor, (size_t)(tensors->count + other->count) + 1);
    if (tensors->count) memcpy(all, tensors->tensor, (size_t)tensors->count * sizeof *all);
    for (int i = 0; i < other->count; i++) {
        StoredTensor *tensor = &all[tensors->count++];
        *tensor = other->tensor[i];
        tensor->name = tensor_set_joined_name(file, tensor->name, tensors->arena);
    }
    tensors->tensor = all;
    stored_tensors_sort(all, tensors->count);
    tensors->identity = tensors->identity * 31 + other->identity;
    TensorSet *last = other;
    while (last->joined) last = last->joined;
    last->joined = tensors->joined;
    tensors->joined = other;
}

const StoredTensor *tensor_set_find(const TensorSet *tensors, const char *name) {
    return stored_tensors_find(tensors->tensor, tensors->count, name);
}

const StoredTensor *tensor_set_list(const TensorSet *tensors, int *count) {
    *count = tensors->count;
    return tensors->tensor;
}

bool tensor_set_is_unchanged(const TensorSet *tensors) {
    for (int i = 0; i < tensors->file_count; i++)
        if (!stored_file_is_unchanged(&tensors->file[i])) return false;
    return !tensors->joined || tensor_set_is_unchanged(tensors->joined);
}

uint64_t tensor_set_identity(const TensorSet *tensors) {
    return tensors->identity;
}

Loc tensor_set_loc(const TensorSet *tensors) {
    return tensors->loc;
}

/* ---- tensors ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp(((const StoredTensor *)a)->name, ((const StoredTensor *)b)->name);
}

void stored_tensors_sort(StoredTensor *tensor, int count) {
    if (count) qsort(tensor, (size_t)count, sizeof *tensor, compare_names);
}

static int compare_places(const void *a, const void *b) {
    const StoredTensor *left = a, *right = b;
    if (left->begin != right->begin) return left->begin < right->begin ? -1 : 1;
    return (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

void stored_tensors_sort_by_place(StoredTensor *tensor, int count) {
    if (count) qsort(tensor, (size_t)count, sizeof *tensor, compare_places);
}

const StoredTensor *stored_tensors_find(const StoredTensor *tensor, int count, const char *name) {
    const StoredTensor key = {.name = name};
    if (!count) return NULL;
    return bsearch(&key, tensor, (size_t)count, sizeof *tensor, compare_names);
}

Loc stored_tensor_loc(const StoredTensor *tensor) {
    return tensor->file->loc;
}

bool stored_tensor_read(const StoredTensor *tensor, uint64_t from, size_t count, void *out) {
    return stored_file_read(tensor->file, tensor->begin + from, count, out);
}

bool stored_tensor_error(const StoredFile *file, const char *name, Diag *diag, const char *format,
                         ...) {
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return diag_error(diag, file->loc, "tensor '%s': %s", stored_show_name(name, diag->arena),
                      message);
}

bool stored_tensor_size(const StoredTensor *tensor, Diag *diag, uint64_t *bytes) {
    const StoredTypeInfo *type = &stored_type_info[tensor->type];
    uint64_t values = 1;
    bool overflow = false;
    for (int i = 0; i < tensor->rank; i++)
        overflow |= __builtin_mul_overflow(values, (uint64_t)tensor->shape[i], &values);
    overflow |=
        __builtin_mul_overflow(values / (uint64_t)type->values, (uint64_t)type->bytes, bytes);
    if (!overflow && values % (uint64_t)type->values == 0) return true;
    return stored_tensor_error(tensor->file, tensor->name, diag, "%s of %s is %s", type->name,
                               stored_show_shape(tensor->shape, tensor->rank, diag->arena),
                               overflow ? "too large to count" : "not a whole number of bytes");
}
