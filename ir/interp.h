/* interp.h - the reference interpreter: double precision, plain, slow. The meaning of a graph.
 *
 * Keeps the caches of sequences between calls, as compiled code does. One Interp is used by one
 * thread at a time.
 */
#ifndef IR_INTERP_H
#define IR_INTERP_H

#include "ir/given.h"
#include "ir/ir.h"
#include "ir/weights.h"

typedef struct Interp Interp;

/* The graph and the weights outlive the interpreter. Null: reported to graph->diag. */
Interp *interp_create(const Graph *graph, const Weights *weights);
void interp_destroy(Interp *interp);

/* Evaluates the graph for tokens[count] from `position` on (caches hold what came before) and
 * copies the last `rows` rows of the result to out[rows * columns of the result]; 0 where the graph
 * returns none.
 * False: reported to graph->diag (bad token, past the context, out of memory). */
bool interp_run(Interp *interp, const int32_t *tokens, int64_t count, int64_t position,
                int64_t rows, double *out);

/* The same of a graph that begins with values of a point: values[count * columns of them]. */
bool interp_run_values(Interp *interp, const double *values, int64_t count, int64_t position,
                       int64_t rows, double *out);

/* Runs are of that sequence from now on, 0 at first: each has caches of its own. A call of several
 * sequences means a run of each with its tokens. False: out of memory, which is reported. */
bool interp_choose(Interp *interp, int64_t sequence);

/* From now on each run hands over what its taps keep, of the value that a node has made: of each
 * row the columns, for position `position`. Null: taps are not evaluated, as at first. */
typedef void InterpTap(void *context, const Node *tap, const Node *of, int64_t position,
                       const double *columns);
void interp_on_tap(Interp *interp, InterpTap *on_tap, void *context);

/* From now on each run asks for what is given of edits. Null: those leave all values, as at first.
 */
void interp_give_edits(Interp *interp, GiveEdit *give, void *context);

/* For runs from now on: the target of each token, [count]; null: there are none, as at first. */
void interp_set_targets(Interp *interp, const int32_t *targets);

/* The value of a constant node, [rows * columns] doubles owned by the interpreter; null on error.
 */
const double *interp_constant(Interp *interp, Ref ref);

#endif
