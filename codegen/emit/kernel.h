/* kernel.h - a root and the nodes fused into it, in the form the emitters work from.
 *
 * A projection's outputs fall into groups, each with an epilogue of its own:
 *
 *   y[t, n] = x[t] . W[n]                        the register tile
 *   y = y * scale[t] + bias[n]                   scale: only a `read` has one
 *   y = f(y) ...                                 pointwise ops on each part
 *   y = y * z, z another part of the same width  a gate; then more pointwise ops
 *   store, or write into the stream
 *   norm, rope, scale, append on whole heads     by the thread that made those columns
 *
 * A tap may stand anywhere in a chain: it keeps what comes to it, and hands it on.
 *
 * Pointers a kernel needs are its slots: parameters of the emitted function, so that kernels of
 * equal shape share one function.
 */
#ifndef CODEGEN_KERNEL_H
#define CODEGEN_KERNEL_H

#include "codegen/pack/layout.h"

enum { MAX_CHAIN = 32, MAX_GROUPS = 8, MAX_SLOTS = 96, MAX_KERNEL_NODES = 128 };

typedef struct {
    Ref node[MAX_CHAIN];
    int count;
} Chain;

typedef struct {
    PanelGroup panels;   /* where its outputs lie in the packed weight */
    int64_t first_panel; /* of all panels of the kernel */
    Chain part[2];       /* pointwise ops on each part, before the gate */
    Ref gate;            /* the multiply of both parts, or none */
    Chain after;         /* pointwise ops, and the write as the last */
    Chain heads;         /* norm, rope, scale_positions, append */
    Ref value;           /* the last node of all chains */
    Ref memory;          /* the node whose place the rows are stored to; none: a write */
    int64_t head_dim;    /* 0: no head ops */
    int64_t unit;        /* panels that must stay with one thread */
} OutputGroup;

typedef enum {
    SLOT_ARENA,   /* offset floats into the arena */
    SLOT_KEYS,    /* offset floats into the caches, laid out for keys */
    SLOT_VALUES,  /* the same for values */
    SLOT_WEIGHTS, /* offset floats into the packed weights */
    SLOT_TABLES,  /* offset floats into the tables of ropes */
    SLOT_LOGITS,
    SLOT_TOKENS,
    SLOT_START, /* values that the caller gives in place of tokens, in rows without padding */
    SLOT_FRAME, /* the call's TwFrame, of a kernel that asks for the place of each row */
    SLOT_TAP,   /* offset is the number of a buffer of the caller's; null: it is not wanted; in a
                 * batch the first sequence's, as a TAP_BUFFER */
    SLOT_TAP_BUFFER, /* the same as TwFrame.taps has it, with its size */
    SLOT_EDIT        /* offset floats into the frame's edits, where what is said of this one is */
} SlotKind;

typedef struct {
    SlotKind kind;
    PackedForm form; /* of a constant; VECTOR for a value in memory */
    Ref ref;         /* the value it points to; in ROWS the rope of a table, or an edit */
    int64_t offset;
    int64_t stride;      /* floats between rows, where it has rows */
    bool is_last;        /* the last L of T rows: the caller moves the pointer */
    int64_t ring;        /* rows of a cache that is a ring; 0: it has one for each position */
    WeightFormat format; /* of a constant */
} Slot;

typedef struct {
    const Graph *graph;
    Ref root;
    Ref prologue; /* the norm or quantise that it does first; none: no such */
    Ref *node;    /* root first, without the prologue */
    int node_count;
    OutputGroup *group;
    int group_count;
    int64_t panels; /* of all groups */
    /* Where these heads of keys divide evenly among the threads, each thread computes what it will
     * attend to itself: no barrier follows. 0: one does always. */
    int64_t own_heads;
    Slot *slot;
    int slot_count;
} Kernel;

/* Whether a value needs no code: leaves, constants, and views of another value's memory. */
bool kernel_is_free(const Graph *graph, Ref ref);

/* Forms the kernel of a root, behind which its members stand as ir_sweep() leaves them, and adds
 * the constants it reads to the layout. Null: reported to graph->diag (an op without a kernel of
 * its own, or a fusion that no emitter knows). */
Kernel *kernel_form(const Graph *graph, Ref root, Layout *layout, Arena *arena);

/* Of a phase whose rows are of several sequences: what it does depends on whose a row is. */
bool kernel_asks_rows(const Kernel *kernel);

bool kernel_has_slot(const Kernel *kernel, Ref ref, PackedForm form);

/* The slot of a value or constant in that form; asserts that there is one. */
int kernel_slot(const Kernel *kernel, Ref ref, PackedForm form);

#endif
