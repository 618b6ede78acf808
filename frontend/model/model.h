/* model.h - what a model IS: the YAML description, read and checked, every value with its place.
 *
 * Each section of model.def is a struct here: field `key` has the value, `key_loc` its place (no
 * source where the key is absent). Everything lives in the arena that model_read() is given and
 * points into the source.
 *
 * The shape of a model: a block stands for `repeat` layers; layer i of them is layer[i % period]. A
 * layer is a row of groups that run one after the other; the branches of a group read the same
 * state of the stream and write in order.
 */
#ifndef FRONTEND_MODEL_H
#define FRONTEND_MODEL_H

#include "frontend/model/instrument.h"
#include "frontend/model/yaml.h"
#include "ir/ir.h"

enum { MODEL_MAX_LAYERS = 10000, MODEL_MAX_BRANCHES = 20000 /* of all layers */ };
enum { MODEL_MAX_CONTEXT = 1 << 22 /* as its row in model.def says */ };

/* ---- kinds of values ---- */

typedef enum { POSITIONS_none, POSITIONS_learned, POSITIONS_sinusoidal } PositionsKind;
typedef struct {
    PositionsKind kind;
    int64_t offset; /* learned */
} Positions;

typedef enum { OVER_head, OVER_width } NormOver;
typedef enum { HEAD_logits, HEAD_hidden } HeadOutput;
typedef enum { POOLING_none, POOLING_mean, POOLING_cls, POOLING_last } PoolingKind;

typedef struct {
    int64_t count, *at;
} Ints;

/* Words in the order of model.def. */
typedef enum {
#define SCALING_WORD(word) ROPE_SCALING_##word,
#include "frontend/model/model.def"
} RopeScalingKind;

typedef enum {
#define ACTIVATION_WORD(word, lowered) ACTIVATION_##word,
#include "frontend/model/model.def"
    ACTIVATION_COUNT
} ActivationKind;

/* What a word is in a graph, an Activation, or nothing yet. */
enum { NOT_LOWERED = -1 };
int model_lowered_activation(ActivationKind kind);

typedef enum { WRITE_SCALE_number, WRITE_SCALE_learned, WRITE_SCALE_vector } WriteScaleKind;
typedef struct {
    WriteScaleKind kind;
    double value; /* number */
} WriteScale;
#define WRITE_SCALE_1                                                                              \
    { .value = 1 }

typedef enum { TOKENIZER_none, TOKENIZER_bytes, TOKENIZER_file } Tokenizer;

typedef int64_t ModelINT;
typedef int64_t ModelINT_OR_NONE;
typedef double ModelREAL;
typedef double ModelREAL_OR_NONE;
typedef bool ModelBOOL;
typedef const char *ModelTEXT;
typedef const char *ModelNAME;
typedef const YamlNode *ModelNODE;
typedef Positions ModelPOSITIONS;
typedef NormOver ModelOVER;
typedef NormKind ModelNORM_KIND;
typedef RopeStyle ModelROPE_STYLE;
typedef struct {
    WeightFormat format;
    bool is_stored; /* the nearest to what it has in the file, in place of `format` */
} ModelFORMAT;
typedef RopeScalingKind ModelSCALING_KIND;
typedef ActivationKind ModelACTIVATION;
typedef WriteScale ModelWRITE_SCALE;
typedef Reals ModelREALS;
typedef Ints ModelINTS;
typedef HeadOutput ModelHEAD_OUTPUT;
typedef PoolingKind ModelPOOLING_KIND;
typedef Tokenizer ModelTOKENIZER;

/* ---- sections ---- */

#define FIELD(key, kind, need, least, most, initial, help)                                         \
    Model##kind key;                                                                               \
    Loc key##_loc;

typedef struct {
#define NORM    FIELD
#define QK_NORM FIELD
#include "frontend/model/model.def"
} Norm;
typedef Norm ModelNORM;
typedef Norm ModelQK_NORM;

typedef struct {
#define WRITE FIELD
#include "frontend/model/model.def"
    bool is_gated; /* by the word or by the key; then there is no carry and no scale */
} Write;
typedef Write ModelWRITE;
#define WRITE_ADD                                                                                  \
    { .carry = 1, .scale = WRITE_SCALE_1, .skip = true }

typedef struct {
#define QUERY_SCALE FIELD
#include "frontend/model/model.def"
    bool is_used; /* false: `none` */
} QueryScale;
typedef QueryScale ModelQUERY_SCALE;

typedef struct {
#define SCALING FIELD
#include "frontend/model/model.def"
} Scaling;
typedef Scaling ModelSCALING;

typedef struct {
#define ROPE FIELD
#include "frontend/model/model.def"
    bool is_used; /* false: `none` */
} Rope;
typedef Rope ModelROPE;

typedef struct {
#define ATTENTION_BIAS FIELD
#include "frontend/model/model.def"
} AttentionBias;
typedef AttentionBias ModelATTENTION_BIAS;

