/* source_id.h - which state of the code generator this is. */
#ifndef CODEGEN_SOURCE_ID_H
#define CODEGEN_SOURCE_ID_H

/* A hash of its sources, made by the build: compiled code that is kept is of one compiler. */
extern const char codegen_source_id[];

#endif
