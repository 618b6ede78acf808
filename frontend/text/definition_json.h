/* definition_json.h - the bytes of a tokenizer.json. */
#ifndef FRONTEND_DEFINITION_JSON_H
#define FRONTEND_DEFINITION_JSON_H

#include "frontend/text/definition.h"

/* What other files may say of it is left open. Null: reported. */
TextDefinition *definition_parse_json(const char *name, const void *bytes, size_t count,
                                      Arena *arena, Diag *diag);

#endif
