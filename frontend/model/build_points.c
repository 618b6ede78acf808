/* build_points.c - the points of a model, and what stands at them: edits in their order, then taps.
 *
 * Nodes are put into the graph as it is described, before any pass, so that they see the model's
 * own numbers. Without instruments the graph is what it was.
 */
#include "frontend/model/build_nodes.h"

#include "frontend/model/instrument.h"

#include <inttypes.h>
#include <string.h>

static Instruments *instruments_of(const Build *build) {
    return build->model->instruments;
}

static ModelPoint point_here(const Build *build, PointKind kind, Ref x, int64_t units) {
    const bool is_in_layer = point_info[kind].scope == POINT_LAYER;
    return (ModelPoint){.kind = kind,
                        .layer = is_in_layer ? build->layer : -1,
                        .copy = is_in_layer ? build->copy : 1,
                        .columns = ir_node(build->graph, x)->type.dim[1],
                        .units = units,
                        .has_keys = ir_node(build->graph, x)->type.rank == 3};
}

static void note_point(Instruments *all, ModelPoint point) {
    all->point = arena_grow(all->arena, all->point, all->point_count, &all->point_capacity,
                            sizeof *all->point);
    all->point[all->point_count++] = point;
}

static void note_tap(Instruments *all, ModelTap tap) {
    all->tap =
        arena_grow(all->arena, all->tap, all->tap_count, &all->tap_capacity, sizeof *all->tap);
    all->tap[all->tap_count++] = tap;
}

/* A buffer whose rows have the selected columns side by side. */
static void add_tap(Build *build, const Instrument *tap, int number, const ModelPoint *point,
                    Ref x) {
    Instruments *all = instruments_of(build);
    PointRanges units;
    int64_t width = 0, at = 0;
    if (!build_units(build, tap, point, &units)) return;
    const int count = units.count ? units.count : 1;
    for (int i = 0; i < count; i++) {
        const PointRange columns = build_columns(point, &units, i);
        width += columns.last - columns.first;
    }
    for (int i = 0; i < count; i++) {
        const PointRange columns = build_columns(point, &units, i);
        Node node = build_instrument(OP_tap, build, tap, point, x, columns);
        node.attr.number = all->tap_count;
        node.place = (Placement){.offset = at, .stride = width};
        build_add(build, node);
        at += columns.last - columns.first;
    }
    note_tap(all, (ModelTap){.point = point_name(point, false, build->graph->arena),
                             .instrument = number,
                             .file = tap->file,
                             .layer = point->layer,
                             .columns = width,
                             .has_keys = point->has_keys});
}

static void add_taps(Build *build, const ModelPoint *point, Ref x) {
    Instruments *all = instruments_of(build);
    int taps = 0;
    for (int i = 0; i < all->count; i++) {
        Instrument *tap = &all->at[i];
        if (tap->is_edit) continue;
        if (instrument_is_at(tap, point)) add_tap(build, tap, taps, point, x);
        tap->found += instrument_is_at(tap, point);
        taps++;
    }
}

/* What stands before the start is not computed. It is an error to name the layer of such a point.
 */
static void leave_out(Build *build, const ModelPoint *point) {
    const Instruments *all = instruments_of(build);
    for (int i = 0; i < all->count; i++) {
        const Instrument *instrument = &all->at[i];
        if (!instrument->layers.count || !instrument_is_at(instrument, point)) continue;
        diag_error(build->graph->diag, instrument->loc,
                   "%s '%.80s': %s is before the start '%.80s', where nothing is computed",
                   instrument_role(instrument), instrument->text,
                   point_name(point, false, build->graph->arena), all->start->text);
        build->has_failed = true;
    }
}

/* The norm that makes the last state once more, for its taps: the other is folded into the head, as
 * without them. */
static Ref apart(Build *build, Ref x) {
    const Node norm = *ir_node(build->graph, x);
    return norm.op == OP_norm ? build_add(build, norm) : x;
}

Ref build_point(Build *build, PointKind kind, Ref x, int64_t units) {
    Instruments *all = instruments_of(build);
    const ModelPoint point = point_here(build, kind, x, units);
    x = build_start(build, &point, x);
    note_point(all, point);
    if (!build_is_in_part(build)) {
        leave_out(build, &point);
        return x;
    }
    x = build_edits(build, &point, x);
    add_taps(build, &point, kind == POINT_resid_final ? apart(build, x) : x);
    return x;
}

/* ---- points of parts ---- */

