/* object_functions.h - where the functions of a loaded object lie. */
#ifndef CODEGEN_OBJECT_FUNCTIONS_H
#define CODEGEN_OBJECT_FUNCTIONS_H

#include "ir/arena.h"
#include "ir/bytes.h"
#include "runtime/abi.h"

typedef struct {
    const char *name; /* its symbol */
    const char *code;
    size_t bytes;
} LoadedFunction;

typedef struct {
    int machine; /* as ELF numbers processors */
    int count;
    LoadedFunction *function;
} LoadedFunctions;

/* Where the functions of a loaded object lie; program: what `symbol` stands for. False: the object
 * does not tell. */
bool object_functions(Bytes object, const char *symbol, const TwProgram *program, Arena *arena,
                      LoadedFunctions *out);

#endif
