/* sentence_modules.h - what stands behind a model in a folder of Sentence Transformers:
 * modules.json lists a transformer, a pooling and dense layers with folders of their own, and a
 * norm. */
#ifndef FRONTEND_SENTENCE_MODULES_H
#define FRONTEND_SENTENCE_MODULES_H

#include "frontend/import/value.h"

enum { SENTENCE_MAX_DENSE = 8 };

typedef struct {
    /* An object with `pooling`, that config, `normalise`, and `dense`, the widths of the layers.
     * Null: the folder has no modules.json. */
    Value *found;
    const char *dense[SENTENCE_MAX_DENSE]; /* paths of the layers' weights */
    int dense_count;
} SentenceModules;

/* False: reported, modules that are not understood, too. */
bool sentence_modules_read(const char *folder, SentenceModules *out, Arena *arena, Diag *diag);

#endif
