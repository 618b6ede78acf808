/* engine.h - what a model runs on: its compiled code, or the interpreter that says what it means.
 */
#ifndef FRONTEND_ENGINE_H
#define FRONTEND_ENGINE_H

#include "frontend/compiler/thalweg.h"

typedef struct Engine Engine;

typedef struct EngineOptions {
    bool is_interpreted;
    bool has_all_logits; /* calls may ask for logits of all their tokens, */
    int64_t logit_rows;  /* or of so many; 0: of one */
} EngineOptions;

/* For a model that was read; the Thalweg outlives the engine. Null: *status says why, TW_OK if the
 * Thalweg has diagnostics of it. */
Engine *engine_create(Thalweg *thalweg, const EngineOptions *options, TwStatus *status);
void engine_destroy(Engine *engine);

/* Most tokens of a call. */
int64_t engine_chunk(const Engine *engine);
int64_t engine_position(const Engine *engine);
int engine_threads(const Engine *engine);
int engine_fewest_threads(const Engine *engine); /* of any call until then */

/* One call: tokens[count] come next, 1 <= count <= chunk, and the last `rows` of them get theirs;
 * of a model that pools there is one. False: *status as above. */
bool engine_step(Engine *engine, const int32_t *tokens, int64_t count, int64_t rows,
                 TwStatus *status);

/* The same of a model that begins at a point of its stream: values[count][start_columns]. */
bool engine_step_values(Engine *engine, const float *values, int64_t count, int64_t rows,
                        TwStatus *status);

/* What tap `number` keeps goes to rows[count][columns] from now on, of the caller's: row p is that
 * of position p. Null rows: it is not wanted. False: *status as above. */
bool engine_set_tap(Engine *engine, int64_t number, float *rows, int64_t count, int64_t columns,
                    TwStatus *status);

/* Edits at some positions act at those of a sequence with that prompt from now on. False: *status as
 * above. */
bool engine_place_edits(Engine *engine, ThalwegPrompt prompt, TwStatus *status);

/* Forgets the tokens from a position on. False: it cannot, and nothing has changed. */
bool engine_rollback(Engine *engine, int64_t position);

/* Begins another sequence. */
void engine_reset(Engine *engine);

/* Row `row` of the last call, 0 <= row < rows: the model's outputs, valid until the next. */
const float *engine_logits(const Engine *engine, int64_t row);

#endif
