/* ir.h - the graph: a list of nodes in execution order. Read this first.
 *
 * A node makes one value, and is named by its index. An operand comes before its user, so one
 * forward loop visits definitions before uses and no pass needs a sort. Types are explicit on
 * every node. In text:
 *
 *   graph @gpt2 {context = 1024, chunk = 512} {
 *     @embed.tokens = param : f32[50257, 768]
 *     %2 = tokens : i32[T]
 *     %3 = position : i32[1]
 *     %4 = embed %2, @embed.tokens : f32[T, 768]
 *     %7 = read %4, @blocks.0.up, @blocks.0.up.bias {kind = layer, eps = 1e-05} : f32[T, 3072]
 *     %8 = activate %7 {activation = gelu} in %7 : f32[T, 3072]
 *     %9 = project %8, @blocks.0.down : f32[T, 768]
 *     %10 = write %4, %9 in %9 : f32[T, 768]
 *     ...
 *     return %12
 *   }
 *
 * `return none`: there is nothing but what taps keep.
 *
 * `in %7` says that the node is computed inside the kernel whose root is %7: a kernel is a root
 * and the nodes fused into it. The value of a graph does not depend on these marks, nor on where
 * buffers are placed or how kernels are scheduled (the last two stand after the type).
 *
 * In text a node stands on one line, '#' starts a comment, and numbers are labels: a graph that is
 * read is numbered anew. Sizes of memory join the first line when they are known: arena = 4096,
 * cache = 1024.
 */
#ifndef IR_IR_H
#define IR_IR_H

#include "ir/arena.h"
#include "ir/diag.h"

enum { IR_MAX_RANK = 3, IR_MAX_INPUTS = 8, IR_MAX_NODES = 1 << 20, IR_MAX_CONTEXT = 1 << 24 };

/* Elements of one value, with T and L at their most. */
#define IR_MAX_ELEMENTS (INT64_C(1) << 46)

/* What a call brings: a prefill tokens of a sequence, decode one; a batch any of several sequences,
 * and few the same, so many tokens at most, which it is scheduled for. */
typedef enum { PHASE_PREFILL, PHASE_DECODE, PHASE_BATCH, PHASE_FEW, PHASES } Phase;
enum { IR_FEW_ROWS = 16 };

/* Symbolic dimensions. Every other one is a constant, 1 <= d < 2^40. */
enum { IR_TOKENS = -1 /* T */, IR_LOGIT_ROWS = -2 /* L */ };

typedef enum {
#define OP(name, least, most, kind, shape, attrs, doc) OP_##name,
#include "ir/ops.def"
#undef OP
    OP_COUNT
} Op;

typedef enum {
#define ATTR(name, kind, initial) ATTR_##name,
#include "ir/attrs.def"
#undef ATTR
    ATTR_COUNT
} Attr;

/* Of a set of attributes. */
#define IR_ATTR_BIT(name) (UINT64_C(1) << ATTR_##name)

typedef enum { NORM_none, NORM_rms, NORM_layer, NORM_l2 } NormKind;
typedef enum { POOL_mean, POOL_first } PoolKind;
typedef enum { ACT_relu, ACT_relu2, ACT_gelu, ACT_gelu_tanh, ACT_silu, ACT_sigmoid } Activation;
typedef enum { FORMAT_f32, FORMAT_bf16, FORMAT_q8, FORMAT_q4, FORMAT_f16 } WeightFormat;
typedef enum { EDIT_scale, EDIT_set, EDIT_add, EDIT_project_out, EDIT_patch } EditKind;
typedef enum { ROPE_half, ROPE_interleaved } RopeStyle;
typedef enum { SCALING_none, SCALING_linear, SCALING_llama3, SCALING_yarn } RopeScaling;

typedef enum { KIND_LEAF, KIND_CONSTANT, KIND_VALUE, KIND_STREAM } OpKind;

typedef enum { DTYPE_f32, DTYPE_i32 } DType;

typedef struct {
    DType dtype;
    int rank;
    int64_t dim[IR_MAX_RANK];
} Type;

/* A value. Ref{0} is none: node 0 of every graph is unused. */
typedef struct {
    uint32_t index;
} Ref;

/* A list of at least one number. */
typedef struct Reals {
    int64_t count;
    double *at;
} Reals;

/* Attribute values, a member each: node->attr.eps. Set all of them by ir_attrs_default(). */
typedef double AttrREAL;
typedef int64_t AttrINT;
typedef bool AttrBOOL;
typedef const char *AttrNAME;
typedef const struct Reals *AttrREALS; /* null: none; graphs that are copied share it */
typedef NormKind AttrNormKind;
typedef PoolKind AttrPoolKind;
typedef Activation AttrActivation;
typedef EditKind AttrEditKind;
typedef RopeStyle AttrRopeStyle;
typedef WeightFormat AttrWeightFormat;
typedef RopeScaling AttrRopeScaling;

typedef struct {
#define ATTR(name, kind, initial) Attr##kind name;
#include "ir/attrs.def"
#undef ATTR
} Attrs;

/* Where a value lies, in floats from the start of the arena, or of the caches for an append.
 * Printed as ` at 4096 stride 784`, of a ring ` at 4096 stride 784 rows 640`. A value without
 * memory of its own has stride 0. */