typedef struct {
    BuildPart *make;
    const void *context;
    int64_t columns;
    Ref *made; /* of each part; none: nobody has asked for it */
} PartValues;

static Ref part_of(Build *build, PartValues *values, int64_t part) {
    if (ir_ref_is_none(values->made[part]))
        values->made[part] = values->make(build, values->context, part);
    return values->made[part];
}

/* A buffer whose rows have the selected parts side by side. */
static void add_tap_of_parts(Build *build, const Instrument *tap, int number,
                             const ModelPoint *point, PartValues *values) {
    Instruments *all = instruments_of(build);
    PointRange every = {0, point->units - 1};
    PointRanges units;
    int64_t width = 0, at = 0;
    if (!build_units(build, tap, point, &units)) return;
    if (!units.count) units = (PointRanges){&every, 1};
    for (int i = 0; i < units.count; i++)
        width += (units.at[i].last - units.at[i].first + 1) * values->columns;
    for (int i = 0; i < units.count; i++)
        for (int64_t part = units.at[i].first; part <= units.at[i].last; part++) {
            Node node = build_instrument(OP_tap, build, tap, point, part_of(build, values, part),
                                         (PointRange){0, values->columns});
            node.attr.number = all->tap_count;
            node.place = (Placement){.offset = at, .stride = width};
            build_add(build, node);
            at += values->columns;
        }
    note_tap(all, (ModelTap){.point = point_name(point, false, build->graph->arena),
                             .instrument = number,
                             .file = tap->file,
                             .layer = point->layer,
                             .columns = width});
}

void build_parts_point(Build *build, PointKind kind, int64_t parts, int64_t columns,
                       BuildPart *make, const void *context) {
    Instruments *all = instruments_of(build);
    PartValues values = {make, context, columns,
                         ARENA_ARRAY(build->graph->arena, Ref, (size_t)parts)};
    const ModelPoint point = {.kind = kind,
                              .layer = build->layer,
                              .copy = build->copy,
                              .columns = parts * columns,
                              .units = parts};
    int taps = 0;
    note_point(all, point);
    if (!build_is_in_part(build)) {
        leave_out(build, &point);
        return;
    }
    for (int i = 0; i < all->count; i++) {
        Instrument *tap = &all->at[i];
        if (tap->is_edit) continue;
        if (instrument_is_at(tap, &point)) {
            add_tap_of_parts(build, tap, taps, &point, &values);
            tap->found++;
        }
        taps++;
    }
}

/* ---- points of norms ---- */

static bool has_instrument(const Build *build, PointKind kind, Ref x, bool are_edits) {
    const Instruments *all = instruments_of(build);
    const ModelPoint point = point_here(build, kind, x, 1);
    for (int i = 0; i < all->count && build_is_in_part(build); i++)
        if (instrument_is_at(&all->at[i], &point) && all->at[i].is_edit == are_edits) return true;
    return false;
}

bool build_is_edited(const Build *build, PointKind kind, Ref x) {
    return has_instrument(build, kind, x, true);
}

bool build_is_wanted(const Build *build, PointKind kind, Ref x) {
    return has_instrument(build, kind, x, false) || has_instrument(build, kind, x, true);
}

static void build_size_point(Build *build, PointKind kind, Loc loc, Ref x, const Norm *norm) {
    ModelPoint point = point_here(build, kind, x, 1);
    point.columns = 1;
    note_point(instruments_of(build), point);
    if (!build_is_in_part(build)) leave_out(build, &point);
    if (!build_is_wanted(build, kind, x)) return;
    Node node = build_node(OP_row_size, loc, x, (Ref){0});
    node.attr.kind = norm->kind;
    node.attr.eps = norm->eps;
    add_taps(build, &point, build_add(build, node));
}

void build_norm_point(Build *build, PointKind kind, Loc loc, Ref x, const Norm *norm) {
    if (norm->kind == NORM_none) return;
    const PointKind scale = kind == POINT_ln1   ? POINT_ln1_scale
                            : kind == POINT_ln2 ? POINT_ln2_scale
                                                : POINT_ln_final_scale;
    build_size_point(build, scale, loc, x, norm);
    const ModelPoint point = point_here(build, kind, x, 1);
    note_point(instruments_of(build), point);
    if (!build_is_in_part(build)) leave_out(build, &point);
    if (!build_is_wanted(build, kind, x)) return;
    Norm plain = *norm;
    plain.gain = plain.bias = false;
    add_taps(build, &point, build_norm(build, loc, x, &plain, 1, ""));
}
