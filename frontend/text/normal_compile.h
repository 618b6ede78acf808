/* normal_compile.h - what a normaliser needs to know of Unicode, as tables. */
#ifndef FRONTEND_NORMAL_COMPILE_H
#define FRONTEND_NORMAL_COMPILE_H

#include "frontend/text/definition.h"
#include "runtime/text/text_buffer.h"

/* Adds the bytes of the section that a step reads to `out`, and says of which kind it is: `form`,
 * for replace_pattern `pattern`, `charsmap`; nothing where the step needs none. `loc` is the file.
 * False: reported. */
bool normal_compile(const TextNormal *normal, Loc loc, TextBuffer *out, TextSectionKind *kind,
                    Diag *diag);

#endif
