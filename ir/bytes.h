/* bytes.h - a piece of memory that somebody else owns. */
#ifndef IR_BYTES_H
#define IR_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *data; /* null: nothing */
    size_t count;
} Bytes;

/* Writes all of them at a place of a file. False: errno. */
bool bytes_write(Bytes bytes, int file, int64_t at);

#endif
