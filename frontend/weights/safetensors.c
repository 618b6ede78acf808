#include "frontend/weights/part_name.h"
#include "frontend/weights/safetensors_header.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static StoredTensor *read_file(TensorSet *tensors, const StoredFile *file, Diag *diag, int *count) {
    StoredTensor *tensor =
        safetensors_read_header(file, tensors->arena, diag, count, &tensors->identity);
    if (tensor) stored_tensors_sort(tensor, *count);
    return tensor;
}

/* ---- one file ---- */

/* Of tensors with one file; closes them on failure. */
static TensorSet *read_only_file(TensorSet *tensors, Diag *diag) {
    tensors->loc = tensors->file[0].loc;
    tensors->tensor = read_file(tensors, &tensors->file[0], diag, &tensors->count);
    if (tensors->tensor) return tensors;
    tensor_set_close(tensors);
    return NULL;
}

TensorSet *safetensors_parse(const char *name, const void *memory, size_t length, Diag *diag) {
    TensorSet *tensors = tensor_set_create(1);
    tensors->file[tensors->file_count++] = stored_file_of_memory(name, memory, length, diag);
    return read_only_file(tensors, diag);
}

/* Of "NAME-00002-of-00004.safetensors" the index of all, "NAME.safetensors.index.json"; null: a
 * name of another form, or of the only file. */
static const char *index_of_part(const char *path, Arena *arena) {
    PartName name;
    if (!part_name_read(path, ".safetensors", &name) || name.count == 1) return NULL;
    return arena_printf(arena, "%.*s.safetensors.index.json", name.stem, path);
}

static TensorSet *open_file(const char *path, Loc loc, Diag *diag) {
    const char *whole = index_of_part(path, diag->arena);
    if (whole && access(path, R_OK) == 0) {
        diag_error(diag, loc, "'%s' is one of several files of a checkpoint", path);
        diag_hint(diag,
                  access(whole, R_OK) == 0 ? "name their index: '%s'"
                                           : "fetch their index, too, and name it: '%s'",
                  whole);
        return NULL;
    }
    TensorSet *tensors = tensor_set_create(1);
    if (stored_file_open(&tensors->file[tensors->file_count++], path, loc, diag,
                         &tensors->identity))
        return read_only_file(tensors, diag);
    tensor_set_close(tensors);
    const char *index = arena_printf(diag->arena, "%s.index.json", path);
    if (access(path, F_OK) != 0 && access(index, R_OK) == 0)
        diag_hint(diag, "there is an index beside it: '%s'", index);
    return NULL;
}

/* ---- an index: {"weight_map": {"name": "file", ...}, ...} ---- */

typedef struct {
    const char *name, *file; /* of a tensor; of the file that has it */
} Entry;

typedef struct {
    TensorSet *tensors;
    const char *path; /* of the index */
    Loc loc, asked;   /* the index; what asks for it */
    Diag *diag;
    Entry *entry; /* sorted by file */
    int count;
} Index;

static int compare_entries(const void *a, const void *b) {
    const Entry *left = a, *right = b;
    const int order = strcmp(left->file, right->file);
    return order ? order : strcmp(left->name, right->name);
}

/* Whether the name stays in the index's directory. */
static bool is_plain_name(const char *file) {
    return *file && !strchr(file, '/') && strcmp(file, ".") != 0 && strcmp(file, "..") != 0;
}

static bool read_entries(Index *index, json_t *map) {
    const char *name;
    json_t *value;
    Arena *arena = index->tensors->arena;
    if (!json_is_object(map))
        return diag_error(index->diag, index->loc, "expected a JSON object as 'weight_map'");
    index->entry = ARENA_ARRAY(arena, Entry, json_object_size(map) + 1);
    json_object_foreach(map, name, value) {
        const char *file = json_string_value(value);
        if (!file || !is_plain_name(file))
            return diag_error(index->diag, index->loc,
                              "'weight_map': expected the name of a file beside the index for "
                              "'%s', found %s",
                              stored_show_name(name, index->diag->arena),
                              file ? stored_show_name(file, index->diag->arena) : "no text");
        index->entry[index->count++] =
            (Entry){arena_printf(arena, "%s", name), arena_printf(arena, "%s", file)};
    }
    qsort(index->entry, (size_t)index->count, sizeof *index->entry, compare_entries);
    return true;
}

