/* apply_edits.c - make edits a part of the weights, and leave out what they switch off.
 *
 *   %5 = project %4, @up                         @up.kept = select_rows @up {ranges = [2, 8]}
 *   %6 = activate %5                             @down.kept = select_columns @down {ranges = ...}
 *   %7 = edit %6 {edit = set, strength = 0, to = 2}  =>  %5 = project %4, @up.kept
 *   %8 = project %7, @down, @b                   %6 = activate %5
 *                                                %7 = project %6, @down.kept, @b
 *
 * Edits that scale or set columns are affine, y = s x + c in each of them, and the projection that
 * reads them is linear:
 *
 *   W y + b  =  (W diag s) x + (W c + b)
 *
 * So a column with s = 0 is not needed: it leaves the weights of the reader, and the rows of
 * weights that make it leave the projections before. Heads of an attention leave their queries, and
 * keys and values that no head needs any more; groups of heads that share keys stay equally large,
 * and a head that stays for their sake is multiplied with zeros.
 *
 * Saves the edit's kernel, and weights and operations of what is switched off. Legal when the
 * edited value has one reader, a projection, and what makes it is read by nothing else: taps see
 * what they should. Where it is made by ops that need all columns (a norm of whole rows), the
 * columns stay and zeros are what they are multiplied with.
 *
 * Weights to be rounded stay what they become without edits: in blocks of 32 columns whole blocks
 * leave; single neurons are made zero by zero rows of the projections before them; columns are not
 * scaled, which stays a kernel of its own. Constants that edits add are multiplied with the rounded
 * weights. Rounding: reassociates sums over columns; exact in real arithmetic. Needs: to run first,
 * on the graph as it is built. Keeps: the place of every node.
 */
#include "ir/formats.h"
#include "passes/edit_pieces.h"
#include "passes/narrow.h"
#include "passes/pass.h"
#include "passes/select.h"

#include <math.h>

/* What becomes of a unit: a neuron, or a head. */
typedef enum {
    UNIT_STAYS,
    UNIT_LEAVES,
    UNIT_IS_MADE_ZERO, /* by zero rows of what makes it */
    UNIT_MEETS_ZEROS,  /* in the weights of the reader */
    UNIT_IS_EDITED     /* still */
} UnitFate;

/* The edits of a value that a projection reads. */
typedef struct {
    EditPieces pieces;
    Ref reader, weight;
    WeightFormat format;
    bool is_attention;
    int64_t units, width; /* columns of a unit */
    UnitFate *fate;
} Site;

typedef struct {
    Graph *graph;
    Users users;
    Names names;
    Narrowing narrowing;
    Arena *scratch;
    int applied, edits; /* edits that are none any more, of all */
    int64_t left;       /* units that left */
} Apply;

/* ---- what can be done with each unit ---- */

/* All of its columns are to be constant. */
static bool *find_constant_units(const Apply *a, const Site *site) {
    bool *is_constant = ARENA_ARRAY(a->scratch, bool, (size_t)site->units);
    for (int64_t u = 0; u < site->units; u++) is_constant[u] = true;
    for (int i = 0; i < site->pieces.count; i++) {
        const EditPiece *piece = &site->pieces.at[i];
        if (piece->scale == 0) continue;
        for (int64_t u = piece->from / site->width; u * site->width < piece->to; u++)
            is_constant[u] = false;
    }
    return is_constant;
}

/* Runs of units shrink to whole blocks of the weights that are multiplied with them. */
static void align(const Site *site, bool *chosen) {
    if (!format_has_blocks(site->format)) return;
    const int64_t width = site->width, units = site->units;
    for (int64_t from = 0, to; from < units; from = to) {
        for (to = from + 1; to < units && chosen[to] == chosen[from];) to++;
        if (!chosen[from]) continue;
        int64_t first = from, end = to;
        while (first < end && first * width % FORMAT_BLOCK) chosen[first++] = false;
        while (end > first && end < units && end * width % FORMAT_BLOCK) chosen[--end] = false;
    }
}

