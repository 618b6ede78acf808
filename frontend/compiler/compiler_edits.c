/* compiler_edits.c - the operands of edits: read from their files, as params of the weights, and as
 * what programs and the interpreter are told of each edit at run time.
 *
 * An operand is a param of the graph, so that passes can bring it into the weights. One that they
 * leave where it is comes to the code through its number: no values are part of code that is kept.
 */
#include "frontend/compiler/compiler.h"
#include "frontend/compiler/operand_file.h"
#include "ir/hash.h"

#include <stdlib.h>
#include <string.h>

/* ---- files ---- */

/* Paths of a description are beside it. */
static const char *path_of(const Thalweg *thalweg, const Instrument *edit) {
    const char *directory = thalweg->directory;
    if (!edit->loc.source || *edit->file == '/' || !directory || !*directory) return edit->file;
    return arena_printf(thalweg->arena, "%s/%s", directory, edit->file);
}

bool compiler_read_operands(Thalweg *thalweg, const Model *model) {
    const Instruments *all = model->instruments;
    bool ok = true;
    for (int i = 0; i < all->count; i++) {
        Instrument *edit = &all->at[i];
        if (!edit->is_edit || !edit->file) continue;
        edit->values = operand_file_read(path_of(thalweg, edit), edit->tensor, edit->loc,
                                         thalweg->arena, &thalweg->diag);
        ok &= edit->values != NULL;
    }
    return ok;
}

/* ---- params ---- */

typedef struct OperandWeights {
    Weights weights;
    const Weights *under; /* of all other params */
    const Instruments *all;
} OperandWeights;

static const OperandWeights *operands_of(const Weights *weights) {
    return weights->context;
}

/* The edit whose operand a param is; null: it is none. */
static const ModelEdit *edit_of(const Weights *weights, const char *param) {
    static const char stem[] = IR_OPERAND_STEM;
    const Instruments *all = operands_of(weights)->all;
    if (strncmp(param, stem, sizeof stem - 1) != 0) return NULL;
    return &all->edit[strtoll(param + sizeof stem - 1, NULL, 10)];
}

static bool rows(const Weights *weights, const char *param, int64_t first, int64_t count,
                 int64_t columns, float *out) {
    const ModelEdit *edit = edit_of(weights, param);
    const Weights *under = operands_of(weights)->under;
    if (!edit) return under->rows(under, param, first, count, columns, out);
    if (!edit->operand) return false;
    memcpy(out, edit->operand + first * columns, (size_t)(count * columns) * sizeof *out);
    return true;
}

static bool keeps(const Weights *weights, const char *param, WeightFormat format) {
    const Weights *under = operands_of(weights)->under;
    return !edit_of(weights, param) && under->keeps && under->keeps(under, param, format);
}

static bool kept(const Weights *weights, const char *param, int64_t first, int64_t count,
                 int64_t columns, void *out) {
    const Weights *under = operands_of(weights)->under;
    return under->kept(under, param, first, count, columns, out);
}

static WeightsPlace place(const Weights *weights, const Node *param, Arena *arena) {
    const Weights *under = operands_of(weights)->under;
    if (edit_of(weights, param->name) || !under->place)
        return (WeightsPlace){param->loc, param->name};
    return under->place(under, param, arena);
}

const Weights *compiler_values(Thalweg *thalweg) {
    const Weights *under = checkpoint_weights(thalweg->checkpoint);
    const Instruments *all = thalweg->model->instruments;
    if (!all->edit_count) return under;
    OperandWeights *made = ARENA_NEW(thalweg->arena, OperandWeights);
    *made = (OperandWeights){{rows, made, keeps, kept, place}, under, all};
    return &made->weights;
}

/* Operands that became part of weights. */
uint64_t compiler_values_identity(const Thalweg *thalweg) {
    const Graph *graph = thalweg->optimised;
    uint64_t identity = checkpoint_identity(thalweg->checkpoint), hash = hash_begin;
    bool has_operands = false;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        for (int k = 0; k < IR_MAX_INPUTS && ir_is_constant(node); k++) {
            if (ir_ref_is_none(node->in[k])) continue;
            const Node *param = ir_node(graph, node->in[k]);
            if (!ir_is_operand(param)) continue;
            const int64_t number = strtoll(param->name + strlen(IR_OPERAND_STEM), NULL, 10);
            const ModelEdit *edit = &thalweg->model->instruments->edit[number];
            for (int64_t c = 0; c < edit->columns; c++) {
                uint32_t bits;
                memcpy(&bits, &edit->operand[c], sizeof bits);
                hash = hash_add(hash, bits);
            }
            has_operands = true;
        }
    }
    return has_operands ? hash_end(hash_add(hash, identity)) : identity;
}

/* ---- at run time ---- */

static int32_t operand_row(const TwEdit *edit, bool is_patch, int64_t position) {
    if (edit->row) return position < edit->row_count ? edit->row[position] : -1;
    if (!is_patch) return 0;
    return position < edit->row_count ? (int32_t)position : -1;
}

/* The range's positions in a prompt of so many tokens; false: it has none. */
static bool place_range(PointRange range, int64_t prompt, PointRange *out) {
    *out = (PointRange){range.first < 0 ? range.first + prompt : range.first,
                        range.last < 0 ? range.last + prompt : range.last};
    return out->first >= 0 && out->first <= out->last;
}

static bool counts_from_end(const PointRanges *positions) {
    for (int i = 0; i < positions->count; i++)
        if (positions->at[i].first < 0 || positions->at[i].last < 0) return true;
    return false;
}

