/* import_config.c - a model by its config.json. */
#include "frontend/files/source_file.h"
#include "frontend/import/import_parts.h"
#include "frontend/import/json_value.h"
#include "frontend/import/sentence_modules.h"

/* ---- families ---- */

static const Value *type_of(const Import *import, Value *config) {
    Value *type = value_find(config, "model_type");
    if (type && type->kind == VALUE_TEXT) return type;
    diag_error(import->diag, type ? type->loc : config->loc,
               "expected a word as 'model_type', which says the family");
    return NULL;
}

static void take_text_type(void *context, const FamilyRow *row) {
    *(const char **)context = row->text;
}

/* A config that has a text model inside. */
static bool find_inner(const Import *import, Findings *findings) {
    const Value *type = type_of(import, findings->outer);
    if (!type) return false;
    findings->outer_family = import_family(import, type, FAMILY_OUTER);
    if (!findings->outer_family) return false;
    const Value *inner = value_find(findings->config, "model_type");
    Value usual = {.kind = VALUE_TEXT, .loc = findings->config->loc};
    if (!inner) {
        family_each(findings->outer_family, ROW_TEXT, take_text_type, &usual.text);
        inner = &usual;
    }
    if (inner->kind != VALUE_TEXT)
        return diag_error(import->diag, inner->loc, "expected a word as 'model_type'");
    findings->family = import_family(import, inner, FAMILY_CONFIG);
    return findings->family;
}

static bool find_families(const Import *import, Value *config, Findings *findings) {
    Value *inner = value_find(config, "text_config");
    *findings = (Findings){.config = config, .outer = config};
    if (inner && inner->kind == VALUE_MAP) {
        findings->config = inner;
        return find_inner(import, findings);
    }
    const Value *type = type_of(import, config);
    findings->family = type ? import_family(import, type, FAMILY_CONFIG) : NULL;
    return findings->family;
}

/* ---- the file ---- */

bool import_config_text(const Import *import, const Source *source, const ModelFolder *folder,
                        const char *name, Imported *out) {
    Arena *arena = import->arena;
    Value *config = json_value_read(source, arena, import->diag);
    Findings findings;
    SentenceModules modules = {0};
    if (!config || !find_families(import, config, &findings)) return false;
    if (folder->weights && !sentence_modules_read(folder->folder, &modules, arena, import->diag))
        return false;
    findings.beside = modules.found;
    for (int i = 0; i < modules.dense_count; i++)
        modules.dense[i] = import_named(import, modules.dense[i]);
    const DescriptionFiles files = {
        .name = name,
        .origin = arena_printf(arena, "From the config.json of a model of type %s.",
                               findings.family->name),
        .weights = import_named(import, folder->weights),
        .tokenizer = import_named(import, folder->tokenizer),
        .dense = modules.dense,
        .dense_count = modules.dense_count};
    if (!import_describe(import, &findings, &files, folder->config, out)) return false;
    if (!folder->weights)
        diag_warning(import->diag, (Loc){source, 0},
                     "there are no weights beside it: they are made up");
    return true;
}

bool import_config(const Import *import, const ModelFolder *folder, const char *name,
                   Imported *out) {
    const Source *source =
        source_file_read(folder->config, JSON_VALUE_MAX_BYTES, import->arena, import->diag);
    if (!source) return false;
    if (source->length == JSON_VALUE_MAX_BYTES)
        return diag_error(import->diag, (Loc){source, 0}, "expected a file of less than %d bytes",
                          JSON_VALUE_MAX_BYTES);
    return import_config_text(import, source, folder, name, out);
}
