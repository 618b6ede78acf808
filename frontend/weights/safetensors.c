#include "frontend/weights/safetensors_header.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct SafeTensors {
    Arena *arena;
    Loc loc;
    SafeFile *file;
    int file_count;
    SafeTensor *tensor; /* sorted by name */
    int count;
    uint64_t identity;
};

/* ---- for messages ---- */

Loc safetensors_loc(const SafeTensors *tensors) {
    return tensors->loc;
}

Loc safetensors_tensor_loc(const SafeTensor *tensor) {
    return tensor->file->loc;
}

static Loc loc_of_file(const char *path, Diag *diag) {
    Source *source = ARENA_NEW(diag->arena, Source);
    source->name = arena_printf(diag->arena, "%s", path);
    return (Loc){source, 0};
}

/* ---- files ---- */

static bool cannot_open(const char *path, const char *reason, Loc loc, Diag *diag) {
    return diag_error(diag, loc, "cannot open weights '%s': %s", path, reason);
}

/* A regular file; what asks for it is at `loc`. False: reported. */
static bool open_regular(SafeFile *file, const char *path, Loc loc, Diag *diag,
                         uint64_t *identity) {
    struct stat status;
    *file = (SafeFile){.loc = loc_of_file(path, diag)};
    file->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would block */
    if (file->descriptor < 0 || fstat(file->descriptor, &status) != 0)
        return cannot_open(path, strerror(errno), loc, diag);
    if (!S_ISREG(status.st_mode)) return cannot_open(path, "not a regular file", loc, diag);
    if (status.st_size == 0) return diag_error(diag, file->loc, "the file is empty");
    file->length = (uint64_t)status.st_size;
    file->seconds = status.st_mtim.tv_sec;
    file->nanoseconds = status.st_mtim.tv_nsec;
    /* The time of data alone is not enough: programs set it, as those that unpack archives. */
    const uint64_t place[] = {*identity,
                              file->length,
                              (uint64_t)status.st_mtim.tv_sec,
                              (uint64_t)status.st_mtim.tv_nsec,
                              (uint64_t)status.st_ctim.tv_sec,
                              (uint64_t)status.st_ctim.tv_nsec,
                              (uint64_t)status.st_dev,
                              (uint64_t)status.st_ino};
    *identity = XXH3_64bits(place, sizeof place);
    return true;
}

static void close_file(const SafeFile *file) {
    if (file->descriptor >= 0) close(file->descriptor);
}

static bool is_unchanged(const SafeFile *file) {
    struct stat status;
    if (file->descriptor < 0) return true;
    return fstat(file->descriptor, &status) == 0 && (uint64_t)status.st_size == file->length &&
           status.st_mtim.tv_sec == file->seconds && status.st_mtim.tv_nsec == file->nanoseconds;
}

bool safetensors_read(const SafeTensor *tensor, uint64_t from, size_t count, void *out) {
    return safetensors_read_bytes(tensor->file, tensor->begin + from, count, out);
}

/* ---- all tensors ---- */

static SafeTensors *create(int files) {
    Arena *arena = arena_create();
    SafeTensors *tensors = ARENA_NEW(arena, SafeTensors);
    tensors->arena = arena;
    tensors->file = ARENA_ARRAY(arena, SafeFile, (size_t)files);
    return tensors;
}

void safetensors_close(SafeTensors *tensors) {
    if (!tensors) return;
    for (int i = 0; i < tensors->file_count; i++) close_file(&tensors->file[i]);
    arena_destroy(tensors->arena);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const SafeTensor *)a)->name, ((const SafeTensor *)b)->name);
}

static const SafeTensor *find(const SafeTensor *tensor, int count, const char *name) {
    const SafeTensor key = {.name = name};
    return bsearch(&key, tensor, (size_t)count, sizeof *tensor, compare_names);
}

const SafeTensor *safetensors_find(const SafeTensors *tensors, const char *name) {
    return find(tensors->tensor, tensors->count, name);
}

const SafeTensor *safetensors_list(const SafeTensors *tensors, int *count) {
    *count = tensors->count;
    return tensors->tensor;
}

bool safetensors_are_unchanged(const SafeTensors *tensors) {
    for (int i = 0; i < tensors->file_count; i++)
        if (!is_unchanged(&tensors->file[i])) return false;
    return true;
}

uint64_t safetensors_identity(const SafeTensors *tensors) {
    return tensors->identity;
}

static SafeTensor *read_file(SafeTensors *tensors, const SafeFile *file, Diag *diag, int *count) {
    SafeTensor *tensor =
        safetensors_read_header(file, tensors->arena, diag, count, &tensors->identity);
    if (tensor) qsort(tensor, (size_t)*count, sizeof *tensor, compare_names);
    return tensor;
}

/* ---- one file ---- */

