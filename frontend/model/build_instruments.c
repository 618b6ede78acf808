/* build_instruments.c - what taps and edits have in common: the columns that they select. */
#include "frontend/model/build_nodes.h"

#include <inttypes.h>

/* What all of them may make of a graph: room for its own nodes is left, and lists of buffers stay
 * short enough to be searched. */
enum { MOST_NODES = IR_MAX_NODES / 2, MOST_TAPS = 1 << 14 };

static bool has_room(Build *build, const Instrument *instrument) {
    if (build->graph->count < MOST_NODES && build->model->instruments->tap_count < MOST_TAPS)
        return true;
    if (!build->has_failed)
        diag_error(build->graph->diag, instrument->loc,
                   "%s '%.80s': taps and edits select too much: at most %d buffers and %d nodes",
                   instrument_role(instrument), instrument->text, MOST_TAPS, MOST_NODES);
    build->has_failed = true;
    return false;
}

bool build_units(Build *build, const Instrument *instrument, const ModelPoint *point,
                 PointRanges *out) {
    const PointRanges *units = &instrument->units;
    *out = *units;
    if (!has_room(build, instrument)) return false;
    const char *unit = point_unit(point_info[point->kind].unit);
    for (int i = 0; i < units->count; i++) {
        if (units->at[i].last < point->units) continue;
        diag_error(build->graph->diag, instrument->loc,
                   "%s '%.80s': %s has %s 0 to %" PRId64 ", not %" PRId64,
                   instrument_role(instrument), instrument->text,
                   point_name(point, false, build->graph->arena), unit, point->units - 1,
                   units->at[i].last);
        build->has_failed = true;
        return false;
    }
    return true;
}

PointRange build_columns(const ModelPoint *point, const PointRanges *units, int i) {
    if (!units->count) return (PointRange){0, point->columns};
    const int64_t width = point->columns / point->units;
    return (PointRange){units->at[i].first * width, (units->at[i].last + 1) * width};
}

Node build_instrument(Op op, const Build *build, const Instrument *instrument,
                      const ModelPoint *point, Ref x, PointRange columns) {
    Node node = build_node(op, instrument->loc, x, (Ref){0});
    if (!instrument->loc.source) node.loc = ir_node(build->graph, x)->loc;
    node.attr.point = point_name(point, false, build->graph->arena);
    node.attr.from = columns.first;
    node.attr.to = columns.last;
    return node;
}
