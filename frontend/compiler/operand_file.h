/* operand_file.h - what edits set, add, take out or patch with: numbers from a file.
 *
 *   .npy           one array, as a tap writes it
 *   .safetensors   its only tensor, or the one of that name
 *   .gguf          the same, or of a control vector all of direction.N, each for layer N
 */
#ifndef FRONTEND_OPERAND_FILE_H
#define FRONTEND_OPERAND_FILE_H

#include "frontend/model/instrument.h"

/* `tensor` null: there is one. The numbers are finite, in the arena, as is the path. Null: reported,
 * at the file. */
const EditValues *operand_file_read(const char *path, const char *tensor, Loc loc, Arena *arena,
                                    Diag *diag);

#endif
