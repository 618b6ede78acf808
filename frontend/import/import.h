/* import.h - a model as others hand it out, as the text of its description.
 *
 * A folder of Hugging Face has a config.json, which says of which family the model is, and its
 * weights as safetensors; a GGUF has both in one file. What the families are stands in
 * families.def, in axes; the description says the axes and where the weights lie, and all else goes
 * on from there.
 */
#ifndef FRONTEND_IMPORT_H
#define FRONTEND_IMPORT_H

#include "ir/diag.h"

/* Whether the path leads to what only import_read() reads: a folder, a config.json, or a file whose
 * name ends in .gguf. */
bool import_is_for(const char *path);

typedef struct {
    const Source *description; /* named after what it was made of */
    const char *directory;     /* what its names of files are relative to */
} Imported;

/* Beside these, any other .json file is taken for a config. `directory`: where the description is
 * going to lie; null: beside the model's files. A config without weights beside it gets made-up
 * ones, with a warning. False: reported. */
bool import_read(const char *path, const char *directory, Imported *out, Arena *arena, Diag *diag);

#endif