typedef struct {
    int64_t offset;
    int64_t stride; /* floats from one row to the next */
    int64_t rows;   /* of a cache in which position p lies in row p % rows; 0: each has its own */
} Placement;

/* How a kernel is computed, number by number as in schedule.def. Printed as
 * ` with {rows = 14, panels = 1, block = 126}`. */
typedef struct {
#define SCHEDULE(name, text) int64_t name;
#include "ir/schedule.def"
#undef SCHEDULE
} Schedule;

/* What emitters of tiles have room for. */
enum { SCHEDULE_MOST_ROWS = 16, SCHEDULE_MOST_PANELS = 8 };

typedef struct {
    Op op;
    bool dead;        /* removed by the next ir_sweep() */
    Loc loc;          /* the line of the YAML or of the graph text it comes from */
    const char *name; /* of a constant, unique in its graph; null for others */
    Type type;
    Ref in[IR_MAX_INPUTS]; /* none where an optional operand is absent */
    Attrs attr;
    Ref root;          /* the kernel it is computed in; none: a kernel of its own */
    Placement place;   /* filled by place-buffers */
    Schedule schedule; /* filled by schedule, on roots */
} Node;

typedef struct {
    Arena *arena;
    Diag *diag;
    const char *name;
    Loc loc;         /* of its first line in graph text, or of its name in the YAML */
    int64_t context; /* most positions a sequence may have */
    int64_t chunk;   /* most tokens a call may bring: the bound of T */
    int64_t batch; /* of a phase: its rows are of several sequences, each at a position of its own,
                    * and so many at most; 0: all are of one */
    int64_t arena_floats, cache_floats; /* filled by place-buffers; 0 before */
    Node *node;
    uint32_t count, capacity; /* node[1 .. count-1] are used */
    Ref result;
} Graph;

typedef struct {
    const char *name;
    int least, most; /* inputs */
    OpKind kind;
    uint64_t attrs;                                                  /* bit set of Attr */
    bool (*infer)(const Graph *graph, const Node *node, Type *type); /* null: declared */
    const char *doc;
} OpInfo;

extern const OpInfo ir_op_info[OP_COUNT];

/* ops.c */
bool ir_is_constant(const Node *node);

/* node.c: what a graph is asked. */
Node *ir_node(const Graph *graph, Ref ref);
bool ir_ref_is_none(Ref ref);
bool ir_ref_equal(Ref a, Ref b);
bool ir_type_equal(Type a, Type b);
bool ir_schedule_equal(Schedule a, Schedule b);
bool ir_reals_equal(const Reals *a, const Reals *b); /* null is equal to null alone */
bool ir_can_be_prologue(
    const Node *node); /* of a projection's kernel: a norm or quantise of rows */
/* Whether a projection multiplies what a norm of whole rows makes, by itself or before it. */
bool ir_reads_norm(const Graph *graph, const Node *projection);
Ref ir_root(const Graph *graph, Ref ref); /* the kernel's root: node->root, or the node itself */
uint32_t *ir_count_uses(const Graph *graph, Arena *scratch); /* indexed by Ref.index */
/* Params that are operands of edits, edit.0, edit.1, ...: who built the graph has their values, and
 * no checkpoint. */
#define IR_OPERAND_STEM "edit."
bool ir_is_operand(const Node *node);
int64_t ir_count_parameters(const Graph *graph); /* values of all params of the model's own */

/* build.c: making and changing graphs. */
Graph *ir_graph_create(Arena *arena, Diag *diag, const char *name);
Graph *ir_graph_copy(const Graph *graph,
                     Arena *arena); /* same diag; names and sources are shared */
Attrs ir_attrs_default(void);
Ref ir_node_add(Graph *graph, Node node); /* at the end; the type is inferred unless declared */
void ir_replace_uses(Graph *graph, Ref from, Ref to); /* operands, roots, result */

/* sweep.c: marks what the result does not need as dead, then drops dead nodes, restores the order
 * "constants first, operands before users" and renumbers: a pass may append nodes at the end and
 * let earlier nodes refer to them. The relative order of nodes is kept where it can be. */
void ir_sweep(Graph *graph, Arena *scratch);

/* specialise.c: the graph of another phase: T := tokens and L := rows become constants, `last` of
 * all rows disappears, but where it is a state of the stream that is returned. */
void ir_specialise(Graph *graph, int64_t tokens, int64_t rows, Arena *scratch);

/* The graph of a phase whose calls bring segments of several sequences, `rows` tokens at most: what
 * belongs to a position or a cache is that of each row, `last` gives the rows that are wanted of
 * all segments, and `pool` one for each of them. */
void ir_make_batch(Graph *graph, int64_t rows);

/* Whether a `last` is the end of what its operand is, and no copy of rows from here and there. */
bool ir_last_is_view(const Graph *graph, const Node *node);

/* Most tokens of a call. */
int64_t ir_most_rows(const Graph *graph);

/* verify.c, print.c, parse.c: driven by the tables. */
bool ir_verify(const Graph *graph);
void ir_print(const Graph *graph, FILE *out);
/* The word of a value of an enumeration of enums.def, as "Activation"; "" where it has none. */
const char *ir_enum_word(const char *type, int value);

void ir_print_node(const Graph *graph, Ref ref, FILE *out); /* one line, without line end */
Graph *ir_parse(Arena *arena, Diag *diag, const Source *source);
void ir_print_reference(FILE *out); /* docs of every op, as Markdown */

#endif
