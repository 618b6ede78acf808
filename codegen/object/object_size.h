/* object_size.h - what the bytes of a module's object file are. */
#ifndef CODEGEN_OBJECT_SIZE_H
#define CODEGEN_OBJECT_SIZE_H

#include "codegen/emit/module.h"

typedef struct {
    const char *name;
    uint64_t address; /* in the text */
    uint64_t bytes;   /* with the padding up to the next */
} ObjectFunction;

/* Bytes of sections by what they are for; all of them together are the file. */
typedef struct {
    uint64_t text;
    uint64_t constants;   /* tables, and the descriptor */
    uint64_t relocations; /* of text and constants; gone when linked */
    uint64_t unwind;      /* how debuggers find the way through functions */
    uint64_t debug;       /* with their relocations */
    uint64_t symbols;     /* the table and the names, those of sections too */
    uint64_t headers;     /* of the file and its sections, notes, padding */
    uint64_t file;
    ObjectFunction *function; /* by address; they make up the text */
    int function_count;
} ObjectSize;

/* Makes the module's object and measures it. Names are kept in the arena. False: reported. */
bool object_size(Module *module, Arena *arena, Diag *diag, ObjectSize *size);

#endif
