/* sentence_modules.h - what stands behind a model in a folder of Sentence Transformers:
 * modules.json lists a transformer, a pooling with a config of its own, and a norm. */
#ifndef FRONTEND_SENTENCE_MODULES_H
#define FRONTEND_SENTENCE_MODULES_H

#include "frontend/import/value.h"

/* An object with `pooling`, that config, and `normalise`. *out is null where the folder has no
 * modules.json. False: reported, modules that are not understood, too. */
bool sentence_modules_read(const char *folder, Value **out, Arena *arena, Diag *diag);

#endif
