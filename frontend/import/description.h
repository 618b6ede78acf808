/* description.h - what is known of a model, as the text of its description. */
#ifndef FRONTEND_DESCRIPTION_H
#define FRONTEND_DESCRIPTION_H

#include "frontend/import/facts.h"

/* What stands around the axes. */
typedef struct {
    const char *name;         /* of the model; made fit for a file's name */
    const char *origin;       /* what it was read from, for the first line */
    const char *weights;      /* the file, as the description names it; null: made up from a seed */
    const char *tokenizer;    /* the file; null: none */
    const char *const *dense; /* files of the layers behind the pooling, linear.weight in each */
    int dense_count;
} DescriptionFiles;

/* In the arena. Keys that are as the format's defaults stay out; a comment names the key that a
 * value comes from. Layers that differ become a pattern, or blocks. */
const char *description_write(const Facts *facts, const DescriptionFiles *files, Arena *arena);

#endif