static const Reals *columns_of_fates(const Apply *a, const Site *site, UnitFate zero) {
    Selection list = {0};
    for (int64_t u = 0; u < site->units; u++) {
        if (site->fate[u] == UNIT_LEAVES) continue;
        if (site->fate[u] == zero)
            select_add(&list, -site->width, 0, a->graph->arena);
        else
            select_add(&list, u * site->width, (u + 1) * site->width, a->graph->arena);
    }
    return select_end(&list, a->graph->arena);
}

static bool *staying(const Apply *a, const Site *site) {
    bool *stays = ARENA_ARRAY(a->scratch, bool, (size_t)site->units);
    for (int64_t u = 0; u < site->units; u++) stays[u] = site->fate[u] != UNIT_LEAVES;
    return stays;
}

static bool can_leave(const Apply *a, const Site *site) {
    const Ref value = site->pieces.value;
    if (!site->is_attention)
        return narrow_is_possible(&a->narrowing, value,
                                  columns_of_fates(a, site, UNIT_IS_MADE_ZERO));
    const StayingHeads heads = {staying(a, site), site->units};
    return narrow_attention_is_possible(&a->narrowing, value, &heads);
}

/* Something of a value has to stay: the first block, or what heads need beside each other. */
static void keep_some(const Site *site, bool *leaves, const Graph *graph) {
    if (site->is_attention) {
        for (int64_t u = 0; u < site->units; u++) leaves[u] = !leaves[u];
        narrow_fill_groups(ir_node(graph, site->pieces.value), leaves);
        for (int64_t u = 0; u < site->units; u++) leaves[u] = !leaves[u];
        return;
    }
    const int64_t block = format_has_blocks(site->format) ? FORMAT_BLOCK : 1;
    for (int64_t u = 0; u < site->units; u++)
        if (!leaves[u]) return;
    for (int64_t u = 0; u < site->units && u < block; u++) leaves[u] = false;
}

static int64_t count_true(const bool *flag, int64_t count) {
    int64_t sum = 0;
    for (int64_t i = 0; i < count; i++) sum += flag[i];
    return sum;
}

static void choose_fates(const Apply *a, Site *site) {
    const bool *is_constant = find_constant_units(a, site);
    bool *is_whole = ARENA_ARRAY(a->scratch, bool, (size_t)site->units);
    bool *leaves = ARENA_ARRAY(a->scratch, bool, (size_t)site->units);
    for (int64_t u = 0; u < site->units; u++) is_whole[u] = is_constant[u];
    align(site, is_whole);
    for (int64_t u = 0; u < site->units; u++) leaves[u] = is_whole[u];
    for (int64_t before = -1, left = 0; left != before;) {
        before = left;
        keep_some(site, leaves, a->graph);
        align(site, leaves);
        left = count_true(leaves, site->units);
    }

    const bool can_be_zero =
        !site->is_attention && narrow_gives_zero(&a->narrowing, site->pieces.value);
    for (int64_t u = 0; u < site->units; u++) {
        const UnitFate otherwise = is_whole[u]   ? UNIT_MEETS_ZEROS
                                   : can_be_zero ? UNIT_IS_MADE_ZERO
                                                 : UNIT_IS_EDITED;
        site->fate[u] = leaves[u] ? UNIT_LEAVES : is_constant[u] ? otherwise : UNIT_STAYS;
    }
    if (can_leave(a, site)) return;
    for (int64_t u = 0; u < site->units; u++)
        if (site->fate[u] != UNIT_STAYS)
            site->fate[u] = is_whole[u] ? UNIT_MEETS_ZEROS : UNIT_IS_EDITED;
}

/* ---- the reader ---- */

