/* memory.h - the large blocks that compiled code works on. */
#ifndef RUNTIME_MEMORY_H
#define RUNTIME_MEMORY_H

#include <stdint.h>

/* rows x floats zeroed floats, 64-byte aligned (2 MiB and huge pages where that much is asked for),
 * to be given to free(). Null when memory is out or a size is negative or overflows; never null
 * for no floats. Every page is touched, so that nothing later waits for memory. */
float *tw_memory_floats(int64_t rows, int64_t floats);

/* The same, but for pages of large blocks, which are the system's until they are first written: for
 * what a sequence may never grow into. *block is to be given to free(). */
float *tw_memory_zeros(int64_t floats, void **block);

#endif