static bool report_never(Thalweg *thalweg, const ModelEdit *edit, PointRange range,
                         ThalwegPrompt prompt) {
    Arena *arena = thalweg->arena;
    const char *text =
        range.first == range.last
            ? arena_printf(arena, "position %lld never occurs", (long long)range.last)
            : arena_printf(arena, "positions %lld-%lld never occur", (long long)range.first,
                           (long long)range.last);
    instrument_refuse(edit->of, &thalweg->diag, "%s", text);
    if (prompt.end < 0)
        return diag_hint(&thalweg->diag, "a sequence has positions 0 to %lld",
                         (long long)prompt.most - 1);
    return diag_hint(&thalweg->diag,
                     "the prompt has %lld tokens, and the sequence positions 0 to %lld",
                     (long long)prompt.end, (long long)prompt.most - 1);
}

/* The map of an edit at some positions, each with its row of the operand. */
static bool make_map(Thalweg *thalweg, const ModelEdit *edit, ThalwegPrompt prompt, TwEdit *out) {
    const PointRanges *positions = &edit->of->positions;
    const bool is_patch = edit->of->edit == EDIT_patch;
    int32_t *row = NULL;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < positions->count; i++) {
            PointRange range;
            if (!place_range(positions->at[i], prompt.end, &range) || range.last >= prompt.most)
                return report_never(thalweg, edit, positions->at[i], prompt);
            if (range.last >= out->row_count && !row) out->row_count = range.last + 1;
            for (int64_t p = range.first; row && p <= range.last; p++)
                row[p] = !is_patch ? 0 : p < edit->rows || !edit->operand ? (int32_t)p : -1;
        }
        if (row) break;
        row = ARENA_ARRAY(thalweg->arena, int32_t, (size_t)out->row_count);
        for (int64_t p = 0; p < out->row_count; p++) row[p] = -1;
    }
    out->row = row;
    return true;
}

bool compiler_edit_at_first(Thalweg *thalweg, int64_t number, ThalwegPrompt prompt, TwEdit *out) {
    static const int32_t nowhere[] = {-1};
    const ModelEdit *edit = &thalweg->model->instruments->edit[number];
    const PointRanges *positions = &edit->of->positions;
    if (prompt.most > thalweg->model->context) prompt.most = thalweg->model->context;
    *out = (TwEdit){
        .operand = edit->operand, .strength = (float)edit->of->strength, .is_on = edit->of->is_on};
    if (edit->of->edit == EDIT_patch) out->row_count = edit->rows;
    if (!positions->count) return true;
    out->row_count = 0;
    if (prompt.end >= 0 || !counts_from_end(positions)) return make_map(thalweg, edit, prompt, out);
    out->row = nowhere; /* until the prompt is known */
    return true;
}

const TwEdit *compiler_edits_at_first(Thalweg *thalweg) {
    const int64_t count = thalweg->model->instruments->edit_count;
    const ThalwegPrompt any = {-1, thalweg->model->context};
    TwEdit *edits = ARENA_ARRAY(thalweg->arena, TwEdit, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++)
        if (!compiler_edit_at_first(thalweg, i, any, &edits[i])) return NULL;
    return edits;
}

/* ---- the interpreter ---- */

static bool give(void *context, const Node *node, int64_t position, GivenEdit *out) {
    const Thalweg *thalweg = context;
    const TwEdit *edit = &thalweg->interpreted_edit[node->attr.number];
    const int32_t row = operand_row(edit, node->attr.edit == EDIT_patch, position);
    if (!edit->is_on || row < 0) return false;
    *out = (GivenEdit){(double)edit->strength,
                       edit->operand ? edit->operand + row * node->attr.columns : NULL};
    return true;
}

static bool begin_edits(Thalweg *thalweg) {
    if (thalweg->interpreted_edit) return true;
    const TwEdit *edits = compiler_edits_at_first(thalweg);
    if (!edits) return false;
    const size_t count = (size_t)thalweg->model->instruments->edit_count;
    thalweg->interpreted_edit = ARENA_ARRAY(thalweg->arena, TwEdit, count + 1);
    memcpy(thalweg->interpreted_edit, edits, count * sizeof *edits);
    return true;
}

bool compiler_begin_interpreted_edits(Thalweg *thalweg) {
    if (!begin_edits(thalweg)) return false;
    interp_give_edits(thalweg->interp, give, thalweg);
    return true;
}

bool compiler_set_interpreted_edit(Thalweg *thalweg, int64_t number, const TwEdit *edit) {
    if (number < 0 || number >= thalweg->model->instruments->edit_count || !edit)
        return diag_error(&thalweg->diag, (Loc){0}, "there is no edit of number %lld",
                          (long long)number);
    if (!begin_edits(thalweg)) return false;
    thalweg->interpreted_edit[number] = *edit;
    return true;
}

/* ---- what there is ---- */

const ThalwegEdit *compiler_edits(Thalweg *thalweg, int64_t *count) {
    const Instruments *all = thalweg->model->instruments;
    ThalwegEdit *out = ARENA_ARRAY(thalweg->arena, ThalwegEdit, (size_t)all->edit_count + 1);
    for (int64_t i = 0; i < all->edit_count; i++) {
        const ModelEdit *edit = &all->edit[i];
        out[i] = (ThalwegEdit){.point = edit->point,
                               .layer = edit->layer,
                               .columns = edit->columns,
                               .instrument = edit->instrument,
                               .is_given = edit->of->is_given,
                               .has_positions = edit->of->positions.count > 0};
    }
    *count = all->edit_count;
    return out;
}
