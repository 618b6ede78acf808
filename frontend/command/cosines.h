/* cosines.h - how near rows of numbers are to each other: a table of their cosines. */
#ifndef FRONTEND_COSINES_H
#define FRONTEND_COSINES_H

#include "ir/bytes.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Cosines {
    int64_t lines, columns; /* of rows */
    const float *rows;      /* [lines, columns] */
    const Bytes *texts;     /* [lines], what the rows are of */
} Cosines;

/* A line for each row: its number, its cosines with all rows, the begin of its text. A row of
 * zeros, or with a number that is not finite, has none: "-". */
void cosines_print(const Cosines *cosines, FILE *out);

/* The same as JSON: lines, columns, cosines [lines][lines]; null: none. */
void cosines_print_json(const Cosines *cosines, FILE *out);

#endif
