/* definition_spm.h - the bytes of a tokenizer.model. */
#ifndef FRONTEND_DEFINITION_SPM_H
#define FRONTEND_DEFINITION_SPM_H

#include "frontend/text/definition.h"

/* They outlive the definition. What other files may say of it is left as the model has it. Null:
 * reported. */
TextDefinition *definition_parse_spm(const char *name, const void *bytes, size_t count,
                                     Arena *arena, Diag *diag);

#endif
