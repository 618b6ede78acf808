/* build_edits.c - edits at a point: a node for each range of columns, and for what they take as
 * operands the part of its file that belongs there.
 *
 * An operand has as many columns as are selected, or as the whole point has, or as one unit, which
 * is then the same for each. Of files with several vectors a layer takes its own.
 */
#include "frontend/model/build_nodes.h"

#include "frontend/model/instrument.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct {
    Build *build;
    const Instrument *edit;
    const ModelPoint *point;
    PointRanges units;
    int64_t selected; /* columns of all ranges */
    int64_t unit;     /* columns of one unit */
} Editing;

static bool refuse(const Editing *e, const char *what) {
    e->build->has_failed = true;
    return instrument_refuse(e->edit, e->build->graph->diag, "%s", what);
}

static Arena *arena_of(const Editing *e) {
    return e->build->graph->arena;
}

/* ---- the part of a file ---- */

static int64_t count_layers(const Model *model) {
    int64_t count = 0;
    for (int i = 0; i < model->block_count; i++) count += model->block[i].repeat;
    return count;
}

static int64_t count_selected_layers(const PointRanges *layers) {
    int64_t count = 0;
    for (int i = 0; i < layers->count; i++) count += layers->at[i].last - layers->at[i].first + 1;
    return count;
}

/* A file may have vectors for some layers. */
static int64_t find_layer(const EditValues *values, int64_t layer) {
    for (int64_t i = 0; i < values->dim[0]; i++)
        if (values->layer[i] == layer) return i;
    return -1;
}

/* Which of `parts` belongs to this point; -1: none does. False: reported. */
static bool choose_part(const Editing *e, int64_t parts, int64_t *part) {
    const EditValues *values = e->edit->values;
    const int64_t layers = count_layers(e->build->model);
    const int64_t selected =
        e->edit->layers.count ? count_selected_layers(&e->edit->layers) : layers;
    *part = values->layer ? find_layer(values, e->point->layer) : 0;
    if (values->layer || parts == 1) return true;
    *part = parts == layers ? e->point->layer : e->edit->found;
    if (e->point->layer >= 0 && (parts == layers || parts == selected) && *part < parts)
        return true;
    return refuse(e, arena_printf(arena_of(e),
                                  "its file has %" PRId64 " vectors for %" PRId64
                                  " layers: expected one, or one for each",
                                  parts, selected));
}

/* Parts, rows of a part and columns of a file. */
static void split_shape(const Editing *e, int64_t *parts, int64_t *rows, int64_t *columns) {
    const EditValues *values = e->edit->values;
    const bool has_rows = e->edit->edit == EDIT_patch || values->rank == 3;
    *columns = values->dim[values->rank - 1];
    *rows = has_rows && values->rank > 1 ? values->dim[values->rank - 2] : 1;
    *parts = values->rank == 1 + has_rows || values->rank == 1 ? 1 : values->dim[0];
}

/* One unit's numbers for each of those selected. */
static const float *repeat(const Editing *e, const float *from, int64_t rows) {
    float *to = ARENA_ARRAY(arena_of(e), float, (size_t)(rows * e->selected));
    for (int64_t i = 0; i < rows * e->selected; i++)
        to[i] = from[i / e->selected * e->unit + i % e->selected % e->unit];
    return to;
}

static bool fit_columns(const Editing *e, ModelEdit *made, int64_t columns) {
    made->columns = columns;
    if (columns == e->selected || columns == e->point->columns) return true;
    if (columns == e->unit) {
        made->operand = repeat(e, made->operand, made->rows);
        made->columns = e->selected;
        return true;
    }
    return refuse(e, arena_printf(arena_of(e),
                                  "its operand has %" PRId64 " columns, %s has %" PRId64 " there",
                                  columns, made->point, e->selected));
}

/* Fills operand, rows and columns; *is_there false: the file has nothing for this point. */
static bool find_operand(const Editing *e, ModelEdit *made, bool *is_there) {
    const EditValues *values = e->edit->values;
    int64_t parts, rows, columns, part;
    *is_there = true;
    made->columns = e->selected;
    if (!values) return true;
    split_shape(e, &parts, &rows, &columns);
    if (!choose_part(e, parts, &part)) return false;
    *is_there = part >= 0;
    if (part < 0) return true;
    if (rows != 1 && e->edit->edit != EDIT_patch)
        return refuse(e, "its operand has several rows: it takes one vector");
    made->rows = rows;
    made->operand = values->at + part * rows * columns;
    return fit_columns(e, made, columns);
}

