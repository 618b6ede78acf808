/* weights.h - packed weights that are open, for those who keep them in memory of their own. */
#ifndef RUNTIME_WEIGHTS_H
#define RUNTIME_WEIGHTS_H

#include "runtime/runtime.h"
#include "runtime/weights_file.h"

struct TwWeights {
    const char *data;
    WeightsHeader header;
    void *map; /* of the whole file; null: the bytes are somebody else's */
    size_t map_bytes;
};

/* As tw_weights_open(), into a struct that is there. Nothing is to be closed after an error. */
TwStatus tw_weights_open_file(TwWeights *weights, const char *path, uint64_t layout_id,
                              bool verify);

/* A whole file in memory, which outlives the weights. Its data are not read. */
TwStatus tw_weights_open_bytes(TwWeights *weights, const void *file, uint64_t bytes,
                               uint64_t layout_id);
void tw_weights_unmap(TwWeights *weights);

/* As tw_weights_open(), of a file that is open for reading, and stays so. */
TwStatus tw_weights_open_descriptor(int file, uint64_t layout_id, bool verify, TwWeights **out);

/* Whether they are what the program reads. */
TwStatus tw_weights_check(const TwWeights *weights, const TwProgram *program);

#endif
