/* eval.h - what an op computes, in double precision: eval_<op>(), one for each row of ops.def.
 *
 * An eval function reads its operands and writes every element of `out`, which is memory of its
 * own; an append's `out` is its cache. The shapes are those of a verified graph with T and L bound.
 * What a shape cannot promise (the value of a token or position) is checked before it is used.
 */
#ifndef IR_EVAL_H
#define IR_EVAL_H

#include "ir/given.h"
#include "ir/ir.h"
#include "ir/weights.h"

/* A value, row-major. A matrix of the weights is kept as floats until somebody needs doubles. */
typedef struct {
    int64_t rows, columns; /* dim[0], and all others multiplied; a vector has one column */
    double *at;
    float *floats;
} Tensor;

/* What one call of the interpreter brings. */
typedef struct {
    const int32_t *tokens; /* [count]; null: values are given in their place, */
    const double *values;  /* a row for each */
    int64_t count, position, rows;
    const int32_t *targets; /* [count], or null */
} Step;

/* A buffer that grows and serves one eval function after the other. */
typedef struct {
    double *at;
    int64_t capacity;
} Scratch;

typedef struct {
    const Graph *graph;
    const Node *node;
    Diag *diag;
    const Weights *weights;
    const Step *step;
    Scratch *scratch;
    GiveEdit *give; /* null: nothing is given */
    void *give_context;
    Tensor out, in[IR_MAX_INPUTS]; /* an absent operand is all zero */
    bool failed;                   /* set by who has reported an error */
} Eval;

#define OP(name, least, most, kind, shape, attrs, doc) void eval_##name(Eval *e);
#include "ir/ops.def"
#undef OP

/* Whether an op takes operand k by eval_row(), so that it may be floats. */
bool eval_takes_rows(Op op, int k);

/* Row r as doubles: where it lies, or converted to buffer[columns]. */
const double *eval_row(const Tensor *tensor, int64_t r, double *buffer);
void eval_copy_row(const Tensor *tensor, int64_t r, double *out);

/* Row r of operand k, a matrix of the weights, as it is left by the node's format. */
void eval_copy_rounded_row(const Eval *e, int k, int64_t r, double *out);
const double *eval_rounded_row(const Eval *e, int k, int64_t r, double *buffer);

/* A norm of `count` values: (x - mean) / size. */
typedef struct {
    double mean, size;
} EvalNorm;
EvalNorm eval_norm_of(const Attrs *attr, const double *x, int64_t count);

/* count doubles of scratch memory, valid until the next call; null: reported, and e->failed set. */
double *eval_scratch(Eval *e, int64_t count);

/* The number that operand k, an i32[1], holds. */
int64_t eval_integer(const Eval *e, int k);

/* Sum of a[i] * b[i], in an order that depends on n alone. */
double eval_dot(const double *a, const double *b, int64_t n);

#endif
