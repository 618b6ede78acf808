/* runtime.h - runs a compiled model: packed weights, sessions, sampling. For embedding programs.
 *
 * Every create or open has its destroy or close, and a null argument to those is fine. Functions
 * that can fail return a TwStatus, set *out to null first and change nothing on failure. The
 * library never prints, never exits, and allocates only where it says so. Weights may be shared by
 * any number of sessions and threads; a session is used by one thread at a time.
 */
#ifndef THALWEG_RUNTIME_H
#define THALWEG_RUNTIME_H

#include "runtime/abi.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum TwStatus {
#define STATUS(name, text) TW_##name,
#include "runtime/status.def"
#undef STATUS
    TW_STATUS_COUNT
} TwStatus;

TW_API const char *tw_status_text(TwStatus status); /* a static string */

/* ---- packed weights: a file, mapped read-only and used as it lies ---- */

typedef struct TwWeights TwWeights;

/* Maps the file and checks header, sizes and the header's checksum; the data's checksum only when
 * `verify` is set (it reads the whole file). layout_id 0 accepts any layout. Replace an open file
 * by renaming another over it: one that shrinks while it is mapped ends the process (SIGBUS). */
TW_API TwStatus tw_weights_open(const char *path, uint64_t layout_id, bool verify, TwWeights **out);
TW_API void tw_weights_close(TwWeights *weights);
TW_API const char *tw_weights_data(const TwWeights *weights);
TW_API uint64_t tw_weights_bytes(const TwWeights *weights); /* of the data */
TW_API uint64_t tw_weights_layout_id(const TwWeights *weights);
TW_API uint64_t
tw_weights_source_id(const TwWeights *weights); /* what the weights were packed from */

/* ---- what a program gives ---- */

/* Floats of a row: vocab of them where it is one of logits, else classes, hidden values, or an
 * embedding; 0 of a program that gives no rows, but what its taps keep alone. */
TW_API int64_t tw_program_outputs(const TwProgram *program);
/* Whether tokens can be drawn from rows and fed one by one: they are logits, and the model is
 * causal. */
TW_API bool tw_program_generates(const TwProgram *program);

/* ---- a session: one sequence of tokens through one model, or several side by side ---- */

typedef struct TwSession TwSession;

/* A thread's share of a piece of work; `threads` threads do it together. */
typedef void TwTask(void *task, int64_t thread, int64_t threads);

/* Runs share(task, thread, n) for thread = 0 .. n - 1 on as many threads at the same time, and
 * returns when all have. n is `threads`, or less where there are no more; shares wait for each
 * other, so that none may begin after another's end. */
typedef void TwRunTeam(void *context, TwTask *share, void *task, int64_t threads);

/* Written headers have a copy of it: fields are added at its end. */
typedef struct TwSessionOptions {
    size_t struct_bytes; /* sizeof(TwSessionOptions); 0: as long as in version 1.0 */
    int threads;         /* of the team; 0: as many as the machine has */
    int decode_threads;  /* of a team for calls of one token; 0: the same team */
    int64_t logit_rows;  /* most rows of logits a call may ask for; 0: 1 */
    void *memory;        /* for all that the session needs; null: taken from malloc */
    size_t memory_bytes; /* at least tw_session_bytes() */
    TwRunTeam *run_team; /* the caller's own threads; null: OpenMP's, where it is linked */
    void *team_context;  /* for run_team */
    int64_t sequences;   /* that it has; 0: 1 */
} TwSessionOptions;

/* The program and the weights outlive the session, and so do memory and threads of the caller. All
 * memory a session ever uses is taken here: caches of each of its sequences, too. */
TW_API TwStatus tw_session_create(const TwProgram *program, const TwWeights *weights,
                                  const TwSessionOptions *options, TwSession **out);
TW_API void tw_session_destroy(TwSession *session);

/* What a session with these options (null: the defaults) needs as `memory`; 0: it cannot be. */
TW_API size_t tw_session_bytes(const TwProgram *program, const TwSessionOptions *options);

/* One call of the model: tokens[count], 1 <= count <= program->chunk, at the session's position,
 * which advances by count. The logits of the last `rows` tokens (0: 1) can be read afterwards.
 * count 1 runs the decode code, more the prefill code. */
TW_API TwStatus tw_session_step(TwSession *session, const int32_t *tokens, int64_t count,
                                int64_t rows);

/* Any number of tokens that fit the context, in chunks; logits of the last token. */
TW_API TwStatus tw_session_prefill(TwSession *session, const int32_t *tokens, int64_t count);

