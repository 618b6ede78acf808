/* instrument.h - taps and edits: at which points of a model they stand, as a user says it.
 *
 *   blocks.3.attn.hook_z[heads=1,4-6]     z3[heads=1,4-6]     L3H1     L31N892     resid_post
 *
 * A point without a layer is that of all layers, or of those that the selection says. An edit says
 * behind a colon what becomes of it: zero, negate, scale=S, set=V, or with an operand, a file of
 * numbers, set, mean, add, project_out and patch: add=FILE,strength=S. A '?' behind a value, or in
 * its place, leaves it to the caller at run time. Positions of a selection are for edits alone. A
 * tap may say behind '=' what file its values go to, for who writes it.
 *
 * Whoever builds the graph finds the points (build_points.c); what was asked for and is not there
 * is an error then.
 */
#ifndef FRONTEND_INSTRUMENT_H
#define FRONTEND_INSTRUMENT_H

#include "ir/ir.h"

typedef enum {
#define POINT(id, ...) POINT_##id,
#include "frontend/model/points.def"
#undef POINT
    POINT_COUNT
} PointKind;

typedef enum { POINT_ONCE, POINT_LAYER } PointScope;
typedef enum { UNIT_WIDTH, UNIT_HEADS, UNIT_NEURONS, UNIT_TOKENS } PointUnit;
typedef enum { POINT_READ, POINT_EDITED } PointUse;
typedef enum { TAP_JOINED, TAP_KEYS, TAP_ROWS, TAP_NORM, TAP_SIZE, TAP_TABLE, TAP_PRODUCT } TapCost;

typedef struct {
    const char *component, *hook, *short_name, *other_name; /* the last may be null */
    PointScope scope;
    PointUnit unit;
    PointUse use;
    TapCost tap;
    const char *edit, *what;
} PointInfo;

extern const PointInfo point_info[POINT_COUNT];

typedef struct {
    int64_t first, last;
} PointRange;

/* Numbers in the order they were given; count 0: all. */
typedef struct {
    PointRange *at;
    int count;
} PointRanges;

/* The numbers of an operand's file. */
typedef struct {
    const float *at; /* [dim[0]][...], finite */
    int rank;        /* 1 to 3 */
    int64_t dim[3];
    const int64_t *layer; /* [dim[0]] that they are for, of a file that says it; or null */
} EditValues;

typedef struct {
    const char *text; /* as it was given */
    Loc loc;
    bool is_edit, is_start;
    PointKind kind;
    int copy; /* 1: the first of its kind in a layer */
    PointRanges layers, units;
    PointRanges positions; /* negative ones count from the end of the prompt */
    EditKind edit;
    double strength;
    bool takes_operand;       /* of numbers, */
    bool is_given;            /* the caller says something of it at run time, */
    bool is_on;               /* and it acts as it is until then */
    const EditValues *values; /* of its file; null: nobody has read it */
    const char *file;         /* of a tap, or of an operand; null: none is said */
    const char *tensor;       /* of the operand's file; null: the only one */
    int64_t found;            /* points of the model that it stands at */
    Ref first;                /* of an edit: its first node, while the graph is built */
} Instrument;

/* A point that a model has. */
typedef struct {
    PointKind kind;
    int64_t layer; /* -1: of no layer */
    int copy;
    int64_t columns, units;
    bool has_keys; /* each column is a head, with a float for each key */
} ModelPoint;

/* A buffer that the caller is to give, by its number. */
typedef struct {
    const char *point;
    int instrument; /* which of the taps, counted among taps alone, it belongs to */
    const char *file;
    int64_t layer; /* -1: of no layer */
    int64_t columns;
    bool has_keys; /* of each column as many floats as there are keys */
} ModelTap;

/* An edit at one point, of which something is not in the graph: its operand, or what is given. */
typedef struct {
    const char *point;
    const Instrument *of;
    int instrument;       /* which of the edits it is */
    int64_t layer;        /* -1: of no layer */
    int64_t columns;      /* of a row of the operand; 0: it has none */
    int64_t rows;         /* of those that are known */
    const float *operand; /* [rows][columns]; null: it is not known */
} ModelEdit;

typedef struct Instruments {
    Arena *arena;
    Instrument *at;
    int count, capacity, taps;
    ModelPoint *point; /* those of the model, in its order, */
    int64_t point_count, point_capacity;
    ModelTap *tap; /* and what the taps fill: both made with the graph */
    int64_t tap_count, tap_capacity;
    ModelEdit *edit; /* by number */
    int64_t edit_count, edit_capacity;
    Instrument *start; /* the point whose values are given in place of tokens; null: none are */
    bool taps_alone;   /* nothing but what taps keep is wanted */
} Instruments;

Instruments *instruments_create(Arena *arena);

/* Adds a tap or an edit. False: reported at `loc`. The text outlives the instruments. */
bool instruments_add(Instruments *instruments, bool is_edit, const char *text, Loc loc, Diag *diag);

/* Reports what is wrong with it, behind its text, of which INSTRUMENT_SHOWN bytes are shown. Always
 * false. */
enum { INSTRUMENT_SHOWN = 80 };
bool instrument_refuse(const Instrument *instrument, Diag *diag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Begins the model at a point of the stream, "resid_pre3", with nothing before it. False: reported.
 */
bool instruments_set_start(Instruments *instruments, const char *text, Loc loc, Diag *diag);

/* Forgets where they stand: the graph is built, perhaps once more. */
void instruments_begin(Instruments *instruments);

/* Of a graph that was built: whether each stands somewhere. False: reported, with what there is. */
bool instruments_check(const Instruments *instruments, int64_t layers, Diag *diag);

/* "blocks.3.attn.hook_z"; with a short name "z3". Of a second attention in a layer
 * "blocks.3.attn.hook_z_2". */
const char *point_name(const ModelPoint *point, bool is_short, Arena *arena);

/* "heads", "neurons", "tokens"; "" where columns have no numbers. */
const char *point_unit(PointUnit unit);

/* "tap", "edit" or "start". */
const char *instrument_role(const Instrument *instrument);

/* Whether a point is one that the instrument names, its layer among those selected. */
bool instrument_is_at(const Instrument *instrument, const ModelPoint *point);

#endif
