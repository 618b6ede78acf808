/* emit_object.h - what an object exports: the TwModule of its programs, the calls that get it, and
 * room for weights inside. */
#ifndef CODEGEN_EMIT_OBJECT_H
#define CODEGEN_EMIT_OBJECT_H

#include "codegen/emit/emit.h"
#include "codegen/emit/module_parts.h"

/* `programs` are those of emit_programs(), one of each part. */
void emit_object(Emit *e, const ModulePart *part, int count, const ModuleOptions *options,
                 Value *programs);

#endif
