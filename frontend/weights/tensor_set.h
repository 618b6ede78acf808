/* tensor_set.h - named tensors in files, of whatever format: where each lies.
 *
 * What is in a set has been checked: a tensor's data lies inside its file and is as long as its
 * type and shape say.
 */
#ifndef FRONTEND_TENSOR_SET_H
#define FRONTEND_TENSOR_SET_H

#include "frontend/weights/stored_file.h"
#include "frontend/weights/stored_types.h"

enum { STORED_MAX_RANK = 8, STORED_MAX_FILES = 4096 };

typedef struct {
    const char *name;
    StoredType type;
    int rank;                       /* 0: one value */
    int64_t shape[STORED_MAX_RANK]; /* outermost first */
    uint64_t begin, bytes;          /* of its data in the file; little-endian */
    const StoredFile *file;
} StoredTensor;

typedef struct TensorSet TensorSet;
struct TensorSet {
    Arena *arena;
    bool is_gguf; /* or else safetensors */
    Loc loc;      /* the file or index that was opened */
    StoredFile *file;
    int file_count;
    StoredTensor *tensor; /* sorted by name once it is complete */
    int count;
    uint64_t identity;
    TensorSet *joined; /* sets whose tensors are here, too */
};

/* Without tensors, with room for so many files. */
TensorSet *tensor_set_create(int files);

void tensor_set_close(TensorSet *tensors); /* null is fine */

/* Takes the tensors of another set, under their joined names: the two are one from then on. */
void tensor_set_join(TensorSet *tensors, TensorSet *other, const char *file);

/* "FILE: NAME" */
const char *tensor_set_joined_name(const char *file, const char *name, Arena *arena);

/* Null: there is none of this name. */
const StoredTensor *tensor_set_find(const TensorSet *tensors, const char *name);

/* All of them, sorted by name. */
const StoredTensor *tensor_set_list(const TensorSet *tensors, int *count);

/* A hash of the headers and of each file's size, place and time of change: what is made of the
 * tensors need not be made again while it is the same. */
uint64_t tensor_set_identity(const TensorSet *tensors);

/* Whether size and time of every file are as they were when it was opened. */
bool tensor_set_is_unchanged(const TensorSet *tensors);

/* The file or index, and the file of a tensor, as places: valid as long as the arena of the diag
 * that they were opened with. */
Loc tensor_set_loc(const TensorSet *tensors);
Loc stored_tensor_loc(const StoredTensor *tensor);

/* Bytes from .. from + count - 1 of the tensor's data. Safe for threads. False: the file has been
 * cut off, or cannot be read. */
bool stored_tensor_read(const StoredTensor *tensor, uint64_t from, size_t count, void *out);

/* Bytes that the type takes for the shape. False: reported. */
bool stored_tensor_size(const StoredTensor *tensor, Diag *diag, uint64_t *bytes);

void stored_tensors_sort(StoredTensor *tensor, int count); /* by name */

/* Of one file, in the order of their data; of those that begin together empty ones come first. */
void stored_tensors_sort_by_place(StoredTensor *tensor, int count);

/* In sorted tensors; null: there is none. */
const StoredTensor *stored_tensors_find(const StoredTensor *tensor, int count, const char *name);

/* Reports about a tensor of a file. Returns false. */
bool stored_tensor_error(const StoredFile *file, const char *name, Diag *diag, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

#endif
