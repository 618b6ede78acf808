/* definition_read.c - which of the readers a path is for. */
#include "frontend/text/definition_read.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ends_with(const char *path, const char *ending) {
    const size_t length = strlen(path), tail = strlen(ending);
    return length >= tail && strcmp(path + length - tail, ending) == 0;
}

/* The file of a folder that says it. Null: reported. */
static const char *file_of(const char *path, Arena *arena, Diag *diag) {
    static const char *const names[] = {"tokenizer.json", "tokenizer.model"};
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) return path;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *file = arena_printf(arena, "%s/%s", path, names[i]);
        if (access(file, F_OK) == 0) return file;
    }
    Source *source = ARENA_NEW(arena, Source);
    source->name = arena_printf(arena, "%s", path);
    diag_error(diag, (Loc){source, 0}, "the folder has no '%s' and no '%s'", names[0], names[1]);
    return NULL;
}

TextDefinition *definition_read(const char *path, Arena *arena, Diag *diag) {
    const char *file = file_of(path, arena, diag);
    if (!file) return NULL;
    if (ends_with(file, ".model")) return definition_read_spm(file, arena, diag);
    if (!ends_with(file, ".gguf")) return definition_read_json(file, arena, diag);
    Gguf *gguf = gguf_open(file, (Loc){0}, diag);
    TextDefinition *definition = gguf ? definition_read_gguf(gguf, arena, diag) : NULL;
    gguf_close(gguf);
    return definition;
}
