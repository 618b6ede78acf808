/* import_gguf.c - a model in a GGUF file, or in several that it is split into. */
#include "frontend/import/gguf_value.h"
#include "frontend/import/import_parts.h"
#include "frontend/weights/part_name.h"

#include <string.h>

/* Any file of a split model stands for its first: NAME-00002-of-00003.gguf. */
static const char *first_part(const char *path, Arena *arena) {
    PartName name;
    return part_name_read(path, ".gguf", &name) ? part_name_path(&name, 1, arena) : path;
}

/* What is no model of its own, by its keys. */
static bool check_kind(const Import *import, Value *root, const Gguf *gguf) {
    const Value *type = value_find(root, "general.type");
    const Value *architecture = value_find(root, "general.architecture");
    int count;
    tensor_set_list(gguf_tensors(gguf), &count);
    if (type && type->kind == VALUE_TEXT && strcmp(type->text, "model") != 0) {
        diag_error(import->diag, root->loc, "the file holds %s, and not a model",
                   value_show(type, import->arena));
        return diag_hint(import->diag, strcmp(type->text, "adapter") == 0
                                           ? "merge it into its model, and convert that"
                                           : "name the file of the text model");
    }
    if (!architecture || architecture->kind != VALUE_TEXT)
        return diag_error(import->diag, root->loc,
                          "expected a text as 'general.architecture', which says the family");
    if (strcmp(architecture->text, "clip") == 0) {
        diag_error(import->diag, root->loc,
                   "the file holds the part of a model that sees or hears");
        return diag_hint(import->diag, "name the file of the text model");
    }
    if (count > 0) return true;
    diag_error(import->diag, root->loc, "the file holds a vocabulary alone: it has no tensors");
    return diag_hint(import->diag, "name the file of the whole model");
}

static bool find_config(const Import *import, Value *root, Findings *findings) {
    const Value *architecture = value_find(root, "general.architecture");
    const Family *family = import_family(import, architecture, FAMILY_GGUF);
    Value *config = value_child(root, architecture->text, strlen(architecture->text));
    if (!family) return false;
    if (!config || config->kind != VALUE_MAP)
        return diag_error(import->diag, root->loc, "there are no keys of '%s'", architecture->text);
    findings->family = findings->outer_family = family;
    findings->config = config;
    findings->outer = root;
    return true;
}

static bool has_tokenizer(const Gguf *gguf) {
    return gguf_find(gguf, "tokenizer.ggml.model") && gguf_find(gguf, "tokenizer.ggml.tokens");
}

bool import_gguf_file(const Import *import, const Gguf *gguf, const char *path, const char *name,
                      Imported *out) {
    Value *root = gguf_value_read(gguf, import->arena);
    Findings findings = {.tensors = gguf_tensors(gguf)};
    if (!check_kind(import, root, gguf) || !find_config(import, root, &findings)) return false;
    const DescriptionFiles files = {
        .name = name,
        .origin =
            arena_printf(import->arena, "From a GGUF of architecture %s.", findings.config->key),
        .weights = import_named(import, path),
        .tokenizer = has_tokenizer(gguf) ? import_named(import, path) : NULL};
    return import_describe(import, &findings, &files, path, out);
}

bool import_gguf(const Import *import, const char *path, const char *name, Imported *out) {
    const char *first = first_part(path, import->arena);
    Gguf *gguf = gguf_open(first, (Loc){0}, import->diag);
    if (!gguf) return false;
    const bool is_good = import_gguf_file(import, gguf, first, name, out);
    gguf_close(gguf);
    return is_good;
}
