/* tensor_names.h - which tensor of a checkpoint a param comes from, and how it lies there.
 *
 * A pattern is a name in which `N`, with no letter or digit beside it, stands for the number of a
 * layer: "blocks.N.mlp.up.weight".
 */
#ifndef FRONTEND_TENSOR_NAMES_H
#define FRONTEND_TENSOR_NAMES_H

#include "ir/diag.h"

typedef enum { /* as tensor_names.def says */
               LAYOUT_plain,
               LAYOUT_first_rows,
               LAYOUT_transposed,
               LAYOUT_stacked,
               LAYOUT_stacked_transposed,
               LAYOUT_per_head,
               LAYOUT_rows, /* those that the row says: of names given in a description */
               LAYOUT_rows_transposed
} NameLayout;

typedef struct {
    const char *param, *tensor; /* patterns */
    NameLayout layout;
    int64_t first, end; /* of LAYOUT_rows: first <= r < end */
    bool is_apart;      /* in a file of its own: no row behind it is tried */
} NameRow;

/* What stands before a tensor's name is tried whole, then without its last word, and so on: with
 * "language_model.model." also "language_model." and none. */
typedef struct {
    const char *name;   /* null: given in the description */
    const char *prefix; /* or several, with spaces between: a checkpoint has one of them */
    const NameRow *row;
    int count;
    bool has_own_names; /* a param without a row is called in the checkpoint as it is here */
} NameTable;

/* A name given in a description: the param's pattern, the tensor's pattern. */
typedef struct {
    const char *param, *tensor;
    const char *file; /* another than that of the weights; null: that */
    bool has_rows, is_transposed;
    int64_t first, end; /* where it has rows: first <= r < end */
    Loc loc;
} NamePair;

/* The tables of tensor_names.def. */
extern const NameTable tensor_names_table[];
extern const int tensor_names_table_count;

/* Null: reported at `loc`. */
const NameTable *tensor_names_find(const char *name, Loc loc, Diag *diag);

/* A table of names from a description; other params have their own names. The pairs outlive it.
 * Null: reported. */
const NameTable *tensor_names_given(const NamePair *pair, int count, Arena *arena, Diag *diag);

/* The pairs, and then what the table says. Null: reported. */
const NameTable *tensor_names_before(const NamePair *pair, int count, const NameTable *table,
                                     Arena *arena, Diag *diag);

enum { LAYER_DIGITS = 9 };
typedef struct {
    char digits[LAYER_DIGITS + 1]; /* "" for a pattern without `N` */
} LayerNumber;

/* Whether the name is of the pattern, and with which layer's number. */
bool tensor_names_match(const char *pattern, const char *name, LayerNumber *layer);

/* The name that the pattern has in this layer. */
const char *tensor_names_fill(const char *pattern, const LayerNumber *layer, Arena *arena);

/* The same table with one prefix, which may be empty, in place of those it has. */
NameTable tensor_names_with_prefix(const NameTable *table, const char *prefix);

/* The prefix of this number among several, in the arena. Null: there are fewer. */
const char *tensor_names_prefix(const NameTable *table, int number, Arena *arena);

/* The name without the table's one prefix, or as much of that as it begins with. */
const char *tensor_names_bare(const NameTable *table, const char *name);

/* The tensor that the row means for a param of this layer, by attempts from 0 on: with the table's
 * one prefix, and with ever less of it. Null: there are no more. */
const char *tensor_names_of_row(const NameTable *table, const NameRow *row,
                                const LayerNumber *layer, int attempt, Arena *arena);

#endif
