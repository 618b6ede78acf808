/* tap_files.h - what the taps of a run keep, and the .npy files that it goes to.
 *
 * A tap of one point gives [tokens, columns]; of several, as of a point in each layer, [points,
 * tokens, columns]. Files appear whole or not at all, when the run is over.
 */
#ifndef FRONTEND_TAP_FILES_H
#define FRONTEND_TAP_FILES_H

#include "frontend/compiler/engine.h"
#include "ir/diag.h"

typedef struct TapFiles TapFiles;

/* Buffers for `tokens` tokens of all taps that name a file, handed to the engine, which does not
 * outlive them. Null: reported, or said by *status. */
TapFiles *tap_files_open(Thalweg *thalweg, Engine *engine, int64_t tokens, Diag *diag,
                         TwStatus *status);

/* Writes the files, of the tokens that were fed. False: reported. */
bool tap_files_write(const TapFiles *files, int64_t fed, Diag *diag);

void tap_files_free(TapFiles *files); /* null is fine */

#endif
