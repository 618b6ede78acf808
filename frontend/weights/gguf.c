#include "frontend/weights/gguf_header.h"
#include "frontend/weights/part_name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct Gguf {
    Arena *arena;
    TensorSet *tensors;
    GgufHeader header; /* of the first file */
};

static Gguf *create(int files) {
    Arena *arena = arena_create();
    Gguf *gguf = ARENA_NEW(arena, Gguf);
    gguf->arena = arena;
    gguf->tensors = tensor_set_create(files);
    gguf->tensors->is_gguf = true;
    return gguf;
}

void gguf_close(Gguf *gguf) {
    if (!gguf) return;
    tensor_set_close(gguf->tensors);
    free(gguf->header.bytes);
    arena_destroy(gguf->arena);
}

TensorSet *gguf_take_tensors(Gguf *gguf) {
    TensorSet *tensors = gguf->tensors;
    gguf->tensors = NULL;
    gguf_close(gguf);
    return tensors;
}

const TensorSet *gguf_tensors(const Gguf *gguf) {
    return gguf->tensors;
}

Loc gguf_loc(const Gguf *gguf) {
    return gguf->tensors->loc;
}

const GgufValue *gguf_find(const Gguf *gguf, const char *key) {
    return gguf_find_pair(gguf->header.pair, gguf->header.pair_count, key);
}

const GgufPair *gguf_pairs(const Gguf *gguf, int *count) {
    *count = gguf->header.pair_count;
    return gguf->header.pair;
}

/* ---- files of a split model ---- */

typedef struct {
    int64_t number, count, tensors; /* `split.no` from 0, `split.count`, `split.tensors.count` */
} Split;

/* A whole number from 0 of the header; false: reported. */
static bool read_split_key(const GgufHeader *header, const char *key, int64_t initial, Loc loc,
                           Diag *diag, int64_t *out) {
    const GgufValue *value = gguf_find_pair(header->pair, header->pair_count, key);
    *out = initial;
    if (!value || (gguf_integer(value, out) && *out >= 0)) return true;
    return diag_error(diag, loc, "metadata '%s': expected a whole number from 0, found %s", key,
                      gguf_show(value, diag->arena));
}

static bool read_split(const GgufHeader *header, Loc loc, Diag *diag, Split *split) {
    if (!read_split_key(header, "split.no", 0, loc, diag, &split->number) ||
        !read_split_key(header, "split.count", 1, loc, diag, &split->count) ||
        !read_split_key(header, "split.tensors.count", -1, loc, diag, &split->tensors))
        return false;
    if (split->count <= STORED_MAX_FILES) return true;
    return diag_error(diag, loc,
                      "metadata 'split.count': expected at most %d files, found %" PRId64,
                      (int)STORED_MAX_FILES, split->count);
}

/* The path of the file of this number, from 0, where that of another one is named as files of a
 * split model are; else null. */
static const char *path_of_part(const char *path, int64_t number, int64_t count, Arena *arena) {
    PartName name;
    if (!part_name_read(path, ".gguf", &name) || name.count != count) return NULL;
    return part_name_path(&name, number + 1, arena);
}

/* ---- open ---- */

/* Adds the last file of the set, whose header has been read. */
static void add_tensors(TensorSet *set, const GgufHeader *header) {
    StoredTensor *all =
        ARENA_ARRAY(set->arena, StoredTensor, (size_t)(set->count + header->count) + 1);
    if (set->count) memcpy(all, set->tensor, (size_t)set->count * sizeof *all);
    if (header->count)
        memcpy(all + set->count, header->tensor, (size_t)header->count * sizeof *all);
    set->tensor = all;
    set->count += header->count;
}

/* Opens a file behind those of the set and adds its tensors. The header is the caller's to free. */
static bool add_file(TensorSet *set, const char *path, Loc loc, Diag *diag, GgufHeader *header) {
    StoredFile *file = &set->file[set->file_count++];
    if (!stored_file_open(file, path, loc, diag, &set->identity) ||
        !gguf_read_header(file, set->arena, diag, header, &set->identity))
        return false;
    add_tensors(set, header);
    return true;
}

static bool add_part(TensorSet *set, const char *path, const Split *first, int64_t number, Loc loc,
                     Diag *diag) {
    GgufHeader header = {0};
    Split split;
    bool is_good = add_file(set, path, loc, diag, &header);
    const Loc part = set->file[set->file_count - 1].loc;
    is_good = is_good && read_split(&header, part, diag, &split);
    if (is_good && (split.number != number || split.count != first->count))
        is_good = diag_error(diag, part,
                             "expected file %" PRId64 " of %" PRId64 ", found file %" PRId64
                             " of %" PRId64,
                             number + 1, first->count, split.number + 1, split.count);
    free(header.bytes);
    return is_good;
}

static bool add_parts(Gguf *gguf, const char *path, Loc loc, Diag *diag) {
    TensorSet *set = gguf->tensors;
    Split split;
    if (!read_split(&gguf->header, set->loc, diag, &split)) return false;
    if (split.count <= 1) return true;
    const char *first = path_of_part(path, 0, split.count, diag->arena);
    if (split.number != 0) {
        diag_error(diag, set->loc, "file %" PRId64 " of a model that is split into %" PRId64,
                   split.number + 1, split.count);
        return diag_hint(diag, "name its first file%s%s", first ? ": " : "", first ? first : "");
    }
    if (!first || strcmp(first, path) != 0)
        return diag_error(diag, set->loc,
                          "the first file of %" PRId64 ": expected a name that ends in "
                          "-00001-of-%05" PRId64 ".gguf, as the others are named after it",
                          split.count, split.count);
    for (int64_t i = 1; i < split.count; i++)
        if (!add_part(set, path_of_part(path, i, split.count, diag->arena), &split, i, loc, diag))
            return false;
    if (split.tensors < 0 || split.tensors == set->count) return true;
    return diag_error(diag, set->loc, "expected %" PRId64 " tensors in %" PRId64 " files, found %d",
                      split.tensors, split.count, set->count);
}

/* Sorts the tensors of all files. Each is there once. */
static bool complete(TensorSet *set, Diag *diag) {
    stored_tensors_sort(set->tensor, set->count);
    for (int i = 1; i < set->count; i++)
        if (strcmp(set->tensor[i - 1].name, set->tensor[i].name) == 0)
            return stored_tensor_error(set->tensor[i].file, set->tensor[i].name, diag,
                                       "it is there twice");
    return true;
}

Gguf *gguf_open(const char *path, Loc loc, Diag *diag) {
    Gguf *gguf = create(STORED_MAX_FILES);
    TensorSet *set = gguf->tensors;
    bool is_good = add_file(set, path, loc, diag, &gguf->header);
    set->loc = set->file[0].loc;
    is_good = is_good && add_parts(gguf, path, loc, diag) && complete(set, diag);
    if (is_good) return gguf;
    gguf_close(gguf);
    return NULL;
}

Gguf *gguf_parse(const char *name, const void *memory, size_t length, Diag *diag) {
    Gguf *gguf = create(1);
    TensorSet *set = gguf->tensors;
    set->file[set->file_count++] = stored_file_of_memory(name, memory, length, diag);
    set->loc = set->file[0].loc;
    if (gguf_read_header(&set->file[0], set->arena, diag, &gguf->header, &set->identity)) {
        add_tensors(set, &gguf->header);
        if (complete(set, diag)) return gguf;
    }
    gguf_close(gguf);
    return NULL;
}