static Ref add_constant(Apply *a, Op op, Ref weight, Ref second, Ref third, const char *suffix) {
    const Node *of = ir_node(a->graph, weight);
    Node node = {.op = op, .loc = of->loc, .in = {weight, second, third}};
    node.attr = ir_attrs_default();
    const char *stem = op == OP_project_bias ? names_of_bias(&a->names, of->name) : of->name;
    node.name = names_make(&a->names, stem, suffix);
    return ir_node_add(a->graph, node);
}

/* W c + b for the constants of all edits. */
static void move_constants(Apply *a, const Site *site) {
    const Ref c = edit_pieces_constant(a->graph, &a->names, &site->pieces,
                                       ir_node(a->graph, site->weight)->name);
    if (ir_ref_is_none(c)) return;
    const Ref bias = ir_node(a->graph, site->reader)->in[2];
    const Ref moved = add_constant(a, OP_project_bias, site->weight, c, bias, ".edited");
    ir_node(a->graph, site->reader)->in[2] = moved;
}

/* Scaling an element of the format gives another one of it. */
static bool is_exact_scale(WeightFormat format, double scale) {
    int exponent;
    if (format == FORMAT_f32 || scale == 0) return !format_has_blocks(format);
    return format == FORMAT_bf16 && fabs(frexp(scale, &exponent)) == 0.5 && exponent > -8 &&
           exponent < 8;
}

static bool is_scaled(const Site *site, const EditPiece *piece) {
    return piece->scale != 1 && site->fate[piece->from / site->width] == UNIT_STAYS;
}

/* W diag s, where that is exact; pieces that are done become without effect. */
static Ref scale_weight(Apply *a, Site *site) {
    EditPieces gains = site->pieces;
    bool has_any = false;
    gains.at = ARENA_ARRAY(a->scratch, EditPiece, (size_t)gains.count);
    for (int i = 0; i < gains.count; i++) {
        EditPiece *piece = &site->pieces.at[i];
        gains.at[i] = (EditPiece){.from = piece->from, .to = piece->to};
        if (!is_scaled(site, piece) || !is_exact_scale(site->format, piece->scale)) continue;
        gains.at[i].terms = ARENA_NEW(a->scratch, EditTerm);
        *gains.at[i].terms = (EditTerm){.factor = piece->scale - 1};
        piece->scale = 1;
        has_any = true;
    }
    if (!has_any) return site->weight;
    const char *name = ir_node(a->graph, site->weight)->name;
    const Ref gain = edit_pieces_constant(a->graph, &a->names, &gains, name);
    const Ref scaled = add_constant(a, OP_scale_columns, site->weight, gain, (Ref){0}, ".scaled");
    ir_node(a->graph, scaled)->attr.offset = 1;
    return scaled;
}

/* ---- edits that are left ---- */

/* Whether a column is still to be scaled by a kernel. */
static bool is_left(const Site *site, const EditPiece *piece, int64_t column) {
    const UnitFate fate = site->fate[column / site->width];
    return fate == UNIT_IS_EDITED || (fate == UNIT_STAYS && piece->scale != 1);
}

static Ref add_edit(Apply *a, const Site *site, Ref value, int64_t from, int64_t to, double scale) {
    const Node *of = &a->graph->node[site->pieces.edit[0]];
    Node edit = {.op = OP_edit, .loc = of->loc, .in = {value}, .attr = ir_attrs_default()};
    edit.attr.point = of->attr.point;
    edit.attr.from = from;
    edit.attr.to = to;
    edit.attr.edit = scale == 0 ? EDIT_set : EDIT_scale;
    edit.attr.strength = scale;
    return ir_node_add(a->graph, edit);
}

