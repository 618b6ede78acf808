/* object_file.h - an object file with packed weights inside. */
#ifndef CODEGEN_OBJECT_FILE_H
#define CODEGEN_OBJECT_FILE_H

#include "codegen/emit/module.h"

/* A packed weight file for an object. */
typedef struct {
    const void *file; /* all its bytes, as they lie on disk */
    size_t bytes;
    bool (*progress)(void *context, const char *what, double done); /* may be null; false: stop */
    void *progress_context;
} ObjectWeights;

/* Writes the object of a module that has_weights, and the packed weight file as the contents of
 * MODULE_WEIGHTS_SECTION. Errors of the stream are the caller's to look for. */
bool object_print(Module *module, const ObjectWeights *weights, FILE *out, Diag *diag);

#endif
