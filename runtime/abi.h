/* abi.h - the contract between compiled code and the runtime.
 *
 * An object file is one TwModule: a model, compiled for one processor or for several, each of them
 * a TwProgram. Its two entries are called by every thread of a team with the same frame and do one
 * call of the model: `token_count` tokens that stand at `position` and after. Everything is in
 * floats (4 bytes) unless said otherwise. C99, no other header of ours.
 *
 * An object made by version 1.x works with a runtime of version 1.y, y >= x: structs grow at their
 * ends only, objects say how long theirs are, and TW_ABI_VERSION stays. What is promised to objects
 * and to the headers that were written with them is this file, the calls of object_calls.def, the
 * rows of cpu_features.def and status.def, TwSessionOptions, TwSamplerOptions and TW_MODEL_BYTES.
 */
#ifndef THALWEG_ABI_H
#define THALWEG_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what a program outside of the library may call. */
#ifdef __GNUC__
#define TW_API __attribute__((visibility("default")))
#else
#define TW_API
#endif

enum { TW_ABI_VERSION = 1 };

/* Where a tap keeps its values: row p is of the token at position p. */
typedef struct TwTapBuffer {
    float *rows;   /* null: it is not wanted */
    int64_t count; /* of positions; of scores and patterns, of keys in each of their rows, too */
} TwTapBuffer;

/* What is said of an edit at run time. All zero: it changes nothing. */
typedef struct TwEdit {
    const float *operand; /* rows of as many floats as the edit says: what is set, added, taken out
                           * or patched with; null: an edit that takes one changes nothing */
    const int32_t *row;   /* [row_count] for each position the row of the operand, 0 for an edit
                           * that takes none; -1: the value stays. Null: row 0 for all positions;
                           * to patch with, the row of the position's own number. */
    int64_t row_count;    /* from this position on values stay, where it counts */
    float strength;
    int32_t is_on;
} TwEdit;
/* A row of a call of several sequences. */
typedef struct TwRow {
    int64_t position; /* of its token in its sequence */
    int64_t caches;   /* the sequence's caches begin so many floats behind TwFrame.caches, */
    int64_t taps;     /* its buffers so many behind the first of TwFrame.taps, */
    int64_t edits;    /* and what is said of its edits behind the first of TwFrame.edits */
} TwRow;

/* What a call of the model works on. The caller owns all of it. */
typedef struct TwFrame {
    const char *weights;   /* data of the packed weight file, 64-byte aligned */
    float *arena;          /* arena_floats, 64-byte aligned; contents do not survive a call */
    float *caches;         /* cache_floats, 64-byte aligned, zeroed once; hold the sequence */
    const int32_t *tokens; /* [token_count], each 0 <= token < vocab; of a program with
                            * start_columns in their place floats, [token_count][start_columns] */
    float *logits;         /* [logit_rows] rows of the model's output, logits_stride floats apart,
                            * 64-byte aligned */
    int64_t token_count;   /* 1 <= token_count <= chunk; decode: 1 */
    int64_t position;      /* position + token_count <= context */
    int64_t logit_rows;    /* 1 <= logit_rows <= token_count: logits of the last rows; decode: 1 */
    void *team;            /* handed to tw_team_barrier(); null: a team of one */
    void *trace;           /* handed to tw_trace_mark() by timed code, the only one that reads it */
    float *scratch; /* scratch_floats of thread 0, then of thread 1, ..., 64-byte aligned; contents
                     * do not survive a call */
    const TwTapBuffer *taps; /* [tap_count] of the program */
    const float *tables;     /* table_floats, 64-byte aligned, filled as the rotations say */
    /* For the entries of batches, in place of position. The rows of a call are segments, each of
     * another sequence: rows starts[s] to starts[s + 1] - 1 are at positions that follow each
     * other. */
    const TwRow *rows;     /* [token_count] */
    const int64_t *starts; /* [segment_count + 1] */
    int64_t segment_count;
    const int64_t *wanted; /* [logit_rows] numbers of rows whose logits are wanted, ascending */
    const TwEdit *edits;   /* [edit_count] of the program */
} TwFrame;

/* What an entry takes of the stack of each thread, at most. Objects of version 1.0 took more. */
enum { TW_STACK_BYTES = 16 << 10 };

/* Thread `thread` of `threads` does its share; all return when the call is done. */
typedef void TwEntry(const TwFrame *frame, int64_t thread, int64_t threads);

