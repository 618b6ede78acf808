/* edit_pieces.h - what a chain of edits makes of the columns of a value.
 *
 * Edits that scale, set or add are affine, column by column: y = scale * x + constant. A chain of
 * them falls into pieces of columns that all of its edits treat alike.
 */
#ifndef PASSES_EDIT_PIECES_H
#define PASSES_EDIT_PIECES_H

#include "ir/ir.h"
#include "passes/match.h"
#include "passes/names.h"

/* factor * v[c + shift] in column c; without an operand v is 1. */
typedef struct EditTerm {
    Ref operand;
    int64_t shift;
    double factor;
    struct EditTerm *next;
} EditTerm;

/* Columns from <= c < to become scale * x + the sum of the terms. */
typedef struct {
    int64_t from, to;
    double scale;
    EditTerm *terms;
} EditPiece;

typedef struct {
    EditPiece *at; /* side by side, from the first column to the last */
    int count, capacity;
    Ref value;      /* that the first edit of the chain changes */
    uint32_t *edit; /* the chain, from its last edit to its first */
    int edits;
    Arena *scratch;
} EditPieces;

/* Of the edits that end in `last` and are of weights alone, each but the last read by the next one
 * only. No pieces: there is no such chain. */
EditPieces edit_pieces(const Graph *graph, const Users *users, Ref last, Arena *scratch);

/* Makes pieces end where units of so many columns do. */
void edit_pieces_split(EditPieces *pieces, int64_t unit);

/* All terms together as a vector, named after `stem`; none: there are no terms. */
Ref edit_pieces_constant(Graph *graph, Names *names, const EditPieces *pieces, const char *stem);

#endif
