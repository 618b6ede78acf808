/* emit_kernel.h - what the emitters of kernels share.
 *
 * A kernel's function is called by every thread of the team:
 *
 *   void kernel(i64 thread, i64 threads, i64 rows, i64 tokens, i64 position, ptr scratch,
 *               ptr slot...)
 *
 * rows is the number of rows of its result, tokens that of the call, which begin at `position`; in
 * a batch each row has a position of its own, and the frame is one of the slots. Work is split over
 * columns (and, in attention, over heads and rows), never over the sum of a product: results do not
 * depend on the number of threads. A row's numbers do not depend on which rows are computed with
 * it.
 */
#ifndef CODEGEN_EMIT_KERNEL_H
#define CODEGEN_EMIT_KERNEL_H

#include "codegen/emit/emit.h"
#include "codegen/emit/kernel.h"
#include "runtime/abi.h"

#include <stddef.h>

enum { SCRATCH_ARGUMENT = 5, FIRST_SLOT_ARGUMENT };

typedef struct {
    Emit *e;
    const Kernel *kernel;
    Value thread, threads, rows, tokens, position;
    Value scratch;          /* of this thread, see scratch.h */
    Value frame, row_table; /* in a batch, where the kernel asks for them; else null */
} KernelEmit;

static inline const Node *kernel_node(const KernelEmit *k, Ref ref) {
    return ir_node(k->kernel->graph, ref);
}

/* ---- emit_kernel.c: the function of a kernel, and what it is called with ---- */

/* To be ended by emit_function_end(). */
KernelEmit emit_kernel_begin(Emit *e, const Kernel *kernel, const char *name);
/* The pointer of a value in memory, or of a constant in that form. */
Value emit_slot(KernelEmit *k, Ref ref, PackedForm form);
int64_t emit_slot_stride(const KernelEmit *k, Ref ref);
/* Rows of a cache, and the one that holds a position: its own, or in a ring position % rows. */
int64_t emit_cache_rows(const KernelEmit *k, Ref append);
Value emit_cache_row(const KernelEmit *k, Ref append, Value position);

