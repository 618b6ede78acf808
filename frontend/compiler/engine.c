#include "frontend/compiler/engine.h"

#include <stdlib.h>

/* The interpreter's rows of logits are in double precision, of which a few are enough at a time. */
enum { INTERPRETED_CHUNK = 32 };

/* A tap of the interpreter, which computes in double precision. */
typedef struct EngineTap {
    int64_t number;
    double *exact;
    float *rows;
    int64_t count, columns;
    struct EngineTap *next;
} EngineTap;

struct Engine {
    Thalweg *thalweg;
    TwSession *session; /* null: interpreted */
    int64_t outputs, chunk, position;
    double *exact; /* of the interpreter: [chunk, outputs] */
    float *logits;
    EngineTap *taps;
};

static bool open_session(Engine *engine, const EngineOptions *options, TwStatus *status) {
    const TwProgram *program = thalweg_program(engine->thalweg);
    const TwWeights *weights = program ? thalweg_weights(engine->thalweg) : NULL;
    if (!weights) return false;
    engine->chunk = program->chunk;
    TwSessionOptions session = thalweg_session_options(engine->thalweg);
    const int64_t rows = options->logit_rows ? options->logit_rows : 1;
    session.logit_rows = options->has_all_logits || rows > program->chunk ? program->chunk : rows;
    *status = tw_session_create(program, weights, &session, &engine->session);
    return *status == TW_OK;
}

static bool open_interpreter(Engine *engine, TwStatus *status) {
    const ThalwegModel model = thalweg_model(engine->thalweg);
    const bool is_whole = model.takes_whole_sequences || model.context < INTERPRETED_CHUNK;
    engine->chunk = is_whole ? model.context : INTERPRETED_CHUNK;
    const size_t chunk = (size_t)engine->chunk, outputs = (size_t)model.outputs;
    if (outputs <= SIZE_MAX / sizeof(double) / chunk) {
        engine->exact = calloc(chunk * outputs, sizeof *engine->exact);
        engine->logits = calloc(chunk * outputs, sizeof *engine->logits);
    }
    if (engine->exact && engine->logits) return true;
    *status = TW_NO_MEMORY;
    return false;
}

Engine *engine_create(Thalweg *thalweg, const EngineOptions *options, TwStatus *status) {
    *status = TW_NO_MEMORY;
    Engine *engine = calloc(1, sizeof *engine);
    if (!engine) return NULL;
    *status = TW_OK;
    engine->thalweg = thalweg;
    engine->outputs = thalweg_model(thalweg).outputs;
    if (options->is_interpreted ? open_interpreter(engine, status)
                                : open_session(engine, options, status))
        return engine;
    engine_destroy(engine);
    return NULL;
}

static void remove_tap(EngineTap **at) {
    EngineTap *tap = *at;
    *at = tap->next;
    free(tap->exact);
    free(tap);
}

void engine_destroy(Engine *engine) {
    if (!engine) return;
    tw_session_destroy(engine->session);
    while (engine->taps) remove_tap(&engine->taps);
    free(engine->exact);
    free(engine->logits);
    free(engine);
}

int64_t engine_chunk(const Engine *engine) {
    return engine->chunk;
}

int64_t engine_position(const Engine *engine) {
    return engine->position;
}

int engine_threads(const Engine *engine) {
    return engine->session ? tw_session_threads(engine->session) : 1;
}

int engine_fewest_threads(const Engine *engine) {
    return engine->session ? tw_session_fewest_threads(engine->session) : 1;
}

static bool set_interpreted_tap(Engine *engine, const EngineTap *made, TwStatus *status) {
    EngineTap **at = &engine->taps;
    while (*at && (*at)->number != made->number) at = &(*at)->next;
    if (*at) remove_tap(at);
    if (!made->rows) return thalweg_set_interpreted_tap(engine->thalweg, made->number, NULL, 0);
    EngineTap *tap = malloc(sizeof *tap);
    *status = TW_NO_MEMORY;
    if (!tap) return false;
    *tap = *made;
    tap->next = engine->taps;
    engine->taps = tap;
    if ((size_t)tap->columns <= SIZE_MAX / sizeof(double) / (size_t)(tap->count + 1))
        tap->exact = calloc((size_t)(tap->count * tap->columns), sizeof(double));
    if (!tap->exact) return false;
    *status = TW_OK;
    return thalweg_set_interpreted_tap(engine->thalweg, tap->number, tap->exact, tap->count);
}

