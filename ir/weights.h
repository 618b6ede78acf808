/* weights.h - where the values of a graph's params come from: a file, a seed, a test.
 *
 * Graphs know params by name and shape only. Whoever needs values (the interpreter, the pack
 * step) reads them row by row through this interface, so no tensor has to be in memory whole.
 * rows() may be called by several threads at once.
 */
#ifndef IR_WEIGHTS_H
#define IR_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Weights Weights;
struct Weights {
    /* Writes rows first .. first + count - 1 of the param, `columns` values each (a vector has one
     * column), to out[count * columns]. The caller asks only for what the param's type has.
     * False: the values cannot be read (the file shrank); nothing is reported. */
    bool (*rows)(const Weights *weights, const char *param, int64_t first, int64_t count,
                 int64_t columns, float *out);
    const void *context;
};

#endif
