/* jit.h - compiled code in the memory of this process. */
#ifndef CODEGEN_JIT_H
#define CODEGEN_JIT_H

#include "ir/bytes.h"
#include "ir/diag.h"
#include "runtime/abi.h"

typedef struct Jit Jit;

/* Loads an object file that was compiled for this machine, and tells debuggers of it. The bytes are
 * not needed any more after that. Null: reported. */
Jit *jit_create(Bytes object, Diag *diag);
/* Valid as long as the Jit. Null: reported. */
const TwProgram *jit_program(const Jit *jit, const char *symbol, Diag *diag);
void jit_destroy(Jit *jit);

#endif
