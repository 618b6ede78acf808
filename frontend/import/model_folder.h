/* model_folder.h - the files of a model in a folder as Hugging Face lays them out. */
#ifndef FRONTEND_MODEL_FOLDER_H
#define FRONTEND_MODEL_FOLDER_H

#include "ir/diag.h"

typedef struct {
    const char *folder;
    const char *config;    /* its path */
    const char *weights;   /* path of the safetensors file or index; null: there are none */
    const char *tokenizer; /* path of tokenizer.json or tokenizer.model; null: there is none */
} ModelFolder;

/* False: reported, with all that is missing in one error. Without `needs_weights`, having none is
 * fine. */
bool model_folder_find(const char *folder, bool needs_weights, ModelFolder *out, Arena *arena,
                       Diag *diag);

/* The folder's path from the root on, without links; as it is given where there is none. */
const char *model_folder_real(const char *folder, Arena *arena);

/* Whether a path has this ending, and more before it. */
bool model_folder_ends_with(const char *path, const char *end);

/* The path of a file as it is named from a directory ("" and null: the current one). */
const char *model_folder_relative(const char *directory, const char *path, Arena *arena);

#endif