/* ---- what it does ---- */

/* Where columns of the point lie in a row of the operand, `before` columns of other ranges behind
 * its begin. */
static int64_t first_of(const Editing *e, const ModelEdit *made, PointRange columns,
                        int64_t before) {
    return made->columns == e->selected ? before : columns.first;
}

typedef bool EachPart(const Editing *e, ModelEdit *made, int64_t from, int64_t columns);

/* Each range of columns of the operand that is used, in parts of at most so many; false where one
 * is. */
static bool for_parts(const Editing *e, ModelEdit *made, int64_t part, EachPart *each) {
    int64_t before = 0;
    for (int i = 0; i < (e->units.count ? e->units.count : 1); i++) {
        const PointRange columns = build_columns(e->point, &e->units, i);
        const int64_t width = columns.last - columns.first;
        const int64_t first = first_of(e, made, columns, before);
        for (int64_t from = first; from < first + width; from += part)
            if (!each(e, made, from, part < width ? part : width)) return false;
        before += width;
    }
    return true;
}

static bool is_zero(const Editing *e, ModelEdit *made, int64_t from, int64_t columns) {
    (void)e;
    for (int64_t c = from; c < from + columns; c++)
        if (made->operand[c] != 0) return false;
    return true;
}

/* As long as 1, so that its square is in range. */
static bool normalise(const Editing *e, ModelEdit *made, int64_t from, int64_t columns) {
    float *v = (float *)made->operand;
    double size = 0;
    for (int64_t c = from; c < from + columns; c++) size = hypot(size, (double)v[c]);
    if (size == 0) return refuse(e, "its direction is 0: it has no effect");
    for (int64_t c = from; c < from + columns; c++) v[c] = (float)((double)v[c] / size);
    return true;
}

/* `part`: columns of a direction. False: it changes nothing, which is reported. */
static bool shape_operand(const Editing *e, ModelEdit *made, int64_t part) {
    if (!made->operand) return true;
    if (e->edit->edit == EDIT_add)
        return !for_parts(e, made, e->selected, is_zero) ||
               refuse(e, "all that it adds is 0: it has no effect");
    if (e->edit->edit != EDIT_project_out) return true;
    float *own = ARENA_ARRAY(arena_of(e), float, (size_t)made->columns);
    memcpy(own, made->operand, (size_t)made->columns * sizeof *own);
    made->operand = own;
    return for_parts(e, made, part, normalise);
}

static int64_t note_edit(Instruments *all, ModelEdit made) {
    all->edit =
        arena_grow(all->arena, all->edit, all->edit_count, &all->edit_capacity, sizeof *all->edit);
    all->edit[all->edit_count] = made;
    return all->edit_count++;
}

static Ref add_param(const Editing *e, const ModelEdit *made, int64_t number) {
    Node node = build_node(OP_param, e->edit->loc, (Ref){0}, (Ref){0});
    node.name = arena_printf(arena_of(e), IR_OPERAND_STEM "%" PRId64, number);
    node.type = (Type){DTYPE_f32, 1, {made->columns}};
    return build_add(e->build, node);
}

static Ref add_nodes(const Editing *e, const ModelEdit *made, int64_t number, int64_t part, Ref x) {
    const bool is_constant = made->columns && !e->edit->is_given;
    const Ref operand = is_constant ? add_param(e, made, number) : (Ref){0};
    int64_t before = 0;
    for (int i = 0; i < (e->units.count ? e->units.count : 1); i++) {
        const PointRange columns = build_columns(e->point, &e->units, i);
        const int64_t width = columns.last - columns.first;
        Node node = build_instrument(OP_edit, e->build, e->edit, e->point, x, columns);
        node.in[1] = operand;
        node.attr.edit = e->edit->edit;
        node.attr.given = e->edit->is_given;
        node.attr.number = number;
        if (!e->edit->is_given) node.attr.strength = e->edit->strength;
        if (e->edit->is_given) node.attr.columns = made->columns;
        if (made->columns) node.attr.first = first_of(e, made, columns, before);
        if (e->edit->edit == EDIT_project_out) node.attr.groups = width / part;
        x = build_add(e->build, node);
        before += width;
    }
    return x;
}

