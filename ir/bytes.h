/* bytes.h - a piece of memory that somebody else owns. */
#ifndef IR_BYTES_H
#define IR_BYTES_H

#include <stddef.h>

typedef struct {
    const char *data; /* null: nothing */
    size_t count;
} Bytes;

#endif
