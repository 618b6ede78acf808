/* tables.h - what a session computes once, of its program and the length of its context alone. */
#ifndef RUNTIME_TABLES_H
#define RUNTIME_TABLES_H

#include "runtime/runtime.h"

/* Whether each rotation's table lies within the program's tables. */
bool tw_tables_check(const TwProgram *program);

/* Fills the program's tables. They are the same for every session. */
void tw_tables_fill(const TwProgram *program, float *tables);

#endif
