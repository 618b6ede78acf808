/* rotation_tables.h - what a session computes of its program and of positions alone. */
#ifndef RUNTIME_ROTATION_TABLES_H
#define RUNTIME_ROTATION_TABLES_H

#include "runtime/runtime.h"

/* Whether each rotation's table lies within the program's tables. */
bool tw_rotation_tables_check(const TwProgram *program);

/* Fills the program's tables for positions begin <= p < end. They are the same for every session.
 */
void tw_rotation_tables_fill(const TwProgram *program, int64_t begin, int64_t end, float *tables);

#endif
