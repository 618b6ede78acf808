/* definition_read.c - which of the readers a path is for. */
#include "frontend/text/definition_read.h"
#include "frontend/text/json_place.h"

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
    Source *source = ARENA_NEW(diag->arena, Source);
    source->name = arena_printf(diag->arena, "%s", path);
    diag_error(diag, (Loc){source, 0}, "the folder has no '%s' and no '%s'", names[0], names[1]);
    return NULL;
}

static void own(TextString *text, Arena *arena) {
    if (text->bytes) *text = text_string_copy(text->bytes, text->count, arena);
}

/* The texts of a GGUF's definition are in the file, which is closed. */
static TextDefinition *read_gguf(const char *path, Arena *arena, Diag *diag) {
    Gguf *gguf = gguf_open(path, (Loc){0}, diag);
    TextDefinition *definition = gguf ? definition_read_gguf(gguf, arena, diag) : NULL;
    if (definition) {
        Source *source = ARENA_NEW(diag->arena, Source);
        source->name = arena_printf(diag->arena, "%s", path);
        definition->loc = (Loc){source, 0};
        definition->name = source->name;
        for (int32_t i = 0; i < definition->model.token_count; i++)
            own(&definition->model.token[i].text, arena);
        for (int i = 0; i < definition->added_count; i++) own(&definition->added[i].text, arena);
        for (int i = 0; i < definition->normal_count; i++) own(&definition->normal[i].from, arena);
        own(&definition->chat_template, arena);
    }
    gguf_close(gguf);
    return definition;
}

TextDefinition *definition_read(const char *path, Arena *arena, Diag *diag) {
    const char *file = file_of(path, arena, diag);
    if (!file) return NULL;
    if (ends_with(file, ".model")) return definition_read_spm(file, arena, diag);
    if (ends_with(file, ".gguf")) return read_gguf(file, arena, diag);
    return definition_read_json(file, arena, diag);
}
