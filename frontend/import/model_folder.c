#include "frontend/import/model_folder.h"

#include "frontend/files/source_file.h"
#include "frontend/import/json_value.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_NAMED_FILES = 4, POINTER_BYTES = 1024 };

#define CONFIG        "config.json"
#define INDEX         "model.safetensors.index.json"
#define ONE_FILE      "model.safetensors"
#define TOKENIZER     "tokenizer.json"
#define SENTENCEPIECE "tokenizer.model"
#define ADAPTER       "adapter_config.json"
#define LFS_PREFIX    "version https://git-lfs"

typedef struct {
    const char *folder;
    const char **name; /* of all its files, sorted */
    int count;
    Loc loc;
    Arena *arena;
    Diag *diag;
} Listing;

/* ---- what there is ---- */

static const char *path_of(const Listing *listing, const char *name) {
    const size_t length = strlen(listing->folder);
    const bool has_slash = length && listing->folder[length - 1] == '/';
    return arena_printf(listing->arena, "%s%s%s", listing->folder, has_slash ? "" : "/", name);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool read_listing(Listing *listing) {
    DIR *directory = opendir(listing->folder);
    if (!directory)
        return diag_error(listing->diag, listing->loc, "the folder cannot be read: %s",
                          strerror(errno));
    int room = 0;
    for (const struct dirent *entry; (entry = readdir(directory));) {
        if (listing->count == room) {
            room = room ? 2 * room : 64;
            const char **wider = ARENA_ARRAY(listing->arena, const char *, (size_t)room);
            if (listing->count)
                memcpy(wider, listing->name, (size_t)listing->count * sizeof *wider);
            listing->name = wider;
        }
        listing->name[listing->count++] = arena_printf(listing->arena, "%s", entry->d_name);
    }
    closedir(directory);
    if (listing->count)
        qsort(listing->name, (size_t)listing->count, sizeof *listing->name, compare_names);
    return true;
}

static bool has_file(const Listing *listing, const char *name) {
    for (int i = 0; i < listing->count; i++)
        if (strcmp(listing->name[i], name) == 0) return true;
    return false;
}

bool model_folder_ends_with(const char *name, const char *end) {
    const size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcmp(name + length - tail, end) == 0;
}

/* The only file with this ending, those that begin with `besides` aside; null: none, or several. */
static const char *only_file(const Listing *listing, const char *end, const char *besides) {
    const char *found = NULL;
    for (int i = 0; i < listing->count; i++) {
        if (!model_folder_ends_with(listing->name[i], end)) continue;
        if (besides && strncmp(listing->name[i], besides, strlen(besides)) == 0) continue;
        if (found) return NULL;
        found = listing->name[i];
    }
    return found;
}

static const char *first_file(const Listing *listing, const char *end) {
    for (int i = 0; i < listing->count; i++)
        if (model_folder_ends_with(listing->name[i], end)) return listing->name[i];
    return NULL;
}

/* ---- shards ---- */

/* Names in quotes, of which a few are shown. */
typedef struct {
    const char *names;
    int count;
} Names;

static void add_name(Names *names, const char *name, Arena *arena) {
    if (names->count < MAX_NAMED_FILES)
        names->names =
            arena_printf(arena, "%s%s'%.100s'", names->names, names->count ? ", " : "", name);
    if (names->count == MAX_NAMED_FILES)
        names->names = arena_printf(arena, "%s, ...", names->names);
    names->count++;
}

static bool is_pointer(const char *path) {
    char start[sizeof LFS_PREFIX] = "";
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > POINTER_BYTES)
        return false;
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    const size_t got = fread(start, 1, sizeof start - 1, file);
    fclose(file);
    return got == sizeof start - 1 && strcmp(start, LFS_PREFIX) == 0;
}

/* Files of an index, each once: neighbours in the map are mostly in the same one. */
static void collect_shards(const Listing *listing, const Value *map, Names *missing,
                           Names *pointers) {
    const char **seen = ARENA_ARRAY(listing->arena, const char *, (size_t)map->count + 1);
    int count = 0;
    for (int i = 0; i < map->count; i++) {
        const char *file = map->item[i].text;
        bool is_new = map->item[i].kind == VALUE_TEXT;
        for (int k = count - 1; k >= 0 && is_new; k--) is_new = strcmp(seen[k], file) != 0;
        if (!is_new) continue;
        seen[count++] = file;
        if (!has_file(listing, file) && access(path_of(listing, file), F_OK) != 0)
            add_name(missing, file, listing->arena);
        else if (is_pointer(path_of(listing, file)))
            add_name(pointers, file, listing->arena);
    }
}

static bool report_pointers(const Listing *listing, const Names *pointers) {
    diag_error(listing->diag, listing->loc, "%s of Git LFS in place of weights: %s",
               pointers->count == 1 ? "a pointer" : "pointers", pointers->names);
    return diag_hint(listing->diag, "fetch the files themselves: git lfs pull");
}

static bool check_index(const Listing *listing, const char *path) {
    Arena *arena = listing->arena;
    const Source *source = source_file_read(path, JSON_VALUE_MAX_BYTES, arena, listing->diag);
    if (!source) return false;
    if (source->length == JSON_VALUE_MAX_BYTES) return true; /* for its reader to say more of */
    Value *index = json_value_read(source, arena, listing->diag);
    if (!index) return false;
    const Value *map = value_find(index, "weight_map");
    Names missing = {"", 0}, pointers = {"", 0};
    if (!map || map->kind != VALUE_MAP)
        return diag_error(listing->diag, (Loc){source, 0},
                          "expected a JSON object as 'weight_map'");
    collect_shards(listing, map, &missing, &pointers);
    if (pointers.count) return report_pointers(listing, &pointers);
    if (!missing.count) return true;
    diag_error(listing->diag, (Loc){source, 0}, "missing beside the index: %s", missing.names);
    return diag_hint(listing->diag, "complete the download");
}

