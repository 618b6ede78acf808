/* kept_file.h - what was made once and is kept in the cache from one time to the next, found by a
 * text of all that it depends on (code_file.h). */
#ifndef FRONTEND_KEPT_FILE_H
#define FRONTEND_KEPT_FILE_H

#include "frontend/compiler/compiler.h"

typedef struct {
    const char *folder; /* null: it is not kept */
    const char *name;
    Bytes key;
} KeptFile;

/* Whether anything is kept, so that a key is worth its making. */
bool kept_file_wanted(Thalweg *thalweg);

/* `name` begins the file's; the key outlives the result. */
KeptFile kept_file(Thalweg *thalweg, const char *name, Bytes key);

/* Its contents, in the Thalweg's arena. False: it is not there, or not safe to be used; where the
 * folder is not, nothing is to be kept in it either. */
bool kept_file_find(Thalweg *thalweg, KeptFile *file, Bytes *contents);

/* Where that cannot be, a warning says `not_kept`: what was made is there all the same. */
void kept_file_write(Thalweg *thalweg, const KeptFile *file, Bytes contents, const char *not_kept);

#endif
