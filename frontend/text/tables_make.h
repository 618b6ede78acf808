/* tables_make.h - a definition -> the tables that runtime/text works with. */
#ifndef FRONTEND_TABLES_MAKE_H
#define FRONTEND_TABLES_MAKE_H

#include "frontend/text/definition.h"
#include "runtime/text/text_buffer.h"

/* Adds a whole file of tables to `out`, which is empty. False: reported, with what cannot become
 * tables. */
bool tables_make(const TextDefinition *definition, TextBuffer *out, Diag *diag);

#endif
