/* circuits.h - heads as the two bilinear forms that they are (Elhage et al. 2021):
 *
 *   QK = W_Q W_K^T     which token looks at which
 *   OV = W_V W_O       what is written, of what is looked at
 *
 * Both have the stream's width squared and the rank of a head: they are never made, but used as
 * their factors, [head_dim, width] each.
 *
 * Frame `raw` is the weights as the model has them. Frame `processed` is what TransformerLens makes
 * of them (fold_ln, center_writing_weights, center_unembed): gains of norms belong to what reads
 * behind them; where norms are LayerNorms nothing reads or writes the mean of the stream.
 */
#ifndef FRONTEND_CIRCUITS_H
#define FRONTEND_CIRCUITS_H

#include "frontend/lens/unit_name.h"

typedef enum { FRAME_raw, FRAME_processed } StreamFrame;

typedef struct {
    const StreamWeights *weights;
    StreamFrame frame;
    bool is_centred;  /* of frame processed: the norms are LayerNorms */
    StreamUnit *head; /* all query heads, in the order of their layers; the Thalweg's memory */
    int64_t heads;
} Circuits;

/* False: reported: a model without attention, or one that has no such frame. */
bool circuits_open(const StreamWeights *weights, StreamFrame frame, Circuits *out);

/* Whether one branch reads what another wrote. */
bool circuits_reads(const StreamBranch *reader, const StreamBranch *writer);

/* Heads of a branch that have a part of their own: those of queries, or of keys and values. */
int64_t circuits_part_heads(const StreamBranch *branch, HeadPart part);

/* A part of heads first .. first + count - 1 of these, in the frame: out[count * head_dim][width].
 * False: reported. */
bool circuits_read(const Circuits *circuits, const StreamBranch *branch, HeadPart part,
                   int64_t first, int64_t count, float *out);

/* What the frame makes of rows[count][width] that read behind a norm, or that write. False:
 * reported. */
bool circuits_frame_reads(const Circuits *circuits, const StreamNorm *norm, int64_t count,
                          float *rows);
void circuits_frame_writes(const Circuits *circuits, int64_t count, float *rows);

#endif
