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
    /* Whether the param is stored in the format, which is not f32, so that its rows need not be
     * rounded to it, and kept() gives them. Null: no param is. */
    bool (*keeps)(const Weights *weights, const char *param, WeightFormat format);
    /* As rows(), bit for bit as they are stored: bf16 and f16 as columns of uint16_t, q8 and q4
     * as blocks of type FormatBlock, whole ones. */
    bool (*kept)(const Weights *weights, const char *param, int64_t first, int64_t count,
                 int64_t columns, void *out);
    /* Null: params have no other place than the graph. */
    WeightsPlace (*place)(const Weights *weights, const Node *param, Arena *arena);
};

/* What a row of a constant is made of, where that is a row of a param. */
typedef struct {
    const Node *param;    /* null: it is made otherwise */
    int64_t row;          /* of the param */
    const Reals *columns; /* ranges of its columns; null: all */
    int64_t left;         /* rows from this one on that are made alike */
} WeightsRow;

/* Of a param, through `stack`, `select_rows` and `select_columns`. */
WeightsRow weights_find_row(const Graph *graph, Ref constant, int64_t row);

/* Whether a row of a constant is stored in the format. */
bool weights_keep_row(const Weights *weights, const Graph *graph, Ref constant, int64_t row,
                      WeightFormat format);

/* Weights are finite numbers: reports that a value of a param, or what became of it, is none. In a
 * table that is looked up it is a warning, since it spoils those tokens alone. Returns false. */
bool weights_report_odd(const Weights *weights, const Node *param, int64_t row, int64_t column,
                        double value, bool is_table, Diag *diag);

/* Reports that a value of a derived constant is more than its format holds. Returns false. */
bool weights_report_beyond(const Node *constant, WeightFormat format, int64_t row, double value,
                           Diag *diag);

#endif
