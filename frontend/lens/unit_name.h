/* unit_name.h - heads and neurons as users name them: L9H6, L31N892; of a second attention or mlp
 * in a layer L9H6_2.
 */
#ifndef FRONTEND_UNIT_NAME_H
#define FRONTEND_UNIT_NAME_H

#include "frontend/lens/stream_weights.h"

/* A head of an attention, or a neuron of an mlp. */
typedef struct {
    const StreamBranch *branch;
    int64_t number;
} StreamUnit;

/* False: reported, with what there is. */
bool unit_name_read(const StreamWeights *weights, const char *text, bool is_head, StreamUnit *out);

/* In the arena. */
const char *unit_name(StreamUnit unit, Arena *arena);

#endif