/* ---- weights ---- */

static bool report_no_weights(const Listing *listing) {
    const char *torch = first_file(listing, ".bin");
    if (!torch) torch = first_file(listing, ".pt");
    if (!torch) torch = first_file(listing, ".pth");
    const char *other = torch ? torch : first_file(listing, ".gguf");
    diag_error(listing->diag, listing->loc, "the folder has no safetensors%s%s%s",
               other ? ", only '" : "", other ? other : "", other ? "'" : "");
    if (torch)
        return diag_hint(listing->diag, "save the model again with safe_serialization=True: "
                                        "files of torch are programs, which are not run");
    if (other) return diag_hint(listing->diag, "name the .gguf file itself");
    return diag_hint(listing->diag, "expected '%s', or '%s' and the files that it names", ONE_FILE,
                     INDEX);
}

/* An index counts before a file; one file of another name is taken, too. */
static bool find_weights(const Listing *listing, bool needs_weights, ModelFolder *out) {
    const char *index = only_file(listing, ".safetensors.index.json", NULL);
    const char *file =
        has_file(listing, ONE_FILE) ? ONE_FILE : only_file(listing, ".safetensors", "consolidated");
    if (!file) file = only_file(listing, ".safetensors", NULL);
    if (index && !has_file(listing, ONE_FILE)) {
        out->weights = path_of(listing, index);
        return check_index(listing, out->weights);
    }
    if (file && (!strstr(file, "-of-") || strstr(file, "-of-00001."))) {
        out->weights = path_of(listing, file);
        if (!is_pointer(out->weights)) return true;
        return report_pointers(listing, &(Names){arena_printf(listing->arena, "'%s'", file), 1});
    }
    const char *first = first_file(listing, ".safetensors");
    if (!first) return !needs_weights || report_no_weights(listing);
    diag_error(listing->diag, listing->loc,
               "'%s' is one of several files, and their index is missing", first);
    return diag_hint(listing->diag, "complete the download: expected '%s' beside it", INDEX);
}

static bool find_config(const Listing *listing, ModelFolder *out) {
    if (has_file(listing, CONFIG)) {
        out->config = path_of(listing, CONFIG);
        return true;
    }
    if (has_file(listing, ADAPTER)) {
        diag_error(listing->diag, listing->loc, "the folder holds an adapter, and not a model");
        return diag_hint(listing->diag, "merge it into the model that '%s' names, and save that",
                         ADAPTER);
    }
    const char *description = only_file(listing, ".yaml", NULL);
    const char *gguf = first_file(listing, ".gguf");
    diag_error(listing->diag, listing->loc, "the folder has no '%s'", CONFIG);
    if (description)
        return diag_hint(listing->diag, "name the description itself: '%s'", description);
    if (gguf) return diag_hint(listing->diag, "name the .gguf file itself: '%s'", gguf);
    return diag_hint(listing->diag,
                     "expected a model as Hugging Face lays it out: '%s' and "
                     "safetensors",
                     CONFIG);
}

bool model_folder_find(const char *folder, bool needs_weights, ModelFolder *out, Arena *arena,
                       Diag *diag) {
    Source *source = ARENA_NEW(arena, Source);
    *source = (Source){arena_printf(arena, "%s", folder), NULL, 0};
    Listing listing = {.folder = folder, .loc = {source, 0}, .arena = arena, .diag = diag};
    *out = (ModelFolder){.folder = folder};
    if (!read_listing(&listing) || !find_config(&listing, out)) return false;
    if (has_file(&listing, TOKENIZER))
        out->tokenizer = path_of(&listing, TOKENIZER);
    else if (has_file(&listing, SENTENCEPIECE))
        out->tokenizer = path_of(&listing, SENTENCEPIECE);
    return find_weights(&listing, needs_weights, out);
}

/* ---- names of files ---- */

const char *model_folder_real(const char *folder, Arena *arena) {
    char *real = realpath(folder, NULL);
    const char *result = arena_printf(arena, "%s", real ? real : folder);
    free(real);
    return result;
}

/* Without links, except for the last part: that may lead to one version after the other. */
static const char *real_path(const char *path, Arena *arena) {
    const char *slash = strrchr(path, '/');
    const char *folder = model_folder_real(slash ? source_file_directory(path, arena) : ".", arena);
    return arena_printf(arena, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder,
                        slash ? slash + 1 : path);
}

const char *model_folder_relative(const char *directory, const char *path, Arena *arena) {
    const bool is_here = !directory || !*directory;
    const char *from = real_path(arena_printf(arena, "%s/.", is_here ? "." : directory), arena);
    const char *to = real_path(path, arena);
    if (*from != '/' || *to != '/') return path;
    size_t common = 0; /* up to the last slash that both have */
    for (size_t i = 0; from[i] && from[i] == to[i]; i++)
        if (from[i] == '/') common = i + 1;
    if (common <= 1) return to; /* only the root in common */
    const char *result = "";
    for (const char *rest = from + common; (rest = strchr(rest, '/')); rest++)
        result = arena_printf(arena, "%s../", result);
    return arena_printf(arena, "%s%s", result, to + common);
}
