/* import_parts.h - what the ways to import a model share. */
#ifndef FRONTEND_IMPORT_PARTS_H
#define FRONTEND_IMPORT_PARTS_H

#include "frontend/import/description.h"
#include "frontend/import/import.h"
#include "frontend/import/model_folder.h"
#include "frontend/weights/gguf.h"

typedef struct {
    const char *directory; /* where the description is going to lie; null: beside the model */
    Arena *arena;
    Diag *diag;
} Import;

/* `path`: the file that the findings are from. False: reported. */
bool import_describe(const Import *import, const Findings *findings, const DescriptionFiles *files,
                     const char *path, Imported *out);

/* Null: reported at the value, which is a word. */
const Family *import_family(const Import *import, const Value *type, FamilyKind kind);

/* How the description names a file; null for null. */
const char *import_named(const Import *import, const char *path);

bool import_config(const Import *import, const ModelFolder *folder, const char *name,
                   Imported *out);
bool import_gguf(const Import *import, const char *path, const char *name, Imported *out);

/* The same for the text of a config, and for a GGUF that is open. */
bool import_config_text(const Import *import, const Source *source, const ModelFolder *folder,
                        const char *name, Imported *out);
bool import_gguf_file(const Import *import, const Gguf *gguf, const char *path, const char *name,
                      Imported *out);

#endif