/* The next token, by the decode code; its logits. */
TW_API TwStatus tw_session_decode(TwSession *session, int32_t token);

/* What the model gives in row `row` of the last call: tw_program_outputs() floats, logits or what
 * else it was described to give, owned by the session, valid until its next call. Rows count from
 * 0, the last is rows - 1. Null when there is none. A model that pools gives one row in a call. */
TW_API const float *tw_session_logits(const TwSession *session, int64_t row);

/* What tap `number` of the program keeps goes to rows[count] of the caller's from now on: row p is
 * that of the token at position p, with as many floats as the tap has columns. Of attention's
 * scores and patterns each column is a head, and has `count` floats side by side, one for each key
 * by its position: -infinity of scores and 0 of a pattern where the token does not see it. Calls
 * that bring a token of a position from `count` on fail. Null rows, as at first: it is not wanted.
 * The rows outlive the calls. */
TW_API TwStatus tw_session_set_tap(TwSession *session, int64_t number, float *rows, int64_t count);

/* What edit `number` of the program does from now on; at first the program's own. Its arrays
 * outlive the calls. Operands are finite numbers, rows that a map names are there: nobody looks. */
TW_API TwStatus tw_session_set_edit(TwSession *session, int64_t number, const TwEdit *edit);

TW_API int64_t tw_session_position(const TwSession *session);
TW_API int tw_session_threads(const TwSession *session);

/* The fewest that calls have gone on with, where that is less than their team has. Where other
 * programs want the processors, threads wait for those that have none, and fewer are faster: calls
 * then have fewer for a while, and give the same results. Threads of the caller always run all. */
TW_API int tw_session_fewest_threads(const TwSession *session);

/* Forget everything from `position` on (0: the whole sequence). TW_FORGOTTEN: layers that see
 * through a window have given up what a token at that position sees; nothing changes.
 * program->chunk of the latest tokens can always be taken back, and any number while the sequence
 * has not been longer than these caches, which are a chunk longer than their windows. */
TW_API TwStatus tw_session_rollback(TwSession *session, int64_t position);
TW_API void tw_session_reset(TwSession *session);

/* ---- several sequences in one session ----
 * Each has its own position, keys, values, buffers of taps and edits. All other calls are of the
 * sequence that is chosen, which is 0 at first: step, prefill, decode, set_tap, set_edit, position,
 * rollback, reset. Logits are those of the last call, whichever sequences it took further, and stay
 * until the next.
 */

TW_API TwStatus tw_session_choose(TwSession *session, int64_t sequence);

typedef struct TwSegment {
    int64_t sequence;
    int64_t count; /* of its next tokens, at least 1 */
    int64_t rows;  /* of logits, of the last of them; 0: 1 */
} TwSegment;

/* One call for segments[segment_count], each of another sequence: tokens[] are those of the first
 * segment, then of the second, ..., program->chunk at most. Prompts and single tokens may stand
 * side by side. Rows of logits lie in the same order. A sequence gets the bits that it gets alone.
 * Weights are read once for all segments where the program has code for batches; else they are
 * taken one after the other. A call that fails has changed nothing. */
TW_API TwStatus tw_session_step_batch(TwSession *session, const TwSegment *segments,
                                      int64_t segment_count, const int32_t *tokens);

/* The same of a program that begins at a point in the middle of its model: values has for each token
 * a row of TwProgram.start_columns floats. Such a program takes no tokens, and no other takes these.
 */
TW_API TwStatus tw_session_step_values(TwSession *session, const TwSegment *segments,
                                       int64_t segment_count, const float *values);

/* Sequence `to` forgets what it has, and becomes the first `position` tokens of `from`, whose keys
 * and values are copied. TW_FORGOTTEN: as for tw_session_rollback(). */
TW_API TwStatus tw_session_fork(TwSession *session, int64_t from, int64_t to, int64_t position);

/* ---- what an object file exports ---- */

/* A model with its weights: the calls of an object's own header are these, with its module. */
typedef struct TwModel TwModel;

enum { TW_MODEL_BYTES = 192 }; /* as written headers say */

/* Maps the packed weights that were written with the object, and reads all of them for their
 * checksum; path null: those inside of the object. TW_BAD_CPU: the object has no code that this
 * processor can run. The module outlives the model. */
TW_API TwStatus tw_model_open(const TwModule *module, const char *path, TwModel **out);