bool engine_set_tap(Engine *engine, int64_t number, float *rows, int64_t count, int64_t columns,
                    TwStatus *status) {
    if (!engine->session)
        return set_interpreted_tap(engine, &(EngineTap){number, NULL, rows, count, columns, NULL},
                                   status);
    *status = tw_session_set_tap(engine->session, number, rows, count);
    return *status == TW_OK;
}

bool engine_place_edits(Engine *engine, ThalwegPrompt prompt, TwStatus *status) {
    int64_t count;
    const ThalwegEdit *edit = thalweg_edits(engine->thalweg, &count);
    *status = TW_OK;
    for (int64_t i = 0; edit && i < count; i++) {
        TwEdit placed;
        if (!edit[i].has_positions) continue;
        if (!thalweg_edit_at_first(engine->thalweg, i, prompt, &placed)) return false;
        if (!engine->session && !thalweg_set_interpreted_edit(engine->thalweg, i, &placed))
            return false;
        if (engine->session) *status = tw_session_set_edit(engine->session, i, &placed);
        if (*status != TW_OK) return false;
    }
    return edit;
}

static void round_taps(const Engine *engine, int64_t count) {
    for (const EngineTap *tap = engine->taps; tap; tap = tap->next) {
        const int64_t from = engine->position * tap->columns;
        for (int64_t i = from; i < from + count * tap->columns; i++)
            tap->rows[i] = (float)tap->exact[i];
    }
}

/* What a call has given: it had `count` tokens or rows, and wanted `rows`. */
static void end_step(Engine *engine, int64_t count, int64_t rows) {
    round_taps(engine, count);
    engine->position += count;
    for (int64_t i = 0; !engine->session && i < rows * engine->outputs; i++)
        engine->logits[i] = (float)engine->exact[i];
}

bool engine_step(Engine *engine, const int32_t *tokens, int64_t count, int64_t rows,
                 TwStatus *status) {
    *status = TW_OK;
    if (engine->session) *status = tw_session_step(engine->session, tokens, count, rows);
    if (*status != TW_OK) return false;
    if (!engine->session &&
        !thalweg_interpret(engine->thalweg, tokens, count, engine->position, rows, engine->exact))
        return false;
    end_step(engine, count, rows);
    return true;
}

static bool interpret_values(Engine *engine, const float *values, int64_t count, int64_t rows,
                             TwStatus *status) {
    const int64_t columns = thalweg_model(engine->thalweg).start_columns;
    double *exact = calloc((size_t)(count * columns) + 1, sizeof *exact);
    if (!exact) *status = TW_NO_MEMORY;
    for (int64_t i = 0; exact && i < count * columns; i++) exact[i] = (double)values[i];
    const bool is_done = exact && thalweg_interpret_values(engine->thalweg, exact, count,
                                                           engine->position, rows, engine->exact);
    free(exact);
    return is_done;
}

bool engine_step_values(Engine *engine, const float *values, int64_t count, int64_t rows,
                        TwStatus *status) {
    const TwSegment segment = {.count = count, .rows = rows};
    *status = TW_OK;
    if (engine->session) *status = tw_session_step_values(engine->session, &segment, 1, values);
    if (*status != TW_OK) return false;
    if (!engine->session && !interpret_values(engine, values, count, rows, status)) return false;
    end_step(engine, count, rows);
    return true;
}

bool engine_rollback(Engine *engine, int64_t position) {
    if (engine->session && tw_session_rollback(engine->session, position) != TW_OK) return false;
    engine->position = position;
    return true;
}

void engine_reset(Engine *engine) {
    if (engine->session) tw_session_reset(engine->session);
    engine->position = 0;
}

const float *engine_logits(const Engine *engine, int64_t row) {
    if (engine->session) return tw_session_logits(engine->session, row);
    return engine->logits + row * engine->outputs;
}
