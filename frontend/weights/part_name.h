/* part_name.h - names of the files that a model is split into: STEM-00002-of-00003.gguf, or the
 * same with the ending of safetensors. */
#ifndef FRONTEND_PART_NAME_H
#define FRONTEND_PART_NAME_H

#include "ir/arena.h"

#include <stdint.h>

typedef struct {
    const char *path, *ending;
    int stem;              /* bytes of the path before the number's "-" */
    int64_t number, count; /* from 1 */
} PartName;

/* `ending` with its dot; both texts outlive the result. False: the file is not named so. */
bool part_name_read(const char *path, const char *ending, PartName *out);

/* The path of the file of another number. */
const char *part_name_path(const PartName *name, int64_t number, Arena *arena);

#endif
