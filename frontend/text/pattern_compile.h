/* pattern_compile.h - an expression -> an automaton that runtime/text/pattern.h runs. */
#ifndef FRONTEND_PATTERN_COMPILE_H
#define FRONTEND_PATTERN_COMPILE_H

#include "frontend/text/definition.h"
#include "runtime/text/text_buffer.h"

/* Adds the section's bytes to `out`. `where` names the expression in messages, `loc` its file.
 * False: reported, with the construct that no automaton can do. */
bool pattern_compile(TextString expression, const char *where, Loc loc, TextBuffer *out,
                     Diag *diag);

/* A text that is to be matched as it is, as an expression. */
TextString pattern_literal(TextString text, Arena *arena);

#endif
