/* emit_program.h - the code of plans: every kernel's function, the entries of both phases, and the
 * TwPrograms that describe them. */
#ifndef CODEGEN_EMIT_PROGRAM_H
#define CODEGEN_EMIT_PROGRAM_H

#include "codegen/emit/emit.h"
#include "codegen/emit/module_parts.h"

/* Makes a TwProgram of each part. Returns how many functions it made for kernels and entries, and
 * what is known of them. */
int emit_programs(Emit *e, const ModulePart *part, int count, const ModuleOptions *options,
                  Value *programs, const ModuleFunction **functions);

#endif
