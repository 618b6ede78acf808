#include "frontend/import/import.h"

#include "frontend/files/source_file.h"
#include "frontend/import/import_parts.h"
#include "frontend/weights/part_name.h"

#include <string.h>
#include <sys/stat.h>

/* ---- paths ---- */

static bool is_folder(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool import_is_for(const char *path) {
    return is_folder(path) || strcmp(path, "config.json") == 0 ||
           model_folder_ends_with(path, "/config.json") || model_folder_ends_with(path, ".gguf");
}

/* What follows the last mark; all of it without one. */
static const char *after_last(const char *text, const char *mark) {
    for (const char *next; (next = strstr(text, mark));) text = next + strlen(mark);
    return text;
}

/* What a model in a folder is called: as the folder, or in a cache of Hugging Face's,
 * models--OWNER--NAME/snapshots/HASH, as NAME. */
static const char *folder_name(const char *path, Arena *arena) {
    const char *real = model_folder_real(path, arena);
    const char *name = after_last(real, "/"), *snapshots = strstr(real, "/snapshots/");
    if (!snapshots || snapshots + strlen("/snapshots/") != name) return name;
    return after_last(after_last(arena_printf(arena, "%.*s", (int)(snapshots - real), real), "/"),
                      "--");
}

static const char *file_stem(const char *path, Arena *arena) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return arena_printf(arena, "%.*s", dot ? (int)(dot - name) : (int)strlen(name), name);
}

/* ---- the ways to a model ---- */

static bool read_folder(Import *import, const char *path, Imported *out) {
    ModelFolder folder;
    if (!model_folder_find(path, true, &folder, import->arena, import->diag)) return false;
    if (!import->directory) import->directory = path;
    return import_config(import, &folder, folder_name(path, import->arena), out);
}

/* A config.json with its weights is the folder it lies in; one of another name stands alone. */
static bool read_json(Import *import, const char *path, Imported *out) {
    Arena *arena = import->arena;
    const char *directory = source_file_directory(path, arena);
    const char *folder_path = *directory ? directory : ".";
    ModelFolder folder = {.folder = folder_path, .config = path};
    if (!import->directory) import->directory = directory;
    if (strcmp(file_stem(path, arena), "config") != 0)
        return import_config(import, &folder, file_stem(path, arena), out);
    if (!model_folder_find(folder_path, false, &folder, arena, import->diag)) return false;
    return import_config(import, &folder, folder_name(folder_path, arena), out);
}

/* A file of a split model is not in the name of the whole. */
static bool read_gguf(Import *import, const char *path, Imported *out) {
    PartName part;
    const char *whole = path;
    if (part_name_read(path, ".gguf", &part))
        whole = arena_printf(import->arena, "%.*s%s", part.stem, path, part.ending);
    if (!import->directory) import->directory = source_file_directory(path, import->arena);
    return import_gguf(import, path, file_stem(whole, import->arena), out);
}

bool import_read(const char *path, const char *directory, Imported *out, Arena *arena, Diag *diag) {
    Import import = {directory, arena, diag};
    *out = (Imported){0};
    if (is_folder(path)) return read_folder(&import, path, out);
    if (model_folder_ends_with(path, ".gguf")) return read_gguf(&import, path, out);
    if (model_folder_ends_with(path, ".json")) return read_json(&import, path, out);
    return diag_error(diag, (Loc){0}, "'%s' is neither a folder nor a .gguf file", path);
}