/* After reading, kv_heads, head_dim, v_head_dim, scale and rope.dims have their values. */
typedef struct {
#define ATTENTION FIELD
#include "frontend/model/model.def"
    Loc loc;
} Attention;

typedef struct {
#define MLP_BIAS FIELD
#include "frontend/model/model.def"
} MlpBias;
typedef MlpBias ModelMLP_BIAS;

typedef struct {
#define EXPERTS FIELD
#include "frontend/model/model.def"
} Experts; /* count 0: none */
typedef Experts ModelEXPERTS;

typedef struct {
#define MLP FIELD
#include "frontend/model/model.def"
    Loc loc;
} Mlp;

typedef struct {
#define EMBED FIELD
#include "frontend/model/model.def"
} Embed;
typedef Embed ModelEMBED;
#define EMBED_PLAIN                                                                                \
    { .scale = 1 }

typedef struct {
#define HEAD FIELD
#include "frontend/model/model.def"
} Head;
typedef Head ModelHEAD;
#define HEAD_PLAIN                                                                                 \
    { .scale = 1 }

typedef struct {
#define POOLING FIELD
#include "frontend/model/model.def"
} Pooling;
typedef Pooling ModelPOOLING;

/* The format of matrices whose names fit a pattern of a shell. */
typedef struct {
    const char *pattern;
    ModelFORMAT type;
    Loc loc;
} FormatRule;

/* A name of a tensor that is given for a parameter, both patterns of tensor_names.h. */
typedef struct {
    const char *param, *tensor;
    const char *file; /* null: that of the weights */
    bool has_rows, is_transposed;
    int64_t first, end; /* of its rows */
    Loc loc;
} GivenName;

/* Where parameters come from: a file, or a seed; and how they are kept. */
typedef struct {
#define WEIGHTS FIELD
#include "frontend/model/model.def"
    bool is_synthetic;       /* then `synthetic` is the seed, and there is no file */
    const char *names_table; /* of a file: the name of a table, or null */
    GivenName *given;        /* of a file: names that stand in the description */
    GivenName *others;       /* of `beside` */
    FormatRule *rule;        /* of `types`: the first that fits a name counts */
    int given_count, other_count, rule_count;
    Loc loc;
} WeightsSpec;
typedef WeightsSpec ModelWEIGHTS;

/* Sections that a reader looks into and a model keeps no part of. */
typedef struct {
#define STREAM FIELD
#include "frontend/model/model.def"
} StreamKeys;

typedef struct {
#define LEARNED FIELD
#include "frontend/model/model.def"
} LearnedKeys;

typedef struct {
#define TENSOR FIELD
#include "frontend/model/model.def"
} TensorKeys;

typedef struct {
#define INSTRUMENT FIELD
#include "frontend/model/model.def"
} InstrumentKeys;

typedef struct {
#define TOKENIZER FIELD
#include "frontend/model/model.def"
} TokenizerKeys;

/* ---- the whole ---- */

typedef enum { BRANCH_attention, BRANCH_mlp } BranchKind;

typedef struct {
    BranchKind kind;
    Attention of_attention; /* the one of `kind` is filled */
    Mlp of_mlp;
#define BRANCH FIELD
#include "frontend/model/model.def"
    Loc loc;
} Branch;

typedef struct {
    bool is_parallel;
    bool has_shared_norm; /* `norm` stands before all branches, whose own is none */
#define PARALLEL FIELD
#include "frontend/model/model.def"
    Branch *branch;
    int count;
    Loc loc;
} Group;

typedef struct {
    Group *group;
    int count;
} Layer;

typedef struct {
#define BLOCK FIELD
#include "frontend/model/model.def"
    Layer *layer;
    int64_t period; /* layers that differ, 1 <= period <= repeat */
    Loc loc;
} Block;

typedef struct {
#define MODEL FIELD
#include "frontend/model/model.def"
    int64_t own_context; /* as described; `context` may be another, see model_set_context() */
    int64_t width;       /* of the stream */
    Loc width_loc;
    Block *block;
    int block_count;
    int64_t layers;             /* of all blocks */
    const char *tokenizer_file; /* of TOKENIZER_file */
    Instruments *instruments;   /* those of the description; others may be added */
} Model;

#undef FIELD

/* Reads and validates a description. Null: reported, up to DIAG_MAX_ERRORS errors at once. */
Model *model_read(Arena *arena, Diag *diag, const Source *source);

/* Makes it a model of sequences of another length than its own, 1 to MODEL_MAX_CONTEXT. A longer
 * one is a warning; false, reported: its positions are learned, or its rope is scaled for its own.
 */
bool model_set_context(Model *model, int64_t context, Diag *diag);

/* Makes it a model without skip connections: each branch replaces the stream that it reads, and of
 * branches in parallel the first does. False, reported: a write is gated. */
bool model_drop_skips(Model *model, Diag *diag);

/* Whether model_build_graph() knows how to make all that the description asks for, and the whole is
 * of a size that can be counted. False: reported. */
bool model_check_lowered(const Model *model, Diag *diag);

#endif