/* The value behind them, in whose columns those that left are not counted. */
static Ref keep_edits(Apply *a, const Site *site) {
    Ref value = site->pieces.value;
    int64_t column = 0, from = 0; /* of the narrowed value; those from `from` on are to be edited */
    for (int i = 0; i < site->pieces.count; i++) {
        const EditPiece *piece = &site->pieces.at[i];
        for (int64_t c = piece->from; c < piece->to; c++) {
            if (site->fate[c / site->width] == UNIT_LEAVES) continue;
            const bool is_edited = is_left(site, piece, c);
            if (!is_edited && from < column)
                value = add_edit(a, site, value, from, column, piece->scale);
            column++;
            if (!is_edited) from = column;
        }
        if (from < column) value = add_edit(a, site, value, from, column, piece->scale);
        from = column;
    }
    return value;
}

/* ---- a site ---- */

static void narrow_value(Apply *a, const Site *site) {
    if (site->is_attention) {
        const StayingHeads heads = {staying(a, site), site->units};
        if (count_true(heads.stays, heads.heads) < heads.heads)
            narrow_attention(&a->narrowing, site->pieces.value, &heads);
        return;
    }
    narrow_columns(&a->narrowing, site->pieces.value, columns_of_fates(a, site, UNIT_IS_MADE_ZERO));
}

static void apply(Apply *a, Site *site) {
    choose_fates(a, site);
    move_constants(a, site);
    Ref weight = scale_weight(a, site);
    const Reals *columns = columns_of_fates(a, site, UNIT_MEETS_ZEROS);
    if (!select_is_all(columns, site->units * site->width))
        weight = select_constant(a->graph, &a->names, OP_select_columns, weight, columns, ".kept");
    narrow_value(a, site);
    const uint32_t before = a->graph->count;
    const Ref value = keep_edits(a, site);
    Node *reader = ir_node(a->graph, site->reader);
    reader->in[0] = value;
    reader->in[1] = weight;
    a->applied += a->graph->count == before ? site->pieces.edits : 0;
    for (int64_t u = 0; u < site->units; u++) a->left += site->fate[u] == UNIT_LEAVES;
}

/* False: no edits of weights alone stand before this node, or it is no projection. */
static bool find_site(const Apply *a, uint32_t index, Site *site) {
    const Node *reader = &a->graph->node[index];
    if (reader->op != OP_project || !ir_ref_is_none(reader->root)) return false;
    if (ir_node(a->graph, reader->in[1])->op != OP_param) return false;
    *site = (Site){.reader = {index}, .weight = reader->in[1], .width = 1};
    site->pieces = edit_pieces(a->graph, &a->users, reader->in[0], a->scratch);
    if (!site->pieces.edits) return false;
    const Node *value = ir_node(a->graph, site->pieces.value);
    if (!ir_ref_is_none(value->root)) return false;
    site->is_attention = value->op == OP_mix;
    if (site->is_attention) site->width = value->type.dim[1] / value->attr.heads;
    site->units = value->type.dim[1] / site->width;
    site->format = match_format(a->graph, site->weight);
    site->fate = ARENA_ARRAY(a->scratch, UnitFate, (size_t)site->units);
    edit_pieces_split(&site->pieces, site->width);
    return true;
}

bool pass_apply_edits(Graph *graph, PassContext *context) {
    Apply a = {.graph = graph, .scratch = context->scratch};
    const uint32_t limit = graph->count;
    for (uint32_t i = 1; i < limit; i++) a.edits += graph->node[i].op == OP_edit;
    if (a.edits) {
        a.users = match_users(graph, context->scratch);
        a.names = names_create(graph, context->scratch);
        a.narrowing = (Narrowing){graph, &a.users, &a.names, context->scratch};
        for (uint32_t i = 1; i < limit; i++) {
            Site site;
            if (find_site(&a, i, &site)) apply(&a, &site);
        }
        ir_sweep(graph, context->scratch);
    }
    if (!a.edits)
        snprintf(context->summary, sizeof context->summary, "there are no edits");
    else
        snprintf(context->summary, sizeof context->summary,
                 "%d of %d edits are in the weights, %lld heads and neurons have left them",
                 a.applied, a.edits, (long long)a.left);
    return true;
}
