/* jit_memory.h - the pages that loaded code lies in: first written, then executed, never both.
 *
 * They are one range, so that whatever code refers to is near it. The functions have the forms that
 * LLVM's loader calls; what is opaque to it is the JitMemory.
 */
#ifndef CODEGEN_JIT_MEMORY_H
#define CODEGEN_JIT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A half of code, and one of what code reads. */
typedef struct {
    char *start; /* null: there is none */
    size_t half_bytes;
    size_t code_used, data_used;
    int error; /* errno of jit_memory_finish(); 0: none */
} JitMemory;

/* Room for the sections of an object file of that size. False: out of memory. */
bool jit_memory_open(JitMemory *memory, size_t object_bytes);
void jit_memory_close(JitMemory *memory);

uint8_t *jit_memory_code(void *memory, uintptr_t bytes, unsigned alignment, unsigned section,
                         const char *name);
uint8_t *jit_memory_data(void *memory, uintptr_t bytes, unsigned alignment, unsigned section,
                         const char *name, int is_read_only);

/* All is written: code can be executed, and nothing be changed any more. Where the system executes
 * nothing that was written in memory, the code's pages become those of a file without a name, at
 * the same addresses. Nonzero: it cannot be executed, and *message, to be freed, says why. */
int jit_memory_finish(void *memory, char **message);

#endif
