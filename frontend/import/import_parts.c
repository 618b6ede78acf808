#include "frontend/import/import_parts.h"

#include <string.h>

const char *import_named(const Import *import, const char *path) {
    return path ? model_folder_relative(import->directory, path, import->arena) : NULL;
}

const Family *import_family(const Import *import, const Value *type, FamilyKind kind) {
    const Family *family = family_find(kind, type->text);
    if (family) return family;
    Arena *arena = import->arena;
    diag_error(import->diag, type->loc, "models of type %s are not known", value_show(type, arena));
    diag_hint(import->diag, "known are %s", family_types(kind, arena));
    return NULL;
}

bool import_describe(const Import *import, const Findings *findings, const DescriptionFiles *files,
                     const char *path, Imported *out) {
    const Facts *facts = facts_find(findings, import->arena, import->diag);
    if (!facts) return false;
    const char *text = description_write(facts, files, import->arena);
    if (!text) return diag_error(import->diag, (Loc){0}, "out of memory");
    Source *source = ARENA_NEW(import->arena, Source);
    *source = (Source){arena_printf(import->arena, "%s, as imported", path), text, strlen(text)};
    *out = (Imported){source, import->directory ? import->directory : ""};
    return true;
}