/* A table of cos and sin that turn vectors by their position p < context. From `offset` floats on
 * each position has `columns` of cos, then as many of sin, of which those of `pairs` pairs i are
 * used: scale * cos(p * frequency[i]) and scale * sin(p * frequency[i]). Interleaved: each stands
 * twice side by side, and the first of the two sines is negative. */
typedef struct TwRotation {
    int64_t offset, columns;
    int64_t pairs;
    int64_t is_interleaved;
    double scale;
    const double *frequency; /* [pairs] */
} TwRotation;

/* A cache as its first positions are copied: `pieces` of them, each with `piece_floats` and so many
 * positions side by side, `unit_floats` for every `unit` of positions. */
typedef struct TwCache {
    int64_t offset; /* floats from the sequence's caches */
    int64_t pieces, piece_floats;
    int64_t unit, unit_floats;
} TwCache;

typedef struct TwProgram {
    uint32_t abi_version;  /* the first two fields are the same in every version */
    uint32_t struct_bytes; /* sizeof(TwProgram) where it was made */
    const char *name;
    const char *cpu; /* that it was compiled for, for messages */
    uint64_t needs;  /* of the processor: a bit for each row of its part of cpu_features.def */
    int64_t vocab, context, chunk;
    int64_t logits_stride; /* floats, >= outputs */
    int64_t arena_floats, cache_floats;
    uint64_t layout_id;    /* of the packed weight file that fits */
    uint64_t weight_bytes; /* data bytes of that file */
    TwEntry *prefill, *decode;
    /* From here on 0 where the program ends before. */
    int64_t scratch_floats;         /* that each thread has for itself */
    uint64_t takes_whole_sequences; /* 1: the model is not causal, or pools, so that a call is a
                                     * sequence from its first token to its last */
    int64_t outputs;            /* columns of a row, which is none of logits; 0: vocab, logits; -1:
                                 * there are no rows, but what taps keep */
    uint64_t is_pooled;         /* 1: a call has one row, whatever it brings */
    int64_t tap_count;          /* buffers of the frame's taps */
    int64_t table_floats;       /* of TwFrame.tables */
    const TwRotation *rotation; /* [rotation_count], each with a part of the tables of its own */
    int64_t rotation_count;
    /* Of caches that keep the latest positions alone, each at its number modulo the cache's rows.
     * While a sequence has not had more than ring_rows tokens, which is the least of their rows,
     * nothing is lost; later it can take back so many of the latest. ring_rows 0: there are none.
     */
    int64_t ring_rows, ring_rollback;
    /* For calls of several sequences; null: it has no code for them. */
    TwEntry *batch;       /* of any number of rows, up to chunk */
    TwEntry *few;         /* of few_rows at most, which it is made for */
    int64_t few_rows;     /* where there are such */
    const TwCache *cache; /* [cache_count]: all that hold a sequence */
    int64_t cache_count;
    const TwEdit *edit; /* [edit_count] as they are until others are set; null: all zero */
    int64_t edit_count;
    int64_t
        start_columns; /* of the values that a call takes in place of tokens; 0: it takes those */
} TwProgram;

typedef struct TwModule {
    uint32_t abi_version;
    uint32_t struct_bytes;
    const char *name;
    const TwProgram *const
        *program; /* [program_count], the best first; all read the same weights */
    int64_t program_count;
    const char *weights;      /* a packed weight file, TW_WEIGHTS_ALIGNMENT; null: not inside */
    uint64_t weights_bytes;   /* of that file */
    uint64_t has_byte_tokens; /* 1: a token is a byte of text */
    /* From here on 0 where the module ends before. */
    uint64_t has_tokenizer;   /* 1: tables of a tokenizer belong to it, in a file or inside */
    const void *tokenizer;    /* such a file, TW_WEIGHTS_ALIGNMENT; null: not inside */
    uint64_t tokenizer_bytes; /* of that file */
} TwModule;

/* Of packed weights that are in memory. */
enum { TW_WEIGHTS_ALIGNMENT = 64 };

/* Every thread of the team waits here for the others. Called by compiled code between kernels;
 * what a thread wrote before it is seen by all after it. */
TW_API void tw_team_barrier(void *team, int64_t thread);

/* Notes the time at which a thread reaches a place. Called by timed code, which a program that
 * measures itself is made of and object files never are; a null trace notes nothing. */
TW_API void tw_trace_mark(void *trace, int64_t thread, int64_t mark);

#ifdef __cplusplus
}
#endif

#endif
