/* weights.h - where the values of a graph's params come from: a file, a seed, a test.
 *
 * Graphs know params by name and shape only. Whoever needs values (the interpreter, the pack
 * step) reads them row by row through this interface, so no tensor has to be in memory whole.
 * rows() may be called by several threads at once.
 */
#ifndef IR_WEIGHTS_H
#define IR_WEIGHTS_H

#include "ir/ir.h"

/* Where a param is, for messages. */
typedef struct {
    Loc loc;            /* its file */
    const char *tensor; /* what it is called there */
} WeightsPlace;

typedef struct Weights Weights;
struct Weights {
    /* Writes rows first .. first + count - 1 of the param, `columns` values each (a vector has one
     * column), to out[count * columns]. The caller asks only for what the param's type has.
     * False: the values cannot be read (the file shrank); nothing is reported. */
    bool (*rows)(const Weights *weights, const char *param, int64_t first, int64_t count,
                 int64_t columns, float *out);
    const void *context;
    /* Null: params have no other place than the graph. */
    WeightsPlace (*place)(const Weights *weights, const Node *param, Arena *arena);
};

/* Weights are finite numbers: reports that a value of a param, or what became of it, is none. In a
 * table that is looked up it is a warning, since it spoils those tokens alone. Returns false. */
bool weights_report_odd(const Weights *weights, const Node *param, int64_t row, int64_t column,
                        double value, bool is_table, Diag *diag);

/* Reports that a value of a derived constant is more than its format holds. Returns false. */
bool weights_report_beyond(const Node *constant, WeightFormat format, int64_t row, double value,
                           Diag *diag);

#endif