/* Entries first .. end - 1 are of one file. */
static bool read_shard(const Index *index, int first, int end) {
    TensorSet *all = index->tensors;
    const char *file = index->entry[first].file, *slash = strrchr(index->path, '/');
    const int directory = slash ? (int)(slash - index->path) + 1 : 0;
    const char *path = arena_printf(all->arena, "%.*s%s", directory, index->path, file);
    int count;
    if (all->file_count == STORED_MAX_FILES)
        return diag_error(index->diag, index->loc, "'weight_map' names more than %d files",
                          (int)STORED_MAX_FILES);
    StoredFile *shard = &all->file[all->file_count++];
    if (!stored_file_open(shard, path, index->loc, index->diag, &all->identity)) return false;
    const StoredTensor *tensor = read_file(all, shard, index->diag, &count);
    if (!tensor) return false;
    for (int i = first; i < end; i++) {
        const StoredTensor *found = stored_tensors_find(tensor, count, index->entry[i].name);
        if (!found)
            return diag_error(
                index->diag, shard->loc, "there is no tensor '%s', which '%s' says is here",
                stored_show_name(index->entry[i].name, index->diag->arena), index->path);
        all->tensor[all->count++] = *found;
    }
    return true;
}

static bool read_shards(Index *index) {
    TensorSet *all = index->tensors;
    all->tensor = ARENA_ARRAY(all->arena, StoredTensor, (size_t)index->count + 1);
    for (int first = 0, end; first < index->count; first = end) {
        for (end = first + 1; end < index->count; end++)
            if (strcmp(index->entry[end].file, index->entry[first].file) != 0) break;
        if (!read_shard(index, first, end)) return false;
    }
    stored_tensors_sort(all->tensor, all->count);
    return true;
}

static bool read_index(Index *index) {
    StoredFile file;
    char *text = NULL;
    json_t *root = NULL;
    bool is_good = false;
    uint64_t *identity = &index->tensors->identity;
    if (!stored_file_open(&file, index->path, index->asked, index->diag, identity)) goto done;
    index->loc = index->tensors->loc = file.loc;
    if (file.length > SAFETENSORS_MAX_HEADER) {
        diag_error(index->diag, file.loc, "expected an index of at most %d bytes, found %llu",
                   (int)SAFETENSORS_MAX_HEADER, (unsigned long long)file.length);
        goto done;
    }
    text = stored_file_text(&file, 0, (size_t)file.length, index->diag);
    if (!text) goto done;
    *identity = XXH3_64bits_withSeed(text, (size_t)file.length, *identity);
    root = safetensors_read_json(text, (size_t)file.length, file.loc, index->diag);
    is_good = root && read_entries(index, json_object_get(root, "weight_map"));
done:
    json_decref(root);
    free(text);
    stored_file_close(&file);
    return is_good;
}

static TensorSet *open_index(const char *path, Loc loc, Diag *diag) {
    Index index = {
        .tensors = tensor_set_create(STORED_MAX_FILES), .path = path, .asked = loc, .diag = diag};
    if (read_index(&index) && read_shards(&index)) return index.tensors;
    tensor_set_close(index.tensors);
    return NULL;
}

TensorSet *safetensors_open(const char *path, Loc loc, Diag *diag) {
    static const char suffix[] = ".json";
    const size_t length = strlen(path), suffix_length = sizeof suffix - 1;
    const bool is_index =
        length > suffix_length && strcmp(path + length - suffix_length, suffix) == 0;
    return is_index ? open_index(path, loc, diag) : open_file(path, loc, diag);
}