/* Of tensors with one file; closes them on failure. */
static SafeTensors *read_only_file(SafeTensors *tensors, Diag *diag) {
    tensors->loc = tensors->file[0].loc;
    tensors->tensor = read_file(tensors, &tensors->file[0], diag, &tensors->count);
    if (tensors->tensor) return tensors;
    safetensors_close(tensors);
    return NULL;
}

SafeTensors *safetensors_parse(const char *name, const void *memory, size_t length, Diag *diag) {
    SafeTensors *tensors = create(1);
    tensors->file[tensors->file_count++] = (SafeFile){
        .loc = loc_of_file(name, diag), .bytes = memory, .length = length, .descriptor = -1};
    return read_only_file(tensors, diag);
}

static SafeTensors *open_file(const char *path, Loc loc, Diag *diag) {
    SafeTensors *tensors = create(1);
    if (open_regular(&tensors->file[tensors->file_count++], path, loc, diag, &tensors->identity))
        return read_only_file(tensors, diag);
    safetensors_close(tensors);
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
    SafeTensors *tensors;
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
                              safetensors_show(name, index->diag->arena),
                              file ? safetensors_show(file, index->diag->arena) : "no text");
        index->entry[index->count++] =
            (Entry){arena_printf(arena, "%s", name), arena_printf(arena, "%s", file)};
    }
    qsort(index->entry, (size_t)index->count, sizeof *index->entry, compare_entries);
    return true;
}

/* Entries first .. end - 1 are of one file. */
static bool read_shard(const Index *index, int first, int end) {
    SafeTensors *all = index->tensors;
    const char *file = index->entry[first].file, *slash = strrchr(index->path, '/');
    const int directory = slash ? (int)(slash - index->path) + 1 : 0;
    const char *path = arena_printf(all->arena, "%.*s%s", directory, index->path, file);
    int count;
    if (all->file_count == SAFETENSORS_MAX_FILES)
        return diag_error(index->diag, index->loc, "'weight_map' names more than %d files",
                          (int)SAFETENSORS_MAX_FILES);
    SafeFile *shard = &all->file[all->file_count++];
    if (!open_regular(shard, path, index->loc, index->diag, &all->identity)) return false;
    const SafeTensor *tensor = read_file(all, shard, index->diag, &count);
    if (!tensor) return false;
    for (int i = first; i < end; i++) {
        const SafeTensor *found = find(tensor, count, index->entry[i].name);
        if (!found)
            return diag_error(
                index->diag, shard->loc, "there is no tensor '%s', which '%s' says is here",
                safetensors_show(index->entry[i].name, index->diag->arena), index->path);
        all->tensor[all->count++] = *found;
    }
    return true;
}

static bool read_shards(Index *index) {
    SafeTensors *all = index->tensors;
    all->tensor = ARENA_ARRAY(all->arena, SafeTensor, (size_t)index->count + 1);
    for (int first = 0, end; first < index->count; first = end) {
        for (end = first + 1; end < index->count; end++)
            if (strcmp(index->entry[end].file, index->entry[first].file) != 0) break;
        if (!read_shard(index, first, end)) return false;
    }
    qsort(all->tensor, (size_t)all->count, sizeof *all->tensor, compare_names);
    return true;
}

static bool read_index(Index *index) {
    SafeFile file;
    char *text = NULL;
    json_t *root = NULL;
    bool is_good = false;
    uint64_t *identity = &index->tensors->identity;
    if (!open_regular(&file, index->path, index->asked, index->diag, identity)) goto done;
    index->loc = index->tensors->loc = file.loc;
    if (file.length > SAFETENSORS_MAX_HEADER) {
        diag_error(index->diag, file.loc, "expected an index of at most %d bytes, found %llu",
                   (int)SAFETENSORS_MAX_HEADER, (unsigned long long)file.length);
        goto done;
    }
    text = safetensors_read_text(&file, 0, (size_t)file.length, index->diag);
    if (!text) goto done;
    *identity = XXH3_64bits_withSeed(text, (size_t)file.length, *identity);
    root = safetensors_read_json(text, (size_t)file.length, file.loc, index->diag);
    is_good = root && read_entries(index, json_object_get(root, "weight_map"));
done:
    json_decref(root);
    free(text);
    close_file(&file);
    return is_good;
}

static SafeTensors *open_index(const char *path, Loc loc, Diag *diag) {
    Index index = {
        .tensors = create(SAFETENSORS_MAX_FILES), .path = path, .asked = loc, .diag = diag};
    if (read_index(&index) && read_shards(&index)) return index.tensors;
    safetensors_close(index.tensors);
    return NULL;
}

SafeTensors *safetensors_open(const char *path, Loc loc, Diag *diag) {
    static const char suffix[] = ".json";
    const size_t length = strlen(path), suffix_length = sizeof suffix - 1;
    const bool is_index =
        length > suffix_length && strcmp(path + length - suffix_length, suffix) == 0;
    return is_index ? open_index(path, loc, diag) : open_file(path, loc, diag);
}
