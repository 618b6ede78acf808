/* stream_weights.h - the matrices of a model by what they are to its residual stream.
 *
 * Of any model that was read, whatever its tensors are called and however they lie: fused, stacked,
 * transposed, in blocks of few bits. Values are those that the model computes with, rounded to the
 * formats of its matrices, before any pass: no norm is folded, nothing is centred.
 *
 * A matrix has a row for each output, [outputs, inputs]: W turned, where a row of the stream is
 * multiplied from the left, x W. Heads and neurons are handed over with a row of the stream's width
 * for each of their numbers, whether they read the stream or write it.
 *
 * Nothing is kept in memory: values are read from the files when they are asked for, which several
 * threads may do at once. What cannot be read is told by stream_weights_report(), by one thread.
 */
#ifndef FRONTEND_STREAM_WEIGHTS_H
#define FRONTEND_STREAM_WEIGHTS_H

#include "frontend/compiler/thalweg.h"
#include "ir/ir.h"

typedef struct {
    const Node *node;      /* of the graph as it is described; null: the model has none */
    int64_t rows, columns; /* of a vector one column; 0 where there is none */
    WeightFormat format;   /* that its rows are rounded to */
} StreamMatrix;

/* (x - mean) / size * (gain + gain_offset) + bias, as `norm` of ops.def. */
typedef struct {
    NormKind kind; /* NORM_none: x itself */
    double eps, gain_offset;
    StreamMatrix gain, bias;
} StreamNorm;

typedef struct {
    int64_t layer;
    int copy;      /* of its kind in the layer, from 1 on */
    int64_t group; /* branches of one group read the same state; later ones what it wrote */
    bool is_attention;
    StreamNorm norm;       /* of the stream, before the branch reads it; also one that it shares */
    StreamNorm norm_after; /* of what it writes */
    /* Of an attention. Query head h goes with head h / (heads / kv_heads) of keys and values. */
    int64_t heads, kv_heads, head_dim;
    StreamMatrix q, k, v, o, q_bias, k_bias, v_bias, o_bias;
    /* Of an mlp: `in` is what the activation gets, `linear` of a gated one what that is multiplied
     * with (mlp_pre and mlp_pre_linear). */
    int64_t hidden;
    StreamMatrix in, linear, out, in_bias, linear_bias, out_bias;
    /* The stream becomes carry * x + scale * write_scale * branch; gated: see write_gated. */
    double carry, scale;
    StreamMatrix write_scale; /* learned: one number, or one for each column */
    bool is_gated_write;
} StreamBranch;

typedef struct StreamWeights {
    Thalweg *thalweg;
    int64_t width, vocab, outputs, layers; /* outputs: rows of the unembedding; 0: there is none */
    StreamMatrix embed, positions, types;  /* positions: learned, or sinusoidal */
    double embed_scale;                    /* that rows of `embed` are multiplied with */
    StreamNorm embed_norm, final_norm;
    StreamMatrix unembed, unembed_bias; /* tied: the embedding, as the head computes with it */
    double logit_scale, logit_softcap;  /* 1, 0: none */
    bool is_tied;
    bool has_stream_norms; /* somewhere the stream itself is replaced by its norm (post-norm) */
    StreamBranch *branch;  /* in the order of their writes */
    int64_t branch_count;
} StreamWeights;

/* Of a model that was read; owned by the Thalweg. Null: reported. */
const StreamWeights *stream_weights_open(Thalweg *thalweg);

/* The branch of a layer; null: the model has no such. */
const StreamBranch *stream_weights_branch(const StreamWeights *weights, bool is_attention,
                                          int64_t layer, int copy);

/* Rows first .. first + count - 1 to out[count][columns]. False: they cannot be read, or are no
 * finite numbers: see stream_weights_report(). */
bool stream_rows(const StreamWeights *weights, const StreamMatrix *matrix, int64_t first,
                 int64_t count, float *out);

/* Some columns of some rows, turned: column first_column + c of row first_row + r becomes
 * out[c * stride + r]. Reads these rows whole, some at a time. */
typedef struct {
    int64_t first_row, rows, first_column, columns;
} StreamBlock;
bool stream_turned(const StreamWeights *weights, const StreamMatrix *matrix, StreamBlock block,
                   float *out, int64_t stride);

/* The same of all rows, to out[count][rows]. */
bool stream_columns(const StreamWeights *weights, const StreamMatrix *matrix, int64_t first,
                    int64_t count, float *out);

/* A matrix of a query head to out[head_dim][width]: W_Q, W_K and W_V turned, W_O as it is. */
typedef enum { HEAD_Q, HEAD_K, HEAD_V, HEAD_O } HeadPart;
bool stream_head(const StreamWeights *weights, const StreamBranch *branch, HeadPart part,
                 int64_t head, float *out);

/* Neurons first .. first + count - 1 of an mlp to out[count][width]: W_in and W_linear turned,
 * W_out as it is. */
typedef enum { NEURON_IN, NEURON_LINEAR, NEURON_OUT } NeuronPart;
bool stream_neurons(const StreamWeights *weights, const StreamBranch *branch, NeuronPart part,
                    int64_t first, int64_t count, float *out);

/* A vector, such as a gain or a bias, to out[rows]; `absent` for each where there is none, of
 * `rows`.
 */
bool stream_vector(const StreamWeights *weights, const StreamMatrix *vector, int64_t rows,
                   float absent, float *out);

/* Says why a matrix could not be read. Returns false. */
bool stream_weights_report(const StreamWeights *weights, const StreamMatrix *matrix);

#endif
