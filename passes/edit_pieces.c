#include "passes/edit_pieces.h"

#include "passes/select.h"

#include <string.h>

/* ---- pieces ---- */

static bool is_of_weights_alone(const Node *node) {
    return node->op == OP_edit && ir_ref_is_none(node->root) && !node->attr.given &&
           ir_ref_is_none(node->in[1]) &&
           (node->attr.edit == EDIT_scale || node->attr.edit == EDIT_set);
}

/* Index of the piece that begins at a column, which is made where there is none. */
static int split(EditPieces *pieces, int64_t column) {
    int i = 0;
    while (i < pieces->count && pieces->at[i].from < column) i++;
    if (i == pieces->count && pieces->at[i - 1].to == column) return i;
    if (i < pieces->count && pieces->at[i].from == column) return i;
    if (pieces->count == pieces->capacity) {
        pieces->capacity *= 2;
        EditPiece *grown = ARENA_ARRAY(pieces->scratch, EditPiece, (size_t)pieces->capacity);
        memcpy(grown, pieces->at, (size_t)pieces->count * sizeof *grown);
        pieces->at = grown;
    }
    memmove(&pieces->at[i + 1], &pieces->at[i], (size_t)(pieces->count - i) * sizeof *pieces->at);
    pieces->at[i] = pieces->at[i - 1];
    pieces->at[i].from = pieces->at[i - 1].to = column;
    pieces->count++;
    return i;
}

static EditTerm *scaled_terms(const EditTerm *terms, double factor, Arena *scratch) {
    EditTerm *first = NULL;
    for (; terms; terms = terms->next) {
        EditTerm *term = ARENA_NEW(scratch, EditTerm);
        *term = *terms;
        term->factor *= factor;
        term->next = first;
        first = term;
    }
    return first;
}

static void change(EditPieces *pieces, EditPiece *piece, const Node *edit) {
    const double strength = edit->attr.strength;
    if (edit->attr.edit == EDIT_scale) {
        piece->scale *= strength;
        piece->terms = scaled_terms(piece->terms, strength, pieces->scratch);
        return;
    }
    EditTerm *term = ARENA_NEW(pieces->scratch, EditTerm);
    *term = (EditTerm){.factor = strength};
    piece->scale = 0;
    piece->terms = strength != 0 ? term : NULL;
}

static void add_edit(EditPieces *pieces, const Node *edit) {
    const int first = split(pieces, edit->attr.from), end = split(pieces, edit->attr.to);
    for (int i = first; i < end; i++) change(pieces, &pieces->at[i], edit);
}

EditPieces edit_pieces(const Graph *graph, const Users *users, Ref last, Arena *scratch) {
    EditPieces pieces = {.value = last, .scratch = scratch};
    int capacity = 0;
    while (is_of_weights_alone(ir_node(graph, pieces.value)) &&
           match_use_count(users, pieces.value.index) == 1) {
        if (pieces.edits == capacity) {
            capacity = capacity ? 2 * capacity : 8;
            uint32_t *grown = ARENA_ARRAY(scratch, uint32_t, (size_t)capacity);
            if (pieces.edits) memcpy(grown, pieces.edit, (size_t)pieces.edits * sizeof *grown);
            pieces.edit = grown;
        }
        pieces.edit[pieces.edits++] = pieces.value.index;
        pieces.value = ir_node(graph, pieces.value)->in[0];
    }
    if (!pieces.edits) return pieces;
    pieces.capacity = 8;
    pieces.at = ARENA_ARRAY(scratch, EditPiece, (size_t)pieces.capacity);
    pieces.at[0] = (EditPiece){.to = ir_node(graph, last)->type.dim[1], .scale = 1};
    pieces.count = 1;
    for (int i = pieces.edits - 1; i >= 0; i--) add_edit(&pieces, &graph->node[pieces.edit[i]]);
    return pieces;
}

void edit_pieces_split(EditPieces *pieces, int64_t unit) {
    const int64_t end = pieces->at[pieces->count - 1].to;
    for (int64_t column = unit; unit > 1 && column < end; column += unit) split(pieces, column);
}

/* ---- their constants ---- */

typedef struct {
    Graph *graph;
    Names *names;
    const EditPieces *pieces;
    const char *stem;
    int64_t columns;
} Making;

static Ref add_constant(const Making *m, Op op, Ref first, Ref second, double number) {
    Node node = {.op = op, .attr = ir_attrs_default(), .in = {first, second}};
    node.loc = m->graph->node[m->pieces->edit[0]].loc;
    if (op == OP_fill) node.attr.strength = number;
    if (op == OP_combine) node.attr.scale = number;
    node.type = (Type){DTYPE_f32, 1, {m->columns}};
    node.name = names_make(m->names, m->stem, ".edits");
    return ir_node_add(m->graph, node);
}

static bool is_alike(const EditTerm *a, const EditTerm *b) {
    return ir_ref_equal(a->operand, b->operand) && a->shift == b->shift && a->factor == b->factor;
}

static const EditTerm *find_alike(const EditPiece *piece, const EditTerm *of) {
    for (const EditTerm *term = piece->terms; term; term = term->next)
        if (is_alike(term, of)) return term;
    return NULL;
}

/* Whether an earlier piece, or an earlier term of this one, is alike. */
static bool is_made(const EditPieces *pieces, int piece, const EditTerm *term) {
    for (int i = 0; i < piece; i++)
        if (find_alike(&pieces->at[i], term)) return true;
    return find_alike(&pieces->at[piece], term) != term;
}

/* The operand of a term in the columns of all pieces that have one alike, zeros elsewhere. */
static Ref spread(const Making *m, const EditTerm *term) {
    const bool is_number = ir_ref_is_none(term->operand);
    Arena *arena = m->graph->arena;
    Selection list = {0};
    for (int i = 0; i < m->pieces->count; i++) {
        const EditPiece *piece = &m->pieces->at[i];
        if (find_alike(piece, term))
            select_add(&list, piece->from + term->shift, piece->to + term->shift, arena);
        else
            select_add(&list, piece->from - piece->to, 0, arena);
    }
    const Ref of =
        is_number ? add_constant(m, OP_fill, (Ref){0}, (Ref){0}, term->factor) : term->operand;
    return select_constant(m->graph, m->names, OP_select_rows, of, select_end(&list, arena),
                           ".spread");
}

Ref edit_pieces_constant(Graph *graph, Names *names, const EditPieces *pieces, const char *stem) {
    const Making m = {graph, names, pieces, stem, ir_node(graph, pieces->value)->type.dim[1]};
    Ref sum = {0};
    for (int i = 0; i < pieces->count; i++)
        for (const EditTerm *term = pieces->at[i].terms; term; term = term->next) {
            if (is_made(pieces, i, term)) continue;
            const double factor = ir_ref_is_none(term->operand) ? 1 : term->factor;
            const Ref vector = spread(&m, term);
            if (ir_ref_is_none(sum) && factor == 1) {
                sum = vector;
                continue;
            }
            if (ir_ref_is_none(sum)) sum = add_constant(&m, OP_zeros, (Ref){0}, (Ref){0}, 0);
            sum = add_constant(&m, OP_combine, sum, vector, factor);
        }
    return sum;
}
