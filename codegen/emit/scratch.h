/* scratch.h - the arrays that a thread keeps for itself while it runs a kernel.
 *
 * They lie in the thread's part of TwFrame.scratch, one after the other, each from a cache line on;
 * the next kernel uses the same memory again. What is left for the stack are the registers of a
 * tile that do not fit. All offsets and strides are in floats; an array that a kernel does not have
 * takes no room.
 */
#ifndef CODEGEN_SCRATCH_H
#define CODEGEN_SCRATCH_H

#include "codegen/emit/kernel.h"

typedef struct {
    int64_t row;      /* that a prologue makes */
    int64_t scales;   /* [rows of the call], of a read */
    int64_t sums;     /* [rows of a block][sums_stride] */
    int64_t unpacked; /* [panels of a tile][unpacked_stride], where tiles do not read the weights
                       * as they lie */
    int64_t sums_stride, unpacked_stride; /* unpacked_stride 0: there is none */
    int64_t floats;                       /* all together */
} ProjectionScratch;

typedef struct {
    int64_t scores;         /* [rows of a tile][keys of a block] */
    int64_t sums;           /* [rows of a tile][head_dim, padded] */
    int64_t largest, total; /* [rows of a tile] */
    int64_t floats;
} AttentionScratch;

ProjectionScratch scratch_of_projection(const Kernel *kernel, const Machine *machine);
AttentionScratch scratch_of_attention(const Kernel *kernel, const Machine *machine);

/* Of any kernel. */
int64_t scratch_floats(const Kernel *kernel, const Machine *machine);

#endif
