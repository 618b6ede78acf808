/* pack.h - packed weights: those of a checkpoint in the layout of the kernels that read them, as a file. */
#ifndef CODEGEN_PACK_H
#define CODEGEN_PACK_H

#include "codegen/pack/layout.h"
#include "ir/diag.h"
#include "ir/weights.h"

typedef struct {
    const Weights *weights;
    uint64_t source_id; /* tells the input apart from others */
    bool (*progress)(void *context, const char *what, double done); /* may be null; false: stop */
    void *progress_context;
    int threads; /* 1 to 256 */
} PackInput;

/* Bytes that each thread of pack_write() works with. */
int64_t pack_memory(const Layout *layout);

/* Writes the packed weight file of a layout to an empty file that is open for reading and writing,
 * by as many threads as the input says. Memory used does not grow with the weights. `name` is for
 * messages. False: reported to diag; the caller removes the file. */
bool pack_write(const Layout *layout, const PackInput *input, int file, const char *name,
                Diag *diag);

#endif
