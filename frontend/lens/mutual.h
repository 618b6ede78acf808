/* mutual.h - neurons and tokens that choose each other: the neuron's most congruent token is the
 * one whose most congruent neuron it is.
 *
 *   score = (best - second of the neuron, over tokens) x (best - second of the token, over neurons)
 *
 * The product of all neurons with all tokens is computed block by block and never in memory: what
 * is kept is the two largest numbers of each row and of each column.
 */
#ifndef FRONTEND_MUTUAL_H
#define FRONTEND_MUTUAL_H

#include "frontend/lens/congruence.h"
#include "frontend/lens/top_two.h"
#include "frontend/measure/measure.h"

typedef struct {
    int64_t neuron, token;
    double value, score;
} MutualPair;

typedef struct {
    TopTwo of_neurons, of_tokens; /* places are tokens, and numbers of neurons */
    MutualPair *pair;             /* the highest score first */
    int64_t count;
    bool has_pairs;             /* products were of bf16 */
    double operations, seconds; /* a multiply-add is two; all that was done for it */
    double peak;                /* operations a second; 0: not measured */
} Mutual;

typedef struct {
    WeightFormat products; /* f32; or bf16, to which both are rounded then */
    Measure
        *measure; /* takes samples between groups of neurons, whose time is not counted; null: none
                   */
    int64_t neurons, tokens; /* that are multiplied at once, at most; 0: as memory is best used */
} MutualOptions;

/* False: reported. What has been made is the caller's to destroy, with false, too. */
bool mutual_find(const Congruence *congruence, const MutualOptions *options, Mutual *out);
void mutual_destroy(Mutual *mutual);

#endif