static Ref add_edit(Build *build, const Instrument *edit, int instrument, const ModelPoint *point,
                    Ref x) {
    Instruments *all = build->model->instruments;
    Editing e = {
        .build = build, .edit = edit, .point = point, .unit = point->columns / point->units};
    if (!build_units(build, edit, point, &e.units)) return x;
    for (int i = 0; i < (e.units.count ? e.units.count : 1); i++) {
        const PointRange columns = build_columns(point, &e.units, i);
        e.selected += columns.last - columns.first;
    }
    const bool has_heads = point_info[point->kind].unit == UNIT_HEADS;
    const int64_t part = edit->edit != EDIT_project_out ? e.selected
                         : has_heads                    ? e.unit
                                                        : e.selected;
    if (edit->edit == EDIT_project_out && !has_heads && e.units.count > 1) {
        refuse(&e, "a direction takes neurons side by side, as [neurons=4-7]");
        return x;
    }
    ModelEdit made = {.point = point_name(point, false, arena_of(&e)),
                      .of = edit,
                      .instrument = instrument,
                      .layer = point->layer};
    bool is_there = true;
    if (edit->takes_operand &&
        (!find_operand(&e, &made, &is_there) || !is_there || !shape_operand(&e, &made, part)))
        return x;
    const bool is_said = edit->is_given || edit->takes_operand;
    return add_nodes(&e, &made, is_said ? note_edit(all, made) : 0, part, x);
}

/* ---- edits that nobody would see ---- */

static bool has_range(const PointRanges *ranges, PointRange range) {
    for (int i = 0; i < ranges->count; i++)
        if (ranges->at[i].first <= range.first && range.last <= ranges->at[i].last) return true;
    return ranges->count == 0;
}

/* Whether an edit sets all that another, before it at the same point, has changed. */
static bool sets_all_of(const Instrument *later, const Instrument *edit) {
    if (later->edit != EDIT_set || later->is_given) return false;
    if (!edit->units.count) return !later->units.count;
    for (int i = 0; i < edit->units.count; i++)
        if (!has_range(&later->units, edit->units.at[i])) return false;
    return true;
}

/* Whether edit `index` of all instruments is seen behind this point. False: reported. */
static bool check_order(Build *build, int index, const ModelPoint *point) {
    const Instruments *all = build->model->instruments;
    const Instrument *edit = &all->at[index];
    for (int i = index + 1; i < all->count; i++) {
        const Instrument *later = &all->at[i];
        if (!later->is_edit || !instrument_is_at(later, point) || !sets_all_of(later, edit))
            continue;
        build->has_failed = true;
        instrument_refuse(edit, build->graph->diag,
                          "it has no effect: '%.80s' sets all of it at %s", later->text,
                          point_name(point, false, build->graph->arena));
        return diag_hint(build->graph->diag, "edits of a point act in their order");
    }
    return true;
}

/* The first of the edits between two values; none: there are none. */
static Ref first_behind(const Graph *graph, Ref x, Ref before) {
    Ref first = {0};
    for (; !ir_ref_equal(x, before); x = ir_node(graph, x)->in[0]) first = x;
    return first;
}

Ref build_edits(Build *build, const ModelPoint *point, Ref x) {
    Instruments *all = build->model->instruments;
    for (int i = 0, edits = 0; i < all->count; i++) {
        Instrument *edit = &all->at[i];
        if (!edit->is_edit) continue;
        const Ref before = x;
        if (instrument_is_at(edit, point)) {
            if (check_order(build, i, point)) x = add_edit(build, edit, edits, point, x);
            edit->found++;
            if (ir_ref_is_none(edit->first)) edit->first = first_behind(build->graph, x, before);
        }
        edits++;
    }
    return x;
}

static int64_t count_edits(const Graph *graph, const char *point) {
    int64_t count = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        count += node->op == OP_edit && (!point || strcmp(node->attr.point, point) == 0);
    }
    return count;
}

bool build_sweep(Graph *graph) {
    Arena *scratch = arena_create();
    const Graph *built = ir_graph_copy(graph, scratch);
    ir_sweep(graph, scratch);
    bool ok = true;
    for (uint32_t i = 1; i < built->count && count_edits(graph, NULL) < count_edits(built, NULL);
         i++) {
        const Node *edit = &built->node[i];
        if (edit->op != OP_edit || count_edits(graph, edit->attr.point) > 0) continue;
        ok = diag_error(graph->diag, edit->loc,
                        "the edit at %s has no effect: nothing reads the value", edit->attr.point);
        break;
    }
    arena_destroy(scratch);
    return ok;
}
