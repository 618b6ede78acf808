#include "frontend/import/sentence_modules.h"

#include "frontend/files/source_file.h"
#include "frontend/import/json_value.h"

#include <string.h>
#include <unistd.h>

enum { MAX_BYTES = 1 << 20 };

typedef struct {
    const char *folder;
    Value *pooling;
    Value width[SENTENCE_MAX_DENSE];
    bool is_normalised;
    SentenceModules *out;
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

/* The config in a module's own folder, whose path goes to *folder. Null: reported. */
static Value *read_config(const Modules *modules, Value *module, const char **folder) {
    const Value *path = value_find(module, "path");
    if (!path || path->kind != VALUE_TEXT || strchr(path->text, '/') || *path->text == '.') {
        diag_error(modules->diag, path ? path->loc : module->loc,
                   "expected the name of a folder as 'path' of the module");
        return NULL;
    }
    *folder = arena_printf(modules->arena, "%s/%s", modules->folder, path->text);
    const char *config = arena_printf(modules->arena, "%s/config.json", *folder);
    const Source *source = source_file_read(config, MAX_BYTES, modules->arena, modules->diag);
    return source ? json_value_read(source, modules->arena, modules->diag) : NULL;
}

static bool read_pooling(Modules *modules, Value *module) {
    const char *folder;
    modules->pooling = read_config(modules, module, &folder);
    return modules->pooling;
}

/* A matrix alone. */
static bool read_dense(Modules *modules, Value *module) {
    SentenceModules *out = modules->out;
    const char *folder;
    Value *config = read_config(modules, module, &folder);
    if (!config) return false;
    const Value *width = value_find(config, "out_features"), *bias = value_find(config, "bias");
    const Value *activation = value_find(config, "activation_function");
    if (!width || width->kind != VALUE_NUMBER)
        return diag_error(modules->diag, config->loc, "expected a number as 'out_features'");
    if (!bias || value_is_true(bias))
        return diag_error(modules->diag, bias ? bias->loc : config->loc,
                          "a dense layer with a bias is not understood: expected 'bias' false");
    if (!is_kind(activation, "Identity"))
        return diag_error(modules->diag, activation ? activation->loc : config->loc,
                          "a dense layer with an activation is not understood: expected Identity "
                          "as 'activation_function', found %s",
                          activation ? value_show(activation, modules->arena) : "none");
    if (out->dense_count == SENTENCE_MAX_DENSE)
        return diag_error(modules->diag, module->loc, "there are more than %d dense layers",
                          (int)SENTENCE_MAX_DENSE);
    modules->width[out->dense_count] = *width;
    out->dense[out->dense_count++] = arena_printf(modules->arena, "%s/model.safetensors", folder);
    return true;
}

static bool read_module(Modules *modules, Value *module) {
    const Value *type = value_find(module, "type");
    if (is_kind(type, "Transformer")) return true;
    if (is_kind(type, "Pooling")) return read_pooling(modules, module);
    if (modules->is_normalised && is_kind(type, "Dense"))
        return diag_error(modules->diag, type->loc,
                          "a dense layer behind a norm is not understood");
    if (is_kind(type, "Dense")) return read_dense(modules, module);
    if (is_kind(type, "Normalize")) {
        modules->is_normalised = true;
        return true;
    }
    if (!type) return diag_error(modules->diag, module->loc, "expected a 'type' of the module");
    diag_error(modules->diag, type->loc, "a module of type %s behind the model is not understood",
               value_show(type, modules->arena));
    return diag_hint(modules->diag,
                     "what is understood: Transformer, Pooling, Dense and Normalize");
}

static Value *result(const Modules *modules) {
    enum { KEYS = 3 };
    const int count = modules->out->dense_count;
    Value *root = ARENA_NEW(modules->arena, Value);
    *root = (Value){.kind = VALUE_MAP, .count = KEYS};
    root->item = ARENA_ARRAY(modules->arena, Value, KEYS);
    root->item[0] = *modules->pooling;
    root->item[0].key = root->item[0].path = "pooling";
    root->item[1] = (Value){.kind = VALUE_BOOL,
                            .number = modules->is_normalised,
                            .key = "normalise",
                            .path = "modules.json"};
    root->item[2] = (Value){.kind = count ? VALUE_LIST : VALUE_NONE,
                            .item = ARENA_ARRAY(modules->arena, Value, (size_t)count + 1),
                            .count = count,
                            .key = "dense",
                            .path = "modules.json"};
    if (count) memcpy(root->item[2].item, modules->width, (size_t)count * sizeof *root->item);
    return root;
}

bool sentence_modules_read(const char *folder, SentenceModules *out, Arena *arena, Diag *diag) {
    Modules modules = {.folder = folder, .out = out, .arena = arena, .diag = diag};
    const char *path = arena_printf(arena, "%s/modules.json", folder);
    *out = (SentenceModules){0};
    if (access(path, F_OK) != 0) return true;
    Value *list = read_list(&modules, path);
    if (!list) return false;
    if (list->kind != VALUE_LIST) return diag_error(diag, list->loc, "expected a list of modules");
    for (int i = 0; i < list->count; i++)
        if (!read_module(&modules, &list->item[i])) return false;
    if (modules.pooling) out->found = result(&modules);
    return true;
}
