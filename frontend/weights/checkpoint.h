/* checkpoint.h - the values of a graph's params, from a file or from a seed.
 *
 * What opens has every param of the graph, in its shape; tensors that nobody asks for are fine.
 */
#ifndef FRONTEND_CHECKPOINT_H
#define FRONTEND_CHECKPOINT_H

#include "frontend/weights/stored_types.h"
#include "frontend/weights/tensor_names.h"
#include "ir/ir.h"
#include "ir/weights.h"

typedef struct {
    const char *directory; /* of the description; null or "": the current one */
    const char *file;      /* safetensors, an index or GGUF; relative to `directory` */
    const char *names;     /* a table of names; null: names given here, or the format's own */
    const char *prefix;    /* of the tensors' names; null: those of the table are tried */
    const NamePair *inline_names;
    int inline_count;
    const NamePair *beside; /* params that lie in other files, whatever the names say */
    int beside_count;
    bool synthetic; /* then `seed` counts, and the fields above do not */
    uint64_t seed;
    Loc loc; /* of all this in the description */
} CheckpointSpec;

typedef struct Checkpoint Checkpoint;

/* The graph as it was built, before any pass: from its attention one learns the heads of a tensor
 * that is stored head by head. Neither the graph nor the spec is needed afterwards. Null: reported
 * to graph->diag, all problems at once. */
Checkpoint *checkpoint_open(const Graph *graph, const CheckpointSpec *spec);
void checkpoint_close(Checkpoint *checkpoint); /* null is fine */

/* Whether the spec's file is GGUF, by its ending or by what it begins with. */
bool checkpoint_is_gguf(const CheckpointSpec *spec);

/* Whether there is something at the place of the spec's file. */
bool checkpoint_is_there(const CheckpointSpec *spec);

/* Our format in which the file has every value of a param, as Weights.kept() gives them; else f32.
 */
WeightFormat checkpoint_format(const Checkpoint *checkpoint, const char *param);

/* The type of the tensor that has a param's values; null: made up, or none of its params. */
const StoredTypeInfo *checkpoint_type(const Checkpoint *checkpoint, const char *param);

/* Valid until the checkpoint is closed; safe for threads. Values are read from the files as they
 * are then; many rows at once are read faster than one by one. */
const Weights *checkpoint_weights(const Checkpoint *checkpoint);

/* A hash of all that the values depend on: files by size, place and time of change, and header;
 * which tensors were taken; or the seed. */
uint64_t checkpoint_identity(const Checkpoint *checkpoint);

/* A hash of the file's name with its folder, and of which tensors were taken; or of the seed.
 * Versions of one file have it in common: at any time, one of them is there. */
uint64_t checkpoint_origin(const Checkpoint *checkpoint);

/* Whether the files are as they were when they were opened, as far as size and time tell. */
bool checkpoint_is_unchanged(const Checkpoint *checkpoint);

#endif