/* The same from memory that outlives the model, TW_WEIGHTS_ALIGNMENT: a whole packed weight file,
 * or null for the weights inside of the object. The model is made in `memory`, which has
 * TW_MODEL_BYTES and is aligned as for malloc, or where that is null by malloc. */
TW_API TwStatus tw_model_open_memory(const TwModule *module, const void *weights, uint64_t bytes,
                                     void *memory, TwModel **out);
TW_API void tw_model_close(TwModel *model); /* after all its sessions */
TW_API const TwProgram *tw_model_program(const TwModel *model);

/* tw_session_create() and tw_session_bytes() for a model. */
TW_API TwStatus tw_model_session(TwModel *model, const TwSessionOptions *options, TwSession **out);
TW_API size_t tw_model_session_bytes(const TwModel *model, const TwSessionOptions *options);

/* ---- sampling ---- */

typedef struct TwLogitBias {
    int32_t token;
    float bias; /* added to its logit; -infinity: it is never drawn */
} TwLogitBias;

/* All zero: greedy, the lowest token of the highest logit. Of what is left by each of top_k, top_p
 * and min_p, at the temperature, a token is drawn. Written headers have a copy of it: fields are
 * added at its end. */
typedef struct TwSamplerOptions {
    size_t struct_bytes;     /* sizeof(TwSamplerOptions); 0: as long as in its first version */
    float temperature;       /* divides the logits; 0: greedy */
    float top_p;             /* the likeliest tokens that together reach it; 0 or 1: all */
    int64_t top_k;           /* so many of the likeliest; 0: all */
    uint64_t seed;           /* of the draws */
    float min_p;             /* tokens of at least so much of the likeliest's probability; 0: all */
    float repeat_penalty;    /* of an accepted token a logit above 0 is divided by it, another is
                              * multiplied by it; 0 or 1: none */
    float frequency_penalty; /* is subtracted for each time that a token was accepted */
    float presence_penalty;  /* is subtracted once from an accepted token's logit */
    int64_t repeat_window;   /* so many of the last accepted tokens count for these; 0: all */
    const TwLogitBias *biases; /* [bias_count], copied; added before the penalties */
    int64_t bias_count;
    void *memory;        /* for all that the sampler needs; null: taken from malloc */
    size_t memory_bytes; /* at least tw_sampler_bytes() */
} TwSamplerOptions;

typedef struct TwSampler TwSampler;

/* Takes all memory a draw needs. Draws from the same seed and logits are the same on any machine.
 */
TW_API TwStatus tw_sampler_create_from(const TwSamplerOptions *options, int64_t vocab,
                                       TwSampler **out);
TW_API void tw_sampler_destroy(TwSampler *sampler);

/* What a sampler with these options needs as `memory`; 0: it cannot be. */
TW_API size_t tw_sampler_bytes(const TwSamplerOptions *options, int64_t vocab);

/* Tells the sampler tokens, of the prompt and those drawn, for its penalties. Drawing does not. */
TW_API TwStatus tw_sampler_accept(TwSampler *sampler, const int32_t *tokens, int64_t count);

/* The next token, from `vocab` logits. A logit that is no number never wins; -1, which is no token:
 * none of them is a number, or an argument is null. */
TW_API int32_t tw_sampler_draw(TwSampler *sampler, const float *logits);

/* tw_sampler_create_from() and tw_sampler_bytes() for a model. */
TW_API TwStatus tw_model_sampler(const TwModel *model, const TwSamplerOptions *options,
                                 TwSampler **out);
TW_API size_t tw_model_sampler_bytes(const TwModel *model, const TwSamplerOptions *options);

/* A sampler without the later options. */
typedef struct TwSampling {
    float temperature; /* 0: greedy */
    int64_t top_k;     /* 0: all */
    float top_p;       /* 1: all, 0: the likeliest alone */
    uint64_t seed;
} TwSampling;

TW_API TwStatus tw_sampler_create(const TwSampling *sampling, int64_t vocab, TwSampler **out);

/* The natural logarithm of a token's probability, as the model gives it: softmax of the row at the
 * temperature 1. NaN: it has none. */
TW_API double tw_logprob(const float *logits, int64_t vocab, int32_t token);

typedef struct TwLogprob {
    int32_t token;
    double logprob;
} TwLogprob;

/* The `most` likeliest tokens of a row, the best first, of equals the lowest; returns how many
 * there are. Takes time in proportion to vocab + most * most. */
TW_API int64_t tw_top_logprobs(const float *logits, int64_t vocab, int64_t most, TwLogprob *out);

#ifdef __cplusplus
}
#endif

#endif
