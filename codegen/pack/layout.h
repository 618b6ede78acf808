/* layout.h - what the packed weight file holds: which constant, in which form, at which offset.
 *
 * Forms (P = panel columns, K = columns of a matrix [N, K] whose rows are outputs):
 *   PANELS        for each group of outputs, for each panel of it: [K][P], so that a kernel reads
 *                 P outputs' weights for k = 0, 1, ... in one sequential stream. A group of two
 *                 parts (gate and up) has vectors of both side by side in a panel.
 *                 In other formats than f32 a word of 4 bytes holds the values of one output for
 *                 several k (2, 4 or 8; lower bits first, but for q4: see pack_panels.c). There
 *                 are whole blocks of 32 k, which in q8 and q4 start with P scales of 2 bytes.
 *   PANEL_VECTOR  a vector [N] in the same order of outputs
 *   VECTOR        a vector as it is, zeros up to a multiple of P
 *   ROWS          a table to be looked up by row: rows padded to a multiple of P; in q8 and q4 a
 *                 row has the scales of its blocks, 2 bytes each, then their integers. Byte i of a
 *                 block of q4 holds values i and 16 + i, the latter in its upper bits.
 *
 * Beside the file are the tables of ropes, see rope_tables.h.
 */
#ifndef CODEGEN_LAYOUT_H
#define CODEGEN_LAYOUT_H

#include "codegen/pack/rope_tables.h"
#include "ir/formats.h"
#include "ir/ir.h"
#include "ir/machine.h"

typedef enum { FORM_PANELS, FORM_PANEL_VECTOR, FORM_VECTOR, FORM_ROWS } PackedForm;

/* Outputs that share an epilogue. Two parts have equal columns and are interleaved by vectors. */
typedef struct {
    int parts;
    int64_t from[2]; /* first row of each part in the constant */
    int64_t columns; /* outputs of a part */
    int64_t panels;
} PanelGroup;

typedef struct {
    PackedForm form;
    WeightFormat format; /* of PANELS and ROWS; f32 for others */
    const Graph *graph;
    Ref constant;
    const PanelGroup *group;
    int group_count;
    int64_t offset, floats; /* in floats from the start of the data */
} PackedTensor;

typedef struct {
    Arena *arena;
    Machine machine;
    PackedTensor *tensor;
    int count, capacity; /* a power of two */
    int *slot;           /* 2 * capacity: tensors by hash, open addressing; -1: free */
    int64_t floats;      /* of the whole file's data */
    RopeTables rope;     /* not in the file */
} Layout;

Layout *layout_create(const Machine *machine, Arena *arena);

/* The tensor's index; added when it is not there yet. Constants of different graphs are the same
 * when they are made of the same params in the same way, under the same names. */
int layout_add(Layout *layout, PackedForm form, WeightFormat format, const Graph *graph,
               Ref constant, const PanelGroup *group, int group_count);

/* Words of 4 bytes of a panel of a matrix with K = depth. */
int64_t layout_panel_words(WeightFormat format, int64_t depth, int64_t panel);

/* Words of 4 bytes of a row of a table. */
int64_t layout_row_words(WeightFormat format, int64_t columns, int64_t panel);

/* Words of the scales that a row of blocks begins with. */
int64_t layout_row_scales(int64_t columns);

/* A hash of everything that compiled code relies on: forms, names, shapes, offsets, panel width. */
uint64_t layout_id(const Layout *layout);

/* Bytes of the packed weight file. */
uint64_t layout_file_bytes(const Layout *layout);

static inline int64_t round_up(int64_t value, int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

#endif
