/* temporary.h - a folder of this process's own in $TMPDIR, for what is made on the way.
 *
 * A process that is killed leaves its folder behind. The next one that makes a folder there removes
 * it: a file in it says that the folder is ours, and is locked for as long as its process lives.
 */
#ifndef FRONTEND_TEMPORARY_H
#define FRONTEND_TEMPORARY_H

#include "ir/diag.h"

typedef struct TemporaryFolder {
    const char *path; /* null: none */
    int lock;
} TemporaryFolder;

/* The path is in the diag's arena. False: reported, and there is nothing to remove. */
bool temporary_make(TemporaryFolder *folder, Diag *diag);

/* With the files in it. Of one that was not made there is nothing to remove. */
void temporary_remove(TemporaryFolder *folder);

#endif
