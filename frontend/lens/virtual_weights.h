/* virtual_weights.h - the path from what a head or a neuron writes to a later one that reads it:
 * W_write diag(gamma) W_read, gamma being the gain of the reader's norm (Elhage et al. 2021). Of a
 * head's W_O V W_Q the part between both heads, [head_dim, head_dim].
 */
#ifndef FRONTEND_VIRTUAL_WEIGHTS_H
#define FRONTEND_VIRTUAL_WEIGHTS_H

#include "frontend/lens/circuits.h"

enum { VIRTUAL_MOST = 3 };

typedef struct {
    const char *part;      /* what reads: "q", "k", "v"; "in", "linear" of a neuron */
    int64_t rows, columns; /* dimensions of the writer's head and of the reader's; 1 of a neuron */
    float *value;          /* [rows][columns], the Thalweg's memory */
    double norm;           /* |W_write diag(gamma) W_read|, Frobenius */
    double share;          /* of |W_write| |diag(gamma) W_read|; no number where that is 0 */
} VirtualWeights;

/* All parts of the reader. How many there are; 0: reported, as that it does not read what the
 * writer wrote. */
int virtual_weights_find(const Circuits *circuits, StreamUnit writer, StreamUnit reader,
                         VirtualWeights out[VIRTUAL_MOST]);

#endif
