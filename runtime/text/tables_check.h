/* tables_check.h - whether sections that lie within their file can be trusted together. */
#ifndef RUNTIME_TEXT_TABLES_CHECK_H
#define RUNTIME_TEXT_TABLES_CHECK_H

#include "runtime/text/tables.h"

bool tw_text_tables_check(const TextTables *tables);

#endif
