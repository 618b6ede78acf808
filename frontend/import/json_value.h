/* json_value.h - a JSON text as a tree of values that know their places. */
#ifndef FRONTEND_JSON_VALUE_H
#define FRONTEND_JSON_VALUE_H

#include "frontend/import/value.h"

enum { JSON_VALUE_MAX_BYTES = 1 << 24 };

/* The text of the source, which must be an object. Null: reported. */
Value *json_value_read(const Source *source, Arena *arena, Diag *diag);

#endif
