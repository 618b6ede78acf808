/* session_state.h - what a session is, for the files that make and run it. */
#ifndef RUNTIME_SESSION_STATE_H
#define RUNTIME_SESSION_STATE_H

#include "runtime/runtime.h"
#include "runtime/team.h"
#include "runtime/trace.h"

typedef struct Sequence {
    int64_t position; /* tokens in its caches */
    int64_t reached;  /* the most there were since the first */
} Sequence;

struct TwSession {
    const TwProgram *program;
    Team *team, *decode_team; /* maybe the same */
    TeamSize size, decode_size;
    Trace *trace; /* of timed code; null: none */
    float *arena, *caches, *logits, *scratch, *tables;
    void *cache_block, *table_block; /* that caches and tables are in */
    int threads;                     /* that there is scratch for, */
    int64_t scratch_floats;          /* of each */
    const char *weights;
    Sequence *sequence;                 /* [sequences], of which each has */
    int64_t sequences, sequence_floats; /* so many floats of the caches */
    Sequence *now;                      /* that calls which name none are of */
    int64_t tabled;                     /* positions that the tables have */
    int64_t rows;                       /* of logits that can be read */
    int64_t logit_rows;                 /* that there is room for */
    int64_t start_columns;              /* of the program */
    TwTapBuffer *taps;                  /* [sequences][tap_count] of the caller's */
    TwEdit *edits;                      /* [sequences][edit_count] */
    TwRow
        *batch_rows; /* [chunk], [sequences + 1], [logit_rows]: the parts of a batch as its frame */
    int64_t *starts, *wanted; /* has them; null: the program has no code for batches */
    bool is_placed;           /* in memory of the caller, as are its parts */
};

/* Fields that later versions added are not in every program. */
#define TW_HAS_FIELD(program, field)                                                               \
    ((program)->struct_bytes >= offsetof(TwProgram, field) + sizeof(program)->field)

static inline bool takes_whole_sequences(const TwProgram *program) {
    return TW_HAS_FIELD(program, takes_whole_sequences) && program->takes_whole_sequences;
}

static inline bool is_pooled(const TwProgram *program) {
    return TW_HAS_FIELD(program, is_pooled) && program->is_pooled;
}

/* Of the values that it takes in place of tokens; 0: it takes tokens. */
static inline int64_t start_columns(const TwProgram *program) {
    return TW_HAS_FIELD(program, start_columns) ? program->start_columns : 0;
}

static inline int64_t ring_rows(const TwProgram *program) {
    return TW_HAS_FIELD(program, ring_rollback) ? program->ring_rows : 0;
}

static inline int64_t tap_count(const TwProgram *program) {
    return TW_HAS_FIELD(program, tap_count) ? program->tap_count : 0;
}

static inline int64_t edit_count(const TwProgram *program) {
    return TW_HAS_FIELD(program, edit_count) ? program->edit_count : 0;
}

static inline bool has_batches(const TwProgram *program) {
    return TW_HAS_FIELD(program, cache_count) && program->batch;
}

/* The input of a call is tokens, or values in their place, of which each has four bytes, too. */

/* Can `count` tokens or rows of values come next in a sequence? */
TwStatus tw_session_check(const TwSession *session, const Sequence *sequence, const int32_t *input,
                          int64_t count);

/* Rows of tables up to that position. */
void tw_session_make_tables(TwSession *session, int64_t end);

/* A frame of the session's memory and all its sequences. */
TwFrame tw_session_frame(const TwSession *session, const int32_t *input, int64_t count);

/* An entry runs, by the team for one token or that for more. */
void tw_session_run(TwSession *session, TwEntry *entry, const TwFrame *frame, bool is_decode);

/* A call of one sequence that has been checked; its logits go to row `first` and after. */
void tw_session_advance(TwSession *session, Sequence *sequence, const int32_t *input, int64_t count,
                        int64_t first, int64_t rows);

/* `count` more tokens are in the caches of a sequence. */
static inline void sequence_grow(Sequence *sequence, int64_t count) {
    sequence->position += count;
    if (sequence->position > sequence->reached) sequence->reached = sequence->position;
}

/* Whether caches that are rings hold all that a token at the position sees. */
bool tw_session_remembers(const TwSession *session, const Sequence *sequence, int64_t position);

#endif
