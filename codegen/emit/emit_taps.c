/* emit_taps.c - what a tap keeps, stored to a buffer of the caller's that may not be there.
 *
 * The buffer is the caller's to the last float: unlike rows of ours it has no padding that a vector
 * may be stored to.
 */
#include "codegen/emit/emit_kernel.h"
#include "runtime/abi.h"

#include <math.h>
#include <stddef.h>

/* The TwTapBuffer of a row's sequence, where the slot is that of the first. */
static Value buffer_of(KernelEmit *k, Ref tap, Value row) {
    enum { BUFFER_FLOATS = sizeof(TwTapBuffer) / sizeof(float) };
    Emit *e = k->e;
    Value buffer = emit_slot(k, tap, FORM_VECTOR);
    if (!k->frame) return buffer;
    return emit_at(e, buffer, emit_mul(e, EMIT_ROW(k, row, taps), emit_int(e, BUFFER_FLOATS)));
}

static Value load_rows(Emit *e, Value buffer) {
    return emit_load_field(e, e->pointer, buffer, (int64_t)offsetof(TwTapBuffer, rows), "rows");
}

/* Those of the caller's; in a batch not yet loaded. */
static Value rows_of(KernelEmit *k, Ref tap, Value row) {
    return k->frame ? load_rows(k->e, buffer_of(k, tap, row)) : emit_slot(k, tap, FORM_VECTOR);
}

static If begin(KernelEmit *k, Ref tap, Value row) {
    return emit_if(k->e, emit_is_there(k->e, rows_of(k, tap, row)));
}

/* Where the first column that the tap wants of this row goes. */
static Value kept_row(KernelEmit *k, Ref tap, Value row) {
    Emit *e = k->e;
    const Placement place = kernel_node(k, tap)->place;
    Value start = emit_mul(e, emit_position(k, row), emit_int(e, place.stride));
    start = emit_add(e, start, emit_int(e, place.offset));
    return emit_at(e, rows_of(k, tap, row), start);
}

static bool wants_all(const KernelEmit *k, const Node *tap) {
    return tap->type.dim[1] == kernel_node(k, tap->in[0])->type.dim[1];
}

void emit_keep_vector(KernelEmit *k, Ref tap, Value x, Value row, Value column) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, tap);
    Value from = emit_int(e, node->attr.from), to = emit_int(e, node->attr.to);
    If is_wanted = begin(k, tap, row);
    Value at = emit_sub(e, column, from);
    if (wants_all(k, node) && node->attr.to % e->panel == 0) {
        emit_store(e, x, kept_row(k, tap, row), at);
    } else {
        Value end = emit_add(e, column, emit_int(e, e->width));
        Value is_near = emit_both(e, emit_int_less(e, column, to), emit_int_less(e, from, end));
        If is_inside = emit_if(e, is_near);
        Value lanes = emit_lanes_from(e, column);
        emit_store_lanes(e, x, kept_row(k, tap, row), at,
                         emit_lanes_between(e, lanes, node->attr.from, node->attr.to));
        emit_if_end(e, &is_inside);
    }
    emit_if_end(e, &is_wanted);
}

typedef struct {
    Value from, to;
} Copy;

static void copy_columns(Emit *e, void *context, Value column, int64_t lanes) {
    const Copy *copy = context;
    emit_store_part(e, emit_load_part(e, copy->from, column, lanes), copy->to, column, lanes);
}

void emit_keep_head(KernelEmit *k, Ref tap, int64_t head_dim, Value base, Value row, Value head) {
    Emit *e = k->e;
    const Attrs *attr = &kernel_node(k, tap)->attr;
    If is_wanted = begin(k, tap, row);
    Value first = emit_int(e, attr->from / head_dim), end = emit_int(e, attr->to / head_dim);
    Value is_from = emit_int_less(e, first, emit_add(e, head, emit_int(e, 1)));
    If is_inside = emit_if(e, emit_both(e, is_from, emit_int_less(e, head, end)));
    Value column = emit_mul(e, emit_sub(e, head, first), emit_int(e, head_dim));
    Copy copy = {base, emit_at(e, kept_row(k, tap, row), column)};
    emit_columns(e, head_dim, copy_columns, &copy);
    emit_if_end(e, &is_inside);
    emit_if_end(e, &is_wanted);
}

void emit_keep_row(KernelEmit *k, Ref tap, Value base, Value row) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, tap);
    If is_wanted = begin(k, tap, row);
    Copy copy = {emit_at(e, base, emit_int(e, node->attr.from)), kept_row(k, tap, row)};
    emit_columns(e, node->type.dim[1], copy_columns, &copy);
    emit_if_end(e, &is_wanted);
}

/* ---- of an attend: a row for each head, with a float for each key ---- */

typedef struct {
    Value row, head;
} ScoreRow;

typedef struct {
    Ref tap;
    Value base, count; /* of the row's keys in the buffer; how many there is room for */
    If is_wanted, is_inside;
} KeptScores;

bool emit_keeps_scores(const KernelEmit *k) {
    return k->kernel->node_count > 1;
}

static bool is_of_softmax(const KernelEmit *k, Ref tap) {
    return kernel_node(k, kernel_node(k, tap)->in[0])->op == OP_softmax;
}