/* The position of a row of the call. */
Value emit_position(KernelEmit *k, Value row);
/* The caches of an append that hold the sequence of a row. */
Value emit_cache(KernelEmit *k, Ref append, Value row);
/* In a batch: the TwRow of a row, and a field of it. */
Value emit_row_at(KernelEmit *k, Value row);
#define EMIT_ROW(k, row, member) emit_row_field(k, row, (int64_t)offsetof(TwRow, member))
Value emit_row_field(KernelEmit *k, Value row, int64_t byte_offset);
/* A pointer of the frame. */
#define EMIT_FRAME(k, member)                                                                      \
    emit_load_field((k)->e, (k)->e->pointer, (k)->frame, (int64_t)offsetof(TwFrame, member),       \
                    #member)

/* from <= i < to */
typedef struct {
    Value from, to;
} Range;

/* Whether threads attend to what they computed themselves (Kernel.own_heads). */
Value emit_owns_heads(Emit *e, const Kernel *kernel, Value threads);

/* ---- emit_table.c: a row of the table that an embed or add_positions looks up ---- */

typedef struct {
    WeightFormat format;
    Value base, integers; /* integers: of q8 and q4 */
} TableRow;
/* `room`: for a row as floats, which one that lies in panels is brought to; null for positions,
 * which never do. */
TableRow emit_table_row(KernelEmit *k, const Node *lookup, Value index, Value room);
/* A vector of columns as floats; whole vectors are there of the last columns, too. */
Value emit_table_load(Emit *e, const TableRow *row, Value column);

/* ---- emit_tile.c ----
 * c[r][j] (+)= sum over i < depth of a[r * stride + i] * b[panel(j)][i][j]: rows x panels panels at
 * once, in registers, each sum in order of i by fused multiply-adds. Reads `rows` rows of a, so
 * those after the last must be readable. For each LINE_FLOATS of the depth, `prefetch` cache lines
 * of each panel at `next` are brought near; 0 and null where nothing is known to come next. */
enum { LINE_FLOATS = 16 };
typedef struct {
    int64_t rows, panels;
    int64_t stride;   /* floats between rows of a */
    bool accumulates; /* adds to what c holds */
    int64_t prefetch;
    bool is_pairs; /* a and b hold pairs of bf16, whose products are both added */
} TileShape;
void emit_tile(Emit *e, TileShape shape, Value a, Value b, Value panel_stride, Value depth, Value c,
               Value c_stride, Value next);

/* ---- emit_packed.c: weights in a format of fewer bits ---- */
typedef struct {
    WeightFormat format;
    int64_t panels, depth;
} PackedShape;
/* c[j] = sum over k < depth of a[k] * b[panel(j)][k][j], as emit_tile() of one row sums it. */
void emit_packed_row(Emit *e, PackedShape shape, Value a, Value b, Value c);
/* `depth` values k of a panel, from the start of a block on, to floats [depth][panel]; `to` has
 * room for whole blocks. */
void emit_unpack(Emit *e, WeightFormat format, Value from, Value to, Value depth);
/* One lane of a panel becomes `depth` floats, one after the other. */
void emit_unpack_lane(Emit *e, WeightFormat format, Value panel, Value lane, Value to,
                      int64_t depth);

/* ---- emit_bytes.c: products of bytes, on machines that have them ---- */
/* A row of `node`, a quantise: floats `from` to words `to` (format_value_words()). */
void emit_round_row(KernelEmit *k, const Node *node, Value from, Value to);
typedef struct {
    WeightFormat format;
    bool is_unpacked; /* q4 in the layout of q8, 16 times as large */
    bool accumulates;
    int64_t rows, panels;
    int64_t stride; /* words between rows of a */
    int64_t blocks; /* of a row of a */
    bool has_next;  /* brings weights near that are read later */
} ByteShape;
/* So many cache lines from `at` on, and from as many words behind it as a block has, ... */
typedef struct {
    Value at, lines;
} NextBytes;
/* As emit_tile(), of blocks from <= i < to of rows that emit_round_row() made; b begins with the
 * first of these blocks. */
void emit_byte_tile(Emit *e, ByteShape shape, Value a, Value b, Value panel_stride, Value from,
                    Value to, Value c, Value c_stride, NextBytes next);
/* Blocks of a panel of q4 to the layout of q8. */
void emit_unpack_bytes(Emit *e, Value from, Value to, Value blocks);

/* ---- emit_pointwise.c: activate, scale, softcap, clip, write, write_gated on a vector of columns
 * ---- */
Value emit_pointwise(KernelEmit *k, const Node *node, Value x, Value row, Value column);
Value emit_pointwise_chain(KernelEmit *k, const Chain *chain, Value x, Value row, Value column);

/* ---- emit_taps.c: what a tap wants of row `row`, into the caller's buffer ---- */
/* Of a vector of columns from `column` on. */
void emit_keep_vector(KernelEmit *k, Ref tap, Value x, Value row, Value column);
/* Of head `head`, whose columns are at `base`: all of it, or nothing. */
void emit_keep_head(KernelEmit *k, Ref tap, int64_t head_dim, Value base, Value row, Value head);
/* Of a whole row at `base`. */
void emit_keep_row(KernelEmit *k, Ref tap, Value base, Value row);
/* What all taps of an attend keep of the scores, and of their softmax, of head `head`: first each
 * key is as if it were out of sight; then scores come for some keys side by side, the first of
 * which is `key`; then those for keys become exp(score - largest) * scale in taps of the softmax.
 */
bool emit_keeps_scores(const KernelEmit *k);
void emit_begin_scores(KernelEmit *k, Value row, Value head);
void emit_keep_scores(KernelEmit *k, Value row, Value head, Value scores, Value key, Value count);
void emit_end_scores(KernelEmit *k, Value row, Value head, Range keys, Value largest, Value scale);

/* ---- emit_edits.c: what an edit makes of row `row`, which lies at x, in place ---- */
void emit_edit_row(KernelEmit *k, Ref edit, Value x, Value row);

/* ---- emit_heads.c: norm, rope, scale_positions and append on the `columns` floats at `base` ----
 */
typedef struct {
    Value scale, mean; /* mean: null unless the kind needs it */
} RowSize;
/* 1 / size of a row by ops.def: norm. */
RowSize emit_row_size(Emit *e, NormKind kind, double eps, Value base, int64_t columns);
/* What a norm makes of a row, or of head `head` of it: columns at `from`. */
typedef struct {
    RowSize size;
    NormKind kind;
    Value from, gain, bias; /* gain, bias: null when absent */
    double offset;
} RowNorm;
RowNorm emit_row_norm(KernelEmit *k, const Node *node, Value from, int64_t columns, Value head);
/* Column `column` and after, of which `lanes` are there: 0 elsewhere. */
Value emit_normed(Emit *e, const RowNorm *norm, Value column, int64_t lanes);
/* A whole row of `node`, a norm of one group. */
void emit_norm_row(KernelEmit *k, const Node *node, Value from, Value to);
/* In place; `row` and `head` say which head of which token it is. */
void emit_head_op(KernelEmit *k, Ref op, int64_t head_dim, Value base, Value row, Value head);

/* ---- one emitter for each kind of kernel ---- */
void emit_projection(KernelEmit *k);
void emit_attention(KernelEmit *k);
void emit_pool(KernelEmit *k);   /* emit_rows.c */
void emit_row_op(KernelEmit *k); /* everything else, row by row */

#endif
