#include "frontend/import/sentence_modules.h"

#include "frontend/files/source_file.h"
#include "frontend/import/json_value.h"

#include <string.h>
#include <unistd.h>

enum { MAX_BYTES = 1 << 20 };

typedef struct {
    const char *folder;
    Value *pooling;
    bool is_normalised;
    Arena *arena;
    Diag *diag;
} Modules;

/* A reader of objects, for a text that is a list: it becomes the value of a key. */
static Value *read_list(const Modules *modules, const char *path) {
    static const char key[] = "{\"modules\":";
    const Source *file = source_file_read(path, MAX_BYTES, modules->arena, modules->diag);
    if (!file) return NULL;
    Source *source = ARENA_NEW(modules->arena, Source);
    source->name = file->name;
    source->text = arena_printf(modules->arena, "%s%s}", key, file->text);
    source->length = strlen(source->text);
    Value *root = json_value_read(source, modules->arena, modules->diag);
    return root ? value_find(root, "modules") : NULL;
}

static bool is_kind(const Value *type, const char *kind) {
    if (!type || type->kind != VALUE_TEXT) return false;
    const char *dot = strrchr(type->text, '.');
    return strcmp(dot ? dot + 1 : type->text, kind) == 0;
}

static bool read_pooling(Modules *modules, const Value *path) {
    if (!path || path->kind != VALUE_TEXT || strchr(path->text, '/') || *path->text == '.')
        return diag_error(modules->diag, path ? path->loc : (Loc){0},
                          "expected the name of a folder as 'path' of the pooling");
    const char *config =
        arena_printf(modules->arena, "%s/%s/config.json", modules->folder, path->text);
    const Source *source = source_file_read(config, MAX_BYTES, modules->arena, modules->diag);
    modules->pooling = source ? json_value_read(source, modules->arena, modules->diag) : NULL;
    return modules->pooling;
}

static bool read_module(Modules *modules, Value *module) {
    const Value *type = value_find(module, "type");
    if (is_kind(type, "Transformer")) return true;
    if (is_kind(type, "Pooling")) return read_pooling(modules, value_find(module, "path"));
    if (is_kind(type, "Normalize")) {
        modules->is_normalised = true;
        return true;
    }
    if (!type) return diag_error(modules->diag, module->loc, "expected a 'type' of the module");
    diag_error(modules->diag, type->loc, "a module of type %s behind the model is not understood",
               value_show(type, modules->arena));
    return diag_hint(modules->diag, "what is understood: Transformer, Pooling and Normalize");
}

static Value *result(const Modules *modules) {
    enum { KEYS = 2 };
    Value *root = ARENA_NEW(modules->arena, Value);
    *root = (Value){.kind = VALUE_MAP, .count = KEYS};
    root->item = ARENA_ARRAY(modules->arena, Value, KEYS);
    root->item[0] = *modules->pooling;
    root->item[0].key = root->item[0].path = "pooling";
    root->item[1] = (Value){.kind = VALUE_BOOL,
                            .number = modules->is_normalised,
                            .key = "normalise",
                            .path = "modules.json"};
    return root;
}

bool sentence_modules_read(const char *folder, Value **out, Arena *arena, Diag *diag) {
    Modules modules = {.folder = folder, .arena = arena, .diag = diag};
    const char *path = arena_printf(arena, "%s/modules.json", folder);
    *out = NULL;
    if (access(path, F_OK) != 0) return true;
    Value *list = read_list(&modules, path);
    if (!list) return false;
    if (list->kind != VALUE_LIST) return diag_error(diag, list->loc, "expected a list of modules");
    for (int i = 0; i < list->count; i++)
        if (!read_module(&modules, &list->item[i])) return false;
    if (modules.pooling) *out = result(&modules);
    return true;
}