/* To be ended. */
static KeptScores begin_row(KernelEmit *k, Ref tap, const ScoreRow *of) {
    Emit *e = k->e;
    const Node *node = kernel_node(k, tap);
    Value buffer = buffer_of(k, tap, of->row), first = emit_int(e, node->attr.from);
    Value rows = load_rows(e, buffer);
    KeptScores kept = {.tap = tap, .is_wanted = emit_if(e, emit_is_there(e, rows))};
    Value is_from = emit_int_less(e, first, emit_add(e, of->head, emit_int(e, 1)));
    Value is_below = emit_int_less(e, of->head, emit_int(e, node->attr.to));
    kept.is_inside = emit_if(e, emit_both(e, is_from, is_below));
    kept.count = emit_load_field(e, e->i64, buffer, (int64_t)offsetof(TwTapBuffer, count), "");
    Value at = emit_mul(e, emit_position(k, of->row), emit_int(e, node->place.stride));
    at = emit_add(e, at, emit_int(e, node->place.offset));
    at = emit_add(e, at, emit_sub(e, of->head, first));
    kept.base = emit_at(e, rows, emit_mul(e, at, kept.count));
    return kept;
}

static void end_row(Emit *e, KeptScores *kept) {
    emit_if_end(e, &kept->is_inside);
    emit_if_end(e, &kept->is_wanted);
}

/* Of keys side by side, some of which a vector may be too long for: mask, or null for all. */
typedef void KeysBody(Emit *e, void *context, Value key, Value mask);

static void each_key(Emit *e, Range keys, KeysBody *body, void *context) {
    Value width = emit_int(e, e->width), length = emit_sub(e, keys.to, keys.from);
    Value whole = emit_sub(e, keys.to, emit_rem(e, length, width));
    Loop key = emit_loop(e, "key", keys.from, whole, width);
    body(e, context, key.i, NULL);
    emit_loop_end(e, &key);
    If is_more = emit_if(e, emit_int_less(e, whole, keys.to));
    Value lanes = emit_lanes_from(e, emit_sub(e, whole, keys.to));
    body(e, context, whole, emit_lanes_between(e, lanes, -e->width, 0));
    emit_if_end(e, &is_more);
}

static Value load_keys(Emit *e, Value base, Value key, Value mask) {
    return mask ? emit_load_lanes(e, base, key, mask) : emit_load(e, base, key);
}

static void store_keys(Emit *e, Value x, Value base, Value key, Value mask) {
    if (mask)
        emit_store_lanes(e, x, base, key, mask);
    else
        emit_store(e, x, base, key);
}

typedef struct {
    Value base;
    Value from;           /* scores that are copied, */
    Value value;          /* what is stored everywhere, */
    Value largest, scale; /* or what becomes weights */
} Keeping;

static void fill_keys(Emit *e, void *context, Value key, Value mask) {
    const Keeping *keeping = context;
    store_keys(e, keeping->value, keeping->base, key, mask);
}

static void copy_keys(Emit *e, void *context, Value key, Value mask) {
    const Keeping *keeping = context;
    store_keys(e, load_keys(e, keeping->from, key, mask), keeping->base, key, mask);
}

static void weigh_keys(Emit *e, void *context, Value key, Value mask) {
    const Keeping *keeping = context;
    Value x = load_keys(e, keeping->base, key, mask);
    x = emit_exp(e, emit_fsub(e, x, emit_splat(e, keeping->largest)));
    store_keys(e, emit_fmul(e, x, emit_splat(e, keeping->scale)), keeping->base, key, mask);
}

void emit_begin_scores(KernelEmit *k, Value row, Value head) {
    Emit *e = k->e;
    for (int i = 1; i < k->kernel->node_count; i++) {
        const Ref tap = k->kernel->node[i];
        if (kernel_node(k, tap)->op != OP_tap) continue;
        KeptScores kept = begin_row(k, tap, &(ScoreRow){row, head});
        Keeping keeping = {.base = kept.base,
                           .value = emit_vector(e, is_of_softmax(k, tap) ? 0 : -INFINITY)};
        each_key(e, (Range){emit_int(e, 0), kept.count}, fill_keys, &keeping);
        end_row(e, &kept);
    }
}

void emit_keep_scores(KernelEmit *k, Value row, Value head, Value scores, Value key, Value count) {
    Emit *e = k->e;
    for (int i = 1; i < k->kernel->node_count; i++) {
        const Ref tap = k->kernel->node[i];
        if (kernel_node(k, tap)->op != OP_tap) continue;
        KeptScores kept = begin_row(k, tap, &(ScoreRow){row, head});
        Keeping keeping = {.base = emit_at(e, kept.base, key), .from = scores};
        each_key(e, (Range){emit_int(e, 0), count}, copy_keys, &keeping);
        end_row(e, &kept);
    }
}

void emit_end_scores(KernelEmit *k, Value row, Value head, Range keys, Value largest, Value scale) {
    Emit *e = k->e;
    for (int i = 1; i < k->kernel->node_count; i++) {
        const Ref tap = k->kernel->node[i];
        if (kernel_node(k, tap)->op != OP_tap || !is_of_softmax(k, tap)) continue;
        KeptScores kept = begin_row(k, tap, &(ScoreRow){row, head});
        Keeping keeping = {.base = kept.base, .largest = largest, .scale = scale};
        each_key(e, keys, weigh_keys, &keeping);
        end_row(e, &kept);
    }
}
